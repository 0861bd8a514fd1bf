"""A process that works for this one: how it is started, asked and ended, and what it does until then.

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
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import IO, Any, Final

#: As the first argument it makes a packaged program, which has no other interpreter, become a worker; what kind of
#: worker is the second one.
WORKER_ARGUMENT: Final = "--aether-scan-worker"
_END_SECONDS: Final = 1.0
#: What a worker answers to its setup.
_READY: Final = "ready"


class WorkerGoneError(Exception):
    """The process has ended or cannot be started; never leaves whoever uses workers."""


class WorkerProcess:
    """One such process. `ask` and `start` block, and belong into a thread; `end` may be called from anywhere."""

    def __init__(self, kind: str, module: str, setup: object, *, hash_seed: int | None = None) -> None:
        """`module` has a `main` that calls `serve`; `kind` is how a packaged program calls it.

        Workers with the same `hash_seed` hash texts alike; a packaged program does not hear of it.
        """
        self._kind = kind
        self._module = module
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
                        self._command(),
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                        env=self._environment(),
                        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                    )
                except OSError as error:
                    raise WorkerGoneError from error
            if self._exchange(self._setup) != _READY:
                raise WorkerGoneError

    def ask(self, request: object) -> Any:
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
        with suppress(OSError):  # it has ended already
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
            pickle.dump(message, process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            return pickle.load(process.stdout)  # noqa: S301 (from our own process)
        except (OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise WorkerGoneError from error

    def _command(self) -> list[str]:
        if getattr(sys, "frozen", False):
            return [sys.executable, WORKER_ARGUMENT, self._kind]
        # The modules are found where this program found them, and nowhere else.
        paths = [path for path in sys.path if path]
        start = f"import sys; sys.path[:] = {paths!r}; from {self._module} import main; main()"
        # Isolated it would not hear of the seed either; the environment has nothing else for it.
        isolation = ["-I"] if self._hash_seed is None else ["-s"]
        return [sys.executable, *isolation, "-S", "-c", start]

    def _environment(self) -> dict[str, str] | None:
        if self._hash_seed is None:
            return None
        # No variable of whoever started us may change what runs.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return clean | {"PYTHONHASHSEED": str(self._hash_seed), "PYTHONSAFEPATH": "1"}


def processors() -> int:
    """How many processes can work at a time."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def serve(working: Callable[[Any], AbstractContextManager[Callable[[Any], object]]]) -> None:
    """Be the process: answer requests from stdin until it ends.

    `working` makes of the setup what answers requests, and lets go of it at the end. What answering raises is
    raised on the other side.
    """
    # Ctrl-C in a terminal reaches every process there; the one that started us decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What is made for a request is gone after it; looking for cycles in it would only take time.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    with suppress(EOFError, OSError):  # the process that started us has ended, or wants us to
        setup = pickle.load(source)  # noqa: S301 (from the process that started us)
        with working(setup) as answer_to:
            _send(target, _READY)
            while True:
                request = pickle.load(source)  # noqa: S301 (from the process that started us)
                answer: object
                try:
                    answer = answer_to(request)
                except Exception as error:  # noqa: BLE001 (it is raised on the other side)
                    answer = error
                _send(target, answer)


def _send(target: IO[bytes], answer: object) -> None:
    pickle.dump(answer, target, protocol=pickle.HIGHEST_PROTOCOL)
    target.flush()
