"""A text to read and to copy, such as the traceback of a program."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import fixed_font


class TextDialog(QDialog):
    """Shows `text` as it is; `about` says in a sentence what it is."""

    def __init__(self, title: str, about: str, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("textDialog")
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName(title)
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(fixed_font(-1))
        self.text.setPlainText(visible(text, keep_lines=True))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy = buttons.addButton("Copy", QDialogButtonBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(text))
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.addWidget(plain_label(about))
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)
        metrics = QFontMetrics(fixed_font(-1))
        self.resize(metrics.horizontalAdvance("0" * 90) + 48, metrics.height() * 24)
