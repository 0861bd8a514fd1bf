"""Large batches: written by a few statements that another thread prepares, whatever comes in between."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from zlib_ng.zlib_ng import crc32

from aether_engine.errors import AetherError, VersionConflictError
from aether_engine.event import Event
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.inserts import EventColumns, EventWriter
from tests.engine.sqlite.support import NAMESPACE, make_event, opened, read_all

_COUNT = 934


@cache
def _events(first: int = 1) -> list[Event]:
    numbers = range(first, first + _COUNT)
    return [make_event(number, f"order-{number % 77}", text="x" * (number % 50)) for number in numbers]


async def _check(backend: SQLiteBackend, events: list[Event]) -> None:
    """They are stored in their order, byte for byte, and each can be found by its id."""
    store = await backend.store(NAMESPACE)
    found = await read_all(store)
    assert [stored.raw for stored in found] == [event.to_json() for event in events]
    assert all(stored.error is None for stored in found)
    for sequence in (1, 250, 251, len(events)):
        assert await store.sequence_of(events[sequence - 1].id) == sequence


@pytest.fixture
def prepared_by(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the threads that prepared statements."""
    threads: list[str] = []
    values = EventColumns.values

    def watched(rows: EventColumns, start: int, end: int, recorded_at: int) -> list[object]:
        threads.append(threading.current_thread().name.partition("_")[0])
        return values(rows, start, end, recorded_at)

    monkeypatch.setattr(EventColumns, "values", watched)
    yield threads
    assert not [thread for thread in threading.enumerate() if thread.name == "aether-prepare"]


async def test_a_large_batch_is_prepared_by_another_thread(tmp_path: Path, prepared_by: list[str]) -> None:
    async with opened(tmp_path / "a.aether") as backend:
        store = await backend.store(NAMESPACE)
        assert await store.save_events(_events()) == list(range(1, _COUNT + 1))
        # The first statement by whoever writes, and what is left over.
        assert prepared_by.count("aether-prepare") == _COUNT // 250 - 1
        await _check(backend, _events())


async def test_without_another_thread_it_is_done_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared_by: list[str]
) -> None:
    monkeypatch.setattr(EventWriter, "_ask", lambda _self, _prepare: False)
    async with opened(tmp_path / "a.aether") as backend:
        await (await backend.store(NAMESPACE)).save_events(_events())
        assert set(prepared_by) == {"aether-write"}
        await _check(backend, _events())


async def test_a_system_without_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "aether-prepare":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    async with opened(tmp_path / "a.aether") as backend:
        await (await backend.store(NAMESPACE)).save_events(_events())
        await _check(backend, _events())


async def test_sqlite_with_its_limit_of_old(tmp_path: Path, prepared_by: list[str]) -> None:
    async with opened(tmp_path / "a.aether") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(_events()[0])
        assert backend.writer is not None
        connection = backend.writer.appender._connection
        assert connection is not None
        await backend.writer.run(lambda: connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999))
        await store.save_events(_events()[1:])
        assert prepared_by.count("aether-prepare") == _COUNT // 100 - 1
        await _check(backend, _events())


@pytest.mark.parametrize("where", ["aether-prepare", "aether-write"])
async def test_a_batch_that_cannot_be_prepared_is_refused_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(raw: bytes, seed: int) -> int:
        if threading.current_thread().name.startswith(where):
            raise MemoryError
        return crc32(raw, seed)

    async with opened(tmp_path / "a.aether") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events(_events())
        monkeypatch.setattr("aether_engine.store.sqlite.inserts.crc32", fail)
        with pytest.raises((AetherError, MemoryError)):
            await store.save_events(_events(_COUNT + 1))
        monkeypatch.setattr("aether_engine.store.sqlite.inserts.crc32", crc32)
        await _check(backend, _events())
        await store.save_events(_events(_COUNT + 1))
        await _check(backend, _events() + _events(_COUNT + 1))


async def test_a_statement_that_fails_leaves_no_answer_behind(tmp_path: Path) -> None:
    """What was prepared for a batch that failed is not taken for a part of the next one."""
    path = tmp_path / "a.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events(_events())
        with sqlite3.connect(path) as other:
            # A row in the way: not of this format's making, and in no counter.
            row = other.execute("SELECT * FROM events ORDER BY position DESC LIMIT 1").fetchone()
            other.execute("INSERT INTO events VALUES (?, 999999, 1, ?, ?, ?, ?, ?)", (row[0] + 300, *row[3:]))
        other.close()
        with pytest.raises(AetherError):
            await store.save_events(_events(_COUNT + 1))
        with sqlite3.connect(path) as other:
            other.execute("DELETE FROM events WHERE actor = 999999")
        other.close()
        await store.save_events(_events(_COUNT + 1))
        await _check(backend, _events() + _events(_COUNT + 1))


async def test_a_refused_batch_leaves_counters_as_they_were(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.aether") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events([make_event(number) for number in range(1, 4)])
        bad = [make_event(10), make_event(11, "order-2", version=1), make_event(12, version=5)]
        for _ in range(2):
            with pytest.raises(VersionConflictError) as caught:
                await store.save_events(bad)
            assert (caught.value.actor_id, caught.value.current_version) == ("order-1", 10)
        assert await store.get_latest_version("order-1") == 3
        await store.save_events([make_event(20, version=4), make_event(21, "order-2", version=1)])
        counts = {actor.actor_id: actor.event_count for actor in await store.actors()}
        assert counts == {"order-1": 4, "order-2": 1}
