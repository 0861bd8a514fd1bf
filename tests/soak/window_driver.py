"""The real window with a live tail in a flood, browsed and replayed all the while; prints what it uses as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from time import monotonic

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from aether_desktop.app import favour_the_loop, spare_what_stays
from aether_desktop.connection import Connection
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.theme import apply_theme
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.workspace import Place
from aether_engine.errors import AetherError
from tests.benchmarks.tail_driver import Latency, window_at

#: Namespaces: what is browsed, and what is flooded.
BROWSED, FLOODED = "shop", "flood"
_SAMPLE_SECONDS = 5.0
_STEP_SECONDS = 0.25


class User:
    """Somebody who looks around: another row, another version, another tab, a filter and none."""

    def __init__(self, window: MainWindow, connection: Connection, tail: TailView) -> None:
        self._window = window
        self._connection = connection
        self._tail = tail
        self._dice = random.Random(1)
        self.steps = 0
        self.refused = 0

    async def work(self) -> None:
        """Take one step after the other, for ever."""
        steps = (
            self._look_at_tail,
            self._browse,
            self._replay,
            self._filter,
            self._tail_state,
            self._look_at_flood,
        )
        while True:
            try:
                async with asyncio.timeout(20):
                    await self._dice.choice(steps)()
            except (AetherError, TimeoutError):
                self.refused += 1  # The server is away.
            self.steps += 1
            documents = self._window.documents
            while documents.count() > 6:
                closing = next(view for view in documents.views() if view is not self._tail)
                self._window.panels.desk.close_view(closing)
                await asyncio.sleep(0)
            await asyncio.sleep(_STEP_SECONDS)

    async def _browse(self) -> None:
        view = await self._window.panels.desk.open_log(Place(self._connection, BROWSED))
        await self._pick(view)

    async def _look_at_flood(self) -> None:
        view = await self._window.panels.desk.open_log(Place(self._connection, FLOODED))
        await self._pick(view)

    async def _pick(self, view: EventView) -> None:
        rows = view.model.rowCount()
        for _ in range(3):
            if rows:
                view.select_row(self._dice.randrange(rows))
            await asyncio.sleep(_STEP_SECONDS)

    async def _replay(self) -> None:
        panels = self._window.panels
        await panels.desk.open_stream(Place(self._connection, BROWSED), f"order-{self._dice.randrange(200):08d}")
        slider = panels.state_panel.slider
        for _ in range(5):
            slider.setValue(self._dice.randrange(slider.maximum() + 1))
            await asyncio.sleep(0.1)

    async def _filter(self) -> None:
        desk = self._window.panels.desk
        await desk.open_log(Place(self._connection, BROWSED))
        document_filter = desk.filter_in_front
        assert document_filter is not None
        document_filter.set_text(f"type:OrderPaid data.amount:>{self._dice.randrange(20_000)}")
        await asyncio.sleep(1)
        document_filter.clear()

    async def _look_at_tail(self) -> None:
        self._window.documents.setCurrentWidget(self._tail)
        self._tail.follow()
        await asyncio.sleep(3)

    async def _tail_state(self) -> None:
        await self._look_at_tail()
        self._tail.toggle_pause()
        self._tail.step(-1)
        await asyncio.sleep(1)
        self._tail.toggle_pause()
        self._tail.follow()


def resident_megabytes() -> float:
    """Memory in use by this process, with what it shares of libraries (RSS)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def private_megabytes() -> float:
    """Memory that this process uses alone: what ending it would give back."""
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024 / 1e6


async def watch(window: MainWindow, tail: TailView, user: User, seconds: float) -> None:
    """Print a line every few seconds.

    Nothing here may ask for all children of the window: that makes a Python object for each part of each widget,
    and PySide keeps it after the widget is gone.
    """
    begun = monotonic()
    while monotonic() < begun + seconds:
        async with Latency() as latency:
            await asyncio.sleep(_SAMPLE_SECONDS)
        counters = tail.controller.counters
        sample = {
            "seconds": round(monotonic() - begun),
            "resident": resident_megabytes(),
            "private": private_megabytes(),
            "handles": len(list(Path("/proc/self/fd").iterdir())),
            "tasks": len(asyncio.all_tasks()),
            "timers": sum(timer.isActive() for timer in window.findChildren(QTimer)),
            "received": counters.received,
            "dropped": counters.dropped,
            "adds_up": counters.adds_up,
            "running": tail.controller.running,
            "steps": user.steps,
            "refused": user.refused,
            **latency.figures(),
        }
        print(json.dumps(sample), flush=True)


async def _run(home: Path, url: str, seconds: float) -> None:
    async with window_at(home) as window:
        spare_what_stays(window)
        while (connection := await window.workspace.open(url)) is None:
            await asyncio.sleep(1)  # The server is away just now.
        await window.settle()
        tail = window.panels.desk.open_tail(Place(connection, FLOODED), FLOODED)
        user = User(window, connection, tail)
        working = asyncio.create_task(user.work())
        try:
            await watch(window, tail, user, seconds)
        finally:
            working.cancel()
            ended = (await asyncio.gather(working, return_exceptions=True))[0]
            if isinstance(ended, Exception):
                raise ended


def main() -> None:
    """Work as the arguments say, on Qt's own event loop, with the interpreter set up as the application has it."""
    os.environ["QT_API"] = "pyside6"
    from qasync import QEventLoop

    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    apply_theme(application, "light")
    favour_the_loop()
    with asyncio.Runner(loop_factory=lambda: QEventLoop(application)) as runner:
        runner.run(_run(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])))


if __name__ == "__main__":
    main()
