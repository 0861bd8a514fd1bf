"""The coloured sign before an event type: the same type has the same sign on every machine and in every view.

Two types can share a sign. It is a hint and never stands without the type's name.
"""

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from aether_desktop.ui.widgets.theme import Theme, current_theme, theme_notifier

CHIP_SIZE = 8
"""Width and height of a chip in pixels."""

_HUES = 6
_SHAPES = 4


class ChipShape(IntEnum):
    """The outline of a chip."""

    SQUARE = 0
    DISC = 1
    DIAMOND = 2
    RING = 3


class Chip(NamedTuple):
    """The sign of an event type in the theme in force."""

    color: QColor
    shape: ChipShape


@lru_cache(maxsize=4096)
def chip_index(event_type: str) -> tuple[int, ChipShape]:
    """Return hue (0 to 5) and shape of an event type, from the CRC-32 of its UTF-8 bytes."""
    checksum = crc32(event_type.encode("utf-8", "surrogatepass"))
    return checksum % _HUES, ChipShape((checksum // _HUES) % _SHAPES)


def chip_for(event_type: str, theme: Theme | None = None) -> Chip:
    """Return the colour and shape of an event type's chip."""
    hue, shape = chip_index(event_type)
    return Chip((theme or current_theme()).chips[hue], shape)


def draw_chip(painter: QPainter, center: QPointF, chip: Chip, size: float = CHIP_SIZE) -> None:
    """Draw a chip as vectors around `center`, for axes and other places that scale it."""
    half = size / 2
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(chip.color)
    match chip.shape:
        case ChipShape.SQUARE:
            inset = half - 0.5
            painter.drawRoundedRect(QRectF(center.x() - inset, center.y() - inset, 2 * inset, 2 * inset), 1, 1)
        case ChipShape.DISC:
            painter.drawEllipse(center, half - 0.25, half - 0.25)
        case ChipShape.DIAMOND:
            x, y = center.x(), center.y()
            corners = [QPointF(x, y - half), QPointF(x + half, y), QPointF(x, y + half), QPointF(x - half, y)]
            painter.drawPolygon(QPolygonF(corners))
        case ChipShape.RING:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(chip.color, 1.75))
            painter.drawEllipse(center, half - 1.125, half - 1.125)
    painter.restore()


_pixmaps: dict[tuple[str, int, int, float], QPixmap] = {}
theme_notifier().changed.connect(_pixmaps.clear)


def chip_pixmap(event_type: str, ratio: float) -> QPixmap:
    """Return the chip as a pixmap for a device pixel ratio, from a cache of at most 24 looks per ratio."""
    theme = current_theme()
    hue, shape = chip_index(event_type)
    key = (theme.name, hue, int(shape), ratio)
    found = _pixmaps.get(key)
    if found is None:
        side = max(1, round(CHIP_SIZE * ratio))
        found = QPixmap(side, side)
        found.setDevicePixelRatio(ratio)
        found.fill(Qt.GlobalColor.transparent)
        painter = QPainter(found)
        draw_chip(painter, QPointF(CHIP_SIZE / 2, CHIP_SIZE / 2), Chip(theme.chips[hue], shape))
        painter.end()
        _pixmaps[key] = found
    return found


def paint_chip(painter: QPainter, rect: QRectF, event_type: str) -> None:
    """Draw the chip of `event_type` in the middle of `rect`."""
    ratio = painter.device().devicePixelRatio()
    left = round(rect.center().x() - CHIP_SIZE / 2)
    top = round(rect.center().y() - CHIP_SIZE / 2)
    painter.drawPixmap(left, top, chip_pixmap(event_type, ratio))
