"""The desk: opens documents in tabs, keeps them fresh, and turns what is clicked in them into the selection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from aether_desktop.connection import Connection
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.paged_table import PagedTable
from aether_desktop.models.events.path_column import PathColumn, PathColumns
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.models.filter.document_filter import DocumentFilter
from aether_desktop.models.filter.known_place import KnownPlace
from aether_desktop.models.filter.table_filter import TableFilter
from aether_desktop.models.tail.tail_controller import TailController
from aether_desktop.models.tail.tail_filter import TailFilter
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.safe_text import short, visible
from aether_desktop.ui.window.document_view import DocumentView
from aether_desktop.ui.window.documents import Document, Documents
from aether_desktop.ui.window.keyboard_place import KeyboardPlace
from aether_desktop.ui.window.reopening import Reopening
from aether_desktop.workspace import Place, Selection, Workspace
from aether_engine.event import StoredEvent

if TYPE_CHECKING:
    from aether_engine.query import EventFilter

ORDER_LOG = "Order: sequence, oldest first"
ORDER_STREAM = "Order: version, oldest first"
ORDER_TAIL = "Order: arrival, newest last"


class Desk(QObject):
    """Belongs to the window; every method that reads a store is a coroutine and is run as an owned task."""

    counts_changed = Signal()
    state_requested = Signal(object, str, object)
    view_added = Signal(object, object)
    """A table of events has a tab now: its `Document`, and the view."""
    document_added = Signal(object, object)
    """Something else has a tab now: its `Document`, and the view."""
    view_closing = Signal(object)
    """The user closes the tab of this view, which is still there."""

    def __init__(
        self,
        workspace: Workspace,
        documents: Documents,
        parent: QObject | None = None,
        *,
        table_actions: Sequence[QAction] = (),
    ) -> None:
        super().__init__(parent)
        self._table_actions = table_actions
        self._workspace = self.workspace = workspace
        self._documents = self.documents = documents
        #: How each kind of document is opened again as it was.
        self.reopening = Reopening()
        self.reopening.add("log", "log", lambda place, _name, _state: self.open_log(place))
        self.reopening.add("stream", "stream", lambda place, name, _state: self.open_stream(place, name))
        self.reopening.add("tail", "tail", self._reopen_tail)
        self._filters: dict[QWidget, DocumentFilter] = {}
        self._before_closing: dict[QWidget, list[Callable[[], Awaitable[None]]]] = {}
        # What is to be brought up in its log.
        self._showing: Selection | None = None
        #: True while a row of one of the tabs is becoming the selection: it is in sight already.
        self.selecting = False
        self.path_columns = PathColumns(workspace.settings, self)
        self.path_columns.changed.connect(self._show_columns)
        documents.close_asked.connect(self.close_asked)
        workspace.connections_changed.connect(self._close_orphans)
        workspace.link_changed.connect(self._show_link)

    # -- opening

    async def open_log(self, place: Place, keyboard: KeyboardPlace | None = None) -> EventView:
        """The log of a namespace, in its tab; `keyboard` is where that was when somebody asked for it."""
        document, keyboard = Document("log", place), keyboard or KeyboardPlace(self._documents)
        # First what takes time: between the look for a tab and the making of one nobody else may make it.
        store = await self._workspace.store(place)
        view = self._documents.view_of(document)
        if isinstance(view, EventView):
            self._documents.setCurrentWidget(view)
            return view
        model = LogTable(store)
        title = f"Log {place.namespace}"
        view = self._add_view(document, model, keyboard, title=title, order=ORDER_LOG, icon_name="log")
        view.set_empty_words(f"Reading {place.namespace}…")
        await model.refresh()
        view.set_empty_words(
            f"No events in {place.namespace} yet.", "Append one with Ctrl+N, or import NDJSON from the File menu."
        )
        if self._is_open(view):
            keyboard.give(view)
            self.counts_changed.emit()
        return view

    async def open_stream(self, place: Place, actor_id: str, version: int | None = None) -> EventView:
        """The stream of an actor, in its tab, at `version` if given."""
        document, keyboard = Document("stream", place, actor_id), KeyboardPlace(self._documents)
        store = await self._workspace.store(place)
        view = self._documents.view_of(document)
        if isinstance(view, EventView):
            self._documents.setCurrentWidget(view)
        else:
            model = StreamTable(store, actor_id)
            view = self._add_view(
                document, model, keyboard, title=actor_id, order=ORDER_STREAM, icon_name="stream"
            )
            # Not the first row because the keyboard is there: the last one, once that is read.
            view.select_none()
            name = visible(short(actor_id))
            view.set_empty_words(f"Reading {name}…")
            await model.refresh()
            view.set_empty_words(f"No events of {name} yet.", "Append the first one with Ctrl+N.")
        stream = view.model
        assert isinstance(stream, StreamTable)
        if version is not None and not stream.has_version(version):
            await stream.refresh()
        if not self._is_open(view):
            # Closed while it was loading.
            return view
        if version is not None:
            view.select_row(stream.row_of_version(version))
        elif view.current_row < 0 and stream.rowCount():
            view.select_row(max(stream.row_of_version(stream.latest_version), 0))
        keyboard.give(view)
        self.counts_changed.emit()
        return view

    def _is_open(self, view: EventView) -> bool:
        return self._documents.document_of(view) is not None

    def open_tail(self, place: Place, pattern: str) -> TailView:
        """A new live tail over the namespaces of a connection."""
        controller = TailController(place.connection.engine)
        view = TailView(controller)
        view.table.addActions(self._table_actions)
        self._filters[view] = TailFilter(controller, self._known(place), view)
        document = Document("tail", place, f"{pattern} {id(view)}")
        view.event_selected.connect(lambda item: self._select(*_tailed(place, item)))
        view.state_requested.connect(
            lambda namespace, actor, version: self.state_requested.emit(
                Place(place.connection, namespace), actor, version
            )
        )
        controller.set_link(place.connection.link_up, place.connection.title)
        # A file or memory has none.
        view.status.has_link = place.connection.is_server
        view.status.link.setVisible(view.status.has_link)
        controller.counters_changed.connect(self.counts_changed)
        self._documents.add(
            document, view, icon_name="tail", title=f"Tail {pattern}", tooltip=f"Live tail of {pattern}"
        )
        self.view_added.emit(document, view)
        view.start(pattern)
        return view

    async def _reopen_tail(self, place: Place, _name: str, state: Mapping[str, Any]) -> TailView:
        view = self.open_tail(place, str(state.get("pattern") or place.namespace))
        view.restore_session(state)
        return view

    def open_document(
        self, document: Document, view: DocumentView, *, icon_name: str, title: str, tooltip: str
    ) -> None:
        """A new tab with something that is no table of events."""
        self._documents.add(document, view, icon_name=icon_name, title=title, tooltip=tooltip)
        self.document_added.emit(document, view)

    # -- moving about

    def selected_elsewhere(self) -> None:
        """No table selects a row that it still waits for: what was selected now was asked for later."""
        for view in self._documents.views():
            if isinstance(view, EventView):
                view.await_nothing()

    def offer(self, selection: Selection) -> None:
        """Have what is in front show the selected event if it has it."""
        view = self._documents.currentWidget()
        if isinstance(view, DocumentView):
            view.take_selection(selection)

    async def show(self, selection: Selection) -> None:
        """Bring the selected event up in a table that has it: the one in front if it can, else its log."""
        view = self._documents.currentWidget()
        document = self._documents.document_of(view)
        sequence = selection.stored.sequence
        if isinstance(view, DocumentView) and view.take_selection(selection):
            return
        if isinstance(view, TailView) and document is not None:
            row = view.controller.table.find(selection.place.namespace, sequence)
            if row >= 0 and document.place.connection is selection.place.connection:
                view.select_row(row)
                return
        if isinstance(view, EventView) and document is not None and document.place == selection.place:
            row = _row_of_sequence(view, sequence)
            if row >= 0:
                view.select_row(row)
                return
        # The table that gets the keyboard makes its first row the current one, which nobody has selected.
        self._showing = selection
        try:
            view = await self.open_log(selection.place)
            row = _row_of_sequence(view, sequence)
            if row < 0:
                view.select_none()
        finally:
            self._showing = None
        view.select_row(row)
        if row < 0 and view.filter is not None and view.filter.in_force is not None:
            self._offer_to_unfilter(view, selection)

    def _offer_to_unfilter(self, view: EventView, selection: Selection) -> None:
        """Say that what is selected is not among the rows, and why."""
        sequence, namespace = selection.stored.sequence, selection.place.namespace

        def unfilter() -> None:
            if self._is_open(view) and view.filter is not None:
                view.filter.clear()
                view.select_row(_row_of_sequence(view, sequence))

        text = f"#{number_text(sequence)} of {namespace} is selected, and the filter leaves it out of the log."
        self._workspace.offered.emit(text, "Clear the filter", unfilter)

    # -- columns

    def add_column(self, column: PathColumn | None = None) -> None:
        """Show the values at a path in all logs and streams; None: ask for the path."""
        if column is not None:
            self.path_columns.add(column)
            return
        from aether_desktop.ui.events.column_dialog import ColumnDialog

        document_filter = self.filter_in_front
        known = document_filter.known if document_filter is not None else None
        paths = (*known.data_paths, *known.metadata_keys) if known is not None else ()
        dialog = ColumnDialog(paths, parent=self._documents.window())
        dialog.chosen.connect(self.path_columns.add)
        dialog.open()

    def _show_columns(self) -> None:
        for view in self._documents.views():
            if isinstance(view, EventView):
                view.show_columns(self.path_columns.columns)

    # -- filtering

    def filter_of(self, view: QWidget | None) -> DocumentFilter | None:
        """The filter of a tab, None of what cannot be filtered."""
        if isinstance(view, (EventView, DocumentView)):
            return view.filter
        return self._filters.get(view) if view is not None else None

    @property
    def filter_in_front(self) -> DocumentFilter | None:
        """The filter of the tab in front."""
        return self.filter_of(self._documents.currentWidget())

    @property
    def filtered_in_front(self) -> tuple[Place, str | None, EventFilter] | None:
        """The filter in force of the log or stream in front, with its place and, of a stream, its actor."""
        view = self._documents.currentWidget()
        document, document_filter = self._documents.document_of(view), self.filter_in_front
        if document is None or document_filter is None or document_filter.in_force is None:
            return None
        if not isinstance(view, EventView):
            return None
        actor_id = view.model.actor_id if isinstance(view.model, StreamTable) else None
        return document.place, actor_id, document_filter.in_force

    def _known(self, place: Place) -> KnownPlace:
        return KnownPlace(lambda: self._workspace.store(place))

    @property
    def shows_stream(self) -> bool:
        """Whether the tab in front is the stream of an actor."""
        view = self._documents.currentWidget()
        return isinstance(view, EventView) and isinstance(view.model, StreamTable)

    @property
    def tail_in_front(self) -> TailView | None:
        """The live tail in front, None if that is something else."""
        view = self._documents.currentWidget()
        return view if isinstance(view, TailView) else None

    @property
    def stays_in_front(self) -> bool:
        """Whether what is in front is not left for another version of an actor: a live tail, a comparison."""
        view = self._documents.currentWidget()
        return isinstance(view, TailView) or (isinstance(view, DocumentView) and view.stays_in_front)

    def step(self, by: int) -> None:
        """The next or previous event of the document in front."""
        view = self._documents.currentWidget()
        if isinstance(view, (EventView, TailView, DocumentView)):
            view.step(by)

    # -- keeping fresh

    async def refresh(self) -> None:
        """Take up what was stored since, in every open document."""
        for view in self._documents.views():
            if isinstance(view, EventView) and isinstance(view.model, (LogTable, StreamTable)):
                await view.model.refresh()
            elif isinstance(view, DocumentView):
                view.refresh()
        self.counts_changed.emit()

    @property
    def busy(self) -> bool:
        """Whether a page somebody looks at, or a search, is still on its way."""
        views = [view for view in self._documents.views() if isinstance(view, EventView)]
        return any(
            (isinstance(view.model, PagedTable) and view.model.busy)
            or (isinstance(view.filter, TableFilter) and view.filter.busy)
            for view in views
        )

    def dropped(self) -> int:
        """Events that the live tails have lost."""
        return sum(
            view.controller.counters.dropped for view in self._documents.views() if isinstance(view, TailView)
        )

    # -- closing

    def before_closing(self, view: QWidget, end: Callable[[], Awaitable[None]]) -> None:
        """Have `end` called and waited for when `view` closes, before what it shows is closed."""
        self._before_closing.setdefault(view, []).append(end)

    def close_current(self) -> None:
        """Close the tab in front."""
        view = self._documents.currentWidget()
        if view is not None:
            self.close_asked(view)

    def close_asked(self, view: QWidget) -> None:
        """Close a tab as the user wants it."""
        self.view_closing.emit(view)
        self.close_view(view)

    def close_view(self, view: QWidget) -> None:
        """Close a tab and end what it does."""
        self._documents.remove(view)
        self._workspace.start(self._close(view), "close tab")

    async def close(self) -> None:
        """Close every tab."""
        for view in [*self._documents.views(), *self._documents.waiting()]:
            self._documents.remove(view)
            await self._close(view)

    async def _close(self, view: QWidget) -> None:
        for end in self._before_closing.pop(view, []):
            await end()
        document_filter = self._filters.pop(view, None) if isinstance(view, TailView) else self.filter_of(view)
        if document_filter is not None:
            await document_filter.close()
        if isinstance(view, EventView):
            if isinstance(view.model, PagedTable):
                await view.model.close()
            view.model.deleteLater()
        elif isinstance(view, TailView):
            await view.controller.close()
        elif isinstance(view, DocumentView):
            await view.close_document()
        view.deleteLater()
        self.counts_changed.emit()

    def _show_link(self, connection: Connection) -> None:
        for view, document in self._documents.views().items():
            if isinstance(view, TailView) and document.place.connection is connection:
                view.controller.set_link(connection.link_up, connection.title)

    def _close_orphans(self) -> None:
        for view, document in self._documents.views().items():
            connections = self._workspace.connections
            is_orphan = document.connection is not None and document.connection not in connections
            if isinstance(view, DocumentView):
                is_orphan |= not all(one in connections for one in view.connections)
            if is_orphan:
                self.close_asked(view)

    def _add_view(
        self,
        document: Document,
        model: LogTable | StreamTable,
        keyboard: KeyboardPlace,
        *,
        title: str,
        order: str,
        icon_name: str,
    ) -> EventView:
        view = EventView(model, title=title, order=order)
        view.table.addActions(self._table_actions)
        model.setParent(view)
        view.set_filter(TableFilter(model, self._workspace.jobs, self._known(document.place), view))
        assert view.filter is not None
        view.filter.changed.connect(self.counts_changed)
        model.failed.connect(lambda error: self._workspace.fail(f"{visible(title)} could not be read", error))
        # A long stream is shown while it is read: what is displayed is counted with every batch.
        model.rowsInserted.connect(lambda *_rows: self.counts_changed.emit())
        view.event_selected.connect(lambda stored: self._select(document.place, stored))
        view.event_opened.connect(lambda stored: self._open_stream_of(document.place, stored))
        view.show_columns(self.path_columns.columns)
        view.column_wanted.connect(self.add_column)
        view.column_unwanted.connect(self.path_columns.remove)
        with keyboard.held_for(view):
            self._documents.add(document, view, icon_name=icon_name, title=title, tooltip=title)
        self.view_added.emit(document, view)
        return view

    def _select(self, place: Place, stored: StoredEvent) -> None:
        showing = self._showing
        if showing is not None and (place, stored.sequence) != (showing.place, showing.stored.sequence):
            return
        self.selecting = True
        try:
            self._workspace.select(place, stored)
        finally:
            self.selecting = False

    def _open_stream_of(self, place: Place, stored: StoredEvent) -> None:
        event = Selection(place, stored).event
        if event is not None:
            self._workspace.start(self.open_stream(place, event.actor_id, event.version), "open stream")


def _row_of_sequence(view: EventView, sequence: int) -> int:
    model = view.model
    assert isinstance(model, (LogTable, StreamTable))
    return model.row_of_sequence(sequence)


def _tailed(place: Place, item: tuple[str, StoredEvent]) -> tuple[Place, StoredEvent]:
    namespace, stored = item
    return Place(place.connection, namespace), stored
