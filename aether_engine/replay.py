"""From events to state: reducers, replay, moving along an actor's versions, and what two states differ in.

States are JSON values and are never changed in place: a new state shares with the old one whatever did not
change, so that keeping many of them is cheap and comparing them skips what is shared.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, Protocol

from aether_engine import codec
from aether_engine.errors import ReducerError
from aether_engine.event import ActorSnapshot, Event, ReplayError, StoredEvent
from aether_engine.store.protocols import EventLog, EventStore, SnapshotStore

#: Where replay begins: every reducer is given this as the state before the first event. Not to be changed.
NO_STATE: Final[dict[str, Any]] = {}
#: Events between two remembered states of a `StateTimeline`.
CHECKPOINT_EVERY: Final = 128


class Reducer(Protocol):
    """One step of replay. Must return a new state, or the old one if nothing changed, and change neither input."""

    def __call__(self, state: Any, event: Event, /) -> Any: ...


class ReplayableStore(EventStore, EventLog, SnapshotStore, Protocol):
    """What `replay` needs of a store."""


def json_merge(state: Any, event: Event, /) -> Any:
    """The event's data as a JSON merge patch (RFC 7396): objects are merged, null removes, the rest replaces."""
    return merge_patch(state, event.data)


def shallow_merge(state: Any, event: Event, /) -> Any:
    """The top-level members of the event's data replace those of the state; null is a value like any other."""
    return {**state, **event.data} if isinstance(state, dict) else dict(event.data)


def last_event(state: Any, event: Event, /) -> Any:
    """The state is the data of the last event."""
    return event.data


def by_event_type(state: Any, event: Event, /) -> Any:
    """For each event type the data of its last event."""
    return {**(state if isinstance(state, dict) else {}), event.event_type: event.data}


#: The reducers that need no code of the user's, by the name they are chosen with.
REDUCERS: Final = MappingProxyType[str, Reducer](
    {
        "json-merge": json_merge,
        "shallow-merge": shallow_merge,
        "last-event": last_event,
        "by-event-type": by_event_type,
    }
)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, for documents of any depth; what does not change is shared with `target`."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    pending: list[tuple[dict[str, Any], dict[str, Any]]] = [(result, patch)]
    while pending:
        merged, changes = pending.pop()
        for key, value in changes.items():
            if value is None:
                merged.pop(key, None)
            elif isinstance(value, dict):
                old = merged.get(key)
                child: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
                merged[key] = child
                pending.append((child, value))
            else:
                merged[key] = value
    return result


