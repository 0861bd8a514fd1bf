"""A reducer in a file of the user's: Python with a function `apply(state, event) -> state`.

It runs in a process of its own, within limits, and only if its content is trusted. `state` and what is returned
are JSON values, `{}` before the first event; `event` is an `Event`. It should look at nothing else: states are
computed in any order and more than once, and have to come out the same.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, Self

from aether_engine.codec import dumps
from aether_engine.errors import (
    ReducerError,
    ReducerExitError,
    ReducerFileError,
    ReducerMemoryError,
    ReducerStateError,
    ReducerStoppedError,
    ReducerTimeoutError,
    ReducerTrustError,
)
from aether_engine.event import Event
from aether_engine.replay.exact import loads_exactly
from aether_engine.replay.folding import OwnFold
from aether_engine.replay.reducer_process import ProcessEndedError, ReducerLimits, ReducerProcess

#: Largest file that is taken for a reducer, in bytes.
MAX_FILE_BYTES: Final = 4 << 20
_EACH_AT_ONCE: Final = 256
# How often a process that died is started again to get at the state before the event it died of.
_RECOVERIES: Final = 3
# Behind a pause of so many seconds, what comes is not the same work any more: a stream may grow for weeks.
_PAUSE: Final = 5.0
# How much earlier than told a process may be ended for having taken too long, in seconds.
_LATE: Final = 0.1
# What parsed JSON takes of memory, in bytes per byte, about.
_PARSED: Final = 5


@dataclass(frozen=True, slots=True)
class ReducerFile:
    """The content of a reducer's file at one moment; `sha256` is what is trusted of it."""

    path: str
    source: bytes
    sha256: str

    @staticmethod
    def read(path: str | PathLike[str]) -> ReducerFile:
        """What is in the file now; raises `ReducerFileError`."""
        place = Path(path).absolute()
        try:
            with place.open("rb") as file:
                source = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ReducerFileError(str(path), f"it cannot be read ({reason})") from error
        if len(source) > MAX_FILE_BYTES:
            raise ReducerFileError(str(path), f"it has more than {MAX_FILE_BYTES // 2**20} MiB")
        return ReducerFile(str(place), source, hashlib.sha256(source).hexdigest())


