"""A tab of an earlier session until it is shown: then what it stands for is opened in its place."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.window.document_view import DocumentView
from aether_desktop.ui.window.reopening import Spot, TabState


class WaitingView(DocumentView):
    """Says that it is being opened, or why it could not be."""

    tried_again = Signal()

    def __init__(self, tab: TabState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("waitingView")
        self.tab = tab
        self.is_opening = False
        self._words = EmptyState(parent=self, run=self.tried_again.emit)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._words)
        self.show_opening()

    @property
    def spot(self) -> Spot | None:
        """Where the document is from, None if it is of no connection."""
        return self.tab.place if isinstance(self.tab.place, Spot) else None

    def show_opening(self) -> None:
        """Say that it is on its way."""
        self._words.set_words(f"Opening {visible(self.tab.title)}…")

    def show_failure(self, why: str) -> None:
        """Say that it did not come, and offer to try again."""
        self._words.set_words(f"{visible(self.tab.title)} is not open.", why, "Try again")

    @property
    def busy(self) -> bool:
        return self.is_opening
