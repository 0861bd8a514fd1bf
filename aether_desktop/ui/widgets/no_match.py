"""What a list says while it has no rows, in the place where they would be."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractItemView

from aether_desktop.ui.widgets.tinted import ToneLabel

_MARGIN = 12


class NoMatch(ToneLabel):
    """Lies over the rows of `view`, which has its model; `words` are shown without any, and may be none."""

    def __init__(self, view: QAbstractItemView, words: Callable[[], str]) -> None:
        super().__init__(parent=view.viewport())
        self._view = view
        self._words = words
        self.setObjectName("noMatch")
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        model = view.model()
        for changed in (model.rowsInserted, model.rowsRemoved, model.modelReset, model.layoutChanged):
            changed.connect(self.refresh)
        view.viewport().installEventFilter(self)
        self.refresh()

    def refresh(self) -> None:
        """Show the words, or nothing where there are rows."""
        words = "" if self._view.model().rowCount() else self._words()
        self.set_text(words)
        self.setVisible(bool(words))
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the list."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        room = self._view.viewport().size()
        self.setGeometry(_MARGIN, _MARGIN, max(room.width() - 2 * _MARGIN, 0), max(room.height() - _MARGIN, 0))
