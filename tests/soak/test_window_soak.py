"""The real window for a long time: a tail at 20,000 events a second, browsing, replaying, a server that restarts.

`AETHER_SOAK=1` runs it for `AETHER_SOAK_MINUTES` (30 if not given). What it used is printed as a table. Memory is
that of the window's process, libraries included (RSS); the server and the writer are processes of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final

import nats
import pytest

from aether_engine.engine import open_engine
from aether_engine.store.jetstream.layout import JetStreamLayout
from tests.benchmarks.events import make_events
from tests.nats_servers import NatsServer, nats_server
from tests.soak.memory_curve import GROWTH, WARM, around_minute_two, at_the_end, curve, growth, middle
from tests.soak.window_driver import BROWSED, FLOODED

pytestmark = pytest.mark.skipif("AETHER_SOAK" not in os.environ, reason="AETHER_SOAK is not set")

ROOT: Final = Path(__file__).resolve().parents[2]
RATE: Final = 20_000
_BROWSED_EVENTS: Final = 20_000
_RESTARTS: Final = 6
#: Events the flooded stream keeps: half an hour of all of them would be sixteen gigabytes.
_KEPT: Final = 2_000_000


def minutes() -> float:
    """How long it runs."""
    return float(os.environ.get("AETHER_SOAK_MINUTES", "30"))


async def fill(url: str) -> None:
    """Make what is browsed, and an empty stream that forgets."""
    async with open_engine(url) as engine:
        store = await engine.store(BROWSED)
        events = list(make_events(_BROWSED_EVENTS, active=200, length=100))
        for start in range(0, len(events), 1000):
            await store.save_events(events[start : start + 1000])
    connection = await nats.connect(url)
    try:
        name = JetStreamLayout().stream(FLOODED)
        config = {
            "name": name,
            "subjects": [f"{name}.events.>", f"{name}.snapshots.>"],
            "storage": "file",
            "discard": "old",
            "max_msgs": _KEPT,
            "allow_direct": True,
        }
        await connection.request(f"$JS.API.STREAM.CREATE.{name}", json.dumps(config).encode(), timeout=5)
    finally:
        await connection.close()


@contextmanager
def writing(url: str, said: Path) -> Iterator[None]:
    """A writer that goes on whatever the server does; what it says comes into a file."""
    with said.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.endless_writer", url, FLOODED, str(RATE)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=output,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def written_rate(said: Path) -> float:
    """Events a second that the writer wrote while its connection held, as the median of all seconds."""
    seconds = [tuple(map(float, line.split())) for line in said.read_text("ascii").splitlines()]
    return median(
        (now[1] - before[1]) / (now[0] - before[0])
        for before, now in pairwise(seconds)
        if now[2] == before[2] and now[0] > before[0]
    )


@contextmanager
def restarting(server: NatsServer, every: float) -> Iterator[None]:
    """Kill the server and start it again, every so many seconds; once already while everything is new."""
    ending = threading.Event()

    def work() -> None:
        wait = min(every, WARM / 2)
        while not ending.wait(wait):
            server.kill()
            ending.wait(2)
            server.start()
            wait = every

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def table(samples: list[dict[str, Any]]) -> str:
    """About twenty lines of what was sampled."""
    head = "minute | memory MB | handles | tasks | timers | events/s | dropped | loop late p99 ms | worked p99 ms"
    lines = [head, "---|---:|---:|---:|---:|---:|---:|---:|---:"]
    step = max(len(samples) // 20, 1)
    for before, now in zip(samples[::step], samples[step::step], strict=False):
        rate = (now["received"] - before["received"]) / max(now["seconds"] - before["seconds"], 1)
        counts = " | ".join(str(now[name]) for name in ("handles", "tasks", "timers"))
        late = f"{now['late'] * 1000:.1f} | {now['worked'] * 1000:.1f}"
        memory = f"{now['seconds'] / 60:.1f} | {now['resident']:.0f}"
        lines.append(f"{memory} | {counts} | {rate:,.0f} | {now['dropped']:,} | {late}")
    return "\n".join(lines)


def test_the_window_in_a_flood_stays_as_it_is(tmp_path: Path) -> None:
    seconds = minutes() * 60
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with nats_server() as server:
        asyncio.run(fill(server.url))
        said = tmp_path / "writer"
        with writing(server.url, said), restarting(server, max(seconds / (_RESTARTS + 1), 20)):
            done = subprocess.run(
                [sys.executable, "-m", "tests.soak.window_driver", str(tmp_path), server.url, str(seconds)],
                cwd=ROOT,
                env=environment | {"QT_QPA_PLATFORM": "offscreen"},
                capture_output=True,
                timeout=seconds + 300,
                check=False,
            )
    samples = [json.loads(line) for line in done.stdout.splitlines()]
    print(f"\n{table(samples)}")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    last = samples[-1]
    print(
        f"\n{last['received']:,} events in {last['seconds'] / 60:.1f} minutes, {last['steps']} steps of the user, "
        f"{last['refused']} of them without a server"
    )
    rates = [
        (now["received"] - before["received"]) / max(now["seconds"] - before["seconds"], 1)
        for before, now in pairwise(samples)
    ]
    print(
        f"medians: {written_rate(said):,.0f} events/s written while the server was there, {median(rates):,.0f} "
        f"taken by the tail; the event loop worked {1000 * middle(samples, 'worked'):.1f} ms at a time at p99"
    )
    assert all(sample["adds_up"] and sample["running"] for sample in samples)
    assert last["steps"] > seconds / 30
    assert last["received"] > 0
    begin, end = around_minute_two(samples), at_the_end(samples)
    for name in ("resident", "private"):
        print(f"{name} memory of the window alone, MB by the minute: {curve(samples, name)}")
        if (grown := growth(samples, name)) is not None:
            print(
                f"{name} memory: {middle(begin, name):.1f} MB at minute two, {middle(end, name):.1f} MB in the "
                f"last two minutes: {100 * (grown - 1):+.1f} %"
            )
    if (grown := growth(samples, "resident")) is not None:
        assert grown <= GROWTH, f"memory grew by {100 * (grown - 1):.1f} %"
        for name, slack in (("handles", 12), ("tasks", 12), ("timers", 12)):
            assert middle(end, name) <= middle(begin, name) + slack, name
