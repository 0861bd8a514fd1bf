"""The one window: docks around the document tabs, tool bar, menus, status bar. It lays out and connects."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QDockWidget,
    QMainWindow,
    QSizePolicy,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.jobs import Job
from aether_desktop.models.actor_table import ActorTable
from aether_desktop.models.event_cells import number_text
from aether_desktop.models.state_controller import StateController
from aether_desktop.ui.actions import MENUS, Actions
from aether_desktop.ui.banner import Banner, BannerKind
from aether_desktop.ui.commands import Commands
from aether_desktop.ui.desk import ORDER_TAIL, Desk
from aether_desktop.ui.dock_title import DockTitle
from aether_desktop.ui.documents import Documents
from aether_desktop.ui.event_view import EventView
from aether_desktop.ui.icons import app_icon, icon
from aether_desktop.ui.inspector import Inspector
from aether_desktop.ui.navigator import Navigator
from aether_desktop.ui.state_panel import StatePanel
from aether_desktop.ui.status_bar import StatusBar
from aether_desktop.ui.welcome import WelcomePage
from aether_desktop.workspace import Failure, Place, Selection, Workspace

log = logging.getLogger(__name__)

_LAYOUT_VERSION = 1
_DEFAULT_SIZE = (1440, 900)


class MainWindow(QMainWindow):
    """Shows a workspace. Closing it asks the application to end; the application closes the workspace."""

    close_asked = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle("Aether Desktop")
        self.setWindowIcon(app_icon())
        self.setAcceptDrops(True)
        self.resize(*_DEFAULT_SIZE)
        self.workspace = workspace
        self.actions_by_name = Actions(self)
        self.actors = ActorTable(self)
        self.state_controller = StateController(self)
        self.documents = Documents()
        self.desk = Desk(workspace, self.documents, self)
        self._build_centre()
        self._build_docks()
        self._build_tool_bar()
        self._build_menus()
        self.status = StatusBar(workspace.jobs)
        self.setStatusBar(self.status)
        self.commands = Commands(
            self, workspace, self.desk, self.actors, self.state_controller, self.actions_by_name
        )
        self._connect()
        self._docks = (self._navigator_dock, self._inspector_dock, self._state_dock)
        self._default_layout = self.saveState(_LAYOUT_VERSION)
        self._docks_shown = False
        for dock in self._docks:
            dock.hide()
        geometry = self._saved_bytes("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        self._show_welcome()
        self._update_actions()

    # -- building

    def _build_centre(self) -> None:
        self.banner = Banner(BannerKind.INFO)
        self.banner.hide()
        self.welcome = WelcomePage()
        self._centre = QStackedWidget()
        self._centre.addWidget(self.welcome)
        self._centre.addWidget(self.documents)
        central = QWidget()
        layout = QVBoxLayout(central)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.banner)
        layout.addWidget(self._centre, 1)
        self.setCentralWidget(central)

    def _build_docks(self) -> None:
        self.navigator = Navigator(self.actors)
        self.navigator.setMinimumWidth(200)
        self.inspector = Inspector()
        self.state_panel = StatePanel(self.state_controller)
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self._navigator_dock = self._dock("Navigator", self.navigator, left)
        self._inspector_dock = self._dock("Inspector", self.inspector, right)
        self._state_dock = self._dock("State", self.state_panel, right)
        self.setCorner(Qt.Corner.BottomLeftCorner, left)
        self.setCorner(Qt.Corner.BottomRightCorner, right)
        self._size_docks()

    def _size_docks(self) -> None:
        self.resizeDocks([self._navigator_dock, self._inspector_dock], [210, 430], Qt.Orientation.Horizontal)
        self.resizeDocks([self._inspector_dock, self._state_dock], [440, 400], Qt.Orientation.Vertical)

    def _dock(self, title: str, content: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock{title}")
        dock.setTitleBarWidget(DockTitle(dock))
        dock.setWidget(content)
        self.addDockWidget(area, dock)
        return dock

    def _build_tool_bar(self) -> None:
        bar = QToolBar("Main")
        bar.setObjectName("toolBar")
        bar.setMovable(False)
        bar.setIconSize(QSize(16, 16))
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        actions = self.actions_by_name
        bar.addAction(actions["open_file"])
        bar.addSeparator()
        self.namespace_combo = QComboBox()
        self.namespace_combo.setAccessibleName("Namespace")
        self.namespace_combo.setToolTip("Namespace shown")
        self.namespace_combo.setMinimumWidth(180)
        self.namespace_combo.activated.connect(self._namespace_picked)
        self._namespace_action = bar.addWidget(self.namespace_combo)
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        for name, text in (("go_to", "Go to"), ("append", "Append"), ("new_tail", "Tail")):
            bar.addAction(actions[name])
            button = bar.widgetForAction(actions[name])
            assert isinstance(button, QToolButton)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            actions[name].setIconText(text)
        bar.addSeparator()
        bar.addAction(actions["command_palette"])
        self.addToolBar(bar)

    def _build_menus(self) -> None:
        for name in MENUS:
            menu = self.menuBar().addMenu(name)
            menu.addActions(self.actions_by_name.in_menu(name))
            if name == "Window":
                menu.addSeparator()
                for dock in (self._navigator_dock, self._inspector_dock, self._state_dock):
                    menu.addAction(dock.toggleViewAction())

    def _connect(self) -> None:
        workspace = self.workspace
        workspace.place_changed.connect(self._place_changed)
        workspace.connections_changed.connect(self._connections_changed)
        workspace.connection_opened.connect(self._connection_opened)
        workspace.selection_changed.connect(self._selection_changed)
        workspace.history_changed.connect(self._update_actions)
        workspace.failed.connect(self._show_failure)
        workspace.told.connect(lambda text: self._tell(BannerKind.INFO, text))
        workspace.jobs.finished.connect(self._job_finished)
        self.navigator.namespace_chosen.connect(lambda connection, name: self.show_place(Place(connection, name)))
        self.navigator.actor_opened.connect(self._open_actor)
        self.navigator.search_changed.connect(lambda text: self._search_actors(text))
        self.navigator.close_asked.connect(
            lambda connection: workspace.start(workspace.close_connection(connection), "close connection")
        )
        self.actors.failed.connect(lambda error: workspace.fail("The actors could not be read", error))
        self.documents.currentChanged.connect(lambda _index: self._document_changed())
        self.desk.counts_changed.connect(self._show_counts)
        self.desk.state_requested.connect(
            lambda place, actor, version: workspace.start(self.desk.open_stream(place, actor, version), "stream")
        )
        self.inspector.copy_requested.connect(self._copy_text)
        self.inspector.title_changed.connect(lambda text: self._dock_detail(self._inspector_dock, text))
        self.state_panel.title_changed.connect(lambda text: self._dock_detail(self._state_dock, text))
        self.state_controller.loaded.connect(self._stream_loaded)
        self.state_controller.failed.connect(lambda error: workspace.fail("The state could not be folded", error))
        self.state_panel.version_changed.connect(self._state_version_changed)
        self.welcome.open_file.connect(lambda: self.commands.open_file())
        self.welcome.open_demo.connect(self.commands.open_demo)
        self.welcome.recent_chosen.connect(lambda url: self.commands.open_url(url))
        self.actions_by_name.connect(quick_open=self._quick_open, reset_layout=self.reset_layout)

    # -- as a whole

    async def settle(self) -> None:
        """Wait until everything asked for is loaded and painted; for screenshots and tests."""
        quiet = 0
        while quiet < 3:
            busy = self.workspace.busy or self.desk.busy or self.actors.busy or self.state_controller.busy
            quiet = 0 if busy else quiet + 1
            await asyncio.sleep(0.02)

    async def close_documents(self) -> None:
        """End what tabs, panels and the demo still do, before the workspace closes."""
        self._save_layout()
        await self.commands.close()
        await self.desk.close()
        await self.state_controller.close()
        await self.actors.close()

    def show_place(self, place: Place) -> None:
        """Show a namespace: its log and its actors."""
        self.workspace.use_place(place)
        self.workspace.start(self.desk.open_log(place), "open log")

    def reset_layout(self) -> None:
        """Put every dock back where it was at first."""
        self.restoreState(self._default_layout, _LAYOUT_VERSION)
        self._size_docks()

    # -- following the workspace

    def _connection_opened(self, connection: object) -> None:
        for opened in self.workspace.connections:
            if opened is connection:
                opened.changed.connect(self._changed)
                if opened.namespaces:
                    self.show_place(Place(opened, opened.namespaces[0].name))
                else:
                    self.show_place(Place(opened, "default"))
        for warning in (w for c in self.workspace.connections if c is connection for w in c.engine.warnings):
            self._tell(BannerKind.CORRUPTED, warning.message)

    def _connections_changed(self) -> None:
        self.navigator.tree.show_connections(self.workspace.connections)
        self._fill_namespaces()
        self._show_connection()
        self._show_welcome()
        self._update_actions()

    def _changed(self) -> None:
        self.workspace.start(self.desk.refresh(), "refresh")
        self.state_controller.refresh()
        self.actors.reload()

    def _place_changed(self) -> None:
        place = self.workspace.place
        if place is None:
            self.actors.show(None)
            self.inspector.show_event(None, namespace="")
            self.state_controller.clear()
        else:
            self.navigator.tree.choose(place.connection, place.namespace)
        self._fill_namespaces()
        self._search_actors(self.navigator.search.text())
        self._show_connection()
        self._update_actions()

    def _search_actors(self, text: str) -> None:
        if self.workspace.place is not None:
            self.workspace.start(self._show_actors(self.workspace.place, text), "actors")

    async def _show_actors(self, place: Place, text: str) -> None:
        self.actors.show(await self.workspace.store(place), text)

    def _selection_changed(self, selection: Selection) -> None:
        self.inspector.show_event(selection.stored, namespace=selection.place.namespace)
        event = selection.event
        if event is not None:
            place = selection.place
            self.state_controller.show(
                (id(place.connection), place.namespace, event.actor_id),
                event.actor_id,
                lambda actor_id: self.workspace.stream(place, actor_id),
                event.version,
            )
            self._show_previous()
        if not self.desk.selecting:
            self.workspace.start(self.desk.show(selection), "show selection")
        self._update_actions()

    def _stream_loaded(self) -> None:
        self._show_previous()

    def _show_previous(self) -> None:
        selection = self.workspace.selection
        event = selection.event if selection is not None else None
        if selection is None or event is None or self.state_controller.actor_id != event.actor_id:
            return
        previous = self.state_controller.previous_of(event.version)
        if previous is not None:
            self.inspector.show_event(selection.stored, namespace=selection.place.namespace, previous=previous)

    def _state_version_changed(self, version: object) -> None:
        stored = self.state_controller.stored_at(version)
        selection = self.workspace.selection
        if stored is not None and selection is not None:
            self.workspace.select(selection.place, stored)

    def _document_changed(self) -> None:
        view = self.documents.currentWidget()
        document = self.documents.document_of(view)
        self.documents.show_order(
            view.order_text if isinstance(view, EventView) else ORDER_TAIL if document else ""
        )
        if document is not None and document.kind != "tail":
            self.workspace.use_place(document.place)
        self._show_welcome()
        self._show_counts()
        self._update_actions()

    def _show_counts(self) -> None:
        view = self.documents.currentWidget()
        displayed = view.model.rowCount() if isinstance(view, EventView) else None
        place = self.workspace.place
        events = None
        if place is not None:
            events = next((n.event_count for n in place.connection.namespaces if n.name == place.namespace), 0)
        self.status.show_counts(events, displayed)
        self.status.show_dropped(self.desk.dropped())

    def _show_connection(self) -> None:
        place = self.workspace.place
        if place is None:
            self.status.show_connection(None)
            self.setWindowTitle("Aether Desktop")
            return
        connection = place.connection
        path = connection.file_path
        text = connection.title
        if path is not None and path.exists():
            text += f", {number_text(path.stat().st_size)} bytes"
        self.status.show_connection(text, is_file=connection.is_file, read_only=connection.engine.read_only)
        self.setWindowTitle(f"{place.namespace} – {connection.title} – Aether Desktop")

    def _fill_namespaces(self) -> None:
        combo = self.namespace_combo
        combo.clear()
        for connection in self.workspace.connections:
            for info in connection.namespaces:
                combo.addItem(icon("braces"), info.name, Place(connection, info.name))
                if self.workspace.place == Place(connection, info.name):
                    combo.setCurrentIndex(combo.count() - 1)
        self._namespace_action.setVisible(combo.count() > 0)

    def _namespace_picked(self, index: int) -> None:
        place = self.namespace_combo.itemData(index)
        if isinstance(place, Place):
            self.show_place(place)

    def _open_actor(self, actor_id: str) -> None:
        if self.workspace.place is not None:
            self.workspace.start(self.desk.open_stream(self.workspace.place, actor_id), "open stream")

    # -- telling

    def _show_failure(self, failure: Failure) -> None:
        log.info("%s: %s", failure.what, type(failure.error).__name__)
        self._tell(BannerKind.CORRUPTED, f"{failure.what}.", failure.why)
        self.banner.add_action("Copy details", lambda: self._copy_text(f"{failure.what}: {failure.why}"))

    def _tell(self, kind: BannerKind, fact: str, text: str = "") -> None:
        self.banner.clear_actions()
        self.banner.set_message(kind, fact, text)
        self.banner.show()

    def _job_finished(self, job: Job, error: BaseException | None) -> None:
        name = job.progress.name
        if error is None:
            return
        if isinstance(error, Exception):
            self._show_failure(Failure(f"{name} failed", str(error), error))
        else:
            self._tell(
                BannerKind.INFO,
                f"{name} was cancelled after {number_text(job.progress.done)} {job.progress.unit}.",
            )

    def _copy_text(self, text: object) -> None:
        QGuiApplication.clipboard().setText(str(text))

    # -- small things

    def _show_welcome(self) -> None:
        empty = self.documents.count() == 0
        if empty:
            self.welcome.show_recent(self.workspace.settings.recent)
        self._centre.setCurrentWidget(self.welcome if empty else self.documents)
        self._show_docks(bool(self.workspace.connections))

    def _show_docks(self, connected: bool) -> None:
        """Without a connection there is nothing to dock; with the first one the user's layout comes back."""
        if connected == self._docks_shown:
            return
        if not connected:
            self._save_layout()
        self._docks_shown = connected
        for dock in self._docks:
            dock.setVisible(connected)
        if connected:
            layout = self._saved_bytes("layout")
            if layout is None or not self.restoreState(layout, _LAYOUT_VERSION):
                # Docks can be sized only after they were laid out.
                QTimer.singleShot(0, self, self._size_docks)

    def _update_actions(self) -> None:
        actions, selection = self.actions_by_name, self.workspace.selection
        connected = self.workspace.place is not None
        writable = self.workspace.place is not None and not self.workspace.place.connection.engine.read_only
        for name in ("new_tail", "go_to", "quick_open", "export_namespace"):
            actions[name].setEnabled(connected)
        for name in ("append", "import_events"):
            actions[name].setEnabled(writable)
        for name in ("copy_event", "open_stream", "export_actor", "next_event", "previous_event"):
            actions[name].setEnabled(connected and (selection is not None or name.endswith("_event")))
        actions["append_like"].setEnabled(writable and selection is not None)
        actions["back"].setEnabled(self.workspace.can_go_back)
        actions["forward"].setEnabled(self.workspace.can_go_forward)
        actions["close_tab"].setEnabled(self.documents.count() > 0)

    def _quick_open(self) -> None:
        self._navigator_dock.show()
        self.navigator.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.navigator.search.selectAll()

    def _dock_detail(self, dock: QDockWidget, text: str) -> None:
        title = dock.titleBarWidget()
        if isinstance(title, DockTitle):
            title.set_detail(text)

    def _saved_bytes(self, name: str) -> QByteArray | None:
        text = self.workspace.settings.get(name)
        return QByteArray.fromBase64(text.encode("ascii", "ignore")) if isinstance(text, str) else None

    def _save_layout(self) -> None:
        if self._docks_shown:
            settings = self.workspace.settings
            settings.set("geometry", self.saveGeometry().toBase64().toStdString())
            settings.set("layout", self.saveState(_LAYOUT_VERSION).toBase64().toStdString())

    # -- events

    def closeEvent(self, event: QCloseEvent) -> None:
        # The event loop must go on until everything is closed; so the window only hides.
        event.ignore()
        self._save_layout()
        self.hide()
        QTimer.singleShot(0, self.close_asked.emit)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.commands.open_path(Path(url.toLocalFile()))
