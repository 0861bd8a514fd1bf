"""What is made of an audit: reports, comparisons with earlier ones, and what is recovered of a damaged file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from aether_desktop.models.audit.bundle_run import MOST_EVENTS, BundleOrigin, BundleRun
from aether_desktop.models.audit.recovery_run import RecoveryRun
from aether_desktop.models.audit.report_exchange import ReportExchange
from aether_desktop.numbers import number_text
from aether_desktop.ui.audit.bundle_dialog import BundleDialog
from aether_desktop.ui.audit.recover_dialog import RecoverDialog
from aether_desktop.ui.widgets.clipboard import put_text

if TYPE_CHECKING:
    from aether_desktop.ui.audit.audit_view import AuditView
    from aether_desktop.ui.events.chosen_rows import ChosenRows
    from aether_desktop.ui.window.main_window import MainWindow
    from aether_desktop.workspace import Workspace
    from aether_engine.audit import Finding

_HTML: Final = "HTML, one file to read and print (*.html)"
_CSV: Final = "CSV, a line for each finding (*.csv)"
_JSON: Final = "JSON, to be compared later (*.json)"
_SUFFIXES: Final = {_HTML: ".html", _CSV: ".csv", _JSON: ".json"}


class AuditHandover(QObject):
    """Asks for files, and has reports written and read."""

    def __init__(self, window: MainWindow, parent: QObject) -> None:
        super().__init__(parent)
        self._window = window
        self._workspace: Workspace = window.workspace
        self._reports = ReportExchange(self._workspace, self)
        self._reports.written.connect(self._tell_written)
        self._running: list[RecoveryRun | BundleRun] = []
        #: Shows a folder of the system; a seam for tests.
        self.show_folder: Callable[[Path], object] = _show_folder

    async def close(self) -> None:
        """End what is running."""
        for run in list(self._running):
            await run.close()

    # -- reports

    def export(self, view: AuditView) -> None:
        """Ask where to, and write the report."""
        dialog = QFileDialog(self._window, "Export report")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(list(_SUFFIXES))
        dialog.selectFile(f"audit-{Path(view.run.subject.title).stem}.html")
        # The name's ending tells the form; without one the chosen form gives it.
        dialog.setDefaultSuffix("html")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix(_SUFFIXES[chosen][1:]))
        dialog.fileSelected.connect(lambda name: self._write(view, Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _write(self, view: AuditView, path: Path) -> None:
        if path.suffix.lower() not in (".html", ".htm", ".csv", ".json"):
            self._workspace.told.emit(f"{path.name}: a report is named .html, .csv or .json. Nothing was written.")
            return
        self._reports.write(view.run, path)

    def _tell_written(self, path: Path) -> None:
        text = f"The report was written to {path}."
        self._workspace.offered.emit(text, "Open the folder", lambda: self.show_folder(path.parent))

    # -- comparing

    def compare(self, view: AuditView) -> None:
        """Ask for an earlier report, and show what is new, gone and the same."""
        dialog = QFileDialog(self._window, "Compare with an earlier report")
        dialog.setNameFilters([_JSON, "All files (*)"])
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self._reports.compare_with(view.run, Path(name)))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def end_comparison(self, view: AuditView) -> None:
        """Show the findings alone again."""
        view.run.show_comparison(None)

    # -- bundles

    def bundle(self, view: AuditView) -> None:
        """Ask what to take away, and write the events of the chosen findings into a small file."""
        places = places_of(view.chosen())
        if not places:
            self._workspace.told.emit("No chosen finding is about an event that could be taken along.")
            return
        run, subject = view.run, view.run.subject
        origin = BundleOrigin(subject.title, subject.connection)
        if subject.connection is None:
            is_file = run.kind is not None and run.kind.can_recover
            lasts = dict.fromkeys(run.totals.namespaces, run.progress.checked)
            origin = BundleOrigin(subject.title, None, subject.path if is_file else None, run.target, lasts)
        self.open_bundle(origin, places)

    def bundle_selected(self, chosen: ChosenRows) -> None:
        """The same for the events that are selected in a log, stream or tail."""
        events = [(each.place, each.sequence) for each in chosen]
        if events:
            connection = events[0][0].connection
            places = [(place.namespace, sequence) for place, sequence in events]
            self.open_bundle(BundleOrigin(connection.title, connection), places)

    def open_bundle(self, origin: BundleOrigin, places: Sequence[tuple[str, int]]) -> None:
        """Ask, and write."""
        if len(places) > MOST_EVENTS:
            count, most = number_text(len(places)), number_text(MOST_EVENTS)
            self._workspace.told.emit(f"These are {count} events; a bundle holds at most {most}: choose fewer.")
            return
        run = BundleRun(self._workspace, origin, places, self)
        self._running.append(run)
        file = origin.connection.file_path if origin.connection is not None else origin.file
        dialog = BundleDialog(run, file.absolute().parent if file is not None else Path.home(), self._window)
        dialog.open_asked.connect(self._open_written)
        dialog.finished.connect(lambda _result: self._workspace.start(self._end(run), "end bundle"))
        dialog.open()

    # -- recovering

    def recover(self, source: Path | None) -> RecoverDialog:
        """Ask for the new file, and write what can be read into it."""
        run = RecoveryRun(self._workspace, self)
        self._running.append(run)
        dialog = RecoverDialog(run, source, self._window)
        dialog.open_asked.connect(self._open_written)
        dialog.copy_requested.connect(put_text)
        dialog.finished.connect(lambda _result: self._workspace.start(self._end(run), "end recovery"))
        dialog.open()
        return dialog

    async def _end(self, run: RecoveryRun | BundleRun) -> None:
        await run.close()
        self._running.remove(run)
        run.deleteLater()

    def _open_written(self, path: Path) -> None:
        self._workspace.start(self._workspace.open_path(path, read_only=True), "open what was written")


def _show_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def places_of(findings: Iterable[Finding]) -> list[tuple[str, int]]:
    """The places in the logs that findings are about, each once; of more than a bundle holds, one too many."""
    places: dict[tuple[str, int], None] = {}
    for one in findings:
        if one.sequence is not None:
            last = min(one.last_sequence or one.sequence, one.sequence + MOST_EVENTS)
            places.update(((one.namespace, sequence), None) for sequence in range(one.sequence, last + 1))
        if len(places) > MOST_EVENTS:
            break
    return sorted(places)
