"""The table of actors, which gives their names the room there is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QMenu,
    QWidget,
)

from aether_desktop.models.events.actor_table import COLUMN_KINDS, COLUMN_ORDERS, ActorTable
from aether_desktop.ui.widgets.cell_marks import PADDING
from aether_desktop.ui.widgets.clipboard import put_text
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.long_table import LongTable
from aether_desktop.ui.widgets.table_setup import setup_table

#: Widths of the names, in pixels: the least, and from which on the last activity has room beside them.
_LEAST_NAMES, _ROOM_FOR_NAMES = 96, 180


class ActorView(LongTable):
    """The list of actors; Enter or a double click opens the stream."""

    actor_opened = Signal(str)

    def __init__(self, actors: ActorTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actors = actors
        self._current = ""
        self.setObjectName("actorTable")
        self.setAccessibleName("Actors")
        self.setModel(actors)
        setup_table(self, COLUMN_KINDS)
        header = self.horizontalHeader()
        header.setSectionsMovable(False)
        header.setSortIndicatorShown(True)
        header.setStretchLastSection(False)
        header.sectionClicked.connect(self._sort_by_column)
        metrics = self.fontMetrics()
        for column, usual in ((1, "000,000"), (2, "Version0"), (3, "2024-01-01 00:00:00.000000 +00:00")):
            self.setColumnWidth(column, metrics.horizontalAdvance(usual) + 2 * PADDING)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        self.selectionModel().currentRowChanged.connect(self._remember_current)
        actors.counts_changed.connect(self._follow)
        actors.modelReset.connect(self.scrollToTop)
        self._follow()

    def sort_by(self, column: int) -> None:
        """Sort by what a column shows; again: the other way round. Numbers begin with the highest."""
        order, actors = COLUMN_ORDERS.get(column), self._actors
        if order is not None:
            turned = actors.order is order
            actors.sort_by(order, descending=not actors.descending if turned else column != 0)
        self._follow()

    def _sort_by_column(self, column: int) -> None:
        self.sort_by(column)

    def _follow(self) -> None:
        """Show the order, and keep the current actor where others have joined before it."""
        actors = self._actors
        column = next(column for column, order in COLUMN_ORDERS.items() if order is actors.order)
        falling = Qt.SortOrder.DescendingOrder if actors.descending else Qt.SortOrder.AscendingOrder
        header = self.horizontalHeader()
        if (header.sortIndicatorSection(), header.sortIndicatorOrder()) != (column, falling):
            header.setSortIndicator(column, falling)
        current = actors.actor_at(self.currentIndex().row())
        if self._current and current is not None and current.actor_id != self._current:
            row = actors.row_of_actor(self._current)
            if row >= 0:
                self.selectRow(row)
            else:
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())

    def _remember_current(self, current: QModelIndex) -> None:
        actor = self._actors.actor_at(current.row()) if current.isValid() else None
        self._current = actor.actor_id if actor is not None else ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the names the room that the others leave; where that is little, without the last activity."""
        super().resizeEvent(event)
        room = self.viewport().width() - self.columnWidth(1) - self.columnWidth(2)
        with_activity = room - self.columnWidth(3)
        self.setColumnWidth(0, max(with_activity if with_activity >= _ROOM_FOR_NAMES else room, _LEAST_NAMES))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_current()
            event.accept()
            return
        super().keyPressEvent(event)

    def _show_menu(self, point: QPoint) -> None:
        actor = self._actors.actor_at(self.indexAt(point).row())
        if actor is not None:
            self.menu_of(actor.actor_id).popup(self.viewport().mapToGlobal(point))

    def menu_of(self, actor_id: str) -> QMenu:
        """What can be done with an actor."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(icon("stream"), "Open stream", lambda: self.actor_opened.emit(actor_id))
        menu.addAction(icon("copy"), "Copy id", lambda: put_text(actor_id))
        return menu

    def open_current(self) -> None:
        """Open the current actor, the first one if none is."""
        actor = self._actors.actor_at(max(self.currentIndex().row(), 0))
        if actor is not None:
            self.actor_opened.emit(actor.actor_id)
