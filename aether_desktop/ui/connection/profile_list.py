"""Rows of connection profiles: colour, name and what there is to know; PRODUCTION and READ-ONLY as badges."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListWidgetItem, QStyledItemDelegate, QStyleOptionViewItem

from aether_desktop.profiles import LoginKind, Profile
from aether_desktop.ui.connection.profile_colors import WIDTH, profile_color
from aether_desktop.ui.widgets.badge import BadgeKind, badge_size, paint_badge
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible

_COLOR = Qt.ItemDataRole.UserRole + 1
_BADGES = Qt.ItemDataRole.UserRole + 2
_Index = QModelIndex | QPersistentModelIndex


def fill_item(item: QListWidgetItem, profile: Profile) -> None:
    """Make an item show a profile; its id is the item's user data."""
    login = "" if profile.login is LoginKind.NONE else f", {profile.login.words}"
    item.setIcon(icon("server"))
    item.setText(f"{visible(profile.name)}\n{visible(profile.servers)}{login}")
    item.setToolTip(plain_tooltip(f"{profile.name}\n{profile.words}"))
    item.setData(Qt.ItemDataRole.AccessibleTextRole, visible(f"{profile.name}, {profile.words}"))
    item.setData(Qt.ItemDataRole.UserRole, profile.id)
    item.setData(_COLOR, profile.color)
    badges = [BadgeKind.PRODUCTION] if profile.production else []
    item.setData(_BADGES, [*badges, BadgeKind.READ_ONLY if profile.read_only else BadgeKind.WRITABLE])


class ProfileDelegate(QStyledItemDelegate):
    """Draws what the style draws, a bar of the colour at the left, and the badges in a line of their own."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        badges = index.data(_BADGES) or []
        line = badge_size(BadgeKind.PRODUCTION).height() + 4 if badges else 0
        area = option.rect
        upper = QStyleOptionViewItem(option)
        super().paint(painter, upper, index)
        color = profile_color(str(index.data(_COLOR) or ""))
        if color is not None:
            painter.fillRect(area.left(), area.top() + 4, WIDTH, area.height() - 8, color)
        left = float(area.left() + 28)
        for kind in badges:
            size = badge_size(BadgeKind(kind))
            top = area.bottom() - line + 1
            paint_badge(painter, QRectF(left, top, size.width(), size.height()), BadgeKind(kind))
            left += size.width() + 4

    def initStyleOption(self, option: QStyleOptionViewItem, index: _Index) -> None:
        super().initStyleOption(option, index)
        if index.data(_BADGES):
            # The style sets text in the middle; the badges have what is below it.
            option.displayAlignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
            option.decorationAlignment = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:
        size = super().sizeHint(option, index)
        line = badge_size(BadgeKind.PRODUCTION).height() + 4 if index.data(_BADGES) else 0
        return QSize(size.width(), size.height() + 6 + line)
