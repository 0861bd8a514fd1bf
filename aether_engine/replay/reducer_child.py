"""The process that runs a user's reducer: reads events, answers with states, and survives as little as possible.

Nothing here protects from a program that means harm: who trusts a file runs it. It keeps mistakes from hurting:
what loops, eats memory, prints or leaves does so in here, and the parent learns at which event.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import linecache
import mmap
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from aether_engine.codec import decode_event, dumps
from aether_engine.event import Event
from aether_engine.replay.exact import loads_exactly, with_exact_data
from aether_engine.replay.reducer_protocol import CELL, NOWHERE, Frame, Kind, read_frame, write_frame

if sys.platform != "win32":
    import resource

# The watchdog is wound up again when it ran for so long, in seconds: not for each event, which costs a thread.
_SLACK: Final = 0.05
# Memory beyond the limit in which the end is reported.
_LAST_WORDS: Final = 64 << 20
# How long it works before it answers, in seconds, and how many bytes of states it gathers.
_MOMENT: Final = 0.25
_STATES_AT_ONCE: Final = 1 << 20
_MODULE: Final = "aether_reducer"

Apply = Callable[[Any, Event], Any]


def main() -> None:
    """Serve the parent until it goes away."""
    incoming, outgoing = _take_over_pipes()
    with contextlib.suppress(OSError):  # the parent has gone away
        _Child(incoming, outgoing).serve()
    # Threads the reducer started, and what it registered for the end, have no say.
    os._exit(0)


def _take_over_pipes() -> tuple[int, int]:
    """The pipes to the parent, where no print and no read of the reducer can get at them."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(incoming, os.O_BINARY)
        msvcrt.setmode(outgoing, os.O_BINARY)
    return incoming, outgoing


class _Child:
    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._writing = threading.Lock()
        self._apply: Apply | None = None
        self._state: bytes = b"{}"
        self._limits: dict[str, Any] = {}
        self._cell: mmap.mmap | None = None
        self._deadline = 0.0
        self._wound_up = 0.0

    def serve(self) -> None:
        while (frame := read_frame(self._incoming)) is not None:
            if frame.kind is Kind.LOAD:
                self._load(frame)
            elif frame.kind is Kind.FEED:
                self._feed(frame)

    def _send(self, kind: Kind, head: dict[str, Any], parts: Sequence[bytes] = ()) -> None:
        with self._writing:
            write_frame(self._outgoing, Frame(kind, head, parts))

    # Loading

    def _load(self, frame: Frame) -> None:
        path, [source] = str(frame.head["path"]), frame.parts
        self._limits = frame.head["limits"]
        with Path(frame.head["cell"]).open("r+b") as cell:
            self._cell = mmap.mmap(cell.fileno(), CELL.size)
        self._at(NOWHERE)
        _limit_memory(int(self._limits["memory_bytes"]))
        capture = _Capture(self, int(self._limits["output_bytes"]))
        sys.stdout = sys.stderr = capture
        self._deadline = time.monotonic() + float(self._limits["load_seconds"])
        self._wind_up(float(self._limits["load_seconds"]))
        try:
            self._apply = _applier(path, source)
        except BaseException as error:  # noqa: BLE001 (whatever a file of the user's does)
            _more_memory()
            faulthandler.cancel_dump_traceback_later()
            self._send(Kind.FAILED, {"kind": "load", "reason": _reason(error), "trace": _trace(error)})
            return
        faulthandler.cancel_dump_traceback_later()
        self._send(Kind.READY, {})

    # Events

    def _feed(self, frame: Frame) -> None:
        """Take events into the state: all, or as many as a moment allows, so that the parent is up to date."""
        parts = frame.parts
        if not frame.head["continue"]:
            self._state, parts = parts[0], parts[1:]
        begin = time.monotonic()
        self._deadline = begin + float(frame.head["seconds_left"])
        self._wound_up = 0.0
        wants_all = bool(frame.head["each"])
        states: list[bytes] = []
        size = done = 0
        failure: dict[str, Any] | None = None
        for index, raw in enumerate(parts):
            self._at(index)
            now = time.monotonic()
            if now - begin > _MOMENT or size > _STATES_AT_ONCE:
                break
            failure = self._step(raw, now)
            if failure is not None:
                break
            done = index + 1
            if wants_all:
                states.append(self._state)
                size += len(self._state)
        # The parent may take its time with the answer.
        faulthandler.cancel_dump_traceback_later()
        kind = Kind.DONE if failure is None else Kind.FAILED
        self._send(kind, {**(failure or {}), "done": done}, [*states, self._state])

    def _step(self, raw: bytes, now: float) -> dict[str, Any] | None:
        """Take one event into the state; what went wrong, if anything did."""
        assert self._apply is not None
        try:
            event = with_exact_data(decode_event(raw))
            state = loads_exactly(self._state)
            if now - self._wound_up > _SLACK:
                self._wound_up = now
                self._wind_up(min(float(self._limits["event_seconds"]) + _SLACK, self._deadline - now))
            result = self._apply(state, event)
        except MemoryError as error:
            _more_memory()
            return {"kind": "memory", "trace": _trace(error)}
        except BaseException as error:  # noqa: BLE001 (whatever a function of the user's does)
            return {"kind": "raised", "reason": _reason(error), "trace": _trace(error)}
        if result is None:
            return {"kind": "state", "reason": "it returned nothing; 'return' the new state at the end of apply"}
        try:
            state_bytes = dumps(result)
        except MemoryError:
            _more_memory()
            return {"kind": "memory", "trace": ""}
        except (TypeError, ValueError, RecursionError) as error:
            return {"kind": "state", "reason": f"it is not JSON: {error}"}
        limit = int(self._limits["state_bytes"])
        if len(state_bytes) > limit:
            return {
                "kind": "state",
                "reason": f"it takes {len(state_bytes) / 2**20:,.1f} MiB, and {limit / 2**20:,.1f} are allowed",
            }
        self._state = state_bytes
        return None

    # Small things

    def print(self, text: str) -> None:
        """Tell the parent what was printed, and at which event."""
        assert self._cell is not None
        self._send(Kind.PRINTED, {"index": CELL.unpack_from(self._cell)[0], "text": _as_utf8(text)})

    def _at(self, index: int) -> None:
        assert self._cell is not None
        CELL.pack_into(self._cell, 0, index)

    def _wind_up(self, seconds: float) -> None:
        # Written in C and with a thread of its own: it also ends what never gives the interpreter back.
        try:
            faulthandler.dump_traceback_later(max(seconds, 0.001), exit=True, file=2)
        except RuntimeError as error:
            raise MemoryError from error  # not even for a thread is there enough


