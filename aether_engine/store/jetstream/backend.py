"""The namespaces of one JetStream: found from the list of streams, watched for change, handed out as stores."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self
from weakref import WeakValueDictionary

from aether_engine.errors import NotPermittedError, StoreUnavailableError
from aether_engine.event import NamespaceInfo, StoreWarning
from aether_engine.patterns import is_wildcard_pattern
from aether_engine.store.jetstream.api import Api, StreamInfo
from aether_engine.store.jetstream.frames import Frame
from aether_engine.store.jetstream.link import Link, SharedSubscription
from aether_engine.store.jetstream.options import LinkOptions
from aether_engine.store.jetstream.publish import Publisher
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.jetstream.store import JetStreamEventStore
from aether_engine.store.protocols import LogEnd, Publish
from aether_engine.store.tailing import Changes
from aether_engine.store.write_gate import WriteGate

_log = logging.getLogger(__name__)

# How often other processes' writes are looked for, while anybody waits for a change.
_LOOK_SECONDS: Final = 1.0
# Own saves are told of at most this often.
_TELL_SECONDS: Final = 0.1
# Namespaces asked about at once.
_AT_ONCE: Final = 32
# Up to this many events are read for their sizes; of more the size is an estimate from the first ones.
_COUNTED: Final = 2000
_SAMPLE: Final = 200
_ADVISORIES: Final = "$JS.EVENT.ADVISORY.STREAM.*.>"


@dataclass(slots=True)
class _Size:
    """The raw bytes of a stream's first events, up to a sequence."""

    created: str
    last_sequence: int = 0
    events: int = 0
    size_bytes: int = 0


