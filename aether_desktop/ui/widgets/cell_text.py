"""Measuring and shortening the texts of table cells, each only once."""

import re
from functools import lru_cache
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics

from aether_desktop.ui.widgets.safe_text import visible

# Of each font: several screens of a table, and not what went by in a flood minutes ago.
_CACHE_LIMIT = 2_000

# No cell shows more than this; measuring a payload of megabytes would block the window.
_LONGEST = 1_000

_ELLIPSIS = "…"

_TIMESTAMP = re.compile(
    r"(?P<date>[+-]?\d{4,}-\d\d-\d\d)[T ]"
    r"(?P<time>\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)"
    r" ?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


class Fitted(NamedTuple):
    """A text as it is drawn, its width in pixels and whether something of it is missing."""

    text: str
    width: int
    shortened: bool


class TimeParts(NamedTuple):
    """A timestamp in its three parts, every digit as stored; the last two are empty if it is not a timestamp."""

    date: str
    time: str
    offset: str


@lru_cache(maxsize=8192)
def split_timestamp(text: str) -> TimeParts:
    """Split a timestamp (RFC 3339, with a space or `T`) for drawing; anything else comes back whole as `date`."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return TimeParts(text, "", "")
    return TimeParts(match["date"], match["time"], match["offset"] or "")


class CellFont:
    """A font with its metrics and the widths and shortened forms of the texts drawn with it."""

    def __init__(self, font: QFont) -> None:
        self.font = font
        self.metrics = QFontMetrics(font)
        self.height = self.metrics.height()
        self.ascent = self.metrics.ascent()
        self._fitted: dict[tuple[str, int, Qt.TextElideMode], Fitted] = {}
        self._widths: dict[str, int] = {}

    def width(self, text: str) -> int:
        """Return the width of `text`, which must already be safe to show."""
        found = self._widths.get(text)
        if found is None:
            if len(self._widths) >= _CACHE_LIMIT:
                self._widths.clear()
            found = self._widths[text] = self.metrics.horizontalAdvance(text)
        return found

    def fit(self, text: str, width: int, mode: Qt.TextElideMode) -> Fitted:
        """Make `text` visible and shorten it to `width` pixels, in the middle or at the right."""
        # A long payload is its own key; its beginning is enough, as nothing behind it is ever drawn.
        head = text if len(text) <= _LONGEST else text[:_LONGEST] + _ELLIPSIS
        key = (head, width, mode)
        found = self._fitted.get(key)
        if found is None:
            if len(self._fitted) >= _CACHE_LIMIT:
                self._fitted.clear()
            whole = visible(head)
            drawn = self.metrics.elidedText(whole, mode, max(width, 0))
            shortened = drawn != whole or len(text) > _LONGEST
            found = self._fitted[key] = Fitted(drawn, self.metrics.horizontalAdvance(drawn), shortened)
        return found

    def baseline(self, top: int, height: int) -> int:
        """Return the y of the baseline of a line centred between `top` and `top + height`."""
        return top + (height - self.height) // 2 + self.ascent
