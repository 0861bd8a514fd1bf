"""Cells that are never shortened: numbers and timestamps, which ask for a wider column where they have no room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter

from aether_desktop.models.events.roles import ColumnKind
from aether_desktop.ui.widgets.cell_marks import PADDING
from aether_desktop.ui.widgets.cell_text import CellFont, split_timestamp
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import Theme

NEVER_SHORTENED: Final = frozenset({ColumnKind.NUMBER, ColumnKind.TIME})

_RIGHT = Qt.TextElideMode.ElideRight


class WholeCells:
    """Draws in one font and theme; `too_narrow` hears of a column and the pixels it needs."""

    def __init__(self, font: CellFont, theme: Theme, too_narrow: Callable[[int, int], None]) -> None:
        self._font = font
        self._theme = theme
        self._too_narrow = too_narrow
        self._asked: dict[int, int] = {}

    def forget_widths(self) -> None:
        """The columns are others now."""
        self._asked.clear()

    def paint_number(self, painter: QPainter, rect: QRect, column: int, text: str) -> None:
        """Draw a number at the right; too long a one shows its end."""
        if not text:
            return
        font = self._font
        shown = visible(text)
        needed = font.width(shown)
        left = rect.x() + rect.width() - PADDING - needed
        painter.setFont(font.font)
        painter.setPen(self._theme.text)
        base = font.baseline(rect.y(), rect.height() - 1)
        if left < rect.x():
            self._ask_for(column, needed + 2 * PADDING)
            painter.save()
            painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
            painter.drawText(left, base, shown)
            painter.restore()
        else:
            painter.drawText(left, base, shown)

    def paint_time(
        self, painter: QPainter, rect: QRect, column: int, text: str, *, same_date: bool, tinted: bool
    ) -> None:
        """Draw a timestamp; its date is dimmed where the row above has the same, its offset always."""
        if not text:
            return
        theme, font = self._theme, self._font
        dim = theme.text2 if tinted else theme.text3
        date, time, offset = split_timestamp(text)
        left = rect.x() + PADDING
        base = font.baseline(rect.y(), rect.height() - 1)
        space = font.width(" ")
        painter.setFont(font.font)
        if not time:
            shown = visible(date)
            painter.setPen(theme.text)
            if PADDING + font.width(shown) > rect.width():
                # What is no timestamp can be of any length; it must not make the column as wide.
                shown = font.fit(text, rect.width() - 2 * PADDING, _RIGHT).text
            painter.drawText(left, base, shown)
            return
        time_left = left + font.width(date) + space
        offset_left = time_left + font.width(time) + space
        needed = offset_left + font.width(offset) - left
        clipped = needed + PADDING > rect.width()
        if clipped:
            self._ask_for(column, needed + 2 * PADDING)
            painter.save()
            painter.setClipRect(rect, Qt.ClipOperation.IntersectClip)
        painter.setPen(dim if same_date else theme.text)
        painter.drawText(left, base, date)
        painter.setPen(theme.text)
        painter.drawText(time_left, base, time)
        if offset:
            painter.setPen(dim)
            painter.drawText(offset_left, base, offset)
        if clipped:
            painter.restore()

    def _ask_for(self, column: int, width: int) -> None:
        """Ask once per width for a wider column; the view is being painted and must not be resized now."""
        self._asked[column] = max(width, self._asked.get(column, 0))
        self._too_narrow(column, self._asked[column])
