"""Looking for the relatives of an event: through a whole log beside only reading it, again, and by the index."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from time import perf_counter

from aether_engine.engine import open_engine, sqlite_url
from aether_engine.trace import Related, find_related
from aether_engine.trace_memory import TraceMemory
from tests.benchmarks.generate import cached_file
from tests.benchmarks.table import Row, interleaved


def run(quick: bool) -> list[Row]:
    """Measure; events per second, and milliseconds for the second search."""
    count, actors = (200_000, 2000) if quick else (1_000_000, 10_000)
    path = cached_file(count, actors)
    again: list[float] = []
    searched, read = interleaved(
        3, lambda: asyncio.run(_search(path, count, again)), lambda: asyncio.run(_read(path))
    )
    ours, theirs = count / searched, count / read
    indexed, whole = asyncio.run(_by_index(cached_file(200_000, 2000), 200_000))
    remembered = sorted(again)[len(again) // 2] * 1000
    return [
        Row(f"relatives in {count:,} events", ours, "/s", "reading the log", theirs, ours / theirs, "≥ 0.5"),
        Row(
            f"the same again, {count:,} events",
            remembered,
            "ms",
            "a tenth of a second",
            100,
            remembered / 100,
            "≤ 1",
        ),
        Row(
            "relatives in 200,000 events, by the index",
            indexed,
            "ms",
            "by reading",
            whole,
            indexed / whole,
            "≤ 0.1",
        ),
    ]


async def _by_index(source: Path, count: int) -> tuple[float, float]:
    """Milliseconds for a first look by reading the log, and by its index, in a copy of a file."""
    folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
    try:
        path = folder / "copy.aether"
        shutil.copyfile(source, path)
        async with open_engine(sqlite_url(path)) as engine:
            log = await engine.store("benchmark")
            [stored] = [
                each
                async for batch in log.read(from_sequence=count // 2, to_sequence=count // 2)
                for each in batch
            ]
            event = stored.event
            assert event is not None

            async def look(budget: int | None) -> tuple[float, Related]:
                assert event is not None
                began = perf_counter()
                search = find_related(
                    {"benchmark": log},
                    event,
                    namespace="benchmark",
                    sequence=count // 2,
                    recorded_at=stored.recorded_at,
                    budget=budget,
                )
                found = [each async for each in search][-1]
                return (perf_counter() - began) * 1000, found

            whole, expected = await look(None)
            while (await look(0))[1].searched < count:
                await asyncio.sleep(0.2)
            looks = [await look(0) for _ in range(9)]
            assert all(found == expected for _, found in looks)
            return sorted(taken for taken, _ in looks)[4], whole
    finally:
        shutil.rmtree(folder)


async def _search(path: Path, count: int, again: list[float]) -> float:
    async with open_engine(sqlite_url(path), read_only=True) as engine:
        log = await engine.store("benchmark")
        stored = [
            each async for batch in log.read(from_sequence=count // 2, to_sequence=count // 2) for each in batch
        ]
        event, memory = stored[0].event, TraceMemory()
        assert event is not None
        took: list[float] = []
        for _ in range(2):
            began = perf_counter()
            search = find_related(
                {"benchmark": log},
                event,
                namespace="benchmark",
                sequence=count // 2,
                recorded_at=stored[0].recorded_at,
                memory=memory,
            )
            found = [each async for each in search][-1]
            took.append(perf_counter() - began)
            assert found.is_complete
        again.append(took[1])
        return took[0]


async def _read(path: Path) -> float:
    async with open_engine(sqlite_url(path), read_only=True) as engine:
        log = await engine.store("benchmark")
        began = perf_counter()
        async for _ in log.read():
            pass
        return perf_counter() - began
