"""Searching a log: the same hits on every store, told as they come, and an end whenever it is wanted."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aether_engine.codec import decode_event
from aether_engine.engine import open_engine
from aether_engine.errors import InvalidFilterError, StoreUnavailableError
from aether_engine.event import Event, StoredEvent, Tailed
from aether_engine.query import FoundSequences, Hits, parse_filter, prepare_search, search, select_events
from aether_engine.query.damage import DamageMap
from aether_engine.query.sieve import FilterSieve
from aether_engine.store.protocols import SieveDepth, Store
from aether_engine.store.sqlite import SQLiteBackend
from aether_engine.store.sqlite_scan_ranges import ScanRanges
from aether_engine.store.sqlite_sifting import SiftedRange
from aether_engine.transfer import export_ndjson
from aether_engine.worker_process import processors
from tests.engine.sqlite_support import NAMESPACE, opened
from tests.nats_servers import NatsServer, nats_server, wipe
from tests.waiting import until, until_sync

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 3_000
FILTERS = [
    "",
    "type:OrderPaid",
    "type:Order*,Note",
    "-type:OrderPaid -type:Note",
    "actor:order-7",
    "actor:order-7,order-8 version:>200",
    "actor:order-1* -data.number:<1500",
    "actor:order-*",
    "actor:nobody",
    "data.number:>2900",
    "data.number:100..110 sequence:105..",
    "data.price:19.9 data.nested.list.*:7",
    "data.nested.list.1:>5",
    "meta.UserID:u3 since:2026-02-28T23:50 before:2026-02-28T23:55",
    "correlation:c-9",
    "id:e-17,e-18",
    '"<b>old</b>" data.number:..500',
    '-"<b>" sequence:2000..2100',
    "Größe corrupted:no",
    "corrupted:yes",
    "nothing-at-all",
    "sequence:5..7,100 -sequence:6",
    "sequence:4000..",
]


TEXTS = ("\\u003cb\\u003eold\\u003c/b\\u003e", "Größe", "plain")


def event_at(number: int) -> Event:
    return decode_event(
        (
            f'{{"id":"e-{number}","eventType":"{("OrderPlaced", "OrderPaid", "Note")[number % 3]}",'
            f'"actorId":"order-{number % 10}","version":{number},'
            f'"data":{{"number":{number},"price":{number % 20}.90,'
            f'"text":"{TEXTS[number % 3]}",'
            f'"nested":{{"list":[{number % 5},{number % 11}]}}}},'
            f'"metadata":{{"UserID":"u{number % 7}","CorrelationID":"c-{number // 10}"}},'
            f'"timestamp":"{(NOW - timedelta(seconds=number)).isoformat()}"}}'
        ).encode()
    )


EVENTS = [event_at(number) for number in range(1, COUNT + 1)]


def expected(text: str) -> list[int]:
    event_filter = parse_filter(text, now=NOW)
    return [
        number
        for number, event in enumerate(EVENTS, 1)
        if event_filter.matches(StoredEvent(number, NOW, event.to_json(), event, None))
    ]


async def find(store: Store, text: str, **bounds: int) -> list[int]:
    """All hits; on the way, what a search promises about how it tells them is checked."""
    found = FoundSequences()
    last = Hits()
    async with aclosing(search(store, parse_filter(text, now=NOW), **bounds)) as searching:
        async for hits in searching:
            assert last.searched <= hits.searched <= hits.total
            assert last.checked <= hits.checked <= hits.total
            assert list(hits.sequences) == sorted(set(hits.sequences))
            if hits.sequences and not hits.late:
                assert not found or hits.sequences[0] > found[-1]
            found.add(hits)
            last = hits
    assert last.searched == last.total
    assert last.checked == last.total or "corrupted:no" in text
    return list(found)


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest.fixture(params=["memory", "sqlite", "sqlite workers", "jetstream"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param.startswith("sqlite"):
        async with opened(tmp_path / "log.aether", synchronous="OFF") as backend:
            if "workers" in request.param:
                backend.scanner.workers_from = 0
            yield await filled(await backend.store(NAMESPACE))
        return
    url = "memory://"
    if request.param == "jetstream":
        server = request.getfixturevalue("server")
        await wipe(server)
        url = server.url
    async with open_engine(url) as engine:
        yield await filled(await engine.store(NAMESPACE))


async def filled(store: Store) -> Store:
    for start in range(0, COUNT, 1000):
        await store.save_events(EVENTS[start : start + 1000])
    return store


async def test_a_search_finds_what_matches(store: Store) -> None:
    for text in FILTERS:
        assert await find(store, text) == expected(text), text
    assert await find(store, "type:Note", from_sequence=10, to_sequence=40) == [
        number for number in expected("type:Note") if 10 <= number <= 40
    ]
    assert await find(store, "type:Note", from_sequence=COUNT + 1) == []


async def test_what_is_saved_meanwhile_is_found_by_the_next_search(store: Store) -> None:
    assert await find(store, "actor:order-7 data.number:>2990") == [2997]
    await store.save_event(event_at(COUNT + 7))
    assert await find(store, "actor:order-7 data.number:>2990") == [2997, 3001]
    assert await find(store, "data.number:>2990 type:Order*") == [*expected("data.number:>2990 type:Order*"), 3001]


async def test_a_search_can_be_closed_at_any_point(store: Store) -> None:
    for steps in range(1, 4):
        searching = search(store, parse_filter("type:Note"))
        for _ in range(steps):
            await anext(searching, None)
        await searching.aclose()
    task = asyncio.create_task(find(store, "type:Note"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await find(store, "id:e-17") == [17]


async def test_a_filter_with_problems_is_refused(store: Store) -> None:
    with pytest.raises(InvalidFilterError, match="no whole number"):
        await find(store, "version:x")


# --- Files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "log.aether"

    async def make() -> None:
        async with opened(path, synchronous="OFF") as backend:
            await filled(await backend.store(NAMESPACE))

    asyncio.run(make())
    return path


@pytest.fixture(scope="module")
def damaged_file(whole_file: Path) -> Path:
    path = whole_file.with_name("damaged.aether")
    shutil.copy(whole_file, path)
    damage(path)
    return path


@pytest.fixture(params=[1_000_000, 0], ids=["alone", "workers"])
async def backend(request: pytest.FixtureRequest, damaged_file: Path) -> AsyncIterator[SQLiteBackend]:
    async with opened(damaged_file, read_only=True) as backend:
        backend.scanner.workers_from = request.param
        yield backend


#: Sequences that `damage` makes unreadable.
DAMAGED = [100, 1500, 2999]


def damage(path: Path) -> None:
    connection = sqlite3.connect(path)
    for sequence in DAMAGED:
        connection.execute(
            "UPDATE events SET raw = CAST(replace(CAST(raw AS TEXT), 'order-', 'Order-') AS BLOB) "
            "WHERE position & 0xffffffff = ?",
            (sequence,),
        )
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


@pytest.mark.parametrize("text", FILTERS)
async def test_corrupted_events_are_among_the_hits(damaged_file: Path, text: str) -> None:
    async with opened(damaged_file, read_only=True) as backend:
        await check_hits(backend, text)


@pytest.mark.parametrize("text", ["type:Note", "actor:order-7", "corrupted:yes", "Größe corrupted:no"])
async def test_workers_find_corrupted_events_too(damaged_file: Path, text: str) -> None:
    async with opened(damaged_file, read_only=True) as backend:
        backend.scanner.workers_from = 0
        await check_hits(backend, text)


async def check_hits(backend: SQLiteBackend, text: str) -> None:
    store = await backend.store(NAMESPACE)
    event_filter = parse_filter(text, now=NOW)
    agreed = [stored.sequence async for batch in store.read() for stored in batch if event_filter.matches(stored)]
    if "corrupted:no" not in text and "sequence" not in text:
        assert set(DAMAGED) <= set(agreed)
    assert await find(store, text) == agreed
    assert await find(store, text) == agreed  # now with what is known of the damage


async def test_what_is_known_of_damage_is_told_in_its_place(backend: SQLiteBackend) -> None:
    store = await backend.store(NAMESPACE)
    first = [hits async for hits in search(store, parse_filter("actor:order-7"))]
    assert [sequence for hits in first if hits.late for sequence in hits.sequences] == DAMAGED
    second = [hits async for hits in search(store, parse_filter("actor:order-7"))]
    assert not any(hits.late for hits in second)
    assert second[0].checked == COUNT


async def test_a_page_that_cannot_be_read_costs_no_other_hit(whole_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.aether"
    content = bytearray(whole_file.read_bytes())
    middle = content.find(b'"id":"e-1700"') // 8192 * 8192
    content[middle : middle + 100] = b"\xff" * 100
    path.write_bytes(content)
    for workers_from in (0, 1_000_000):
        async with opened(path, read_only=True) as backend:
            backend.scanner.workers_from = workers_from
            store = await backend.store(NAMESPACE)
            event_filter = parse_filter("type:Note", now=NOW)
            agreed = [
                stored.sequence async for batch in store.read() for stored in batch if event_filter.matches(stored)
            ]
            assert await find(store, "type:Note") == agreed
            assert len(agreed) > len(expected("type:Note"))


def cut_off(content: bytearray, dice: random.Random) -> None:
    del content[int(len(content) * dice.uniform(0.3, 0.99)) :]


def flip_bits(content: bytearray, dice: random.Random) -> None:
    for _ in range(12):
        content[dice.randrange(8192, len(content))] ^= 1 << dice.randrange(8)


def overwrite_pages(content: bytearray, dice: random.Random) -> None:
    for _ in range(3):
        start = dice.randrange(1, len(content) // 8192) * 8192
        content[start : start + 8192] = dice.randbytes(8192)


@pytest.mark.parametrize("harm", [cut_off, flip_bits, overwrite_pages])
async def test_damaged_files_are_searched_as_they_are_read(
    whole_file: Path, tmp_path: Path, harm: Callable[[bytearray, random.Random], None]
) -> None:
    for seed in range(3):
        content = bytearray(whole_file.read_bytes())
        harm(content, random.Random(seed))
        path = tmp_path / f"{seed}.aether"
        path.write_bytes(content)
        async with opened(path, read_only=True) as backend:
            store = await backend.store(NAMESPACE)
            read = [stored async for batch in store.read() for stored in batch]
            for text in (
                "type:Note",
                "version:5..20",
                "data.number:>2900 corrupted:no",
                "-Größe",
                "corrupted:yes",
            ):
                event_filter = parse_filter(text, now=NOW)
                agreed = [stored.sequence for stored in read if event_filter.matches(stored)]
                assert await find(store, text) == agreed, (seed, text)


async def test_large_events_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events(
            [
                Event(
                    f"e-{n}",
                    "Large" if n % 3 else "Small",
                    "a-1",
                    n,
                    {"n": n, "text": "x" * (200_000 if n % 3 else 10)},
                )
                for n in range(1, 61)
            ]
        )
        assert await find(store, "data.n:>50") == list(range(51, 61))
        assert await find(store, "type:Small xxx") == list(range(3, 61, 3))
        assert await find(store, "data.n:>50 corrupted:no") == list(range(51, 61))
        assert backend.scanner.process_ids


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


async def test_looking_for_something_leaves_no_trace(whole_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.aether"
    shutil.copy(whole_file, path)
    before = path.read_bytes()
    async with opened(path, read_only=True) as backend:
        backend.scanner.workers_from = 0
        await find(await backend.store(NAMESPACE), "type:Note")
        assert [each.name for each in tmp_path.iterdir()] == ["log.aether"]
    assert path.read_bytes() == before


# --- Tails and exports ------------------------------------------------------------------------------------------


async def test_a_tail_and_an_export_take_the_same_filters(tmp_path: Path) -> None:
    async with open_engine("memory://") as engine:
        store = await filled(await engine.store(NAMESPACE))
        event_filter = parse_filter("type:Note data.number:..500", now=NOW)
        async with engine.tail("*", event_filter=event_filter, after_sequence=0) as tail:
            found: list[int] = []
            while len(found) < len(expected(event_filter.text)):
                found += [item.stored.sequence for item in await anext(tail) if isinstance(item, Tailed)]
        assert found == expected(event_filter.text)
        result = await export_ndjson(store, tmp_path / "out.ndjson", event_filter=event_filter)
        assert result.events == len(found)
        assert (tmp_path / "out.ndjson").read_bytes() == b"".join(EVENTS[n - 1].to_json() + b"\n" for n in found)
        bad = parse_filter("version:x")
        with pytest.raises(InvalidFilterError):
            engine.tail("*", event_filter=bad)
        with pytest.raises(InvalidFilterError):
            await export_ndjson(store, tmp_path / "bad.ndjson", event_filter=bad)
    assert [each.name for each in tmp_path.iterdir()] == ["out.ndjson"]


@pytest.mark.parametrize(
    "text", ["type:Note", "-type:Note", "id:e-17", "actor:order-7 corrupted:no", "corrupted:yes"]
)
async def test_events_are_selected_once_each(store: Store, text: str) -> None:
    event_filter = parse_filter(text, now=NOW)
    found = [stored async for batch in select_events(store, event_filter) for stored in batch]
    assert [stored.sequence for stored in found] == expected(text)
    assert all(event_filter.matches(stored) for stored in found)


async def test_an_index_answers_before_the_log_is_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "log.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await filled(store)
        for text, count in (
            ("actor:order-7", 300),
            ("id:e-17,e-2999", 2),
            ("id:e-17 type:Nothing", 0),
            ("id:no", 0),
        ):
            searching = search(store, parse_filter(text))
            first, second = await anext(searching), await anext(searching)
            await searching.aclose()
            assert (first.searched, second.searched, len(second.sequences)) == (0, COUNT, count)
        # Ids that are in the index, and behind it.
        assert await store.find_ids(["e-3000", "e-1", "e-1", "\ud800"]) == [1, 3000]
    async with opened(tmp_path / "log.aether", read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        assert await store.find_ids(["e-3000", "e-1"]) == [1, 3000]
        assert await (await backend.store("nowhere")).find_ids(["e-1"]) == []


_PROGRAM = """
import asyncio, sys, time
from aether_engine.query import parse_filter, search
from pathlib import Path
from tests.engine.sqlite_support import NAMESPACE, opened

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


