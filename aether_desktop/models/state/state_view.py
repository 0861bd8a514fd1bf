"""What the state panel shows: the state at a version, what led to it, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aether_desktop.models.state.snapshot_states import SnapshotBlame
from aether_engine.errors import ReducerError
from aether_engine.replay import Blame, Change


@dataclass(frozen=True, slots=True, eq=False)
class StateView:
    """The state of an actor at a version. The states are shared: nobody may change them.

    `changes` lead from `before`, the state at `previous_version`, to `state`; that is the version before, or
    another one to compare with (0: before the first event). `start_version` is the snapshot that replay began
    with, 0 for the first event, and `start_differs` whether that snapshot is not what the events come to;
    `events_applied` counts those behind it. `left_out` counts the quarantined events up to here.
    """

    actor_id: str
    version: int
    previous_version: int
    state: Any
    before: Any
    changes: Sequence[Change]
    events_applied: int
    start_version: int = 0
    start_differs: bool = False
    left_out: int = 0
    #: Who set the values of `state` and of `before`; None while that is not known.
    blame: Blame | SnapshotBlame | None = None
    blame_before: Blame | SnapshotBlame | None = None


@dataclass(frozen=True, slots=True)
class HeldState:
    """A state that is not folded unasked: its version, and the bytes of the events that lead to it."""

    version: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class BrokenState:
    """A version without a state: the reducer fails at `error.version`, which is that one or an earlier one."""

    version: int
    error: ReducerError
