"""The write-ahead log: copied into the file beside saves, begun anew, and whole whatever gets in the way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aether_engine.errors import StoreUnavailableError
from aether_engine.event import Event
from aether_engine.store.sqlite import checkpoints as sqlite_checkpoints
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.checkpoints import Checkpoints
from aether_engine.store.sqlite.file import beside
from aether_engine.store.sqlite.write_ahead_log import LogGauge
from tests.engine.sqlite.support import NAMESPACE, make_event, opened, read_all
from tests.engine.sqlite.test_processes import read_line, run_process

_LIMIT = 80
#: Pages of the log that one save writes here, at most.
_SAVE = 12


@pytest.fixture(autouse=True)
def _short_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, pages in (("STEP", 10), ("LONG", 40), ("LIMIT", _LIMIT)):
        monkeypatch.setattr(sqlite_checkpoints, name, pages)
    monkeypatch.setattr(sqlite_checkpoints, "PAUSE", 0.0)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Each copy that the thread makes: pages of the log, and pages of it that are in the file."""
    made: list[tuple[int, int]] = []
    copy = Checkpoints._copy

    def watched(self: Checkpoints) -> tuple[int, int]:
        result = copy(self)
        made.append(result)
        return result

    monkeypatch.setattr(Checkpoints, "_copy", watched)
    return made


@contextlib.contextmanager
def _snapshot_of(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who goes on reading what was there when he came."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM events").fetchone()
        yield connection


def _pages(path: Path) -> int:
    """Pages of the log."""
    gauge = LogGauge(beside(path, "-wal"))
    pages = 0
    try:
        while gauge.reaches(pages + 1):
            pages += 1
    finally:
        gauge.close()
    return pages


async def _save(backend: SQLiteBackend, first: int, count: int) -> None:
    store = await backend.store(NAMESPACE)
    for number in range(first, first + count):
        await store.save_event(make_event(number, text="x" * 5000))


async def _check(path: Path, count: int) -> None:
    """All is in the file itself, and sound."""
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    async with opened(path, read_only=True) as backend:
        found = await read_all(await backend.store(NAMESPACE))
    assert [stored.sequence for stored in found] == list(range(1, count + 1))
    assert all(stored.error is None for stored in found)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_log_is_copied_beside_saves_and_begun_anew(tmp_path: Path, copies: list[tuple[int, int]]) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        for first in range(1, 301, 10):
            await _save(backend, first, 10)
            assert _pages(path) < _LIMIT + _SAVE
        # By the thread, and the log does not hold it all any more.
        assert len(copies) >= 5
        assert beside(path, "-wal").stat().st_size < path.stat().st_size
    await _check(path, 300)


async def test_a_writer_waits_where_copying_falls_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: list[tuple[int, int]]
) -> None:
    go_on = threading.Event()
    copy = Checkpoints._copy

    def slow(self: Checkpoints) -> tuple[int, int]:
        go_on.wait(30)
        return copy(self)

    monkeypatch.setattr(Checkpoints, "_copy", slow)
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        saving = asyncio.create_task(_save(backend, 1, 200))
        while not (beside(path, "-wal").exists() and _pages(path) >= _LIMIT):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        # It stays there, however many want to save.
        assert not copies
        assert _pages(path) < _LIMIT + _SAVE
        assert not saving.done()
        go_on.set()
        await saving
        assert _pages(path) < _LIMIT + _SAVE
    await _check(path, 200)


async def test_a_writer_copies_itself_where_there_is_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: list[tuple[int, int]]
) -> None:
    def refuse(*_arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await _save(backend, 1, 1)
        assert backend.writer is not None
        monkeypatch.setattr(backend.writer.appender._checkpoints._executor, "submit", refuse)
        await _save(backend, 2, 99)
        assert not copies
        assert _pages(path) < _LIMIT + _SAVE
    await _check(path, 100)


async def test_pages_of_a_transaction_that_was_given_up_keep_nobody_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: list[tuple[int, int]]
) -> None:
    for name, pages in (("STEP", 100), ("LONG", 400), ("LIMIT", 800)):
        monkeypatch.setattr(sqlite_checkpoints, name, pages)
    look = LogGauge.look
    # They look like the log, and are not.
    monkeypatch.setattr(LogGauge, "look", lambda self, page: (look(self, page)[0], page < 800))
    path = tmp_path / "store.aether"
    start = time.monotonic()
    async with opened(path) as backend:
        await _save(backend, 1, 60)
    assert 1 <= len(copies) <= 2 + (time.monotonic() - start) / sqlite_checkpoints._FALSE_ALARM
    await _check(path, 60)


async def test_a_reader_of_an_old_state_keeps_nobody_from_saving(
    tmp_path: Path, copies: list[tuple[int, int]]
) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await _save(backend, 1, 20)
        with _snapshot_of(path) as reading:
            await _save(backend, 21, 100)
            assert reading.execute("SELECT count(*) FROM events").fetchone() == (20,)
            # What he reads is where it was, so the log is as long as it has to be.
            assert _pages(path) > _LIMIT
            # It is not tried with each save.
            assert len(copies) < 90
        await _save(backend, 121, 60)
        assert _pages(path) < _LIMIT + _SAVE
    await _check(path, 180)


