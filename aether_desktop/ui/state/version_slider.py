"""The slider over an actor's versions: one step per stored version, however far apart their numbers are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QToolTip, QWidget

from aether_desktop.ui.state.version_marks import MarkKind, SliderMark, mark_place
from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.theme import Theme, current_theme, theme_notifier
from aether_engine.replay import VersionGap

_SIDE: Final = 8
_HANDLE: Final = 6.5
_MARKER: Final = 12
_GROOVE_Y: Final = 22
_HEIGHT: Final = 36
#: Pixels between two tick marks, at least.
_TICK_ROOM: Final = 4
#: Lines of a tooltip.
_LINES: Final = 12


class VersionSlider(QSlider):
    """A `QSlider` whose value is a place in the list of versions; keyboard and accessibility are Qt's own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("versionSlider")
        self.setAccessibleName("Version")
        self._versions: Sequence[int] = ()
        self._count = 0
        self._marks: dict[str, list[SliderMark]] = {}
        self._placed: list[tuple[float, SliderMark]] = []
        self._gaps: Sequence[VersionGap] = ()
        # Places whose version does not follow the one before, one a pixel.
        self._gap_places: list[int] = []
        self.setRange(0, 0)
        self.setSingleStep(1)
        self.setMinimumWidth(60)
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.valueChanged.connect(self._describe)
        theme_notifier().changed.connect(self.update)

    # What there is

    def set_versions(self, versions: Sequence[int], gaps: Sequence[VersionGap] = ()) -> None:
        """Move over these versions, which rise; the version stays the same one if it is still there.

        The sequences are kept and may grow; what has joined is shown when this is called again.
        """
        current = self.version()
        self._versions, self._gaps = versions, gaps
        self._count = len(versions)
        blocked = self.blockSignals(True)
        self.setRange(0, max(0, self._count - 1))
        self.setPageStep(max(1, self._count // 10))
        self.set_version(current)
        self.blockSignals(blocked)
        self._place_marks()
        self._describe()
        self.update()

    def set_marks(self, group: str, marks: Sequence[SliderMark]) -> None:
        """Draw these marks in place of those that the same group had."""
        if self._marks.get(group, []) != list(marks):
            self._marks[group] = list(marks)
            self._place_marks()
            self.update()

    def version(self) -> int:
        """The version at the handle, 0 without any."""
        return self._versions[self.value()] if self.value() < self._count else 0

    def version_at(self, place: int) -> int:
        """The version at a place of the slider, 0 where there is none."""
        return self._versions[place] if 0 <= place < self._count else 0

    def set_version(self, version: int) -> None:
        """Move the handle to a version, or the nearest one below."""
        self.setValue(max(0, bisect_right(self._versions, version, hi=self._count) - 1))

    def _describe(self) -> None:
        version, last = self.version(), self._versions[self._count - 1] if self._count else 0
        self.setAccessibleDescription(f"Version {version} of {last}")

    # Places

    def sizeHint(self) -> QSize:
        """Return room for the marks above and the ticks below."""
        return QSize(200, _HEIGHT)

    def x_of(self, place: float) -> float:
        """The x of a place in the list of versions."""
        last = max(self._count - 1, 1)
        return _SIDE + place / last * (self.width() - 2 * _SIDE)

    def _nearest(self, x: float) -> int:
        last = max(self._count - 1, 0)
        room = max(self.width() - 2 * _SIDE, 1)
        return max(0, min(last, round((x - _SIDE) / room * last)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw as many gaps as there is room for."""
        super().resizeEvent(event)
        self._place_marks()

    def _place_marks(self) -> None:
        marks = [mark for group in self._marks.values() for mark in group]
        order = list(MarkKind)
        marks.sort(key=lambda mark: order.index(mark.kind))
        self._placed = [(mark_place(self._versions, mark), mark) for mark in marks]
        places: list[int] = []
        for gap in self._gaps:
            place = bisect_right(self._versions, gap.last, hi=self._count)
            # A thousand gaps on a few hundred pixels are drawn once per pixel.
            if place < self._count and (not places or self.x_of(place) - self.x_of(places[-1]) >= 2):
                places.append(place)
        self._gap_places = places

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the version under the pointer and follow it."""
        if event.button() is not Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        self.setSliderDown(True)
        self.setValue(self._nearest(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the pointer."""
        if self.isSliderDown():
            self.setValue(self._nearest(event.position().x()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Stop following."""
        self.setSliderDown(False)

    def event(self, event: QEvent) -> bool:
        """Say what is under the pointer: version, snapshot, gap, damage."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), plain_tooltip(self.words_at(event.pos().x())), self)
            return True
        return bool(super().event(event))

    def words_at(self, x: float) -> str:
        """What there is to say about the place `x`."""
        if not self._count:
            return ""
        nearest = self._nearest(x)
        lines = [f"v{self._versions[nearest]} (← → one version)"]
        lines += [mark.text for place, mark in self._placed if abs(self.x_of(place) - x) <= _MARKER]
        for place in self._gap_places:
            if abs(self.x_of(place - 0.5) - x) <= max(self.x_of(1) - self.x_of(0), _TICK_ROOM) / 2:
                first, last = self._versions[place - 1] + 1, self._versions[place] - 1
                lines.append(f"v{first} is missing" if first == last else f"v{first} to v{last} are missing")
        return "\n".join(lines[:_LINES])

    # Drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw line, ticks, gaps, marks and handle."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left, right = self.x_of(0), self.width() - _SIDE
        handle = self.x_of(self.value())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.line)
        painter.drawRoundedRect(QRectF(left, _GROOVE_Y - 2, right - left, 4), 2, 2)
        accent = theme.accent if self.isEnabled() else theme.disabled
        painter.setBrush(accent)
        painter.drawRoundedRect(QRectF(left, _GROOVE_Y - 2, handle - left, 4), 2, 2)
        self._paint_ticks(painter, theme)
        self._paint_gaps(painter, theme)
        ratio = self.devicePixelRatioF()
        for place, mark in self._placed:
            x = min(self.x_of(place), self.width() - _MARKER / 2)
            name, role = mark.kind.value
            painter.drawPixmap(QPointF(round(x - _MARKER / 2), 1), pixmap(name, _MARKER, theme.color(role), ratio))
        painter.setPen(QPen(accent, 2))
        painter.setBrush(theme.base)
        painter.drawEllipse(QPointF(handle, _GROOVE_Y), _HANDLE, _HANDLE)
        if self.hasFocus():
            painter.setBrush(accent)
            painter.drawEllipse(QPointF(handle, _GROOVE_Y), 2.5, 2.5)
        painter.end()

    def _paint_ticks(self, painter: QPainter, theme: Theme) -> None:
        if self._count < 2:
            return
        step = 1
        while self.x_of(step) - self.x_of(0) < _TICK_ROOM:
            step *= 5 if str(step)[0] == "1" else 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(theme.lineStrong)
        for place in range(0, self._count, step):
            x = round(self.x_of(place))
            painter.drawLine(x, _GROOVE_Y + 7, x, _GROOVE_Y + (10 if place % (5 * step) else 12))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_gaps(self, painter: QPainter, theme: Theme) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.gap.text)
        for place in self._gap_places:
            x = self.x_of(place - 0.5)
            painter.drawRect(QRectF(x - 3.5, _GROOVE_Y - 4, 2, 8))
            painter.drawRect(QRectF(x + 1.5, _GROOVE_Y - 4, 2, 8))
