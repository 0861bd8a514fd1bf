"""What the window's actions do. Each asks the workspace or the desk; dialogs are opened, never waited for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from aether_desktop.demo_session import DemoSession
from aether_desktop.ui.append.appending import Appending
from aether_desktop.ui.connection.connecting import Connecting
from aether_desktop.ui.events.link_opening import LinkOpening
from aether_desktop.ui.tail.tailing import Tailing
from aether_desktop.ui.widgets.clipboard import put_text
from aether_desktop.ui.widgets.theme import Scheme, apply_theme
from aether_desktop.ui.window.recent_files import RecentFiles
from aether_desktop.workspace import Place, Workspace
from aether_engine.event import Event

# Dialogs are loaded where they are opened, or before by `preparation`: a first table does not wait for them.
if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.ui.window.main_window import MainWindow
    from aether_desktop.ui.window.panels import Panels

STORE_FILES = "Aether stores (*.aether)"
EVENT_FILES = "Events as lines of JSON (*.ndjson *.jsonl *.json *.gz)"
#: Files of events that can be audited, and are not imported when they are opened.
EVIDENCE_SUFFIXES = (".csv", ".zst", ".zstd")
ROW_FILES = "Rows of a spreadsheet (*.csv *.csv.gz)"
OPENABLE_FILES = "Stores and events (*.aether *.ndjson *.jsonl *.json *.gz)"
ANY_FILES = "All files (*)"


class Commands(QObject):
    """Runs what the actions of a window ask for, by their names."""

    def __init__(self, window: MainWindow, workspace: Workspace, panels: Panels) -> None:
        super().__init__(panels)
        self._window = window
        self._workspace = workspace
        self._panels = panels
        self._desk = panels.desk
        self._demo = DemoSession()
        self.links = LinkOpening(window, workspace, panels)
        self.recent = RecentFiles(workspace, panels.show_recent)
        self.connecting = Connecting(window, workspace, panels)
        self.tailing = Tailing(window, workspace, panels.desk)
        self.appending = Appending(
            window, workspace, panels.desk, self._known_types, lambda: not window.banner.isVisible(), self
        )
        desk = self._desk
        self._commands: dict[str, Callable[[], object]] = {
            "open_file": self.open_file,
            "open_file_read_only": lambda: self.open_file(read_only=True),
            "new_file": self.new_file,
            "open_demo": self.open_demo,
            "import_events": self.import_events,
            "export_namespace": self.export_namespace,
            "export_actor": self.export_actor,
            "export_filtered": self.export_filtered,
            "copy_namespace": lambda: self._copy(None),
            "copy_actor": self.copy_actor,
            "close_tab": desk.close_current,
            "reopen_tab": self.reopen_tab,
            "quit": window.close,
            "filter": panels.focus_filter,
            "clear_filter": panels.clear_filter,
            "theme_system": lambda: self.set_theme("system"),
            "theme_light": lambda: self.set_theme("light"),
            "theme_dark": lambda: self.set_theme("dark"),
            "add_column": desk.add_column,
            "actors_by_name": lambda: panels.navigator.table.sort_by(0),
            "actors_by_events": lambda: panels.navigator.table.sort_by(1),
            "actors_by_activity": lambda: panels.navigator.table.sort_by(3),
            "toggle_timeline": panels.timelines.toggle,
            "quick_open": panels.quick_open,
            "previous_event": lambda: desk.step(-1),
            "next_event": lambda: desk.step(1),
            "back": workspace.go_back,
            "forward": workspace.go_forward,
            "next_pane": panels.next_pane,
            "open_stream": self.open_selected_stream,
            "new_tail": self.new_tail,
            "reset_layout": panels.reset_layout,
            "command_palette": self.show_palette,
            "cheat_sheet": self.show_cheat_sheet,
            "copy_diagnostics": self.copy_diagnostics,
            "about": self.show_about,
            **panels.navigation.commands(),
            **panels.inspection.commands(),
            **panels.travel.commands(),
            **panels.auditing.commands(),
            **self.appending.commands(),
            **self.links.commands(),
            **self.connecting.commands(),
            **self.tailing.commands(),
        }

    def run(self, name: str) -> None:
        """Run a command by its name."""
        self._commands[name]()

    def reopen_tab(self) -> None:
        """Open the tab that was closed last."""
        self._panels.session.reopen_closed()

    # -- files

    def open_url(self, url: str, *, read_only: bool = False) -> None:
        """Open a store by its URL."""
        self._workspace.start(self._workspace.open(url, read_only=read_only), "open")

    def open_path(self, path: Path, *, read_only: bool = False) -> None:
        """Open a store or a file of events; what is neither, and may be audited, is."""
        if not read_only and self.audit_evidence(path):
            return
        self._workspace.start(self._workspace.open_path(path, read_only=read_only), "open")

    def audit_evidence(self, path: Path) -> bool:
        """Audit what can be audited and not be opened, such as a folder; returns whether it is that."""
        is_evidence = _is_evidence_only(path)
        if is_evidence:
            self._panels.auditing.audit_path(path)
        return is_evidence

    def open_file(self, *, read_only: bool = False) -> None:
        """Ask for a file and open it."""
        title = "Open read-only" if read_only else "Open"
        dialog = self._file_dialog(title, OPENABLE_FILES, STORE_FILES, EVENT_FILES, ANY_FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.open_path(Path(name), read_only=read_only))
        dialog.open()

    def new_file(self) -> None:
        """Ask for a name and open a store that its first event will create."""
        dialog = self._file_dialog("New file", STORE_FILES)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("aether")
        dialog.fileSelected.connect(lambda name: self.open_path(Path(name)))
        dialog.open()

    def import_events(self) -> None:
        """Import a file of events into the namespace shown."""
        place = self._workspace.place
        if place is None:
            return
        dialog = self._file_dialog(f"Import into {place.namespace}", EVENT_FILES, ANY_FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self._workspace.transfers.import_file(place, Path(name)))
        dialog.open()

    def export_namespace(self) -> None:
        """Export all events of the namespace shown."""
        self._export(None)

    def export_actor(self) -> None:
        """Export the events of the selected event's actor."""
        event = self._selected_event()
        if event is not None:
            self._export(event.actor_id)

    def export_filtered(self) -> None:
        """Export what the log or stream in front shows, also what is still being looked for."""
        filtered = self._desk.filtered_in_front
        if filtered is None:
            self._workspace.told.emit("Nothing is filtered: type a filter for a log or stream first (Ctrl+F).")
            return
        place, actor_id, event_filter = filtered
        dialog = self._file_dialog(f"Export what passes {event_filter.text}", EVENT_FILES, ROW_FILES)
        _ask_where_to_export(dialog)
        dialog.fileSelected.connect(
            lambda name: self._workspace.transfers.export_file(place, Path(name), actor_id, event_filter)
        )
        dialog.open()

    def _export(self, actor_id: str | None) -> None:
        place = self._workspace.place
        if place is None:
            return
        dialog = self._file_dialog(f"Export {actor_id or place.namespace}", EVENT_FILES, ROW_FILES)
        _ask_where_to_export(dialog)
        dialog.fileSelected.connect(
            lambda name: self._workspace.transfers.export_file(place, Path(name), actor_id)
        )
        dialog.open()

    def copy_actor(self) -> None:
        """Copy the events of the selected event's actor into another store."""
        event = self._selected_event()
        if event is not None:
            self._copy(event.actor_id)

    def _copy(self, actor_id: str | None) -> None:
        from aether_desktop.ui.events.copy_events import ask_where_to_copy

        if self._workspace.place is not None:
            ask_where_to_copy(self._window, self._workspace, self._desk, self._workspace.place, actor_id)

    def _file_dialog(self, title: str, *filters: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setNameFilters(filters)
        return dialog

    # -- demo

    def open_demo(self) -> None:
        """Open the demo shop, whose simulator goes on writing."""
        self._workspace.start(self.start_demo(), "demo")

    async def start_demo(self, *, simulate: bool = True) -> Connection | None:
        """As `open_demo`, and wait until a stream with snapshots is in front."""
        from aether_desktop.demo import DRIFTED_ACTOR, TENANT_A

        connection = await self._demo.open(self._workspace, simulate=simulate)
        if connection is not None:
            place = Place(connection, TENANT_A)
            await self._desk.open_log(place)
            await self._desk.open_stream(place, DRIFTED_ACTOR)
        return connection

    def remove_demo_files(self) -> None:
        """Remove the demo's file, after its connection is closed."""
        self._demo.remove_files()

    # -- events

    def new_tail(self, pattern: str = "") -> None:
        """Open a live tail of the namespace shown, or of `pattern`."""
        place = self._workspace.place
        if place is not None:
            self._desk.open_tail(place, pattern or place.namespace)

    def open_selected_stream(self) -> None:
        """Open the stream of the selected event's actor, at that event."""
        selection, event = self._workspace.selection, self._selected_event()
        if selection is not None and event is not None:
            opening = self._desk.open_stream(selection.place, event.actor_id, event.version)
            self._workspace.start(opening, "open stream")

    # -- window

    def set_theme(self, scheme: Scheme) -> None:
        """Use a theme from now on."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, scheme)
        self._workspace.settings.set("theme", scheme)

    def show_about(self) -> None:
        """Say what this is, and in which version."""
        from aether_desktop.ui.window.about import about_box

        about_box(self._window, self.copy_diagnostics).open()

    def copy_diagnostics(self) -> None:
        """Copy what a report of a problem should say."""
        from aether_desktop.diagnostics import diagnostics

        put_text(diagnostics(self._workspace))
        self._workspace.told.emit(
            "Copied: versions, platform, settings and the end of the log. No event is in it."
        )

    def show_cheat_sheet(self) -> None:
        """Show every key and what it does."""
        from aether_desktop.ui.window.cheat_sheet import CheatSheet

        CheatSheet(self._window).open()

    def show_palette(self) -> None:
        """Show every command by name."""
        from aether_desktop.ui.window.command_palette import CommandPalette

        palette = CommandPalette(self._window.actions(), self._window)
        palette.move(self._window.mapToGlobal(self._window.rect().center()) - palette.rect().center())
        palette.show()
        palette.input.setFocus()

    async def close(self) -> None:
        """End what commands have started."""
        self.tailing.close()
        await self.appending.close()
        await self._demo.close()
        await self.connecting.close()

    def _known_types(self) -> set[str]:
        return {info.last_event_type for info in self._panels.actors.loaded()} | self._panels.state.event_types

    def _selected_event(self) -> Event | None:
        selection = self._workspace.selection
        return selection.event if selection is not None else None


def _is_evidence_only(path: Path) -> bool:
    name = path.name.lower()
    return path.is_dir() or name.endswith((*EVIDENCE_SUFFIXES, ".csv.gz"))


def _ask_where_to_export(dialog: QFileDialog) -> None:
    """Save, and let the ending follow the kind of file that is chosen."""
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("ndjson")
    dialog.filterSelected.connect(
        lambda chosen: dialog.setDefaultSuffix("csv" if chosen == ROW_FILES else "ndjson")
    )
