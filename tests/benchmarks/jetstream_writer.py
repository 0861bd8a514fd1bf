"""The other process of the benchmark of tails: saves events as fast as it can, once it is told to."""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter

from aether_engine.engine import open_engine
from aether_engine.event import Event
from tests.benchmarks.events import make_events


async def main(url: str, namespace: str, count: int) -> None:
    """Say "ready", wait for a line, save `count` events in batches of 1,000, and say how many a second."""
    # Encoded beforehand: it is to write as fast as a process can.
    events = [Event.from_json(event.to_json()) for event in make_events(count, active=1000, length=20)]
    async with open_engine(url) as engine:
        store = await engine.store(namespace)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        start = perf_counter()
        for first in range(0, count, 1000):
            await store.save_events(events[first : first + 1000])
        print(int(count / (perf_counter() - start)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
