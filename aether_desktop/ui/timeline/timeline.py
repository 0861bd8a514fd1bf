"""The timeline under a table: one widget that draws bars over time or an actor's versions.

Hover says what a bar is; a click goes to its first event; a drag chooses a range. The arrow keys do the same: left
and right move from bar to bar, Shift chooses a range, Enter goes there or filters, Escape takes the range back.
"""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from aether_desktop.ui.widgets.safe_text import TOOLTIP_LIMIT, plain_tooltip, short, visible
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier, ui_font

#: Height of what is drawn above the axis, in pixels.
PLOT_HEIGHT = 104
RIGHT = 16
TOP = 6
#: Width of the column at the left that says what is drawn, where there is room and where there is little.
LEFT_WIDE, LEFT_NARROW = 150, 84
_WIDE = 520
#: A press that moves less than this, in pixels, is a click.
_DRAG = 4


class Drawing:
    """What a timeline shows: places side by side, each a bar or a version."""

    #: Whether a range of places can be chosen.
    takes_ranges = True

    def left(self, width: int) -> int:
        """Width of the column at the left of a widget, in pixels."""
        return LEFT_WIDE if width >= _WIDE else LEFT_NARROW

    @property
    @abstractmethod
    def places(self) -> int:
        """How many there are."""

    @abstractmethod
    def paint(self, painter: QPainter, widget: QRect, area: QRectF) -> None:
        """Draw everything but what is hovered, chosen and focused."""

    def paint_ground(self, painter: QPainter, area: QRectF) -> None:
        """Draw what lies behind the places."""

    @abstractmethod
    def words(self, place: int) -> str:
        """What a place is, in words with numbers."""

    def range_words(self, first: int, last: int) -> str:
        """What the places from the first to the last are together."""
        return ""

    def margin_words(self, point: QPoint, area: QRectF) -> str:
        """What there is to say about a point beside the places."""
        return ""

    def margin_clicked(self, point: QPoint, area: QRectF) -> int:
        """The sequence of the event that a point beside the places stands for, 0 without one."""
        return 0


class _Nothing(Drawing):
    @property
    def places(self) -> int:
        return 0

    def paint(self, painter: QPainter, widget: QRect, area: QRectF) -> None:
        """Draw nothing."""

    def words(self, place: int) -> str:
        return ""


