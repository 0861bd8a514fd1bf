"""`open_engine`: from a URL to an engine that owns the stores, the bus and the tails of one place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from aether_engine.bus import EventBus
from aether_engine.engine_tail import EngineTail as EngineTail
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import NamespaceInfo, StoreWarning, SubscriptionFilter
from aether_engine.patterns import (
    check_namespace,
    check_namespace_pattern,
    match_namespace_pattern,
)
from aether_engine.store.log_feed import LogFeeds
from aether_engine.store.memory.backend import MemoryBackend
from aether_engine.store.memory.store import MEMORY_URL
from aether_engine.store.protocols import Backend, Linked, LinkStatus, Store
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.write_gate import AskBeforeWriting
from aether_engine.urls import sqlite_path as sqlite_path
from aether_engine.urls import sqlite_url as sqlite_url

if TYPE_CHECKING:
    from aether_engine.query import EventFilter


class Engine:
    """One open place of storage. Made by `open_engine`; an async context manager that closes itself."""

    def __init__(self, url: str, *, read_only: bool, bus: EventBus, backend: Backend) -> None:
        self._url = url
        self._read_only = read_only
        self._bus = bus
        self._backend = backend
        self._stores: dict[str, Store] = {}
        self._tails: set[EngineTail] = set()
        self._feeds = LogFeeds()
        self._ending: list[EngineTail] = []
        self._closing: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the storage is, without login: of a file always as `sqlite:` URL."""
        return self._url

    @property
    def read_only(self) -> bool:
        """Whether this engine cannot write."""
        return self._read_only

    @property
    def bus(self) -> EventBus:
        """Hears of every event that the stores of this engine store."""
        return self._bus

    @property
    def warnings(self) -> list[StoreWarning]:
        """Settings, found so far, that endanger what a store promises."""
        return list(self._backend.warnings)

    @property
    def link(self) -> LinkStatus | None:
        """The connection to servers and its state; None where there are no servers."""
        return self._backend.link if isinstance(self._backend, Linked) else None

    async def foreign_streams(self) -> list[str]:
        """Names of streams on the same server that are other programs': never read, never written.

        Raises `StoreUnavailableError`.
        """
        self._check_open()
        return await self._backend.foreign_streams() if isinstance(self._backend, Linked) else []

    def ask_before_writing(self, ask: AskBeforeWriting | None) -> None:
        """Have `ask` awaited with the namespace before each write of any store; what it raises refuses the write.

        None asks nobody any more. It is asked behind the checks of the event itself and of `read_only`, before
        anything is compared or stored, and once for a batch or a bulk load.
        """
        self._backend.gate.ask = ask

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing is not None

    async def namespaces(self) -> list[NamespaceInfo]:
        """Existing namespaces by name; one exists from its first save on. Raises `StoreUnavailableError`."""
        self._check_open()
        return await self._backend.namespaces()

    def change_count(self) -> int:
        """A number that rises with every write that was noticed, also those of other processes."""
        return self._backend.change_count()

    async def wait_for_change(self, count: int) -> None:
        """Return once `change_count()` exceeds `count`, or when the engine closes."""
        await self._backend.wait_for_change(count)

    async def store(self, namespace: str) -> Store:
        """The store of `namespace`, the same object each time; nothing is made before its first save.

        Raises `NamespaceNameError`, `NamespaceCollisionError` where another namespace has its stream, and
        `StoreUnavailableError`.
        """
        check_namespace(namespace)
        self._check_open()
        store = self._stores.get(namespace)
        if store is not None:
            return store
        store = await self._backend.store(namespace)
        if namespace not in self._stores:
            self._stores[namespace] = store
            # Before anybody can save through it, so that no tail misses its first event.
            for tail in self._tails:
                tail.adopt(namespace, store)
        return self._stores[namespace]

    def tail(
        self,
        namespace_pattern: str,
        filter: SubscriptionFilter | None = None,  # noqa: A002 (the contract's name)
        *,
        event_filter: EventFilter | None = None,
        after_sequence: int | None = None,
    ) -> EngineTail:
        """Follow the logs of all matching namespaces without a gap, in order within each of them.

        `after_sequence=None` delivers what is stored after this call, a number what lies behind it in each
        namespace; a namespace born later joins with its first event. Delivered is what passes `filter` as well as
        `event_filter`, and every gap. Raises `NamespaceNameError`, `InvalidFilterError` and, once the engine was
        closed, `StoreUnavailableError`.
        """
        check_namespace_pattern(namespace_pattern)
        if event_filter is not None:
            event_filter.check()
        self._check_open()
        tail = EngineTail(
            self._backend,
            self.store,
            namespace_pattern,
            filter,
            event_filter,
            after_sequence,
            {
                name: store
                for name, store in self._stores.items()
                if match_namespace_pattern(namespace_pattern, name)
            },
            self._feeds,
            self._tails.discard,
            self._let_go,
        )
        self._tails.add(tail)
        return tail

    async def close(self) -> None:
        """End every tail and subscription, finish accepted writes and let go of the storage. Idempotent."""
        if self._closing is None:
            for tail in list(self._tails):
                self._ending.append(tail)
                tail.end()
            self._closing = asyncio.create_task(self._close(), name="aether-engine-close")
        # Whoever is cancelled while closing does not leave a half-closed engine.
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _close(self) -> None:
        try:
            for tail in self._ending:
                await tail.aclose()
            await self._feeds.close()
        finally:
            try:
                await self._backend.close()
            finally:
                await self._bus.close()

    def _let_go(self, namespace: str) -> None:
        """A tail gave up a namespace that vanished: thousands of stores that nobody uses would be a burden."""
        if not any(tail.follows(namespace) for tail in self._tails) and isinstance(self._backend, Linked):
            self._stores.pop(namespace, None)
            self._backend.let_go(namespace)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise StoreUnavailableError(self._url, "the engine was closed")


