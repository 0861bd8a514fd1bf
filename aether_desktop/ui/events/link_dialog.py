"""Open a link: where it leads is said before anything is opened."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from aether_desktop.links import Link, LinkError, parse_link
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.empty_state import plain_label
from aether_desktop.ui.widgets.fitted_dialog import FittedDialog
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.urls import file_of, title_of


class LinkDialog(FittedDialog):
    """One line for the link; says where it leads, or what is wrong with it, while it is typed or pasted."""

    chosen = Signal(object)
    """The `Link` to follow."""

    def __init__(self, text: str = "", *, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("linkDialog")
        self.setWindowTitle("Open link")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.input = QLineEdit()
        self.input.setObjectName("linkInput")
        self.input.setAccessibleName("Link")
        self.input.setPlaceholderText("aether://open?url=…")
        self.words = plain_label()
        self.words.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.open_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.open_button.setText("Open")
        buttons.accepted.connect(self._open)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.input)
        layout.addWidget(self.words)
        layout.addWidget(buttons)
        self.setMinimumWidth(560)
        self._link: Link | None = None
        self.input.textChanged.connect(self._check)
        self.input.setText(text)
        self._check(text)
        self.input.selectAll()

    def _check(self, text: str) -> None:
        self._link = None
        words = "Paste a link that was copied with Ctrl+Shift+C. It is opened read-only."
        if text.strip():
            try:
                self._link = parse_link(text)
                words = describe(self._link)
            except LinkError as error:
                words = str(error)
        self.words.setText(visible(words))
        self.words.setAccessibleName(visible(words))
        self.open_button.setEnabled(self._link is not None)

    def _open(self) -> None:
        if self._link is not None:
            self.chosen.emit(self._link)
            self.accept()


def describe(link: Link) -> str:
    """Where a link leads, in words."""
    what = "Leads to"
    if link.sequence is not None:
        what += f" event #{number_text(link.sequence)} of {link.namespace} in"
    elif link.version is not None:
        what += f" version {number_text(link.version)} of {link.actor_id} in {link.namespace}, in"
    elif link.actor_id:
        what += f" the stream of {link.actor_id} in {link.namespace}, in"
    elif link.namespace:
        what += f" {link.namespace} in"
    store = str(file_of(link.url)) if link.url.startswith("sqlite:") else title_of(link.url)
    return f"{what} {store}."
