"""Scanning a log with all processors: ranges of it go to worker processes, and what they find comes back in order.

The first ranges are looked at in this process, while the workers start: a small log needs none, and in a large one
the first hits are there at once. Until there are any, every look ends where it finds one.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from aether_engine.errors import StoreUnavailableError
from aether_engine.store.protocols import Sieve, Sifted
from aether_engine.store.sqlite.scan_pool import WorkerPool
from aether_engine.store.sqlite.scan_ranges import Range, ScanRanges
from aether_engine.store.sqlite.scan_worker import ScanWorker, SiftRequest
from aether_engine.store.sqlite.sifting import SiftedRange, Sifter
from aether_engine.worker_process import WorkerGoneError

#: Logs of fewer events are done before a worker would have started.
WORKERS_FROM: Final = 50_000
#: Seconds in which the first hits are looked for before workers are started.
_HEAD_START: Final = 0.01
#: A scan that takes this process longer goes to workers, whatever the number of its events.
_OWN_TIME: Final = 0.15
#: Sequences that a worker, or this process, gets to look at in one go, and for how many seconds at most.
_RANGE: Final = 32_768
_SECONDS: Final = 0.05
_OWN_RANGE: Final = 8_192
_OWN_SECONDS: Final = 0.01

Run = Callable[[Callable[[], SiftedRange]], "asyncio.Future[SiftedRange]"]


class Scanner:
    """The scans of one file. Used on the event loop."""

    def __init__(self, path: Path, url: str, sifter: Callable[[str], Sifter], run: Run) -> None:
        #: How many events a scan must have in front of it to start workers soon; with 0 it does so at once.
        self.workers_from = WORKERS_FROM
        self._sifter = sifter
        self._run = run
        self._pool = WorkerPool(path, url)
        self._scans: set[_Scan] = set()

    async def scan(self, namespace: str, sieve: Sieve, first: int, last: int) -> AsyncGenerator[Sifted, None]:
        """See `Scannable.scan`."""
        scan = _Scan(self._pool, self._run, namespace, self._sifter(namespace), sieve, first, last)
        scan.workers_from = self.workers_from
        self._scans.add(scan)
        self._pool.hold()
        try:
            while not scan.ranges.is_complete:
                scan.go_on()
                sifted = scan.ranges.hand_over()
                if sifted is not None:
                    yield sifted
                else:
                    await scan.news()
        finally:
            self._scans.discard(scan)
            scan.ranges.end()
            self._pool.release()

    def prepare(self, sieve: Sieve, count: int) -> None:
        """See `PreparesScans.prepare_scan`; a log has `count` events."""
        if count >= self.workers_from:
            self._pool.prepare(pickle.dumps(sieve))

    @property
    def has_workers(self) -> bool:
        """Whether there are workers, ready or not."""
        return self._pool.has_workers

    @property
    def process_ids(self) -> list[int]:
        """The processes that wait for, or do, this scanner's work."""
        return [worker.process_id for worker in self._pool.ready]

    async def close(self, error: StoreUnavailableError) -> None:
        """End all scans, which raise `error`, and all workers."""
        for scan in self._scans:
            scan.ranges.fail(error)
        await self._pool.close()


class _Scan:
    """Keeps everybody busy who can look at ranges of one scan."""

    def __init__(
        self, pool: WorkerPool, run: Run, namespace: str, sifter: Sifter, sieve: Sieve, first: int, last: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._pool = pool
        self._run = run
        self._namespace = namespace
        self._sifter = sifter
        self._sieve = sieve
        self._pickled = pickle.dumps(sieve)
        self.ranges = ScanRanges(first, last, self._notify)
        self._began = monotonic()
        self.workers_from = WORKERS_FROM
        self._met_large = False
        self._driven: set[ScanWorker] = set()
        self._own: asyncio.Future[SiftedRange] | None = None

    async def news(self) -> None:
        """Return when there is something new since this was called last."""
        await self._news.wait()
        self._news.clear()

    def go_on(self) -> None:
        """Give work to whoever has none."""
        if self._wants_workers():
            self._pool.start(self._pickled, self._news.set)
        if not self.ranges.has_work:
            # Others are at the last ranges; asking again and again would keep the event loop busy meanwhile.
            return
        for worker in self._pool.ready:
            if worker not in self._driven:
                self._driven.add(worker)
                driving = self._pool.submit(partial(self._drive, worker))
                driving.add_done_callback(partial(self._driven_to_the_end, worker))
        if not self._pool.ready and self._own is None:
            self._look_ourselves()

    def _wants_workers(self) -> bool:
        took = monotonic() - self._began
        if self.ranges.size >= self.workers_from and (took > _HEAD_START or not self.workers_from):
            return True
        return self._met_large or took > _OWN_TIME

    def _drive(self, worker: ScanWorker) -> None:
        """Have a worker look at ranges as long as there are any; in a thread of its own."""
        while (taken := self.ranges.take(_RANGE)) is not None:
            try:
                sifted = worker.sift(
                    SiftRequest(self._namespace, self._pickled, *taken, _SECONDS, not self.ranges.has_hits)
                )
            except WorkerGoneError:
                self.ranges.put_back(taken)
                self._loop.call_soon_threadsafe(self._pool.lost, worker)
                return
            except Exception as error:  # noqa: BLE001 (raised again where the scan is awaited)
                self.ranges.fail(error)
                return
            self.ranges.give(taken, sifted)

    def _driven_to_the_end(self, worker: ScanWorker, _: asyncio.Future[None]) -> None:
        self._driven.discard(worker)
        self._news.set()

    def _look_ourselves(self) -> None:
        leaves_large = self._pool.can_start
        ends_with_hit = not self.ranges.has_hits
        taken = self.ranges.take(_OWN_RANGE)
        if taken is None:
            return

        def look() -> SiftedRange:
            return self._sifter.sift(
                self._sieve, *taken, _OWN_SECONDS, ends_with_hit=ends_with_hit, leaves_large=leaves_large
            )

        try:
            self._own = self._run(look)
        except StoreUnavailableError as error:
            self.ranges.fail(error)
            return
        self._own.add_done_callback(partial(self._looked_ourselves, taken))

    def _looked_ourselves(self, taken: Range, done: asyncio.Future[SiftedRange]) -> None:
        self._own = None
        if done.cancelled():
            self.ranges.put_back(taken)
        elif (error := done.exception()) is not None:
            self.ranges.fail(error)
        else:
            sifted = done.result()
            self._met_large = self._met_large or sifted.met_large
            self.ranges.give(taken, sifted)

    def _notify(self) -> None:
        # Whoever is late finds a closed loop, and nobody waiting.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._news.set)
