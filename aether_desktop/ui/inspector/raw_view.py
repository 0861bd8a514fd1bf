"""The bytes of a payload as text, exactly: control characters and bytes that are not UTF-8 stay visible.

Long texts come in blocks of a few kilobytes, the first 256 kB at once and the rest when asked for, in slices.
A place in the text and a byte of the payload are found from one another through the blocks.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QTextEdit, QWidget

from aether_desktop.models.inspector.tree_roles import written
from aether_desktop.ui.widgets.mime import mime_data
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import current_theme, fixed_font, theme_notifier

SHOWN_AT_ONCE: Final = 1 << 18
"""Bytes that are shown before the rest is asked for."""

_BLOCK: Final = 1 << 13
_SLICE: Final = 1 << 17
#: Lines that are added at once, however short they are.
_LINES: Final = 4000
#: Bytes up to which the text is coloured.
_COLOURED: Final = 1 << 16

_TOKENS: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*+")(?=\s*:)|(?P<string>"(?:[^"\\]|\\.)*+"?)'
    r"|(?P<number>-?\d[\d.eE+-]*)|(?P<literal>\b(?:true|false|null)\b)|(?P<mark>[{}\[\],:]+)"
)


def raw_text(raw: bytes) -> str:
    """The text that stands for `raw`: nothing hidden, nothing replaced without a sign."""
    return visible(written(raw))


def block_ends(raw: bytes) -> Iterator[tuple[int, int]]:
    """The pieces that `raw` is shown in: a line each, long lines in several; line feeds belong to no piece."""
    start = 0
    while start <= len(raw):
        limit = min(start + _BLOCK, len(raw))
        line_end = raw.find(b"\n", start, limit)
        if line_end >= 0:
            yield start, line_end
            start = line_end + 1
            continue
        if limit < len(raw) and raw[limit : limit + 1] == b"\n":
            yield start, limit
            start = limit + 1
            continue
        # A character is not cut in two.
        while limit < len(raw) and limit > start + _BLOCK - 4 and raw[limit] & 0xC0 == 0x80:
            limit -= 1
        yield start, limit
        if limit >= len(raw):
            return
        start = limit


def _units(text: str) -> int:
    """Length in UTF-16 units, which is what a text document counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class _Highlighter(QSyntaxHighlighter):
    """Colours JSON tokens of one block; strings that go over a block's end lose their colour there."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self.enabled = False
        self.load_look()

    def load_look(self) -> None:
        theme = current_theme()
        self._formats = {
            name: _format(color)
            for name, color in (
                ("key", theme.text),
                ("string", theme.string),
                ("number", theme.number),
                ("literal", theme.literal),
                ("mark", theme.text3),
            )
        }

    def highlightBlock(self, text: str) -> None:
        if not self.enabled:
            return
        ascii_only = text.isascii()
        for match in _TOKENS.finditer(text):
            start = match.start() if ascii_only else _units(text[: match.start()])
            self.setFormat(start, _units(match.group()), self._formats[match.lastgroup or "mark"])


def _format(color: QColor) -> QTextCharFormat:
    result = QTextCharFormat()
    result.setForeground(color)
    return result


class RawView(QPlainTextEdit):
    """Read-only text of the bytes given to `set_raw`, with one span of them highlighted."""

    span_selected = Signal(object)
    """The bytes `(start, end)` of the text the user has selected, or of the cursor; set by the user only."""
    shown_changed = Signal()
    """More of the bytes are shown than before, or others."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName("Raw bytes as text")
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUndoRedoEnabled(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(12)
        self._raw = b""
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._blocks: Iterator[tuple[int, int]] = iter(())
        self._shown = 0
        self._goal = 0
        self._span: tuple[int, int] | None = None
        self._fault: tuple[int, int] | None = None
        self._telling = True
        self._highlighter = _Highlighter(self.document())
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._add_slice)
        self.set_wrapped(True)
        self.selectionChanged.connect(self._tell)
        self.cursorPositionChanged.connect(self._tell)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    @property
    def raw(self) -> bytes:
        """The bytes that are shown."""
        return self._raw

    @property
    def shown_bytes(self) -> int:
        """How many of the bytes the text stands for so far."""
        return self._shown

    @property
    def is_whole(self) -> bool:
        """Whether all bytes are shown."""
        return self._shown >= len(self._raw)

    def set_raw(self, raw: bytes, *, fault: tuple[int, int] | None = None) -> None:
        """Show other bytes; those of `fault` are marked as being at fault."""
        self._fault = fault
        if raw is self._raw:
            self._mark()
            return
        self._timer.stop()
        self._telling = False
        self._raw = raw
        self._span = None
        self.setExtraSelections([])
        self._starts, self._ends = [], []
        self._blocks = block_ends(raw)
        self._shown = 0
        self._goal = SHOWN_AT_ONCE
        self._highlighter.enabled = len(raw) <= _COLOURED
        self.setPlainText("\n".join(self._next_texts(SHOWN_AT_ONCE)))
        self._mark()
        self._telling = True
        self.shown_changed.emit()

    def load_all(self) -> None:
        """Show the rest, slice by slice."""
        self._goal = len(self._raw)
        if not self.is_whole:
            self._timer.start()

    def set_wrapped(self, wrapped: bool) -> None:
        """Break long lines at the edge of the view, or scroll sideways."""
        self.setLineWrapMode(
            QPlainTextEdit.LineWrapMode.WidgetWidth if wrapped else QPlainTextEdit.LineWrapMode.NoWrap
        )
        self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere if wrapped else QTextOption.WrapMode.NoWrap)

    def is_wrapped(self) -> bool:
        """Whether long lines are broken."""
        return self.lineWrapMode() is QPlainTextEdit.LineWrapMode.WidgetWidth

    def highlight(self, span: tuple[int, int] | None, *, scroll: bool = True) -> None:
        """Mark the bytes `span` in the text, as far as they are shown; None marks nothing."""
        self._span = span
        self._mark()
        if span is not None and scroll and span[0] < self._shown:
            self._telling = False
            cursor = self.textCursor()
            cursor.setPosition(self.position_of(span[0]))
            self.setTextCursor(cursor)
            self.ensureCursorVisible()
            self._telling = True

    def highlighted(self) -> tuple[int, int] | None:
        """The bytes that are marked."""
        return self._span

    def position_of(self, offset: int) -> int:
        """The position in the text of the byte `offset`, or of the end of what is shown."""
        if not self._starts or offset >= self._shown:
            return max(0, self.document().characterCount() - 1)
        number = max(0, bisect_right(self._starts, offset) - 1)
        end = min(offset, self._ends[number])
        start = self._starts[number]
        # In the middle of a character counts as its beginning.
        while end > start and end < len(self._raw) and self._raw[end] & 0xC0 == 0x80 and offset - end < 3:
            end -= 1
        block = self.document().findBlockByNumber(number)
        return int(block.position()) + _units(raw_text(self._raw[start:end]))

    def offset_at(self, position: int) -> int:
        """The byte that the text at `position` stands for."""
        block = self.document().findBlock(position)
        number = block.blockNumber()
        if not 0 <= number < len(self._starts):
            return self._shown
        column = position - block.position()
        start, end = self._starts[number], self._ends[number]
        piece = self._raw[start:end]
        if piece.isascii() and piece.decode().isprintable():
            return min(start + column, end)
        low, high = 0, len(piece)
        while low < high:
            middle = (low + high + 1) // 2
            # Only whole characters can be measured.
            whole = middle
            while whole > 0 and whole < len(piece) and piece[whole] & 0xC0 == 0x80 and middle - whole < 3:
                whole -= 1
            if _units(raw_text(piece[:whole])) <= column:
                low = middle
            else:
                high = middle - 1
        while low > 0 and low < len(piece) and piece[low] & 0xC0 == 0x80:
            low -= 1
        return start + low

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Leave the menu to the inspector: the stock one copies signs in place of bytes."""
        event.ignore()

    def selected_span(self) -> tuple[int, int] | None:
        """The bytes the user has selected."""
        cursor = self.textCursor()
        if not cursor.hasSelection():
            return None
        return self.offset_at(cursor.selectionStart()), self.offset_at(cursor.selectionEnd())

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy what was selected as it is stored, not the signs that stand for it."""
        data = mime_data()
        span = self.selected_span()
        if span is not None:
            data.setText(written(self._raw[span[0] : span[1]]))
        return data

    def _next_texts(self, size: int) -> list[str]:
        texts: list[str] = []
        begun = self._shown
        for start, end in self._blocks:
            self._starts.append(start)
            self._ends.append(end)
            texts.append(raw_text(self._raw[start:end]))
            # The line feed behind a piece is shown with it.
            self._shown = min(end + (self._raw[end : end + 1] == b"\n"), len(self._raw))
            if self._shown - begun >= size or len(texts) >= _LINES:
                break
        else:
            self._shown = len(self._raw)
        return texts

    def _add_slice(self) -> None:
        texts = self._next_texts(_SLICE)
        if texts:
            self._telling = False
            cursor = QTextCursor(self.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText("\n" + "\n".join(texts))
            self._telling = True
        if self.is_whole:
            self._timer.stop()
        self._mark()
        self.shown_changed.emit()

    def _mark(self) -> None:
        theme = current_theme()
        marks = [(self._span, theme.sel, None), (self._fault, theme.corrupted.tint, theme.corrupted.text)]
        selections: list[QTextEdit.ExtraSelection] = []
        for span, background, foreground in marks:
            if span is None or span[0] >= self._shown:
                continue
            cursor = self.textCursor()
            cursor.setPosition(self.position_of(span[0]))
            cursor.setPosition(self.position_of(span[1]), QTextCursor.MoveMode.KeepAnchor)
            selection = QTextEdit.ExtraSelection()
            selection.format.setBackground(background)
            if foreground is not None:
                selection.format.setForeground(foreground)
            selection.cursor = cursor
            selections.append(selection)
        self.setExtraSelections(selections)

    def _tell(self) -> None:
        if not self._telling:
            return
        span = self.selected_span()
        if span is None:
            offset = self.offset_at(self.textCursor().position())
            span = (offset, offset)
        self.span_selected.emit(span)

    def _reload(self) -> None:
        self.setFont(fixed_font())
        self._highlighter.load_look()
        if self._highlighter.enabled:
            self._highlighter.rehighlight()
        self._mark()
