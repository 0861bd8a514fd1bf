"""Icons of the own set, drawn from their SVG files in the colours of the theme.

The files are black; an icon takes the colour of a role of the theme in force at the moment it is drawn, so that
actions and buttons need no telling when the theme changes. Pixmaps are cached per name, size, colour and pixel
ratio.
"""

import os
from functools import lru_cache

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from aether_desktop.assets import asset
from aether_desktop.ui.widgets.theme import current_theme

_INK = b"#000"
_TRANSPARENT = QColor(0, 0, 0, 0)

_CACHE_LIMIT = 2048
_pixmaps: dict[tuple[str, int, int, float], QPixmap] = {}
_icons: dict[tuple[str, str], QIcon] = {}


@lru_cache(maxsize=1)
def _files() -> frozenset[str]:
    return frozenset(os.listdir(asset("icons/app.svg").parent))  # noqa: PTH208 (names are enough)


@lru_cache(maxsize=256)
def _source(name: str) -> bytes:
    return asset(f"icons/{name}.svg").read_bytes()


@lru_cache(maxsize=512)
def _renderer(name: str, color: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_source(name).replace(_INK, color.encode())))


def draw_icon(painter: QPainter, rect: QRectF, name: str, color: QColor) -> None:
    """Draw an icon as vectors into `rect`. Raises `AssetMissingError` when there is no such icon."""
    _renderer(name, color.name()).render(painter, rect)


def pixmap(name: str, size: int, color: QColor, ratio: float = 1.0) -> QPixmap:
    """Return an icon of `size` device-independent pixels in `color`, sharp at the device pixel `ratio`.

    Raises `AssetMissingError` when there is no such icon.
    """
    key = (name, size, color.rgba(), ratio)
    found = _pixmaps.get(key)
    if found is None:
        if len(_pixmaps) >= _CACHE_LIMIT:
            _pixmaps.clear()
        side = max(1, round(size * ratio))
        found = QPixmap(side, side)
        found.setDevicePixelRatio(ratio)
        found.fill(_TRANSPARENT)
        painter = QPainter(found)
        draw_icon(painter, QRectF(0, 0, side / ratio, side / ratio), name, color)
        painter.end()
        _pixmaps[key] = found
    return found


class ThemedIconEngine(QIconEngine):
    """Draws one icon of the set in a role of the theme: disabled, hovered and checked ones in their own colour."""

    def __init__(self, name: str, role: str) -> None:
        super().__init__()
        self._name = name
        self._role = role

    def _color(self, mode: QIcon.Mode, state: QIcon.State) -> QColor:
        theme = current_theme()
        if mode is QIcon.Mode.Disabled:
            return theme.disabled
        if self._role == "text2" and (mode is not QIcon.Mode.Normal or state is QIcon.State.On):
            return theme.text
        return theme.color(self._role)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Draw the icon into the middle of `rect`."""
        side = min(rect.width(), rect.height())
        ratio = painter.device().devicePixelRatio()
        image = pixmap(self._name, side, self._color(mode, state), ratio)
        left = rect.x() + (rect.width() - side) // 2
        painter.drawPixmap(left, rect.y() + (rect.height() - side) // 2, image)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Return the icon for a screen of pixel ratio 1."""
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        """Return the icon in `size` device-independent pixels for the pixel ratio `scale`."""
        side = min(size.width(), size.height())
        return pixmap(self._name, side, self._color(mode, state), scale)

    def actualSize(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QSize:
        """Return the largest square that fits: the icons scale freely."""
        side = min(size.width(), size.height())
        return QSize(side, side)

    def iconName(self) -> str:
        """Return the name of the file without its ending, for tests and accessibility tools."""
        return self._name

    def isNull(self) -> bool:
        """Return False: an engine exists only for a file that was found."""
        return False

    def key(self) -> str:
        """Name the kind of engine."""
        return "aether"

    def clone(self) -> QIconEngine:
        """Return another engine for the same icon."""
        return ThemedIconEngine(self._name, self._role)


def icon(name: str, role: str = "text2") -> QIcon:
    """Return the icon `name` in the colour of a theme role ("text2", "accent", "corrupted", "onAccent" …).

    It follows theme and state by itself. Raises `AssetMissingError` when there is no such icon and `KeyError` when
    there is no such role.
    """
    key = (name, role)
    found = _icons.get(key)
    if found is None:
        if f"{name}.svg" not in _files():
            # Says which file is missing, and where.
            asset(f"icons/{name}.svg")
        current_theme().color(role)
        found = QIcon(ThemedIconEngine(name, role))
        _icons[key] = found
    return found


def blank_icon() -> QIcon:
    """Return an icon that shows nothing and takes the room of one."""
    image = QPixmap(16, 16)
    image.fill(_TRANSPARENT)
    return QIcon(image)


def app_icon() -> QIcon:
    """Return the application's coloured icon for windows and the task bar."""
    result = QIcon()
    for side in (16, 24, 32, 48, 64, 128, 256):
        result.addPixmap(app_pixmap(side))
    return result


def app_pixmap(size: int, ratio: float = 1.0) -> QPixmap:
    """Return the application's coloured icon in `size` device-independent pixels, sharp at the pixel `ratio`."""
    side = max(1, round(size * ratio))
    result = QPixmap(side, side)
    result.fill(_TRANSPARENT)
    painter = QPainter(result)
    _app_renderer().render(painter)
    painter.end()
    result.setDevicePixelRatio(ratio)
    return result


@lru_cache(maxsize=1)
def _app_renderer() -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_source("app")))
