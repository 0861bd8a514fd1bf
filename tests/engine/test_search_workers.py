"""The processes that search a file: ready in time, done without when they die, gone with whoever started them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from array import array
from pathlib import Path

import pytest

from aether_engine.engine import open_engine
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import Event, StoredEvent
from aether_engine.query import parse_filter, prepare_search, search
from aether_engine.query.sieve import FilterSieve
from aether_engine.store.protocols import SieveDepth
from aether_engine.store.sqlite.scan_ranges import ScanRanges
from aether_engine.store.sqlite.sifting import SiftedRange
from aether_engine.worker_process import processors
from tests.engine.searched_log import COUNT, expected, find, make_file
from tests.engine.sqlite.support import NAMESPACE, opened
from tests.waiting import until, until_sync


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "log.aether"
    asyncio.run(make_file(path))
    return path


async def test_workers_that_die_are_done_without(whole_file: Path) -> None:
    async with opened(whole_file, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        backend.scanner.workers_from = 0
        for _ in range(2):
            while not backend.scanner.process_ids:
                await find(store, "type:Note")
            for process_id in backend.scanner.process_ids:
                os.kill(process_id, signal.SIGKILL)
            assert await find(store, "type:Note") == expected("type:Note")


async def test_workers_are_ready_before_the_first_search(whole_file: Path) -> None:
    async with opened(whole_file, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        there: list[bool] = []
        # So few events are done before a worker would have started.
        for backend.scanner.workers_from in (COUNT + 1, COUNT):
            await prepare_search(store)
            there.append(backend.scanner.has_workers)
        assert there == [False, True]
        await until(lambda: backend.scanner.process_ids, what="the first one is ready")
        assert await find(store, "data.number:>2900") == expected("data.number:>2900")
        await until(lambda: len(backend.scanner.process_ids) == min(processors(), 4), what="all are")
        process_ids = backend.scanner.process_ids
        await prepare_search(store)
        assert backend.scanner.process_ids == process_ids
    with pytest.raises(StoreUnavailableError):
        await prepare_search(store)
    async with open_engine("memory://") as engine:
        await prepare_search(await engine.store("any"))


async def test_closing_a_store_that_gets_ready_ends_all_processes(whole_file: Path) -> None:
    async with opened(whole_file, read_only=True) as backend:
        backend.scanner.workers_from = 0
        await prepare_search(await backend.store(NAMESPACE))
        pool = backend.scanner._pool
        workers = list(pool._all)
        assert len(workers) == min(processors(), 4)
    assert not any(worker.is_running for worker in workers)


async def test_closing_the_store_ends_its_searches_and_processes(whole_file: Path) -> None:
    async with opened(whole_file, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        backend.scanner.workers_from = 0
        await find(store, "type:Note")
        await until(lambda: backend.scanner.process_ids)
        process_ids = backend.scanner.process_ids
        searching = search(store, parse_filter("type:Note"))
        await anext(searching)
        waiting = asyncio.create_task(anext(backend.scanner.scan(NAMESPACE, Endless(), 1, COUNT)))
        await asyncio.sleep(0)
    for ended in (waiting, anext(searching)):
        with pytest.raises(StoreUnavailableError, match="closed"):
            await ended
    for process_id in process_ids:
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)


class Endless:
    """A sieve that comes to no end."""

    depth = SieveDepth.BYTES
    needs_times = False
    versions = ()
    times = ()

    def refuses_type(self, name: str) -> bool:
        return False

    def select(self, raws: object, sequences: object, times: object) -> list[int]:
        while True:
            time.sleep(0.01)

    def matches(self, stored: StoredEvent) -> bool:
        raise NotImplementedError


_PROGRAM = """
import asyncio, sys, time
from aether_engine.query import parse_filter, search
from pathlib import Path
from tests.engine.sqlite.support import NAMESPACE, opened

async def main():
    async with opened(Path(sys.argv[1]), read_only=True) as backend:
        backend.scanner.workers_from = 0
        store = await backend.store(NAMESPACE)
        while not backend.scanner.process_ids:
            async for _ in search(store, parse_filter("type:Note")):
                pass
        print(*backend.scanner.process_ids, flush=True)
        time.sleep(60)

asyncio.run(main())
"""


def test_workers_end_with_a_program_that_is_killed(whole_file: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(whole_file)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as program:
        assert program.stdout is not None
        process_ids = [int(each) for each in program.stdout.readline().split()]
        assert process_ids
        program.kill()
    until_sync(lambda: not any(map(is_running, process_ids)), what=f"the end of {process_ids}")


def is_running(process_id: int) -> bool:
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def test_who_waits_for_the_last_range_is_not_asked_to_work() -> None:
    notified: list[None] = []
    ranges = ScanRanges(1, 20, lambda: notified.append(None))
    there: list[bool] = [ranges.has_work]
    one, two = ranges.take(10), ranges.take(10)
    assert one is not None
    assert two is not None
    there.append(ranges.has_work)
    assert ranges.take(10) is None
    # A part of it is left.
    ranges.give(two, SiftedRange(array("q"), 15))
    there.append(ranges.has_work)
    assert ranges.take(10) == (16, 20)
    there.append(ranges.has_work)
    ranges.put_back(one)
    there.append(ranges.has_work)
    ranges.end()
    there.append(ranges.has_work)
    assert there == [True, False, True, False, True, False]
    assert len(notified) == 2


def test_the_first_ranges_are_short() -> None:
    ranges = ScanRanges(1, 10_000_000, lambda: None)
    lengths = []
    for _ in range(24):
        taken = ranges.take(32_768)
        assert taken is not None
        lengths.append(taken[1] - taken[0] + 1)
    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[1], lengths[-1]) == (16_384, 16_384, 32_768)
    had_hits = ranges.has_hits
    ranges.give((16_385, 32_768), SiftedRange(array("q", [20_000]), 20_480))
    assert (had_hits, ranges.has_hits) == (False, True)
    assert ranges.take(32_768) == (20_481, 32_768)


async def test_whoever_waits_for_anything_at_all_hears_of_the_first_hit(whole_file: Path) -> None:
    async with opened(whole_file, read_only=True) as backend:
        sifter = backend.scanner._sifter(NAMESPACE)
        sieve = FilterSieve(parse_filter("data.number:>=100"))
        first = sifter.sift(sieve, 1, COUNT, 60, ends_with_hit=True)
        assert first.sequences[0] == expected("data.number:>=100")[0]
        assert first.searched_to < COUNT
        rest = sifter.sift(sieve, first.searched_to + 1, COUNT, 60)
        assert [*first.sequences, *rest.sequences] == expected("data.number:>=100")
        none = sifter.sift(FilterSieve(parse_filter("nowhere-at-all")), 1, COUNT, 60, ends_with_hit=True)
        assert (list(none.sequences), none.searched_to) == ([], COUNT)


async def test_an_event_type_that_comes_during_a_scan_is_found(tmp_path: Path) -> None:
    async with opened(tmp_path / "types.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events([Event(f"a-{n}", f"Old{n}", "order-1", n, {}) for n in range(1, 801)])
        sifter = backend.scanner._sifter(NAMESPACE)
        sieve = FilterSieve(parse_filter("type:New*"))
        assert list(sifter.sift(sieve, 1, 800, 60).sequences) == []
        await store.save_event(Event("b", "Newest", "order-1", 801, {}))
        assert list(sifter.sift(sieve, 1, 801, 60).sequences) == [801]
