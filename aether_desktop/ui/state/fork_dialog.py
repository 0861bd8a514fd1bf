"""How much of a stream is to be copied into the scratch store."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialogButtonBox,
    QHBoxLayout,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import FittedDialog
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox


class ForkDialog(FittedDialog):
    """`chosen` carries the version up to which to copy (None = all of it), and whether to compare then."""

    chosen = Signal(object, bool)

    def __init__(self, actor_id: str, version: int, last: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("forkDialog")
        self.setWindowTitle("Fork a stream")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.up_to = QRadioButton("Up to version", self)
        self.up_to.setObjectName("forkUpTo")
        self.version = Int64SpinBox(1, max(last, 1), version, parent=self)
        self.version.setObjectName("forkVersion")
        self.version.setAccessibleName("Last version to copy")
        self.whole = QRadioButton(f"The whole stream, up to version {last}", self)
        self.whole.setObjectName("forkWhole")
        (self.up_to if version < last else self.whole).setChecked(True)
        self.compare = QCheckBox("Compare the two states", self)
        self.compare.setObjectName("forkCompare")
        self.compare.setChecked(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        fork = buttons.addButton("Fork", QDialogButtonBox.ButtonRole.AcceptRole)
        fork.setObjectName("forkSubmit")
        fork.setDefault(True)
        buttons.accepted.connect(self._fork)
        buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(self.up_to)
        row.addWidget(self.version)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        about = f"Copies the events of {actor_id} into a scratch store in memory, byte for byte."
        layout.addWidget(plain_label(f"{about} What you append there stays there, and ends with the window."))
        layout.addLayout(row)
        layout.addWidget(self.whole)
        layout.addWidget(self.compare)
        layout.addWidget(buttons)
        self.setMinimumWidth(420)
        self.version.valueChanged.connect(lambda _value: self.up_to.setChecked(True))

    def _fork(self) -> None:
        self.chosen.emit(self.version.value() if self.up_to.isChecked() else None, self.compare.isChecked())
        self.accept()
