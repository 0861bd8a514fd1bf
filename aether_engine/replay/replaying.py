"""Replay: from a store to the state of an actor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aether_engine.errors import ReducerError
from aether_engine.event import ActorSnapshot, Event, ReplayError, StoredEvent
from aether_engine.replay.checkpoints import Quarantine
from aether_engine.replay.exact import exact_state
from aether_engine.replay.folding import start_fold
from aether_engine.replay.history import StateHistory
from aether_engine.replay.reducers import NO_STATE, REDUCERS, Reducer, json_merge
from aether_engine.store.protocols import EventLog, EventStore, SnapshotStore

# Bytes of events that are folded at once on the event loop: a few milliseconds. More is folded in a thread.
_AT_ONCE: Final = 1 << 19


class ReplayableStore(EventStore, EventLog, SnapshotStore, Protocol):
    """What replay needs of a store."""


@dataclass(frozen=True, slots=True)
class ReplayedState:
    """What replay came to. `version` is that of the last event in the state, 0 without any.

    `from_snapshot_version` is the snapshot it began with (0 = none); `errors` are the corrupted events behind
    it that are not in the state.
    """

    actor_id: str
    version: int
    state: Any
    events_applied: int
    from_snapshot_version: int
    errors: list[ReplayError]


async def replay(
    store: ReplayableStore,
    actor_id: str,
    *,
    reducer: Reducer = json_merge,
    to_version: int | None = None,
    from_snapshot: bool = True,
) -> ReplayedState:
    """The state of an actor after its event `to_version` (None = the last), numbers exactly as stored.

    Begins with the highest snapshot that is not ahead of what is asked for; pass `from_snapshot=False` to use
    the events alone, as a reducer that builds another kind of state than the snapshots hold must. Raises
    `ReducerError` naming the event when the reducer fails. `load_history` keeps the states on the way.
    """
    latest = await store.get_latest_version(actor_id)
    last = latest if to_version is None else min(to_version, latest)
    snapshot = await best_snapshot(store, actor_id, last) if from_snapshot else None
    start = version = 0 if snapshot is None else snapshot.version
    fold = start_fold(reducer, NO_STATE if snapshot is None else exact_state(snapshot))
    applied = 0
    errors: list[ReplayError] = []
    is_foreign = reducer not in REDUCERS.values()
    async for batch in store.read_actor(actor_id, from_version=start + 1):
        wanted = batch if to_version is None else batch[: _count_up_to(batch, to_version)]
        errors += [stored.error for stored in wanted if stored.error is not None]
        events = _rising([stored.event for stored in wanted if stored.event is not None], version)
        try:
            if is_foreign or sum([len(stored.raw) for stored in wanted]) > _AT_ONCE:
                await asyncio.to_thread(fold.feed, events)
            else:
                fold.feed(events)
        except ReducerError as error:
            places = {stored.event.version: stored.sequence for stored in wanted if stored.event is not None}
            error.located(places[error.version])
            raise
        if events:
            version = events[-1].version
            applied += len(events)
        if len(wanted) < len(batch) or version == to_version:
            break
    state = await asyncio.to_thread(fold.keep) if is_foreign else fold.keep()
    return ReplayedState(actor_id, version, state, applied, start, errors)


async def load_history(
    store: ReplayableStore,
    actor_id: str,
    *,
    reducer: Reducer = json_merge,
    to_version: int | None = None,
    from_snapshot: bool = False,
    quarantine: Quarantine | None = None,
    blame: bool = False,
    progress: Callable[[int], None] | None = None,
) -> StateHistory:
    """All states of an actor up to `to_version` (None = the last), folded; `progress` hears how many there are.

    With `from_snapshot` it begins with the best snapshot, as `replay` does, and knows no state before it. Where
    the reducer fails, `history.failure` says so, and the states before are there. With `blame` it is quick to tell
    who set a value. Cancelling ends it between two batches.
    """
    snapshot = None
    if from_snapshot:
        latest = await store.get_latest_version(actor_id)
        snapshot = await best_snapshot(store, actor_id, latest if to_version is None else min(to_version, latest))
    history = StateHistory(reducer=reducer, quarantine=quarantine, snapshot=snapshot, blame=blame)
    start = 0 if snapshot is None else snapshot.version + 1
    is_foreign = reducer not in REDUCERS.values()
    async for batch in store.read_actor(actor_id, from_version=start):
        wanted = batch if to_version is None else batch[: _count_up_to(batch, to_version)]
        history.extend(wanted)
        if is_foreign or sum(len(stored.raw) for stored in wanted) > _AT_ONCE:
            await asyncio.to_thread(history.fold)
        else:
            history.fold()
        if progress is not None:
            progress(len(history.stream))
        if len(wanted) < len(batch) or history.stream.latest_version == to_version:
            break
    return history


def _rising(events: list[Event], version: int) -> list[Event]:
    """The events whose versions rise from `version` on; as a rule all of them."""
    versions = [event.version for event in events]
    if versions == sorted(versions) and (not versions or versions[0] > version):
        return events
    rising: list[Event] = []
    for event in events:
        if event.version > version:
            version = event.version
            rising.append(event)
    return rising


async def best_snapshot(store: ReplayableStore, actor_id: str, last: int) -> ActorSnapshot | None:
    """The readable snapshot with the highest version up to `last`."""
    snapshot = await store.get_latest_snapshot(actor_id)
    if snapshot is None or snapshot.version <= last:
        return snapshot
    earlier: Sequence[ActorSnapshot] = [one for one in await store.snapshots(actor_id) if one.version <= last]
    return max(earlier, key=lambda one: one.version, default=None)


def _count_up_to(batch: Sequence[StoredEvent], version: int) -> int:
    """How many events of a stream, damaged ones included, belong to `version`."""
    for count, stored in enumerate(batch):
        if stored.event is not None and stored.event.version >= version:
            # What is damaged behind it has a higher version.
            return count + (stored.event.version == version)
    return len(batch)
