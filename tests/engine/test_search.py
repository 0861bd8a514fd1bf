"""Searching a log: the same hits on every store, told as they come, and an end whenever it is wanted."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from aether_engine.engine import open_engine
from aether_engine.errors import InvalidFilterError
from aether_engine.event import Event, Tailed
from aether_engine.query import FoundSequences, Hits, parse_filter, search, select_events
from aether_engine.query.damage import DamageMap
from aether_engine.store.protocols import Store
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.transfer import export_ndjson
from tests.engine.searched_log import COUNT, EVENTS, NOW, event_at, expected, filled, find, make_file
from tests.engine.sqlite.support import NAMESPACE, opened
from tests.nats_servers import NatsServer, nats_server, wipe

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
    asyncio.run(make_file(path))
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
