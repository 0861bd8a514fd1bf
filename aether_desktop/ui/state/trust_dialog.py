"""May this file run: its path, the hash of its content, and the content itself to look at."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import fixed_font
from aether_engine.replay import ReducerFile


class TrustDialog(QDialog):
    """Nothing is trusted by pressing Enter."""

    trusted = Signal(bool)
    """The content may run; True if what the file becomes later may, too."""

    def __init__(self, file: ReducerFile, *, changed: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("trustDialog")
        self.setWindowTitle("Trust a reducer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.file = file
        what = plain_label(
            "This file has changed since you trusted it. May its new content run?"
            if changed
            else "A reducer is a program: it can do whatever you can, such as delete your files. May this one run?"
        )
        path = plain_label(file.path)
        path.setObjectName("trustPath")
        digest = plain_label(file.sha256)
        digest.setObjectName("trustHash")
        digest.setFont(fixed_font(-1))
        size = plain_label(f"{number_text(len(file.source))} bytes")
        form = QFormLayout()
        form.addRow("File", path)
        form.addRow("SHA-256", digest)
        form.addRow("Size", size)
        source = QPlainTextEdit()
        source.setObjectName("trustSource")
        source.setAccessibleName("Content of the file")
        source.setReadOnly(True)
        source.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        source.setFont(fixed_font(-1))
        source.setPlainText(visible(file.source.decode("utf-8", "replace"), keep_lines=True))
        self.later = QCheckBox("Also trust what this file becomes while this window is open")
        self.later.setObjectName("trustLater")
        buttons = QDialogButtonBox()
        self.trust_button = buttons.addButton("Trust and run it", QDialogButtonBox.ButtonRole.AcceptRole)
        self.trust_button.setObjectName("trustSubmit")
        cancel = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.trust_button.setAutoDefault(False)
        cancel.setDefault(True)
        buttons.accepted.connect(self._trust)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(what)
        layout.addLayout(form)
        layout.addWidget(source, 1)
        layout.addWidget(self.later)
        layout.addWidget(buttons)
        metrics = QFontMetrics(fixed_font(-1))
        self.resize(metrics.horizontalAdvance("0" * 84) + 48, metrics.height() * 34)
        # The box hands Tab on to its default button, and those before it would be passed over.
        buttons.setFocusProxy(None)  # type: ignore[arg-type]  # Qt takes it
        cancel.setFocus()

    def _trust(self) -> None:
        self.trusted.emit(self.later.isChecked())
        self.accept()
