"""The filter bar: a field for the document in front, how far its filter is, and filters used before."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy, QWidget

from aether_desktop.models.filter.document_filter import DocumentFilter, FilterState, FilterStatus
from aether_desktop.models.filter.filter_history import FilterHistory
from aether_desktop.numbers import number_text
from aether_desktop.ui.events.filter_edit import FilterEdit
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import IconLabel, LinkButton, icon_button
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import current_theme, grown, theme_notifier, ui_font

_RADIUS = 4.0
#: Least width of the field beside which the words on how far the search is are shown, in pixels.
_ROOM_FOR_WORDS = 430
_LONGEST_ENTRY = 80


class FilterBar(QWidget):
    """Shows the filter of a document; of none it can do nothing."""

    left = Signal()
    """The keyboard is wanted back in the document."""

    def __init__(self, history: FilterHistory, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._filter: DocumentFilter | None = None
        self._hint = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.edit = FilterEdit(self)
        self.edit.edited.connect(self._edited)
        self.edit.submitted.connect(self._submitted)
        self.edit.left.connect(self._leave)
        self.edit.focus_changed.connect(self._focus_changed)
        self.edit.completion_wanted.connect(self._complete)
        self.trouble = IconLabel("corrupted", "corrupted", parent=self)
        self.sign = IconLabel("check", "live", parent=self)
        self.words = QLabel(self)
        self.words.setObjectName("filterStatus")
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.action = LinkButton("Cancel", self)
        self.action.setObjectName("filterAction")
        self.action.clicked.connect(self._act)
        self.clear_button = icon_button("close", "Clear the filter", self)
        self.clear_button.clicked.connect(self._clear)
        self.star = icon_button("star", "Save this filter", self)
        self.star.setObjectName("filterStar")
        self.star.clicked.connect(self._toggle_saved)
        self.past = icon_button("clock", "Saved and recent filters", self)
        self.past.setObjectName("filterHistory")
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.past.clicked.connect(self._show_menu)
        self.reason = FilterReason(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 2, 0)
        row.setSpacing(4)
        row.addWidget(IconLabel("filter", parent=self))
        row.addSpacing(2)
        row.addWidget(self.edit, 1)
        for widget in (
            self.trouble, self.sign, self.words, self.action, self.clear_button, self.star, self.past
        ):  # fmt: skip
            row.addWidget(widget)
        history.changed.connect(self._show)
        self._reload()
        theme_notifier().changed.connect(self._reload)
        self.show_filter(None, "")

    def _reload(self) -> None:
        self.setFixedHeight(grown(28))
        self.words.setFont(ui_font(-1))
        self._show()

    def sizeHint(self) -> QSize:
        """Take what there is."""
        return QSize(480, self.height())

    # -- what is shown

    def show_filter(self, document_filter: DocumentFilter | None, hint: str) -> None:
        """Show and change the filter of another document; `hint` is an example for what it holds."""
        if self._filter is not None:
            self._filter.changed.disconnect(self._show)
            self._filter.more_known.disconnect(self.edit.ask_again)
        self._filter = document_filter
        self._hint = hint
        if document_filter is not None:
            document_filter.changed.connect(self._show)
            document_filter.more_known.connect(self.edit.ask_again)
            if self.edit.hasFocus():
                document_filter.prepare()
        self.edit.set_hint(hint)
        self.edit.setAccessibleDescription(hint)
        self.setEnabled(document_filter is not None)
        self._show()

    @property
    def filter(self) -> DocumentFilter | None:
        """The filter that is shown."""
        return self._filter

    def _show(self) -> None:
        current = self._filter
        text = current.text if current is not None else ""
        self.edit.show_text(text)
        self.edit.highlighter.show_filter(current.typed if current is not None else None)
        status = current.status if current is not None else FilterStatus()
        problems = current.problems if current is not None else ()
        said = " ".join(visible(problem.reason) for problem in problems)
        self.trouble.setVisible(bool(problems))
        self.trouble.setToolTip(said)
        roomy = self.width() >= _ROOM_FOR_WORDS
        unit = current.unit if current is not None else "events"
        words = status_words(status, unit, outdated=current is not None and current.is_outdated)
        self.words.setVisible(bool(words) and roomy)
        self.words.setText(words)
        self.sign.setVisible(status.state is FilterState.DONE and not problems and roomy)
        offer = {
            FilterState.SEARCHING: "Cancel",
            FilterState.CANCELLED: "Search on",
            FilterState.FAILED: "Try again",
        }.get(status.state, "")
        self.action.setVisible(bool(offer))
        if self.action.text() != offer:
            self.action.set_text(offer)
        self.clear_button.setVisible(bool(text))
        saved = self._history.is_saved(text)
        self.star.setEnabled(bool(text.strip()) and not problems)
        self.star.setIcon(icon("star-filled" if saved else "star", "accent" if saved else "text2"))
        self.star.setToolTip("Saved; click to keep it no longer" if saved else "Save this filter")
        self.star.setAccessibleName("Unsave this filter" if saved else "Save this filter")
        self.edit.setToolTip(said or f"{self._hint} (Ctrl+F)")
        self.reason.say(said, "The rows are those of the previous filter." if said and words else "")
        self.update()

    # -- what the user does

    def take_keyboard(self) -> None:
        """Put the keyboard into the field."""
        self.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.edit.selectAll()

    def _edited(self, text: str) -> None:
        if self._filter is not None:
            self._filter.set_text(text)

    def _submitted(self, text: str) -> None:
        if self._filter is not None:
            self._filter.set_text(text, at_once=True)
            self._remember()

    def _leave(self) -> None:
        self._remember()
        self.left.emit()

    def _remember(self) -> None:
        if self._filter is not None and self._filter.is_valid:
            self._history.remember(self._filter.text)

    def _clear(self) -> None:
        if self._filter is not None:
            self._filter.clear()

    def _act(self) -> None:
        current = self._filter
        if current is None:
            return
        if current.status.state is FilterState.SEARCHING:
            current.cancel()
        else:
            current.go_on()

    def _toggle_saved(self) -> None:
        if self._filter is None:
            return
        text = self._filter.text
        if self._history.is_saved(text):
            self._history.unsave(text)
        else:
            self._history.save(text)

    def _complete(self, text: str, cursor: int, asked: bool) -> None:
        begun = bool(text[:cursor].strip()) and not text[:cursor].endswith(" ")
        found = self._filter.complete(text, cursor) if self._filter is not None and (asked or begun) else []
        # What stands there already needs no offer.
        self.edit.offer([each for each in found if each.text != text[each.start : each.end]])

    def _focus_changed(self, has_it: bool) -> None:
        if has_it and self._filter is not None:
            self._filter.prepare()
        if not has_it and not self.edit.popup_is_open:
            self._remember()
        self.update()

    def _show_menu(self) -> None:
        self.menu.popup(self.past.mapToGlobal(self.past.rect().bottomLeft()))

    def _fill_menu(self) -> None:
        self.menu.clear()
        for title, texts in (("Saved", self._history.saved), ("Recent", self._history.recent)):
            self.menu.addSection(title)
            for text in texts:
                self._add_entry(text)
            if not texts:
                self.menu.addAction("None yet").setEnabled(False)
        self.menu.addSeparator()
        forget = self.menu.addAction("Forget the recent ones", self._history.forget_recent)
        forget.setEnabled(bool(self._history.recent))

    def _add_entry(self, text: str) -> None:
        shown = text if len(text) <= _LONGEST_ENTRY else f"{text[: _LONGEST_ENTRY - 1]}…"
        action = self.menu.addAction(visible(shown).replace("&", "&&"))
        action.triggered.connect(lambda: self._use(text))

    def _use(self, text: str) -> None:
        self._submitted(text)

    # -- looks

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self.take_keyboard()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the field's frame around all of it."""
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        focused = self.edit.hasFocus()
        width = 2 if focused else 1
        wrong = self._filter is not None and not self._filter.is_valid
        color = theme.corrupted.text if wrong else theme.accent if focused else theme.lineStrong
        painter.setPen(QPen(color if self.isEnabled() else theme.line, width))
        painter.setBrush(theme.base if self.isEnabled() else theme.window)
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), _RADIUS, _RADIUS)
        painter.end()


