"""A layout like a line of text: its items stand in a row, and in the next one when there is no room."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Rows from left to right, all as high as the highest item; the last item stands at the right of its row."""

    def __init__(self, parent: QWidget | None = None, *, spacing: int = 8, row_spacing: int = 4) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._row_spacing = row_spacing
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        """Take an item at the end."""
        self._items.append(item)

    def count(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """Return an item, None behind the last."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Give an item away."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """Take no more room than needed."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Return True: the narrower, the more rows."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows in `width` pixels."""
        margins = self.contentsMargins()
        rows = len(self._rows(width - margins.left() - margins.right()))
        height = rows * (self._row_height() + self._row_spacing) - self._row_spacing if rows else 0
        return height + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        """Return the size of a single row."""
        widths = [item.sizeHint().width() for item in self._items if not item.isEmpty()]
        return self._with_margins(sum(widths) + self.spacing() * max(0, len(widths) - 1))

    def minimumSize(self) -> QSize:
        """Need the width of the widest item only."""
        shown = [item.minimumSize().width() for item in self._items if not item.isEmpty()]
        return self._with_margins(max(shown, default=0))

    def setGeometry(self, rect: QRect) -> None:
        """Put every item into its row."""
        super().setGeometry(rect)
        rect = rect.marginsRemoved(self.contentsMargins())
        height = self._row_height()
        y = rect.y()
        for row in self._rows(rect.width()):
            x = rect.x()
            for item, width in row:
                if item is self._items[-1]:
                    x = rect.x() + rect.width() - width
                item.setGeometry(QRect(x, y, width, height))
                x += width + self.spacing()
            y += height + self._row_spacing

    def _with_margins(self, width: int) -> QSize:
        return QSize(width, self._row_height()).grownBy(self.contentsMargins())

    def _rows(self, room: int) -> list[list[tuple[QLayoutItem, int]]]:
        rows: list[list[tuple[QLayoutItem, int]]] = []
        used = 0
        for item in self._items:
            if item.isEmpty():
                continue
            width = min(item.sizeHint().width(), max(room, item.minimumSize().width()))
            if not rows or used + width > room:
                rows.append([])
                used = 0
            rows[-1].append((item, width))
            used += width + self.spacing()
        return rows

    def _row_height(self) -> int:
        return max((item.sizeHint().height() for item in self._items if not item.isEmpty()), default=0)


def group(parent: QWidget, *parts: QWidget | int, spacing: int = 8) -> QWidget:
    """Widgets that stay together, with extra pixels between them where a number stands."""
    result = QWidget(parent)
    row = QHBoxLayout(result)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(spacing)
    for part in parts:
        if isinstance(part, int):
            row.addSpacing(part)
        else:
            row.addWidget(part)
    return result
