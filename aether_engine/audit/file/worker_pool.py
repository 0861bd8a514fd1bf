"""The processes that go through a file's log for one audit, as many as there are processors."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from aether_engine.audit.file.worker import AuditWorker, Request, WorkerSetup
from aether_engine.errors import StoreUnavailableError
from aether_engine.worker_process import WorkerGoneError

#: Workers that may end by themselves before it is told as an error; until then others take their place. Those that
#: read pages with the library do not count: it may have been at fault, and who takes their place does without.
_MOST_LOST: Final = 3


class WorkerPool:
    """The worker processes, each started when it is first needed, and a thread for each that talks to it."""

    def __init__(self, setup: WorkerSetup, size: int) -> None:
        self.size = size
        self._setup = setup
        self._idle: queue.SimpleQueue[AuditWorker | None] = queue.SimpleQueue()
        self._all: list[AuditWorker] = []
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="aether-audit-worker")
        self._lost = 0
        self._closed = False
        for _ in range(size):
            self._idle.put(None)

    @property
    def process_ids(self) -> list[int]:
        """The processes that run."""
        return [worker.process_id for worker in self._all if worker.is_running]

    def ask(self, request: Request) -> asyncio.Future[Any]:
        """The answer of whichever worker is free next."""
        return asyncio.get_running_loop().run_in_executor(self._threads, self._ask, request)

    def _ask(self, request: Request) -> Any:
        while True:
            idle = self._idle.get()
            worker = idle or AuditWorker(self._setup)
            try:
                if idle is None:
                    self._all.append(worker)
                    worker.start()
                answer = worker.ask(request)
            except WorkerGoneError:
                self._setup = replace(self._setup, reads_pages=False)
                self._idle.put(None)
                self._lost += not worker.reads_pages
                if self._closed or self._lost > _MOST_LOST:
                    raise StoreUnavailableError(
                        self._setup.url, "the processes that read it ended by themselves"
                    ) from None
                continue
            except BaseException:
                self._idle.put(worker)
                raise
            self._idle.put(worker)
            return answer

    def close(self) -> None:
        """End all processes and threads; blocks."""
        self._closed = True
        for worker in self._all:
            worker.end()
        self._threads.shutdown(wait=True, cancel_futures=True)


async def given_up(waiting: Collection[asyncio.Future[Any]]) -> None:
    """Wait for no answers any more."""
    for one in waiting:
        one.cancel()
    if waiting:
        await asyncio.wait(waiting)
