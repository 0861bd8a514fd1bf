"""Opens a file in the window, offscreen, and prints how its timeline came to be as JSON. Started by `timeline`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter

from PySide6.QtGui import QPaintEvent

from aether_desktop.ui.timeline.timeline import Timeline
from tests.benchmarks.browse_driver import Driver, resident
from tests.benchmarks.driven import drive

_TICK = 0.001


class Drawn:
    """When a timeline was painted first with anything in it."""

    def __init__(self) -> None:
        self.at = 0.0
        self.is_drawn = asyncio.Event()
        paint = Timeline.paintEvent

        def watched(plot: Timeline, event: QPaintEvent) -> None:
            paint(plot, event)
            if not self.at and plot.drawing.places:
                self.at = perf_counter()
                self.is_drawn.set()

        # The one place where all paints pass.
        setattr(Timeline, "paintEvent", watched)  # noqa: B010 (an assignment is no override to mypy)


async def main(arguments: list[str]) -> dict[str, float]:
    """Seconds to the first page, the first estimate and the end; latencies of the loop; megabytes."""
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        drawn, driver = Drawn(), Driver(home)
        try:
            await driver.window.settle()
            driver.paints.start()
            began = perf_counter()
            await driver.open(Path(arguments[0]))
            await driver.paints.is_filled.wait()
            page = driver.paints.filled - began
            before = resident()
            await drawn.is_drawn.wait()
            first = drawn.at - began
            timelines, view = driver.window.panels.timelines, driver.view
            pane = timelines.timeline_of(view)
            assert pane is not None
            latencies: list[float] = []
            while "estimate" in pane.title:
                asked = perf_counter()
                await asyncio.sleep(_TICK)
                latencies.append(perf_counter() - asked - _TICK)
            whole = perf_counter() - began - first
            return {
                "page": page,
                "first": first,
                "whole": whole,
                "p99": quantiles(latencies, n=100)[98],
                "grown": max(resident() - before, 0.0),
            }
        finally:
            await driver.close()


if __name__ == "__main__":
    drive(main)
