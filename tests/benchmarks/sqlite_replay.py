"""Reading a log from a file into events, and how the event loop fares meanwhile."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from pathlib import Path
from time import perf_counter

import orjson

from aether_engine.store.sqlite.backend import SQLiteBackend
from tests.benchmarks.generate import generate
from tests.benchmarks.table import Row, interleaved

_TICK = 0.001


def run(quick: bool) -> list[Row]:
    """Measure; events per second, and the latency of the loop in milliseconds."""
    count = 50_000 if quick else 200_000
    folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
    path = folder / "log.aether"
    try:
        generate(path, count, count // 10)
        latencies: list[float] = []

        def ours() -> float:
            return asyncio.run(_replay(path, count))

        def plain() -> float:
            connection = sqlite3.connect(path)
            start = perf_counter()
            for (raw,) in connection.execute("SELECT raw FROM events"):
                orjson.loads(raw)
            taken = perf_counter() - start
            connection.close()
            return taken

        def plain_columns() -> float:
            # What a StoredEvent tells besides: its sequence and when it was recorded.
            connection = sqlite3.connect(path)
            start = perf_counter()
            for _position, _recorded_at, raw in connection.execute(
                "SELECT position, recorded_at, raw FROM events"
            ):
                orjson.loads(raw)
            taken = perf_counter() - start
            connection.close()
            return taken

        def watched() -> float:
            late = sorted(asyncio.run(_replay_watched(path, count)))
            latencies.append(late[int(len(late) * 0.99)])
            return 0.0

        mine, bare, columns, _ = interleaved(3 if quick else 7, ours, plain, plain_columns, watched)
    finally:
        shutil.rmtree(folder)
    mine, bare, columns = count / mine, count / bare, count / columns
    late = sorted(latencies)[len(latencies) // 2] * 1000
    return [
        Row(
            f"replay {count:,} events to Event",
            mine,
            "events/s",
            "select and orjson.loads in one loop",
            bare,
            mine / bare,
            "≥ 0.5",
        ),
        Row("the same", mine, "events/s", "with sequence and time selected too", columns, mine / columns, ""),
        Row("the same: loop latency, 99 of 100", late, "ms", "two frames of a window", 33.0, late / 33.0, "≤ 1"),
    ]


async def _replay(path: Path, count: int) -> float:
    backend = await SQLiteBackend.open(path, url=str(path), read_only=True, publish=lambda _name, _stored: None)
    store = await backend.store("benchmark")
    start = perf_counter()
    seen = 0
    async for batch in store.read():
        seen += len(batch)
        assert batch[0].event is not None
    taken = perf_counter() - start
    assert seen == count
    await backend.close()
    return taken


async def _replay_watched(path: Path, count: int) -> list[float]:
    latencies: list[float] = []

    async def tick() -> None:
        while True:
            start = perf_counter()
            await asyncio.sleep(_TICK)
            latencies.append(perf_counter() - start - _TICK)

    ticker = asyncio.create_task(tick())
    await _replay(path, count)
    ticker.cancel()
    return latencies
