"""The one window: menus, tool bar, welcome page, status bar. Panels and documents join when they are needed.

What is imported and built here is what the first paint waits for; `panels` brings the rest, soon after it.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSize, QTimer, Signal
from PySide6.QtWidgets import (
    QApplication,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.icons import app_icon
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.window.actions import MENUS, MNEMONICS, Actions
from aether_desktop.ui.window.status_bar import StatusBar
from aether_desktop.ui.window.tool_bar import MainToolBar, ProductionStripe
from aether_desktop.ui.window.welcome import WelcomePage
from aether_desktop.workspace import Workspace

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent, QShowEvent
    from PySide6.QtWidgets import QComboBox

    from aether_desktop.connection import Connection
    from aether_desktop.profiles import Profile
    from aether_desktop.ui.widgets.banner import Banner
    from aether_desktop.ui.window.documents import Documents
    from aether_desktop.ui.window.panels import Panels
    from aether_desktop.ui.window.preparation import Preparation
    from aether_desktop.ui.window.window_messages import WindowMessages

log = logging.getLogger(__name__)

_DEFAULT_SIZE = (1440, 900)
#: What a screen must have beside the window: its frame, in logical pixels.
_FRAME = QSize(16, 48)
#: Idle time after the first paint in which the panels are prepared, in milliseconds.
_PREPARE_AFTER = 150
_NEED_PLACE = (
    "toggle_timeline",
    *("audit", "new_tail", "go_to", "quick_open", "export_namespace", "copy_namespace", "next_event"),
    "previous_event",
    *("filter", "clear_filter", "export_filtered", "add_column"),
    *("actors_by_name", "actors_by_events", "actors_by_activity"),
    *("clear_marks", "next_mark", "previous_mark"),
    *("pause_tail", "follow_tail", "stop_tail", "notify_tail", "save_tail"),
)
_NEED_WRITABLE = ("append", "append_batch", "race", "import_events")
_NEED_SELECTION = (
    "next_of_type",
    "previous_of_type",
    "next_of_actor",
    "previous_of_actor",
    "copy_event",
    "copy_link",
    "open_stream",
    "export_actor",
    "copy_actor",
    "next_related",
    "previous_related",
    "toggle_mark",
)


class MainWindow(QMainWindow):
    """Shows a workspace. Closing it asks the application to end; the application closes the workspace."""

    close_asked = Signal()
    prepared = Signal()
    """All that a window needs from its start to its end was loaded and made."""

    def __init__(self, workspace: Workspace, *, hold_welcome: bool = False) -> None:
        """`hold_welcome`: nothing in the middle until `show_start`, for what was open before is about to come."""
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle("Aether Desktop")
        self.setAcceptDrops(True)
        self.resize(*_DEFAULT_SIZE)
        self.workspace = workspace
        self.actions_by_name = Actions(self)
        self._panels: Panels | None = None
        self._messages: WindowMessages | None = None
        #: Set with the first turn of the event loop after the first paint.
        self.painted = False
        self._is_complete = False
        #: Whether what is open is kept for the next start.
        self.keeps_session = False
        #: Set from the moment the user closes the window, also before anybody listens to `close_asked`.
        self.close_was_asked = False
        self._prepare = QTimer(self, singleShot=True, interval=_PREPARE_AFTER)
        self._prepare.timeout.connect(self._prepare_rest)
        self._preparation: Preparation | None = None
        self._build_centre()
        self._bar = MainToolBar(self.actions_by_name)
        self._bar.place_picked.connect(lambda place: self.panels.show_place(place))
        self.addToolBar(self._bar)
        self._stripe = ProductionStripe(self)
        for name in MENUS:
            menu = self.menuBar().addMenu(MNEMONICS.get(name, f"&{name}"))
            menu.setObjectName(f"menu{name}")
            menu.addActions(self.actions_by_name.in_menu(name))
        self.status = StatusBar(workspace.jobs)
        self.setStatusBar(self.status)
        self._connect()
        geometry = self.saved_bytes("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if hold_welcome:
            self._nothing = QWidget()
            self._centre.addWidget(self._nothing)
            self._centre.setCurrentWidget(self._nothing)
            self.update_actions()
        else:
            self._show_centre()

    @property
    def panels(self) -> Panels:
        """Docks, documents and commands, made on first use."""
        if self._panels is None:
            from aether_desktop.ui.window.panels import Panels

            self.actions_by_name.complete()
            self._panels = Panels(self)
            if self.keeps_session:
                self._panels.session.keep()
        return self._panels

    @property
    def has_panels(self) -> bool:
        """Whether `panels` was made already."""
        return self._panels is not None

    def show_start(self) -> None:
        """Show the welcome page, unless there is a document."""
        self._show_centre()

    def _prepare_rest(self) -> None:
        from aether_desktop.ui.window.preparation import Preparation

        self._preparation = Preparation(self)
        self._preparation.done.connect(self.prepared)

    async def settle(self) -> None:
        """Wait until everything asked for is loaded and painted; for screenshots and tests."""
        from asyncio import sleep

        quiet = 0
        while quiet < 3:
            busy = self.workspace.busy or (self._panels is not None and self._panels.busy)
            quiet = 0 if busy else quiet + 1
            await sleep(0.02)

    def remove_leftovers(self) -> None:
        """Remove the files of the demo, after everything is closed."""
        if self._panels is not None:
            self._panels.commands.remove_demo_files()

    async def close_documents(self) -> None:
        """End what tabs, panels and the demo still do, before the workspace closes."""
        self._prepare.stop()
        if self._preparation is not None:
            self._preparation.stop()
        if self._panels is not None:
            await self._panels.close()

    # -- building

    def _build_centre(self) -> None:
        self._banner: Banner | None = None
        self._documents: Documents | None = None
        self.welcome = WelcomePage()
        self._centre = QStackedWidget()
        self._centre.addWidget(self.welcome)
        central = QWidget()
        self._column = QVBoxLayout(central)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self._centre, 1)
        self.setCentralWidget(central)

    @property
    def documents(self) -> Documents:
        """The tabs, made on first use."""
        if self._documents is None:
            from aether_desktop.ui.window.documents import Documents

            self._documents = Documents()
            self._documents.currentChanged.connect(lambda _index: self._show_centre())
            self._centre.addWidget(self._documents)
        return self._documents

    @property
    def banner(self) -> Banner:
        """The line above the documents, hidden until there is something to say."""
        if self._banner is None:
            from aether_desktop.ui.widgets.banner import Banner

            self._banner = Banner()
            self._banner.hide()
            self._column.insertWidget(0, self._banner)
        return self._banner

    @property
    def namespace_combo(self) -> QComboBox:
        """The namespaces of all connections, in the tool bar; made on first use."""
        return self._bar.namespace_combo

    def add_filter_bar(self, filter_bar: QWidget) -> None:
        """Take the filter bar into the tool bar, hidden until there is something to filter."""
        self._bar.add_filter_bar(filter_bar)

    def show_filter_bar(self, shown: bool) -> None:
        """Show the filter bar, or leave its place empty."""
        self._bar.show_filter_bar(shown)

    def _connect(self) -> None:
        workspace = self.workspace
        workspace.place_changed.connect(self._place_changed)
        workspace.connections_changed.connect(self._connections_changed)
        workspace.connection_opened.connect(self._show_opened)
        workspace.link_changed.connect(self.show_link)
        workspace.selection_changed.connect(lambda _selection: self.update_actions())
        workspace.selection_cleared.connect(self.update_actions)
        workspace.history_changed.connect(self.update_actions)
        workspace.failed.connect(lambda failure: self.messages.show_failure(failure))
        workspace.solved.connect(lambda what: self.messages.hide_failure(what))
        workspace.told.connect(lambda text: self.tell("info", text))
        workspace.offered.connect(lambda *offer: self.messages.offer(*offer))
        workspace.jobs.finished.connect(lambda job, error: self.messages.tell_of_job(job, error))
        self.welcome.open_file.connect(lambda: self.panels.commands.run("open_file"))
        self.welcome.connect_to_server.connect(lambda: self.panels.commands.run("connect"))
        self.welcome.audit_file.connect(lambda: self.panels.commands.run("audit_file"))
        self.welcome.open_demo.connect(lambda: self.panels.commands.run("open_demo"))
        self.welcome.recent_chosen.connect(lambda url: self.panels.commands.recent.open(url))
        self.welcome.recent_removed.connect(lambda url: self.panels.commands.recent.remove(url))
        self.welcome.profile_chosen.connect(lambda name: self.panels.commands.connecting.connect_by_id(name))
        self.actions_by_name.triggered.connect(lambda name: self.panels.commands.run(name))

    # -- following the workspace

    def _connections_changed(self) -> None:
        self.panels.show_connections()
        self._bar.fill_namespaces(self.workspace)
        self._show_connection()
        self._show_centre()
        self.update_actions()

    def _show_opened(self, connection: Connection) -> None:
        # What went wrong before is over once something else is open.
        self.messages.take_back_failure()
        self.panels.show_connection(connection)

    def _place_changed(self) -> None:
        self._bar.fill_namespaces(self.workspace)
        self._show_connection()
        self.update_actions()

    def show_counts(self, displayed: int | None, dropped: int) -> None:
        """Show how many events there are, how many of them the tab in front shows, and what tails have lost."""
        place = self.workspace.place
        events = None
        if place is not None:
            infos = (info for info in place.connection.namespaces if info.name == place.namespace)
            events = next((info.event_count for info in infos), 0)
        self.status.facts.show_counts(events, displayed)
        self.status.facts.show_dropped(dropped)
        self._show_connection()

    def _show_connection(self) -> None:
        place, facts = self.workspace.place, self.status.facts
        if place is None:
            self._stripe.show(False)
            facts.show_connection(None)
            facts.show_link(None)
            self.setWindowTitle("Aether Desktop")
            return
        connection = place.connection
        self._stripe.show(connection.is_production)
        size = connection.file_size
        text = connection.title if size is None else f"{connection.title}, {number_text(size)} bytes"
        read_only = connection.engine.read_only
        facts.show_connection(
            text,
            icon_name=connection.icon_name,
            read_only=read_only,
            production=connection.is_production,
            color=connection.color,
        )
        facts.show_link(connection.link_up if connection.is_server else None)
        # The log of a namespace is called like it; streams and tails have names of their own.
        front = self.documents.title_in_front
        parts = [place.namespace, visible(connection.title), "Aether Desktop"]
        if connection.is_production:
            parts.insert(-1, "PRODUCTION")
        self.setWindowTitle(" – ".join([front, *parts] if front else parts))

    def update_actions(self) -> None:
        """Offer what can be done now."""
        actions, workspace = self.actions_by_name, self.workspace
        place, selected = workspace.place, workspace.selection is not None
        writable = place is not None and not place.connection.engine.read_only
        can_reopen = place is not None and place.connection.can_reopen
        for names, possible in (
            (_NEED_PLACE, place is not None),
            (_NEED_WRITABLE, writable),
            (_NEED_SELECTION, selected),
            (("append_like",), writable and selected),
            (("reconnect_writable",), can_reopen and not writable),
            (("reconnect_read_only",), can_reopen and writable),
            (("back",), workspace.can_go_back),
            (("forward",), workspace.can_go_forward),
            (("close_tab",), self._has_documents),
            (("reopen_tab",), self._panels is not None and self._panels.session.can_reopen),
        ):
            for name in names:
                actions[name].setEnabled(possible)

    @property
    def messages(self) -> WindowMessages:
        """What the banner says, and what can be done about it; made on first use."""
        if self._messages is None:
            from aether_desktop.ui.window.window_messages import WindowMessages

            self._messages = WindowMessages(self)
        return self._messages

    def tell(self, kind: str, fact: str, text: str = "") -> None:
        """Say something in the line above the documents; it stays until closed or replaced."""
        self.messages.tell(kind, fact, text)

    def show_link(self, connection: Connection) -> None:
        """Say that the link to a server is lost, and take that back when it returns."""
        self._show_connection()
        self.messages.show_link(connection)

    @property
    def _has_documents(self) -> bool:
        return self._documents is not None and self._documents.count() > 0

    def _show_centre(self) -> None:
        if self._has_documents:
            self._centre.setCurrentWidget(self.documents)
        else:
            self.show_recent()
            self._centre.setCurrentWidget(self.welcome)
        self.update_actions()

    def show_recent(self) -> None:
        """List on the welcome page what can be gone on with."""
        settings = self.workspace.settings
        profiles: list[Profile] = []
        if settings.get("profiles") is not None:
            from aether_desktop.profiles import Profiles

            profiles = list(Profiles(settings))
        self.welcome.show_recent(settings.recent, profiles)

    # -- layout and events

    def fit_to_screen(self) -> None:
        """Be no larger than the screen; the usual size is too large for a small one, or with large type."""
        self.resize(self.size().boundedTo(self.screen().availableGeometry().size() - _FRAME))

    def saved_bytes(self, name: str) -> QByteArray | None:
        """A geometry or layout from the settings."""
        text = self.workspace.settings.get(name)
        return QByteArray.fromBase64(text.encode("ascii", "ignore")) if isinstance(text, str) else None

    def save_bytes(self, name: str, value: QByteArray) -> None:
        """Keep a geometry or layout for the next start."""
        self.workspace.settings.set(name, value.toBase64().toStdString())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._panels is None:
            self._prepare.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.painted:
            QTimer.singleShot(0, self, self._note_painted)

    def _note_painted(self) -> None:
        self.painted = True
        QTimer.singleShot(0, self, self.complete)

    def complete(self) -> None:
        """Add what does not show: shortcuts, the frame of the keyboard, the window's icon.

        It comes by itself soon after the first paint. Whoever lets keys in before that has to ask for it.
        """
        if self._is_complete:
            return
        self._is_complete = True
        self.actions_by_name.complete()
        from aether_desktop.ui.widgets.focus_ring import FocusShowing

        app = QApplication.instance()
        assert isinstance(app, QApplication)
        FocusShowing(app, self)
        # Drawn in every size a window manager may want: not before the window itself.
        self.setWindowIcon(app_icon())

    def closeEvent(self, event: QCloseEvent) -> None:
        # The event loop must go on until everything is closed; so the window only hides.
        event.ignore()
        self.close_was_asked = True
        self.save_bytes("geometry", self.saveGeometry())
        if self._panels is not None:
            self._panels.save_layout()
        self.hide()
        QTimer.singleShot(0, self, self.close_asked.emit)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.panels.commands.open_path(Path(url.toLocalFile()))
