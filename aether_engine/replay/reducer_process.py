"""The parent's side of a reducer's process: starts it, talks to it, notices how it ends, leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

from aether_engine.replay.reducer_protocol import (
    CELL,
    CHILD_ARGUMENT,
    NOWHERE,
    BrokenFrameError,
    Frame,
    Kind,
    read_frame,
    write_frame,
)

_BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from aether_engine.replay.reducer_child import main; main()"
)
# How often somebody who waits for the process looks how it is, in seconds.
_LOOK: Final = 0.05
# How long the process may be late with ending itself before it is ended, in seconds.
_GRACE: Final = 2.0
_KEPT_ERRORS: Final = 1 << 16
_DUMP: Final = "Timeout ("
_DUMPED_FRAME: Final = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<name>.*)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReducerLimits:
    """What a user's reducer may take.

    Seconds: for one event, for all that a fold is given without a pause, and for being loaded. Bytes: of memory
    besides what Python itself takes (where the system can limit it), of one state as JSON, and of what it prints.
    """

    event_seconds: float = 2.0
    total_seconds: float = 120.0
    load_seconds: float = 10.0
    memory_bytes: int = 512 << 20
    state_bytes: int = 16 << 20
    output_bytes: int = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of feeding events: the states that were asked for, and the one after the first `done` events.

    `failure` says what went wrong at the event behind them. Without one, what is not done is to be fed again.
    """

    states: Sequence[bytes]
    state: bytes
    done: int
    failure: dict[str, Any] | None


class ProcessEndedError(Exception):
    """The process is gone in the middle of its work, at the event with this index."""

    def __init__(self, index: int, exit_code: int, *, timed_out: bool, trace: str) -> None:
        super().__init__(f"ended at {index} with {exit_code}")
        self.index = index
        self.exit_code = exit_code
        self.timed_out = timed_out
        self.trace = trace


