"""Bytes in rows of offset, hexadecimal values and text. Only the rows in sight are drawn, at any size."""

from __future__ import annotations

import unicodedata
from typing import Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import current_theme, fixed_font, theme_notifier

Span = tuple[int, int]

_MARGIN: Final = 12
_HEX: Final = tuple(f"{value:02X}" for value in range(256))
_LINE_GAP: Final = 4


class HexView(QAbstractScrollArea):
    """The bytes of `set_raw`; sixteen a row, eight where the view is too narrow for that.

    The cursor is one byte; with Shift or the mouse a span of bytes is selected.
    """

    span_selected = Signal(object)
    """The bytes `(start, end)` the user has selected; of a cursor alone its one byte."""
    copy_requested = Signal(object)
    """A text to copy (str): the selected bytes as hexadecimal values."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName("Bytes in hexadecimal")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setCursor(Qt.CursorShape.IBeamCursor)
        self._raw = b""
        self._cursor = 0
        self._anchor = 0
        self._has_selection = False
        self._highlight: Span | None = None
        self._suspects: frozenset[int] = frozenset()
        # The byte that was asked for stays in sight, whatever size the view gets, until somebody scrolls.
        self._wanted: int | None = None
        self.verticalScrollBar().actionTriggered.connect(self._forget_wanted)
        self._columns = 16
        self._load_look()
        theme_notifier().changed.connect(self._load_look)

    # Content

    @property
    def raw(self) -> bytes:
        """The bytes that are shown."""
        return self._raw

    @property
    def columns(self) -> int:
        """Bytes in a row: 16, or 8 in a narrow view."""
        return self._columns

    def set_raw(self, raw: bytes) -> None:
        """Show other bytes from their beginning."""
        self._raw = raw
        self._cursor = self._anchor = 0
        self._has_selection = False
        self._highlight = None
        self._suspects = frozenset()
        self._wanted = None
        self._fit()
        self.verticalScrollBar().setValue(0)
        self.viewport().update()

    def highlight(self, span: Span | None, *, scroll: bool = True) -> None:
        """Mark the bytes `span`; None marks nothing."""
        self._highlight = span
        if span is not None:
            self._has_selection = False
            self._cursor = self._anchor = min(span[0], max(len(self._raw) - 1, 0))
            if scroll:
                self.scroll_to(span[0])
        self.viewport().update()

    def highlighted(self) -> Span | None:
        """The bytes that are marked."""
        return self._highlight

    def set_suspects(self, offsets: frozenset[int]) -> None:
        """Frame single bytes in the colour of damage."""
        self._suspects = offsets
        self.viewport().update()

    def suspects(self) -> frozenset[int]:
        """The bytes that are framed."""
        return self._suspects

    def selected_span(self) -> Span | None:
        """The bytes the user has selected, or None."""
        if not self._has_selection or not self._raw:
            return None
        low, high = sorted((self._anchor, self._cursor))
        return low, high + 1

    def cursor_offset(self) -> int:
        """The byte the cursor is on."""
        return self._cursor

    def select(self, start: int, end: int) -> None:
        """Select the bytes from `start` to before `end` and scroll to them."""
        if not self._raw or end <= start:
            return
        self._anchor, self._has_selection = start, True
        self._move_to(end - 1, keep_anchor=True)

    def scroll_to(self, offset: int) -> None:
        """Bring the row of a byte into view; it stays there when the view gets another size."""
        self._wanted = offset
        row = offset // self._columns
        bar = self.verticalScrollBar()
        if row < bar.value():
            bar.setValue(row)
        elif row >= bar.value() + self._whole_rows():
            bar.setValue(row - self._whole_rows() + 1)

    def hex_text(self) -> str:
        """The selected bytes (all, if none are) as hexadecimal values with spaces between."""
        low, high = self.selected_span() or (0, len(self._raw))
        return self._raw[low:high].hex(" ").upper()

    def byte_at(self, point: QPoint) -> int | None:
        """The offset of the byte drawn at a point of the viewport, in either column."""
        if not self._raw or point.y() < self._header_height:
            return None
        row = (point.y() - self._header_height) // self._line + self.verticalScrollBar().value()
        x = point.x() + self.horizontalScrollBar().value()
        for left, width in ((self._hex_left, self._hex_step), (self._text_left, self._char)):
            for column in range(self._columns):
                start = left + column * width + (self._char if left == self._hex_left and column >= 8 else 0)
                if start - width / 6 <= x < start + width * 5 / 6 + (width / 6 if left == self._text_left else 0):
                    offset = int(row) * self._columns + column
                    return offset if offset < len(self._raw) else None
        return None

    # Measures

    def _load_look(self) -> None:
        font = fixed_font()
        self.setFont(font)
        metrics = QFontMetricsF(font)
        self._char = metrics.horizontalAdvance("0")
        self._line = int(metrics.height() + _LINE_GAP + 0.5)
        self._ascent = metrics.ascent() + _LINE_GAP / 2
        self._header_height = self._line + 8
        self._fit()
        self.viewport().update()

    def _width_of(self, columns: int) -> float:
        groups = self._char if columns > 8 else 0
        return _MARGIN * 2 + self._char * (8 + 2 + columns * 3 + 2 + columns) + groups

    def _fit(self) -> None:
        self._columns = 16 if self._width_of(16) <= max(self.viewport().width(), 1) else 8
        self._hex_step = self._char * 3
        self._hex_left = _MARGIN + self._char * 10
        groups = self._char if self._columns > 8 else 0
        self._text_left = self._hex_left + self._hex_step * self._columns + groups + self._char * 1.5
        rows = -(-len(self._raw) // self._columns)
        bar = self.verticalScrollBar()
        first = bar.value()
        bar.setRange(0, max(0, rows - self._whole_rows()))
        bar.setPageStep(self._whole_rows())
        bar.setValue(first)
        sideways = self.horizontalScrollBar()
        sideways.setRange(0, max(0, int(self._width_of(self._columns)) - self.viewport().width()))
        sideways.setPageStep(self.viewport().width())
        sideways.setSingleStep(int(self._char))

    def _whole_rows(self) -> int:
        return max(1, (self.viewport().height() - self._header_height) // self._line)

    def sizeHint(self) -> QSize:
        """Return room for a row of sixteen bytes."""
        return QSize(int(self._width_of(16)) + 14, self._line * 16)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose the bytes in a row anew; the first byte in view stays."""
        first = self.verticalScrollBar().value() * self._columns
        super().resizeEvent(event)
        self._fit()
        self.verticalScrollBar().setValue(first // self._columns)
        if self._wanted is not None:
            self.scroll_to(self._wanted)

    def showEvent(self, event: QShowEvent) -> None:
        """Bring into view what was marked while nobody looked."""
        super().showEvent(event)
        wanted = self._wanted if self._highlight is None else self._highlight[0]
        if wanted is not None:
            self._fit()
            self.scroll_to(wanted)

    def _forget_wanted(self) -> None:
        self._wanted = None

    # Mouse and keyboard

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Put the cursor on a byte; with Shift select up to it."""
        offset = self.byte_at(event.position().toPoint())
        if offset is None or event.button() is not Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        self._move_to(offset, keep_anchor=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Select up to the byte under the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            offset = self.byte_at(event.position().toPoint())
            if offset is not None and offset != self._cursor:
                self._move_to(offset, keep_anchor=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the selection; there is nothing else to do."""
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the cursor byte by byte, by rows and pages; copy."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_requested.emit(self.hex_text())
            return
        if event.matches(QKeySequence.StandardKey.SelectAll):
            self.select(0, len(self._raw))
            return
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        row_start = self._cursor - self._cursor % self._columns
        targets = {
            Qt.Key.Key_Left: self._cursor - 1,
            Qt.Key.Key_Right: self._cursor + 1,
            Qt.Key.Key_Up: self._cursor - self._columns,
            Qt.Key.Key_Down: self._cursor + self._columns,
            Qt.Key.Key_PageUp: self._cursor - self._columns * self._whole_rows(),
            Qt.Key.Key_PageDown: self._cursor + self._columns * self._whole_rows(),
            Qt.Key.Key_Home: 0 if control else row_start,
            Qt.Key.Key_End: len(self._raw) - 1 if control else row_start + self._columns - 1,
        }
        target = targets.get(Qt.Key(event.key()))
        if target is None or (control and event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)):
            super().keyPressEvent(event)
            return
        self._move_to(target, keep_anchor=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def _move_to(self, offset: int, *, keep_anchor: bool) -> None:
        if not self._raw:
            return
        self._cursor = max(0, min(offset, len(self._raw) - 1))
        if keep_anchor:
            self._has_selection = True
        else:
            self._anchor = self._cursor
            self._has_selection = False
        self._highlight = None
        self.scroll_to(self._cursor)
        self.viewport().update()
        self.span_selected.emit(self.selected_span() or (self._cursor, self._cursor + 1))

    # Drawing

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the header and the rows in sight."""
        theme = current_theme()
        painter = QPainter(self.viewport())
        painter.setFont(self.font())
        painter.fillRect(self.viewport().rect(), theme.base)
        shift = -self.horizontalScrollBar().value()
        first = self.verticalScrollBar().value()
        rows = self._whole_rows() + 1
        for place in range(rows):
            offset = (first + place) * self._columns
            if offset >= len(self._raw):
                break
            self._paint_row(painter, shift, self._header_height + place * self._line, offset)
        self._paint_header(painter, shift)
        painter.end()

    def _paint_header(self, painter: QPainter, shift: int) -> None:
        theme = current_theme()
        width, height = self.viewport().width(), self._header_height
        painter.fillRect(0, 0, width, height, theme.base)
        base = int(self._ascent + 3)
        painter.setPen(theme.text2)
        painter.drawText(int(shift + _MARGIN), base, "Offset")
        for column in range(self._columns):
            painter.drawText(int(shift + self._hex_x(column)), base, _HEX[column])
        painter.drawText(int(shift + self._text_left), base, "Text (UTF-8)" if self._columns > 8 else "Text")
        painter.fillRect(0, height - 3, width, 1, theme.line)
        painter.fillRect(int(shift + self._text_left - self._char), 0, 1, self.viewport().height(), theme.lineSoft)

    def _hex_x(self, column: int) -> float:
        return self._hex_left + column * self._hex_step + (self._char if column >= 8 else 0)

    def _paint_row(self, painter: QPainter, shift: int, top: int, offset: int) -> None:
        theme = current_theme()
        piece = self._raw[offset : offset + self._columns]
        base = int(top + self._ascent)
        self._paint_spans(painter, shift, top, offset, len(piece))
        painter.setPen(theme.text3)
        painter.drawText(int(shift + _MARGIN), base, f"{offset:08X}")
        painter.setPen(theme.text)
        for start, columns in ((0, piece[:8]), (8, piece[8:])):
            if columns:
                painter.drawText(int(shift + self._hex_x(start)), base, columns.hex(" ").upper())
        for column, (text, is_text) in enumerate(self._characters(offset, piece)):
            if text:
                painter.setPen(theme.text if is_text else theme.text3)
                painter.drawText(int(shift + self._text_left + column * self._char), base, text)
        for suspect in self._suspects:
            if offset <= suspect < offset + len(piece):
                column = suspect - offset
                painter.setPen(theme.corrupted.text)
                for left, width in (
                    (self._hex_x(column) - 2, self._char * 2 + 3),
                    (self._text_left + column * self._char - 1, self._char + 1),
                ):
                    painter.drawRect(QRect(int(shift + left), top + 1, int(width), self._line - 3))

    def _paint_spans(self, painter: QPainter, shift: int, top: int, offset: int, count: int) -> None:
        theme = current_theme()
        focused = self.hasFocus()
        selected = self.selected_span()
        tint = theme.sel if focused or self._highlight is not None else theme.selInactive
        span = selected or self._highlight
        if span is not None:
            low, high = max(span[0], offset), min(span[1], offset + count)
            if low < high:
                start, last = low - offset, high - offset - 1
                left = self._hex_x(start) - self._char / 2
                right = self._hex_x(last) + self._char * 2.5
                painter.fillRect(int(shift + left), top, int(right - left), self._line, tint)
                text = self._text_left + start * self._char
                painter.fillRect(int(shift + text), top, int((last - start + 1) * self._char), self._line, tint)
        if focused and offset <= self._cursor < offset + count:
            column = self._cursor - offset
            painter.setPen(theme.accent)
            left = self._hex_x(column) - 2
            painter.drawRect(QRect(int(shift + left), top, int(self._char * 2 + 3), self._line - 1))

    def _characters(self, offset: int, piece: bytes) -> list[tuple[str, bool]]:
        """What stands in the text column for each byte: a character at its first byte, a dot for what is none."""
        cells: list[tuple[str, bool]] = []
        for place in range(offset, offset + len(piece)):
            value = self._raw[place]
            if value < 0x80:
                cells.append((chr(value), True) if 0x20 <= value < 0x7F else ("·", False))
                continue
            if value & 0xC0 == 0x80 and self._is_inside_character(place):
                cells.append(("", True))
                continue
            character = self._character_at(place)
            cells.append((character, True) if character else ("·", False))
        return cells

    def _character_at(self, place: int) -> str:
        for length in (2, 3, 4):
            try:
                character = self._raw[place : place + length].decode("utf-8")
            except UnicodeDecodeError:
                continue
            # Signs that combine, turn the direction or show nothing would spoil the column.
            if len(character) != 1 or visible(character) != character or unicodedata.combining(character):
                return ""
            return character if unicodedata.bidirectional(character) not in ("R", "AL") else ""
        return ""

    def _is_inside_character(self, place: int) -> bool:
        for back in (1, 2, 3):
            if place >= back and self._raw[place - back] >= 0xC0:
                for length in (2, 3, 4):
                    try:
                        self._raw[place - back : place - back + length].decode("utf-8")
                    except UnicodeDecodeError:
                        continue
                    return length > back
                return False
        return False
