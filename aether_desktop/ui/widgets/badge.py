"""Badges that say in words and shape what may happen here, and the stripe that goes with PRODUCTION."""

from enum import StrEnum
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.theme import Theme, current_theme, theme_notifier, ui_font

_ICON = 12
_PADDING = 6
_SPACE = 4
_RADIUS = 3.0


class BadgeKind(StrEnum):
    """The word of a badge."""

    READ_ONLY = "READ-ONLY"
    WRITABLE = "WRITABLE"
    PRODUCTION = "PRODUCTION"
    LIVE = "LIVE"
    PAUSED = "PAUSED"
    LINK_UP = "LINK UP"
    NO_LINK = "NO LINK"


_ICONS = {
    BadgeKind.READ_ONLY: "padlock",
    BadgeKind.WRITABLE: "pencil",
    BadgeKind.PRODUCTION: "shield",
    BadgeKind.LIVE: "dot-live",
    BadgeKind.PAUSED: "pause",
    BadgeKind.LINK_UP: "dot-live",
    BadgeKind.NO_LINK: "no-link",
}

_NAMES = {
    BadgeKind.READ_ONLY: "Read-only: nothing can be appended here",
    BadgeKind.WRITABLE: "Writable: events can be appended here",
    BadgeKind.PRODUCTION: "Production: people depend on this data",
    BadgeKind.LIVE: "Live: new events are shown as they arrive",
    BadgeKind.PAUSED: "Paused: the view is frozen, events keep arriving",
    BadgeKind.LINK_UP: "Link up: the server can be reached",
    BadgeKind.NO_LINK: "No link: the server cannot be reached, what is shown is as of then",
}


class _Look(NamedTuple):
    """Colours of a badge; without a fill it is outlined, without an edge it is flat."""

    ink: QColor
    fill: QColor | None
    edge: QColor | None


def _look(theme: Theme, kind: BadgeKind) -> _Look:
    match kind:
        case BadgeKind.READ_ONLY:
            return _Look(theme.readOnly.text, theme.readOnly.tint, None)
        case BadgeKind.PRODUCTION:
            return _Look(theme.production.text, theme.production.tint, theme.productionEdge)
        case BadgeKind.LIVE | BadgeKind.LINK_UP:
            return _Look(theme.live.text, theme.live.tint, None)
        case BadgeKind.NO_LINK:
            return _Look(theme.gap.text, theme.gap.tint, None)
        case _:
            return _Look(theme.text2, None, theme.lineStrong)


def paint_badge(painter: QPainter, rect: QRectF, kind: BadgeKind) -> None:
    """Draw a badge into `rect`, also for delegates; `badge_size` says how large it is to be."""
    look = _look(current_theme(), kind)
    font = ui_font(-1, semibold=True)
    metrics = QFontMetrics(font)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(look.edge, 1) if look.edge is not None else Qt.PenStyle.NoPen)
    if look.fill is not None:
        painter.setBrush(look.fill)
    inset = 0.5 if look.edge is not None else 0.0
    painter.drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), _RADIUS, _RADIUS)
    left, top = round(rect.x()) + _PADDING, round(rect.y())
    height = round(rect.height())
    image = pixmap(_ICONS[kind], _ICON, look.ink, painter.device().devicePixelRatio())
    painter.drawPixmap(left, top + (height - _ICON) // 2, image)
    painter.setFont(font)
    painter.setPen(look.ink)
    base = top + (height - metrics.height()) // 2 + metrics.ascent()
    painter.drawText(left + _ICON + _SPACE, base, kind.value)
    painter.restore()


def badge_size(kind: BadgeKind) -> QSize:
    """Return the size of a badge in the application's font."""
    metrics = QFontMetrics(ui_font(-1, semibold=True))
    width = metrics.horizontalAdvance(kind.value) + _ICON + _SPACE + 2 * _PADDING
    return QSize(width, max(18, metrics.height() + 4))


class Badge(QWidget):
    """A small painted label with an icon and a word in capitals."""

    def __init__(self, kind: BadgeKind | str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = BadgeKind(kind)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_kind(kind)
        theme_notifier().changed.connect(self._reload)

    @property
    def kind(self) -> BadgeKind:
        """The word shown."""
        return self._kind

    def set_kind(self, kind: BadgeKind | str) -> None:
        """Show another word."""
        self._kind = BadgeKind(kind)
        self.setAccessibleName(self._kind.value)
        self.setAccessibleDescription(_NAMES[self._kind])
        self.setToolTip(_NAMES[self._kind])
        self._reload()

    def _reload(self) -> None:
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size that icon and word need."""
        return badge_size(self._kind)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the badge."""
        painter = QPainter(self)
        paint_badge(painter, QRectF(self.rect()), self._kind)
        painter.end()


class HazardStripe(QWidget):
    """A 4 px stripe over the whole width: the connection is marked PRODUCTION."""

    HEIGHT = 4
    _STEP = 8

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(self.HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("PRODUCTION")
        self.setAccessibleDescription(_NAMES[BadgeKind.PRODUCTION])
        theme_notifier().changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw slanted bars in the two colours of PRODUCTION."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.production.text)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.production.tint)
        step, height = self._STEP, self.height()
        first = event.rect().left() // (2 * step) * 2 * step - 2 * step
        for left in range(first, event.rect().right() + 2 * step, 2 * step):
            corners = [(left, height), (left + height, 0), (left + height + step, 0), (left + step, height)]
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
        painter.end()
