"""The cheat sheet (F1): every shortcut of the window, from its actions, and the keys of the panes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QSortFilterProxyModel, Qt
from PySide6.QtGui import QAction, QKeySequence, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QDialog, QLineEdit, QMainWindow, QMenu, QTreeView, QVBoxLayout

from aether_desktop.ui.widgets.no_match import NoMatch
from aether_desktop.ui.widgets.theme import ui_font
from aether_desktop.ui.window.actions import keys_text

#: Keys that are no commands: they mean something only to the widget that has the keyboard.
_OF_PANES: Final = (
    (
        "In a log or stream",
        (
            ("Home, End", "First or last event"),
            ("Return", "Open the stream of the event's actor"),
            ("Shift+Up, Shift+Down", "Select several events"),
            ("Menu", "What can be done with the event"),
        ),
    ),
    (
        "In the actors",
        (
            ("Down", "From the search into the list"),
            ("Return", "Open the actor"),
            ("Escape", "Back to the document"),
        ),
    ),
    ("In the state", (("Left, Right", "One version back or forward"), ("Return", "Load all of a shortened list"))),
    (
        "In a tail",
        (
            ("Space", "Pause, or go on"),
            ("End", "Follow the newest event again"),
            ("Return", "State at the event, or load a gap"),
        ),
    ),
    (
        "In a timeline",
        (
            ("Left, Right", "One bar or version back or forward"),
            ("Return", "Go there"),
            ("Shift+Left, Shift+Right", "Choose a range to filter"),
            ("Escape", "Choose nothing"),
        ),
    ),
    (
        "In the filter",
        (
            ("Ctrl+Space, Down", "What could be typed"),
            ("Return", "Take it at once, and go to the table"),
            ("Escape", "Back to the table"),
        ),
    ),
    ("In the findings of an audit", (("Return", "Go to the event"), ("Left, Right", "Fold or unfold a group"))),
)


def shortcuts_of(window: QMainWindow) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The menus with their commands that have shortcuts: text and keys; at last those that are in no menu."""
    told: set[QAction] = set()

    def commands(actions: list[QAction]) -> Iterator[tuple[str, str]]:
        for action in actions:
            menu = action.menu()
            if isinstance(menu, QMenu):
                yield from commands(menu.actions())
            elif action.shortcuts() and action not in told:
                told.add(action)
                keys = (each.toString(QKeySequence.SequenceFormat.NativeText) for each in action.shortcuts())
                yield action.text().replace("&", "").removesuffix("…"), ", ".join(keys)

    for top in window.menuBar().actions():
        menu = top.menu()
        if isinstance(menu, QMenu):
            found = list(commands(menu.actions()))
            if found:
                yield menu.title().replace("&", ""), found
    rest = list(commands(window.actions()))
    if rest:
        yield "Anywhere", rest


class CheatSheet(QDialog):
    """Typing narrows it down; a name of a key is found as well as what it does."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self.setObjectName("cheatSheet")
        self.setWindowTitle("Keys")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._model = QStandardItemModel(0, 2, self)
        self._model.setHorizontalHeaderLabels(["What it does", "Keys"])
        for title, rows in shortcuts_of(window):
            self._add(title, rows)
        for title, keys in _OF_PANES:
            self._add(title, [(what, ", ".join(map(keys_text, name.split(", ")))) for name, what in keys])
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self._model)
        self._proxy.setRecursiveFilteringEnabled(True)
        self._proxy.setFilterKeyColumn(-1)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.input = QLineEdit(self)
        self.input.setObjectName("cheatSheetSearch")
        self.input.setAccessibleName("Find a key or what it does")
        self.input.setPlaceholderText("Find a key or what it does")
        self.input.setClearButtonEnabled(True)
        self.list = QTreeView(self)
        self.list.setObjectName("cheatSheetKeys")
        self.list.setAccessibleName("Keys")
        self.list.setModel(self._proxy)
        self.list.setRootIsDecorated(False)
        self.list.setItemsExpandable(False)
        self.list.setUniformRowHeights(True)
        self.list.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.list.expandAll()
        self.list.setColumnWidth(0, 380)
        NoMatch(self.list, lambda: "No key, and nothing that a key does, is called so.")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        column.addWidget(self.input)
        column.addWidget(self.list, 1)
        self.resize(640, 640)
        self.input.textChanged.connect(self._filter)

    def _add(self, title: str, rows: list[tuple[str, str]]) -> None:
        group = QStandardItem(title)
        group.setFont(ui_font(semibold=True))
        for what, keys in rows:
            group.appendRow([QStandardItem(what), QStandardItem(keys)])
        self._model.appendRow([group, QStandardItem()])

    def _filter(self, text: str) -> None:
        self._proxy.setFilterFixedString(text.strip())
        self.list.expandAll()