# --- Replay -----------------------------------------------------------------------------------------------


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
    `ReducerError` naming the version when the reducer raises.
    """
    latest = await store.get_latest_version(actor_id)
    last = latest if to_version is None else min(to_version, latest)
    snapshot = await _best_snapshot(store, actor_id, last) if from_snapshot else None
    state: Any = NO_STATE if snapshot is None else codec.exact_state(snapshot)
    start = version = 0 if snapshot is None else snapshot.version
    applied = 0
    errors: list[ReplayError] = []
    async for batch in store.read_actor(actor_id, from_version=start + 1):
        for stored in batch:
            if stored.event is None:
                if stored.error is not None:
                    errors.append(stored.error)
                continue
            if stored.event.version > last:
                return ReplayedState(actor_id, version, state, applied, start, errors)
            state = apply(reducer, state, stored.event)
            version = stored.event.version
            applied += 1
        await asyncio.sleep(0)
    return ReplayedState(actor_id, version, state, applied, start, errors)


def apply(reducer: Reducer, state: Any, event: Event) -> Any:
    """`reducer` applied to `event` with its numbers as stored; whatever it raises becomes a `ReducerError`."""
    try:
        return reducer(state, codec.with_exact_data(event))
    except Exception as error:
        message = str(error)
        reason = f"{type(error).__name__}: {message}" if message else type(error).__name__
        raise ReducerError(event.version, reason.rstrip(".")) from error


async def _best_snapshot(store: ReplayableStore, actor_id: str, last: int) -> ActorSnapshot | None:
    snapshot = await store.get_latest_snapshot(actor_id)
    if snapshot is None or snapshot.version <= last:
        return snapshot
    earlier = [one for one in await store.snapshots(actor_id) if one.version <= last]
    return max(earlier, key=lambda one: one.version, default=None)


class StateTimeline:
    """One actor's states, any of them cheap to get once it or a later one was asked for.

    Filled with the actor's stored events in version order, by and by if need be. It remembers a state every
    `checkpoint_every` events and the one asked for last, so that a step forward applies one event and a jump
    anywhere at most `checkpoint_every`.
    """

    def __init__(
        self,
        events: Iterable[StoredEvent] = (),
        *,
        reducer: Reducer = json_merge,
        checkpoint_every: int = CHECKPOINT_EVERY,
        leave_out: Callable[[StoredEvent], bool] | None = None,
    ) -> None:
        """`leave_out` says of which events the state is to know nothing."""
        self._reducer = reducer
        self._every = max(checkpoint_every, 1)
        self._leave_out = leave_out
        self._events: list[StoredEvent] = []
        self._versions: list[int] = []
        self._errors: list[ReplayError] = []
        # Number of events applied → state.
        self._checkpoints: list[Any] = [NO_STATE]
        self._cursor: tuple[int, Any] = (0, NO_STATE)
        self.extend(events)

    @property
    def versions(self) -> Sequence[int]:
        """The versions there is a state for, rising."""
        return self._versions

    @property
    def errors(self) -> Sequence[ReplayError]:
        """The corrupted events, which no state contains."""
        return self._errors

    @property
    def latest_version(self) -> int:
        return self._versions[-1] if self._versions else 0

    def extend(self, events: Iterable[StoredEvent]) -> None:
        """Add the events that follow, readable or not. Raises `ValueError` if a version does not rise."""
        for stored in events:
            if stored.event is None:
                if stored.error is not None:
                    self._errors.append(stored.error)
                continue
            version = stored.event.version
            if version <= self.latest_version:
                raise ValueError(f"version {version} does not follow version {self.latest_version}")
            self._versions.append(version)
            self._events.append(stored)

    def event_at(self, version: int) -> StoredEvent | None:
        """The event that led to `state_at(version)`: the last one up to `version`, None before the first."""
        position = bisect_right(self._versions, version)
        return self._events[position - 1] if position else None

    def state_at(self, version: int) -> Any:
        """The state after the last event up to `version`; before the first event there is none (`{}`).

        Raises `ReducerError`, for this and every later version, where the reducer raises.
        """
        wanted = bisect_right(self._versions, version)
        position = min(wanted // self._every, len(self._checkpoints) - 1)
        done, state = position * self._every, self._checkpoints[position]
        if done < self._cursor[0] <= wanted:
            done, state = self._cursor
        while done < wanted:
            stored = self._events[done]
            assert stored.event is not None
            if self._leave_out is None or not self._leave_out(stored):
                state = apply(self._reducer, state, stored.event)
            done += 1
            if done == len(self._checkpoints) * self._every:
                self._checkpoints.append(state)
        self._cursor = (done, state)
        return state


# --- Differences ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, of which kind, and the values (None on the side where there is none)."""

    path: tuple[str | int, ...]
    kind: Literal["added", "removed", "changed"]
    old: Any
    new: Any


def diff(old: Any, new: Any) -> list[Change]:
    """What leads from `old` to `new`, in document order: as `old` is ordered, what is added behind it.

    `1`, `1.0` and `true` are three values, and so are `1.1` and `1.10` where they were read exactly. Items of
    arrays are compared by place. A whole part that came or went is one change.
    """
    changes: list[Change] = []
    # The next step is the last item: a change that is known, or a pair that has to be looked into.
    pending: list[Change | tuple[tuple[str | int, ...], Any, Any]] = [((), old, new)]
    while pending:
        step = pending.pop()
        if isinstance(step, Change):
            changes.append(step)
            continue
        path, before, after = step
        if before is after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            steps = _member_steps(path, before, after)
        elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
            steps = _item_steps(path, before, after)
        else:
            if not _same(before, after):
                changes.append(Change(path, "changed", before, after))
            continue
        steps.reverse()
        pending += steps
    return changes


_Steps = list[Change | tuple[tuple[str | int, ...], Any, Any]]


def _member_steps(path: tuple[str | int, ...], before: dict[str, Any], after: dict[str, Any]) -> _Steps:
    steps: _Steps = []
    for key, value in before.items():
        place = (*path, key)
        steps.append((place, value, after[key]) if key in after else Change(place, "removed", value, None))
    steps += (Change((*path, key), "added", None, after[key]) for key in after if key not in before)
    return steps


def _item_steps(path: tuple[str | int, ...], before: Sequence[Any], after: Sequence[Any]) -> _Steps:
    steps: _Steps = [((*path, place), *pair) for place, pair in enumerate(zip(before, after, strict=False))]
    shared = len(steps)
    steps += (Change((*path, place), "removed", before[place], None) for place in range(shared, len(before)))
    steps += (Change((*path, place), "added", None, after[place]) for place in range(shared, len(after)))
    return steps


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        # Read exactly or not: what would be written decides.
        return repr(before) == repr(after)
    return type(before) is type(after) and bool(before == after)
