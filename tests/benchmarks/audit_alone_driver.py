"""Audits a file in a process that does nothing else, and prints memory and latency as JSON. Started by `audit`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from time import perf_counter, sleep

from aether_engine.audit import Audit, FileTarget, Finding

_TICK = 0.001


async def audit(path: Path, latencies: list[float] | None = None) -> list[Finding]:
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


class Memory:
    """The most memory that this process and its children have together, looked at often."""

    def __init__(self) -> None:
        self.highest = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory")

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

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
    latencies: list[float] = []
    with Memory() as memory:
        asyncio.run(audit(Path(sys.argv[1]), latencies))
    print(json.dumps({"highest": memory.highest, "p99": quantiles(latencies, n=100)[98]}))
