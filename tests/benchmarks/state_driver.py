"""Drives the window over one long stream, offscreen, and prints what it measured as JSON; see `state_panel`."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aether_desktop.settings import Settings
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.workspace import Place, Workspace
from aether_engine.engine import open_engine
from aether_engine.event import Event
from aether_engine.replay import ReducerFile
from tests.benchmarks.driven import drive
from tests.benchmarks.events import SEED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_NAMESPACE, _ACTOR = "benchmark", "order-1"
_START = datetime(2024, 1, 1, tzinfo=UTC)
_TICK = 0.001
_ENDLESS = "def apply(state, event):\n    while event.version > 5: pass\n    return event.data\n"


def changed(version: int) -> Event:
    """About 300 bytes: some members change with each event, some rarely, and there is an object in the state."""
    return Event(
        f"{version:08x}-91e8-4f3a-9d5e-{version:012x}",
        "OrderChanged",
        _ACTOR,
        version,
        {
            "amount": version,
            "currency": "EUR",
            "customer": {"name": f"customer-{version // 1000}", "visits": version // 10},
            f"note-{version % 40}": f"changed {version} times",
        },
        {"CorrelationID": f"{version:08x}", "UserID": f"user-{version % 53}"},
        _START + timedelta(seconds=version),
    )


async def fill(path: Path, count: int) -> None:
    """Write the file that is looked at."""
    async with open_engine(str(path), synchronous="OFF") as engine:
        store = await engine.store(_NAMESPACE)
        for first in range(1, count + 1, 1000):
            await store.save_events([changed(version) for version in range(first, min(first + 1000, count + 1))])


@asynccontextmanager
async def latencies() -> AsyncIterator[list[float]]:
    """How late the event loop comes back to somebody who waits for a moment, in seconds."""
    measured: list[float] = []

    async def tick() -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(_TICK)
            measured.append(perf_counter() - began - _TICK)

    ticker = asyncio.create_task(tick())
    try:
        yield measured
    finally:
        ticker.cancel()


async def measure(window: MainWindow, path: Path, home: Path, moves: int) -> dict[str, list[float]]:
    """Move anywhere, then choose a reducer that never returns and go on moving."""
    connection = await window.workspace.open_path(path, read_only=True)
    assert connection is not None
    await window.settle()
    place = Place(connection, _NAMESPACE)
    await window.panels.desk.open_stream(place, _ACTOR)
    await window.settle()
    panel, state, chooser = window.panels.state_panel, window.panels.state, window.panels.travel.chooser
    slider, dice = panel.slider, random.Random(SEED)
    moved: list[float] = []
    for _ in range(moves):
        place_wanted = dice.randrange(slider.maximum() + 1)
        began = perf_counter()
        slider.setValue(place_wanted)
        while state.view is None or state.view.version != slider.version_at(place_wanted):
            await asyncio.sleep(0)
        panel.repaint()
        moved.append(perf_counter() - began)
        await asyncio.sleep(0.012)
    async with latencies() as folding:
        chooser.choose("shallow-merge")
        await window.settle()
    endless = home / "endless.py"
    endless.write_text(_ENDLESS)
    chooser.trust_asked.connect(lambda file: chooser.trust(ReducerFile.read(file.path)))
    async with latencies() as stuck:
        chooser.choose_file(str(endless))
        while not panel.banner.isVisible():
            slider.setValue(dice.randrange(slider.maximum() + 1))
            await asyncio.sleep(0.05)
    return {"moved": moved, "folding": folding, "stuck": stuck}


async def main(arguments: list[str]) -> dict[str, Any]:
    """Measure a stream of so many events, moving so many times."""
    home, count, moves = Path.home(), int(arguments[0]), int(arguments[1])
    path = home / "stream.aether"
    await fill(path, count)
    window = MainWindow(Workspace(Settings(home / "settings.json")))
    window.resize(1440, 900)
    window.show()
    measured = await measure(window, path, home, moves)
    window.hide()
    await window.close_documents()
    await window.workspace.close()
    return measured


if __name__ == "__main__":
    drive(main)
