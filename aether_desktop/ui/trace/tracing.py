"""Opening traces: the events of the selected event's correlation, in a tab of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject

from aether_desktop.models.trace.related_events import RelatedEvents
from aether_desktop.models.trace.trace_events import TraceEvents
from aether_desktop.ui.trace.trace_view import TraceView
from aether_desktop.ui.window.desk import Desk
from aether_desktop.ui.window.documents import Document, Documents
from aether_desktop.workspace import Place, Selection, Workspace
from aether_engine.event import Event


class Tracing(QObject):
    """Keeps one tab for each correlation of a connection."""

    def __init__(
        self, workspace: Workspace, documents: Documents, desk: Desk, related: RelatedEvents, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._documents = documents
        self._desk = desk
        self._related = related
        desk.reopening.add("trace", "trace", self._reopen)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the action does, by its name."""
        return {"trace": self.open_trace}

    def open_trace(self) -> None:
        """Show what belongs to the correlation of the selected event."""
        selection = self._workspace.selection
        event = selection.event if selection is not None else None
        if selection is None or event is None or not event.correlation_id:
            self._workspace.told.emit("The selected event has no correlation.")
            return
        self._show_trace(selection, event)

    async def _reopen(self, place: Place, name: str, state: Mapping[str, Any]) -> TraceView | None:
        sequence = state.get("sequence")
        selection = await self._workspace.event_at(place, sequence) if isinstance(sequence, int) else None
        event = selection.event if selection is not None else None
        if selection is None or event is None or event.correlation_id != name:
            return None
        view = self._show_trace(selection, event)
        view.show_times(state.get("by_time") is not False)
        return view

    def _show_trace(self, selection: Selection, event: Event) -> TraceView:
        connection = selection.place.connection
        for view, shown in self._documents.views().items():
            is_same = shown.kind == "trace" and shown.place.connection is connection
            if isinstance(view, TraceView) and is_same and shown.name == event.correlation_id:
                self._documents.setCurrentWidget(view)
                view.take_selection(selection)
                return view
        events = TraceEvents(self._workspace, selection, self._related.memory_of(connection))
        view = TraceView(events)
        view.event_selected.connect(lambda namespace, sequence: self._select(view, namespace, sequence))
        view.event_opened.connect(lambda namespace, sequence: self._open(view, namespace, sequence))
        document = Document("trace", selection.place, event.correlation_id)
        title = f"Trace {event.correlation_id}"
        self._desk.open_document(document, view, icon_name="trace", title=title, tooltip=title)
        view.tree.setFocus()
        events.search()
        return view

    def _select(self, view: TraceView, namespace: str, sequence: int) -> None:
        place = Place(view.events.place.connection, namespace)
        self._workspace.start(self._workspace.select_at(place, sequence), "select traced event")

    def _open(self, view: TraceView, namespace: str, sequence: int) -> None:
        event = next((row for row in (view.model.event_at(view.tree.currentIndex()),) if row is not None), None)
        if event is not None and event.place == (namespace, sequence):
            place = Place(view.events.place.connection, namespace)
            opening = self._desk.open_stream(place, event.event.actor_id, event.event.version)
            self._workspace.start(opening, "open stream")
