"""The rows of a trace: each event under its cause, and where it stands in time."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from PySide6.QtCore import QModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from aether_desktop.models.timeline.time_axis import ticks
from aether_desktop.models.trace.trace_events import TracedEvent
from aether_desktop.models.trace.trace_tree import Stray, TraceRole, TraceTree
from aether_desktop.ui.widgets.cell_text import CellFont
from aether_desktop.ui.widgets.chips import CHIP_SIZE, chip_for, draw_chip, paint_chip
from aether_desktop.ui.widgets.drawn_tree import DrawnTree, Index, PlainTipDelegate
from aether_desktop.ui.widgets.icons import pixmap
from aether_desktop.ui.widgets.table_setup import TableHeader, setup_tree
from aether_desktop.ui.widgets.theme import Theme, current_theme, row_height, theme_notifier, ui_font

_PADDING: Final = 8
_GAP: Final = 8
_SIDE: Final = 10
#: Pixels that the text of a tick needs.
_TICK_ROOM: Final = 64
#: Length of the line that leads to an event without a cause, and radius of the ring of one in a circle.
_STUB: Final = 16
_RING: Final = 7.5
#: The column of events, from and to.
_EVENT_WIDTHS: Final = (180, 360)
#: Widest column of actors that fits itself, in pixels: times need room as well.
_MOST_ACTOR: Final = 220


class TraceAxis:
    """Where times stand between the left and right end of a column, or events one after the other."""

    def __init__(self, model: TraceTree) -> None:
        self._model = model
        self.by_time = True

    def x_of(self, time: float, left: int, width: int) -> float:
        """The x of a time in a column that begins at `left`."""
        times = self._model.times
        if len(times) < 2:
            share = 0.0
        elif self.by_time:
            share = (time - times[0]) / (times[-1] - times[0])
        else:
            share = bisect_left(times, time) / (len(times) - 1)
        return left + _SIDE + share * max(width - 2 * _SIDE, 1)

    def ticks(self, left: int, width: int) -> list[tuple[float, str]]:
        """Times to name, with their x."""
        times = self._model.times
        if len(times) < 2 or not self.by_time:
            return []
        start, end = int(times[0] * 1000), int(times[-1] * 1000)
        return [
            (self.x_of(tick.time / 1000, left, width), tick.text)
            for tick in ticks(start, end + 1, max(width // _TICK_ROOM, 1))
        ]


class TraceHeader(TableHeader):
    """Writes the times over the axis."""

    def __init__(self, view: QTreeView, axis: TraceAxis) -> None:
        super().__init__(view)
        self._axis = axis

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Draw one title, or the ticks."""
        if section != TraceTree.AXIS:
            super().paintSection(painter, rect, section)
            return
        theme = current_theme()
        painter.fillRect(rect, theme.window)
        painter.setFont(self.font())
        painter.setPen(theme.text2)
        metrics = self.fontMetrics()
        base = rect.y() + (rect.height() - metrics.height()) // 2 + metrics.ascent()
        painter.save()
        painter.setClipRect(rect)
        written = 0.0
        for x, text in self._axis.ticks(rect.x(), rect.width()):
            painter.fillRect(round(x), rect.y() + rect.height() - 4, 1, 4, theme.lineStrong)
            room = metrics.horizontalAdvance(text)
            # Where there is none to the right of the last tick, perhaps to its left.
            left = x + 3 if x + 3 + room <= rect.x() + rect.width() else x - 3 - room
            if left >= written:
                painter.drawText(QPointF(left, base), text)
                written = left + room + 3
        painter.restore()


