"""One event file: its namespaces, the threads that read and write it, and how all of that ends."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from aether_engine.errors import ReadOnlyError, StoreUnavailableError
from aether_engine.event import (
    Event,
    NamespaceInfo,
    StoreWarning,
)
from aether_engine.patterns import check_namespace
from aether_engine.store.protocols import (
    LogEnd,
    Publish,
)
from aether_engine.store.sqlite.append import Appender
from aether_engine.store.sqlite.batches import WatchedChanges
from aether_engine.store.sqlite.bulk import BulkSave
from aether_engine.store.sqlite.connections import ReadConnections
from aether_engine.store.sqlite.directory import Directory
from aether_engine.store.sqlite.file import FileState, RawFile
from aether_engine.store.sqlite.given_up import GivenUp
from aether_engine.store.sqlite.reader import Reader
from aether_engine.store.sqlite.scan import Scanner
from aether_engine.store.sqlite.sifting import Sifter
from aether_engine.store.sqlite.store import SQLiteEventStore
from aether_engine.store.sqlite.times import TimeCounter
from aether_engine.store.sqlite.writer import Writer
from aether_engine.store.write_gate import WriteGate

T = TypeVar("T")

_SYNCHRONOUS: Final = ("EXTRA", "FULL", "NORMAL", "OFF")


class SQLiteBackend:
    """One event file: its namespaces, and the threads that read and write it. Made by `open`."""

    def __init__(self, raw: RawFile, url: str, *, read_only: bool, publish: Publish, appender: Appender) -> None:
        self.url = url
        self.read_only = read_only
        self.gate = WriteGate()
        self.warnings: list[StoreWarning] = []
        self.connections = ReadConnections(raw, url, read_only=read_only)
        self.reader = Reader(self.connections, raw, url)
        self.directory = Directory(self.reader)
        self.times = TimeCounter(self.reader)
        self.scanner = Scanner(raw.path, url, partial(Sifter, self.reader), self.run)
        self.changes = WatchedChanges(self.connections.change_token, self.connections.executor)
        self.writer = None if read_only else Writer(appender, url, publish, self.changes.notify)
        self._stores: dict[str, SQLiteEventStore] = {}
        self._jobs: set[asyncio.Future[Any]] = set()
        self._loads: set[BulkSave] = set()
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        url: str,
        read_only: bool,
        publish: Publish,
        synchronous: str = "FULL",
        max_pages: int | None = None,
    ) -> SQLiteBackend:
        """Open an event file, or the place where the first save will make one.

        `synchronous` FULL survives a loss of power; NORMAL and OFF survive a killed process, and may lose the last
        commits with the power. `max_pages` bounds the size of the file. Raises `StoreUnavailableError`,
        `UnsupportedFormatError` or `CorruptStoreError`; what is refused is left as it is.
        """
        if synchronous.upper() not in _SYNCHRONOUS:
            raise StoreUnavailableError(
                url, f"synchronous is {synchronous!r}, not one of {', '.join(_SYNCHRONOUS)}"
            )
        raw = RawFile(path)
        appender = Appender(raw, url, synchronous.upper(), max_pages=max_pages)
        backend = cls(raw, url, read_only=read_only, publish=publish, appender=appender)
        try:
            await backend.run(lambda: backend._inspect(path))
        except BaseException:
            await backend.close()
            raise
        return backend

    async def namespaces(self) -> list[NamespaceInfo]:
        """Existing namespaces by name."""
        return await self.run(self.directory.namespaces)

    async def ends(self, namespace_pattern: str) -> dict[str, LogEnd]:
        """See `Backend.ends`; sequences in a file are contiguous."""
        return {info.name: LogEnd(info.event_count, info.first_recorded_at) for info in await self.namespaces()}

    async def store(self, namespace: str) -> SQLiteEventStore:
        """The store of a namespace, the same object each time. Raises `NamespaceNameError`."""
        self.check_open()
        check_namespace(namespace)
        store = self._stores.get(namespace)
        if store is None:
            store = self._stores[namespace] = SQLiteEventStore(self, namespace)
        return store

    def change_count(self) -> int:
        """A number that rises with every write that was noticed, also those of other processes."""
        return self.changes.count

    async def wait_for_change(self, count: int) -> None:
        """Return once `change_count()` exceeds `count`, or when the store closes."""
        await self.changes.wait_beyond(count)

    async def close(self) -> None:
        """Finish what was accepted, move it all into the file, end all threads. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def save_all(
        self, namespace: str, batches: AsyncIterable[Sequence[Event]], progress: Callable[[int], None] | None
    ) -> int:
        """See `BulkWriter`; a load that is under way when the store closes is given up."""
        load = BulkSave(await self.may_write(namespace), self.url, namespace)
        self._loads.add(load)
        try:
            return await load.run(batches, progress)
        finally:
            self._loads.discard(load)

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """The result of `work`, done in a reader thread."""
        self.check_open()
        job = asyncio.get_running_loop().run_in_executor(self.connections.executor, work)
        self._jobs.add(job)
        job.add_done_callback(self._finish_job)
        return job

    def run_while_wanted(self, work: Callable[[GivenUp], T]) -> asyncio.Future[T]:
        """As `run`; `work` can ask whether the future was cancelled, and end."""
        given_up = threading.Event()
        job = self.run(lambda: work(given_up.is_set))
        job.add_done_callback(lambda done: given_up.set() if done.cancelled() else None)
        return job

    def check_open(self) -> None:
        """Raise `StoreUnavailableError` after `close`."""
        if self._closing is not None:
            raise StoreUnavailableError(self.url, "it was closed")

    async def may_write(self, namespace: str) -> Writer:
        """The writer, or `ReadOnlyError`, or what refuses a write to `namespace`."""
        self.check_open()
        if self.writer is None:
            raise ReadOnlyError(self.url)
        if self.gate.ask is not None:
            await self.gate.pass_through(namespace)
            self.check_open()
        return self.writer

    def _inspect(self, path: Path) -> None:
        header = self.connections.check()
        if header.state is FileState.ABSENT:
            if self.read_only:
                raise StoreUnavailableError(
                    self.url, "there is no such file, or it is empty; it is made by the first event saved to it"
                )
            return
        if header.state is FileState.TRUNCATED:
            expected = header.page_count * header.page_size
            self.warnings.append(
                StoreWarning(
                    "",
                    "size",
                    f"{self.url} is cut off: {path.stat().st_size:,} of {expected:,} bytes are left. "
                    "What is left can be read; the rest is reported as lost.",
                )
            )
        if not self.read_only and not os.access(path, os.W_OK):
            raise StoreUnavailableError(self.url, "the file may not be written; open it read-only to look at it")

    def _finish_job(self, job: asyncio.Future[Any]) -> None:
        self._jobs.discard(job)
        if not job.cancelled():
            job.exception()  # An abandoned read hears no error.

    async def _close(self) -> None:
        loop = asyncio.get_running_loop()
        for load in self._loads:
            load.abort()
        await self.changes.stop()
        await self.scanner.close(StoreUnavailableError(self.url, "it was closed"))
        while self._jobs:
            await asyncio.wait(self._jobs)
        executor = self.connections.executor
        # Readers first: the last connection of all clears the write-ahead log away, and only a writer can.
        if self.writer is not None:
            drained = self.writer.run(lambda: None)
            await asyncio.wait({drained})
        await loop.run_in_executor(executor, self.connections.close)
        if self.writer is not None:
            await self.writer.close()
        self.connections.release()
        executor.shutdown(wait=True)