class JetStreamBackend:
    """One account of one cluster, over one connection."""

    def __init__(self, link: Link, *, read_only: bool) -> None:
        self.link = link
        self._api = Api(link)
        self._layout = link.options.layout
        # A read-only backend has nothing that could write, so that no check can be forgotten.
        self._publisher = None if read_only else Publisher(link)
        self.publish: Publish | None = None
        self.gate = WriteGate()
        self._changes = Changes()
        # By namespace; and those whose streams vanished, as long as somebody has them.
        self._stores: dict[str, JetStreamEventStore] = {}
        self._vanished: WeakValueDictionary[str, JetStreamEventStore] = WeakValueDictionary()
        # Their namespaces by stream: names that sanitise alike share one, which refuses all of them but the first.
        self._sharing: dict[str, set[str]] = {}
        self._warnings: dict[tuple[str, str], StoreWarning] = {}
        self._infos: dict[str, tuple[StreamInfo, NamespaceInfo]] = {}
        self._sizes: dict[str, _Size] = {}
        self._seen: dict[str, tuple[str, int]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._waiters = 0
        self._telling: asyncio.TimerHandle | None = None
        self._advisories: SharedSubscription | None = None
        self._before_close: list[Callable[[], Awaitable[None]]] = []
        self._closed = False

    @classmethod
    async def open(cls, options: LinkOptions, *, read_only: bool) -> Self:
        """Connect; raises `StoreUnavailableError` within `connect_timeout`, also without JetStream there."""
        link = Link(options)
        await link.open()
        backend = cls(link, read_only=read_only)
        try:
            try:
                await backend._api.check_enabled()
            except NotPermittedError:
                _log.info("%s: this user may not ask about the account; going on without", link.url)
            backend._advisories = await link.subscribe(_ADVISORIES, backend._heard_of_streams)
        except BaseException:
            await link.close()
            raise
        link.on_change(backend._link_changed)
        return backend

    def before_close(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have `work` done while the connection is still there."""
        self._before_close.append(work)

    @property
    def warnings(self) -> list[StoreWarning]:
        return list(self._warnings.values())

    async def namespaces(self) -> list[NamespaceInfo]:
        """Existing namespaces by name. The size of a large one is an estimate from its first events."""
        streams = await self._streams()
        mine = [(name, info) for info in streams if (name := self._layout.namespace(info.config)) is not None]
        found: list[NamespaceInfo] = []
        for start in range(0, len(mine), _AT_ONCE):
            part = mine[start : start + _AT_ONCE]
            found += await asyncio.gather(*(self._describe(name, info) for name, info in part))
        names = {info.name for info in streams}
        for name in self._infos.keys() - names:
            del self._infos[name]
            self._sizes.pop(name, None)
        for name in self._sharing.keys() - names:
            for namespace in list(self._sharing[name]):
                if namespace not in self._stores and namespace not in self._vanished:
                    self._forget(name, namespace)
        return sorted(found, key=lambda info: info.name)

    async def ends(self, namespace_pattern: str) -> dict[str, LogEnd]:
        """See `Backend.ends`."""
        if is_wildcard_pattern(namespace_pattern):
            infos = await self._streams()
        else:
            info = await self._api.stream_info(self._layout.stream(namespace_pattern))
            infos = [] if info is None else [info]
        return {
            name: LogEnd(info.last_sequence, info.first_recorded_at, info.created)
            for info in infos
            if (name := self._layout.namespace(info.config)) is not None
        }

    async def foreign_streams(self) -> list[str]:
        """Names of the streams that are other programs': never read, never written."""
        return sorted(info.name for info in await self._streams() if self._layout.namespace(info.config) is None)

    async def store(self, namespace: str) -> JetStreamEventStore:
        store = self._stores.get(namespace)
        if store is None and (store := self._vanished.pop(namespace, None)) is not None:
            self._stores[namespace] = store
        if store is None:
            store = JetStreamEventStore(
                namespace,
                self._api,
                publisher=self._publisher,
                publish=self._publish,
                warn=self._warn,
                on_change=self._saved,
                gate=self.gate,
            )
            await store.look()
            store = self._stores.setdefault(namespace, store)
            self._sharing.setdefault(self._layout.stream(namespace), set()).add(namespace)
        return store

    def let_go(self, namespace: str) -> None:
        """See `Linked.let_go`. Whoever still has the store, and saves with it, is heard as before."""
        store = self._stores.pop(namespace, None)
        if store is not None:
            self._vanished[namespace] = store
        for key in [key for key in self._warnings if key[0] == namespace]:
            del self._warnings[key]

    def change_count(self) -> int:
        return self._changes.count

    async def wait_for_change(self, count: int) -> None:
        self._waiters += 1
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch(), name="aether-jetstream-watch")
        try:
            await self._changes.wait_beyond(count)
        finally:
            self._waiters -= 1

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        stores = self._all_stores()
        for store in stores:
            store.wake_tails()
        await asyncio.gather(*(store.close() for store in stores))
        for work in self._before_close:
            try:
                await work()
            except StoreUnavailableError as error:
                _log.info("%s: while closing: %s", self.link.url, error.reason)
        if self._telling is not None:
            self._telling.cancel()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self.link.close()
        for store in stores:
            store.wake_tails()
        self._changes.close()

    def _forget(self, stream: str, namespace: str) -> None:
        """Nobody has the store of a namespace that vanished any more."""
        self._sharing[stream].discard(namespace)
        if not self._sharing[stream]:
            del self._sharing[stream]

    def _all_stores(self) -> list[JetStreamEventStore]:
        return [*self._stores.values(), *self._vanished.values()]

    def _publish(self, namespace: str, stored: Sequence[tuple[int, object]]) -> None:
        if self.publish is not None:
            self.publish(namespace, stored)  # type: ignore[arg-type]  # the writer hands over events

    # --- Noticing -----------------------------------------------------------------------------------------

    def _warn(self, warnings: Sequence[StoreWarning]) -> None:
        new = [each for each in warnings if self._warnings.get((each.namespace, each.setting)) != each]
        for warning in new:
            _log.warning("%s", warning.message)
            self._warnings[warning.namespace, warning.setting] = warning
        if new:
            # Whoever heard of the change itself may have looked before the stream's settings were known.
            self._saved(born=False)

    def _saved(self, born: bool) -> None:
        if born:
            self._tell_now()
        elif self._telling is None and not self._closed:
            self._telling = asyncio.get_running_loop().call_later(_TELL_SECONDS, self._tell_now)

    def _tell_now(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._changes.notify()

    def _link_changed(self, link: Link) -> None:
        if link.is_up:
            # While nobody listened, streams may have been replaced, or have lost their ends with a server.
            for store in self._all_stores():
                store.look_again()
        self._tell_now()

    def _heard_of_streams(self, frames: list[Frame]) -> None:
        """Streams were created, changed or deleted, by whomever."""
        for stream in {subject.rpartition(b".")[2].decode() for subject, _, _, _ in frames}:
            for namespace in list(self._sharing.get(stream, ())):
                store = self._stores.get(namespace) or self._vanished.get(namespace)
                if store is not None:
                    store.look_again()
                else:
                    self._forget(stream, namespace)
        self._tell_now()

    async def _watch(self) -> None:
        """While anybody waits, look for what other processes have written."""
        while self._waiters and not self._closed:
            try:
                infos = await self._streams()
            except StoreUnavailableError as error:
                _log.debug("%s: %s", self.link.url, error.reason)
            else:
                seen = {info.name: (info.created, info.last_sequence) for info in infos}
                if seen != self._seen:
                    self._seen = seen
                    self._changes.notify()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _streams(self) -> list[StreamInfo]:
        try:
            return await self._api.streams()
        except NotPermittedError as error:
            raise StoreUnavailableError(
                self.link.url, "the user may not list streams ($JS.API.STREAM.LIST)"
            ) from error

    # --- Describing ---------------------------------------------------------------------------------------

    async def _describe(self, namespace: str, info: StreamInfo) -> NamespaceInfo:
        known = self._infos.get(info.name)
        if known is not None and (known[0].created, known[0].last_sequence, known[0].messages) == (
            info.created,
            info.last_sequence,
            info.messages,
        ):
            return known[1]
        snapshots = 0
        if info.messages:
            filtered = await self._api.stream_info(info.name, subjects=self._layout.all_snapshots(info.name))
            if filtered is not None:
                info = filtered
                snapshots = sum(filtered.subjects.values())
        first, last = info.first_recorded_at, info.last_recorded_at
        events = info.messages - snapshots
        if snapshots:
            all_events = self._layout.all_events(info.name)
            first_message = await self._api.message_from(info.name, all_events, 1)
            last_message = await self._api.last_message(info.name, all_events)
            first = None if first_message is None else first_message.recorded_at
            last = None if last_message is None else last_message.recorded_at
        size = await self._size(info, events)
        described = NamespaceInfo(namespace, events, size, first, last)
        self._infos[info.name] = (info, described)
        return described

    async def _size(self, info: StreamInfo, events: int) -> int:
        """The raw bytes of a stream's events: counted if few, else reckoned from the first ones."""
        size = self._sizes.get(info.name)
        if size is None or size.created != info.created:
            size = self._sizes[info.name] = _Size(info.created)
        if not events:
            return 0
        reader = StreamReader(self._api, self._layout, info)
        few = events <= _COUNTED
        if few or not size.events:
            end = info.last_sequence if few else info.first_sequence + _SAMPLE
            async for rows in reader.stretch(max(size.last_sequence + 1, info.first_sequence), end):
                size.events += len(rows)
                size.size_bytes += sum(len(row.raw) for row in rows)
                size.last_sequence = rows[-1].sequence
        if size.events == events:
            return size.size_bytes
        return min(size.size_bytes * events // size.events if size.events else info.size_bytes, info.size_bytes)
