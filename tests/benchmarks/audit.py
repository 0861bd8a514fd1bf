"""Auditing a large clean file: how fast for each processor, in how much memory, and how the event loop fares.

Beside it a corpus in which more than 5,000 events were damaged at known places: what is found of them, and
nothing else. `python -m tests.benchmarks.audit EVENTS [FILE]` audits a file of so many events once and prints
the same rows.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter, process_time, sleep

import orjson

from aether_engine.audit import Audit, FileTarget, Finding
from aether_engine.native.library import OFF, SWITCH, library
from tests.benchmarks.driven import measured_by
from tests.benchmarks.generate import cached_file, generate
from tests.benchmarks.table import Row, print_table
from tests.engine.audit.corpus import KINDS, Place, build

_TICK = 0.001
_MEGABYTE = 1 << 20


def run(quick: bool) -> list[Row]:
    """Measure; events per second of one processor, megabytes, milliseconds, and shares of what was planted."""
    folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
    count = 100_000 if quick else 10_000_000
    try:
        return [*measure(cached_file(count, count // 10), count), *planted(folder, 10 if quick else 130)]
    finally:
        shutil.rmtree(folder)


def measure(path: Path, count: int) -> list[Row]:
    """The rows of one file."""
    bare = _plain(path, count)
    hashing = 2 * _hash(path)
    memory = _Memory()
    latencies: list[float] = []
    found, taken, cpu = _timed(path)
    with _python_alone():
        alone = count / _timed(path)[2]
    with memory:
        asyncio.run(_audit(path, latencies))
    window = measured_by("audit", path)
    late = sorted(latencies)[int(len(latencies) * 0.99)] * 1000
    beside = "select and orjson.loads in one loop"
    what = f"audit of {count:,} events"
    per_core, unhashed = count / cpu, count / (cpu - hashing)
    highest = memory.highest / _MEGABYTE
    return [
        Row(f"{what}, for each processor", per_core, "events/s", beside, bare, per_core / bare, "≥ 0.7"),
        Row("the same without the compiled library", alone, "events/s", beside, bare, alone / bare, ""),
        Row("the same without SHA-256 before and after", unhashed, "events/s", beside, bare, unhashed / bare, ""),
        Row(f"{what}, on all", count / taken, "events/s", beside, bare, count / taken / bare, ""),
        Row("the same: memory of all processes", highest, "MB", "300 MB", 300.0, highest / 300, "≤ 1"),
        Row("the same: loop latency, 99 of 100", late, "ms", "two frames of a window", 33.0, late / 33.0, "≤ 1"),
        Row(
            "the same in the window: loop latency, 99 of 100",
            window["p99"] * 1000,
            "ms",
            "two frames",
            33.0,
            window["p99"] / 0.033,
            "≤ 1",
        ),
        Row(
            "the same in the window: latency without an audit",
            window["idle"] * 1000,
            "ms",
            "two frames",
            33.0,
            window["idle"] / 0.033,
            "",
        ),
        Row(
            "the same in the window: work between two turns, 99 of 100",
            window["work"] * 1000,
            "ms",
            "two frames",
            33.0,
            window["work"] / 0.033,
            "≤ 1",
        ),
        Row("the same: findings on clean events", float(len(found)), "", "none", 1.0, float(len(found)), "≤ 0"),
    ]


def planted(folder: Path, per_kind: int) -> list[Row]:
    """What is found of damage that was planted at known places."""
    corpus = build(folder / "corpus.aether", per_kind)
    found = Counter(
        (one.check, one.namespace, sequence)
        for one in asyncio.run(_audit(corpus.path, None))
        for sequence in range(one.sequence or 0, (one.last_sequence or one.sequence or 0) + 1)
    )
    expected: Counter[Place] = Counter(corpus.planted)
    right = sum((found & expected).values())
    what = f"{sum(expected.values()):,} planted damages of {len(KINDS)} kinds"
    recall, precision = right / sum(expected.values()), right / max(sum(found.values()), 1)
    return [
        Row(f"{what}: found", recall, "", "all", 1.0, recall, "≥ 1"),
        Row(f"{what}: findings that are right", precision, "", "all", 1.0, precision, "≥ 1"),
    ]


def _timed(path: Path) -> tuple[list[Finding], float, float]:
    """The findings of an audit, the seconds it takes, and the processor time, its workers' included."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, start = process_time(), perf_counter()
    # Looking at the clock a thousand times a second takes time of its own.
    found = asyncio.run(_audit(path, None))
    taken = perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = process_time() - cpu + after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    return found, taken, cpu


@contextmanager
def _python_alone() -> Iterator[None]:
    """Do without the compiled library, in this process and those that it starts."""
    os.environ[SWITCH] = OFF
    library.cache_clear()
    try:
        yield
    finally:
        del os.environ[SWITCH]
        library.cache_clear()


async def _audit(path: Path, latencies: list[float] | None) -> list[Finding]:
    """The findings of an audit; `latencies` takes in how late the event loop was, in seconds, all the time."""

    async def tick() -> None:
        while latencies is not None:
            start = perf_counter()
            await asyncio.sleep(_TICK)
            latencies.append(perf_counter() - start - _TICK)

    ticker = asyncio.create_task(tick())
    audit = Audit(FileTarget(path, str(path)))
    found: list[Finding] = []
    async for step in audit.steps():
        found += step.findings
    await audit.close()
    ticker.cancel()
    return found


def _plain(path: Path, count: int) -> float:
    """Events per second of processor time of the loop that an audit is measured against."""
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    start = process_time()
    for (raw,) in connection.execute("SELECT raw FROM events"):
        orjson.loads(raw)
    taken = process_time() - start
    connection.close()
    return count / taken


def _hash(path: Path) -> float:
    """Seconds of processor time that it takes to hash the file once, which no audit can spare."""
    start = process_time()
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    return process_time() - start


class _Memory:
    """The most memory that this process and its children have together, looked at often."""

    def __init__(self) -> None:
        self.highest = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            self.highest = max(self.highest, sum(_resident(pid) for pid in (os.getpid(), *_children())))
            sleep(0.05)


def _children() -> list[int]:
    found: list[int] = []
    for listing in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, listing.read_text().split())
    return found


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    return 0


if __name__ == "__main__":
    events = int(sys.argv[1])
    if len(sys.argv) > 2:
        print_table(measure(Path(sys.argv[2]), events))
    else:
        folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
        try:
            generate(folder / "log.aether", events, events // 10)
            print_table(measure(folder / "log.aether", events))
        finally:
            shutil.rmtree(folder)
