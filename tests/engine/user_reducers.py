"""Reducers in files of a test: written, opened, and closed in the end."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aether_engine.errors import (
    ReducerError,
)
from aether_engine.replay import StateHistory
from aether_engine.replay.reducer_process import ReducerLimits
from aether_engine.replay.user_reducer import UserReducer
from tests.engine.streams import stored

ROOT = Path(__file__).resolve().parents[2]
SMALL = ReducerLimits(event_seconds=20, memory_bytes=64 << 20, state_bytes=1 << 20)

Make = Callable[..., UserReducer]


MERGE = """
    def apply(state, event):
        state.update(event.data)
        return state
"""

AT_3 = """
    import os, sys, time, itertools, signal, threading

    def deeper():
        {what}

    def apply(state, event):
        if event.version == 3:
            {what}
        return {{"n": event.data["n"]}}
"""


def makers(tmp_path: Path) -> Iterator[Make]:
    """What writes a reducer's file and opens it; every one is closed at the end."""
    opened: list[UserReducer] = []

    def one(source: str, *, limits: ReducerLimits = SMALL, trusted: bool | str = True) -> UserReducer:
        path = tmp_path / "reducer.py"
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        opened.append(UserReducer(path, trusted=trusted, limits=limits))
        return opened[-1]

    yield one
    for reducer in opened:
        reducer.close()


def is_running(pid: int | None) -> bool:
    try:
        os.kill(pid or 0, 0)
    except ProcessLookupError:
        return False
    return True


def failure_at_3(history: StateHistory, reducer: UserReducer) -> ReducerError:
    """What goes wrong at version 3, and whether all around it is in order."""
    with pytest.raises(ReducerError) as caught:
        history.state_at(5)
    error = caught.value
    assert (error.version, error.sequence) == (3, 13), error
    assert "at version 3 (sequence 13): " in str(error)
    assert history.failure is not None
    assert history.failure.error is error
    # The states before are there, and nothing runs on.
    assert history.state_at(2) == {"n": 2}
    assert history.state_at(1) == {"n": 1}
    with pytest.raises(type(error)):
        history.state_at(3)
    # Without that event it goes on.
    assert history.without({3}).state_at(5) == {"n": 5}
    return error


def five(reducer: UserReducer) -> StateHistory:
    return StateHistory([stored(each, {"n": each}, each + 10) for each in range(1, 6)], reducer=reducer)
