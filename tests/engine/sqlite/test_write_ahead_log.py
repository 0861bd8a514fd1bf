"""The file of the write-ahead log: what a gauge says of it, and the room that small saves have in it."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from aether_engine.store.sqlite.create import open_for_writing
from aether_engine.store.sqlite.file import RawFile, beside
from aether_engine.store.sqlite.write_ahead_log import MARGIN, ROOM, LogGauge, LogRoom
from tests.engine.sqlite.support import NAMESPACE, make_event, opened, read_all


def test_a_gauge_says_what_sqlite_says(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    raw = RawFile(path)
    gauge = LogGauge(beside(path, "-wal"))
    with closing(open_for_writing(raw, "url", "OFF", None)) as connection:
        salts = set()
        for turn in range(1, 4):
            for number in range(turn * 10):
                connection.execute("INSERT INTO event_types(name) VALUES (?)", (f"{turn} {number} {'x' * 9000}",))
            _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            assert pages == copied
            assert gauge.reaches(1)
            assert gauge.reaches(pages)
            assert not gauge.reaches(pages + 1)
            salts.add(gauge.look(1)[0])
        assert len(salts) == 3
    gauge.close()
    raw.release()
    with pytest.raises(OSError, match=r"store\.aether-wal"):
        gauge.reaches(1)


def _length(path: Path) -> int:
    return beside(path, "-wal").stat().st_size


async def test_small_saves_seldom_make_the_log_longer(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        lengths = []
        for number in range(1, 61):
            await store.save_event(make_event(number))
            lengths.append(_length(path))
        steps = {after - before for before, after in pairwise(lengths)}
        assert steps <= {0, ROOM}
        assert ROOM in steps
        assert lengths.count(lengths[-1]) > 3
    assert not beside(path, "-wal").exists()


async def test_large_saves_make_no_room(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        for first in range(2, 6002, 1000):
            await store.save_events([make_event(number) for number in range(first, first + 1000)])
        gauge = LogGauge(beside(path, "-wal"))
        assert gauge.reaches(gauge.pages(_length(path))), "it ends with its last page"
        gauge.close()


async def test_what_a_killed_writer_leaves_is_whole(tmp_path: Path) -> None:
    path, left = tmp_path / "store.aether", tmp_path / "left.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        for number in range(1, 6):
            await store.save_event(make_event(number))
        for suffix in ("", "-wal"):
            shutil.copyfile(beside(path, suffix), beside(left, suffix))
    assert not beside(left, "-wal").read_bytes()[-MARGIN:].strip(b"\0"), "zeros at the end"
    with sqlite3.connect(left) as reading:
        assert reading.execute("SELECT count(*) FROM events").fetchone() == (5,)
    reading.close()
    assert beside(left, "-wal").exists() is False
    async with opened(left) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(6))
        found = await read_all(store)
    assert [stored.sequence for stored in found] == list(range(1, 7))
    assert all(stored.error is None for stored in found)


async def test_a_log_without_room_takes_saves_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_room: LogRoom) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(LogRoom, "_make", refuse)
    path = tmp_path / "store.aether"
    with caplog.at_level(logging.WARNING):
        async with opened(path) as backend:
            store = await backend.store(NAMESPACE)
            for number in range(1, 6):
                await store.save_event(make_event(number))
            assert len(await read_all(store)) == 5
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "[Errno 28] No space left on device"
    ]
