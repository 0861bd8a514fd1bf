"""A document tab with one table of events: the log of a namespace or the stream of an actor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QHBoxLayout,
    QMenu,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.events.event_table import Column, EventTable
from aether_desktop.models.events.filterable_table import FilterableTable
from aether_desktop.models.events.paged_table import PagedTable
from aether_desktop.models.events.path_column import PathColumn, path_column
from aether_desktop.models.filter.document_filter import DocumentFilter, FilterState
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.event_delegate import PADDING
from aether_desktop.ui.widgets.long_table import LongTable
from aether_desktop.ui.widgets.position_bar import PositionBar
from aether_desktop.ui.widgets.safe_text import short, visible
from aether_desktop.ui.widgets.table_setup import setup_table
from aether_desktop.ui.widgets.turn_to import turn_to
from aether_engine.event import StoredEvent

#: Paths of which a column is offered without asking.
_OFFERED = 12
_SHIFT = Qt.KeyboardModifier.ShiftModifier


class EventTableView(LongTable):
    """The table itself; Enter opens the event's state, Home and End go to the first and last event."""

    entered_row = Signal(int)
    #: Whether the keyboard may choose the first row when it comes in: not where no row is selected on purpose.
    chooses_first = True

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Select the row that Qt makes the current one when the keyboard comes in and there was none."""
        if not self.chooses_first and not self.currentIndex().isValid():
            QAbstractScrollArea.focusInEvent(self, event)
            self.viewport().update()
            return
        super().focusInEvent(event)
        if self.currentIndex().isValid() and not self.selectionModel().hasSelection():
            self.selectRow(self.currentIndex().row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.entered_row.emit(self.currentIndex().row())
            event.accept()
            return
        if event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End):
            # Without Ctrl they mean the first and last column to Qt; a row here is one thing.
            event = QKeyEvent(event.type(), event.key(), event.modifiers() | Qt.KeyboardModifier.ControlModifier)
            if self._go_to_end(last=event.key() == Qt.Key.Key_End, select=_SHIFT in event.modifiers()):
                return
        super().keyPressEvent(event)

    def _go_to_end(self, *, last: bool, select: bool) -> bool:
        """Bring the first or last event and, unless Qt is to select up to it, go there."""
        model = self.model()
        if not isinstance(model, EventTable):
            return False
        row = model.bring(model.total - 1 if last else 0)
        if row < 0 or (select and self.currentIndex().isValid()):
            return False
        self.setCurrentIndex(model.index(row, max(self.currentIndex().column(), 1)))
        return True


class EventView(QWidget):
    """Shows an `EventTable` and says which event is selected, also when its row is loaded only later."""

    event_selected = Signal(object)
    event_opened = Signal(object)
    column_wanted = Signal(object)
    """A `PathColumn` to show; None: one that is to be asked for."""
    column_unwanted = Signal(object)

    def __init__(self, model: EventTable, *, title: str, order: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = model
        self.order_text = order
        # Where the selection is, also while it is not among the rows.
        self._position = -1
        # The position whose event is to be told once it is loaded, and in which direction to go on if it is none.
        self._awaited = -1
        self._awaited_step = 0
        # The selected event; when rows become others it is selected again as soon as it is among them.
        self._selected_sequence = 0
        self._kept = 0
        self._is_reselecting = False
        self.filter: DocumentFilter | None = None
        self._words = ("", "")
        self.table = EventTableView()
        self.table.setObjectName("eventTable")
        self.table.setAccessibleName(visible(short(title)))
        self.table.setModel(model)
        # No list of kinds: columns can come and go, and the model tells what each is.
        setup_table(self.table)
        order_column = next(
            index for index, column in enumerate(model.columns) if column in (Column.SEQUENCE, Column.VERSION)
        )
        header = self.table.horizontalHeader()
        header.setSortIndicator(order_column, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(False)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_header_menu)
        self._fit_columns()
        self.empty = EmptyState()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # In the view before it has pages: it shows its first one at once, elsewhere as a window of its own.
        self._stack = QStackedLayout()
        layout.addLayout(self._stack)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.table, 1)
        self.position_bar: PositionBar | None = None
        if isinstance(model, FilterableTable):
            model.rearranged.connect(self._keep_place)
        if isinstance(model, PagedTable):
            self.position_bar = PositionBar(self.table, model, page)
            row.addWidget(self.position_bar)
            model.rebased.connect(self._rebased)
        self._table_page = page
        self._stack.addWidget(page)
        self._stack.addWidget(self.empty)
        self.table.selectionModel().currentRowChanged.connect(self._current_changed)
        self.table.entered_row.connect(self._open_row)
        self.table.doubleClicked.connect(lambda index: self._open_row(index.row()))
        model.dataChanged.connect(self._rows_changed)
        model.rowsInserted.connect(self._rows_joined)
        model.modelReset.connect(self._start_over)
        self.empty.activated.connect(self._act_on_filter)
        self._show_table()

    @property
    def current_row(self) -> int:
        """The selected row, -1 without one."""
        return self.table.currentIndex().row()

    @property
    def position(self) -> int:
        """The position of the selected row among all there are, -1 without one."""
        return self._position

    @property
    def selected(self) -> StoredEvent | None:
        """The event of the selected row."""
        return self.model.stored_at(self.current_row)

    def take_keyboard(self) -> None:
        """Have the keyboard: the table, or the view itself where there is nothing in it.

        Else it would come to whatever Qt finds next, such as the button that closes the tab.
        """
        (self.table if self.table.isVisible() else self).setFocus()

    def set_empty_words(self, what: str, why: str = "") -> None:
        """What is said where there are no events at all."""
        self._words = (what, why)
        self._show_words()

    def set_filter(self, document_filter: DocumentFilter) -> None:
        """Say how far the filter is where it has found nothing."""
        self.filter = document_filter
        document_filter.changed.connect(self._show_words)

    def _show_words(self) -> None:
        status = self.filter.status if self.filter is not None else None
        if status is None or status.state is FilterState.NONE:
            self.empty.set_words(*self._words)
            return
        searched = f"{number_text(status.searched)} of {number_text(status.total)} searched."
        match status.state:
            case FilterState.SEARCHING:
                self.empty.set_words("No match yet.", searched, "Cancel")
            case FilterState.CANCELLED:
                self.empty.set_words("No match so far.", f"{searched} Then it was cancelled.", "Search on")
            case FilterState.FAILED:
                self.empty.set_words("No match so far.", f"{searched} {status.reason}", "Try again")
            case _:
                self.empty.set_words("No event matches.", searched, "Clear filter")

    def _act_on_filter(self) -> None:
        if self.filter is None:
            return
        match self.filter.status.state:
            case FilterState.SEARCHING:
                self.filter.cancel()
            case FilterState.CANCELLED | FilterState.FAILED:
                self.filter.go_on()
            case FilterState.DONE:
                self.filter.clear()

    def select_row(self, row: int) -> None:
        """Select `row` and bring it into sight, in the middle if it was out of it."""
        if not 0 <= row < self.model.rowCount():
            return
        index = self.model.index(row, 1)
        visible = self.table.viewport().rect().contains(self.table.visualRect(index))
        self.table.setCurrentIndex(index)
        if not visible:
            self.table.scrollTo(index, QTableView.ScrollHint.PositionAtCenter)

    def keep_selected(self, sequence: int) -> None:
        """Select the event at `sequence` as soon as it is among the rows, without telling anybody."""
        self._kept = self._selected_sequence = sequence

    def tell_selected(self) -> None:
        """Say which event is selected as if the user had gone to it now, as soon as it is loaded."""
        stored = self.selected
        if stored is not None:
            self._selected_sequence = stored.sequence
            self.event_selected.emit(stored)
        else:
            self._awaited = self._position

    def await_nothing(self) -> None:
        """Keep quiet about a row that is still to be loaded: another event was selected since, elsewhere."""
        self._awaited, self._awaited_step = -1, 0

    @property
    def selected_sequence(self) -> int:
        """The sequence of the event that was selected last, 0 without one."""
        return self._selected_sequence

    def select_none(self) -> None:
        """Select no row: what is selected is not among them."""
        self.table.chooses_first = False
        self.table.clearSelection()
        self.table.setCurrentIndex(QModelIndex())

    def step(self, by: int) -> None:
        """Select the next (1) or previous (-1) event, passing over rows that are not events."""
        position = self._position
        position = (0 if by > 0 else self.model.total - 1) if position < 0 else position + by
        while (row := self.model.bring(position)) >= 0:
            if self.model.entry(row) is None or self.model.stored_at(row) is not None:
                self.select_row(row)
                if self._awaited == position:
                    self._awaited_step = by
                return
            position += by

    def show_columns(self, wanted: Sequence[PathColumn]) -> None:
        """Show the values at these paths, and no others, before the data."""
        before = self.model.columns
        self.model.show_columns(wanted)
        if self.model.columns != before:
            self._fit_columns([column for column in wanted if column not in before])

    def header_menu(self, logical: int) -> QMenu:
        """What can be done with the columns, from the title of the one with this number."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        known = self.filter.known if self.filter is not None else None
        shown = [column.path for column in self.model.columns if isinstance(column, PathColumn)]
        paths = [path for path in (known.data_paths if known else ()) if path not in shown][:_OFFERED]
        if paths:
            offers = menu.addMenu("Add column of")
            for path in paths:
                offers.addAction(visible(path).replace("&", "&&"), partial(self._want_column, path))
        menu.addAction("Add column…", lambda: self.column_wanted.emit(None))
        column = self.model.columns[logical] if 0 <= logical < len(self.model.columns) else None
        if isinstance(column, PathColumn):
            text = f"Remove column {visible(column.path)}".replace("&", "&&")
            menu.addAction(text, lambda: self.column_unwanted.emit(column))
        return menu

    def _want_column(self, path: str) -> None:
        self.column_wanted.emit(path_column(path))

    def _show_header_menu(self, position: QPoint) -> None:
        header = self.table.horizontalHeader()
        if self.filter is not None:
            # Offered from the next time on: looking takes a moment.
            self.filter.look_up_known()
        self.header_menu(header.logicalIndexAt(position)).popup(header.mapToGlobal(position))

    def _fit_columns(self, only: Sequence[PathColumn] | None = None) -> None:
        metrics, header = self.table.fontMetrics(), self.table.horizontalHeader()
        for index, column in enumerate(self.model.columns):
            if column.characters and (only is None or column in only):
                usual = metrics.averageCharWidth() * column.characters + 2 * PADDING
                self.table.setColumnWidth(index, max(usual, header.sectionSizeHint(index)))

    def _show_table(self) -> None:
        page = self._table_page if self.model.rowCount() else self.empty
        turn_to(self._stack, page, view=self, content=self.table)

    def _start_over(self) -> None:
        self._position = self._awaited = -1
        self._kept = self._selected_sequence
        self._rows_joined()

    def _rows_joined(self) -> None:
        self._show_table()
        if self._kept and isinstance(self.model, FilterableTable):
            row = self.model.row_of_sequence(self._kept)
            if row >= 0:
                self._is_reselecting = True
                self.select_row(row)
                self._is_reselecting = False

    def _current_changed(self, current: QModelIndex) -> None:
        self.await_nothing()
        if not current.isValid():
            return
        self.table.chooses_first = True
        self._kept = 0
        self._position = self.model.first_position + current.row()
        if self._is_reselecting:
            return
        stored = self.model.stored_at(current.row())
        if stored is not None:
            self._selected_sequence = stored.sequence
            self.event_selected.emit(stored)
        elif self.model.entry(current.row()) is None:
            self._awaited = self._position

    def _keep_place(self, joined: list[int]) -> None:
        """Keep in sight and selected what was, although events joined before it."""
        model, bar = self.model, self.table.verticalScrollBar()
        top = model.first_position + bar.value()
        if self._position >= 0:
            self._position = moved_on(self._position, joined)
            self._is_reselecting = True
            row = model.bring(self._position)
            selection = self.table.selectionModel()
            index = model.index(row, max(self.table.currentIndex().column(), 1))
            flags = QItemSelectionModel.SelectionFlag
            selection.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self._is_reselecting = False
        bar.setValue(model.bring(moved_on(top, joined)))

    def _rebased(self) -> None:
        """Select again what was selected while it was not among the rows."""
        row = self._position - self.model.first_position
        if not self.table.currentIndex().isValid() and 0 <= row < self.model.rowCount() and self._position >= 0:
            selection = self.table.selectionModel()
            selection.blockSignals(True)
            self.table.selectRow(row)
            selection.blockSignals(False)

    def _rows_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        row = self._awaited - self.model.first_position
        if self._awaited < 0 or not first.row() <= row <= last.row() or self.model.entry(row) is None:
            return
        stored, by = self.model.stored_at(row), self._awaited_step
        self.await_nothing()
        # Behind another tab it comes too late: what was selected there since counts.
        if not self.isVisible():
            return
        if stored is not None:
            self._selected_sequence = stored.sequence
            self.event_selected.emit(stored)
        elif by:
            self.step(by)

    def _open_row(self, row: int) -> None:
        stored = self.model.stored_at(row)
        if stored is not None:
            self.event_opened.emit(stored)


def moved_on(position: int, joined: Sequence[int]) -> int:
    """Where what stood at `position` is, after others joined at these places, which rise."""
    for place in joined:
        if place > position:
            break
        position += 1
    return position
