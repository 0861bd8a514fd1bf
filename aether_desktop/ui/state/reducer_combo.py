"""The box to choose a reducer from: those that are built in, files used before, and any other file."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QWidget

from aether_desktop.models.state.reducer_chooser import ReducerItem
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible

_ITEM = Qt.ItemDataRole.UserRole + 1


class ReducerCombo(QComboBox):
    """Shows what is in use; choosing says what is wanted and leaves it to the owner whether it comes to that."""

    chosen = Signal(str, str)
    """Key and path of a reducer."""
    file_asked = Signal()
    """Another file is wanted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("reducerCombo")
        self.setAccessibleName("Reducer")
        self.setToolTip(plain_tooltip("How the events become a state"))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self._current = 0
        self.activated.connect(self._activated)

    def show_items(self, items: Sequence[ReducerItem], current: tuple[str, str]) -> None:
        """Offer these; `current` is the key and path of what is in use."""
        self.clear()
        for item in items:
            if item.path and items[self.count() - 1].path == "":
                self.insertSeparator(self.count())
            self.addItem(visible(item.name), item)
            self.setItemData(self.count() - 1, plain_tooltip(item.explanation), Qt.ItemDataRole.ToolTipRole)
            if (item.key, item.path) == current:
                self.setCurrentIndex(self.count() - 1)
        self.insertSeparator(self.count())
        self.addItem("Python file…", None)
        self._current = self.currentIndex()
        shown = self.itemData(self._current)
        about = shown.explanation if isinstance(shown, ReducerItem) else ""
        self.setToolTip(plain_tooltip(f"How the events become a state\n{about}"))

    def _activated(self, index: int) -> None:
        item = self.itemData(index)
        # What is shown is what is in use, until something else is.
        self.setCurrentIndex(self._current)
        if isinstance(item, ReducerItem):
            self.chosen.emit(item.key, item.path)
        else:
            self.file_asked.emit()
