"""What a table cell shows besides text: icons, the gutter's marks, the soft bars of rows still being loaded."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect
from PySide6.QtGui import QColor, QPainter

from aether_desktop.models.events.roles import CellIcon, ColumnKind
from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.theme import Theme

PADDING = 8
"""Pixels between a cell's edge and its text."""

GUTTER_WIDTH = 24
"""Width of the column for marks and trouble."""

CELL_ICON = 14
"""Width and height of an icon in a cell."""

_SMALL_ICON = 11


def paint_icon(
    painter: QPainter, x: int, y: int, height: int, name: str, color: QColor, side: int = CELL_ICON
) -> None:
    """Draw an icon at `x`, centred between `y` and the hairline of a row of `height`."""
    image = pixmap(name, side, color, painter.device().devicePixelRatio())
    painter.drawPixmap(x, y + (height - 1 - side) // 2, image)


def paint_gutter(
    painter: QPainter, rect: QRect, theme: Theme, given: CellIcon | None, *, corrupted: bool, marked: bool
) -> None:
    """Draw the signs of a row: the model's own or that of a corrupted event, and the user's mark."""
    icons: list[tuple[str, QColor]] = []
    if given is not None:
        icons.append((given[0], theme.color(given[1])))
    elif corrupted:
        icons.append(("corrupted", theme.corrupted.text))
    if marked:
        icons.append(("mark", theme.accent))
    # Trouble and mark share the gutter: both get smaller rather than one of them lost.
    side = CELL_ICON if len(icons) == 1 else _SMALL_ICON
    left = rect.x() + (rect.width() - side * len(icons) + 1) // 2
    for name, color in icons:
        paint_icon(painter, left, rect.y(), rect.height(), name, color, side)
        left += side


def paint_placeholder(
    painter: QPainter, rect: QRect, theme: Theme, kind: ColumnKind, index: QModelIndex | QPersistentModelIndex
) -> None:
    """Draw a soft bar where a text will be, of a length that differs from row to row but never flickers."""
    if kind is ColumnKind.GUTTER:
        return
    room = rect.width() - 2 * PADDING
    share = 45 + (index.row() * 7 + index.column() * 13) % 5 * 9
    length = min(room, max(12, room * share // 100))
    left = rect.x() + (rect.width() - PADDING - length if kind is ColumnKind.NUMBER else PADDING)
    painter.fillRect(left, rect.y() + rect.height() // 2 - 4, length, 7, theme.lineSoft)
