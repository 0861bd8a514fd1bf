"""Whether looking up an actor's version stays as fast when the file grows a thousandfold."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from pathlib import Path
from time import perf_counter

from aether_engine.store.sqlite.backend import SQLiteBackend
from tests.benchmarks.events import SEED
from tests.benchmarks.generate import actor_name, generate
from tests.benchmarks.table import Row, interleaved

_LOOK_UPS = 2000


def run(quick: bool) -> list[Row]:
    """Measure; microseconds per look-up of an actor drawn by lot."""
    count = 1_000_000 if quick else 10_000_000
    folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
    try:
        generate(folder / "small.aether", 10_000, 1_000)
        generate(folder / "large.aether", count, count // 10)

        def large() -> float:
            return asyncio.run(_look_up(folder / "large.aether", count // 10))

        def small() -> float:
            return asyncio.run(_look_up(folder / "small.aether", 1_000))

        slow, fast = interleaved(7, large, small)
        first = asyncio.run(_first_page(folder / "large.aether"))
    finally:
        shutil.rmtree(folder)
    return [
        Row(f"latest version among {count:,} events", slow, "µs", "among 10,000", fast, slow / fast, "≤ 1.5"),
        Row(
            f"first page of {count:,} events", first * 1000, "ms", "a tenth of a second", 100.0, first * 10, "≤ 1"
        ),
    ]


async def _look_up(path: Path, actors: int) -> float:
    backend = await SQLiteBackend.open(path, url=str(path), read_only=True, publish=lambda _name, _stored: None)
    store = await backend.store("benchmark")
    names = [actor_name(random.Random(SEED + number).randrange(actors)) for number in range(_LOOK_UPS)]
    for name in names[: _LOOK_UPS // 10]:
        await store.get_latest_version(name)
    start = perf_counter()
    for name in names:
        assert await store.get_latest_version(name) == 10
    taken = perf_counter() - start
    await backend.close()
    return taken / _LOOK_UPS * 1e6


async def _first_page(path: Path) -> float:
    start = perf_counter()
    backend = await SQLiteBackend.open(path, url=str(path), read_only=True, publish=lambda _name, _stored: None)
    store = await backend.store("benchmark")
    batch = await anext(store.read())
    await store.actors(limit=100)
    await backend.namespaces()
    taken = perf_counter() - start
    assert len(batch) == 1000
    await backend.close()
    return taken