def test_what_was_checked_is_kept_in_ranges() -> None:
    damage_map = DamageMap()
    assert damage_map.unchecked(1, 10) == [(1, 10)]
    damage_map.add(4, 6, [5])
    damage_map.add(9, 9, [9])
    assert damage_map.unchecked(1, 10) == [(1, 3), (7, 8), (10, 10)]
    assert damage_map.unchecked(5, 9) == [(7, 8)]
    damage_map.add(1, 3, [2, 3])
    damage_map.add(5, 9, [5, 8, 9])  # partly known: nothing is there twice
    assert damage_map.unchecked(1, 12) == [(10, 12)]
    assert list(damage_map.corrupted(1, 12)) == [2, 3, 5, 8, 9]
    assert list(damage_map.corrupted(3, 8)) == [3, 5, 8]
    assert [damage_map.is_checked(place) for place in (0, 1, 9, 10)] == [False, True, True, False]
    damage_map.add(20, 30, [])
    damage_map.add(1, 40, [])
    assert damage_map.unchecked(1, 41) == [(41, 41)]


def test_hits_are_put_in_their_places() -> None:
    found = FoundSequences()
    assert found.add(Hits(array("q", [2, 5, 9]))) == 0
    assert found.add(Hits(array("q", [10]))) == 3
    assert found.add(Hits(array("q"))) == 4
    assert found.add(Hits(array("q", [5, 7, 12]), late=True)) == 1
    assert list(found) == [2, 5, 7, 9, 10, 12]
    assert [found.position_of(sequence) for sequence in (1, 2, 6, 12, 13)] == [0, 0, 2, 5, 6]


@pytest.mark.parametrize(
    "text", ["type:Note", "type:Note corrupted:no", "actor:order-7 corrupted:no", "corrupted:yes"]
)
async def test_an_export_tells_how_far_it_is_to_its_end(whole_file: Path, tmp_path: Path, text: str) -> None:
    told: list[float | None] = []
    async with opened(whole_file, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        event_filter = parse_filter(text, now=NOW)
        await export_ndjson(
            store,
            tmp_path / "out.ndjson",
            event_filter=event_filter,
            progress=lambda done: told.append(done.fraction),
        )
    fractions = [each for each in told if each is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


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
