"""Which events are chosen: the selected rows of the table that has the keyboard, else the selected event."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QTableView

from aether_desktop.models.events.event_lines import ChosenEvent
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.window.documents import Documents
from aether_desktop.workspace import Place, Workspace


class ChosenRows:
    """What is chosen at one moment. `count` is known without looking at the rows, which may be millions."""

    def __init__(self, workspace: Workspace, documents: Documents) -> None:
        self._view = documents.currentWidget()
        self._document = documents.document_of(self._view)
        self._selection = workspace.selection
        self._ranges: list[range] = []
        if isinstance(self._view, (EventView, TailView)) and self._view.table.hasFocus():
            self._ranges = selected_ranges(self._view.table)

    @property
    def count(self) -> int:
        """How many rows are chosen, gaps and snapshots included."""
        if self._ranges:
            return sum(len(each) for each in self._ranges)
        return 1 if self._selection is not None else 0

    def __iter__(self) -> Iterator[ChosenEvent]:
        """The chosen events in the order of the rows; rows that are no events are passed over."""
        if not self._ranges:
            if self._selection is not None:
                stored = self._selection.stored
                yield ChosenEvent(self._selection.place, stored.sequence, stored)
            return
        for rows in self._ranges:
            for row in rows:
                chosen = self._at(row)
                if chosen is not None:
                    yield chosen

    def _at(self, row: int) -> ChosenEvent | None:
        view, document = self._view, self._document
        if document is None:
            return None
        if isinstance(view, TailView):
            found = view.event_in(row)
            if found is None:
                return None
            namespace, stored = found
            return ChosenEvent(Place(document.place.connection, namespace), stored.sequence, stored)
        if not isinstance(view, EventView):
            return None
        sequence = view.model.sequence_at(row)
        return None if sequence is None else ChosenEvent(document.place, sequence, view.model.stored_at(row))


def selected_ranges(table: QTableView) -> list[range]:
    """The selected rows of a table from above to below, without asking for each of them."""
    selection = table.selectionModel().selection()
    parts = sorted(
        (range(part.top(), part.bottom() + 1) for part in map(selection.at, range(selection.count()))),
        key=lambda rows: rows.start,
    )
    merged: list[range] = []
    for rows in parts:
        if merged and rows.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, rows.stop))
        else:
            merged.append(rows)
    return merged
