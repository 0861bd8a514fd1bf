"""The slider over an actor's versions: one step per stored version, however far apart their numbers are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QSlider, QToolTip, QWidget

from aether_desktop.ui.icons import pixmap
from aether_desktop.ui.safe_text import plain_tooltip
from aether_desktop.ui.theme import Theme, current_theme, theme_notifier

_SIDE: Final = 8
_HANDLE: Final = 6.5
_MARKER: Final = 12
_GROOVE_Y: Final = 22
_HEIGHT: Final = 36
#: Pixels between two tick marks, at least.
_TICK_ROOM: Final = 4


@dataclass(frozen=True, slots=True)
class SliderMark:
    """Something at a version, drawn above the line. `is_trouble` draws it in the colour of damage."""

    version: int
    text: str
    is_trouble: bool = False


class VersionSlider(QSlider):
    """A `QSlider` whose value is a place in the list of versions; keyboard and accessibility are Qt's own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("versionSlider")
        self.setAccessibleName("Version")
        self._versions: Sequence[int] = ()
        self._snapshots: list[SliderMark] = []
        self._troubles: list[SliderMark] = []
        # Places whose version does not follow the one before.
        self._gaps: list[int] = []
        self.setRange(0, 0)
        self.setSingleStep(1)
        self.setMinimumWidth(60)
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.valueChanged.connect(self._describe)
        theme_notifier().changed.connect(self.update)

    # What there is

    def set_versions(self, versions: Sequence[int]) -> None:
        """Move over these versions, which rise; the version stays the same one if it is still there."""
        current = self.version()
        self._versions = tuple(versions)
        self._gaps = [
            place
            for place in range(1, len(self._versions))
            if self._versions[place] > self._versions[place - 1] + 1
        ]
        blocked = self.blockSignals(True)
        self.setRange(0, max(0, len(self._versions) - 1))
        self.setPageStep(max(1, len(self._versions) // 10))
        self.set_version(current)
        self.blockSignals(blocked)
        self._describe()
        self.update()

    def set_snapshots(self, marks: Sequence[SliderMark]) -> None:
        """Draw a diamond above the version of each snapshot; one that differs from the replay is trouble."""
        self._snapshots = list(marks)
        self.update()

    def set_troubles(self, marks: Sequence[SliderMark]) -> None:
        """Draw the sign of damage behind the version that each damaged event follows."""
        self._troubles = list(marks)
        self.update()

    def version(self) -> int:
        """The version at the handle, 0 without any."""
        return self._versions[self.value()] if self.value() < len(self._versions) else 0

    def version_at(self, place: int) -> int:
        """The version at a place of the slider, 0 where there is none."""
        return self._versions[place] if 0 <= place < len(self._versions) else 0

    def set_version(self, version: int) -> None:
        """Move the handle to a version, or the nearest one below."""
        self.setValue(max(0, bisect_right(self._versions, version) - 1))

    def _describe(self) -> None:
        version, last = self.version(), self._versions[-1] if self._versions else 0
        self.setAccessibleDescription(f"Version {version} of {last}")

    # Places

    def sizeHint(self) -> QSize:
        """Return room for the marks above and the ticks below."""
        return QSize(200, _HEIGHT)

    def x_of(self, place: float) -> float:
        """The x of a place in the list of versions."""
        last = max(len(self._versions) - 1, 1)
        return _SIDE + place / last * (self.width() - 2 * _SIDE)

    def _place_of(self, version: int) -> float:
        """The place of a version; of one that is not stored, between its neighbours."""
        place = bisect_left(self._versions, version)
        if place < len(self._versions) and self._versions[place] == version:
            return place
        return max(0.0, min(place - 0.5, len(self._versions) - 1))

    def _nearest(self, x: float) -> int:
        last = max(len(self._versions) - 1, 0)
        room = max(self.width() - 2 * _SIDE, 1)
        return max(0, min(last, round((x - _SIDE) / room * last)))

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
        if not self._versions:
            return ""
        place = self._nearest(x)
        lines = [f"v{self._versions[place]} (← → one version)"]
        for mark in (*self._snapshots, *self._troubles):
            if abs(self.x_of(self._mark_place(mark)) - x) <= _MARKER:
                lines.append(mark.text)
        for gap in self._gaps:
            if abs(self.x_of(gap - 0.5) - x) <= max(self.x_of(1) - self.x_of(0), _TICK_ROOM) / 2:
                first, last = self._versions[gap - 1] + 1, self._versions[gap] - 1
                lines.append(f"v{first} is missing" if first == last else f"v{first} to v{last} are missing")
        return "\n".join(lines[:12])

    def _mark_place(self, mark: SliderMark) -> float:
        place = self._place_of(mark.version)
        return place + 0.5 if mark in self._troubles else place

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
        for mark in self._snapshots:
            name, role = ("warning", "corrupted") if mark.is_trouble else ("snapshot", "snapshot")
            self._paint_mark(painter, mark, name, role, ratio)
        for mark in self._troubles:
            self._paint_mark(painter, mark, "corrupted", "corrupted", ratio)
        painter.setPen(QPen(accent, 2))
        painter.setBrush(theme.base)
        painter.drawEllipse(QPointF(handle, _GROOVE_Y), _HANDLE, _HANDLE)
        if self.hasFocus():
            painter.setBrush(accent)
            painter.drawEllipse(QPointF(handle, _GROOVE_Y), 2.5, 2.5)
        painter.end()

    def _paint_ticks(self, painter: QPainter, theme: Theme) -> None:
        count = len(self._versions)
        if count < 2:
            return
        step = 1
        while self.x_of(step) - self.x_of(0) < _TICK_ROOM:
            step *= 5 if str(step)[0] == "1" else 2
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(theme.lineStrong)
        for place in range(0, count, step):
            x = round(self.x_of(place))
            painter.drawLine(x, _GROOVE_Y + 7, x, _GROOVE_Y + (10 if place % (5 * step) else 12))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _paint_gaps(self, painter: QPainter, theme: Theme) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.gap.text)
        done = -1.0
        for place in self._gaps:
            x = self.x_of(place - 0.5)
            # A thousand gaps on a few hundred pixels are drawn once per pixel.
            if x - done < 2:
                continue
            done = x
            painter.drawRect(QRectF(x - 3.5, _GROOVE_Y - 4, 2, 8))
            painter.drawRect(QRectF(x + 1.5, _GROOVE_Y - 4, 2, 8))

    def _paint_mark(self, painter: QPainter, mark: SliderMark, name: str, role: str, ratio: float) -> None:
        x = min(self.x_of(self._mark_place(mark)), self.width() - _MARKER / 2)
        image = pixmap(name, _MARKER, current_theme().color(role), ratio)
        painter.drawPixmap(QPointF(round(x - _MARKER / 2), 1), image)
