"""An editor for a JSON object: coloured while it is typed, with a line that says whether it is valid.

`text()` gives back exactly what was typed or pasted; Qt's own `toPlainText` turns no-break spaces into spaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QKeySequence,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QTextEdit, QWidget

from aether_desktop.models.inspector.typed_json import CheckedJson
from aether_desktop.ui.widgets.links import IconLabel
from aether_desktop.ui.widgets.theme import current_theme, fixed_font, theme_notifier
from aether_desktop.ui.widgets.tinted import ToneLabel

_TOKENS: Final = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<string>"(?:[^"\\]|\\.)*"?)|(?P<number>-?[0-9][0-9.eE+-]*)'
    r"|(?P<literal>\b(?:true|false|null)\b)|(?P<mark>[{}\[\],:]+)"
)
_COLOURED: Final = 20_000  # characters of one line; behind them a line would take too long to colour
_AT_ONCE: Final = 50_000  # characters up to which every keystroke is checked; longer texts wait for a pause
_PAUSE: Final = 200  # milliseconds
_ROLES: Final = {"key": "text", "string": "string", "number": "number", "literal": "literal", "mark": "text3"}


class JsonHighlighter(QSyntaxHighlighter):
    """Colours JSON line by line: in JSON no text goes beyond a line."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def highlightBlock(self, text: str) -> None:
        """Colour one line."""
        # Qt counts UTF-16 units, Python characters; they differ behind an emoji.
        wide = not text.isascii() and any(ord(character) > 0xFFFF for character in text)
        for match in _TOKENS.finditer(text[:_COLOURED]):
            start, length = match.start(), len(match.group())
            if wide:
                start, length = _units(text[:start]), _units(match.group())
            self.setFormat(start, length, self._formats[match.lastgroup or "mark"])

    def _reload(self) -> None:
        theme = current_theme()
        for name, role in _ROLES.items():
            form = QTextCharFormat()
            form.setForeground(theme.color(role))
            self._formats[name] = form
        self.rehighlight()


class JsonEditor(QPlainTextEdit):
    """Takes a JSON object; `check` judges its text. Tab leaves the editor, Enter keeps the indentation."""

    textEdited = Signal(str)
    """The text has changed: the new one."""
    checked = Signal(object)
    """The `CheckedJson` of the text."""

    def __init__(
        self, name: str, accessible_name: str, check: Callable[[str], CheckedJson], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(accessible_name)
        self.setProperty("field", True)
        self.setTabChangesFocus(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.document().setDocumentMargin(8)
        self._check = check
        self._text = ""
        self._highlighter = JsonHighlighter(self.document())
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._check_now)
        self.textChanged.connect(self._edited)
        self._reload()
        theme_notifier().changed.connect(self._reload)
        self._check_now()

    def text(self) -> str:
        """Return the text, character for character."""
        return self.document().toRawText().replace("\u2029", "\n")

    def sizeHint(self) -> QSize:
        """Room for seven lines; the layout gives more where there is more."""
        return QSize(320, self.fontMetrics().lineSpacing() * 7 + 24)

    def minimumSizeHint(self) -> QSize:
        """Room for four lines."""
        return QSize(200, self.fontMetrics().lineSpacing() * 4 + 24)

    def set_text(self, text: str) -> None:
        """Replace the text, unless it is already there."""
        if text != self.text():
            self.setPlainText(text)

    def place_cursor(self, at: int) -> None:
        """Put the cursor before the character `at`."""
        cursor = self.textCursor()
        cursor.setPosition(_units(self.text()[:at]))
        self.setTextCursor(cursor)

    def check_again(self) -> None:
        """Judge the same text anew, now."""
        self._check_now()

    def replace_text(self, text: str) -> None:
        """As `set_text`, and it can be undone."""
        if text != self.text():
            cursor = QTextCursor(self.document())
            cursor.select(QTextCursor.SelectionType.Document)
            cursor.insertText(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Make every Enter a plain line feed (Shift+Enter would type U+2028) and keep the indentation."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        plain = not event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        if is_enter and plain and not self.isReadOnly():
            before = self.textCursor().block().text()[: self.textCursor().positionInBlock()]
            indent = before[: len(before) - len(before.lstrip(" "))]
            deeper = "  " if before.rstrip().endswith(("{", "[")) else ""
            cursor = self.textCursor()
            cursor.beginEditBlock()
            cursor.insertBlock()
            cursor.insertText(indent + deeper)
            cursor.endEditBlock()
            self.setTextCursor(cursor)
            self.ensureCursorVisible()
            event.accept()
            return
        if event.matches(QKeySequence.StandardKey.InsertLineSeparator):
            event.accept()
            return
        super().keyPressEvent(event)

    def _edited(self) -> None:
        # Colouring is a change for Qt too, with the same text.
        text = self.text()
        if text == self._text:
            return
        self._text = text
        self.textEdited.emit(text)
        if len(text) <= _AT_ONCE:
            self._check_now()
        else:
            self._pause.start()

    def _check_now(self) -> None:
        self._pause.stop()
        result = self._check(self.text())
        self.setExtraSelections(self._wave(result))
        self.checked.emit(result)

    def _wave(self, result: CheckedJson) -> list[QTextEdit.ExtraSelection]:
        if result.problem is None:
            return []
        text = self.text()
        at = min(result.problem.offset, max(len(text) - 1, 0))
        cursor = QTextCursor(self.document())
        cursor.setPosition(_units(text[:at]))
        cursor.movePosition(QTextCursor.MoveOperation.NextCharacter, QTextCursor.MoveMode.KeepAnchor)
        selection = QTextEdit.ExtraSelection()
        form = QTextCharFormat()
        form.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        form.setUnderlineColor(QColor(current_theme().corrupted.text))
        # The stubs miss the two attributes of this structure.
        selection.cursor = cursor
        selection.format = form
        return [selection]

    def _reload(self) -> None:
        font = fixed_font()
        self.setFont(font)
        self.setTabStopDistance(QFontMetricsF(font).horizontalAdvance("0") * 2)


class JsonStatus(QWidget):
    """✓ and what is valid, or what is wrong and where, or what is legal and perhaps not meant."""

    def __init__(self, name: str, valid_words: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._valid_words = valid_words
        self._icon = IconLabel("check", "live", 16)
        self._words = ToneLabel(valid_words, "text2", elide=Qt.TextElideMode.ElideRight)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addStretch(1)
        row.addWidget(self._icon)
        row.addWidget(self._words)

    def set_valid_words(self, words: str) -> None:
        """Say something else of what is valid, from the next check on."""
        self._valid_words = words

    def show_check(self, result: CheckedJson) -> None:
        """Say what the check has found."""
        if result.problem is not None:
            self._say("corrupted", "corrupted", str(result.problem))
        elif result.warnings:
            self._say("warning", "gap", "; ".join(result.warnings))
        else:
            self._say("check", "live", self._valid_words, "text2")

    def show_nothing(self, words: str) -> None:
        """Say that there is nothing yet to be checked."""
        self._say("info", "text3", words, "text2")

    def text(self) -> str:
        """Return what is said."""
        return self._words.text()

    def _say(self, icon: str, role: str, words: str, text_role: str = "") -> None:
        self._icon.set_icon(icon, role)
        self._words.set_text(words, text_role or role)
        self.setAccessibleName(self._words.text())


def _units(text: str) -> int:
    """The length of `text` as Qt counts it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
