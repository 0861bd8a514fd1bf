"""Recover a damaged file into a new one, and list what had to be left."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.models.audit.recovery_run import KINDS, MOST_LISTED, RecoveryRun
from aether_desktop.numbers import number_text
from aether_desktop.ui.audit.audit_head import ProgressLine
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.table_setup import setup_table
from aether_desktop.ui.widgets.tinted import ToneLabel

_ABOUT = (
    "Reads the damaged file page by page, without its schema, counters or indexes, and changes nothing of it. "
    "Every event keeps its bytes and its sequence; what cannot be read is listed."
)


class RecoverDialog(QDialog):
    """Follows a `RecoveryRun`; closing it ends the run."""

    open_asked = Signal(object)
    """The new file is to be opened (`Path`)."""
    copy_requested = Signal(object)

    def __init__(self, run: RecoveryRun, source: Path | None, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("recoverDialog")
        self.setWindowTitle("Recover a damaged file")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._run = run
        self.source = QLineEdit(str(source or ""), self)
        self.source.setObjectName("recoverSource")
        self.source.setAccessibleName("Damaged file")
        self.target = QLineEdit(str(_proposed(source) if source is not None else ""), self)
        self.target.setObjectName("recoverTarget")
        self.target.setAccessibleName("New file")
        self.words = plain_label(parent=self)
        self.words.setObjectName("recoverWords")
        self._bar = ProgressLine(self)
        self.table = QTableView(self)
        self.table.setObjectName("recoverItems")
        self.table.setAccessibleName("What could not be recovered")
        self.table.setModel(run.items)
        setup_table(self.table, KINDS)
        for column, width in enumerate((130, 120, 130, 80)):
            self.table.setColumnWidth(column, width)
        self.listed = ToneLabel("", parent=self)
        buttons = QDialogButtonBox(self)
        self.start = buttons.addButton("Recover", QDialogButtonBox.ButtonRole.ActionRole)
        self.start.setObjectName("recoverSubmit")
        self.start.setDefault(True)
        self.open_button = buttons.addButton("Open the new file", QDialogButtonBox.ButtonRole.ActionRole)
        self.open_button.setObjectName("recoverOpen")
        self.copy = buttons.addButton("Copy the list", QDialogButtonBox.ButtonRole.ActionRole)
        self.close_button = buttons.addButton(QDialogButtonBox.StandardButton.Close)
        for button in (self.open_button, self.copy, self.close_button):
            button.setAutoDefault(False)
        self.start.clicked.connect(self._start)
        self.open_button.clicked.connect(self._open)
        self.copy.clicked.connect(lambda: self.copy_requested.emit(run.items.lines()))
        self.close_button.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(plain_label(_ABOUT, self))
        layout.addLayout(self._fields())
        layout.addWidget(self._bar)
        layout.addWidget(self.words)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.listed)
        # Until there is something in the table the room is left here, not between the lines.
        layout.addStretch(0)
        layout.addWidget(buttons)
        self.resize(720, 460)
        self.source.textChanged.connect(lambda _text: self._show())
        self.target.textChanged.connect(lambda _text: self._show())
        run.changed.connect(self._show)
        run.done.connect(self._show)
        self._show()
        self.target.setFocus()

    def _fields(self) -> QGridLayout:
        grid = QGridLayout()
        for row, (name, field, browse) in enumerate(
            (
                ("Damaged file", self.source, self._browse_source),
                ("Into the new file", self.target, self._browse_target),
            )
        ):
            button = QPushButton("Choose…", self)
            button.setAutoDefault(False)
            button.setAccessibleName(f"Choose: {name}")
            button.clicked.connect(browse)
            grid.addWidget(ToneLabel(name, parent=self), row, 0)
            grid.addWidget(field, row, 1)
            grid.addWidget(button, row, 2)
        return grid

    def _browse_source(self) -> None:
        dialog = QFileDialog(self, "Damaged file")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self._source_chosen)
        dialog.open()

    def _source_chosen(self, name: str) -> None:
        self.source.setText(name)
        if not self.target.text():
            self.target.setText(str(_proposed(Path(name))))

    def _browse_target(self) -> None:
        dialog = QFileDialog(self, "New file")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.setDefaultSuffix("aether")
        dialog.fileSelected.connect(self.target.setText)
        dialog.open()

    def _problem(self) -> str:
        """Why it cannot begin, empty if it can."""
        source, target = self.source.text().strip(), self.target.text().strip()
        if not source or not target:
            return "Name the damaged file and the new one."
        if not Path(source).is_file():
            return f"There is no file {source}."
        if Path(target).exists():
            return f"{target} exists and is left as it is; choose another name."
        return ""

    def _start(self) -> None:
        if not self._problem():
            self._run.start(Path(self.source.text().strip()), Path(self.target.text().strip()))

    def _open(self) -> None:
        if self._run.target is not None:
            self.open_asked.emit(self._run.target)
            self.accept()

    def _show(self) -> None:
        run = self._run
        is_done = run.result is not None
        problem = "" if run.is_running or is_done else self._problem()
        said = run.words or problem
        if problem and run.words and not is_done:
            said = f"{run.words} {problem}" if run.problem else problem
        self.words.setText(visible(said))
        for field in (self.source, self.target):
            field.setReadOnly(run.is_running)
        self.start.setVisible(not is_done)
        self.start.setEnabled(not run.is_running and not problem)
        self.open_button.setVisible(is_done)
        self.copy.setVisible(run.items.rowCount() > 0)
        self.close_button.setText("Cancel" if run.is_running else "Close")
        progress = run.progress
        self._bar.setVisible(run.is_running)
        self._bar.set_share(progress.pages / progress.total if progress.total else None)
        count = sum(run.counts.values())
        listed = run.items.rowCount()
        more = f"{number_text(listed)} of {number_text(count)} entries are listed." if count > MOST_LISTED else ""
        self.table.setVisible(bool(listed) or run.is_running)
        self.listed.set_text(more)
        self.listed.setVisible(bool(more))

    def done(self, result: int) -> None:
        """Close, and end what is running."""
        self._run.cancel()
        super().done(result)


def _proposed(source: Path) -> Path:
    """A new name beside the damaged file."""
    number = 1
    target = source.with_name(f"{source.stem}-recovered.aether")
    while target.exists():
        number += 1
        target = source.with_name(f"{source.stem}-recovered-{number}.aether")
    return target
