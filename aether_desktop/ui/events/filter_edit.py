"""The one-line editor of a filter: terms that are none are waved under, and what could follow is offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QResizeEvent,
    QStandardItem,
    QStandardItemModel,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QCompleter, QListView, QPlainTextEdit, QWidget

from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import current_theme, fixed_font, theme_notifier

if TYPE_CHECKING:
    from aether_engine.query import Completion, EventFilter

_COMPLETION = Qt.ItemDataRole.UserRole + 1
_SHOWN_COMPLETIONS = 12
_CONTROL = Qt.KeyboardModifier.ControlModifier
#: Where nothing was asked: before any text.
_NOWHERE = ("", -1)
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


def _units(text: str) -> int:
    """The length of `text` as Qt counts it: characters beyond the first plane are two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class FilterHighlighter(QSyntaxHighlighter):
    """Keys in a quieter colour, and a wave under what is no term."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._filter: EventFilter | None = None

    def show_filter(self, event_filter: EventFilter | None) -> None:
        """Mark the text as this filter, which was made of it, says."""
        self._filter = event_filter
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        """Mark the line."""
        event_filter, theme = self._filter, current_theme()
        if event_filter is None or event_filter.text != text:
            return
        key = QTextCharFormat()
        key.setForeground(theme.text2)
        for term in event_filter.terms:
            end = text.find(":", term.start, term.end) + 1 if term.key else term.start
            self._mark(text, term.start, max(end, term.start + term.is_negated), key)
        wrong = QTextCharFormat()
        wrong.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        wrong.setUnderlineColor(theme.corrupted.text)
        wrong.setForeground(theme.corrupted.text)
        for problem in event_filter.problems:
            self._mark(text, problem.start, problem.end, wrong)

    def _mark(self, text: str, start: int, end: int, look: QTextCharFormat) -> None:
        if end > start:
            self.setFormat(_units(text[:start]), _units(text[start:end]), look)


class FilterEdit(QPlainTextEdit):
    """Takes one line. Tab leaves it, Enter submits, Escape goes back to the table, Ctrl+Space completes."""

    edited = Signal(str)
    """The user changed the text."""
    submitted = Signal(str)
    left = Signal()
    """Escape was pressed."""
    focus_changed = Signal(bool)
    completion_wanted = Signal(str, int, bool)
    """What could follow in this text at this place (of characters); True if it was asked for by key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filterBar")
        self.setAccessibleName("Filter")
        self.setTabChangesFocus(True)
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setWordWrapMode(QTextOption.WrapMode.NoWrap)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUndoRedoEnabled(True)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.highlighter = FilterHighlighter(self.document())
        self._said = self._hint = ""
        self._asked_at = _NOWHERE
        self._offered = QStandardItemModel(0, 1, self)
        self._completer = QCompleter(self._offered, self)
        self._completer.setWidget(self)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setMaxVisibleItems(_SHOWN_COMPLETIONS)
        self._popup = QListView()
        self._popup.setAccessibleName("Completions of the filter")
        self._popup.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self._completer.setPopup(self._popup)
        self._completer.activated[QModelIndex].connect(self._insert)  # type: ignore[index]  # of two, by type
        self.textChanged.connect(self._text_changed)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def _reload(self) -> None:
        self.setFont(fixed_font())
        self.setFixedHeight(self.fontMetrics().height() + 2)
        self.highlighter.rehighlight()

    def sizeHint(self) -> QSize:
        """Take what there is."""
        return QSize(240, self.height())

    def minimumSizeHint(self) -> QSize:
        """Need little: a narrow window shortens the filter before anything else."""
        return QSize(60, self.height())

    def set_hint(self, hint: str) -> None:
        """What to type, where nothing is; as much of it as has room in one line."""
        self._hint = hint
        self._show_hint()

    def _show_hint(self) -> None:
        elide = Qt.TextElideMode.ElideRight
        self.setPlaceholderText(self.fontMetrics().elidedText(self._hint, elide, self.viewport().width() - 4))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt would wrap a hint that is too long."""
        super().resizeEvent(event)
        self._show_hint()

    # -- text

    def show_text(self, text: str) -> None:
        """Show a filter that was not typed here."""
        if text != self.toPlainText():
            self._said = text
            self.setPlainText(text)
            self.moveCursor(QTextCursor.MoveOperation.End)

    def _text_changed(self) -> None:
        # A highlighter's marks are changes of the text to Qt too.
        text = self.toPlainText()
        if text != self._said:
            self._said = text
            self.edited.emit(text)
            if self.hasFocus():
                self._ask_for_completion(asked=False)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste as one line."""
        self.insertPlainText(" ".join(source.text().split("\n")).replace("\r", ""))

    # -- completion

    @property
    def popup_is_open(self) -> bool:
        """Whether completions are on offer."""
        return self._popup.isVisible()

    def offer(self, completions: Sequence[Completion]) -> None:
        """Offer these, or nothing."""
        self._offered.clear()
        for completion in completions:
            shown = visible(completion.text)
            item = QStandardItem(f"{shown}    {visible(completion.hint)}" if completion.hint else shown)
            item.setData(completion, _COMPLETION)
            self._offered.appendRow(item)
        popup = self._popup
        if not completions:
            popup.hide()
            return
        popup.setFont(fixed_font(-1))
        place = self.cursorRect()
        place.setWidth(max(popup.sizeHintForColumn(0), 160) + popup.verticalScrollBar().sizeHint().width() + 8)
        place.translate(0, 6)
        self._completer.complete(place)

    def take_no_offer(self) -> None:
        """Until something is typed again: who has submitted or left wants none of what is found only now."""
        self._asked_at = _NOWHERE
        self._popup.hide()

    def ask_again(self) -> None:
        """What could follow is asked anew, if nothing was typed since it was asked last."""
        has_keyboard = self.hasFocus() or self.popup_is_open
        if has_keyboard and self._asked_at == (self.toPlainText(), self.textCursor().position()):
            self._ask_for_completion(asked=False)

    def _ask_for_completion(self, *, asked: bool) -> None:
        text = self.toPlainText()
        self._asked_at = (text, self.textCursor().position())
        before = text.encode("utf-16-le", "surrogatepass")[: 2 * self.textCursor().position()]
        self.completion_wanted.emit(text, len(before.decode("utf-16-le", "surrogatepass")), asked)

    def _insert(self, index: QModelIndex) -> None:
        completion: Completion | None = index.data(_COMPLETION)
        if completion is None:
            return
        text = self.toPlainText()
        cursor = self.textCursor()
        cursor.setPosition(_units(text[: completion.start]))
        cursor.setPosition(_units(text[: completion.end]), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(completion.text)
        self.setTextCursor(cursor)

    # -- keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self.popup_is_open and key in (*_ENTER, Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            # The popup takes them: it inserts what is chosen, or closes. Its first row is the current one from the
            # start, and nobody has chosen that.
            if key in _ENTER and not self._popup.selectionModel().hasSelection():
                self._popup.hide()
            else:
                event.ignore()
                return
        if key in _ENTER:
            self.take_no_offer()
            self.submitted.emit(self.toPlainText())
        elif key == Qt.Key.Key_Escape:
            self.take_no_offer()
            # An inactive window is not told of its losing the keyboard.
            self._popup_stands_for(None)
            self.left.emit()
        elif (
            key == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ) or key == Qt.Key.Key_Down:
            self._ask_for_completion(asked=True)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._popup_stands_for(self)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self._popup_stands_for(None)
        self.focus_changed.emit(False)

    def _popup_stands_for(self, field: QWidget | None) -> None:
        """Say whose the keyboard is while the popup has it.

        A window system may say late that the popup was the active window. If it still stood for the field, that
        would take the keyboard back from where it was put.
        """
        self._popup.setFocusProxy(field)  # type: ignore[arg-type]  # Qt takes none
