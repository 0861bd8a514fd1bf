"""Full-width rows of a table: gaps, snapshots, reconnects.

Each cell of such a row paints its slice of the same line under a clip, so the view knows nothing of it and ten
million rows cost no more than a hundred (`QTableView.setSpan` keeps a list of spans and searches it).
"""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from aether_desktop.models.events.roles import Role, RowBanner, RowKind
from aether_desktop.ui.widgets.cell_text import CellFont
from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import Meaning, Theme, current_theme

_TEXT_LEFT = 28
_ICON = 14
_SPACE = 10
_MARGIN = 12
_BANNER = int(Role.BANNER)

_LOOKS = {
    RowKind.GAP: ("gap", "gap"),
    RowKind.SNAPSHOT: ("snapshot", "snapshot"),
    RowKind.NOTE: ("info", "text"),
}
_ICON_OF_TONE = {"corrupted": "warning", "conflict": "conflict", "gap": "gap", "snapshot": "snapshot"}
_EMPTY = RowBanner("")


def _tone(theme: Theme, name: str) -> QColor:
    value = getattr(theme, name, theme.text)
    return value.text if isinstance(value, Meaning) else value


class BannerPainter:
    """Draws slices of full-width rows with the fonts of a table."""

    def __init__(self, body: CellFont, strong: CellFont) -> None:
        self._body = body
        self._strong = strong

    def action_rect(self, line: QRect, index: QModelIndex | QPersistentModelIndex) -> QRect:
        """Return where the action of a row's line is; an empty rectangle when it has none."""
        banner: RowBanner = index.data(_BANNER) or _EMPTY
        if not banner.action:
            return QRect()
        width = self._strong.width(visible(banner.action)) + 2 * _MARGIN
        return QRect(line.x() + line.width() - width, line.y(), width, line.height())

    def paint(
        self,
        painter: QPainter,
        slice_rect: QRect,
        line: QRect,
        index: QModelIndex | QPersistentModelIndex,
        row_kind: str,
        *,
        framed: bool,
    ) -> None:
        """Draw the part of `line` that lies in `slice_rect`."""
        theme = current_theme()
        banner: RowBanner = index.data(_BANNER) or _EMPTY
        icon_name, tone_name = _LOOKS.get(RowKind(row_kind), ("info", "text"))
        if banner.tone:
            tone_name = banner.tone
            icon_name = _ICON_OF_TONE.get(tone_name, icon_name)
        if banner.icon:
            icon_name = banner.icon
        tone = _tone(theme, tone_name)
        x, y, width, height = line.x(), line.y(), line.width(), line.height()
        base = self._body.baseline(y, height - 1)

        painter.save()
        painter.setClipRect(slice_rect, Qt.ClipOperation.IntersectClip)
        if row_kind == RowKind.GAP:
            painter.setPen(QPen(tone, 1, Qt.PenStyle.DashLine))
            # Half a pixel down: at 125 % a line on the edge of the clip would fall outside of it.
            for edge in (y + 0.5, y + height - 0.5):
                painter.drawLine(QPointF(x, edge), QPointF(x + width, edge))
        ink = theme.text2 if tone_name == "text" else tone
        image = pixmap(icon_name, _ICON, ink, painter.device().devicePixelRatio())
        painter.drawPixmap(x + 6, y + (height - 1 - _ICON) // 2, image)

        left = x + _TEXT_LEFT
        title = visible(banner.title)
        painter.setFont(self._strong.font)
        painter.setPen(tone)
        painter.drawText(left, base, title)
        left += self._strong.width(title) + _SPACE

        right = x + width - _MARGIN
        if banner.action:
            action = visible(banner.action)
            action_left = right - self._strong.width(action)
            painter.setPen(theme.accent)
            painter.drawText(action_left, base, action)
            right = action_left - _MARGIN
        if banner.text and right > left:
            drifted = row_kind == RowKind.SNAPSHOT and tone_name == "corrupted"
            painter.setFont(self._body.font)
            painter.setPen(tone if drifted else theme.text2)
            fitted = self._body.fit(banner.text, right - left, Qt.TextElideMode.ElideRight)
            painter.drawText(left, base, fitted.text)
        if framed:
            painter.setPen(theme.accent)
            painter.drawRect(x, y, width - 1, height - 2)
        painter.restore()
