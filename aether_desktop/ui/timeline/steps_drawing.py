"""Draws the versions of an actor at equal steps: a sign per event, gaps, snapshots, days; a strip of many."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from aether_desktop.models.timeline.stream_timeline import Step, Steps
from aether_desktop.models.timeline.time_axis import day_text, time_text
from aether_desktop.models.timeline.timeline_words import events_text
from aether_desktop.numbers import number_text
from aether_desktop.ui.timeline.timeline import LEFT_NARROW, Drawing
from aether_desktop.ui.widgets.chips import CHIP_SIZE, Chip, ChipShape, chip_for, draw_chip
from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.theme import current_theme, ui_font

_ICON: Final = 12
_DAY: Final = 86_400_000
#: A step that a sign fits into, in pixels.
STEP_ROOM: Final = 6
#: How many versions apart the numbers below them are.
_EVERY: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_LANES: Final = ("Snapshots", "Versions", "Day")


class StepsDrawing(Drawing):
    """One place per step; `version` is the selected one."""

    def __init__(self, steps: Steps, *, version: int = 0) -> None:
        self._steps = steps
        self._version = version

    def left(self, width: int) -> int:
        return LEFT_NARROW

    @property
    def steps(self) -> tuple[Step, ...]:
        return self._steps.steps

    @property
    def places(self) -> int:
        return len(self._steps.steps)

    def words(self, place: int) -> str:
        return step_words(self._steps, self._steps.steps[place])

    def range_words(self, first: int, last: int) -> str:
        chosen = self._steps.steps[first : last + 1]
        count = events_text(sum(step.events for step in chosen))
        return f"v{chosen[0].first_version} to v{chosen[-1].last_version}: {count}"

    # -- painting

    def paint(self, painter: QPainter, widget: QRect, area: QRectF) -> None:
        self._paint_lanes(painter, area)
        if not self._steps.steps:
            return
        self._paint_days(painter, area)
        self._paint_selected(painter, area)
        if self._steps.are_single:
            self._paint_signs(painter, area)
            self._paint_numbers(painter, area)
        else:
            self._paint_strip(painter, area)
            self._paint_ends(painter, area)
        self._paint_snapshots(painter, area)

    def _lane_y(self, area: QRectF, lane: int) -> float:
        """The middle of a lane: snapshots, versions, days."""
        return area.top() + area.height() * (0.14, 0.45, 0.95)[lane]

    def _x_of(self, place: float, area: QRectF) -> float:
        return area.left() + (place + 0.5) * area.width() / max(self.places, 1)

    def _paint_lanes(self, painter: QPainter, area: QRectF) -> None:
        theme, font = current_theme(), ui_font(-1)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        for lane, text in enumerate(_LANES):
            y = self._lane_y(area, lane)
            painter.setPen(theme.text2)
            painter.drawText(12, int(y + metrics.ascent() - metrics.height() / 2), text)
        y = int(self._lane_y(area, 1))
        painter.setPen(theme.line)
        painter.drawLine(int(area.left()), y, int(area.right()), y)

    def _days(self) -> list[tuple[int, int]]:
        """The first place of each day, and its time."""
        days: list[tuple[int, int]] = []
        before = None
        for place, step in enumerate(self._steps.steps):
            if step.time is not None and step.time // _DAY != before:
                before = step.time // _DAY
                days.append((place, step.time))
        return days

    def _paint_days(self, painter: QPainter, area: QRectF) -> None:
        theme, font = current_theme(), ui_font(-1)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        y = int(self._lane_y(area, 2) + metrics.ascent() - metrics.height() / 2)
        width = area.width() / self.places
        days = self._days()
        year, drawn = "", area.left() - 4
        for number, (place, time) in enumerate(days):
            x = area.left() + place * width
            if x < drawn + 4:
                # Days so close to one another are one line.
                continue
            drawn = x
            painter.setPen(theme.line)
            painter.drawLine(int(x), int(area.top()), int(x), int(area.bottom()) + 8)
            end = area.left() + days[number + 1][0] * width if number + 1 < len(days) else area.right() + 14
            day = day_text(time, with_year=False)
            texts = [day, day.partition(" ")[0]]
            if time_text(time)[:4] != year:
                texts.insert(0, day_text(time, with_year=True))
            fitting = [text for text in texts if x + 5 + metrics.horizontalAdvance(text) <= end - 2]
            if fitting:
                painter.setPen(theme.text2)
                painter.drawText(int(x) + 5, y, fitting[0])
                if fitting[0] != day:
                    year = time_text(time)[:4] if len(fitting[0]) > len(day) else year

    def _paint_selected(self, painter: QPainter, area: QRectF) -> None:
        width = area.width() / self.places
        for place, step in enumerate(self._steps.steps):
            if self._is_selected(step):
                left = area.left() + place * width
                top = self._lane_y(area, 0) - _ICON
                rect = QRectF(left, top, max(width, 2), self._lane_y(area, 1) + 28 - top)
                painter.fillRect(rect, current_theme().sel)
                return

    def _paint_signs(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        ratio = painter.device().devicePixelRatio()
        y = self._lane_y(area, 1)
        size = min(CHIP_SIZE, area.width() / self.places - 1)
        for place, step in enumerate(self._steps.steps):
            x = self._x_of(place, area)
            if step.gaps:
                self._paint_icon(painter, "gap", theme.gap.text, x, y, ratio)
            elif step.damaged:
                self._paint_icon(painter, "corrupted", theme.corrupted.text, x, y, ratio)
            elif step.event_type and not step.is_left_out:
                draw_chip(painter, QPointF(x, y), chip_for(step.event_type, theme), size)
            else:
                # Not looked up yet, or left out by the filter.
                draw_chip(painter, QPointF(x, y), Chip(theme.bar, ChipShape.DISC), size - 2)

    def _paint_icon(self, painter: QPainter, name: str, color: QColor, x: float, y: float, ratio: float) -> None:
        theme = current_theme()
        half = _ICON / 2
        painter.fillRect(QRectF(x - half, y - half, _ICON, _ICON), theme.base)
        painter.drawPixmap(QPointF(round(x - half), round(y - half)), pixmap(name, _ICON, color, ratio))

    def _paint_numbers(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        y = int(self._lane_y(area, 1)) + 10
        metrics = QFontMetrics(ui_font(-1, semibold=True))
        widest = metrics.horizontalAdvance(number_text(self._steps.last_version)) + 5
        every = next(n for n in _EVERY if n * area.width() / self.places >= widest or n == _EVERY[-1])
        taken: tuple[float, float] | None = None
        selected = next((place for place, step in enumerate(self.steps) if self._is_selected(step)), -1)
        order = [selected, *(place for place in range(self.places) if place != selected)]
        for place in order if selected >= 0 else order[1:]:
            step = self.steps[place]
            # Every so many versions; what is odd among them has its number always, if there is room.
            if place != selected and step.first_version % every and not (step.gaps and every == 1):
                continue
            text = _gap_number(step) if step.gaps else number_text(step.first_version)
            left = self._x_of(place, area) - metrics.horizontalAdvance(text) / 2
            right = left + metrics.horizontalAdvance(text)
            if place == selected:
                taken = (left - 3, right + 3)
            elif taken is not None and left < taken[1] and right > taken[0]:
                continue
            painter.setFont(ui_font(-1, semibold=place == selected))
            painter.setPen(theme.gap.text if step.gaps else theme.text if place == selected else theme.text2)
            painter.drawText(int(left), y + metrics.ascent(), text)

    def _is_selected(self, step: Step) -> bool:
        return bool(step.events) and step.first_version <= self._version <= step.last_version

    def _paint_strip(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        ratio = painter.device().devicePixelRatio()
        fills = [*(chip_for(name, theme).color for name in self._steps.types), theme.bar]
        y, tall = self._lane_y(area, 1) - 12, 24
        width = area.width() / self.places
        free = area.left() - _ICON
        for place, step in enumerate(self._steps.steps):
            left, right = round(area.left() + place * width), round(area.left() + (place + 1) * width)
            total = sum(step.counts)
            if not total:
                painter.fillRect(QRect(left, int(y), right - left, tall), theme.bar)
            bottom, so_far = int(y) + tall, 0
            for count, fill in zip(step.counts, fills, strict=True):
                if count:
                    so_far += count
                    above = int(y) + tall - round(so_far * tall / total)
                    painter.fillRect(left, above, right - left, bottom - above, fill)
                    bottom = above
            middle = self._x_of(place, area)
            if (step.gaps or step.damaged) and middle - _ICON / 2 >= free:
                name, color = ("corrupted", theme.corrupted.text) if step.damaged else ("gap", theme.gap.text)
                self._paint_icon(painter, name, color, middle, y + tall + _ICON / 2 + 2, ratio)
                free = middle + _ICON / 2

    def _paint_ends(self, painter: QPainter, area: QRectF) -> None:
        theme, font = current_theme(), ui_font(-1)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        painter.setPen(theme.text2)
        y = int(self._lane_y(area, 1)) + 16 + metrics.ascent()
        painter.drawText(int(area.left()), y, number_text(self._steps.first_version))
        last = number_text(self._steps.last_version)
        painter.drawText(int(area.right()) - metrics.horizontalAdvance(last), y, last)

    def _paint_snapshots(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        ratio = painter.device().devicePixelRatio()
        y, free = self._lane_y(area, 0), area.left() - _ICON
        image = pixmap("snapshot", _ICON, theme.snapshot.text, ratio)
        for place, step in enumerate(self._steps.steps):
            left = round(self._x_of(place, area) - _ICON / 2)
            if step.snapshots and left >= free:
                painter.drawPixmap(QPointF(left, round(y - _ICON / 2)), image)
                free = left + _ICON


def _gap_number(step: Step) -> str:
    """The version that is missing; of several, that there are several."""
    return number_text(step.first_version - 1) if step.text.startswith("Version ") else "…"


def step_words(steps: Steps, step: Step) -> str:
    """What one step is, line by line."""
    when = [f"{time_text(step.time)} UTC"] if step.time is not None else []
    if step.gaps and not step.events:
        return step.text
    if steps.are_single:
        kind = "Damaged" if step.damaged else step.event_type
        lines = [f"v{step.first_version}", *([kind] if kind else []), *when, *step.snapshots]
        return "\n".join([*lines, "left out by the filter"] if step.is_left_out else lines)
    lines = [f"v{step.first_version} to v{step.last_version}", events_text(step.events), *when]
    looked_up = sum(step.counts)
    lines += [
        f"{number_text(count)} {name}"
        for name, count in zip((*steps.types, "of other types"), step.counts, strict=True)
        if count
    ]
    if looked_up + step.damaged < step.events:
        lines.append(f"types of {number_text(looked_up)} of them were looked up")
    for count, what in ((step.damaged, "damaged"), (step.gaps, "gaps"), (len(step.snapshots), "with snapshots")):
        if count:
            lines.append(f"{number_text(count)} {what}")
    return "\n".join(lines)


def steps_title(steps: Steps) -> str:
    """The line beside the title."""
    if not steps.steps:
        return "No events"
    parts = [events_text(steps.events)]
    parts.append(f"versions {number_text(steps.first_version)} to {number_text(steps.last_version)}")
    for count, what in ((steps.gaps, "gap"), (steps.snapshots, "snapshot")):
        if count:
            parts.append(f"{number_text(count)} {what}{'s' if count != 1 else ''}")
    if steps.damaged:
        parts.append(f"{number_text(steps.damaged)} damaged")
    return ", ".join(parts)


def steps_summary(steps: Steps, title: str) -> str:
    """All of it in a few sentences, for those who cannot see it."""
    if not steps.are_single:
        looked_up = number_text(steps.looked_up)
        return f"{title}. Each step is several versions. Types of {looked_up} events were looked up."
    return f"{title}."
