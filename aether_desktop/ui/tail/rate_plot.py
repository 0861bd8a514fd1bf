"""The rate of a tail: a bar for every second of the last two minutes, with what the tail was doing meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from aether_desktop.models.tail.tail_rate import RateSample, RateState
from aether_desktop.models.tail.tail_rows import events_text
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier, ui_font

_RIGHT = 12
_TOP = 6
_TICK_SECONDS = 30
#: Ends of the axis; half of each is a whole number, for the line in the middle.
_ENDS = (2, 4, 6, 10, 20, 40, 60)

_WORDS = {
    RateState.PAUSED: "Paused",
    RateState.NO_LINK: "No link",
}


class RatePlot(QWidget):
    """Draws samples; whoever owns it hands them over once a second."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples: Sequence[RateSample] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(self.sizeHint().height())
        self.setAccessibleName("Events per second, last 2 minutes")
        theme_notifier().changed.connect(self._reload)

    @property
    def samples(self) -> Sequence[RateSample]:
        """What is drawn, oldest first."""
        return self._samples

    def set_samples(self, samples: Sequence[RateSample], words: str) -> None:
        """Draw other samples; `words` says for those who cannot see them what they come to."""
        self._samples = samples
        self.setAccessibleDescription(words)
        self.update()

    def sizeHint(self) -> QSize:
        """Return room for axis and bars, growing with the font."""
        return QSize(400, 88 + 2 * QFontMetrics(ui_font(-1)).height())

    def _reload(self) -> None:
        self.setMinimumHeight(self.sizeHint().height())
        self.update()

    # -- painting --------------------------------------------------------------------------------------------

    def _axis_end(self) -> int:
        peak = max((sample.count for sample in self._samples), default=0)
        power = 1
        while True:
            for end in _ENDS:
                if peak <= end * power:
                    return end * power
            power *= 10

    def _plot_area(self) -> QRectF:
        metrics = QFontMetrics(ui_font(-1))
        left = 20 + metrics.horizontalAdvance(number_text(self._axis_end()))
        bottom = metrics.height() + 8
        return QRectF(left, _TOP, max(1, self.width() - left - _RIGHT), max(1, self.height() - _TOP - bottom))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the axis, the stretches without a link or paused, and a bar for each second."""
        theme = current_theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.window)
        area = self._plot_area()
        self._paint_values(painter, area)
        if self._samples:
            self._paint_stretches(painter, area)
            self._paint_bars(painter, area)
            self._paint_words(painter, area)
            self._paint_times(painter, area)
        painter.setPen(theme.line)
        painter.drawLine(int(area.left()), int(area.bottom()), int(area.right()), int(area.bottom()))
        painter.end()

    def _paint_values(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        font = ui_font(-1)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        end = self._axis_end()
        for value in (0, end // 2, end):
            y = round(area.bottom() - area.height() * value / end)
            if value:
                painter.setPen(theme.lineSoft)
                painter.drawLine(int(area.left()), y, int(area.right()), y)
            text = number_text(value)
            painter.setPen(theme.text3)
            painter.drawText(
                int(area.left()) - 8 - metrics.horizontalAdvance(text),
                y + metrics.ascent() - metrics.height() // 2,
                text,
            )

    def _stretches(self) -> Iterator[tuple[RateState, int, int]]:
        """State, first and last slot of each run of seconds that were the same."""
        start = 0
        for state, group in groupby(self._samples, key=lambda sample: sample.state):
            length = sum(1 for _ in group)
            yield state, start, start + length - 1
            start += length

    def _left_of(self, area: QRectF, slot: int) -> int:
        return round(area.left() + area.width() * slot / len(self._samples))

    def _paint_stretches(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        top, height = int(area.top()), int(area.height())
        for state, first, last in self._stretches():
            left, right = self._left_of(area, first), self._left_of(area, last + 1)
            if state is RateState.NO_LINK:
                painter.fillRect(left, top, right - left, height, theme.gap.tint)
                painter.setPen(QPen(theme.gap.text, 1, Qt.PenStyle.DashLine))
                painter.drawLine(left, top, left, top + height)
                painter.drawLine(right, top, right, top + height)
            elif state is RateState.PAUSED:
                painter.fillRect(left, top, right - left, height, theme.sunken)
                painter.setPen(theme.text2)
                painter.drawLine(left, top, left, top + height)

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        end = self._axis_end()
        hatch = QBrush(theme.barSel, Qt.BrushStyle.BDiagPattern)
        bottom = int(area.bottom())
        for slot, sample in enumerate(self._samples):
            if not sample.count:
                continue
            left, right = self._left_of(area, slot), self._left_of(area, slot + 1)
            # A single event in ten thousand still stands out of the axis by a pixel.
            height = max(1, round(area.height() * sample.count / end))
            width = max(1, right - left - 1)
            if sample.state is RateState.PAUSED:
                painter.fillRect(left, bottom - height, width, height, hatch)
                painter.setPen(theme.barSel)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(left, bottom - height, width - 1, height)
            else:
                painter.fillRect(left, bottom - height, width, height, theme.barSel)

    def _paint_words(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        font = ui_font(-1, semibold=True)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        for state, first, last in self._stretches():
            words = _WORDS.get(state)
            if words is None:
                continue
            left = self._left_of(area, first) + 5
            width = metrics.horizontalAdvance(words)
            if state is RateState.NO_LINK and left + width > self._left_of(area, last + 1):
                continue  # Its hue and dashes, the legend of the tooltip and the row in the table say it too.
            is_away, left = state is RateState.NO_LINK, min(left, int(area.right()) - width)
            # On a ground of its own: bars may stand where the words do.
            ground = theme.gap.tint if is_away else theme.sunken
            painter.fillRect(left - 2, int(area.top()) + 1, width + 4, metrics.height(), ground)
            painter.setPen(theme.gap.text if is_away else theme.text2)
            painter.drawText(left, int(area.top()) + metrics.ascent() + 1, words)

    def _paint_times(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        font = ui_font(-1)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        bottom = int(area.bottom())
        for slot, sample in enumerate(self._samples):
            if sample.second % _TICK_SECONDS:
                continue
            x = self._left_of(area, slot)
            text = _time_text(sample.second)
            painter.setPen(theme.lineStrong)
            painter.drawLine(x, bottom, x, bottom + 3)
            left = x - metrics.horizontalAdvance(text) // 2
            if left < 0 or left + metrics.horizontalAdvance(text) > self.width():
                continue
            painter.setPen(theme.text3)
            painter.drawText(left, bottom + 4 + metrics.ascent(), text)

    # -- hints -----------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Say in a tooltip what a bar is, exactly."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = self.words_at(event.pos().x())
            if words:
                QToolTip.showText(event.globalPos(), plain_tooltip(words), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def words_at(self, x: int) -> str:
        """What the second at the widget's `x` was; empty outside of the bars."""
        area = self._plot_area()
        if not self._samples or not area.left() <= x < area.right():
            return ""
        slot = int((x - area.left()) * len(self._samples) / area.width())
        sample = self._samples[slot]
        if sample.state is RateState.OFF:
            return f"{_time_text(sample.second)} UTC: the tail was not running"
        words = f"{_time_text(sample.second)} UTC: {events_text(sample.count)}"
        doing = _WORDS.get(sample.state)
        return f"{words}, {doing.lower()}" if doing else words


def _time_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%H:%M:%S")
