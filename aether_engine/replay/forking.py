"""A stream to try things on: copied, byte for byte, to where nothing of it can do harm."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from aether_engine.event import Event
from aether_engine.replay.replaying import ReplayableStore
from aether_engine.replay.stream import ActorStream, Trouble
from aether_engine.store.memory.store import InMemoryEventStore
from aether_engine.store.protocols import MAX_BATCH, BulkWriter, Store

#: The namespace of a fork that is made without a place to put it.
SCRATCH: Final = "scratch"


@dataclass(frozen=True, slots=True)
class Fork:
    """What was copied: `events` of the actor up to `version`, and `snapshots`. `left_out` could not be copied."""

    store: Store
    actor_id: str
    version: int
    events: int
    snapshots: int
    left_out: tuple[Trouble, ...]


async def fork_actor(
    source: ReplayableStore,
    actor_id: str,
    *,
    to_version: int | None = None,
    target: Store | None = None,
    snapshots: bool = True,
) -> Fork:
    """Copy an actor's stream up to `to_version` (None = all) into `target`, by default a new store in memory.

    Events keep their bytes, ids and versions, so that what is appended to the fork could be appended to the
    original; their sequences are new. Damaged events, and those out of order, cannot be saved again and are named.
    Of the readable snapshots those up to the last version are copied too. The source is only read. Raises what
    `save_events` does if `target` has events of the actor; a `BulkWriter` then has nothing of the fork.
    """
    store: Store = InMemoryEventStore(SCRATCH) if target is None else target
    stream = ActorStream()
    async with aclosing(_batches(source, actor_id, to_version, stream)) as batches:
        if isinstance(store, BulkWriter):
            await store.save_all(batches)
        else:
            async for batch in batches:
                await store.save_events(batch)
    copied = 0
    if snapshots:
        for snapshot in await source.snapshots(actor_id):
            if snapshot.version <= (stream.latest_version if to_version is None else to_version):
                await store.save_snapshot(snapshot)
                copied += 1
    return Fork(store, actor_id, stream.latest_version, len(stream), copied, tuple(stream.troubles))


async def _batches(
    source: ReplayableStore, actor_id: str, to_version: int | None, stream: ActorStream
) -> AsyncGenerator[Sequence[Event], None]:
    async for batch in source.read_actor(actor_id, batch_size=MAX_BATCH):
        is_over = False
        for place, stored in enumerate(batch):
            if to_version is not None and stored.event is not None and stored.event.version > to_version:
                batch, is_over = batch[:place], True
                break
        events = [stored.event for stored in stream.extend(batch) if stored.event is not None]
        if events:
            yield events
        if is_over:
            return