class Timeline(QWidget):
    """Draws a `Drawing` in one paint event, and turns mouse and keys into places."""

    place_chosen = Signal(int)
    """Go to the first event of a place."""
    range_chosen = Signal(int, int)
    """Show the events of the places from the first to the last."""
    range_cleared = Signal()
    sequence_chosen = Signal(object)
    """Go to an event that stands beside the places."""
    resized = Signal()
    """There is more or less room."""
    hinted = Signal(str)
    """What is hovered, pointed at or being chosen; empty when nothing is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._drawing: Drawing = _Nothing()
        self._summary = ""
        # What to show when no range is being chosen any more.
        self._next: tuple[Drawing, str] | None = None
        self._hovered = -1
        self._cursor = -1
        self._anchor = -1
        # The place and point where the mouse was pressed.
        self._pressed: tuple[int, QPoint] | None = None
        self._dragging = False
        theme_notifier().changed.connect(self._reload)

    # -- what is shown

    @property
    def drawing(self) -> Drawing:
        return self._drawing

    def set_drawing(self, drawing: Drawing, summary: str) -> None:
        """Show another drawing; `summary` says in words what it comes to.

        While a range is being chosen the old one stays: its bars must not move away under the pointer.
        """
        if self._pressed is not None or self._anchor >= 0:
            self._next = (drawing, summary)
            return
        self._next = None
        self._drawing = drawing
        self._cursor = min(self._cursor, drawing.places - 1)
        self._summary = summary
        self._describe()
        self.update()

    @property
    def cursor_place(self) -> int:
        """The place that the keys are at, -1 before they were used."""
        return self._cursor

    @property
    def chosen_range(self) -> tuple[int, int] | None:
        """The places being chosen."""
        if self._anchor < 0 or self._cursor < 0:
            return None
        return min(self._anchor, self._cursor), max(self._anchor, self._cursor)

    def area(self) -> QRectF:
        """Where the places are."""
        left = self._drawing.left(self.width())
        return QRectF(left, TOP, max(1, self.width() - left - RIGHT), self._plot_height())

    def place_rect(self, place: int) -> QRectF:
        """Where one place is."""
        area = self.area()
        width = area.width() / max(self._drawing.places, 1)
        return QRectF(area.left() + place * width, area.top(), width, area.height())

    def place_at(self, x: float) -> int:
        """The place at an x, -1 beside them."""
        area, places = self.area(), self._drawing.places
        if not places or not area.left() <= x < area.right():
            return -1
        return min(int((x - area.left()) / area.width() * places), places - 1)

    def _plot_height(self) -> int:
        return PLOT_HEIGHT + max(0, QFontMetrics(ui_font(-1)).height() - 14) * 7

    def sizeHint(self) -> QSize:
        """Return room for plot and axis, growing with the font."""
        return QSize(400, TOP + self._plot_height() + QFontMetrics(ui_font(-1)).height() + 8)

    def minimumSizeHint(self) -> QSize:
        """Return a width in which bars can still be told apart."""
        return QSize(LEFT_NARROW + 120, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell that another number of places may fit."""
        super().resizeEvent(event)
        self.resized.emit()

    def _reload(self) -> None:
        self.updateGeometry()
        self.update()

    def _describe(self) -> None:
        words = self._drawing.words(self._cursor) if 0 <= self._cursor < self._drawing.places else ""
        description = visible(short(f"{self._summary} {words}".strip(), TOOLTIP_LIMIT), keep_lines=True)
        if description != self.accessibleDescription():
            self.setAccessibleDescription(description)

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw ground, range, places and what is hovered or has the keyboard."""
        theme = current_theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.base)
        area = self.area()
        self._drawing.paint_ground(painter, area)
        if 0 <= self._hovered < self._drawing.places and not self._dragging:
            painter.fillRect(self.place_rect(self._hovered), theme.hover)
        chosen = self.chosen_range
        if chosen is not None:
            first, last = self.place_rect(chosen[0]), self.place_rect(chosen[1])
            painter.fillRect(first.united(last), theme.sel)
        self._drawing.paint(painter, self.rect(), area)
        if chosen is not None:
            painter.setPen(theme.accent)
            for x in (first.left(), last.right() - 1):
                painter.drawLine(int(x), int(area.top()), int(x), int(area.bottom()))
        if self.hasFocus():
            self._paint_focus(painter, area)
        painter.end()

    def _paint_focus(self, painter: QPainter, area: QRectF) -> None:
        theme = current_theme()
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.accent, 2))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        if 0 <= self._cursor < self._drawing.places:
            painter.setPen(theme.accent)
            painter.drawRect(self.place_rect(self._cursor).toRect().adjusted(-1, -2, 0, 1))

    # -- mouse

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Hover, or go on choosing a range."""
        point = event.position().toPoint()
        if self._pressed is not None and self._drawing.takes_ranges:
            place, start = self._pressed
            if not self._dragging and abs(point.x() - start.x()) >= _DRAG:
                self._dragging = True
            if self._dragging:
                self._anchor, self._cursor = place, self._nearest(point.x())
                self._hint_range()
                self.update()
            return
        place = self.place_at(point.x())
        clickable = self._drawing.margin_clicked(point, self.area()) > 0
        self.setCursor(
            Qt.CursorShape.PointingHandCursor if place >= 0 or clickable else Qt.CursorShape.ArrowCursor
        )
        if place != self._hovered:
            self._hovered = place
            self.hinted.emit(self._drawing.words(place) if place >= 0 else "")
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a click or a range."""
        if event.button() is not Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        point = event.position().toPoint()
        place = self.place_at(point.x())
        if place >= 0:
            self._pressed = (place, point)
            self._anchor = -1
        else:
            sequence = self._drawing.margin_clicked(point, self.area())
            if sequence:
                self.sequence_chosen.emit(sequence)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a click by going there, a range by showing it."""
        pressed, self._pressed = self._pressed, None
        if pressed is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        if self._dragging:
            self._dragging = False
            self._choose()
        else:
            self._cursor = pressed[0]
            self._describe()
            self.update()
            self.place_chosen.emit(pressed[0])
        self._show_next()

    def leaveEvent(self, event: QEvent) -> None:
        """Hover no more."""
        super().leaveEvent(event)
        if self._hovered >= 0:
            self._hovered = -1
            self.hinted.emit("")
            self.update()

    def _nearest(self, x: float) -> int:
        area = self.area()
        return max(0, self.place_at(min(max(x, area.left()), area.right() - 1)))

    def event(self, event: QEvent) -> bool:
        """Say in a tooltip what is under the pointer, exactly."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            words = self.words_at(event.pos())
            if words:
                QToolTip.showText(event.globalPos(), plain_tooltip(words), self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)

    def words_at(self, point: QPoint) -> str:
        """What is under a point."""
        place = self.place_at(point.x())
        return self._drawing.words(place) if place >= 0 else self._drawing.margin_words(point, self.area())

    # -- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move among the places, choose, go there."""
        places = self._drawing.places
        moves = {
            Qt.Key.Key_Left: self._cursor - 1,
            Qt.Key.Key_Right: self._cursor + 1,
            Qt.Key.Key_PageUp: self._cursor - max(places // 10, 1),
            Qt.Key.Key_PageDown: self._cursor + max(places // 10, 1),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: places - 1,
        }
        key, extends = Qt.Key(event.key()), Qt.KeyboardModifier.ShiftModifier in event.modifiers()
        if places and key in moves and not event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self._move_to(max(0, min(moves[key], places - 1)), extends=extends and self._drawing.takes_ranges)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self._cursor >= 0:
            if self.chosen_range is not None:
                self._choose()
            else:
                self.place_chosen.emit(self._cursor)
        elif key == Qt.Key.Key_Escape:
            self._take_back()
        else:
            super().keyPressEvent(event)

    def _move_to(self, place: int, *, extends: bool) -> None:
        if not extends:
            self._anchor = -1
        elif self._anchor < 0:
            self._anchor = max(self._cursor, 0)
        self._cursor = place
        if self._anchor < 0:
            self._show_next()
        if self._anchor >= 0:
            self._hint_range()
        else:
            self.hinted.emit(self._drawing.words(place))
        self._describe()
        self.update()

    def _take_back(self) -> None:
        was_choosing = self._anchor >= 0
        self._anchor = -1
        self._dragging = False
        self._pressed = None
        self.hinted.emit("")
        self.update()
        self._show_next()
        if not was_choosing:
            self.range_cleared.emit()

    def _choose(self) -> None:
        chosen = self.chosen_range
        self._anchor = -1
        self.hinted.emit("")
        self.update()
        if chosen is not None:
            self.range_chosen.emit(*chosen)
        self._show_next()

    def _show_next(self) -> None:
        if self._next is not None:
            self.set_drawing(*self._next)

    def _hint_range(self) -> None:
        chosen = self.chosen_range
        if chosen is not None:
            self.hinted.emit(self._drawing.range_words(*chosen))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keys are; when they came by Tab, at the first place."""
        super().focusInEvent(event)
        if self._cursor < 0 and self._drawing.places and event.reason() is not Qt.FocusReason.MouseFocusReason:
            self._cursor = 0
            self._describe()
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Choose no more."""
        super().focusOutEvent(event)
        self._anchor = -1
        self.update()
        self._show_next()
