"""The embedded store: one file, any number of processes, every acknowledged event durable.

Each store has one writer thread (`writer`) and a few reader threads (`reader`); nothing of SQLite
runs on the event loop. The file is described in `docs/file-format.md`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from aether_engine import codec
from aether_engine.errors import InvalidEventError
from aether_engine.event import (
    ActorInfo,
    ActorOrder,
    ActorSnapshot,
    Event,
    ReplayResult,
    StoredEvent,
)
from aether_engine.moments import TimeCount
from aether_engine.store.protocols import (
    MAX_BATCH,
    Sieve,
    Sifted,
    StoredSnapshot,
    TraceAnswer,
    TraceKey,
)
from aether_engine.store.sqlite.batches import Batches, Shielded
from aether_engine.store.sqlite.cursors import LogCursor, PlaceCursor, PointCursor, StreamCursor
from aether_engine.store.sqlite.directory import ActorRange
from aether_engine.store.sqlite.id_search import find_ids
from aether_engine.store.sqlite.link_search import find_traced
from aether_engine.store.sqlite.saved import encode_all, encode_checked
from aether_engine.store.sqlite.snapshots import BEFORE_ALL
from aether_engine.store.tailing import LogTail

if TYPE_CHECKING:
    from aether_engine.store.sqlite.backend import SQLiteBackend


class SQLiteEventStore:
    """The store of one namespace in an event file; see `aether_engine.store.protocols` for what it promises."""

    def __init__(self, backend: SQLiteBackend, namespace: str) -> None:
        self._backend = backend
        self._namespace = namespace

    @property
    def namespace(self) -> str:
        """See `EventStore.namespace`."""
        return self._namespace

    async def save_event(self, event: Event) -> int:
        """See `EventStore.save_event`."""
        raw = encode_checked(event)
        writer = await self._backend.may_write(self._namespace)
        sequences = await writer.save(self._namespace, (event,), (raw,), len(raw))
        return sequences[0]

    async def save_events(self, events: Sequence[Event]) -> list[int]:
        """See `EventLog.save_events`."""
        batch = tuple(events)
        if len(batch) > MAX_BATCH:
            raise InvalidEventError(
                "", f"{len(batch):,} events came in one batch; {MAX_BATCH:,} are allowed", kind="batch"
            )
        raws, size = encode_all(batch)
        writer = await self._backend.may_write(self._namespace)
        if not batch:
            return []
        return await writer.save(self._namespace, batch, raws, size)

    async def save_all(
        self, batches: AsyncIterable[Sequence[Event]], *, progress: Callable[[int], None] | None = None
    ) -> int:
        """See `BulkWriter.save_all`."""
        return await self._backend.save_all(self._namespace, batches, progress)

    async def get_latest_version(self, actor_id: str) -> int:
        """See `EventStore.get_latest_version`."""
        return await self._backend.run(lambda: self._backend.directory.latest_version(self._namespace, actor_id))

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """See `EventStore.get_events`."""
        return (await self.get_events_with_errors(actor_id, from_version)).events

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """See `EventStoreWithErrors.get_events_with_errors`."""
        return await ReplayResult.of(self.read_actor(actor_id, from_version=from_version))

    async def last_sequence(self) -> int:
        """See `EventLog.last_sequence`."""
        return await self._backend.run(self._look_up_last_sequence)

    def read(
        self, *, from_sequence: int = 1, to_sequence: int | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.read`."""
        cursor = LogCursor(self._backend.reader, self._namespace, from_sequence, to_sequence, max(batch_size, 1))
        return Batches(cursor, self._backend.run)

    def read_actor(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.read_actor`."""
        cursor = StreamCursor(self._backend.reader, self._namespace, actor_id, from_version, max(batch_size, 1))
        return Batches(cursor, self._backend.run)

    async def sequence_of(self, event_id: str) -> int | None:
        """See `FindsIds.sequence_of`."""
        return await self._backend.run(lambda: self._backend.reader.sequence_of(self._namespace, event_id))

    def read_sequences(
        self, sequences: Sequence[int], *, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `SequenceReader.read_sequences`."""
        cursor = PointCursor(self._backend.reader, self._namespace, sequences, max(batch_size, 1))
        return Batches(cursor, self._backend.run)

    async def event_types(self, *, limit: int | None = None, beginning: str = "", holding: str = "") -> list[str]:
        """See `TypeIndex.event_types`."""
        directory = self._backend.directory
        return await self._backend.run_while_wanted(
            lambda given_up: directory.event_types(limit, beginning, holding, given_up)
        )

    async def find_ids(self, ids: Collection[str]) -> list[int] | None:
        """See `IdIndex.find_ids`."""
        return await self._backend.run(lambda: find_ids(self._backend.reader, self._namespace, ids))

    async def find_traced(self, wanted: Sequence[tuple[TraceKey, str]], *, near: int, limit: int) -> TraceAnswer:
        """See `TraceIndexed.find_traced`. What the index lacks it gets in pauses, if it may be written."""
        backend = self._backend
        answer, is_behind = await backend.run(
            lambda: find_traced(backend.reader, self._namespace, wanted, near, max(limit, 1))
        )
        # Where writes are confirmed one by one, nothing is written that nobody asked for.
        if is_behind and backend.writer is not None and backend.gate.ask is None:
            backend.writer.want_links()
        return answer

    def scan(self, sieve: Sieve, *, from_sequence: int, to_sequence: int) -> AsyncGenerator[Sifted, None]:
        """See `Scannable.scan`."""
        self._backend.check_open()
        return self._backend.scanner.scan(self._namespace, sieve, from_sequence, to_sequence)

    async def prepare_scan(self, sieve: Sieve) -> None:
        """See `PreparesScans.prepare_scan`."""
        count = await self.last_sequence()
        self._backend.check_open()
        self._backend.scanner.prepare(sieve, count)

    def places(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 10_000
    ) -> AsyncIterator[list[tuple[int, int]]]:
        """See `StreamIndex.places`."""
        cursor = PlaceCursor(self._backend.reader, self._namespace, actor_id, from_version, max(batch_size, 1))
        return Batches(cursor, self._backend.run)

    async def actors(
        self,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int = 1000,
        pattern: str = "",
        order: ActorOrder = ActorOrder.NAME,
        descending: bool = False,
        offset: int = 0,
    ) -> list[ActorInfo]:
        """See `ActorDirectory.actors`."""
        wanted, directory = ActorRange(prefix, after, pattern, order, descending), self._backend.directory
        return await self._backend.run_while_wanted(
            lambda given_up: list(directory.actors(self._namespace, wanted, limit, offset, given_up))
        )

    def begin_actors(
        self, *, prefix: str, pattern: str, order: ActorOrder, descending: bool, limit: int
    ) -> asyncio.Future[Sequence[ActorInfo]]:
        """See `PromptDirectory.begin_actors`."""
        wanted, directory = ActorRange(prefix, None, pattern, order, descending), self._backend.directory
        return self._backend.run_while_wanted(
            lambda given_up: directory.actors(self._namespace, wanted, limit, 0, given_up)
        )

    async def actor_count(self, *, prefix: str = "", pattern: str = "") -> int:
        """See `ActorDirectory.actor_count`."""
        wanted, directory = ActorRange(prefix, pattern=pattern), self._backend.directory
        return await self._backend.run_while_wanted(
            lambda given_up: directory.actor_count(self._namespace, wanted, given_up)
        )

    async def actor_counts(
        self, *, prefix: str = "", after: str | None = None, pattern: str = ""
    ) -> AsyncGenerator[list[tuple[str, int]], None]:
        """See `CountsActors.actor_counts`."""
        backend, last = self._backend, after
        while True:
            wanted = ActorRange(prefix, last, pattern)
            part = await backend.run(partial(backend.directory.actor_counts, self._namespace, wanted))
            if not part:
                break
            yield part
            last = part[-1][0]

    async def count_by_time(self, first: int, last: int, width: int) -> list[TimeCount]:
        """See `CountsByTime.count_by_time`."""
        return await self._backend.run(lambda: self._backend.times.counts(self._namespace, first, last, width))

    async def sample_times(self, sequences: Sequence[int], width: int) -> list[TimeCount]:
        """See `CountsByTime.sample_times`."""
        return await self._backend.run(lambda: self._backend.times.sample(self._namespace, sequences, width))

    def tail(self, *, after_sequence: int | None = None) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.tail`."""
        backend = self._backend
        backend.check_open()
        if after_sequence is not None:
            return LogTail(self, backend.changes, max(after_sequence, 0))
        # Looked up in the writer's queue: behind every save accepted so far, before every one to come.
        run = backend.run if backend.writer is None else backend.writer.run
        return LogTail(self, backend.changes, Shielded(run(self._look_up_last_sequence)))

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """See `SnapshotStore.save_snapshot`."""
        raw = codec.encode_snapshot(snapshot)
        writer = await self._backend.may_write(self._namespace)
        await writer.save_snapshot(self._namespace, snapshot, raw)

    async def get_latest_snapshot(self, actor_id: str) -> ActorSnapshot | None:
        """See `SnapshotStore.get_latest_snapshot`."""
        found = await self._backend.run(
            lambda: self._backend.reader.snapshots(self._namespace, actor_id, latest_only=True)
        )
        return found[-1] if found else None

    async def snapshots(self, actor_id: str) -> list[ActorSnapshot]:
        """See `EventLog.snapshots`."""
        return await self._backend.run(
            lambda: self._backend.reader.snapshots(self._namespace, actor_id, latest_only=False)
        )

    async def read_snapshots(
        self, *, actor_id: str | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredSnapshot]]:
        """See `SnapshotLog.read_snapshots`."""
        reader, after = self._backend.reader, BEFORE_ALL
        while page := await self._backend.run(
            partial(reader.snapshot_page, self._namespace, actor_id, after, max(batch_size, 1))
        ):
            yield page
            if not page[-1].actor_id:
                return  # what it would go on behind is not known
            after = page[-1].actor_id, page[-1].version

    def _look_up_last_sequence(self) -> int:
        return self._backend.reader.last_sequence(self._namespace)
