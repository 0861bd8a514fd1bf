"""How connections stand in the navigator: the colour beside the name, and PRODUCTION as a badge."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from aether_desktop.connection import Connection
from aether_desktop.ui.connection.profile_colors import WIDTH, profile_color
from aether_desktop.ui.widgets.badge import BadgeKind, badge_size, paint_badge
from aether_desktop.ui.widgets.theme import row_height

#: Roles of a connection's items: the name of its colour, and its badge.
COLOR = Qt.ItemDataRole.UserRole + 11
BADGE = Qt.ItemDataRole.UserRole + 12
_MARGIN = 6
_Index = QModelIndex | QPersistentModelIndex


def connection_words(connection: Connection) -> str:
    """What there is to know of a connection, in one line."""
    profile = connection.profile
    parts = [connection.title, connection.engine.url]
    parts += ["PRODUCTION" if connection.is_production else ""]
    parts += ["READ-ONLY" if connection.engine.read_only else "WRITABLE"]
    parts += [f"colour {profile.color}" if profile is not None and profile.color else ""]
    return ", ".join(part for part in dict.fromkeys(parts) if part)


class ConnectionDelegate(QStyledItemDelegate):
    """Draws what the style draws, and the marks of connections."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: _Index) -> None:
        super().initStyleOption(option, index)
        if index.column() and not index.data(BADGE):
            # Counts stand as far from the edge as the badges.
            option.rect = option.rect.adjusted(0, 0, -_MARGIN, 0)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        super().paint(painter, option, index)
        area = option.rect
        color = profile_color(str(index.data(COLOR) or ""))
        if color is not None:
            painter.fillRect(area.left() - WIDTH, area.top() + 3, WIDTH, area.height() - 6, color)
        if index.data(BADGE):
            # Qt hands the word back without its type.
            badge = BadgeKind(index.data(BADGE))
            size = badge_size(badge)
            top = area.top() + (area.height() - size.height()) / 2
            paint_badge(painter, QRectF(area.right() - size.width() - 3, top, size.width(), size.height()), badge)

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        size = super().sizeHint(option, index).expandedTo(QSize(0, row_height("compact")))
        badge = index.data(BADGE)
        if badge is not None:
            return size.expandedTo(badge_size(BadgeKind(badge)) + QSize(8, 2))
        return size + QSize(_MARGIN, 0) if index.column() else size
