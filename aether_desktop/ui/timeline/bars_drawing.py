"""Draws bars of a timeline: events by type, of a filter its hits in front of all events, and a time axis below."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetrics, QPainter

from aether_desktop.models.timeline.time_axis import ticks
from aether_desktop.models.timeline.timeline_words import bar_words, other_types_text, outlier_words, range_words
from aether_desktop.numbers import number_text
from aether_desktop.ui.timeline.timeline import LEFT_WIDE, Drawing
from aether_desktop.ui.widgets.chips import CHIP_SIZE, chip_for, chip_index, paint_chip
from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.safe_text import LABEL_LIMIT, short, visible
from aether_desktop.ui.widgets.theme import Theme, current_theme, ui_font
from aether_engine.time_bars import Bar, Bars

_ICON: Final = 12
_EDGE: Final = 12
#: Pixels between the starts of two labels of the axis.
_LABEL_ROOM: Final = 92
#: Below this share of the highest bar the hits of a filter get a scale of their own.
_OWN_SCALE: Final = 0.04
_HATCHES: Final = (Qt.BrushStyle.BDiagPattern, Qt.BrushStyle.HorPattern, Qt.BrushStyle.CrossPattern)


class BarsDrawing(Drawing):
    """One place per bar. `span` is the time that the filter leaves, `selected` that of the selected event.

    `known_damage` are the times, rising, of damaged events that counting did not find by itself.
    """

    def __init__(
        self,
        bars: Bars,
        *,
        is_exact: bool,
        span: tuple[int | None, int | None] | None = None,
        selected: int | None = None,
        known_damage: Sequence[int] = (),
    ) -> None:
        self.bars = bars
        self._known_damage = known_damage
        self._is_exact = is_exact
        self._span = span
        self._selected = selected
        self._hits_have_own_scale = bars.has_hits and 0 < bars.hit_peak < bars.peak * _OWN_SCALE

    @property
    def places(self) -> int:
        return len(self.bars.bars)

    def words(self, place: int) -> str:
        bar = self.bars.bars[place]
        return bar_words(self.bars, bar, is_estimate=not self._is_exact, known_damage=self._known_in(bar))

    def range_words(self, first: int, last: int) -> str:
        return range_words(self.bars, first, last)

    def _known_in(self, bar: Bar) -> int:
        return bisect_left(self._known_damage, bar.end) - bisect_left(self._known_damage, bar.start)

    # -- beside the bars

    def _edge(self, area: QRectF, *, before: bool) -> QRect:
        left = int(area.left()) - _EDGE if before else int(area.right()) + 1
        return QRect(left, int(area.bottom()) - 18, _EDGE, 18)

    def margin_words(self, point: QPoint, area: QRectF) -> str:
        bars = self.bars
        for outliers, before in ((bars.before, True), (bars.behind, False)):
            if outliers is not None and self._edge(area, before=before).contains(point):
                return f"{outlier_words(outliers, bars.width, before=before)}. Click to go there."
        if point.x() < area.left():
            return "\n".join(
                f"{number_text(sum(bar.counts[index] for bar in bars.bars))} {name}"
                for index, name in enumerate((*bars.types, other_types_text(bars)))
                if name in bars.types or bars.other_types
            )
        return ""

    def margin_clicked(self, point: QPoint, area: QRectF) -> int:
        for outliers, before in ((self.bars.before, True), (self.bars.behind, False)):
            if outliers is not None and self._edge(area, before=before).contains(point):
                return outliers.first_sequence
        return 0

    # -- painting

    def paint_ground(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        if self._span is None or not self.bars.bars:
            return
        start, end = self._span
        left = area.left() if start is None else self._x_of(start, area)
        right = area.right() if end is None else self._x_of(end, area)
        if right <= left:
            return
        painter.fillRect(QRectF(left, area.top(), right - left, area.height()), theme.accentSoft)
        painter.setPen(theme.accent)
        for x, bound in ((left, start), (right, end)):
            if bound is not None and area.left() <= x <= area.right():
                painter.drawLine(int(x), int(area.top()), int(x), int(area.bottom()))

    def paint(self, painter: QPainter, widget: QRect, area: QRectF) -> None:
        self._paint_bars(painter, area)
        self._paint_axis(painter, area)
        self._paint_damage(painter, area)
        self._paint_selected(painter, area)
        self._paint_edges(painter, area)
        self._paint_left(painter, area)

    def _x_of(self, time: int, area: QRectF) -> float:
        first, last = self.bars.bars[0].start, self.bars.bars[-1].end
        share = (time - first) / (last - first)
        return area.left() + min(max(share, 0.0), 1.0) * area.width()

    def _fills(self, theme: Theme) -> list[QBrush]:
        """The fill of each type; of those that share a colour the next ones are pale, then hatched."""
        fills: list[QBrush] = []
        seen: list[int] = []
        for name in self.bars.types:
            hue = chip_index(name)[0]
            color = chip_for(name, theme).color
            match seen.count(hue):
                case 0:
                    fills.append(QBrush(color))
                case 1:
                    fills.append(QBrush(_pale(color, theme)))
                case number:
                    fills.append(QBrush(color, _HATCHES[min(number - 2, len(_HATCHES) - 1)]))
            seen.append(hue)
        return [*fills, QBrush(theme.barSel if self.bars.has_hits else theme.bar)]

    def _paint_bars(self, painter: QPainter, area: QRectF) -> None:
        bars, theme = self.bars, current_theme()
        if not bars.bars:
            return
        fills = self._fills(theme)
        peak = max(bars.peak, 1)
        hit_peak = max(bars.hit_peak, 1) if self._hits_have_own_scale else peak
        # Signs of damage stand above the bars.
        height = area.height() - _ICON - 2
        step = area.width() / len(bars.bars)
        gap = 1 if step >= 3 else 0
        for place, bar in enumerate(bars.bars):
            if not bar.total:
                continue
            left, right = round(area.left() + place * step), round(area.left() + (place + 1) * step)
            rect = QRect(left, 0, max(1, right - left - gap), int(area.bottom()))
            if bars.has_hits:
                tall = _height(bar.total, peak, height)
                painter.fillRect(rect.left(), rect.height() - tall, rect.width(), tall, theme.bar)
                self._stack(painter, rect, bar.hits, bar.damaged_hits, hit_peak, height, fills, theme)
            else:
                self._stack(painter, rect, bar.counts, bar.damaged, peak, height, fills, theme)

    def _stack(
        self,
        painter: QPainter,
        rect: QRect,
        counts: tuple[int, ...],
        damaged: int,
        peak: int,
        height: float,
        fills: list[QBrush],
        theme: Theme,
    ) -> None:
        bottom, so_far = rect.height(), 0
        top = bottom
        for count, fill in zip((*counts, damaged), (*fills, QBrush(theme.corrupted.text)), strict=True):
            if not count:
                continue
            so_far += count
            above = bottom - _height(so_far, peak, height)
            if above >= top:
                continue
            if fill.style() is not Qt.BrushStyle.SolidPattern:
                painter.fillRect(rect.left(), above, rect.width(), top - above, _pale(fill.color(), theme))
            painter.fillRect(QRect(rect.left(), above, rect.width(), top - above), fill)
            top = above

    def _paint_axis(self, painter: QPainter, area: QRectF) -> None:
        theme, font = current_theme(), ui_font(-1)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        painter.setPen(theme.line)
        bottom = int(area.bottom())
        painter.drawLine(int(area.left()), bottom, int(area.right()), bottom)
        if not self.bars.bars:
            return
        end = area.left() - 40
        for tick in ticks(self.bars.bars[0].start, self.bars.bars[-1].end, int(area.width() / _LABEL_ROOM)):
            x = round(self._x_of(tick.time, area))
            painter.setPen(theme.lineStrong)
            painter.drawLine(x, bottom, x, bottom + 3)
            width = metrics.horizontalAdvance(tick.text)
            left = x - width // 2
            if left < end or left + width > area.right() + 14:
                continue
            painter.setPen(theme.text3)
            painter.drawText(left, bottom + 4 + metrics.ascent(), tick.text)
            end = left + width + 8

    def _paint_damage(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        ratio = painter.device().devicePixelRatio()
        image = pixmap("corrupted", _ICON, theme.corrupted.text, ratio)
        step = area.width() / max(len(self.bars.bars), 1)
        free = area.left() - _ICON
        for place, bar in enumerate(self.bars.bars):
            damaged = (bar.damaged_hits if self.bars.has_hits else bar.damaged) or self._known_in(bar)
            x = area.left() + (place + 0.5) * step - _ICON / 2
            # Where bars are narrow one sign stands for its neighbours too; each bar's words have the numbers.
            if damaged and x >= free:
                painter.drawPixmap(QPointF(round(x), area.top()), image)
                free = x + _ICON

    def _paint_selected(self, painter: QPainter, area: QRectF) -> None:
        bars = self.bars.bars
        if self._selected is None or not bars or not bars[0].start <= self._selected < bars[-1].end:
            return
        theme = current_theme()
        x = round(self._x_of(self._selected, area))
        painter.fillRect(x - 1, int(area.top()), 2, int(area.height()), theme.accent)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.accent)
        bottom = area.bottom()
        painter.drawPolygon([QPointF(x - 5, bottom + 6), QPointF(x + 5, bottom + 6), QPointF(x, bottom)])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_edges(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        ratio = painter.device().devicePixelRatio()
        for outliers, name, before in (
            (self.bars.before, "chevron-left", True),
            (self.bars.behind, "chevron-right", False),
        ):
            if outliers is not None:
                edge = self._edge(area, before=before)
                painter.drawPixmap(edge.topLeft() + QPoint(0, 3), pixmap(name, _EDGE, theme.gap.text, ratio))

    def _paint_left(self, painter: QPainter, area: QRectF) -> None:
        theme, font = current_theme(), ui_font(-1)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        room = int(area.left()) - 12 - 14
        y = int(area.top()) + metrics.ascent()
        for text in self._scale_texts():
            painter.setPen(theme.text2)
            painter.drawText(12, y, metrics.elidedText(text, Qt.TextElideMode.ElideRight, room))
            y += metrics.height() + 1
        painter.setPen(theme.text3)
        painter.drawText(12, int(area.bottom()) + 4 + metrics.ascent(), "UTC")
        if area.left() < LEFT_WIDE:
            return
        names, others = self._legend()
        rows = int((area.bottom() - 2 - y) // (metrics.height() + 1)) + 1
        # Others and all keep their lines: what is drawn for them is told by nothing else.
        for name in names[: max(rows - bool(others) - self.bars.has_hits, 0)]:
            paint_chip(painter, QRectF(12, y - metrics.ascent(), CHIP_SIZE, metrics.height()), name)
            painter.setPen(theme.text2)
            text = metrics.elidedText(visible(short(name, LABEL_LIMIT)), Qt.TextElideMode.ElideMiddle, room - 14)
            painter.drawText(12 + 14, y, text)
            y += metrics.height() + 1
        fills = [(others, self._fills(theme)[-1])] if others else []
        # Behind those of a filter stand all.
        fills += [("All events", QBrush(theme.bar))] if self.bars.has_hits else []
        for text, fill in fills:
            if y > area.bottom() - 2:
                return
            painter.fillRect(13, y - 7, 6, 6, fill)
            painter.setPen(theme.text2)
            painter.drawText(12 + 14, y, metrics.elidedText(text, Qt.TextElideMode.ElideRight, room - 14))
            y += metrics.height() + 1

    def _legend(self) -> tuple[list[str], str]:
        """The types with colours of their own, and what is said of the others; with a filter those of its hits."""
        bars = self.bars
        if not bars.has_hits:
            return list(bars.types), other_types_text(bars).removeprefix("of ") if bars.other_types else ""
        sums = [sum(column) for column in zip(*(bar.hits for bar in bars.bars), strict=True)]
        names = [name for name, count in zip(bars.types, sums, strict=False) if count]
        if not sums or not sums[-1]:
            return names, ""
        return names, "Other matches" if names else "Matches"

    def _scale_texts(self) -> list[str]:
        about = "" if self._is_exact else "about "
        if self._hits_have_own_scale:
            return [
                f"Matches: peak {number_text(self.bars.hit_peak)}",
                f"All: {about}{number_text(self.bars.peak)}",
            ]
        return [f"Peak {about}{number_text(self.bars.peak)}"] if self.bars.bars else []


def _height(count: int, peak: int, height: float) -> int:
    """How tall a bar is; a single event in ten million still stands out by a pixel."""
    return max(1, round(count * height / peak)) if count else 0


def _pale(color: QColor, theme: Theme) -> QColor:
    """Half way between a colour and the ground."""
    base = theme.base
    return QColor(
        (color.red() + base.red()) // 2, (color.green() + base.green()) // 2, (color.blue() + base.blue()) // 2
    )


def first_of(bar: Bar, *, has_hits: bool) -> int:
    """The sequence of the first event that a bar shows, 0 where it is not known for certain."""
    return bar.first_hit if has_hits and bar.hit_total else bar.first_sequence
