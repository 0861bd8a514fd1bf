"""Looking at one version of an actor: its state, what it is compared with, and who set what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aether_desktop.models.state.snapshot_states import SnapshotBlame, SnapshotEntry, SnapshotStarts
from aether_desktop.models.state.state_view import StateView
from aether_engine.errors import ReducerError
from aether_engine.event import StoredEvent
from aether_engine.replay import Blame, Reducer, StateHistory, diff


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked for: a version, and the one to compare it with (None: the version before)."""

    version: int
    base: int | None = None


def look(
    history: StateHistory, starts: SnapshotStarts, actor_id: str, asked: Look, *, blamed: int = 0
) -> StateView:
    """What there is at a version; `blamed` is up to which position blame is quick. Raises `ReducerError`."""
    position = history.position_of(asked.version)
    if asked.base is None:
        previous = history.versions[position - 2] if position > 1 else 0
    else:
        base = history.position_of(asked.base)
        previous = history.versions[base - 1] if base else 0
    started, before = starts.state_at(asked.version), starts.state_at(previous)
    quarantine = history.quarantine.versions
    view = StateView(
        actor_id,
        asked.version,
        previous,
        started.state,
        before.state,
        diff(before.state, started.state),
        started.events,
        start_version=started.entry.version if started.entry is not None else 0,
        start_differs=started.entry is not None and started.entry.is_trouble,
        left_out=sum(version <= asked.version for version in quarantine),
    )
    return with_blame(view, starts) if position <= blamed and history.position_of(previous) <= blamed else view


def with_blame(view: StateView, starts: SnapshotStarts) -> StateView:
    """`view` with who set what."""
    return replace(view, blame=starts.blame_at(view.version), blame_before=starts.blame_at(view.previous_version))


def origin(blame: Blame | SnapshotBlame | None, path: tuple[str | int, ...]) -> tuple[int, int]:
    """The versions that last changed and last wrote the value at `path`, 0 while that is not known."""
    if blame is None:
        return 0, 0
    found = blame.origin(path)
    return found.changed, found.written


def look_from(
    entry: SnapshotEntry,
    events: Sequence[StoredEvent],
    actor_id: str,
    reducer: Reducer,
    version: int | None,
) -> StateView | None:
    """What a snapshot and the events behind it come to, None if the reducer fails. For a thread."""
    history = StateHistory(events, reducer=reducer, snapshot=entry.snapshot)
    asked = history.latest_version if version is None else version
    position = history.position_of(asked)
    shown = history.versions[position - 1] if position else entry.version
    previous = history.versions[position - 2] if position > 1 else entry.version
    try:
        before, state = history.state_at(previous), history.state_at(shown)
    except ReducerError:
        return None
    return StateView(
        actor_id,
        shown,
        previous if position else 0,
        state,
        before,
        diff(before, state),
        position,
        start_version=entry.version,
    )
