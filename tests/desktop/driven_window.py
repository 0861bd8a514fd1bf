"""The whole window over a real file, driven as a user would: keys, clicks, and looking at what is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QModelIndex, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QFileDialog, QPlainTextEdit, QTableView, QWidget

from aether_desktop.models.events.event_table import Column, EventTable
from aether_desktop.settings import Settings
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.ui.window.panels import Panels
from aether_desktop.workspace import Place, Workspace
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from aether_engine.transfer import import_ndjson
from tests.waiting import until

NAMESPACE = "permits"
NO_MODIFIER = Qt.KeyboardModifier.NoModifier

T = TypeVar("T", bound=QObject)


class DrivenWindow:
    """A window that is shown and active, and short ways to what its user sees and does."""

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.workspace: Workspace = window.workspace

    @property
    def panels(self) -> Panels:
        return self.window.panels

    def child(self, kind: type[T], name: str, within: QWidget | None = None) -> T:
        """The widget of that object name; of several the one that is shown."""
        found = (within or self.window).findChildren(kind, name)
        shown = [each for each in found if not isinstance(each, QWidget) or each.isVisible()] or found
        assert len(shown) == 1, f"{name}: {len(shown)} of them are shown"
        return shown[0]

    # -- what is shown

    @property
    def place(self) -> Place:
        """The namespace whose contents are shown."""
        assert self.workspace.place is not None, "no namespace is chosen"
        return self.workspace.place

    @property
    def view(self) -> EventView:
        """The log or stream in front."""
        view = self.window.documents.currentWidget()
        assert isinstance(view, EventView), type(view).__name__
        return view

    @property
    def table(self) -> QTableView:
        return self.view.table

    @property
    def tabs(self) -> list[str]:
        documents = self.window.documents
        return [documents.tabText(index) for index in range(documents.count())]

    def cell(self, row: int, column: Column) -> str:
        """The text of a cell of the table in front."""
        model = self.view.model
        assert isinstance(model, EventTable)
        return str(model.index(row, model.columns.index(column)).data())

    @property
    def selected_sequence(self) -> int:
        """The sequence of the selected event, 0 without one."""
        selection = self.workspace.selection
        return selection.stored.sequence if selection is not None else 0

    @property
    def row_sequence(self) -> int:
        """The sequence of the current row of the table in front, 0 without one."""
        stored = self.view.model.stored_at(self.view.current_row)
        return stored.sequence if stored is not None else 0

    @property
    def shown_version(self) -> int:
        """The version whose state is shown."""
        return self.panels.state_panel.version

    @property
    def banner(self) -> str:
        """What the line above the documents says, nothing while it is hidden."""
        return self.window.banner.plain_text() if self.window.banner.isVisible() else ""

    def can(self, command: str) -> bool:
        return self.window.actions_by_name[command].isEnabled()

    # -- what the user does

    async def settle(self) -> None:
        """Wait until all that was asked for is loaded."""
        async with asyncio.timeout(30):
            await self.workspace.idle()
            await self.window.settle()

    def run(self, command: str) -> None:
        """Choose a command, as from its menu."""
        action = self.window.actions_by_name[command]
        assert action.isEnabled(), command
        action.trigger()

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NO_MODIFIER, target: QWidget | None = None) -> None:
        """Press a key in the widget that has the keyboard, or in `target`."""
        receiver = target or QApplication.focusWidget() or self.window
        QTest.keyClick(receiver, key, modifier)

    async def active(self) -> None:
        """Make the window the active one again, as a window manager does when a dialog has closed."""
        self.window.activateWindow()
        await until(self.window.isActiveWindow, what="the window is active")

    def control(self, key: Qt.Key) -> None:
        """Press a key together with Ctrl."""
        self.key(key, Qt.KeyboardModifier.ControlModifier)

    async def click_row(self, row: int) -> None:
        """Click a row of the table in front and wait until it is the selection."""
        table = self.table
        index = table.model().index(row, 1)
        table.scrollTo(index)
        await until(lambda: self.view.model.stored_at(row) is not None, what=f"row {row} is loaded")
        point = table.visualRect(index).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=point)
        await until(lambda: self.row_sequence == self.selected_sequence != 0, what=f"row {row} is selected")

    async def at(self, sequence: int) -> None:
        """Wait until an event is the selection, and its row the current one of the table in front."""
        await until(
            lambda: self.selected_sequence == sequence == self.row_sequence,
            what=f"#{sequence} is selected in the table and everywhere",
        )
        await self.settle()

    async def dialog(self, kind: type[T], name: str = "") -> T:
        """Wait for a dialog of the window."""

        def found() -> T | None:
            children = self.window.findChildren(kind, name) if name else self.window.findChildren(kind)
            return next((each for each in children if isinstance(each, QWidget) and each.isVisible()), None)

        await until(lambda: found() is not None, what=f"{kind.__name__} opens")
        dialog = found()
        assert dialog is not None
        return dialog

    async def answer_file_dialog(self, path: Path) -> None:
        """Choose a file in the file dialog that is open or about to open."""
        dialog = await self.dialog(QFileDialog)
        dialog.setDirectory(str(path.parent))
        dialog.selectFile(path.name)
        QTest.keyClick(dialog, Qt.Key.Key_Return)
        await until(lambda: not _is_visible(dialog), what="the file dialog closes")

    async def close(self) -> None:
        """End as the application does when the window was closed."""
        self.window.hide()
        await self.window.close_documents()
        await self.workspace.close()
        self.window.deleteLater()
        self.workspace.deleteLater()


def _is_visible(widget: QWidget) -> bool:
    import shiboken6

    return shiboken6.isValid(widget) and widget.isVisible()


@asynccontextmanager
async def driven(settings: Path) -> AsyncIterator[DrivenWindow]:
    """A window without any connection."""
    window = MainWindow(Workspace(Settings(settings)))
    seen = DrivenWindow(window)
    try:
        window.show()
        await seen.active()
        yield seen
    finally:
        await seen.close()


@asynccontextmanager
async def driven_file(path: Path, *, read_only: bool = False) -> AsyncIterator[DrivenWindow]:
    """A window over a file whose first log is in front, all of it loaded."""
    async with driven(path.parent / "settings.json") as seen:
        connection = await seen.workspace.open_path(path, read_only=read_only)
        assert connection is not None, seen.banner
        await seen.settle()
        yield seen


async def import_into(path: Path, source: Path, namespace: str = NAMESPACE) -> None:
    """Make an event file of lines of JSON."""
    async with open_engine(sqlite_url(path)) as engine:
        await import_ndjson(await engine.store(namespace), source)


async def save_elsewhere(path: Path, *events: Event, namespace: str = NAMESPACE) -> None:
    """Store events as another program would: with an engine of its own on the same file."""
    async with open_engine(sqlite_url(path)) as engine:
        await (await engine.store(namespace)).save_events(list(events))


def replace_text(editor: QPlainTextEdit, text: str) -> None:
    """Type over all that is in an editor."""
    editor.selectAll()
    editor.insertPlainText(text)


def child_index(parent: QModelIndex, model_field: str, view: QAbstractItemView) -> QModelIndex:
    """The row below `parent` whose first column says `model_field`."""
    model = view.model()
    for row in range(model.rowCount(parent)):
        index: QModelIndex = model.index(row, 0, parent)
        if index.data() == model_field:
            return index
    raise AssertionError(f"no {model_field}")
