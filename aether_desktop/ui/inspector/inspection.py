"""What goes on around one event: its relatives are looked for and gone to, it is marked and copied."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from aether_desktop.models.trace.related_events import RelatedEvents
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.copying import Copying
from aether_desktop.ui.events.marking import Marking
from aether_desktop.ui.inspector.inspector import Inspector
from aether_desktop.ui.window.desk import Desk
from aether_desktop.ui.window.documents import Documents
from aether_desktop.workspace import Place, Selection, Workspace
from aether_engine.trace import RelatedEvent


class Inspection(QObject):
    """Keeps the inspector's links in step with the selection, and the selection with what is chosen there."""

    def __init__(
        self, workspace: Workspace, inspector: Inspector, documents: Documents, desk: Desk, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._inspector = inspector
        self._desk = desk
        self.related = RelatedEvents(workspace, self)
        self.marking = Marking(workspace, documents, desk, self)
        self.copying = Copying(workspace, documents, self)
        workspace.selection_changed.connect(self._show)
        workspace.selection_cleared.connect(lambda: self._show(None))
        self.related.changed.connect(inspector.show_relatives)
        inspector.relative_chosen.connect(self._go_to)
        inspector.filter_requested.connect(lambda term: workspace.start(self._filter(term), "filter"))
        inspector.search_requested.connect(lambda: workspace.start(self.related.search_all(), "related events"))

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions about one event do, by name."""
        return {
            "next_related": lambda: self._workspace.start(self.step_related(1), "next related event"),
            "previous_related": lambda: self._workspace.start(self.step_related(-1), "previous related event"),
            **self.marking.commands(),
            **self.copying.commands(),
        }

    @property
    def busy(self) -> bool:
        """Whether the first answer about what is shown is still on its way."""
        return self.related.busy

    def refresh(self) -> None:
        """More may have been stored."""
        self.related.refresh()

    async def close(self) -> None:
        """End the searches and write what is not written yet."""
        self.marking.marks.close()
        await self.related.close()

    async def step_related(self, by: int) -> None:
        """Go to the next (1) or previous (-1) event of the same correlation; looks further if none is known."""
        shown = self.related.shown
        if shown is None or not shown.correlation_id:
            self._workspace.told.emit("The selected event has no correlation.")
            return
        await self.related.first_answer()
        selection = shown.selection
        neighbour = self._neighbour(selection, by)
        if neighbour is None and not self._is_complete() and await self.related.search_all():
            neighbour = self._neighbour(selection, by)
        if neighbour is not None:
            self._go_to(neighbour)
        elif self._shows(selection) and self._is_complete():
            side = "last" if by > 0 else "first"
            count = number_text(self._count())
            self._workspace.told.emit(
                f"This is the {side} of {count} events of correlation {shown.correlation_id}."
            )

    def _show(self, selection: Selection | None) -> None:
        if selection is None:
            self._inspector.show_event(None, namespace="")
        self.related.show(selection)

    def _go_to(self, event: RelatedEvent) -> None:
        shown = self.related.shown
        if shown is not None:
            place = Place(shown.selection.place.connection, event.namespace)
            self._workspace.start(self._workspace.select_at(place, event.sequence), "related event")

    async def _filter(self, term: str) -> None:
        """Filter the log of the selected event by `term`."""
        selection = self._workspace.selection
        if selection is None:
            return
        document_filter = self._desk.filter_of(await self._desk.open_log(selection.place))
        if document_filter is not None:
            document_filter.set_text(term, at_once=True)

    def _shows(self, selection: Selection) -> bool:
        shown = self.related.shown
        return shown is not None and shown.selection is selection

    def _neighbour(self, selection: Selection, by: int) -> RelatedEvent | None:
        shown = self.related.shown
        return shown.neighbour(by) if shown is not None and shown.selection is selection else None

    def _is_complete(self) -> bool:
        shown = self.related.shown
        return shown is not None and shown.related is not None and shown.related.is_complete

    def _count(self) -> int:
        shown = self.related.shown
        return shown.related.correlated_count if shown is not None and shown.related is not None else 0
