"""The worker processes of one file: started when a scan wants them, kept a while for the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from aether_engine.store.sqlite.scan_worker import ScanWorker
from aether_engine.worker_process import WorkerGoneError, processors

#: More workers would wait for the disk, or for the window that shows what they find.
_MOST_WORKERS: Final = 4
#: Scans at a time that can have a thread for each worker; further ones wait for theirs.
_SCANS: Final = 4
#: Seconds after the last scan for which workers are kept.
_IDLE_SECONDS: Final = 30.0
#: Workers that may be lost before no more are started.
_MOST_LOST: Final = 3


class WorkerPool:
    """Owns the processes, and the threads that talk to them. Used on the event loop."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self._url = url
        #: Workers that can be asked.
        self.ready: list[ScanWorker] = []
        self._all: list[ScanWorker] = []
        # Those of them whose turn to be started has not come.
        self._waiting: list[ScanWorker] = []
        self._threads: ThreadPoolExecutor | None = None
        self._listeners: list[Callable[[], None]] = []
        self._ending: set[asyncio.Future[None]] = set()
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None
        self._lost = 0
        self._closed = False

    @property
    def can_start(self) -> bool:
        """Whether there are workers, or will be when they are asked for."""
        return not self._closed and self._lost < _MOST_LOST

    @property
    def has_workers(self) -> bool:
        """Whether there are workers, ready or not."""
        return bool(self._all)

    def start(self, sieve: bytes, when_ready: Callable[[], None]) -> None:
        """Start workers if there are none; calls `when_ready` whenever one becomes ready, or cannot.

        They are for sieves like `sieve`, which is pickled. One processor is left to whoever looks for hits until
        then: the last worker is started when the first one is ready.
        """
        if self.ready or not self.can_start:
            return
        if self._all:
            if when_ready not in self._listeners:
                self._listeners.append(when_ready)
            return
        self._listeners = [when_ready]
        count = min(processors(), _MOST_WORKERS)
        self._all = [ScanWorker(self._path, self._url, sieve) for _ in range(count)]
        self._waiting = self._all[max(processors() - 1, 1) :]
        for worker in self._all:
            if worker not in self._waiting:
                self._start(worker)

    def prepare(self, sieve: bytes) -> None:
        """Have workers ready for a scan that will begin soon."""
        self.start(sieve, lambda: None)
        if not self._users:
            self._rest()

    def _start(self, worker: ScanWorker) -> None:
        starting = self.submit(worker.start)
        starting.add_done_callback(partial(self._started, worker))

    def submit(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Have a thread do what waits for a worker."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_MOST_WORKERS * _SCANS, thread_name_prefix="aether-scan")
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    def lost(self, worker: ScanWorker) -> None:
        """A worker has ended by itself."""
        if worker in self._all:
            self._all.remove(worker)
            self._lost += 1
            if worker in self.ready:
                self.ready.remove(worker)
            self._end([worker])

    def hold(self) -> None:
        """A scan begins."""
        self._users += 1
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def release(self) -> None:
        """A scan has ended; with the last one, workers stay for a while."""
        self._users -= 1
        if not self._users:
            self._rest()

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._all and not self._closed:
            self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._let_go)

    async def close(self) -> None:
        """End all workers and threads."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        self._let_go()
        while self._ending:
            await asyncio.wait(self._ending)
        if self._threads is not None:
            self._threads.shutdown(wait=True)

    def _let_go(self) -> None:
        workers, self._all, self._waiting, self.ready = self._all, [], [], []
        self._end(workers)

    def _end(self, workers: list[ScanWorker]) -> None:
        for worker in workers:
            ending = self.submit(worker.end)
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def _started(self, worker: ScanWorker, done: asyncio.Future[None]) -> None:
        error: Any = done.exception()
        if error is None and worker in self._all:
            self.ready.append(worker)
        elif isinstance(error, WorkerGoneError):
            self.lost(worker)
        while self._waiting:
            self._start(self._waiting.pop())
        for listener in self._listeners:
            listener()
