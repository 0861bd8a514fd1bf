"""Drives the window over one file, offscreen, and prints what it measured as JSON. Started by `browse`."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QLineEdit

from aether_desktop.connection import Connection
from aether_desktop.models.events.actor_pages import PAGE_ACTORS
from aether_desktop.settings import Settings
from aether_desktop.ui.events.event_view import EventTableView, EventView
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.workspace import Workspace
from tests.benchmarks.driven import drive
from tests.benchmarks.events import SEED
from tests.benchmarks.generate import actor_name

#: Share of a processor below which a window does nothing.
_QUIET = 0.1
_PLAIN_SEARCH = (
    "SELECT a.actor_id, a.event_count, a.latest_version, t.name, e.recorded_at FROM actors AS a "
    "JOIN events AS e ON e.position = (a.namespace << 40) + a.last_sequence "
    "JOIN event_types AS t ON t.id = e.event_type "
    "WHERE a.namespace = 1 AND a.actor_id >= ? AND a.actor_id < ? ORDER BY a.actor_id LIMIT ?"
)


class Paints:
    """When the table was painted last, and whether every row in sight was there."""

    def __init__(self) -> None:
        self.first: float = 0.0
        self.filled: float = 0.0
        self.is_filled = asyncio.Event()
        paint = EventTableView.paintEvent

        def watched(table: EventTableView, event: QPaintEvent) -> None:
            paint(table, event)
            now = perf_counter()
            self.first = self.first or now
            if not self.filled and is_filled(table):
                self.filled = now
                self.is_filled.set()

        # The one place where all paints pass.
        setattr(EventTableView, "paintEvent", watched)  # noqa: B010 (an assignment is no override to mypy)

    def start(self) -> None:
        """Wait for the next ones."""
        self.first = self.filled = 0.0
        self.is_filled.clear()


def is_filled(table: EventTableView) -> bool:
    """Whether the rows in sight are there."""
    model: Any = table.model()
    top = table.rowAt(0)
    bottom = table.rowAt(table.viewport().height() - 1)
    rows = range(top, (bottom if bottom >= 0 else model.rowCount() - 1) + 1)
    return top >= 0 and all(model.entry(row) is not None for row in rows)


def processor_time() -> float:
    """Seconds of processor that this process and those it has started have used so far."""
    group, ticks = os.getpgrp(), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text("latin-1").rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def quiet() -> None:
    """Wait until what goes on behind an opened log, such as counting for its timeline, is over."""
    before = processor_time()
    for _ in range(600):
        await asyncio.sleep(0.5)
        now = processor_time()
        if now - before < _QUIET * 0.5:
            return
        before = now


class Driver:
    """The window, shown and empty."""

    def __init__(self, home: str) -> None:
        self.paints = Paints()
        self.workspace = Workspace(Settings(Path(home) / "settings.json"))
        self.window = MainWindow(self.workspace)
        self.window.resize(1440, 900)
        self.window.show()
        _ = self.window.panels

    async def open(self, path: Path) -> Connection:
        connection = await self.workspace.open_path(path, read_only=True)
        assert connection is not None
        return connection

    @property
    def view(self) -> EventView:
        view = self.window.documents.currentWidget()
        assert isinstance(view, EventView)
        return view

    async def opening(self, path: Path) -> float:
        """Seconds from opening a file to its first page on the screen; it is closed again."""
        await self.window.settle()
        self.paints.start()
        began = perf_counter()
        connection = await self.open(path)
        await self.paints.is_filled.wait()
        took = self.paints.filled - began
        await self.window.settle()
        await self.workspace.close_connection(connection)
        return took

    async def jumps(self, path: Path, count: int) -> dict[str, list[float]]:
        """Seconds from moving the scroll bar anywhere to the next paint, and to one with every row there."""
        await self.open(path)
        await self.window.settle()
        await quiet()
        dice = random.Random(SEED)
        model, bar = self.view.model, self.view.table.verticalScrollBar()
        painted, filled = [], []
        file = os.open(path, os.O_RDONLY)
        for _ in range(count):
            # Neither the operating system nor SQLite shall know the page already.
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            row = dice.randrange(model.rowCount() - 100)
            await self.window.settle()
            self.paints.start()
            began = perf_counter()
            bar.setValue(row)
            await self.paints.is_filled.wait()
            painted.append(self.paints.first - began)
            filled.append(self.paints.filled - began)
        os.close(file)
        return {"painted": painted, "filled": filled}

    async def searches(self, path: Path, count: int, actors: int) -> dict[str, list[float]]:
        """Seconds from a letter typed to the actors found, and those of the same rows by plain SQL."""
        await self.open(path)
        await self.window.settle()
        await quiet()
        search = self.window.findChild(QLineEdit, "actorSearch")
        table = self.window.panels.actors
        assert isinstance(search, QLineEdit)
        plain = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        dice = random.Random(SEED)
        ours: list[float] = []
        theirs: list[float] = []
        answer: asyncio.Future[float] = asyncio.Future()
        wanted = ""

        def look() -> None:
            if table.shown_search == wanted and not answer.done():
                answer.set_result(perf_counter())

        table.counts_changed.connect(look)
        while len(ours) < count:
            name = actor_name(dice.randrange(actors))
            for length in range(1, len(name) + 1):
                text = name[:length]

                def plainly(text: str = text) -> None:
                    began = perf_counter()
                    plain.execute(
                        _PLAIN_SEARCH, (text, text[:-1] + chr(ord(text[-1]) + 1), PAGE_ACTORS)
                    ).fetchall()
                    theirs.append(perf_counter() - began)

                # Who comes first finds the pages cold: in turns.
                if length % 2:
                    plainly()
                # A moment to paint what was found before.
                await asyncio.sleep(0.02)
                answer, wanted = asyncio.Future(), text
                began = perf_counter()
                search.setText(text)
                ours.append(await answer - began)
                if not length % 2:
                    plainly()
        plain.close()
        return {"ours": ours, "theirs": theirs}

    async def close(self) -> None:
        self.window.hide()
        await self.window.close_documents()
        await self.workspace.close()


def resident() -> float:
    """Megabytes of memory in use."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def main(arguments: list[str]) -> Any:
    """Do one piece of work: the first argument says which."""
    work, *arguments = arguments
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        driver = Driver(home)
        try:
            if work == "open":
                small, large, repeats = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
                took: dict[str, list[float]] = {"small": [], "large": []}
                for _ in range(repeats + 1):
                    took["small"].append(await driver.opening(small))
                    took["large"].append(await driver.opening(large))
                # The first time what is needed is loaded and compiled.
                return {name: values[1:] for name, values in took.items()}
            if work == "jump":
                measured: dict[str, Any] = dict(await driver.jumps(Path(arguments[0]), int(arguments[1])))
                await driver.window.settle()
                return measured | {"resident": resident()}
            return await driver.searches(Path(arguments[0]), int(arguments[1]), int(arguments[2]))
        finally:
            await driver.close()


if __name__ == "__main__":
    drive(main)
