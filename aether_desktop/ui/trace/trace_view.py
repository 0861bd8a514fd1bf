"""A document with all events of a correlation: what caused what, across actors and namespaces, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import QWidget

from aether_desktop.models.trace.trace_events import TraceEvents
from aether_desktop.models.trace.trace_tree import TraceTree
from aether_desktop.numbers import number_text
from aether_desktop.ui.trace.trace_tree_view import TraceTreeView
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.window.searched_view import SearchedView
from aether_desktop.workspace import Selection


class TraceView(SearchedView):
    """Selecting a row selects the event everywhere, and the other way round."""

    order_text = "Order: causes first"
    event_selected = Signal(str, object)
    """The user has gone to the event at this namespace and sequence."""
    event_opened = Signal(str, object)
    """The stream of this event is wanted."""

    def __init__(self, events: TraceEvents, parent: QWidget | None = None) -> None:
        super().__init__("trace", parent)
        self.events = events
        events.setParent(self)
        self.model = TraceTree(self)
        self.tree = TraceTreeView(self.model, self)
        self._following = False
        self._selected = events.start
        self.by_time, self.in_order = LinkButton("By time", self), LinkButton("In order", self)
        for button, is_by_time in ((self.by_time, True), (self.in_order, False)):
            button.setCheckable(True)
            button.setProperty("choice", True)
            button.clicked.connect(lambda _checked=False, by_time=is_by_time: self.show_times(by_time))
        self._lay_out(self.tree, self.by_time, self.in_order)
        self._shown_roots: object = None
        self.show_times(True)
        events.changed.connect(self._show)
        self.action.clicked.connect(self._act)
        self.tree.selectionModel().currentRowChanged.connect(self._current_changed)
        self.tree.activated.connect(self._open)
        self._show()

    # -- a document

    @property
    def busy(self) -> bool:
        return self.events.busy

    def take_selection(self, selection: Selection) -> bool:
        if selection.place.connection is not self.events.place.connection:
            return False
        place = selection.place.namespace, selection.stored.sequence
        if not self.model.index_of(place).isValid():
            return False
        self._selected = place
        self._choose()
        return True

    def refresh(self) -> None:
        self.events.refresh()

    def session_state(self) -> Mapping[str, Any]:
        return {"sequence": self.events.start[1], "by_time": self.by_time.isChecked()}

    async def close_document(self) -> None:
        await self.events.close()

    # -- following

    def show_times(self, by_time: bool) -> None:
        """Show when each event was, or only in which order."""
        self.by_time.setChecked(by_time)
        self.in_order.setChecked(not by_time)
        self.tree.show_times(by_time)

    def _show(self) -> None:
        trace = self.events.trace
        if trace.roots is not self._shown_roots:
            self._shown_roots = trace.roots
            self._following = True
            self.model.show_trace(trace)
            self.tree.expandAll()
            self._following = False
            self._choose()
        self.words.set_text(self._sentence())
        self.action.set_text("Cancel" if trace.is_searching else "Search on")
        self.action.setVisible(trace.is_searching or not trace.is_complete)
        if not trace.roots:
            looking = f"Looking for events of {visible(trace.correlation_id)}…"
            self._empty.set_words(looking if trace.is_searching else "No events were found.", trace.problem)
        self._show_content(bool(trace.roots))

    def _sentence(self) -> str:
        trace = self.events.trace
        count = number_text(trace.count)
        events = f"{count} event" if trace.count == 1 else f"{count} events"
        if trace.shown < trace.count:
            events = f"The nearest {number_text(trace.shown)} of {events}"
        parts = [f"{events} of {trace.correlation_id}."]
        if not trace.is_complete and trace.total:
            parts.append(f"{number_text(trace.searched)} of {number_text(trace.total)} sequences searched.")
        if trace.problem:
            parts.append(trace.problem)
        return " ".join(parts)

    def _choose(self) -> None:
        index = self.model.index_of(self._selected)
        if index.isValid() and index != self.tree.currentIndex().siblingAtColumn(0):
            self._following = True
            self.tree.setCurrentIndex(index)
            self.tree.scrollTo(index)
            self._following = False

    def _current_changed(self, current: QModelIndex) -> None:
        event = self.model.event_at(current) if current.isValid() else None
        if event is not None and not self._following:
            self._selected = event.place
            self.event_selected.emit(*event.place)

    def _open(self, index: QModelIndex) -> None:
        event = self.model.event_at(index)
        if event is not None:
            self.event_opened.emit(*event.place)

    def _act(self) -> None:
        if self.events.trace.is_searching:
            self.events.cancel()
        else:
            self.events.search()
