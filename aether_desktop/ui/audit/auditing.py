"""Audits in the window: opens their documents, and leads from a finding to its event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QMenu

from aether_desktop.ui.audit.audit_actions import AUDIT_COMMANDS, AUDIT_MENU
from aether_desktop.ui.events.chosen_rows import ChosenRows
from aether_desktop.ui.state.state_actions import fill_menu
from aether_desktop.ui.widgets.clipboard import put_text
from aether_desktop.ui.window.documents import Document
from aether_desktop.workspace import Place, Workspace

# What an audit needs is loaded with the first one: a first table does not wait for it.
if TYPE_CHECKING:
    from aether_desktop.connection import Connection
    from aether_desktop.models.audit.audit_run import AuditSubject, FindingBytes
    from aether_desktop.ui.audit.audit_handover import AuditHandover
    from aether_desktop.ui.audit.audit_view import AuditView
    from aether_desktop.ui.state.time_travel import TimeTravel
    from aether_desktop.ui.window.desk import Desk
    from aether_desktop.ui.window.main_window import MainWindow
    from aether_engine.audit import AuditScope, Finding

_EVIDENCE_FILES = (
    "Events (*.aether *.ndjson *.jsonl *.json *.csv *.gz *.zst)",
    "All files (*)",
)
_GROUPS = {
    "audit_by_check": "check",
    "audit_by_actor": "actor",
    "audit_by_namespace": "namespace",
    "audit_in_one_list": "none",
}


class Auditing(QObject):
    """Owns the commands about audits; the documents belong to the desk."""

    def __init__(self, window: MainWindow, desk: Desk, travel: TimeTravel, parent: QObject) -> None:
        super().__init__(parent)
        self._window = window
        self._workspace: Workspace = window.workspace
        self._documents = window.documents
        self._desk = desk
        self._travel = travel
        self._actions = window.actions_by_name
        self._actions.add(AUDIT_COMMANDS)
        self._handover: AuditHandover | None = None
        for menu in window.menuBar().findChildren(QMenu):
            if menu.objectName() == "menuAudit":
                fill_menu(menu, self._actions, AUDIT_MENU)
        desk.reopening.add("audit", "audit", self._reopen, elsewhere=self._reopen_path)
        self._documents.currentChanged.connect(lambda _index: self.update_actions())
        self._workspace.place_changed.connect(self.update_actions)
        self._workspace.selection_changed.connect(lambda _selection: self.update_actions())
        self.update_actions()

    @property
    def handover(self) -> AuditHandover:
        """Reports, bundles and recoveries; made on first use."""
        if self._handover is None:
            from aether_desktop.ui.audit.audit_handover import AuditHandover

            self._handover = AuditHandover(self._window, self)
        return self._handover

    async def close(self) -> None:
        """End what was started beside the documents."""
        if self._handover is not None:
            await self._handover.close()

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do, by name."""
        return {
            "audit": self.audit_shown,
            "audit_namespace": self._audit_namespace,
            "audit_actor": self._audit_actor,
            "audit_file": self.ask_for_file,
            "audit_folder": self.ask_for_folder,
            "audit_run": lambda: self._on_view(self._run),
            "audit_pause": lambda: self._on_view(_pause_or_go_on),
            "audit_cancel": lambda: self._on_view(lambda view: view.run.cancel()),
            "audit_settings": lambda: self._on_view(self._ask_for_settings),
            "audit_to_event": lambda: self._on_view(self._open_current),
            "audit_export": lambda: self._on_view(lambda view: self.handover.export(view)),
            "audit_compare": lambda: self._on_view(lambda view: self.handover.compare(view)),
            "audit_end_comparison": lambda: self._on_view(lambda view: self.handover.end_comparison(view)),
            "bundle": self.bundle_shown,
            "recover": self.recover_shown,
            **{name: partial(self._group, group_by) for name, group_by in _GROUPS.items()},
        }

    @property
    def busy(self) -> bool:
        """Whether the finding in front is still being read."""
        view = self.in_front
        return view is not None and view.busy

    @property
    def in_front(self) -> AuditView | None:
        """The audit in front."""
        view = self._documents.currentWidget()
        document = self._documents.document_of(view)
        # Whatever is of that kind was made here.
        return cast("AuditView", view) if document is not None and document.kind == "audit" else None

    def update_actions(self) -> None:
        """Offer what can be done now."""
        actions, view = self._actions, self.in_front
        run = view.run if view is not None else None
        running = run is not None and run.is_running
        paused = run is not None and run.is_paused
        place, selection = self._workspace.place, self._workspace.selection
        for names, possible in (
            (("audit", "audit_namespace"), place is not None),
            (("audit_actor",), selection is not None and selection.event is not None),
            (("audit_run", "audit_settings"), run is not None and not running and not paused),
            (("audit_pause", "audit_cancel"), running or paused),
            (tuple(_GROUPS), run is not None),
            (("audit_export", "audit_compare"), run is not None and run.has_run and not running),
            (("bundle",), selection is not None if run is None else run.has_run and not running),
            (("audit_end_comparison",), run is not None and run.comparison is not None),
            (("audit_to_event",), view is not None and view.current is not None),
        ):
            for name in names:
                actions[name].setEnabled(possible)

    def _on_view(self, work: Callable[[AuditView], object]) -> None:
        view = self.in_front
        if view is not None:
            work(view)

    def _group(self, group_by: str) -> None:
        from aether_desktop.models.audit.finding_groups import GroupBy

        self._on_view(lambda view: view.set_group_by(GroupBy(group_by)))

    def _open_current(self, view: AuditView) -> None:
        if view.current is not None:
            self._open(view, view.current)

    # -- opening

    def audit_shown(self) -> AuditView | None:
        """The audit of the connection shown, in its tab."""
        place = self._workspace.place
        return self._open_connection(place.connection) if place is not None else None

    def _audit_namespace(self) -> None:
        place = self._workspace.place
        if place is not None:
            view = self._open_connection(place.connection)
            view.head.choose_scope(_scope(place.namespace))

    def _audit_actor(self) -> None:
        selection = self._workspace.selection
        event = selection.event if selection is not None else None
        if selection is not None and event is not None:
            view = self._open_connection(selection.place.connection)
            view.head.choose_scope(_scope(selection.place.namespace, event.actor_id))

    def _open_connection(self, connection: Connection) -> AuditView:
        names = [info.name for info in connection.namespaces]
        place = self._workspace.place
        known = place if place is not None and place.connection is connection else None
        document = Document("audit", known or Place(connection, names[0] if names else "default"), "connection")
        for view, shown in self._documents.views().items():
            if shown.kind == "audit" and shown.connection is connection:
                self._documents.setCurrentWidget(view)
                return cast("AuditView", view)
        from aether_desktop.models.audit.audit_run import AuditSubject

        return self.open_subject(document, AuditSubject(connection.title, connection))

    async def _reopen(self, place: Place, _name: str, state: Mapping[str, Any]) -> AuditView:
        # Not started by itself: it may take long, and nobody has asked for it this time.
        view = self._open_connection(place.connection)
        view.restore_session(state)
        return view

    async def _reopen_path(self, name: str, state: Mapping[str, Any]) -> AuditView | None:
        path = Path(name)
        if not await asyncio.to_thread(path.exists):
            return None
        columns = state.get("columns")
        view = self.audit_path(path, columns if isinstance(columns, dict) and columns else None)
        view.restore_session(state)
        return view

    def audit_path(self, path: Path, columns: Mapping[str, str] | None = None) -> AuditView:
        """The audit of a file or folder as evidence, in its tab; it is not opened as a store."""
        document = Document("audit", None, str(path.absolute()))
        view = self._documents.view_of(document)
        if view is not None and columns is None:
            self._documents.setCurrentWidget(view)
            return cast("AuditView", view)
        from aether_desktop.models.audit.audit_run import AuditSubject

        if view is not None:
            self._desk.close_view(view)
        return self.open_subject(document, AuditSubject(path.name, path=path, columns=columns or {}))

    def open_subject(self, document: Document, subject: AuditSubject) -> AuditView:
        """The audit of anything in a tab of its own, ready to be run."""
        from aether_desktop.models.audit.audit_run import AuditRun
        from aether_desktop.ui.audit.audit_view import AuditView

        run = AuditRun(self._workspace, subject)
        view = AuditView(run)
        view.head.run_asked.connect(lambda: self._run(view))
        view.head.pause_asked.connect(lambda: _pause_or_go_on(view))
        view.head.cancel_asked.connect(run.cancel)
        view.head.settings_asked.connect(lambda: self._ask_for_settings(view))
        view.head.copy_requested.connect(put_text)
        view.head.export_asked.connect(lambda: self.handover.export(view))
        view.head.bundle_asked.connect(lambda: self.handover.bundle(view))
        view.head.compare_asked.connect(lambda: self.handover.compare(view))
        view.head.columns_asked.connect(lambda: self._ask_for_columns(view))
        view.recover_asked.connect(lambda: self.handover.recover(run.subject.file))
        run.compared.connect(self.update_actions)
        run.looked.connect(lambda: self._looked(view))
        view.detail.copy_requested.connect(put_text)
        view.copy_requested.connect(put_text)
        view.finding_shown.connect(lambda finding: self._start_reading(view, finding))
        view.neighbour_asked.connect(lambda finding, sequence: self._start_beside(view, finding, sequence))
        view.open_asked.connect(lambda finding: self._open(view, finding))
        view.leave_out_asked.connect(lambda finding: self._start_leaving_out(view, finding))
        run.changed.connect(self.update_actions)
        run.changed.connect(self._desk.counts_changed)
        view.table.selectionModel().currentRowChanged.connect(lambda *_rows: self.update_actions())
        title = f"Audit {subject.title}"
        tooltip = f"Audit of {subject.path or subject.title}"
        self._desk.open_document(document, view, icon_name="audit", title=title, tooltip=tooltip)
        view.head.run_button.setFocus()
        run.look()
        return view

    def _looked(self, view: AuditView) -> None:
        """What evidence is, is known: of CSV it has to be said which columns are what."""
        if view.run.kind is not None and view.run.kind.columns and not view.run.subject.columns:
            self._ask_for_columns(view)

    def _ask_for_columns(self, view: AuditView) -> None:
        kind, subject = view.run.kind, view.run.subject
        if kind is None:
            return
        from aether_desktop.audit_subjects import proposed_columns
        from aether_desktop.ui.audit.csv_columns_dialog import CsvColumnsDialog

        known = subject.columns or proposed_columns(kind.columns)
        dialog = CsvColumnsDialog(subject.title, kind.columns, known, self._window)
        dialog.chosen.connect(view.run.use_columns)
        dialog.open()

    def bundle_shown(self) -> None:
        """A bundle of the chosen findings' events, or of the events selected in a table."""
        view = self.in_front
        if view is not None:
            self.handover.bundle(view)
        else:
            self.handover.bundle_selected(ChosenRows(self._workspace, self._documents))

    def recover_shown(self) -> None:
        """Recover the file that is shown or audited, or another one."""
        view = self.in_front
        place = self._workspace.place
        file = view.run.subject.file if view is not None else None
        if view is None and place is not None:
            file = place.connection.file_path
        self.handover.recover(file if file is not None and file.is_file() else None)

    def ask_for_file(self) -> None:
        """Ask for a file, and audit it as evidence."""
        dialog = self._file_dialog("Audit a file")
        dialog.setNameFilters(_EVIDENCE_FILES)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.audit_path(Path(name)))
        dialog.open()

    def ask_for_folder(self) -> None:
        """Ask for a folder of files or of a backup, and audit it as evidence."""
        dialog = self._file_dialog("Audit a folder")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda name: self.audit_path(Path(name)))
        dialog.open()

    def _file_dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self._window, title)
        dialog.finished.connect(dialog.deleteLater)
        return dialog

    # -- running

    def _run(self, view: AuditView) -> None:
        from aether_engine.errors import AetherError

        try:
            scope = view.head.scope()
        except AetherError as error:
            self._workspace.fail("The scope is not understood", error)
            return
        view.run.start(scope, view.run.settings)
        view.table.setFocus()

    def _ask_for_settings(self, view: AuditView) -> None:
        from aether_desktop.ui.audit.audit_settings_dialog import AuditSettingsDialog

        source = view.run.target.source if view.run.target is not None else None
        dialog = AuditSettingsDialog(view.run.settings, source, self._window)
        dialog.chosen.connect(view.run.use_settings)
        dialog.open()

    # -- from a finding to its event

    def _start_reading(self, view: AuditView, finding: Finding) -> None:
        self._workspace.start(self._read(view, finding), "read finding")

    async def _read(self, view: AuditView, finding: Finding) -> None:
        """Show the bytes of a finding's event, and select the event everywhere if it is of a connection."""
        found = await self._bytes(view, finding)
        if view.current is not finding:
            return
        view.detail.show_bytes(found)
        connection = view.run.subject.connection
        if connection is None or finding.sequence is None or view is not self.in_front:
            return
        place = Place(connection, finding.namespace)
        store = await self._workspace.store(place)
        async for batch in store.read(from_sequence=finding.sequence, to_sequence=finding.sequence):
            for stored in batch:
                if view.current is finding and view is self.in_front:
                    view.own_place = finding.namespace, stored.sequence
                    self._workspace.select(place, stored)

    async def _bytes(self, view: AuditView, finding: Finding) -> FindingBytes:
        from aether_desktop.models.audit.audit_run import FindingBytes
        from aether_engine.errors import AetherError

        try:
            return await view.run.bytes_of(finding)
        except AetherError:
            # Of a place that cannot be read there are no bytes; the finding says so.
            return FindingBytes()

    def _start_beside(self, view: AuditView, finding: Finding, sequence: int) -> None:
        from aether_engine.audit import Finding as Beside

        async def work() -> None:
            beside = Beside(finding.check, "", namespace=finding.namespace, sequence=sequence)
            found = await self._bytes(view, beside)
            if view.current is finding:
                view.detail.show_neighbour(found)

        self._workspace.start(work(), "read neighbour")

    def _open(self, view: AuditView, finding: Finding) -> None:
        self._workspace.start(self._open_event(view, finding), "open event")

    async def _open_event(self, view: AuditView, finding: Finding) -> None:
        place = await self._place_of(view, finding)
        if place is None:
            return
        if finding.sequence is None:
            await self._desk.open_stream(place, finding.actor_id, finding.version)
            return
        view.own_place = None
        await self._desk.open_log(place)
        selection = self._workspace.selection
        if selection is not None and (selection.place, selection.stored.sequence) == (place, finding.sequence):
            # It is selected already, only not in this table.
            await self._desk.show(selection)
        else:
            await self._workspace.select_at(place, finding.sequence)

    async def _place_of(self, view: AuditView, finding: Finding) -> Place | None:
        """Where the event is in an open connection; a file that is none is opened, to be read only."""
        subject = view.run.subject
        connection = subject.connection
        if connection is None and subject.path is not None:
            connection = await self._workspace.open_path(subject.path, read_only=True)
        return Place(connection, finding.namespace) if connection is not None else None

    def _start_leaving_out(self, view: AuditView, finding: Finding) -> None:
        self._workspace.start(self._leave_out(view, finding), "state without the event")

    async def _leave_out(self, view: AuditView, finding: Finding) -> None:
        """Show the state of the actor as if the event had not been."""
        place = await self._place_of(view, finding)
        if place is None or finding.version is None:
            return
        await self._desk.open_stream(place, finding.actor_id, finding.version)
        await self._travel.leave_out_of(finding.actor_id, finding.version)


def _pause_or_go_on(view: AuditView) -> None:
    if view.run.is_running:
        view.run.pause()
    else:
        view.run.go_on()


def _scope(namespace: str, actor_id: str = "") -> AuditScope:
    from aether_engine.audit import AuditScope

    return AuditScope(namespace, actor_id)
