"""The process that a user's reducer runs in: it ends with whatever started it, and what it says is checked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aether_engine.errors import (
    ReducerExitError,
    ReducerStoppedError,
    ReducerTimeoutError,
)
from aether_engine.replay import StateHistory, json_merge
from aether_engine.replay.reducer_process import ReducerLimits
from aether_engine.replay.reducer_protocol import BrokenFrameError, Frame, Kind, read_frame, write_frame
from tests.engine.streams import events_of, stream
from tests.engine.user_reducers import AT_3, MERGE, ROOT, Make, failure_at_3, five, is_running, makers
from tests.waiting import until_sync


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Write a reducer's file and open it; every one is closed at the end."""
    yield from makers(tmp_path)


# --- The process ------------------------------------------------------------------------------------------


def test_one_process_for_all_and_nothing_left(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    reducer = make(MERGE)
    assert reducer.process_id is None
    with reducer:
        history = StateHistory(stream({"a": 1}, {"a": 2}), reducer=reducer, stride=1)
        history.state_at(2)
        pid = reducer.process_id
        assert is_running(pid)
        history.state_at(1)
        StateHistory(stream({"b": 1}), reducer=reducer).state_at(1)
        assert reducer.process_id == pid
    assert reducer.process_id is None
    assert not is_running(pid)
    assert list(tmp_path.iterdir()) == [tmp_path / "reducer.py"]


def test_what_it_started_ends_with_it(make: Make) -> None:
    reducer = make(
        """
        import subprocess, sys

        def apply(state, event):
            return {"pid": subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid}
        """,
        limits=ReducerLimits(event_seconds=10),
    )
    pid = StateHistory(stream({}), reducer=reducer).state_at(1)["pid"]
    assert is_running(pid)
    reducer.close()
    # Init takes it in and clears it away.
    until_sync(lambda: not is_running(pid) or is_zombie(pid))


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_stopping_in_the_middle(make: Make) -> None:
    reducer = make(AT_3.format(what="time.sleep(1000)"), limits=ReducerLimits(event_seconds=1000))
    history = five(reducer)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            history.fold()
        except ReducerStoppedError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    until_sync(lambda: reducer.process_id is not None)
    while thread.is_alive():
        # It may not have been at work yet.
        reducer.stop()
        thread.join(0.01)
    assert len(raised) == 1
    assert "was stopped" in str(raised[0])
    assert history.failure is None
    assert history.without({3}).state_at(5) == {"n": 5}
    reducer.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="looks at processes")
def test_it_does_not_outlive_us(tmp_path: Path) -> None:
    """Not even in an endless loop, whatever becomes of the parent."""
    (tmp_path / "reducer.py").write_text("def apply(state, event):\n    while True: pass\n")
    script = f"""
import os, sys, threading, time
from tests.engine.streams import stream
from aether_engine.replay import StateHistory
from aether_engine.replay.reducer_process import ReducerLimits
from aether_engine.replay.user_reducer import UserReducer

reducer = UserReducer({str(tmp_path / "reducer.py")!r}, trusted=True, limits=ReducerLimits(event_seconds=1.5))
reducer.load()
threading.Thread(target=StateHistory(stream({{}}), reducer=reducer).fold, daemon=True).start()
print(reducer.process_id, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    until_sync(lambda: not is_running(pid) or is_zombie(pid))


def test_a_signal_from_the_terminal_is_not_for_it(make: Make) -> None:
    reducer = make(MERGE)
    reducer.load()
    assert reducer.process_id is not None
    assert os.getpgid(reducer.process_id) != os.getpgid(0)
    assert os.getpgid(reducer.process_id) == reducer.process_id
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL


# --- The protocol -----------------------------------------------------------------------------------------


def test_frames() -> None:
    reading, writing = os.pipe()
    frame = Frame(Kind.DONE, {"done": 3, "text": "ä"}, [b"", b"{}", b"x" * 20_000])
    write_frame(writing, frame)
    assert read_frame(reading) == frame
    os.write(writing, b"\0\0\0")
    os.close(writing)
    assert read_frame(reading) is None
    os.close(reading)


@pytest.mark.parametrize(
    "raw",
    [
        b"hello, world, this is not a frame",
        b"\0\0\0\1\xff",
        b"\0\0\0\1\1",
        b"\0\0\0\x08\1\0\0\0\2{}\1",
        b"\0\0\0\6\1\0\0\0\1x",
        b"\0\0\0\7\1\0\0\0\2[]",
        b"\0\0\0\x0b\1\0\0\0\2{}\0\0\0\1",
    ],
)
def test_what_is_no_frame(raw: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, raw)
    os.close(writing)
    with pytest.raises(BrokenFrameError):
        assert read_frame(reading) is not None
    os.close(reading)


@pytest.mark.parametrize(
    "then", ["time.sleep(1000)", "raise ValueError", "os.dup2(os.open(os.devnull, os.O_WRONLY), 4); return state"]
)
def test_garbage_in_the_pipe(make: Make, then: str) -> None:
    """Whatever it does behind that, also if it waits for events like any other, its process is ended."""
    reducer = make(AT_3.format(what=f"os.write(4, b'garbage garbage garbage'); {then}"))
    error = failure_at_3(five(reducer), reducer)
    assert isinstance(error, (ReducerExitError, ReducerTimeoutError))


def test_states_of_any(make: Make) -> None:
    """A state that the fold begins with, from a snapshot, gets there as it is."""
    reducer = make("def apply(state, event): return {**state, **event.data}")
    fold = reducer.start({"n": 1.5, "deep": [{"a": None}]})
    fold.feed(events_of(stream({"m": 1})))
    assert fold.keep() == {"n": 1.5, "deep": [{"a": None}], "m": 1}
    assert json_merge({}, events_of(stream({"m": 1}))[0]) == {"m": 1}
    value: Any = fold.keep()
    assert value is fold.keep()


@pytest.mark.parametrize("program", ["aether_desktop.cli", "aether_desktop.app"])
def test_the_frozen_application_is_its_own_interpreter(make: Make, program: str, tmp_path: Path) -> None:
    """It is started again with one argument, whichever of the two programs it is."""
    (tmp_path / "frozen.py").write_text(
        f"import sys\nsys.frozen = True\nsys.path.insert(0, {str(ROOT)!r})\nfrom {program} import main\nmain()\n"
    )
    starter = tmp_path / "aether"
    starter.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "frozen.py"} "$@"\n')
    starter.chmod(0o755)
    script = f"""
import sys
from tests.engine.streams import stream
from aether_engine.replay import StateHistory, UserReducer
sys.frozen, sys.executable = True, {str(starter)!r}
with UserReducer({make(MERGE).path!r}, trusted=True) as reducer:
    print(StateHistory(stream({{"n": 1}}, {{"n": 2}}), reducer=reducer).state_at(2))
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.stdout, ran.stderr) == ("{'n': 2}\n", "")
