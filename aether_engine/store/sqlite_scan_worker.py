"""A process that sifts a file's log: the other side of `ScanWorker`, and how it is started.

Both sides write pickles to pipes that only they have. The process ends when its input does, so that it never
outlives the program that started it, however that ends.
"""

from __future__ import annotations

import gc
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from aether_engine.store.protocols import Sieve
from aether_engine.store.sqlite_connections import ReadConnections
from aether_engine.store.sqlite_file import RawFile
from aether_engine.store.sqlite_reader import Reader
from aether_engine.store.sqlite_sifting import SiftedRange, Sifter

#: As the first argument it makes a packaged program, which has no other interpreter, become a worker.
WORKER_ARGUMENT: Final = "--aether-scan-worker"
_READY: Final = "ready"
_END_SECONDS: Final = 1.0


class WorkerGoneError(Exception):
    """The process has ended or cannot be started; never leaves the store."""


@dataclass(frozen=True, slots=True)
class SiftRequest:
    """A range to sift; the sieve travels pickled, as it is the same for many ranges."""

    namespace: str
    sieve: bytes
    first: int
    last: int
    seconds: float


class ScanWorker:
    """One such process. `ask` and `start` block, and belong into a thread; `end` may be called from anywhere."""

    def __init__(self, path: Path, url: str) -> None:
        self._arguments = (str(path.absolute()), url)
        self._process: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()
        self._birth = threading.Lock()
        self._ended = False

    @property
    def process_id(self) -> int:
        """Of a started worker."""
        assert self._process is not None
        return self._process.pid

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
                        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                    )
                except OSError as error:
                    raise WorkerGoneError from error
            if self._exchange(self._arguments) != _READY:
                raise WorkerGoneError

    def ask(self, request: SiftRequest) -> SiftedRange:
        """Have a range sifted. Raises `WorkerGoneError`, and what sifting it raises."""
        with self._turn:
            answer = self._exchange(request)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, SiftedRange)
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


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, WORKER_ARGUMENT]
    # The modules are found where this program found them, and nowhere else.
    paths = [path for path in sys.path if path]
    start = f"import sys; sys.path[:] = {paths!r}; from {__name__} import main; main()"
    return [sys.executable, "-I", "-S", "-c", start]


def main() -> None:
    """Be the process: answer requests from stdin until it ends."""
    # Ctrl-C in a terminal reaches every process there; the one that started us decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    # What is made for a range is gone after it; looking for cycles in it would only take time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    with suppress(EOFError, OSError):
        _serve(source, target)


def _serve(source: IO[bytes], target: IO[bytes]) -> None:
    path, url = pickle.load(source)  # noqa: S301 (from the process that started us)
    raw = RawFile(Path(path))
    connections = ReadConnections(raw, url, read_only=True)
    reader = Reader(connections, raw, url)
    sifters: dict[str, Sifter] = {}
    sieves: dict[bytes, Sieve] = {}
    try:
        _answer(target, _READY)
        while True:
            request: SiftRequest = pickle.load(source)  # noqa: S301
            sieve = sieves.get(request.sieve)
            if sieve is None:
                sieves.clear()
                sieve = sieves[request.sieve] = pickle.loads(request.sieve)  # noqa: S301
            sifter = sifters.setdefault(request.namespace, Sifter(reader, request.namespace))
            answer: object
            try:
                answer = sifter.sift(sieve, request.first, request.last, request.seconds)
            except Exception as error:  # noqa: BLE001 (it is raised on the other side)
                answer = error
            _answer(target, answer)
    finally:
        connections.close()
        connections.release()


def _answer(target: IO[bytes], answer: object) -> None:
    pickle.dump(answer, target)
    target.flush()
