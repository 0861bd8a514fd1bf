"""Documents whose content is looked for: a line that says how far that is, with what can be done about it."""

from __future__ import annotations

import itertools

from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.empty_state import EmptyState
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel
from aether_desktop.ui.widgets.turn_to import turn_to
from aether_desktop.ui.window.document_view import DocumentView

#: Least width of the line that says how far it is, in pixels.
_NARROWEST_WORDS = 120


class SearchedView(DocumentView):
    """Above the content stand `words` and `action`; while there is none, the empty state says why."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """`name` begins the object names: of `trace` come `traceView`, `traceWords` and `traceAction`."""
        super().__init__(parent)
        self.setObjectName(f"{name}View")
        self.words = ToneLabel(parent=self)
        # In lines of their own where the window is narrow, which they must not keep from becoming so.
        self.words.setWordWrap(True)
        self.words.setMinimumWidth(_NARROWEST_WORDS)
        self.words.setObjectName(f"{name}Words")
        self.action = LinkButton("", self)
        self.action.setObjectName(f"{name}Action")

    def _lay_out(self, content: QWidget, *buttons: QWidget) -> None:
        """Put everything in its place, `buttons` at the right end of the line."""
        head = Surface("window", bottom="line", parent=self)
        row = QHBoxLayout(head)
        row.setContentsMargins(12, 4, 8, 4)
        row.setSpacing(8)
        row.addWidget(self.words, 1)
        row.addWidget(self.action)
        for button in buttons:
            row.addWidget(button)
        self._content = content
        self._empty = EmptyState(parent=self)
        pages = QWidget(self)
        self._stack = QStackedLayout(pages)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(content)
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(pages, 1)
        # The content comes first, whoever was made first.
        for before, behind in itertools.pairwise((content, self.action, *buttons)):
            self.setTabOrder(before, behind)

    def _show_content(self, there_is_some: bool) -> None:
        page = self._content if there_is_some else self._empty
        turn_to(self._stack, page, view=self, content=self._content)