class UserReducer(OwnFold):
    """The reducer in a file. A context manager; whoever makes it closes it.

    The process is started when it is needed, and again after it ended. One thread at a time is served; `stop` and
    `close` may come from any other, and what is going on ends with a `ReducerStoppedError`.
    """

    def __init__(
        self, path: str | PathLike[str], *, trusted: bool | str, limits: ReducerLimits | None = None
    ) -> None:
        """`trusted` is the SHA-256 of the content that may run, or True for whatever is in the file.

        Raises `ReducerFileError` for a file that cannot be read, `ReducerTrustError` for one that is not trusted.
        Nothing of it runs yet.
        """
        self._trusted = trusted
        self._limits = limits or ReducerLimits()
        self._file = ReducerFile.read(path)
        self._check_trust(self._file)
        self._lock = threading.RLock()
        self._process: ReducerProcess | None = None
        self._process_state: bytes | None = None
        self._is_busy = self._is_stopping = False
        self._versions: Sequence[int] = ()
        self._printed: dict[int, str] = {}
        self._fresh: set[int] = set()

    @property
    def path(self) -> str:
        """Where the file is."""
        return self._file.path

    @property
    def sha256(self) -> str:
        """The hash of the content in use."""
        return self._file.sha256

    @property
    def limits(self) -> ReducerLimits:
        return self._limits

    @property
    def printed(self) -> dict[int, str]:
        """What it printed, by the version of the event at hand, up to a limit; 0 while it was being loaded."""
        return dict(self._printed)

    @property
    def process_id(self) -> int | None:
        """The process, while there is one."""
        process = self._process
        return None if process is None else process.pid

    def refresh(self) -> bool:
        """Take the file as it is now; whether it is another one: then what was folded has to be folded anew.

        Raises as the constructor does; then the old content stays in use.
        """
        file = ReducerFile.read(self._file.path)
        if file.sha256 == self._file.sha256:
            return False
        self._check_trust(file)
        with self._lock:
            self._end_process()
            self._file = file
            self._printed.clear()
        return True

    def load(self) -> None:
        """Start the process and load the file, if that is not done; raises `ReducerFileError`."""
        with self._lock:
            self._is_busy = True
            try:
                self._running()
            except ProcessEndedError:
                raise ReducerStoppedError(self.path) from None
            finally:
                self._is_busy = self._is_stopping = False

    def __call__(self, state: Any, event: Event, /) -> Any:
        """One step; raises `ReducerError`. For many, a fold is far faster."""
        fold = self.start(state)
        fold.feed((event,))
        return fold.keep()

    def start(self, state: Any) -> UserFold:
        """A fold that begins with `state`."""
        return UserFold(self, state)

    def stop(self) -> None:
        """End what is going on, without waiting for that; nothing happens if nothing is."""
        if self._is_busy:
            self._is_stopping = True
            process = self._process
            if process is not None:
                process.kill()

    def close(self) -> None:
        """End the process, also in the middle of its work. It would be started again if it were needed."""
        self.stop()
        with self._lock:
            self._end_process()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, state: bytes, events: Sequence[Event], seconds_left: float, *, each: bool
    ) -> tuple[list[bytes], bytes, ReducerError | None]:
        """Take `events` into `state`: the states on the way (if `each`), the last of them, and what went wrong.

        With an error, these are the states before the event it names. For `UserFold`.
        """
        with self._lock:
            self._is_busy = True
            try:
                return self._run(state, events, seconds_left, each=each)
            except ProcessEndedError:
                raise ReducerStoppedError(self.path) from None
            finally:
                self._is_busy = self._is_stopping = False

    # Parts

    def _run(
        self, state: bytes, events: Sequence[Event], seconds_left: float, *, each: bool
    ) -> tuple[list[bytes], bytes, ReducerError | None]:
        raws = [event.to_json() for event in events]
        states: list[bytes] = []
        error: ReducerError | None = None
        deadline = time.monotonic() + seconds_left
        done = recoveries = 0
        while done < len(raws):
            self._versions = [event.version for event in events[done:]]
            self._fresh = set(self._versions)
            process = self._running()
            is_known = state is self._process_state
            left = deadline - time.monotonic()
            try:
                answer = process.feed(None if is_known else state, raws[done:], left, each=each)
            except ProcessEndedError as ended:
                self._end_process()
                if self._is_stopping:
                    raise
                error = self._death(ended, is_over=time.monotonic() > deadline - _LATE)
                # What it had come to since its last answer is lost with it, and can be had again.
                index = max(ended.index, 0) if recoveries < _RECOVERIES else 0
                raws = raws[: done + index]
                deadline = max(deadline, time.monotonic() + self._limits.event_seconds)
                recoveries += 1
                continue
            states += answer.states
            state = answer.state
            done += answer.done
            self._process_state = state
            if answer.failure is not None:
                error = self._failed(answer.failure, answer.done)
                # Whatever it has in its memory, the next events do not start from there.
                self._end_process()
                break
        return states, state, error

    def _running(self) -> ReducerProcess:
        if self._is_stopping:
            raise ReducerStoppedError(self.path)
        if self._process is not None:
            return self._process
        file = self._file
        process = self._process = ReducerProcess(file.path, file.source, self._limits, self._heard)
        self._process_state = None
        try:
            problem = process.load()
        except ProcessEndedError as ended:
            self._end_process()
            if self._is_stopping:
                raise
            seconds = self._limits.load_seconds
            reason = (
                f"loading it took longer than {seconds:g} seconds"
                if ended.timed_out
                else f"loading it ended its own process (exit code {ended.exit_code})"
            )
            raise ReducerFileError(file.path, reason, trace=ended.trace) from None
        if problem is not None:
            self._end_process()
            raise ReducerFileError(file.path, str(problem["reason"]), trace=str(problem["trace"]))
        return process

    def _end_process(self) -> None:
        process, self._process = self._process, None
        self._process_state = None
        if process is not None:
            process.end()

    def _heard(self, index: int, text: str) -> None:
        version = self._versions[index] if 0 <= index < len(self._versions) else 0
        if version in self._fresh:
            # An event is taken in again now and then, and prints again.
            self._fresh.discard(version)
            self._printed.pop(version, None)
        if sum(map(len, self._printed.values())) < self._limits.output_bytes:
            self._printed[version] = self._printed.get(version, "") + text

    def _failed(self, failure: dict[str, Any], index: int) -> ReducerError:
        version, trace = self._versions[index], str(failure.get("trace", ""))
        match failure["kind"]:
            case "memory":
                return ReducerMemoryError(version, self._limits.memory_bytes, trace=trace)
            case "state":
                return ReducerStateError(version, str(failure["reason"]))
        return ReducerError(version, str(failure["reason"]), trace=trace)

    def _death(self, ended: ProcessEndedError, *, is_over: bool) -> ReducerError:
        version = self._versions[max(ended.index, 0)]
        if not ended.timed_out:
            return ReducerExitError(version, ended.exit_code, trace=ended.trace)
        seconds = self._limits.total_seconds if is_over else self._limits.event_seconds
        return ReducerTimeoutError(version, seconds, in_all=is_over, trace=ended.trace)

    def _check_trust(self, file: ReducerFile) -> None:
        if self._trusted is True:
            return
        if self._trusted is False:
            raise ReducerTrustError(file.path, file.sha256)
        if self._trusted.lower() != file.sha256:
            raise ReducerTrustError(file.path, file.sha256, expected=self._trusted)


