"""A tree of values whose versions lead somewhere: a click on one, or Enter on its row, asks to go there."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QHeaderView, QWidget

from aether_desktop.models.inspector.tree_roles import TreeRole
from aether_desktop.ui.inspector.json_view import JsonView

Index = QModelIndex | QPersistentModelIndex
_PATH_WIDTH, _VERSION_WIDTH = 116, 64


class VersionedView(JsonView):
    """Path, value and the version that set it."""

    version_requested = Signal(object)
    """The user wants to see this version (int)."""

    def __init__(
        self, name: str, accessible: str, parent: QWidget | None = None, *, colours_sides: bool = False
    ) -> None:
        super().__init__(name, accessible, parent, colours_sides=colours_sides)
        self._pressed = QPersistentModelIndex()

    def fit_columns(self, path_width: int = _PATH_WIDTH) -> None:
        """Give the values the room that paths and versions leave; the model is there by now."""
        header = self.header()
        header.setStretchLastSection(False)
        header.resizeSection(0, path_width)
        header.resizeSection(2, _VERSION_WIDTH)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)

    def version_of(self, index: Index) -> int:
        """The version a row speaks of, 0 for none."""
        version = index.data(TreeRole.VERSION)
        return version if isinstance(version, int) else 0

    def _is_link(self, index: Index) -> bool:
        return index.column() == 2 and bool(index.data()) and self.version_of(index) > 0

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a click begins."""
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        is_link = event.button() is Qt.MouseButton.LeftButton and self._is_link(index)
        self._pressed = QPersistentModelIndex(index) if is_link else QPersistentModelIndex()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go to the version that was clicked."""
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        pressed, self._pressed = self._pressed, QPersistentModelIndex()
        if pressed.isValid() and pressed == index:
            self.version_requested.emit(self.version_of(index))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show where a click leads somewhere."""
        super().mouseMoveEvent(event)
        if self._is_link(self.indexAt(event.position().toPoint())):
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes to the version of the row."""
        current = self.currentIndex()
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and current.isValid() and current.data(TreeRole.NOTE) is None and self.version_of(current):
            self.version_requested.emit(self.version_of(current))
            return
        super().keyPressEvent(event)
