"""Go to a version, a sequence or a time."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from aether_desktop.models.go_to import parse_target
from aether_desktop.ui.empty_state import plain_label


class GoToDialog(QDialog):
    """One line to type in; says what is wrong with it while it is typed."""

    chosen = Signal(object)

    def __init__(self, *, in_stream: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("goToDialog")
        self.setWindowTitle("Go to")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._in_stream = in_stream
        self.input = QLineEdit()
        self.input.setObjectName("goToInput")
        self.input.setAccessibleName("Version, sequence or time")
        self.input.setPlaceholderText(
            "12 or v12, #6344, 2011-09-01 13:59" if in_stream else "#6344, 2011-09-01 13:59"
        )
        self._problem = plain_label()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._ok.setText("Go")
        buttons.accepted.connect(self._go)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addWidget(self.input)
        layout.addWidget(self._problem)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
        self.input.textChanged.connect(self._check)
        self._check("")

    def _check(self, text: str) -> None:
        problem = ""
        if text.strip():
            try:
                parse_target(text, in_stream=self._in_stream)
            except ValueError as error:
                problem = str(error)
        self._problem.setText(problem)
        self._ok.setEnabled(bool(text.strip()) and not problem)

    def _go(self) -> None:
        self.chosen.emit(parse_target(self.input.text(), in_stream=self._in_stream))
        self.accept()
