"""The line under a view: what it shows, and what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.theme import grown
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel


class ViewFooter(Surface):
    """A text and two links, `more` and `action`, which are hidden until they are of use."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("window", top="line", parent=parent)
        self.label = ToneLabel(elide=Qt.TextElideMode.ElideRight, parent=self)
        self.more = LinkButton("", self)
        self.action = LinkButton("", self)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.addWidget(self.label, 1)
        for link in (self.more, self.action):
            link.hide()
            row.addWidget(link)
        self.setFixedHeight(grown(30))


def with_footer(view: QWidget, footer: QWidget, page: QWidget | None = None) -> QWidget:
    """Return a page with a view and the line under it."""
    page = page or QWidget()
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(view, 1)
    column.addWidget(footer)
    return page