class ReducerProcess:
    """One running process with a reducer loaded or not yet. One thread talks to it; any may `end` it."""

    def __init__(
        self, path: str, source: bytes, limits: ReducerLimits, printed: Callable[[int, str], None]
    ) -> None:
        self._path = path
        self._source = source
        self._limits = limits
        self._printed = printed
        cell_fd, self._cell_path = tempfile.mkstemp(prefix="aether-reducer-")
        os.write(cell_fd, CELL.pack(NOWHERE))
        self._cell = mmap.mmap(cell_fd, CELL.size)
        os.close(cell_fd)
        self._process = _start(Path(path).parent)
        # Also when it is forgotten, and when the interpreter ends.
        self._end = weakref.finalize(self, _end, self._process, self._cell, self._cell_path)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._frames: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._errors = bytearray()
        self._threads = [
            threading.Thread(target=_read_frames, args=(self._process.stdout, self._frames), daemon=True),
            threading.Thread(target=_read_errors, args=(self._process.stderr, self._errors), daemon=True),
        ]
        for thread in self._threads:
            thread.name = "aether-reducer"
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def load(self) -> dict[str, Any] | None:
        """Load the reducer; what is wrong with it, if anything is. Raises `ProcessEndedError`."""
        head = {"path": self._path, "cell": self._cell_path, "limits": asdict(self._limits)}
        frame = self._ask(Frame(Kind.LOAD, head, (self._source,)), self._limits.load_seconds)
        # The process has it open by now; its name is not needed any more, where files can do without.
        with contextlib.suppress(OSError):
            Path(self._cell_path).unlink()
        return frame.head if frame.kind is Kind.FAILED else None

    def feed(self, state: bytes | None, events: Sequence[bytes], seconds_left: float, *, each: bool) -> Answer:
        """Have events taken into `state` (None: into the one of the last answer). Raises `ProcessEndedError`."""
        head = {"continue": state is None, "seconds_left": seconds_left, "each": each}
        parts = events if state is None else (state, *events)
        frame = self._ask(Frame(Kind.FEED, head, parts), self._limits.event_seconds)
        failure = frame.head if frame.kind is Kind.FAILED else None
        return Answer(frame.parts[:-1], frame.parts[-1], int(frame.head["done"]), failure)

    def kill(self) -> None:
        """Have it end, without waiting for that; who waits for an answer hears of it."""
        self._process.kill()

    def end(self) -> None:
        """End the process and let go of everything. Idempotent."""
        self._end()
        self._join()

    def _join(self) -> None:
        for thread in self._threads:
            # What somebody it started still holds open is not waited for.
            thread.join(_GRACE)

    def _ask(self, frame: Frame, seconds: float) -> Frame:
        assert self._process.stdin is not None
        try:
            write_frame(self._process.stdin.fileno(), frame)
        except (OSError, ValueError):
            # It is gone; how it went is seen below.
            self._process.kill()
        return self._wait(seconds)

    def _wait(self, seconds: float) -> Frame:
        """The next answer. `seconds` is what one event may take; whoever takes far longer is ended here."""
        index, since = self._index(), time.monotonic()
        while True:
            try:
                frame = self._frames.get(timeout=_LOOK)
            except queue.Empty:
                now_at = self._index()
                if now_at != index:
                    index, since = now_at, time.monotonic()
                elif time.monotonic() - since > seconds + _GRACE:
                    self._process.kill()
                continue
            if frame is None:
                raise self._ended(seconds, time.monotonic() - since)
            if frame.kind is not Kind.PRINTED:
                return frame
            self._printed(int(frame.head["index"]), str(frame.head["text"]))

    def _ended(self, seconds: float, stuck: float) -> ProcessEndedError:
        index = self._index()
        try:
            exit_code = self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            # It has closed the pipe, or written into it what is no frame, and may wait for what cannot come.
            self._process.kill()
            exit_code = self._process.wait()
        self._join()
        errors = self._errors.decode("utf-8", "replace")
        dumped = errors.rpartition(_DUMP)[2] if _DUMP in errors else ""
        # Nobody dumps in time who has hung the interpreter up for good.
        timed_out = (bool(dumped) and exit_code == 1) or stuck > seconds + _GRACE
        trace = self._trace(dumped) if dumped else errors.strip()[-2000:]
        return ProcessEndedError(index, exit_code, timed_out=timed_out, trace=trace)

    def _index(self) -> int:
        try:
            number: int = CELL.unpack_from(self._cell)[0]
        except ValueError:
            return NOWHERE  # it was ended meanwhile
        return number

    def _trace(self, dumped: str) -> str:
        """The frames of the user's file in a dump, as a traceback shows them: the outermost first."""
        lines = self._source.decode("utf-8", "replace").splitlines()
        shown: list[str] = []
        for match in reversed(list(_DUMPED_FRAME.finditer(dumped))):
            if match["file"] == self._path:
                number = int(match["line"])
                code = lines[number - 1].strip() if number <= len(lines) else ""
                shown.append(f'  File "{match["file"]}", line {number}, in {match["name"]}\n    {code}\n')
        return "".join(shown)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    if getattr(sys, "frozen", False):
        # A frozen program does not hear PYTHONHASHSEED; the one beside it that is ours has its hashes fixed.
        beside = Path(sys.executable).with_name("aether-worker" + Path(sys.executable).suffix)
        command = [str(beside if beside.is_file() else sys.executable), CHILD_ARGUMENT]
    else:
        paths = [str(Path(entry).absolute()) for entry in sys.path]
        command = [sys.executable, "-s", "-P", "-c", _BOOT, json.dumps(paths)]
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    # Sets come in the same order each time, so that the same events lead to the same state.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    return subprocess.Popen(  # noqa: S603 (ourselves)
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=folder,
        env=environment,
        **options,
    )


def _end(process: subprocess.Popen[bytes], cell: mmap.mmap, cell_path: str) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        # With whatever it started; the group is its own, and may have ended by itself.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # what was still to be flushed reaches nobody
            process.stdin.close()
    cell.close()
    with contextlib.suppress(OSError):  # it is gone already where files can do without their names
        Path(cell_path).unlink()


def _read_frames(pipe: IO[bytes], frames: queue.SimpleQueue[Frame | None]) -> None:
    with pipe:
        try:
            while (frame := read_frame(pipe.fileno())) is not None:
                frames.put(frame)
        except (BrokenFrameError, OSError):
            pass
    frames.put(None)


def _read_errors(pipe: IO[bytes], errors: bytearray) -> None:
    with pipe, contextlib.suppress(OSError):  # its end, one way or another
        while piece := os.read(pipe.fileno(), 1 << 16):
            errors += piece
            del errors[:-_KEPT_ERRORS]
