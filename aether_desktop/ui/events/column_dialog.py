"""Ask for the path of a value that tables of events shall show as a column."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCompleter, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from aether_desktop.models.events.path_column import PathColumn, path_column
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import FittedDialog
from aether_desktop.ui.widgets.theme import fixed_font
from aether_desktop.ui.widgets.tinted import ToneLabel

_HELP = "As in a filter: data.resource, data.items.0.sku, meta.UserID. Logs and streams show it before their data."


class ColumnDialog(FittedDialog):
    """One line to type in; completes the paths that events are known to have."""

    chosen = Signal(object)
    """A `PathColumn`."""

    def __init__(self, known: Sequence[str], *, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("columnDialog")
        self.setWindowTitle("Add column")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.input = QLineEdit()
        self.input.setObjectName("columnPath")
        self.input.setAccessibleName("Path of the value")
        self.input.setPlaceholderText("data.resource")
        self.input.setFont(fixed_font())
        completer = QCompleter(list(known), self.input)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.input.setCompleter(completer)
        self.answer = ToneLabel("", "text2")
        self.answer.setWordWrap(True)
        self.answer.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        # Room for a sentence that says what is wrong, so that nothing moves while somebody types.
        self.answer.setMinimumHeight(2 * self.answer.fontMetrics().lineSpacing())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._ok.setText("Add")
        buttons.accepted.connect(self._add)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.input)
        layout.addWidget(self.answer)
        help_text = plain_label(_HELP)
        help_text.setProperty("tone", "second")
        layout.addWidget(help_text)
        layout.addWidget(buttons)
        self.setMinimumWidth(440)
        self.input.textChanged.connect(self._check)
        self._check("")

    def _check(self, text: str) -> None:
        problem = ""
        try:
            self._column()
        except ValueError as error:
            problem = str(error) if text.strip() else ""
            self._ok.setEnabled(False)
        else:
            self._ok.setEnabled(True)
        self.answer.set_text(problem, "corrupted" if problem else "text2")
        self.input.setAccessibleDescription(problem)

    def _column(self) -> PathColumn:
        return path_column(self.input.text())

    def _add(self) -> None:
        self.chosen.emit(self._column())
        self.accept()
