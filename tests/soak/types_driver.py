"""The real window over a file in which every event has a type of its own; prints each step as a line of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit

from aether_desktop.app import favour_the_loop
from aether_desktop.models.append.append_suggestions import KEPT, AppendSuggestions
from aether_desktop.models.filter.document_filter import FilterState
from aether_desktop.models.timeline.log_timeline import LogTimelineController
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.widgets.theme import apply_theme
from aether_desktop.ui.window.main_window import MainWindow
from tests.benchmarks.tail_driver import Latency, until, window_at
from tests.soak.window_driver import resident_megabytes

#: Seconds that one step may take on a busy machine.
_PATIENCE = 600.0


class Steps:
    """What somebody does in the log of a million types."""

    def __init__(self, window: MainWindow, count: int) -> None:
        self._window = window
        self._count = count
        self._last = name_of(count // 2)

    @property
    def _view(self) -> EventView:
        view = self._window.documents.currentWidget()
        assert isinstance(view, EventView)
        return view

    async def take(self, path: Path) -> None:
        """All of them, one after the other."""
        async with self._step("opened"):
            assert await self._window.workspace.open_path(path) is not None
            await until(self._shows_rows, _PATIENCE, "the first row")
        async with self._step("timeline counted"):
            await until(self._is_counted, _PATIENCE, "the timeline is exact")
            await self._window.settle()
        async with self._step("scrolled"):
            for number in range(20):
                row = self._count * number // 20
                self._view.select_row(row)
                await until(partial(self._is_there, row), _PATIENCE, "a page")
        await self._type()
        for text, hits in (
            (f"type:{self._last}", 1),
            (f"type:{self._last[:-2]}*", 100),
            (f"type:{name_of(0)[:-6]}*", 1_000_000),
            (f"-type:{name_of(0)[:-6]}*", 0),
        ):
            await self._filter(text, min(hits, self._count))
        async with self._step("append dialog"):
            suggestions = await self._append()
        async with self._step("append dialog closed"):
            await until(lambda: not len(suggestions.types), _PATIENCE, "the types are forgotten")

    async def _append(self) -> AppendSuggestions:
        """Open the dialog, have it find the type that is typed, and close it; what knew the types."""
        self._window.actions_by_name["append"].trigger()
        await until(lambda: self._dialog() is not None, _PATIENCE, "the dialog")
        dialog = self._dialog()
        assert dialog is not None
        suggestions = dialog.controller.suggestions
        await until(lambda: len(suggestions.types) >= min(self._count, KEPT), _PATIENCE, "the types are known")
        await until(lambda: suggestions.matching(self._last, 5) == [self._last], _PATIENCE, "the type is found")
        dialog.close()
        return suggestions

    def _is_there(self, row: int) -> bool:
        return self._view.model.stored_at(row) is not None

    async def _type(self) -> None:
        editor = self._window.findChild(QPlainTextEdit, "filterBar")
        assert editor is not None
        slowest = 0.0
        async with self._step("known types"):
            self._window.actions_by_name["filter"].trigger()
            assert self._view.filter is not None
            self._view.filter.look_up_known()
            known = self._view.filter
            await until(lambda: known.known is not None, _PATIENCE, "what can be completed")
        async with self._step("typed") as more:
            for character in f"type:{self._last}":
                began = perf_counter()
                QTest.keyClicks(editor, character)
                slowest = max(slowest, perf_counter() - began)
                await asyncio.sleep(0.02)
            more["slowest_key"] = slowest
            QTest.keyClick(editor, Qt.Key.Key_Escape)
            self._view.filter.clear()
            await self._window.settle()

    async def _filter(self, text: str, hits: int) -> None:
        document_filter = self._view.filter
        assert document_filter is not None
        async with self._step(text) as more:
            began = perf_counter()
            document_filter.set_text(text, at_once=True)
            await until(
                lambda: document_filter.status.searched >= self._count, _PATIENCE, str(document_filter.status)
            )
            more["searched"] = perf_counter() - began
            await until(lambda: document_filter.status.state is FilterState.DONE, _PATIENCE, "the filter")
            assert document_filter.status.hits == hits, document_filter.status
        document_filter.clear()
        await self._window.settle()

    def _shows_rows(self) -> bool:
        view = self._window.documents.currentWidget()
        return isinstance(view, EventView) and view.model.stored_at(0) is not None

    def _is_counted(self) -> bool:
        return any(each.is_exact for each in self._window.findChildren(LogTimelineController))

    def _dialog(self) -> AppendDialog | None:
        found = self._window.findChildren(AppendDialog)
        return next((each for each in found if each.isVisible()), None)

    @asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[dict[str, float]]:
        more: dict[str, float] = {}
        began = perf_counter()
        async with Latency() as late:
            yield more
            await asyncio.sleep(0.1)
        figures = {"seconds": perf_counter() - began, "resident": resident_megabytes(), **late.figures(), **more}
        print(json.dumps({"step": name, **figures}), flush=True)


def name_of(number: int) -> str:
    """The type of the event with this number."""
    return f"Type{number:07d}"


async def _run(home: Path, path: Path, count: int) -> None:
    async with window_at(home) as window:
        await Steps(window, count).take(path)


def main() -> None:
    """Work as the arguments say, on Qt's own event loop, with the interpreter set up as the application has it."""
    os.environ["QT_API"] = "pyside6"
    from qasync import QEventLoop

    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    apply_theme(application, "light")
    favour_the_loop()
    with asyncio.Runner(loop_factory=lambda: QEventLoop(application)) as runner:
        runner.run(_run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
