"""A process that examines a file's log: the other side of `AuditWorker`, and how it is started.

Both sides write pickles to pipes that only they have. The process ends when its input does, so that it never
outlives the program that started it, however that ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from aether_engine.audit.examining import Examiner
from aether_engine.audit.file_actors import actor_hashes
from aether_engine.audit.file_links import sums_in_log
from aether_engine.audit.file_log import FileLog
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.store.sqlite_connections import ReadConnections
from aether_engine.store.sqlite_file import RawFile
from aether_engine.store.sqlite_reader import Reader

_READY: Final = "ready"
_END_SECONDS: Final = 1.0
#: Findings of one check that one range may come back with; the rest of them is counted.
_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs to know before it is asked anything."""

    path: str
    url: str
    settings: AuditSettings
    scope: AuditScope


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """A range of a namespace's log, to be examined for so many seconds at most."""

    namespace: str
    number: int
    first: int
    last: int
    seconds: float


@dataclass(frozen=True, slots=True)
class NamesRequest:
    """The hashes of the ids of actors with numbers from `first` on, `count` of them at most."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class LinksRequest:
    """The sums of the causes and correlations that the events of a range name."""

    number: int
    first: int
    last: int


class WorkerGoneError(Exception):
    """The process has ended or cannot be started; never leaves the audit."""


class AuditWorker:
    """One such process. `start` and `ask` block, and belong into a thread; `end` may be called from anywhere.

    Workers with the same `hash_seed` have the same hashes.
    """

    def __init__(self, setup: WorkerSetup, hash_seed: int) -> None:
        self._setup = setup
        self._hash_seed = hash_seed
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._birth = threading.Lock()
        self._ended = False

    @property
    def process_id(self) -> int:
        """Of a started worker."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process and wait until it is ready. Raises `WorkerGoneError`."""
        with self._turn:
            with self._birth:
                if self._ended:
                    raise WorkerGoneError
                try:
                    self._process = subprocess.Popen(  # noqa: S603 (ourselves)
                        _command(),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        env=_environment(self._hash_seed),
                        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                    )
                except OSError as error:
                    raise WorkerGoneError from error
            if self._exchange(self._setup) != _READY:
                raise WorkerGoneError

    def ask(self, request: RangeRequest | NamesRequest | LinksRequest) -> Any:
        """The answer to a request. Raises `WorkerGoneError`, and what answering it raises."""
        with self._turn:
            answer = self._exchange(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        """End the process, and wait for that; whoever asks it for something at the time gets an error."""
        with self._birth:
            self._ended = True
            process = self._process
        if process is None:
            return
        assert process.stdin is not None
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with self._turn:
            assert process.stdout is not None
            process.stdout.close()

    def _exchange(self, message: object) -> Any:
        process = self._process
        if process is None or self._ended:
            raise WorkerGoneError
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(message, process.stdin)
            process.stdin.flush()
            return pickle.load(process.stdout)  # noqa: S301 (from our own process)
        except (OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise WorkerGoneError from error


def can_start() -> bool:
    """Whether there is an interpreter to start; a packaged program has none beside itself."""
    return not getattr(sys, "frozen", False)


def processors() -> int:
    """How many processes can work at a time."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _command() -> list[str]:
    # The modules are found where this program found them, and nowhere else.
    paths = [path for path in sys.path if path]
    start = f"import sys; sys.path[:] = {paths!r}; from {__name__} import main; main()"
    return [sys.executable, "-S", "-s", "-c", start]


def _environment(hash_seed: int) -> dict[str, str]:
    # No variable of whoever started us may change what runs; the seed makes the hashes of all workers the same.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return clean | {"PYTHONHASHSEED": str(hash_seed), "PYTHONSAFEPATH": "1"}


def main() -> None:
    """Be the process: answer requests from stdin until it ends."""
    # Ctrl-C in a terminal reaches every process there; the one that started us decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is made for a range is gone after it; looking for cycles in it would only take time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    with suppress(EOFError, OSError):
        _serve(sys.stdin.buffer, sys.stdout.buffer)


def _serve(source: IO[bytes], target: IO[bytes]) -> None:
    setup: WorkerSetup = pickle.load(source)  # noqa: S301 (from the process that started us)
    raw = RawFile(Path(setup.path))
    connections = ReadConnections(raw, setup.url, read_only=True)
    reader = Reader(connections, raw, setup.url)
    logs: dict[str, FileLog] = {}
    try:
        _answer(target, _READY)
        while True:
            request: RangeRequest | NamesRequest | LinksRequest = pickle.load(source)  # noqa: S301
            answer: object
            try:
                if isinstance(request, NamesRequest):
                    answer = actor_hashes(reader, request.first, request.count)
                elif isinstance(request, LinksRequest):
                    answer = sums_in_log(reader, request.number, request.first, request.last)
                else:
                    log = logs.get(request.namespace)
                    if log is None:
                        examiner = Examiner(request.namespace, setup.settings, setup.scope, limit=_LIMIT)
                        log = logs[request.namespace] = FileLog(reader, request.number, examiner)
                    answer = log.examine(request.first, request.last, request.seconds)
            except Exception as error:  # noqa: BLE001 (it is raised on the other side)
                answer = error
            _answer(target, answer)
    finally:
        connections.close()
        connections.release()


def _answer(target: IO[bytes], answer: object) -> None:
    pickle.dump(answer, target, protocol=pickle.HIGHEST_PROTOCOL)
    target.flush()
