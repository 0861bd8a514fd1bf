"""Durable saves: a load in batches, one after another, and many at once."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from aether_engine.event import Event
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.schema import create_schema
from tests.benchmarks.events import make_events
from tests.benchmarks.recorder import open_recorder, recorded
from tests.benchmarks.table import Row, interleaved, seconds

_BATCH = 1000
_SAVERS = 64


def run(quick: bool) -> list[Row]:
    """Measure; events per second."""
    folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
    try:
        return _load(folder, 20_000 if quick else 200_000, 3) + _single(folder, 100 if quick else 400, 5)
    finally:
        shutil.rmtree(folder)


def _load(folder: Path, count: int, repeats: int) -> list[Row]:
    # Decoded once, so that each side starts from what it stores: bytes.
    events = [Event.from_json(event.to_json()) for event in make_events(count)]
    batches = [events[start : start + _BATCH] for start in range(0, count, _BATCH)]
    rows, columns = asyncio.run(_stored_rows(folder, batches))

    def ours() -> float:
        return asyncio.run(_save_batches(_fresh(folder / "ours.aether"), batches))

    def plain() -> float:
        connection = sqlite3.connect(_fresh(folder / "plain.db"), isolation_level=None)
        connection.execute("BEGIN")
        create_schema(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        insert = f"INSERT INTO events VALUES ({', '.join('?' * columns)})"
        ids = [(int.from_bytes(row[4][:8], "big", signed=True), row[0]) for row in rows]

        def work() -> None:
            for start in range(0, count, _BATCH):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(insert, rows[start : start + _BATCH])
                connection.executemany("INSERT INTO event_ids VALUES (?, ?)", ids[start : start + _BATCH])
                connection.execute("COMMIT")

        taken = seconds(work)
        connection.close()
        return taken

    def theirs() -> float:
        recorder = open_recorder(_fresh(folder / "theirs.db"))
        prepared = [[recorded(event) for event in batch] for batch in batches]

        def work() -> None:
            for batch in prepared:
                recorder.insert_events(batch)

        taken = seconds(work)
        recorder.datastore.close()
        return taken

    mine, bare, recorder = (count / taken for taken in interleaved(repeats, ours, plain, theirs))
    what = f"save {count:,} events in batches of {_BATCH:,}"
    return [
        Row(what, mine, "events/s", "executemany of the same rows and indexes", bare, mine / bare, "≥ 0.6"),
        Row(what, mine, "events/s", "eventsourcing insert_events", recorder, mine / recorder, "≥ 1"),
    ]


def _single(folder: Path, count: int, repeats: int) -> list[Row]:
    events = [Event.from_json(event.to_json()) for event in make_events(count)]

    def one_by_one() -> float:
        return asyncio.run(_save_singly(_fresh(folder / "single.aether"), events))

    def at_once() -> float:
        return asyncio.run(_save_at_once(_fresh(folder / "many.aether"), events))

    def theirs() -> float:
        recorder = open_recorder(_fresh(folder / "single.db"))
        prepared = [recorded(event) for event in events]

        def work() -> None:
            for event in prepared:
                recorder.insert_events([event])

        taken = seconds(work)
        recorder.datastore.close()
        return taken

    mine, together, recorder = (count / taken for taken in interleaved(repeats, one_by_one, at_once, theirs))
    against = "eventsourcing insert_events of one"
    return [
        Row("one durable save after another", mine, "saves/s", against, recorder, mine / recorder, "≥ 0.6"),
        Row(f"{_SAVERS} savers at once", together, "saves/s", against, recorder, together / recorder, "≥ 4"),
    ]


async def _open(path: Path) -> SQLiteBackend:
    return await SQLiteBackend.open(path, url=str(path), read_only=False, publish=_ignore)


def _ignore(_namespace: str, _stored: Sequence[tuple[int, Event]]) -> None:
    pass


async def _save_batches(path: Path, batches: Sequence[Sequence[Event]]) -> float:
    backend = await _open(path)
    store = await backend.store("benchmark")
    await _warm_up(backend)
    start = perf_counter()
    for batch in batches:
        await store.save_events(batch)
    taken = perf_counter() - start
    await backend.close()
    return taken


async def _save_singly(path: Path, events: Sequence[Event]) -> float:
    backend = await _open(path)
    store = await backend.store("benchmark")
    await _warm_up(backend)
    start = perf_counter()
    for event in events:
        await store.save_event(event)
    taken = perf_counter() - start
    await backend.close()
    return taken


async def _save_at_once(path: Path, events: Sequence[Event]) -> float:
    backend = await _open(path)
    store = await backend.store("benchmark")
    await _warm_up(backend)

    async def saver(number: int) -> None:
        for event in events[number::_SAVERS]:
            await store.save_event(event)

    start = perf_counter()
    await asyncio.gather(*(saver(number) for number in range(_SAVERS)))
    taken = perf_counter() - start
    await backend.close()
    return taken


async def _warm_up(backend: SQLiteBackend) -> None:
    # The tables of the others exist before their clock starts, so does ours.
    await (await backend.store("other")).save_event(Event("first", "T", "first", 1, {}))


async def _stored_rows(folder: Path, batches: Sequence[Sequence[Event]]) -> tuple[list[tuple[Any, ...]], int]:
    path = _fresh(folder / "rows.aether")
    await _save_batches(path, batches)
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT * FROM events WHERE position > (2 << 40) ORDER BY position").fetchall()
    connection.close()
    return rows, len(rows[0])


def _fresh(path: Path) -> Path:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return path