class UserFold:
    """A fold in another process. The state is here between two runs, so that nothing is lost with the process."""

    def __init__(self, reducer: UserReducer, state: Any) -> None:
        self._reducer = reducer
        self._raw = dumps(state)
        self._kept: Any = state
        self._is_kept = True
        self._seconds_left = reducer.limits.total_seconds
        self._idle_since = time.monotonic()

    @property
    def kept_bytes(self) -> int:
        return _PARSED * len(self._raw)

    def feed(self, events: Sequence[Event]) -> None:
        """See `Fold.feed`. Raises `ReducerStoppedError` besides; then none of the events is taken."""
        if events:
            _, state, error = self._run(events, each=False)
            self._take(state)
            if error is not None:
                raise error

    def step(self, event: Event) -> Any:
        self.feed((event,))
        return self.keep()

    def each(self, events: Sequence[Event]) -> Iterator[Any]:
        for start in range(0, len(events), _EACH_AT_ONCE):
            states, _, error = self._run(events[start : start + _EACH_AT_ONCE], each=True)
            for state in states:
                self._take(state)
                yield self.keep()
            if error is not None:
                raise error

    def keep(self) -> Any:
        if not self._is_kept:
            self._kept = loads_exactly(self._raw)
            self._is_kept = True
        return self._kept

    def _run(self, events: Sequence[Event], *, each: bool) -> tuple[list[bytes], bytes, ReducerError | None]:
        begin = time.monotonic()
        if begin - self._idle_since > _PAUSE:
            self._seconds_left = self._reducer.limits.total_seconds
        try:
            return self._reducer.run(self._raw, events, self._seconds_left, each=each)
        finally:
            self._idle_since = time.monotonic()
            self._seconds_left -= self._idle_since - begin

    def _take(self, state: bytes) -> None:
        if state != self._raw:
            self._is_kept = False
        self._raw = state
