"""A document tab with one table of events: the log of a namespace or the stream of an actor."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QStackedLayout, QTableView, QVBoxLayout, QWidget

from aether_desktop.models.event_table import Column, EventTable
from aether_desktop.ui.empty_state import EmptyState
from aether_desktop.ui.event_delegate import PADDING
from aether_desktop.ui.table_setup import setup_table
from aether_engine.event import StoredEvent


class EventTableView(QTableView):
    """The table itself; Enter opens the event's state."""

    entered_row = Signal(int)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select the row that Qt makes the current one when the keyboard comes in and there was none."""
        super().focusInEvent(event)
        if self.currentIndex().isValid() and not self.selectionModel().hasSelection():
            self.selectRow(self.currentIndex().row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.entered_row.emit(self.currentIndex().row())
            event.accept()
            return
        super().keyPressEvent(event)


class EventView(QWidget):
    """Shows an `EventTable` and says which event is selected, also when its row is loaded only later."""

    event_selected = Signal(object)
    event_opened = Signal(object)

    def __init__(self, model: EventTable, *, title: str, order: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self.order_text = order
        self._awaited_row = -1
        self.table = EventTableView()
        self.table.setObjectName("eventTable")
        self.table.setAccessibleName(title)
        self.table.setModel(model)
        setup_table(self.table, [column.kind for column in model.columns])
        order_column = next(
            index for index, column in enumerate(model.columns) if column in (Column.SEQUENCE, Column.VERSION)
        )
        header = self.table.horizontalHeader()
        header.setSortIndicator(order_column, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(False)
        self._fit_columns()
        self.empty = EmptyState()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # In the view before it has pages: it shows its first one at once, elsewhere as a window of its own.
        self._stack = QStackedLayout()
        layout.addLayout(self._stack)
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.empty)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.table.entered_row.connect(self._open_row)
        self.table.doubleClicked.connect(lambda index: self._open_row(index.row()))
        model.dataChanged.connect(self._rows_changed)
        model.rowsInserted.connect(self._show_table)
        self._show_table()

    @property
    def current_row(self) -> int:
        """The selected row, -1 without one."""
        return self.table.currentIndex().row()

    @property
    def selected(self) -> StoredEvent | None:
        """The event of the selected row."""
        return self.model.stored_at(self.current_row)

    def select_row(self, row: int) -> None:
        """Select `row` and bring it into sight, in the middle if it was out of it."""
        if not 0 <= row < self.model.rowCount():
            return
        index = self.model.index(row, 1)
        visible = self.table.viewport().rect().contains(self.table.visualRect(index))
        self.table.setCurrentIndex(index)
        if not visible:
            self.table.scrollTo(index, QTableView.ScrollHint.PositionAtCenter)

    def step(self, by: int) -> None:
        """Select the next (1) or previous (-1) event, passing over rows that are not events."""
        row = self.current_row
        row = (0 if by > 0 else self.model.rowCount() - 1) if row < 0 else row + by
        while 0 <= row < self.model.rowCount():
            if self.model.entry(row) is None or self.model.stored_at(row) is not None:
                self.select_row(row)
                return
            row += by

    def _fit_columns(self) -> None:
        metrics, header = self.table.fontMetrics(), self.table.horizontalHeader()
        for index, column in enumerate(self.model.columns):
            if column.characters:
                usual = metrics.averageCharWidth() * column.characters + 2 * PADDING
                self.table.setColumnWidth(index, max(usual, header.sectionSizeHint(index)))

    def _show_table(self) -> None:
        self._stack.setCurrentWidget(self.table if self.model.rowCount() else self.empty)

    def _current_changed(self, current: QModelIndex) -> None:
        self._awaited_row = -1
        if not current.isValid():
            return
        stored = self.model.stored_at(current.row())
        if stored is not None:
            self.event_selected.emit(stored)
        elif self.model.entry(current.row()) is None:
            self._awaited_row = current.row()

    def _rows_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if first.row() <= self._awaited_row <= last.row():
            stored = self.model.stored_at(self._awaited_row)
            if stored is not None:
                self._awaited_row = -1
                # Behind another tab it comes too late: what was selected there since counts.
                if self.isVisible():
                    self.event_selected.emit(stored)

    def _open_row(self, row: int) -> None:
        stored = self.model.stored_at(row)
        if stored is not None:
            self.event_opened.emit(stored)
