"""The store without a disk: for tests, demos and trying things on. One process, one event loop.

It keeps the bytes it was given and decodes them on every read, so that nobody who holds a returned event can
change what is stored.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from aether_engine.codec import decode_event, decode_snapshot, encode_event, encode_snapshot
from aether_engine.errors import (
    DuplicateEventError,
    InvalidEventError,
    ReadOnlyError,
    StoreUnavailableError,
    VersionConflictError,
)
from aether_engine.event import (
    ActorInfo,
    ActorOrder,
    ActorSnapshot,
    Event,
    NamespaceInfo,
    ReplayResult,
    StoredEvent,
)
from aether_engine.patterns import check_namespace
from aether_engine.store.listing import first_of, least, matching, span
from aether_engine.store.memory.records import ActorStream, Pending, Record, StoredRange
from aether_engine.store.protocols import MAX_BATCH, Publish, StoredSnapshot
from aether_engine.store.tailing import Changes, LogTail
from aether_engine.store.write_gate import WriteGate

MEMORY_URL: Final = "memory://"
# A saver in a loop would otherwise never let anybody else run: nothing here waits for anything.
_SAVES_PER_TURN: Final = 64
_DECODED_PER_TURN: Final = 200
# New actors are merged into the sorted list one by one up to this many, all at once beyond.
_INSERT_SINGLY: Final = 32


class InMemoryEventStore:
    """One namespace, kept in memory for as long as the object lives. Implements every protocol of a store."""

    def __init__(
        self,
        namespace: str = "default",
        *,
        publish: Publish | None = None,
        url: str = MEMORY_URL,
        read_only: bool = False,
        on_change: Callable[[], None] | None = None,
        gate: WriteGate | None = None,
    ) -> None:
        self._namespace = check_namespace(namespace)
        self._gate = gate or WriteGate()
        self._publish = publish
        self._url = url
        self._read_only = read_only
        self._on_change = on_change
        self._changes = Changes()
        # A bulk load keeps other writers out until it is stored or dropped; readers go on.
        self._writing = asyncio.Lock()
        self._saves = 0
        self._records: list[Record] = []
        self._actors: dict[str, ActorStream] = {}
        self._ids: dict[str, int] = {}
        self._size_bytes = 0
        self._sorted_actors: list[str] = []
        self._new_actors: list[str] = []
        self._snapshots: dict[str, dict[int, bytes]] = {}

    @property
    def namespace(self) -> str:
        """See `EventStore.namespace`."""
        return self._namespace

    async def save_event(self, event: Event) -> int:
        """See `EventStore.save_event`."""
        return (await self.save_events((event,)))[0]

    async def save_events(self, events: Sequence[Event]) -> list[int]:
        """See `EventLog.save_events`."""
        _check_count(events)
        checked = [_checked(event) for event in events]
        await self._may_write()
        self._saves += 1
        if self._saves % _SAVES_PER_TURN == 0:
            await asyncio.sleep(0)
        async with self._writing:
            self._check_open()
            pending = Pending()
            for event in checked:
                self._admit(pending, event)
            first = self._commit(pending, checked)
        return list(range(first, first + len(checked)))

    async def save_all(
        self, batches: AsyncIterable[Sequence[Event]], *, progress: Callable[[int], None] | None = None
    ) -> int:
        """See `BulkWriter.save_all`."""
        await self._may_write()
        async with self._writing:
            pending = Pending()
            async for batch in batches:
                for start in range(0, len(batch), MAX_BATCH):
                    for event in batch[start : start + MAX_BATCH]:
                        self._admit(pending, _checked(event))
                    await asyncio.sleep(0)
                if progress is not None:
                    progress(len(pending.records))
            self._check_open()
            self._commit(pending, None)
        return len(pending.records)

    async def get_latest_version(self, actor_id: str) -> int:
        """See `EventStore.get_latest_version`."""
        self._check_open()
        actor = self._actors.get(actor_id)
        return 0 if actor is None else actor.latest()

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """See `EventStore.get_events`."""
        return (await self.get_events_with_errors(actor_id, from_version)).events

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """See `EventStoreWithErrors.get_events_with_errors`."""
        return await ReplayResult.of(self.read_actor(actor_id, from_version=from_version))

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """See `SnapshotStore.save_snapshot`."""
        raw = encode_snapshot(snapshot)
        if snapshot._raw is None:
            decode_snapshot(raw)
        await self._may_write()
        async with self._writing:
            self._check_open()
            self._snapshots.setdefault(snapshot.actor_id, {})[snapshot.version] = raw

    async def get_latest_snapshot(self, actor_id: str) -> ActorSnapshot | None:
        """See `SnapshotStore.get_latest_snapshot`."""
        self._check_open()
        by_version = self._snapshots.get(actor_id)
        return decode_snapshot(by_version[max(by_version)]) if by_version else None

    async def snapshots(self, actor_id: str) -> list[ActorSnapshot]:
        """See `EventLog.snapshots`."""
        self._check_open()
        by_version = self._snapshots.get(actor_id, {})
        return [decode_snapshot(by_version[version]) for version in sorted(by_version)]

    async def read_snapshots(
        self, *, actor_id: str | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredSnapshot]]:
        """See `SnapshotLog.read_snapshots`."""
        self._check_open()
        actors = self._snapshots if actor_id is None else {actor_id: self._snapshots.get(actor_id, {})}
        found = [
            (name, version, raw)
            for name, by_version in sorted(actors.items())
            for version, raw in sorted(by_version.items())
        ]
        for start in range(0, len(found), max(batch_size, 1)):
            self._check_open()
            yield [
                StoredSnapshot(name, version, raw, decode_snapshot(raw), None)
                for name, version, raw in found[start : start + max(batch_size, 1)]
            ]
            await asyncio.sleep(0)

    async def last_sequence(self) -> int:
        """See `EventLog.last_sequence`."""
        self._check_open()
        return len(self._records)

    async def read(
        self, *, from_sequence: int = 1, to_sequence: int | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.read`."""
        self._check_open()
        end = len(self._records)
        if to_sequence is not None:
            end = min(end, to_sequence)
        first = max(from_sequence, 1)
        while first <= end:
            last = min(first + max(batch_size, 1) - 1, end)
            yield await self._batch(range(first, last + 1))
            first = last + 1

    async def sequence_of(self, event_id: str) -> int | None:
        """See `FindsIds.sequence_of`."""
        self._check_open()
        return self._ids.get(event_id)

    async def read_sequences(
        self, sequences: Sequence[int], *, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `SequenceReader.read_sequences`."""
        self._check_open()
        there = [sequence for sequence in sequences if 1 <= sequence <= len(self._records)]
        size = max(batch_size, 1)
        for start in range(0, len(there), size):
            yield await self._batch(there[start : start + size])

    async def places(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 10_000
    ) -> AsyncIterator[list[tuple[int, int]]]:
        """See `StreamIndex.places`."""
        self._check_open()
        actor = self._actors.get(actor_id)
        if actor is None:
            return
        size, end = max(batch_size, 1), len(actor.versions)
        for start in range(bisect_left(actor.versions, from_version), end, size):
            part = slice(start, min(start + size, end))
            yield list(zip(actor.versions[part], actor.sequences[part], strict=True))
            await asyncio.sleep(0)

    async def read_actor(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.read_actor`."""
        self._check_open()
        actor = self._actors.get(actor_id)
        if actor is None:
            return
        position = bisect_left(actor.versions, from_version)
        end = len(actor.versions)
        while position < end:
            behind = min(position + max(batch_size, 1), end)
            yield await self._batch(actor.sequences[position:behind])
            position = behind

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
        self._check_open()
        names, by_name = self._actors_in_order(), order is ActorOrder.NAME
        places = span(names, prefix, after, backwards=descending and by_name)
        if by_name and not pattern:
            chosen = [names[place] for place in places[offset : offset + limit]]
        elif by_name:
            chosen = await first_of(matching(names, places, pattern), offset, limit)
        else:
            actors, sign = self._actors, -1 if descending else 1

            def key(name: str) -> int:
                actor = actors[name]
                return sign * (len(actor.versions) if order is ActorOrder.EVENTS else actor.sequences[-1])

            chosen = await least(matching(names, places, pattern), key, offset, limit)
        self._check_open()
        return [self._actor_info(name) for name in chosen]

    async def actor_count(self, *, prefix: str = "", pattern: str = "") -> int:
        """See `ActorDirectory.actor_count`."""
        self._check_open()
        names = self._actors_in_order()
        places = span(names, prefix, None, backwards=False)
        if not pattern:
            return len(places)
        return sum([len(part) async for part in matching(names, places, pattern)])

    async def actor_counts(
        self, *, prefix: str = "", after: str | None = None, pattern: str = ""
    ) -> AsyncGenerator[list[tuple[str, int]], None]:
        """See `CountsActors.actor_counts`."""
        self._check_open()
        names = self._actors_in_order()
        async for part in matching(names, span(names, prefix, after, backwards=False), pattern):
            self._check_open()
            if part:
                yield [(name, len(self._actors[name].versions)) for name in part]

    def tail(self, *, after_sequence: int | None = None) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.tail`."""
        start = len(self._records) if after_sequence is None else max(after_sequence, 0)
        return LogTail(self, self._changes, start)

    def info(self) -> NamespaceInfo | None:
        """This namespace at a glance; None while nothing was saved in it, for then it does not exist."""
        if not self._records and not self._snapshots:
            return None
        first = self._records[0][0] if self._records else None
        last = self._records[-1][0] if self._records else None
        return NamespaceInfo(self._namespace, len(self._records), self._size_bytes, first, last)

    def close(self) -> None:
        """End the tails and refuse further use."""
        self._changes.close()

    def _check_open(self) -> None:
        if self._changes.closed:
            raise StoreUnavailableError(self._url, "the engine was closed")

    async def _may_write(self) -> None:
        if self._read_only:
            raise ReadOnlyError(self._url)
        await self._gate.pass_through(self._namespace)
        self._check_open()

    def _admit(self, pending: Pending, event: Event) -> None:
        """Check `event` against what is stored and what is pending, and add it to the latter."""
        stored = self._actors.get(event.actor_id)
        current = 0 if stored is None else stored.latest()
        if event.version <= current:
            holder = self._event_at(event.actor_id, event.version)
            raise VersionConflictError(
                event.actor_id,
                event.version,
                current,
                stored=holder,
                is_duplicate=holder is not None and holder.id == event.id,
            )
        added = pending.actors.get(event.actor_id)
        if added is not None and event.version <= added.latest():
            raise VersionConflictError(event.actor_id, event.version, added.latest(), in_batch=True)
        taken = self._ids.get(event.id)
        if taken is not None:
            raise DuplicateEventError(event.id, taken)
        taken = pending.ids.get(event.id)
        if taken is not None:
            raise DuplicateEventError(event.id, taken, in_batch=True)
        raw = encode_event(event)
        pending.records.append((datetime.now(UTC), raw))
        pending.size_bytes += len(raw)
        sequence = len(self._records) + len(pending.records)
        pending.ids[event.id] = sequence
        if added is None:
            added = pending.actors[event.actor_id] = ActorStream()
        added.versions.append(event.version)
        added.sequences.append(sequence)
        added.last_event_type = event.event_type

    def _commit(self, pending: Pending, events: Sequence[Event] | None) -> int:
        """Store what is pending; returns its first sequence. No await: nobody sees a part of it.

        `events` are the pending ones where the caller still has them.
        """
        first = len(self._records) + 1
        if not pending.records:
            return first
        self._records.extend(pending.records)
        self._ids.update(pending.ids)
        self._size_bytes += pending.size_bytes
        for actor_id, added in pending.actors.items():
            actor = self._actors.get(actor_id)
            if actor is None:
                self._actors[actor_id] = added
                self._new_actors.append(actor_id)
            else:
                actor.versions += added.versions
                actor.sequences += added.sequences
                actor.last_event_type = added.last_event_type
        self._changes.notify()
        if self._on_change is not None:
            self._on_change()
        if self._publish is not None:
            stored = StoredRange(first, pending.records) if events is None else list(enumerate(events, first))
            self._publish(self._namespace, stored)
        return first

    async def _batch(self, sequences: Sequence[int]) -> list[StoredEvent]:
        """The events at `sequences`, decoded a few at a time so that others get their turns."""
        batch: list[StoredEvent] = []
        decode = decode_event
        for start in range(0, len(sequences), _DECODED_PER_TURN):
            part = sequences[start : start + _DECODED_PER_TURN]
            records = [self._records[sequence - 1] for sequence in part]
            batch += [
                StoredEvent(sequence, recorded_at, raw, decode(raw), None)
                for sequence, (recorded_at, raw) in zip(part, records, strict=True)
            ]
            await asyncio.sleep(0)
            self._check_open()
        return batch

    def _event_at(self, actor_id: str, version: int) -> Event | None:
        actor = self._actors.get(actor_id)
        if actor is None:
            return None
        position = bisect_left(actor.versions, version)
        if position == len(actor.versions) or actor.versions[position] != version:
            return None
        return decode_event(self._records[actor.sequences[position] - 1][1])

    def _actor_info(self, actor_id: str) -> ActorInfo:
        actor = self._actors[actor_id]
        last_recorded_at = self._records[actor.sequences[-1] - 1][0]
        return ActorInfo(actor_id, len(actor.versions), actor.latest(), actor.last_event_type, last_recorded_at)

    def _actors_in_order(self) -> list[str]:
        if len(self._new_actors) <= _INSERT_SINGLY:
            for actor_id in self._new_actors:
                insort(self._sorted_actors, actor_id)
        else:
            self._sorted_actors += self._new_actors
            self._sorted_actors.sort()
        self._new_actors.clear()
        return self._sorted_actors


def _check_count(events: Sequence[Event]) -> None:
    if len(events) > MAX_BATCH:
        raise InvalidEventError(
            "", f"{len(events):,} events came in one batch; {MAX_BATCH:,} are allowed", kind="batch"
        )


def _checked(event: Event) -> Event:
    """`event` as it will be read back; raises `InvalidEventError` for what could not be."""
    return event if event._raw is not None else decode_event(encode_event(event))