class EngineOpening:
    """What `open_engine` returns: await it for the engine, or enter it to have the engine closed at the end."""

    def __init__(self, opening: Callable[[], Awaitable[Engine]]) -> None:
        self._opening = opening
        self._engine: Engine | None = None

    def __await__(self) -> Generator[object, None, Engine]:
        return self._opening().__await__()

    async def __aenter__(self) -> Engine:
        self._engine = await self._opening()
        return self._engine

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            await self._engine.close()


def open_engine(url: str, *, read_only: bool = False, **options: object) -> EngineOpening:
    """Open a place of storage by its URL.

    That is `memory://`, `sqlite:///relative.aether`, `sqlite:////absolute.aether`, the plain path of a file, or
    servers: `nats://host:4222` and `tls://host:4222`, several with commas between them.

    Use it as `engine = await open_engine(url)` or `async with open_engine(url) as engine`. Opening makes
    nothing: a file comes to exist by its first save. With `read_only` the engine cannot write by construction,
    and there must be something to read.

    Raises `StoreUnavailableError` for what cannot be opened, `CorruptStoreError` and `UnsupportedFormatError` for
    a file that is damaged, of a newer format or none of ours, and `TypeError` for an option the kind of storage
    does not have.
    """

    async def opening() -> Engine:
        full_url = url if "://" in url else sqlite_url(Path(url))
        name = full_url.partition("://")[0].lower()
        scheme = _SCHEMES.get(name)
        if scheme is None:
            known = ", ".join(f"{other}://" for other in _SCHEMES)
            raise StoreUnavailableError(
                _without_login(full_url), f"there is no kind of storage called {name}://; known are {known}"
            )
        unknown = sorted(options.keys() - scheme.options)
        if unknown:
            raise TypeError(
                f"open_engine() has no option {', '.join(map(repr, unknown))} for {name}://; "
                f"known are: {', '.join(sorted(scheme.options)) or 'none'}"
            )
        backend, bus = await scheme.open(full_url, read_only, options)
        return Engine(_without_login(full_url), read_only=read_only, bus=bus, backend=backend)

    return EngineOpening(opening)


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How URLs of one scheme are opened, and with which options."""

    open: Callable[[str, bool, Mapping[str, object]], Awaitable[tuple[Backend, EventBus]]]
    options: frozenset[str] = frozenset()


async def _open_memory(url: str, read_only: bool, options: Mapping[str, object]) -> tuple[Backend, EventBus]:
    if url.partition("://")[2]:
        raise StoreUnavailableError(url, f"what is kept in memory has no address; write {MEMORY_URL}")
    bus = EventBus()
    return MemoryBackend(url=url, read_only=read_only, publish=bus.publish_stored), bus


async def _open_sqlite(url: str, read_only: bool, options: Mapping[str, object]) -> tuple[Backend, EventBus]:
    bus = EventBus()
    backend = await SQLiteBackend.open(
        sqlite_path(url),
        url=url,
        read_only=read_only,
        publish=bus.publish_stored,
        synchronous=str(options.get("synchronous", "FULL")),
    )
    return backend, bus


async def _open_nats(url: str, read_only: bool, options: Mapping[str, object]) -> tuple[Backend, EventBus]:
    from aether_engine.nats_bus import NATSEventBus
    from aether_engine.store.jetstream.backend import JetStreamBackend
    from aether_engine.store.jetstream.options import LinkOptions

    backend = await JetStreamBackend.open(LinkOptions.from_url(url, options), read_only=read_only)
    bus = NATSEventBus(backend.link, read_only=read_only)
    backend.publish = bus.publish_stored
    backend.before_close(bus.flush)
    return backend, bus


# Options of a connection, documented at `LinkOptions`; here so that nats is loaded by whoever needs it only.
_NATS_OPTIONS: Final = frozenset(
    {
        "user",
        "password",
        "token",
        "credentials",
        "nkey_seed_file",
        "tls_ca",
        "tls_cert",
        "tls_key",
        "connect_timeout",
        "request_timeout",
        "replicas",
        "layout",
    }
)

_SCHEMES: Final[dict[str, _Scheme]] = {
    "memory": _Scheme(_open_memory),
    "sqlite": _Scheme(_open_sqlite, frozenset({"synchronous"})),
    "nats": _Scheme(_open_nats, _NATS_OPTIONS),
    "tls": _Scheme(_open_nats, _NATS_OPTIONS),
}


def _without_login(url: str) -> str:
    """`url` as it may stand in a message: without the user and password it can carry."""
    scheme, _, address = url.partition("://")
    host, slash, rest = address.partition("/")
    return f"{scheme}://{','.join(part.rpartition('@')[2] for part in host.split(','))}{slash}{rest}"
