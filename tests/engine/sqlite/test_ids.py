"""Ids are unique though the index over them lags: in memory, in the index, and between processes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aether_engine.errors import DuplicateEventError
from aether_engine.event import Event
from aether_engine.store.sqlite import ids as sqlite_ids
from aether_engine.store.sqlite import writer as sqlite_writer
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.store import SQLiteEventStore
from tests.engine.sqlite.support import NAMESPACE, make_event, opened, read_all
from tests.engine.sqlite.test_processes import read_line, run_process


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_ids, "LAG", 20)
    monkeypatch.setattr(sqlite_ids, "SLICE", 8)


def _index(path: Path) -> tuple[int, int]:
    """How many ids the index holds, and the sum of what it claims to hold."""
    connection = sqlite3.connect(path)
    try:
        held = connection.execute("SELECT count(*) FROM event_ids").fetchone()[0]
        until = connection.execute("SELECT sum(ids_until) FROM namespaces").fetchone()[0]
    finally:
        connection.close()
    return int(held), int(until)


async def _refuses_all(store: SQLiteEventStore, count: int) -> None:
    """Every id up to `count` is refused with its sequence, alone and within a batch."""
    fresh = await store.get_latest_version("elsewhere") + 1
    for number in range(1, count + 1):
        event = make_event(number, "elsewhere", version=fresh + 1)
        with pytest.raises(DuplicateEventError) as caught:
            await store.save_event(event)
        assert (caught.value.event_id, caught.value.sequence) == (event.id, number)
        first = Event(f"new-{number}", "T", "elsewhere", fresh, {})
        with pytest.raises(DuplicateEventError) as caught:
            await store.save_events([first, event])
        assert (caught.value.event_id, caught.value.sequence) == (event.id, number)


async def _move(backend: SQLiteBackend) -> None:
    assert backend.writer is not None
    await backend.writer.run(backend.writer.appender.move_ids)


async def test_ids_are_refused_on_both_sides_of_the_boundary(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        seen: set[tuple[bool, bool]] = set()
        for number in range(1, 100):
            await store.save_event(make_event(number))
            held, until = _index(path)
            assert until <= held <= number
            seen.add((until == held, held < number))
            if number % 9 == 0:
                await _refuses_all(store, number)
        # Complete up to the boundary, in the middle of a round, and lagging in both.
        assert {(True, True), (False, True)} <= seen
    assert _index(path) == (99, 99), "closing moves what is left"
    async with opened(path, synchronous="OFF") as backend:
        await _refuses_all(await backend.store(NAMESPACE), 99)


async def test_a_load_beyond_the_lag_is_indexed_in_its_own_transaction(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events([make_event(number) for number in range(1, 8)])

        async def batches(last: int, extra: int) -> AsyncIterator[list[Event]]:
            for start in range(8, last, 10):
                yield [make_event(number) for number in range(start, start + 10)]
            yield [make_event(extra, "elsewhere", version=1)]

        for extra in (3, 9, 44, 97):
            with pytest.raises(DuplicateEventError) as caught:
                await store.save_all(batches(98, extra))
            assert (caught.value.sequence, caught.value.in_batch) == (extra, extra > 7)
            assert await store.last_sequence() == 7
            await _refuses_all(store, 7)
        assert await store.save_all(batches(98, 1000)) == 91
        await _refuses_all(store, 97)


async def test_two_writers_see_each_others_ids(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as one, opened(path, synchronous="OFF") as other:
        stores = [await one.store(NAMESPACE), await other.store(NAMESPACE)]
        for number in range(1, 90):
            await stores[number % 2].save_event(make_event(number))
            for store in stores:
                for stored in (number, max(1, number - 15), max(1, number - 40)):
                    with pytest.raises(DuplicateEventError) as caught:
                        await store.save_event(make_event(stored, "elsewhere", version=1))
                    assert caught.value.sequence == stored
        await _refuses_all(stores[0], 89)
        await _refuses_all(stores[1], 89)


async def test_ids_are_moved_while_nobody_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_ids, "LAG", 1000)
    monkeypatch.setattr(sqlite_ids, "WORTH_MOVING", 10)
    monkeypatch.setattr(sqlite_writer, "_PAUSE", 0.0)
    monkeypatch.setattr(sqlite_writer, "_BREAK", 0.0)
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events([make_event(number) for number in range(1, 61)])
        while _index(path) != (60, 60):
            await asyncio.sleep(0)
        await _refuses_all(store, 60)


async def test_namespaces_keep_their_ids_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        stores = [await backend.store(name) for name in ("a", "b", "c")]
        for number in range(1, 40):
            for store in stores:
                assert await store.save_event(make_event(number)) == number
        for store in stores:
            await _refuses_all(store, 39)
    assert _index(path) == (117, 117)


async def test_prefixes_that_collide_are_no_duplicates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_ids, "_prefixes", lambda hashes: tuple(each[0] % 3 for each in hashes))
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        for start in range(1, 60, 3):
            await store.save_events([make_event(number) for number in range(start, start + 3)])
        await _refuses_all(store, 60)


async def test_kill_9_loses_no_id(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    for turn in range(6):
        async with (
            run_process("save_batches_until_killed", path, "a") as first,
            run_process("save_batches_until_killed", path, "b") as second,
        ):
            for _ in range(4 + 3 * turn):
                await read_line(first)
                await read_line(second)
            first.kill()
            second.kill()
            await asyncio.gather(first.communicate(), second.communicate())
        held, until = _index(path)
        async with opened(path, synchronous="OFF") as backend:
            store = await backend.store(NAMESPACE)
            found = await read_all(store)
            assert 0 < held <= len(found)
            assert until <= held
            for stored in found:
                assert stored.event is not None
                with pytest.raises(DuplicateEventError) as caught:
                    await store.save_event(replace(stored.event, actor_id="elsewhere", version=1))
                assert caught.value.sequence == stored.sequence


async def test_an_index_that_cannot_be_moved_into_keeps_nobody_from_saving(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.aether"

    def fail(_self: object, _connection: object) -> None:
        raise sqlite3.OperationalError("no room")

    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        with monkeypatch.context() as patched:
            patched.setattr(sqlite_ids.EventIds, "move", fail)
            for number in range(1, 150):
                await store.save_event(make_event(number))
            await _refuses_all(store, 149)
        assert len(caplog.records) == 1
        caplog.clear()
        assert _index(path) == (0, 0)
        await _move(backend)
        await _refuses_all(store, 149)
    async with opened(path, synchronous="OFF") as backend:
        await (store := await backend.store(NAMESPACE)).save_event(make_event(150))
        await _refuses_all(store, 150)
    assert _index(path) == (150, 150)


async def test_a_damaged_event_behind_the_boundary_keeps_nobody_from_saving(tmp_path: Path) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        await (await backend.store(NAMESPACE)).save_events([make_event(n, text="x" * 300) for n in range(1, 201)])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE namespaces SET ids_until = 10")
    connection.execute("DELETE FROM event_ids WHERE position & 0xffffffffff > 10")
    connection.commit()
    connection.close()
    content = bytearray(path.read_bytes())
    page = content.index(b'"event-90"') // 8192 * 8192
    content[page : page + 8192] = bytes(8192)
    path.write_bytes(content)
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        assert await store.save_event(make_event(201)) == 201
        for number in (5, 20, 199, 201):
            with pytest.raises(DuplicateEventError):
                await store.save_event(make_event(number, "elsewhere", version=1))


@pytest.mark.parametrize("until", ["'many'", "-5", "1 << 50", "1.5", "x'00'"])
async def test_a_boundary_that_makes_no_sense_is_survived(tmp_path: Path, until: str) -> None:
    path = tmp_path / "a.aether"
    async with opened(path, synchronous="OFF") as backend:
        await (await backend.store(NAMESPACE)).save_events([make_event(n) for n in range(1, 101)])
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE namespaces SET ids_until = {until}")
    connection.commit()
    connection.close()
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        for number in range(101, 150):
            await store.save_event(make_event(number))
        await _refuses_all(store, 149)
