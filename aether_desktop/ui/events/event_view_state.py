"""How a table of events comes back as it was: widths of its columns, what is selected, and what is in sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer

from aether_desktop.models.events.event_table import Column
from aether_desktop.models.events.filterable_table import FilterableTable
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.path_column import PathColumn
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.models.filter.document_filter import FilterState
from aether_desktop.ui.events.event_view import EventView

#: Width of a column that somebody may have meant, in pixels.
_WIDTHS = range(16, 4000)


def view_state(view: EventView) -> dict[str, Any]:
    """What is to come back."""
    header = view.table.horizontalHeader()
    widths = {_name(column): header.sectionSize(index) for index, column in enumerate(view.model.columns)}
    top = view.table.rowAt(0)
    return {
        "selected": view.selected_sequence,
        "top": view.model.first_position + top if top >= 0 else 0,
        "widths": widths,
    }


class ViewRestoring(QObject):
    """Brings a new view into an earlier state: columns at once, the rest with its first rows."""

    def __init__(self, view: EventView, state: Mapping[str, Any], filter_text: str) -> None:
        super().__init__(view)
        self._view = view
        self._state = state
        self._filter = filter_text
        self._show_widths()
        selected = _number(state, "selected")
        if selected:
            view.keep_selected(selected)
        for signal in (view.model.rowsInserted, view.model.modelReset):
            signal.connect(self._look)
        # Where the widget has its size: before, nothing can be scrolled.
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self._go_on)
        self._look()

    def _look(self) -> None:
        if self._view.model.rowCount() and not self._later.isActive():
            self._later.start()

    def _go_on(self) -> None:
        view, top, selected = self._view, _number(self._state, "top"), _number(self._state, "selected")
        for signal in (view.model.rowsInserted, view.model.modelReset):
            signal.disconnect(self._look)
        row = _row_of(view, selected)
        if row >= 0:
            view.select_row(row)
        if self._filter and view.filter is not None:
            view.filter.set_text(self._filter, at_once=True)
            if top and not selected:
                view.filter.changed.connect(self._scroll_filtered)
                self._scroll_filtered()
                return
        elif top:
            self._scroll_to(min(top, view.model.total - 1))
        self.deleteLater()
        if view.isVisible():
            view.tell_selected()

    def _scroll_filtered(self) -> None:
        """Go to the row that was on top as soon as so many are found; once all are, there may be fewer."""
        view, model, top = self._view, self._view.model, _number(self._state, "top")
        assert view.filter is not None
        is_filtered = isinstance(model, FilterableTable) and model.is_filtered
        if not is_filtered or (view.filter.status.state is FilterState.SEARCHING and model.total <= top):
            return
        view.filter.changed.disconnect(self._scroll_filtered)
        self.deleteLater()
        if model.total > top and view.table.verticalScrollBar().value() == 0:
            QTimer.singleShot(0, view, lambda: self._scroll_to(top))

    def _scroll_to(self, position: int) -> None:
        table, model = self._view.table, self._view.model
        table.scrollTo(model.index(model.bring(position), 1), table.ScrollHint.PositionAtTop)

    def _show_widths(self) -> None:
        widths = self._state.get("widths")
        if isinstance(widths, dict):
            for index, column in enumerate(self._view.model.columns):
                width = widths.get(_name(column))
                if isinstance(width, int) and width in _WIDTHS:
                    self._view.table.setColumnWidth(index, width)


def _row_of(view: EventView, sequence: int) -> int:
    model = view.model
    return model.row_of_sequence(sequence) if sequence and isinstance(model, (LogTable, StreamTable)) else -1


def _name(column: Column | PathColumn) -> str:
    return column.path if isinstance(column, PathColumn) else column.name


def _number(state: Mapping[str, Any], name: str) -> int:
    value = state.get(name)
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else 0
