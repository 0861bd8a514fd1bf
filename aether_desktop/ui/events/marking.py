"""Marking events, and going from mark to mark."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from aether_desktop.models.events.marks import MARKS_LIMIT, Marks, TooManyMarksError
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.chosen_rows import ChosenRows
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.window.desk import Desk
from aether_desktop.ui.window.documents import Document, Documents
from aether_desktop.workspace import Place, Workspace


class Marking(QObject):
    """Shows the user's marks in every table of events and changes them."""

    def __init__(self, workspace: Workspace, documents: Documents, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._documents = documents
        self.marks = Marks(workspace.settings, self)
        self.marks.changed.connect(self._repaint)
        desk.view_added.connect(self._give_marks)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions about marks do, by name."""
        return {
            "toggle_mark": self.toggle,
            "next_mark": lambda: self.step(1),
            "previous_mark": lambda: self.step(-1),
            "clear_marks": self.clear,
        }

    def toggle(self) -> None:
        """Mark the chosen events, or take their marks away if all of them are marked."""
        rows = ChosenRows(self._workspace, self._documents)
        if rows.count > 2 * MARKS_LIMIT:
            count, limit = number_text(rows.count), number_text(MARKS_LIMIT)
            self._workspace.told.emit(f"{count} rows are selected, and at most {limit} events can be marked.")
            return
        chosen: dict[Place, list[int]] = {}
        for event in rows:
            # What came over the bus need not say where it is stored.
            if event.sequence:
                chosen.setdefault(event.place, []).append(event.sequence)
        if not chosen:
            self._workspace.told.emit("Nothing was marked: no stored event is selected.")
        for place, sequences in chosen.items():
            try:
                self.marks.toggle(place, sequences)
            except TooManyMarksError as error:
                self._workspace.told.emit(str(error))

    def step(self, by: int) -> None:
        """Go to the next (1) or previous (-1) marked event of the namespace; behind the last comes the first."""
        place = self._place()
        if place is None:
            return
        selection = self._workspace.selection
        here = selection is not None and selection.place == place
        sequence = selection.stored.sequence if selection is not None and here else 0
        target = self.marks.next(place, sequence, by)
        if target is None:
            self._workspace.told.emit(f"No event of {place.namespace} is marked. Ctrl+M marks the selected one.")
        elif target != sequence:
            self._workspace.start(self._workspace.select_at(place, target), "marked event")

    def clear(self) -> None:
        """Take away every mark of the namespace; that can be undone."""
        place = self._place()
        cleared = self.marks.clear(place) if place is not None else []
        if place is None or not cleared:
            self._workspace.told.emit("No event is marked here.")
            return
        noun = "mark" if len(cleared) == 1 else "marks"
        self._workspace.offered.emit(
            f"{number_text(len(cleared))} {noun} of {place.namespace} taken away.",
            "Mark them again",
            lambda: self.marks.restore(place, cleared),
        )

    def _place(self) -> Place | None:
        # In a tail of many namespaces it is that of the selected event.
        selection = self._workspace.selection
        if isinstance(self._documents.currentWidget(), TailView) and selection is not None:
            return selection.place
        return self._workspace.place

    def _give_marks(self, document: Document, view: QWidget) -> None:
        place, marks = document.place, self.marks
        if isinstance(view, EventView):
            view.model.set_marks(lambda sequence: marks.is_marked(place, sequence))
        elif isinstance(view, TailView):
            view.controller.table.set_marks(
                lambda namespace, sequence: marks.is_marked(Place(place.connection, namespace), sequence)
            )

    def _repaint(self) -> None:
        for view in self._documents.views():
            if isinstance(view, EventView):
                view.model.marks_changed()
            elif isinstance(view, TailView):
                view.controller.table.marks_changed()
