"""Copying events from one store into another, byte for byte: memory, file and server alike."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from aether_engine.closing import closing
from aether_engine.errors import AetherError, TransferError
from aether_engine.event import Event, ReplayError
from aether_engine.query import EventFilter
from aether_engine.store.protocols import (
    MAX_BATCH,
    BulkWriter,
    EventLog,
    SnapshotLog,
    SnapshotStore,
    StoredSnapshot,
)
from aether_engine.transfer.ndjson_import import ImportTarget
from aether_engine.transfer.progress import Progress, TransferProgress
from aether_engine.transfer.selection import Selection

_ACTORS_AT_ONCE = 1000


@dataclass(slots=True)
class CopyResult:
    """What a copy stored, `bytes` of it in events; corrupted events and snapshots cannot be stored again."""

    events: int = 0
    bytes: int = 0
    snapshots: int = 0
    skipped: list[ReplayError] = field(default_factory=list)
    skipped_snapshots: list[StoredSnapshot] = field(default_factory=list)


async def copy_events(
    source: EventLog,
    target: ImportTarget,
    *,
    actor_id: str | None = None,
    event_filter: EventFilter | None = None,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    snapshots: bool = False,
    progress: Progress | None = None,
) -> CopyResult:
    """Store events of one store in another: the same bytes, in the same order, with sequences of their own.

    All of them or none where the target can do that (`BulkWriter`); else in batches, and an error says how many
    were stored. What the target refuses is refused as for every other saver: an actor that is already as far there
    is a `VersionConflictError`, an id that it holds a `DuplicateEventError`. Corrupted events are left out and
    listed. With `snapshots` those of the copied actors follow their events. Cancelling stores nothing.
    """
    selection = Selection(actor_id, event_filter, from_sequence, to_sequence)
    selection.check()
    result = CopyResult()
    actors: set[str] = set()

    def show(done: float | None) -> None:
        if progress is not None:
            progress(TransferProgress(result.events, result.bytes, done))

    async def sound() -> AsyncGenerator[list[Event], None]:
        async with aclosing(selection.batches(source, show)) as batches:
            async for batch in batches:
                events = [stored.event for stored in batch if stored.event is not None]
                result.skipped += [stored.error for stored in batch if stored.error is not None]
                result.events += len(events)
                result.bytes += sum(len(event.to_json()) for event in events)
                if snapshots:
                    actors.update(event.actor_id for event in events)
                for start in range(0, len(events), MAX_BATCH):
                    yield events[start : start + MAX_BATCH]

    async with aclosing(sound()) as batches:
        if isinstance(target, BulkWriter):
            await target.save_all(batches)
        else:
            await _save_in_batches(target, batches)
    if snapshots and isinstance(source, SnapshotLog) and isinstance(target, SnapshotStore):
        await _copy_snapshots(source, target, actors, result)
    return result


async def _save_in_batches(target: ImportTarget, batches: AsyncGenerator[list[Event], None]) -> None:
    stored = 0
    async for batch in batches:
        try:
            stored += len(await target.save_events(batch))
        except AetherError as error:
            if not stored:
                raise
            reason = f"{stored:,} events were stored, then one was refused: {str(error).rstrip('.')}"
            raise TransferError(f"The copy into {target.namespace}", reason) from error


async def _copy_snapshots(
    source: SnapshotLog, target: SnapshotStore, actors: set[str], result: CopyResult
) -> None:
    async with closing(source.read_snapshots()) as reading:
        async for batch in reading:
            for stored in batch:
                if stored.actor_id not in actors:
                    continue
                if stored.snapshot is None:
                    result.skipped_snapshots.append(stored)
                else:
                    await target.save_snapshot(stored.snapshot)
                    result.snapshots += 1
