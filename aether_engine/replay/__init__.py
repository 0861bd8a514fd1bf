"""From events to states: reducers, replay, all states of an actor, what two of them differ in.

`replay` folds an actor of a store; `load_history` keeps the states on the way, so that any version is at hand.
Names are loaded when they are first used: a child process that runs a user's reducer needs few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aether_engine.late_names import late_names

if TYPE_CHECKING:
    from aether_engine.replay.bisecting import Bisection, bisect_history, turns
    from aether_engine.replay.blame import Blame, Origin
    from aether_engine.replay.checkpoints import FoldFailure, Quarantine
    from aether_engine.replay.differences import Change, Path, changes_between, diff
    from aether_engine.replay.expressions import StateExpression, parse_expression
    from aether_engine.replay.folding import Fold, apply, start_fold
    from aether_engine.replay.forking import Fork, fork_actor
    from aether_engine.replay.history import StateHistory
    from aether_engine.replay.patches import (
        apply_patch,
        diff_lines,
        json_patch,
        parse_pointer,
        patch_of,
        pointer,
    )
    from aether_engine.replay.reducer_process import ReducerLimits
    from aether_engine.replay.reducers import (
        NO_STATE,
        REDUCERS,
        Reducer,
        by_event_type,
        json_merge,
        last_event,
        merge_patch,
        shallow_merge,
    )
    from aether_engine.replay.replaying import ReplayableStore, ReplayedState, load_history, replay
    from aether_engine.replay.snapshot_check import (
        CheckStep,
        SnapshotFinding,
        SnapshotProblem,
        check_snapshots,
    )
    from aether_engine.replay.stream import ActorStream, Trouble, VersionGap
    from aether_engine.replay.user_reducer import ReducerFile, UserReducer

_NAMES = {
    "bisecting": ("Bisection", "bisect_history", "turns"),
    "blame": ("Blame", "Origin"),
    "checkpoints": ("FoldFailure", "Quarantine"),
    "differences": ("Change", "Path", "changes_between", "diff"),
    "expressions": ("StateExpression", "parse_expression"),
    "folding": ("Fold", "apply", "start_fold"),
    "forking": ("Fork", "fork_actor"),
    "history": ("StateHistory",),
    "patches": ("apply_patch", "diff_lines", "json_patch", "parse_pointer", "patch_of", "pointer"),
    "reducers": (
        "NO_STATE",
        "REDUCERS",
        "Reducer",
        "by_event_type",
        "json_merge",
        "last_event",
        "merge_patch",
        "shallow_merge",
    ),
    "replaying": ("ReplayableStore", "ReplayedState", "load_history", "replay"),
    "reducer_process": ("ReducerLimits",),
    "snapshot_check": ("CheckStep", "SnapshotFinding", "SnapshotProblem", "check_snapshots"),
    "stream": ("ActorStream", "Trouble", "VersionGap"),
    "user_reducer": ("ReducerFile", "UserReducer"),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}

__all__ = [
    "NO_STATE",
    "REDUCERS",
    "ActorStream",
    "Bisection",
    "Blame",
    "Change",
    "CheckStep",
    "Fold",
    "FoldFailure",
    "Fork",
    "Origin",
    "Path",
    "Quarantine",
    "Reducer",
    "ReducerFile",
    "ReducerLimits",
    "ReplayableStore",
    "ReplayedState",
    "SnapshotFinding",
    "SnapshotProblem",
    "StateExpression",
    "StateHistory",
    "Trouble",
    "UserReducer",
    "VersionGap",
    "apply",
    "apply_patch",
    "bisect_history",
    "by_event_type",
    "changes_between",
    "check_snapshots",
    "diff",
    "diff_lines",
    "fork_actor",
    "json_merge",
    "json_patch",
    "last_event",
    "load_history",
    "merge_patch",
    "parse_expression",
    "parse_pointer",
    "patch_of",
    "pointer",
    "replay",
    "shallow_merge",
    "start_fold",
    "turns",
]

__getattr__, __dir__ = late_names(__name__, _MODULES)
