"""Searching a log of ten million events: by a value in the payload, and by text.

Every search starts in an engine just opened, without a process that scans: colder than a user's first one, who
has the keyboard in the field of the filter before he types; that is a row of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import orjson

from aether_engine.engine import open_engine
from aether_engine.query import Hits, parse_filter, prepare_search, search
from tests.benchmarks.generate import actor_name, cached_file
from tests.benchmarks.table import Row, interleaved

_TICK = 0.001
#: Seconds in which nobody types a filter that is not pasted.
_TYPING = 1.0
#: One event in ten thousand, and one in a thousand.
_AMOUNTS = range(50_000, 50_010)
_CUSTOMER = "customer-0976"


@dataclass
class _Measured:
    """Seconds until the first hit, until all was searched, and until all was checked; and the loop's latencies."""

    first: float = 0.0
    searched: float = 0.0
    checked: float = 0.0
    hits: int = 0
    p99: float = 0.0


def run(quick: bool) -> list[Row]:
    """Measure; events per second, and milliseconds."""
    count, actors = (1_000_000, 100_000) if quick else (10_000_000, 1_000_000)
    path = cached_file(count, actors)
    payload: list[_Measured] = []
    text: list[_Measured] = []
    index: list[_Measured] = []
    cancels: list[float] = []
    prepared: list[float] = []

    def search_for(wanted: str, into: list[_Measured], *, checks: bool = True) -> Callable[[], float]:
        def work() -> float:
            into.append(asyncio.run(_search(path, wanted, checks=checks)))
            return into[-1].searched

        return work

    def cancel() -> float:
        cancels.append(asyncio.run(_cancel(path)))
        return cancels[-1]

    def find_prepared() -> float:
        prepared.append(asyncio.run(_first_prepared(path, by_payload)))
        return prepared[-1]

    repeats = 3
    by_payload = f"data.amount:{_AMOUNTS[0]}..{_AMOUNTS[-1]}"
    mine, loop, text_mine, instr, checked, dearest, _ = interleaved(
        repeats,
        search_for(by_payload, payload, checks=False),
        lambda: _decode_all(path, payload),
        search_for(_CUSTOMER, text, checks=False),
        lambda: _instr(path, text),
        search_for(f"actor:{actor_name(17)}", index),
        cancel,
        find_prepared,
    )
    del checked, dearest
    first = max(each.first for each in payload) * 1000
    ready = max(prepared) * 1000
    late = max(each.p99 for each in (*payload, *text, *index)) * 1000
    check = sorted(each.checked - each.searched for each in index)[repeats // 2]
    found = max(each.first for each in index) * 1000
    longest_cancel = max(cancels) * 1000
    return [
        Row(f"payload scan of {count:,}", count / mine, "events/s", "select and orjson.loads in one loop",
            count / loop, loop / mine, "≥ 1"),
        Row("the same: first hit, slowest", first, "ms", "", 200.0, first / 200, "≤ 1"),
        Row("first hit, the field in use for a second, slowest", ready, "ms", "", 200.0, ready / 200, "≤ 1"),
        Row(f"text scan of {count:,}", count / text_mine, "events/s", "instr(raw, ?) in SQL",
            count / instr, instr / text_mine, "≥ 0.8"),
        Row("loop latency during scans, 99 of 100, worst", late, "ms", "two frames of a window",
            33.0, late / 33, "≤ 1"),
        Row("cancel a scan, slowest", longest_cancel, "ms", "", 100.0, longest_cancel / 100, "≤ 1"),
        Row("one actor: its events, slowest", found, "ms", "", 200.0, found / 200, ""),
        Row("behind it, checking every event for damage", count / check, "events/s",
            "select and orjson.loads in one loop", count / loop, loop / check, ""),
    ]  # fmt: skip


@asynccontextmanager
async def _latencies() -> AsyncIterator[list[float]]:
    latencies: list[float] = []

    async def tick() -> None:
        while True:
            start = perf_counter()
            await asyncio.sleep(_TICK)
            latencies.append(perf_counter() - start - _TICK)

    ticker = asyncio.create_task(tick())
    try:
        yield latencies
    finally:
        ticker.cancel()


async def _search(path: Path, text: str, *, checks: bool) -> _Measured:
    measured = _Measured()
    async with open_engine(str(path), read_only=True) as engine, _latencies() as latencies:
        store = await engine.store("benchmark")
        start = perf_counter()
        async with aclosing(search(store, parse_filter(text))) as searching:
            async for hits in searching:
                now = perf_counter() - start
                measured.hits += len(hits.sequences)
                if hits.sequences and not measured.first:
                    measured.first = now
                if hits.searched == hits.total and not measured.searched:
                    measured.searched = now
                    if not checks:
                        break
                measured.checked = now
        late = sorted(latencies)
        measured.p99 = late[int(len(late) * 0.99)] if late else 0.0
    return measured


async def _first_prepared(path: Path, text: str) -> float:
    """Seconds until the first hit of a search that could be seen coming."""
    async with open_engine(str(path), read_only=True) as engine:
        store = await engine.store("benchmark")
        await prepare_search(store)
        await asyncio.sleep(_TYPING)
        start = perf_counter()
        async with aclosing(search(store, parse_filter(text))) as searching:
            async for hits in searching:
                if hits.sequences:
                    break
        return perf_counter() - start


async def _cancel(path: Path) -> float:
    """Seconds until a search that is well under way has ended."""
    async with open_engine(str(path), read_only=True) as engine:
        store = await engine.store("benchmark")
        searching = search(store, parse_filter("-type:OrderPaid"))
        begun = Hits()
        while begun.searched < begun.total / 10 or not begun.total:
            begun = await anext(searching)
        task = asyncio.ensure_future(_drain(searching))
        await asyncio.sleep(0.05)
        start = perf_counter()
        task.cancel()
        await asyncio.wait({task})
        return perf_counter() - start


async def _drain(searching: AsyncIterator[Hits]) -> None:
    async for _ in searching:
        pass


def _decode_all(path: Path, ours: list[_Measured]) -> float:
    connection = sqlite3.connect(path)
    start = perf_counter()
    found, low, high = 0, _AMOUNTS[0], _AMOUNTS[-1]
    for (raw,) in connection.execute("SELECT raw FROM events"):
        if low <= orjson.loads(raw)["data"]["amount"] <= high:
            found += 1
    taken = perf_counter() - start
    connection.close()
    assert found == ours[-1].hits
    return taken


def _instr(path: Path, ours: list[_Measured]) -> float:
    connection = sqlite3.connect(path)
    start = perf_counter()
    found = connection.execute(
        "SELECT count(*) FROM events WHERE instr(raw, ?)", (_CUSTOMER.encode(),)
    ).fetchone()[0]
    taken = perf_counter() - start
    connection.close()
    assert found == ours[-1].hits
    return taken
