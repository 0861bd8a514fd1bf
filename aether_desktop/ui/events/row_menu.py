"""What can be done with the event under the pointer."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QAbstractItemView, QMenu, QWidget

from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.trace.trace_view import TraceView
from aether_desktop.ui.window.actions import Actions
from aether_desktop.ui.window.desk import Desk
from aether_desktop.ui.window.documents import Document

#: The commands of the menu, "" for a line between them.
_COMMANDS: Final = (
    *("copy_event", "copy_link", "toggle_mark", ""),
    *("open_stream", "append_like", ""),
    *("leave_out", "take_back", ""),
    *("trace", "previous_related", "next_related", "previous_of_type", "next_of_type"),
)


class RowMenu(QObject):
    """Gives every view of events a menu of the window's own commands; they act on what is selected."""

    def __init__(self, actions: Actions, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._actions = actions
        desk.view_added.connect(self._give_menu)
        desk.document_added.connect(self._give_menu)

    def _give_menu(self, _document: Document, view: QWidget) -> None:
        if isinstance(view, (EventView, TailView, TraceView)):
            table = view.tree if isinstance(view, TraceView) else view.table
            table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            table.customContextMenuRequested.connect(lambda point: self._open(table, point))

    def _open(self, table: QAbstractItemView, point: QPoint) -> None:
        index = table.indexAt(point)
        if index.isValid():
            self.menu_of(table).popup(table.viewport().mapToGlobal(point))

    def menu_of(self, table: QAbstractItemView) -> QMenu:
        """Return the menu of a view's rows."""
        menu = QMenu(table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in _COMMANDS:
            if name:
                menu.addAction(self._actions[name])
            else:
                menu.addSeparator()
        return menu