async def test_readers_who_come_and_go_do_not_make_it_long(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        saving = asyncio.create_task(_save(backend, 1, 250))
        seen = 0
        while not saving.done():
            seen = max(seen, len(await store.get_events("order-1", max(seen - 20, 0))))
            await asyncio.sleep(0)
        await saving
        await _save(backend, 251, 50)
        assert _pages(path) < 2 * _LIMIT
    await _check(path, 300)


@pytest.mark.skipif(sys.platform == "win32", reason="killing is POSIX")
async def test_two_processes_keep_one_log_short(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    acknowledged: Counter[str] = Counter()
    for turn in range(2):
        async with (
            run_process("save_with_a_short_log", path, "a") as first,
            run_process("save_with_a_short_log", path, "b") as second,
        ):
            logs = set()
            for _ in range(80):
                for name, process in (("a", first), ("b", second)):
                    acknowledged[name] = max(acknowledged[name], int(await read_line(process)))
                gauge = LogGauge(beside(path, "-wal"))
                logs.add(gauge.look(1)[0])
                gauge.close()
            # Neither waits for the other to stop, nor does the log.
            assert len(logs) > 3
            first.kill()
            second.kill()
            for name, process in (("a", first), ("b", second)):
                rest = (await process.communicate())[0].split()
                acknowledged[name] = max([acknowledged[name], *map(int, rest)])
        async with opened(path) as backend:
            store = await backend.store(NAMESPACE)
            for name, version in acknowledged.items():
                assert [e.version for e in await store.get_events(name)][:version] == list(range(1, version + 1))
            # Whoever only reads leaves the log of killed ones alone.
            count = await store.save_event(make_event(max(acknowledged.values()), f"turn-{turn}"))
        await _check(path, count)


async def test_closing_waits_for_the_end_of_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copying, go_on = threading.Event(), threading.Event()
    copy = Checkpoints._copy

    def slow(self: Checkpoints) -> tuple[int, int]:
        copying.set()
        go_on.wait(30)
        return copy(self)

    monkeypatch.setattr(Checkpoints, "_copy", slow)
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await _save(backend, 1, 10)
        assert await asyncio.to_thread(copying.wait, 30)
        end = asyncio.create_task(backend.close())
        await asyncio.sleep(0.05)
        assert not end.done()
        go_on.set()
        await end
    await _check(path, 10)


async def test_a_copy_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    copy = Checkpoints._copy
    failed = 0

    def failing(self: Checkpoints) -> tuple[int, int]:
        nonlocal failed
        failed += 1
        raise sqlite3.OperationalError("disk I/O error")

    path = tmp_path / "store.aether"
    caplog.set_level(logging.ERROR)
    async with opened(path) as backend:
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoints, "_copy", failing)
            await _save(backend, 1, 100)
        assert failed > 1
        # Once for all of them.
        (record,) = caplog.records
        assert "store.aether cannot be copied" in record.getMessage()
        assert _pages(path) > _LIMIT
        monkeypatch.setattr(Checkpoints, "_copy", copy)
        await _save(backend, 101, 60)
        assert _pages(path) < _LIMIT + _SAVE
    await _check(path, 160)


async def test_a_store_whose_copies_fail_ends_without_a_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: Checkpoints) -> tuple[int, int]:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Checkpoints, "_copy", failing)
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await _save(backend, 1, 50)
    await _check(path, 50)


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on a file's size is POSIX")
async def test_a_file_that_cannot_take_the_log_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with run_process("save_beyond_limit_with_a_short_log", path, "-") as process:
        lines = (await asyncio.wait_for(process.communicate(), 60))[0].decode().splitlines()
        assert process.returncode == 0
    failures, acknowledged, last = map(int, lines[-1].split())
    assert failures > 0
    assert acknowledged == last > 20
    # The log of a process that could not copy it is still there, and the next one does.
    assert beside(path, "-wal").exists()
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        assert await store.save_event(make_event(last + 1)) == last + 1
    await _check(path, last + 1)


async def test_a_file_in_the_place_of_a_deleted_one_is_left_alone(
    tmp_path: Path, copies: list[tuple[int, int]]
) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await _save(backend, 1, 30)
        for each in tmp_path.iterdir():
            each.unlink()
        path.write_bytes(b"another")
        with pytest.raises(StoreUnavailableError, match="deleted, moved or replaced"):
            await _save(backend, 31, 1)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {path.name: b"another"}


async def test_a_load_of_one_transaction_is_copied_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)

        async def batches() -> AsyncIterator[list[Event]]:
            for first in range(1, 401, 100):
                yield [make_event(number, text="x" * 5000) for number in range(first, first + 100)]

        assert await store.save_all(batches()) == 400
        await _save(backend, 401, 60)
        assert _pages(path) < _LIMIT + _SAVE
    await _check(path, 460)