class _Capture(io.TextIOBase):
    """Where prints go: to the parent, up to a limit, with the event they belong to."""

    def __init__(self, child: _Child, limit: int) -> None:
        self._child = child
        self._left = limit

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        taken = text[: max(self._left, 0)]
        self._left -= len(text)
        if taken:
            self._child.print(taken)
        return len(text)


class _NoApplyError(Exception):
    """The file has no reducer in it."""


def _applier(path: str, source: bytes) -> Apply:
    module = ModuleType(_MODULE)
    module.__file__ = path
    sys.modules[_MODULE] = module
    sys.path.insert(0, str(Path(path).parent))
    # Tracebacks show what was loaded, also when the file has changed since.
    text = source.decode("utf-8", "replace")
    linecache.cache[path] = (len(source), None, text.splitlines(keepends=True), path)
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 (the user trusts this file)
    apply = getattr(module, "apply", None)
    if not callable(apply):
        raise _NoApplyError("it has no function apply(state, event)")
    function: Apply = apply
    return function


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return _as_utf8(f"it called sys.exit({error.code if error.code is not None else ''})")
    if isinstance(error, _NoApplyError):
        return str(error)
    text = _as_utf8(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _trace(error: BaseException) -> str:
    """The frames of the user's code, the outermost first; of very deep ones the ends."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    error.__traceback__ = None
    if len(frames) > 40:
        lines = traceback.format_list(frames[:20])
        lines.append(f"  … {len(frames) - 40:,} more …\n")
        return _as_utf8("".join(lines + traceback.format_list(frames[-20:])))
    return _as_utf8("".join(traceback.format_list(frames)))


def _as_utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _limit_memory(limit: int) -> None:
    if sys.platform == "win32":
        return
    used = 0
    with contextlib.suppress(OSError, ValueError):
        # Libraries map more than they use, and how much differs from system to system. Not all have this file.
        used = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    with contextlib.suppress(OSError, ValueError):  # a stricter limit is in force already
        resource.setrlimit(resource.RLIMIT_AS, (used + limit, used + limit + _LAST_WORDS))
    with contextlib.suppress(OSError, ValueError):  # then a core is written, where the system writes any
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _more_memory() -> None:
    if sys.platform != "win32":
        with contextlib.suppress(OSError, ValueError):  # a last courtesy; it may be enough without
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
