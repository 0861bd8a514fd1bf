"""Before anything is written to a PRODUCTION connection: the namespace's name, typed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialogButtonBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.badge import Badge, BadgeKind, HazardStripe
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import FittedDialog
from aether_desktop.ui.widgets.theme import ui_font
from aether_desktop.write_guard import WriteQuestion


class ConfirmWriteDialog(FittedDialog):
    """Answers a `WriteQuestion`; closing it in any other way than by the name refuses the write."""

    def __init__(self, question: WriteQuestion, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("confirmWriteDialog")
        self.setWindowTitle("Write to PRODUCTION")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._question = question
        head = QHBoxLayout()
        head.setSpacing(8)
        title = plain_label(f"Write to {question.namespace}?")
        title.setFont(ui_font(1, semibold=True))
        head.addWidget(Badge(BadgeKind.PRODUCTION))
        head.addWidget(title, 1)
        purpose = f"{question.what}: people" if question.what else "People"
        self.words = plain_label(
            f"{purpose} depend on what is stored in {question.connection}. What is written stays for ever. "
            "To go on, type the name of the namespace:"
        )
        name = plain_label(question.namespace)
        name.setFont(ui_font(semibold=True))
        self.input = QLineEdit()
        self.input.setObjectName("confirmWriteName")
        self.input.setAccessibleName("Name of the namespace")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.write_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.write_button.setText("Write")
        self.write_button.setObjectName("confirmWriteSubmit")
        self.write_button.setEnabled(False)
        buttons.accepted.connect(self._confirm)
        buttons.rejected.connect(self.reject)
        body = QVBoxLayout()
        body.setContentsMargins(16, 12, 16, 16)
        body.setSpacing(12)
        body.addLayout(head)
        body.addWidget(self.words)
        body.addWidget(name)
        body.addWidget(self.input)
        body.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(HazardStripe())
        layout.addLayout(body)
        self.setMinimumWidth(480)
        self.input.textChanged.connect(lambda text: self.write_button.setEnabled(text == question.namespace))
        self.input.setFocus()
        self.finished.connect(lambda _result: question.refuse())
        question.ended.connect(self.close)

    def _confirm(self) -> None:
        if self._question.confirm(self.input.text()):
            self.accept()
