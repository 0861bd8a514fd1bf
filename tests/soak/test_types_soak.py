"""A log in which each of a million events has a type of its own, opened, scrolled, filtered and appended to.

`AETHER_SOAK=1` runs it, and prints how long each step took and how busy the event loop was.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from tests.soak.test_window_soak import ROOT
from tests.soak.types_driver import name_of

pytestmark = pytest.mark.skipif("AETHER_SOAK" not in os.environ, reason="AETHER_SOAK is not set")

TYPES: Final = 1_000_000
_ACTORS: Final = 1000
_AT_ONCE: Final = 1000


async def fill(path: Path, count: int) -> None:
    """Events of as many types."""

    async def events() -> AsyncIterator[list[Event]]:
        for start in range(0, count, _AT_ONCE):
            yield [
                Event(f"e{n}", name_of(n), f"order-{n % _ACTORS}", n // _ACTORS + 1, {"n": n})
                for n in range(start, min(start + _AT_ONCE, count))
            ]

    async with open_engine(sqlite_url(path), synchronous="OFF") as engine:
        store = await engine.store("types")
        await store.save_all(events())  # type: ignore[attr-defined]  # a file takes any number at once


def table(steps: list[dict[str, Any]]) -> str:
    """A line for each step."""
    lines = [
        "step | seconds | memory MB | worked p99 ms | late p99 ms | latest ms",
        "---|---:|---:|---:|---:|---:",
    ]
    for step in steps:
        figures = " | ".join(f"{1000 * step[name]:.1f}" for name in ("worked", "late", "latest"))
        lines.append(f"{step['step']} | {step['seconds']:.1f} | {step['resident']:.0f} | {figures}")
    return "\n".join(lines)


def test_a_million_event_types(tmp_path: Path) -> None:
    path = tmp_path / "types.aether"
    asyncio.run(fill(path, TYPES))
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak.types_driver", str(tmp_path), str(path), str(TYPES)],
        cwd=ROOT,
        env=environment | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        timeout=1800,
        check=False,
    )
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    print(f"\n{table(steps)}")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    [typed] = [step for step in steps if step["step"] == "typed"]
    print(f"the slowest key took {typed['slowest_key'] * 1000:.1f} ms")
