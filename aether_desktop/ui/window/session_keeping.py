"""The session of the window: what is open is kept for the next start, and each tab comes back when it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

from aether_desktop.session import FILE_NAME, Address, SavedTab, Session, SessionFile
from aether_desktop.session_connections import SessionConnections, address_of
from aether_desktop.tasks import TaskOwner
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.events.event_view_state import ViewRestoring, view_state
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.kept_layout import kept_layout, restore_layout
from aether_desktop.ui.window.document_view import DocumentView
from aether_desktop.ui.window.documents import Document
from aether_desktop.ui.window.panels_state import panels_state, restore_panels
from aether_desktop.ui.window.reopening import Spot, TabState
from aether_desktop.ui.window.waiting_view import WaitingView
from aether_desktop.workspace import Place

if TYPE_CHECKING:
    from aether_desktop.models.connection.connection_profiles import ConnectionProfiles
    from aether_desktop.ui.window.panels import Panels

#: Rest after something was opened, closed or moved before it is written down, in milliseconds.
_REST: Final = 2000
#: Closed tabs that can be had again.
_MOST_CLOSED: Final = 20
_PLACE: Final = "$place"


class SessionKeeping(QObject):
    """Belongs to the panels. Nothing is written before `keep`: a window beside another one keeps nothing."""

    def __init__(self, panels: Panels, profiles: ConnectionProfiles) -> None:
        super().__init__(panels)
        self._panels = panels
        self._desk = panels.desk
        self._workspace = panels.desk.workspace
        self._documents = panels.desk.documents
        self.file = SessionFile(self._workspace.settings.path.with_name(FILE_NAME))
        self.connections = SessionConnections(self._workspace, profiles, self)
        self._is_kept = False
        self._is_restoring = False
        self._closed: list[tuple[TabState, int]] = []
        self._tasks = TaskOwner(lambda error: self._workspace.fail("That did not work", error))
        self._soon = QTimer(self, singleShot=True, interval=_REST)
        self._soon.timeout.connect(self._write_soon)
        self.connections.opened.connect(panels.adopt)
        self._documents.currentChanged.connect(lambda _index: self._front_changed())
        self._documents.tabBar().tabMoved.connect(lambda *_places: self._changed())
        self._desk.view_added.connect(self._view_added)
        self._desk.view_closing.connect(self._remember_closed)
        # A filter, and where one stands.
        self._desk.counts_changed.connect(self._changed)
        self._workspace.selection_changed.connect(lambda _selection: self._changed())
        panels.navigator.search_changed.connect(lambda _search: self._changed())

    @property
    def busy(self) -> bool:
        """Whether the tab in front is still being opened."""
        front = self._documents.currentWidget()
        return isinstance(front, WaitingView) and front.is_opening

    # -- keeping

    def keep(self) -> None:
        """Write down what is open, from now on and at the end."""
        self._is_kept = True
        self._changed()

    def session(self) -> Session:
        """What is open now."""
        views = map(self._documents.widget, range(self._documents.count()))
        waited_for = [
            spot.address for view in views if isinstance(view, WaitingView) for spot in _spots_of(view.tab)
        ]
        addresses = self.connections.addresses(waited_for)
        tabs: list[SavedTab] = []
        front = -1
        for index in range(self._documents.count()):
            view = self._documents.widget(index)
            state = view.tab if isinstance(view, WaitingView) else self._state_of(view)
            saved = _saved(state, addresses) if state is not None else None
            if saved is not None:
                if view is self._documents.currentWidget():
                    front = len(tabs)
                tabs.append(saved)
        return Session(tuple(addresses), tuple(tabs), front, panels_state(self._panels))

    async def close(self) -> None:
        """Write down what is open, for the last time."""
        self._soon.stop()
        await self._tasks.cancel_all()
        if self._is_kept:
            await asyncio.shield(asyncio.to_thread(self.file.write, self.session()))

    def _state_of(self, view: QWidget | None) -> TabState | None:
        document = self._documents.document_of(view)
        if view is None or document is None or not self._desk.reopening.icon_of(document.kind):
            return None
        state: Mapping[str, Any] | None = None
        if isinstance(view, EventView):
            state = {**view_state(view), "timeline": self._panels.timelines.session_state(view)}
        elif isinstance(view, (TailView, DocumentView)):
            state = view.session_state()
        if state is None:
            return None
        if layout := kept_layout(view):
            state = {**state, "layout": layout}
        document_filter = self._desk.filter_of(view)
        text = document_filter.text if document_filter is not None else ""
        title = self._documents.title_of(view)
        return TabState(document.kind, document.origin, document.name, title, text, state)

    def _changed(self) -> None:
        # Not begun anew by each of many: a tail would put it off for ever.
        if self._is_kept and not self._is_restoring and not self._soon.isActive():
            self._soon.start()

    def _write_soon(self) -> None:
        if self._tasks.busy:
            # One at a time.
            self._soon.start()
        else:
            self._tasks.start(asyncio.to_thread(self.file.write, self.session()), "keep session")

    # -- bringing back

    def restore(self, session: Session) -> None:
        """Have a tab for each of a session; none is opened before `open_front`, or before it is shown."""
        self._is_restoring = True
        self.connections.expect(session.connections)
        for saved in session.tabs:
            icon_name = self._desk.reopening.icon_of(saved.kind)
            if icon_name:
                view = WaitingView(_tab_state(saved, session.connections))
                view.tried_again.connect(lambda view=view: self._open(view))
                self._documents.add_waiting(view, icon_name=icon_name, title=saved.title or saved.kind)
        if 0 <= session.front < self._documents.count():
            self._documents.setCurrentIndex(session.front)
        restore_panels(self._panels, session.panels)
        self._is_restoring = False

    def open_front(self, session: Session) -> None:
        """Open what the tab in front stands for, and behind it the other files of the session."""
        view = self._documents.currentWidget()
        self._tasks.start(self._open_all(view, session), "restore session")

    async def _open_all(self, view: QWidget | None, session: Session) -> None:
        if isinstance(view, WaitingView):
            await self._reopen(view)
        for address in session.connections:
            if self.connections.is_file(address):
                await self.connections.open(address)

    def _front_changed(self) -> None:
        view = self._documents.currentWidget()
        if isinstance(view, WaitingView) and not self._is_restoring:
            self._open(view)
        self._changed()

    def _open(self, view: WaitingView) -> None:
        if not view.is_opening:
            self._tasks.start(self._reopen(view), "open tab")

    async def _reopen(self, view: WaitingView) -> None:
        if view.is_opening:
            return
        view.is_opening = True
        view.show_opening()
        try:
            shown = await self._shown(view.tab)
        finally:
            view.is_opening = False
        if shown is None:
            self._show_failure(view)
        elif view in self._documents.waiting():
            self._replace(view, shown)

    async def _shown(self, tab: TabState) -> QWidget | None:
        """Open the document of a tab."""
        place = await self._resolved(tab.place)
        state = await self._resolved(dict(tab.state))
        if (place is None) is not (tab.place is None) or state is None:
            return None
        return await self._desk.reopening.open(tab.kind, place, tab.name, state)

    async def _resolved(self, value: Any) -> Any:
        """The same with open connections; None where one of them does not open."""
        if isinstance(value, Spot):
            connection = await self.connections.open(value.address)
            return Place(connection, value.namespace) if connection is not None else None
        if isinstance(value, dict):
            found = {name: await self._resolved(each) for name, each in value.items()}
            return found if all(found[name] is not None or value[name] is None for name in value) else None
        return value

    def _show_failure(self, view: WaitingView) -> None:
        spots = _spots_of(view.tab)
        why = next(filter(None, (self.connections.missing(spot.address) for spot in spots)), "")
        view.show_failure(why or "What it shows could not be found or opened.")

    def _replace(self, waiting: WaitingView, view: QWidget) -> None:
        """Let a document take the place of the tab that stood for it."""
        index = self._documents.indexOf(waiting)
        self._documents.remove(waiting)
        waiting.deleteLater()
        self._documents.move_to(view, index)
        self._finish(view, waiting.tab)

    def _finish(self, view: QWidget, tab: TabState) -> None:
        restore_layout(view, tab.state.get("layout"))
        if isinstance(view, EventView):
            self._panels.timelines.restore_session(view, tab.state.get("timeline"))
            ViewRestoring(view, tab.state, tab.filter)
        elif tab.filter and (document_filter := self._desk.filter_of(view)) is not None:
            document_filter.set_text(tab.filter, at_once=True)
        if isinstance(view, TailView):
            # Only what passes a filter is called for.
            view.set_alerts(tab.state.get("alerts") is True)

    def _view_added(self, document: Document, view: QWidget) -> None:
        """A log or stream that a tab stands for was opened: by that tab, or from elsewhere."""
        for waiting in self._documents.waiting():
            assert isinstance(waiting, WaitingView)
            tab, spot, origin = waiting.tab, waiting.spot, document.origin
            if spot is None or origin is None or (tab.kind, tab.name) != (document.kind, document.name):
                continue
            if spot.namespace == origin.namespace and spot.address == address_of(origin.connection):
                self._replace(waiting, view)
                break
        self._changed()

    # -- closed tabs

    @property
    def can_reopen(self) -> bool:
        """Whether a tab was closed that can be had again."""
        self._closed = [
            (tab, index)
            for tab, index in self._closed
            if not isinstance(tab.place, Place) or tab.place.connection in self._workspace.connections
        ]
        return bool(self._closed)

    def reopen_closed(self) -> None:
        """Open the tab that was closed last, as it was and where it stood."""
        if self.can_reopen:
            tab, index = self._closed.pop()
            self._tasks.start(self._reopen_closed(tab, index), "reopen tab")

    async def _reopen_closed(self, tab: TabState, index: int) -> None:
        view = await self._shown(tab)
        if view is None:
            self._workspace.told.emit(f"{tab.title} could not be opened again.")
            return
        self._documents.move_to(view, min(index, self._documents.count() - 1))
        self._finish(view, tab)

    def _remember_closed(self, view: QWidget) -> None:
        tab = view.tab if isinstance(view, WaitingView) else self._state_of(view)
        if tab is not None:
            # Its connection may be closed as well before it is wanted again.
            self._closed.append((_by_address(tab) or tab, self._documents.indexOf(view)))
            del self._closed[:-_MOST_CLOSED]
        self._changed()


def _by_address(tab: TabState) -> TabState | None:
    """A tab whose connections may be closed before it is wanted again; None where they cannot be opened then."""
    addresses: list[Address] = []
    saved = _saved(tab, addresses)
    return _tab_state(saved, tuple(addresses)) if saved is not None else None


def _number(addresses: list[Address], address: Address) -> int:
    if address not in addresses:
        addresses.append(address)
    return addresses.index(address)


def _saved(tab: TabState, addresses: list[Address]) -> SavedTab | None:
    """A tab as the file has it; None if a connection of it cannot be opened again."""
    place = _encoded(tab.place, addresses)
    state = _encoded(dict(tab.state), addresses)
    if (place is None) is not (tab.place is None) or state is None:
        return None
    number, namespace = place[_PLACE] if place is not None else (-1, "")
    return SavedTab(tab.kind, number, namespace, tab.name, tab.title, tab.filter, state)


def _encoded(value: Any, addresses: list[Address]) -> Any:
    if isinstance(value, Place):
        address = address_of(value.connection)
        return None if address is None else {_PLACE: [_number(addresses, address), value.namespace]}
    if isinstance(value, Spot):
        return {_PLACE: [_number(addresses, value.address), value.namespace]}
    if isinstance(value, dict):
        found = {name: _encoded(each, addresses) for name, each in value.items()}
        return found if all(found[name] is not None or value[name] is None for name in value) else None
    return value


def _tab_state(saved: SavedTab, addresses: tuple[Address, ...]) -> TabState:
    place = Spot(addresses[saved.connection], saved.namespace) if saved.connection >= 0 else None
    state = {name: _decoded(each, addresses) for name, each in saved.state.items()}
    return TabState(saved.kind, place, saved.name, saved.title, saved.filter, state)


def _decoded(value: Any, addresses: tuple[Address, ...]) -> Any:
    if not isinstance(value, dict):
        return value
    match value.get(_PLACE):
        case [int(number), str(namespace)] if 0 <= number < len(addresses):
            return Spot(addresses[number], namespace)
    return {name: _decoded(each, addresses) for name, each in value.items()}


def _spots_of(tab: TabState) -> list[Spot]:
    return _spots({"": tab.place, **tab.state})


def _spots(value: Any) -> list[Spot]:
    if isinstance(value, Spot):
        return [value]
    return [spot for each in value.values() for spot in _spots(each)] if isinstance(value, Mapping) else []