class TraceDelegate(PlainTipDelegate):
    """Draws the cells; tints and the bar of the selected row are the view's."""

    def __init__(self, view: QTreeView, axis: TraceAxis) -> None:
        super().__init__(view)
        self._view = view
        self._axis = axis
        self._load_look()
        theme_notifier().changed.connect(self._load_look)

    def _load_look(self) -> None:
        self._theme = current_theme()
        self._body = CellFont(ui_font())
        self._height = row_height("compact")

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """The height of a compact row."""
        return QSize(120, self._height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one cell."""
        event = index.data(TraceRole.EVENT)
        if not isinstance(event, TracedEvent):
            return
        rect: QRect = option.rect
        match index.column():
            case TraceTree.EVENT:
                self._paint_event(painter, rect, index, event)
            case TraceTree.AXIS:
                self._paint_axis(painter, rect, index, event)
            case column:
                self._paint_text(painter, rect, str(index.data() or ""), right=column == TraceTree.AFTER)

    def _paint_event(self, painter: QPainter, rect: QRect, index: Index, event: TracedEvent) -> None:
        theme = self._theme
        left = rect.x() + 2
        # Hangs together with the rows above and below it.
        middle, stem = rect.y() + rect.height() // 2, left + CHIP_SIZE // 2
        painter.setPen(QPen(theme.lineStrong, 1))
        if index.data(TraceRole.LEADS_ON):
            painter.drawLine(stem, middle + 5, stem, rect.y() + rect.height() - 1)
        if index.data(TraceRole.CHAINED):
            painter.drawLine(stem, rect.y(), stem, middle - 5)
        if index.data(TraceRole.DAMAGED):
            ratio = painter.device().devicePixelRatio()
            image = pixmap("corrupted", 12, theme.corrupted.text, ratio)
            painter.drawPixmap(left - 2, rect.y() + (rect.height() - 12) // 2, image)
        else:
            paint_chip(painter, QRect(left, rect.y(), CHIP_SIZE, rect.height()).toRectF(), event.event.event_type)
        left += CHIP_SIZE + _GAP
        room = rect.x() + rect.width() - 4 - left
        fitted = self._body.fit(event.event.event_type, room, Qt.TextElideMode.ElideMiddle)
        base = self._body.baseline(rect.y(), rect.height())
        painter.setFont(self._body.font)
        painter.setPen(theme.corrupted.text if index.data(TraceRole.DAMAGED) else theme.text)
        painter.drawText(left, base, fitted.text)
        stray = index.data(TraceRole.STRAY)
        if stray is not None:
            left += fitted.width + _GAP
            rest = self._body.fit(str(stray), rect.x() + rect.width() - 4 - left, Qt.TextElideMode.ElideRight)
            painter.setPen(theme.gap.text)
            painter.drawText(left, base, rest.text)

    def _paint_text(self, painter: QPainter, rect: QRect, text: str, *, right: bool) -> None:
        mode = Qt.TextElideMode.ElideMiddle
        fitted = self._body.fit(text, rect.width() - 2 * _PADDING, mode)
        left = rect.x() + (rect.width() - _PADDING - fitted.width if right else _PADDING)
        painter.setFont(self._body.font)
        painter.setPen(self._theme.text2 if right else self._theme.text)
        painter.drawText(left, self._body.baseline(rect.y(), rect.height()), fitted.text)

    def _paint_axis(self, painter: QPainter, rect: QRect, index: Index, event: TracedEvent) -> None:
        theme, axis = self._theme, self._axis
        middle = rect.y() + rect.height() / 2
        for x, _ in axis.ticks(rect.x(), rect.width()):
            painter.fillRect(round(x), rect.y(), 1, rect.height(), theme.lineSoft)
        x = axis.x_of(event.time, rect.x(), rect.width())
        cause, stray = index.data(TraceRole.CAUSE_TIME), index.data(TraceRole.STRAY)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if stray == Stray.ORPHAN:
            # From somewhere that is not to be seen.
            painter.setPen(QPen(theme.gap.text, 2, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(max(x - _STUB, rect.x() + 1), middle), QPointF(x, middle))
        if cause is not None:
            begin = axis.x_of(cause, rect.x(), rect.width())
            # From the moment of its cause; one whose clock runs backwards is told by its colour.
            usual = theme.gap.text if stray == Stray.CIRCLE else theme.barSel
            painter.setPen(QPen(usual if x >= begin else theme.corrupted.text, 2))
            painter.drawLine(QPointF(begin, middle), QPointF(x, middle))
        draw_chip(painter, QPointF(x, middle), chip_for(event.event.event_type, theme), 9)
        if stray == Stray.CIRCLE:
            painter.setPen(QPen(theme.gap.text, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QPointF(x, middle), _RING, _RING)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


class TraceTreeView(DrawnTree):
    """Shows a `TraceTree`, all of it opened."""

    def __init__(self, model: TraceTree, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("traceTree")
        self.setAccessibleName("Events of the correlation")
        self.setModel(model)
        self.axis = TraceAxis(model)
        setup_tree(self)
        header = TraceHeader(self, self.axis)
        self.setHeader(header)
        self.setItemDelegate(TraceDelegate(self, self.axis))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAllColumnsShowFocus(True)
        self.setExpandsOnDoubleClick(False)
        header.setSectionsMovable(False)
        header.setSectionsClickable(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(60)
        model.modelReset.connect(self._fit_columns)
        self._fit_columns()
        theme_notifier().changed.connect(self.viewport().update)

    def _fit_columns(self) -> None:
        """Give places and durations, which are never shortened, the room they need, and most events and actors."""
        metrics, model = self.fontMetrics(), self.model()
        pending, texts = (
            [(QModelIndex(), 1)],
            {
                TraceTree.ACTOR: "shipment-1000 v0",
                TraceTree.PLACE: "#0,000",
                TraceTree.AFTER: "After cause00",
            },
        )
        events: dict[tuple[str, int], None] = {}
        while pending:
            parent, depth = pending.pop()
            for row in range(model.rowCount(parent)):
                index = model.index(row, 0, parent)
                pending.append((index, depth + 1))
                events[f"{index.data()}{index.data(TraceRole.STRAY) or ''}", depth] = None
                for column, longest in texts.items():
                    text = str(model.index(row, column, parent).data() or "")
                    texts[column] = max(longest, text, key=len)
        fitted = {column: metrics.horizontalAdvance(text) + 2 * _PADDING + 2 for column, text in texts.items()}
        widths = [metrics.horizontalAdvance(text) + depth * self.indentation() for text, depth in events]
        least, most = _EVENT_WIDTHS
        widest = max(widths, default=0) + CHIP_SIZE + 3 * _GAP + 6
        fitted[TraceTree.EVENT] = max(least, min(widest, most))
        fitted[TraceTree.ACTOR] = min(fitted[TraceTree.ACTOR], _MOST_ACTOR)
        header = self.header()
        assert isinstance(header, TableHeader)
        for column, width in fitted.items():
            if column not in header.dragged:
                header.resizeSection(column, width)

    def show_times(self, by_time: bool) -> None:
        """Lay the axis out by time, or one event after the other."""
        self.axis.by_time = by_time
        self.viewport().update()
        self.header().viewport().update()

    def _tint(self, index: Index, theme: Theme) -> QColor | None:
        return theme.corrupted.tint if index.data(TraceRole.DAMAGED) else None

    def _draw_cells(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect: QRect = option.rect
        header = self.header()
        first = self.visualRect(index)
        branch = QRect(first.x() - self.indentation(), rect.y(), self.indentation(), rect.height())
        self.drawBranches(painter, branch, index)
        for column in range(header.count()):
            left, size = header.sectionViewportPosition(column), header.sectionSize(column)
            if column == 0:
                left, size = first.x(), left + size - first.x()
            if size <= 0:
                continue
            cell = QStyleOptionViewItem(option)
            cell.rect = QRect(left, rect.y(), max(size, 0), rect.height())
            painter.save()
            painter.setClipRect(cell.rect)
            self.itemDelegate().paint(painter, cell, index.sibling(index.row(), column))
            painter.restore()
