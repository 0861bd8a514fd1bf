"""The steps of trying a connection out: ok or not, what was found, and what to do about it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from aether_desktop.models.connection.connection_check import CheckStep, Outcome
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible

_ICONS = {
    Outcome.OK: ("check", "live"),
    Outcome.FAILED: ("corrupted", "corrupted"),
    Outcome.WARNING: ("warning", "gap"),
    Outcome.SKIPPED: ("minus", "text2"),
}


class CheckList(QListWidget):
    """One line a step, in the order in which they were found."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("connectSteps")
        self.setAccessibleName("Steps of the test")
        self.setWordWrap(True)
        self.setIconSize(QSize(16, 16))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def add(self, step: CheckStep) -> None:
        """Add a step below the others."""
        words = visible(f"{step.name}: {step.found}")
        item = QListWidgetItem(
            icon(*_ICONS[step.outcome]), f"{words}\n{visible(step.remedy)}" if step.remedy else words
        )
        item.setData(Qt.ItemDataRole.AccessibleTextRole, visible(str(step)))
        item.setToolTip(plain_tooltip(str(step)))
        self.addItem(item)
        self.scrollToItem(item)

    @property
    def text(self) -> str:
        """All of it, for the clipboard."""
        rows = (self.item(row) for row in range(self.count()))
        return "\n".join(str(row.data(Qt.ItemDataRole.AccessibleTextRole)) for row in rows)