class FilterReason(QFrame):
    """Why the text is no filter, just under the field, above whatever is there."""

    def __init__(self, bar: FilterBar) -> None:
        super().__init__(bar)
        self._bar = bar
        self.setAutoFillBackground(True)
        self.setFrameShape(QFrame.Shape.Box)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.label = QLabel(self)
        self.label.setObjectName("filterReason")
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.addWidget(self.label)
        self.hide()

    def say(self, reason: str, consequence: str) -> None:
        """Say this, or nothing."""
        self.setVisible(bool(reason) and self._bar.isVisible())
        if not reason:
            self.label.setText("")
            return
        theme = current_theme()
        palette = QPalette(self._bar.palette())
        palette.setColor(QPalette.ColorRole.Window, theme.corrupted.tint)
        palette.setColor(QPalette.ColorRole.WindowText, theme.corrupted.text)
        self.setPalette(palette)
        self.label.setPalette(palette)
        self.label.setFont(ui_font(-1))
        self.label.setText(f"{reason} {consequence}".strip())
        # In the window, so that it may reach over what is below the tool bar.
        window = self._bar.window()
        if self.parentWidget() is not window:
            self.setParent(window)
            self.setVisible(self._bar.isVisible())
        place = self._bar.mapTo(window, QPoint(0, self._bar.height() + 2))
        width = min(self._bar.width(), self.label.fontMetrics().horizontalAdvance(self.label.text()) + 24)
        self.setGeometry(place.x(), place.y(), width, self.heightForWidth(width))
        self.raise_()


def status_words(status: FilterStatus, unit: str = "events", *, outdated: bool = False) -> str:
    """How far a filter is, in the words of the bar."""
    searched = f"{number_text(status.searched)} of {number_text(status.total)} searched"
    match status.state:
        case FilterState.NONE:
            return ""
        case FilterState.DONE:
            words = f"{number_text(status.hits)} of {number_text(status.total)} {unit}"
        case FilterState.SEARCHING if status.is_checking:
            words = (
                f"{number_text(status.hits)} of {number_text(status.total)} events, "
                f"{number_text(status.checked)} checked for damage"
            )
        case FilterState.SEARCHING:
            left = f", {time_left(status.seconds_left)}" if status.seconds_left is not None else ""
            words = f"{number_text(status.hits)} found, {searched}{left}"
        case FilterState.CANCELLED:
            words = f"{number_text(status.hits)} found, cancelled: {searched}"
        case FilterState.FAILED:
            words = f"{number_text(status.hits)} found, not all could be read: {searched}"
    return f"{words}, from the previous filter" if outdated else words


def time_left(seconds: float) -> str:
    """A guess of a time, no more exact than it is."""
    if seconds < 1:
        return "a moment left"
    if seconds < 90:
        return f"{seconds:.0f} s left"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min left"
    return f"{seconds / 3600:.0f} h left"
