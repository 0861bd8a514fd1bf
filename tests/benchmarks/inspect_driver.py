"""Looks at large events in the window, offscreen, and prints how late its loop was. Started by `inspect_event`."""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QScrollBar

from aether_desktop.app import favour_the_loop
from aether_desktop.settings import Settings
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.workspace import Workspace
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from tests.benchmarks.driven import drive
from tests.benchmarks.events import SEED

_TICK: Final = 5
_LEVELS: Final = 900
#: Moves of a scroll bar, and bytes that are clicked.
_MOVES: Final = 60


class Lateness(QObject):
    """How late a timer is, in milliseconds, for each of its shots."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self, interval=_TICK, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(lambda: self._shot())
        self._due = 0.0
        self._late: list[float] = []

    def start(self) -> None:
        """Begin anew."""
        self._late = []
        self._due = perf_counter() + _TICK / 1000
        self._timer.start()

    def stop(self) -> list[float]:
        """What was measured since `start`."""
        self._timer.stop()
        self._shot()
        return self._late

    def _shot(self) -> None:
        now = perf_counter()
        self._late.append(max(0.0, now - self._due) * 1000)
        self._due = now + _TICK / 1000


def _event(number: int, actor: str, version: int, data: str) -> Event:
    return Event.from_json(
        (
            f'{{"id":"e{number}","eventType":"Imported","actorId":"{actor}","version":{version},"data":{data},'
            '"metadata":{"CorrelationID":"c-1"},"timestamp":"2026-01-02T03:04:05.123Z"}'
        ).encode()
    )


def events(megabytes: int) -> dict[str, list[Event]]:
    """Two versions of each kind of document, the second a little different."""
    dice = random.Random(SEED)
    rows = [
        f'{{"sku":"A-{n}","qty":{dice.randrange(100)},"price":{dice.randrange(1000)}.{dice.randrange(100):02},'
        f'"tags":["x","y\\u00e9"]}}'
        for n in range(megabytes * 15_700)
    ]
    many = f'{{"rows":[{",".join(rows)}],"note":"é"}}'
    text = "xé" * (megabytes * 333_000)
    deep = '{"a":' * _LEVELS + "1" + "}" * _LEVELS
    return {
        "many": [_event(1, "many-1", 1, many), _event(2, "many-1", 2, many.replace('"qty":5,', '"qty":500,', 50))],
        "text": [
            _event(3, "text-1", 1, f'{{"text":"{text}"}}'),
            _event(4, "text-1", 2, f'{{"text":"{text}!"}}'),
        ],
        "deep": [_event(5, "deep-1", 1, deep), _event(6, "deep-1", 2, deep.replace("1", "2"))],
    }


class Driver:
    """The window over a file of such events."""

    def __init__(self, home: str) -> None:
        self._workspace = Workspace(Settings(Path(home) / "settings.json"))
        self._window = MainWindow(self._workspace)
        self._window.resize(1440, 900)
        self._window.show()
        self._late = Lateness()

    async def look(self, path: Path, kinds: list[str]) -> dict[str, dict[str, list[float]]]:
        """Look at the second version of each kind in every way."""
        await self._workspace.open_path(path, read_only=True)
        await self._settle()
        return {kind: await self._look_at(2 * place + 2) for place, kind in enumerate(kinds, 1)}

    async def _look_at(self, sequence: int) -> dict[str, list[float]]:
        inspector, view = self._window.panels.inspector, self._window.documents.currentWidget()
        assert isinstance(view, EventView)
        tabs, tree = inspector.tabs, inspector.tree
        model: Any = tree.model()
        # One before, so that the actor's stream is read and there is something to come from.
        view.select_row(sequence - 2)
        await self._settle()
        found: dict[str, list[float]] = {}
        self._late.start()
        view.select_row(sequence - 1)
        await self._settle()
        await self._until(lambda: not model.is_reading)
        found["select"] = self._late.stop()

        self._late.start()
        node = next(model.index(row, 0) for row in range(model.rowCount()) if model.index(row, 0).data() == "data")
        while node.isValid() and model.hasChildren(node):
            tree.expand(node)
            await asyncio.sleep(0)
            await self._until(lambda: not model.is_reading)
            node = model.index(0, 0, node)
        found["open"] = self._late.stop()

        self._late.start()
        await self._scroll(tree.verticalScrollBar())
        for place, bar in ((2, inspector.hex.verticalScrollBar()), (1, inspector.raw.verticalScrollBar())):
            tabs.setCurrentIndex(place)
            await self._scroll(bar)
        found["scroll"] = self._late.stop()

        self._late.start()
        tabs.setCurrentIndex(2)
        size = len(inspector.hex.raw)
        for move in range(_MOVES):
            inspector.hex.select(size * move // _MOVES, size * move // _MOVES + 1)
            await asyncio.sleep(0.02)
        found["click bytes"] = self._late.stop()

        self._late.start()
        tabs.setCurrentIndex(1)
        inspector.raw.load_all()
        await self._until(lambda: inspector.raw.is_whole)
        await self._scroll(inspector.raw.verticalScrollBar())
        found["whole text"] = self._late.stop()

        self._late.start()
        tabs.setCurrentIndex(4)
        await self._until(lambda: inspector.diff.model().rowCount() > 0)
        found["diff"] = self._late.stop()

        self._late.start()
        self._window.panels.commands.run("copy_event")
        await self._settle()
        found["copy"] = self._late.stop()
        tabs.setCurrentIndex(0)
        return found

    async def close(self) -> None:
        self._window.hide()
        await self._window.close_documents()
        await self._workspace.close()

    async def _scroll(self, bar: QScrollBar) -> None:
        for move in range(_MOVES):
            bar.setValue(bar.maximum() * move // _MOVES)
            await asyncio.sleep(0.005)

    async def _until(self, condition: Any) -> None:
        while not condition():
            await asyncio.sleep(0.005)

    async def _settle(self) -> None:
        await self._workspace.idle()
        await self._window.settle()


async def main(arguments: list[str]) -> Any:
    """Make the file and look at it."""
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        path = Path(home) / "large.aether"
        made = events(int(arguments[0]))
        async with open_engine(sqlite_url(path), synchronous="OFF") as engine:
            log = await engine.store("shop")
            # First a small one: the first event is selected when the file is opened.
            await log.save_event(_event(0, "small-1", 1, '{"a":1}'))
            await log.save_event(_event(7, "small-1", 2, '{"a":2}'))
            for pair in made.values():
                for event in pair:
                    await log.save_event(event)
        kinds = list(made)
        del made
        # As the application does after its start.
        gc.collect()
        favour_the_loop()
        driver = Driver(home)
        try:
            return await driver.look(path, kinds)
        finally:
            await driver.close()


if __name__ == "__main__":
    drive(main)
