"""Go to a version, a sequence, a time, or so many rows on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from aether_desktop.models.events.go_to import Target, Where, parse_target, preview
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.tinted import ToneLabel

_WIDTH = 460
_IN_STREAM = "12 or v12, #6344, +10, end, 2011-09-01 13:59"
_IN_LOG = "#6344, +100, 50%, end, 2011-09-01 13:59"
_HELP = (
    "Times are the events' own, in UTC unless an offset is given, or back from now: 2d, 3h. "
    "recorded 2011-09-01 goes by the time of storing."
)


class GoToDialog(QDialog):
    """One line to type in; says while it is typed where it leads, or what is wrong with it."""

    chosen = Signal(object)

    def __init__(self, where: Callable[[], Where], *, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("goToDialog")
        self.setWindowTitle("Go to")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._where = where
        in_stream = where().in_stream
        self.input = QLineEdit()
        self.input.setObjectName("goToInput")
        self.input.setAccessibleName("Version, sequence or time" if in_stream else "Sequence or time")
        self.input.setPlaceholderText(_IN_STREAM if in_stream else _IN_LOG)
        self.answer = ToneLabel("", "text2")
        self.answer.setWordWrap(True)
        self.answer.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        # Room for a sentence that says what is wrong, so that nothing moves while somebody types.
        self.answer.setMinimumHeight(2 * self.answer.fontMetrics().lineSpacing())
        self.answer.setObjectName("goToAnswer")
        help_text = plain_label(_HELP)
        help_text.setProperty("tone", "second")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._ok.setText("Go")
        buttons.accepted.connect(self._go)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.input)
        layout.addWidget(self.answer)
        layout.addWidget(help_text)
        layout.addWidget(buttons)
        # A text that wraps asks for more height than it needs at this width.
        self.setFixedSize(_WIDTH, layout.totalHeightForWidth(_WIDTH))
        self.input.textChanged.connect(self._check)
        self._check("")

    def _check(self, text: str) -> None:
        said, problem = "", ""
        if text.strip():
            try:
                said = preview(self._target(), self._where())
            except ValueError as error:
                problem = str(error)
        self.answer.set_text(problem or said, "corrupted" if problem else "text2")
        self.input.setProperty("invalid", bool(problem))
        self.input.style().polish(self.input)
        self.input.setAccessibleDescription(problem or said)
        self._ok.setEnabled(bool(said))

    def _target(self) -> Target:
        return parse_target(self.input.text(), in_stream=self._where().in_stream)

    def _go(self) -> None:
        try:
            target = self._target()
            # Events may have come and the selection moved since it was typed.
            preview(target, self._where())
        except ValueError:
            self._check(self.input.text())
            return
        self.chosen.emit(target)
        self.accept()
