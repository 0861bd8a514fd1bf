"""The docks around the documents, and what goes on between them: navigator, inspector, state, tabs."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QDockWidget, QMenu, QWidget

from aether_desktop.connection import Connection
from aether_desktop.models.events.actor_table import ActorTable
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.filter.filter_history import FilterHistory
from aether_desktop.ui.audit.auditing import Auditing
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.events.filter_bar import FilterBar
from aether_desktop.ui.events.navigator import Navigator
from aether_desktop.ui.events.row_menu import RowMenu
from aether_desktop.ui.inspector.inspection import Inspection
from aether_desktop.ui.inspector.inspector import Inspector
from aether_desktop.ui.state.time_travel import TimeTravel
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.timeline.timeline import Timeline
from aether_desktop.ui.timeline.timelines import Timelines
from aether_desktop.ui.widgets.banner import BannerKind
from aether_desktop.ui.widgets.clipboard import put_text
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.window.commands import Commands
from aether_desktop.ui.window.desk import ORDER_TAIL, Desk
from aether_desktop.ui.window.dock_title import DockTitle
from aether_desktop.ui.window.document_view import DocumentView
from aether_desktop.ui.window.keyboard_place import KeyboardPlace
from aether_desktop.ui.window.navigation import Navigation
from aether_desktop.ui.window.session_keeping import SessionKeeping
from aether_desktop.workspace import Place, Selection, Workspace

if TYPE_CHECKING:
    from aether_desktop.ui.window.main_window import MainWindow

_LAYOUT_VERSION = 1
#: Least and first widths of the docks at the left and at the right, in pixels.
_NAVIGATOR_WIDTH = (210, 270)
_INSPECTOR_WIDTH = (300, 430)
_FILTER_HINTS = {
    "log": 'Filter this log, for example   type:Order*   data.total:>100   since:2d   "free text"',
    "stream": "Filter this stream, for example   type:Order*   version:>=5   data.total:>100",
    "audit": "Filter findings, for example   severity:error   actor:order-*   check:checksum",
    "tail": "Filter this tail, for example   type:Order*   data.total:>100   meta.UserID:u1",
}
#: Rest after the user has gone to a version before its event is selected everywhere, in milliseconds: a slider
#: that is dragged goes to many.
_FOLLOW_AFTER = 40
#: Seconds after which it is selected also while the slider goes on.
_FOLLOW_AT_LEAST = 0.25
#: Namespace that is offered where there is none yet.
_FIRST_NAMESPACE = "default"


class Panels(QObject):
    """Builds the docks of a window and keeps them in step with the workspace's place and selection."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._workspace: Workspace = window.workspace
        self._documents = window.documents
        self.actors = ActorTable(self)
        self.desk = Desk(self._workspace, self._documents, self, table_actions=window.actions_by_name.for_tables())
        self.navigation = Navigation(window, self._workspace, self._documents, self.desk, self)
        self.timelines = Timelines(self._workspace, self.desk, self.navigation, self)
        self.navigation.zones_of = self.timelines.zones_of
        self.navigator = Navigator(self.actors)
        self.navigator.setMinimumWidth(_NAVIGATOR_WIDTH[0])
        self.inspector = Inspector()
        self.inspector.setMinimumWidth(_INSPECTOR_WIDTH[0])
        self.inspector.offer([window.actions_by_name["append_like"]])
        self._row_menu = RowMenu(window.actions_by_name, self.desk, self)
        self.inspection = Inspection(self._workspace, self.inspector, self._documents, self.desk, self)
        self.travel = TimeTravel(window, self.desk, self.inspection.related, self)
        self.auditing = Auditing(window, self.desk, self.travel, self)
        self.state, self.state_panel = self.travel.state, self.travel.panel
        self.state_panel.setMinimumWidth(_INSPECTOR_WIDTH[0])
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        filters = FilterHistory(self._workspace.settings, self)
        filters.forgotten.connect(partial(self._offer_to_recall, filters))
        self.filter_bar = FilterBar(filters)
        window.add_filter_bar(self.filter_bar)
        self._navigator_dock = self._dock("Navigator", self.navigator, left)
        self._inspector_dock = self._dock("Inspector", self.inspector, right)
        self._state_dock = self._dock("State", self.state_panel, right)
        self._docks = (self._navigator_dock, self._inspector_dock, self._state_dock)
        window.setCorner(Qt.Corner.BottomLeftCorner, left)
        window.setCorner(Qt.Corner.BottomRightCorner, right)
        self._default_layout = window.saveState(_LAYOUT_VERSION)
        self._shown = False
        self._from_state = False
        self._moving_since = 0.0
        self._state_moved = QTimer(self, singleShot=True, interval=_FOLLOW_AFTER)
        for dock in self._docks:
            dock.hide()
        self._add_to_menu()
        self.commands = Commands(window, self._workspace, self)
        self.session = SessionKeeping(self, self.commands.connecting.profiles)
        self._connect()

    @property
    def busy(self) -> bool:
        """Whether anything that is in sight is still being loaded."""
        parts = (
            *(self.desk, self.timelines, self.actors, self.travel),
            *(self.inspection, self.auditing, self.session),
        )
        return any(part.busy for part in parts)

    async def close(self) -> None:
        """End what panels, tabs and commands do."""
        self.save_layout()
        await self.session.close()
        await self.commands.close()
        await self.auditing.close()
        await self.desk.close()
        await self.travel.close()
        await self.inspection.close()
        await self.actors.close()

    # -- docks

    def _dock(self, title: str, content: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self._window)
        dock.setObjectName(f"dock{title}")
        dock.setTitleBarWidget(DockTitle(dock))
        dock.setWidget(content)
        self._window.addDockWidget(area, dock)
        return dock

    def _add_to_menu(self) -> None:
        for menu in self._window.menuBar().findChildren(QMenu):
            if menu.objectName() == "menuWindow":
                menu.addSeparator()
                menu.addActions([dock.toggleViewAction() for dock in self._docks])
        for dock in self._docks:
            toggle = dock.toggleViewAction()
            toggle.setText(f"{dock.windowTitle()} panel")
            toggle.setToolTip(f"Show or hide the {dock.windowTitle().lower()}")
            # The palette lists what the window has.
            self._window.addAction(toggle)

    def _show_docks(self, shown: bool) -> None:
        """Without a connection there is nothing to dock; with the first one the user's layout comes back."""
        if shown == self._shown:
            return
        if not shown:
            self.save_layout()
        self._shown = shown
        self._show_filter_bar()
        for dock in self._docks:
            dock.setVisible(shown)
        if shown:
            layout = self._window.saved_bytes("layout")
            if layout is None or not self._window.restoreState(layout, _LAYOUT_VERSION):
                # Docks can be sized only after they were laid out.
                QTimer.singleShot(0, self, self._size_docks)

    def _offer_to_recall(self, filters: FilterHistory, texts: list[str]) -> None:
        count = "1 recent filter is" if len(texts) == 1 else f"{len(texts)} recent filters are"
        self._workspace.offered.emit(f"{count} forgotten.", "Undo", lambda: filters.recall(texts))

    def _show_filter_bar(self) -> None:
        self._window.show_filter_bar(self._shown or self._documents.count() > 0)

    def _size_docks(self) -> None:
        sides, widths = [self._navigator_dock, self._inspector_dock], (_NAVIGATOR_WIDTH, _INSPECTOR_WIDTH)
        # Half of a window belongs to the documents, also of a small one.
        share = min(1.0, self._window.width() / 2 / (_NAVIGATOR_WIDTH[1] + _INSPECTOR_WIDTH[1]))
        wanted = [max(least, round(usual * share)) for least, usual in widths]
        self._window.resizeDocks(sides, wanted, Qt.Orientation.Horizontal)
        self._window.resizeDocks([self._inspector_dock, self._state_dock], [440, 400], Qt.Orientation.Vertical)

    def reset_layout(self) -> None:
        """Put every dock back where it was at first."""
        self._window.restoreState(self._default_layout, _LAYOUT_VERSION)
        for dock in self._docks:
            dock.setVisible(self._shown)
        self._size_docks()

    def save_layout(self) -> None:
        """Keep the docks' places for the next start."""
        if self._shown:
            self._window.save_bytes("layout", self._window.saveState(_LAYOUT_VERSION))

    def show_recent(self) -> None:
        """List on the welcome page what can be gone on with."""
        self._window.show_recent()

    def quick_open(self) -> None:
        """Put the keyboard into the search for actors."""
        self._navigator_dock.show()
        self.navigator.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.navigator.search.selectAll()

    def focus_filter(self) -> None:
        """Put the keyboard into the filter of the document in front."""
        if self.filter_bar.isEnabled():
            self.filter_bar.take_keyboard()

    def clear_filter(self) -> None:
        """Show everything of the document in front."""
        document_filter = self.desk.filter_in_front
        if document_filter is not None:
            document_filter.clear()

    def _focus_document(self) -> None:
        view = self._documents.currentWidget()
        if isinstance(view, (EventView, TailView)):
            view.take_keyboard()
        elif view is not None:
            view.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def next_pane(self) -> None:
        """Put the keyboard into the next pane that is shown: document, timeline, inspector, state, navigator."""
        document = self._documents.currentWidget()
        timeline = self.timelines.timeline_of(document)
        panes: list[tuple[QWidget | None, QWidget | None]] = [
            (document, document),
            (timeline, timeline.plot if timeline is not None else None),
            (self.inspector, self.inspector.tabs.currentWidget()),
            (self.state_panel, self.state_panel.tabs.currentWidget()),
            (self.navigator, self.navigator.table),
        ]
        shown = [(pane, content) for pane, content in panes if pane is not None and pane.isVisible()]
        focus = QApplication.focusWidget()
        inside = [focus is not None and (pane is focus or pane.isAncestorOf(focus)) for pane, _ in shown]
        # The last one that has it: a timeline is within its document.
        place = len(inside) - inside[::-1].index(True) if True in inside else 0
        for _, content in [*shown[place:], *shown[:place]]:
            if content is None:
                continue
            views = (
                [content]
                if isinstance(content, (QAbstractScrollArea, Timeline))
                else content.findChildren(QAbstractScrollArea)
            )
            view = next((each for each in views if each.isVisible() and each.focusPolicy()), None)
            if view is not None:
                view.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    # -- between the panels

    def _connect(self) -> None:
        workspace, navigator = self._workspace, self.navigator
        workspace.place_changed.connect(self._place_changed)
        workspace.selection_changed.connect(self._selection_changed)
        workspace.selection_cleared.connect(self.travel.clear)
        navigator.namespace_chosen.connect(lambda connection, name: self.show_place(Place(connection, name)))
        navigator.actor_opened.connect(self._open_actor)
        navigator.search_changed.connect(self.actors.search)
        navigator.close_asked.connect(
            lambda connection: workspace.start(workspace.close_connection(connection), "close connection")
        )
        self.commands.connecting.profiles.changed.connect(self._window.show_recent)
        navigator.reconnect_asked.connect(
            lambda connection, read_only: self.commands.connecting.reconnect(connection, read_only=read_only)
        )
        self.actors.failed.connect(lambda error: workspace.fail("The actors could not be read", error))
        self._documents.currentChanged.connect(lambda _index: self._document_changed())
        self.desk.counts_changed.connect(self._show_counts)
        self.filter_bar.left.connect(self._focus_document)
        navigator.left.connect(self._focus_document)
        navigator.nothing_found.connect(self._no_actor)
        self.inspection.marking.marks.changed.connect(self._show_counts)
        self.inspection.related.changed.connect(lambda _relatives: self._warn_all())
        self.desk.state_requested.connect(
            lambda place, actor, version: workspace.start(self.desk.open_stream(place, actor, version), "stream")
        )
        for panel in (self.inspector, self.state_panel):
            panel.copy_requested.connect(put_text)
        self.inspector.title_changed.connect(lambda text: _set_detail(self._inspector_dock, text))
        self.state_panel.title_changed.connect(lambda text: _set_detail(self._state_dock, text))
        self.state.loaded.connect(self._stream_loaded)
        self.travel.branching.scratch.opened.connect(self.adopt)
        self.state_panel.version_changed.connect(lambda _version: self._state_version_changed())
        self._state_moved.timeout.connect(self._follow_state)

    def show_connections(self) -> None:
        """Show the workspace's connections, and docks if there are any."""
        self.navigator.tree.show_connections(self._workspace.connections)
        self._show_docks(bool(self._workspace.connections))
        self._show_counts()

    def show_connection(self, connection: Connection) -> None:
        """Begin with a connection that was opened just now, or again: show its first namespace."""
        self.adopt(connection)
        names = [info.name for info in connection.namespaces]
        self.show_place(Place(connection, names[0] if names else _FIRST_NAMESPACE))

    def adopt(self, connection: Connection) -> None:
        """Follow a connection, whatever is to be shown of it."""
        connection.changed.connect(self._changed, Qt.ConnectionType.UniqueConnection)
        self._warn(connection)

    def show_place(self, place: Place) -> None:
        """Show a namespace: its log and its actors."""
        self._workspace.use_place(place)
        self._workspace.start(self._open_log(place, KeyboardPlace(self._documents)), "open log")

    async def _open_log(self, place: Place, keyboard: KeyboardPlace) -> None:
        await self.desk.open_log(place, keyboard)
        # A server's stream is looked at when its namespace is opened.
        self._warn(place.connection)

    def _warn(self, connection: Connection) -> None:
        """Tell what the engine has come to warn of since the last time, of what is shown of it."""
        shown = [each for each in self._documents.views().values() if each.connection is connection]
        names = {each.place.namespace for each in shown}
        # A tail is over namespaces of any name; the others are only looked through for related events.
        tails = any(each.kind == "tail" for each in shown)
        new = connection.new_warnings(lambda namespace: tails or namespace in names)
        if new:
            self._window.tell(BannerKind.CORRUPTED, " ".join(warning.message for warning in new))

    def _changed(self) -> None:
        self._workspace.start(self._refresh(), "refresh")
        self.state.refresh()
        self.inspection.refresh()
        self.actors.reload()

    async def _refresh(self) -> None:
        await self.desk.refresh()
        self.timelines.refresh()
        self._warn_all()

    def _warn_all(self) -> None:
        for connection in self._workspace.connections:
            self._warn(connection)

    def _place_changed(self) -> None:
        place = self._workspace.place
        if place is None:
            self.actors.show(None)
        else:
            self.navigator.tree.choose(place.connection, place.namespace)
            self._workspace.start(self._show_actors(place), "actors")
        self._show_counts()

    async def _show_actors(self, place: Place) -> None:
        store = await self._workspace.store(place)
        # Another place may be shown by now.
        if self._workspace.place == place:
            self.actors.show(store, self.navigator.search.text())

    def _no_actor(self, search: str) -> None:
        place = self._workspace.place
        namespace = place.namespace if place is not None else "this namespace"
        meaning = "is" if search.startswith("=") else "matches" if "*" in search else "begins with"
        self._workspace.told.emit(f"No actor of {namespace} {meaning} {visible(search.removeprefix('='))}.")

    def _open_actor(self, actor_id: str) -> None:
        if self._workspace.place is not None:
            self._workspace.start(self.desk.open_stream(self._workspace.place, actor_id), "open stream")

    def _selection_changed(self, selection: Selection) -> None:
        place, event = selection.place, selection.event
        self.inspector.show_event(selection.stored, namespace=place.namespace)
        if event is not None:
            if not self._from_state:
                self.travel.show(selection)
            self._show_previous()
        else:
            # The state of another actor is nothing to look at beside it.
            self.travel.clear()
        # A tail in front shows what arrives; a move in the state panel is no reason to leave it.
        if self.desk.selecting:
            return
        self.desk.selected_elsewhere()
        if self._from_state and self.desk.stays_in_front:
            self.desk.offer(selection)
        else:
            self._workspace.start(self.desk.show(selection), "show selection")

    def _stream_loaded(self) -> None:
        self._show_previous()

    def _show_previous(self) -> None:
        """Give the inspector the event before the selected one, once the actor's stream is there."""
        selection = self._workspace.selection
        event = selection.event if selection is not None else None
        if selection is None or event is None or self.state.actor_id != event.actor_id:
            return
        previous = self.state.previous_of(event.version)
        if previous is not None:
            self.inspector.show_event(selection.stored, namespace=selection.place.namespace, previous=previous)

    def _state_version_changed(self) -> None:
        if not self._state_moved.isActive():
            self._moving_since = monotonic()
        if monotonic() - self._moving_since < _FOLLOW_AT_LEAST:
            self._state_moved.start()

    def _follow_state(self) -> None:
        """Select the event whose state the user has gone to."""
        # A reducer of the user's may take longer to make the state than it takes to get here.
        stored = self.state.stored_at(self.state.asked_version)
        selection = self._workspace.selection
        if stored is not None and selection is not None:
            self._from_state = True
            try:
                self._workspace.select(selection.place, stored)
            finally:
                self._from_state = False

    def _document_changed(self) -> None:
        view = self._documents.currentWidget()
        document = self._documents.document_of(view)
        order = view.order_text if isinstance(view, (EventView, DocumentView)) else ORDER_TAIL
        self._documents.show_order(order if document is not None else "")
        hint = _FILTER_HINTS.get(document.kind, "There is nothing to filter here") if document is not None else ""
        self.filter_bar.show_filter(self.desk.filter_of(view), hint)
        if document is not None and document.kind not in ("tail", "audit"):
            self._workspace.use_place(document.place)
        self._show_filter_bar()
        self._show_counts()

    def _show_counts(self) -> None:
        view = self._documents.currentWidget()
        displayed = view.model.event_count if isinstance(view, EventView) else None
        if isinstance(view, DocumentView):
            displayed = view.displayed
        if isinstance(view, EventView) and isinstance(view.model, LogTable) and not view.model.is_filtered:
            # Rows of a server's log are places, of which snapshots and losses take some.
            document = self._documents.document_of(view)
            infos = document.place.connection.namespaces if document is not None else []
            counts = [info.event_count for info in infos if document and info.name == document.place.namespace]
            displayed = counts[0] if counts else 0
        self._window.show_counts(displayed, self.desk.dropped())
        self._window.status.facts.show_marked(self.inspection.marking.marks.count(self._workspace.place))


def _set_detail(dock: QDockWidget, text: str) -> None:
    title = dock.titleBarWidget()
    if isinstance(title, DockTitle):
        title.set_detail(text)
