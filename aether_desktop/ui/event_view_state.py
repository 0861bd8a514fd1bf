"""How a table of events comes back as it was: widths of its columns, what is selected, and what is in sight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer

from aether_desktop.models.event_table import Column
from aether_desktop.models.log_table import LogTable
from aether_desktop.models.path_column import PathColumn
from aether_desktop.models.stream_table import StreamTable
from aether_desktop.ui.event_view import EventView

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
        view, top = self._view, _number(self._state, "top")
        self.deleteLater()
        for signal in (view.model.rowsInserted, view.model.modelReset):
            signal.disconnect(self._look)
        row = _row_of(view, _number(self._state, "selected"))
        if row >= 0:
            view.select_row(row)
        if self._filter and view.filter is not None:
            view.filter.set_text(self._filter, at_once=True)
        elif top:
            found = view.model.bring(min(top, view.model.total - 1))
            view.table.scrollTo(view.model.index(found, 1), view.table.ScrollHint.PositionAtTop)
        if view.isVisible():
            view.tell_selected()

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
