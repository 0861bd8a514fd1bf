"""What the append dialog shows when the version is taken: facts, both events, and four ways on.

Enter presses none of them: whoever has just typed an event must not decide by accident.
"""

from __future__ import annotations

from html import escape
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from aether_desktop.models.append.append_flow import AppendFlow
from aether_desktop.models.append.conflict_report import ConflictReport
from aether_desktop.ui.append.conflict_table import ConflictTable
from aether_desktop.ui.widgets.banner import FactText
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import IconLabel
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier
from aether_desktop.ui.widgets.theme_qss import restyle
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

_MARGIN: Final = 16


class DeliberateButton(QPushButton):
    """A button for pointer and space bar: some desktops press any focused button on Enter, not this one."""

    def __init__(self, text: str, icon_name: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setObjectName(name)
        self.setIcon(icon(icon_name))
        self.setIconSize(QSize(16, 16))
        self.setAutoDefault(False)
        self.setDefault(False)
        self.set_words(text)

    def set_words(self, text: str) -> None:
        """Show other words."""
        self.setText(text)
        self.setAccessibleName(text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Swallow Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()
            return
        super().keyPressEvent(event)


class _Number(QWidget):
    """A caption with a number in large digits under it."""

    def __init__(self, caption: str, role: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._caption = caption
        self._number = ToneLabel("", role, delta=7, semibold=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(ToneLabel(caption, "text2"))
        column.addWidget(self._number)

    def set_number(self, text: str, *, struck_out: bool = False) -> None:
        """Show a number, or one that does not hold any more."""
        self._number.set_text(text)
        self._number.set_struck_out(struck_out)
        self.setAccessibleName(f"{self._caption} {text}")

    def text(self) -> str:
        """Return the number."""
        return self._number.text()


class ConflictPanel(QWidget):
    """Shows a `ConflictReport` and hands the user's decision to the controller."""

    def __init__(self, controller: AppendFlow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("conflictPanel")
        self.setAccessibleName("Conflict")
        self.report: ConflictReport | None = None
        self._fact = ToneLabel("", "text", delta=1, semibold=True, elide=Qt.TextElideMode.ElideMiddle)
        self._explanation = FactText()
        self.attempted = _Number("Attempted", "conflict")
        self.current = _Number("Current", "text")
        self.next_free = _Number("Next free", "text")
        self._verdict = FactText()
        self.table = ConflictTable()
        self._amount = ToneLabel("", "text2")
        self._amount_surface = Surface("base", top="line")
        amount = QHBoxLayout(self._amount_surface)
        amount.setContentsMargins(_MARGIN, 6, _MARGIN, 6)
        amount.addWidget(self._amount)
        self._rebase_text = QLabel()
        self._caution = ToneLabel("", "gap", semibold=True)
        self.discard_button = DeliberateButton("Discard", "trash", "conflictDiscard")
        self.edit_button = DeliberateButton("Edit", "pencil", "conflictEdit")
        self._refusal = ToneLabel("", "text2")
        self.duplicate_button = DeliberateButton("It is a duplicate: done", "check", "conflictDuplicate")
        self.rebase_button = DeliberateButton("Rebase and append", "rebase", "conflictRebase")

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self._head(), self._verdict_line()):
            column.addWidget(part)
        column.addWidget(self.table, 1)
        self._rebase_line = self._rebase_surface()
        for part in (self._amount_surface, self._rebase_line, self._buttons()):
            column.addWidget(part)

        self.discard_button.clicked.connect(controller.discard)
        self.edit_button.clicked.connect(controller.edit)
        self.duplicate_button.clicked.connect(controller.mark_duplicate_done)
        self.rebase_button.clicked.connect(controller.rebase)
        theme_notifier().changed.connect(self._reload)
        self._reload()

    def set_report(self, report: ConflictReport) -> None:
        """Show a conflict and offer what can be done about it."""
        self.report = report
        self._fact.set_text(report.fact)
        self._explanation.set_text("", report.explanation)
        self.attempted.set_number(str(report.attempted), struck_out=True)
        self.current.set_number(str(report.current))
        self.next_free.set_number("none" if report.next_free is None else str(report.next_free))
        self._verdict.set_text(report.verdict, report.reason)
        self.table.set_report(report)
        self._amount.set_text(_amount(report))
        self._amount_surface.setVisible(bool(self._amount.text()))
        self._rebase_line.setVisible(not report.rebase_refusal)
        # Markup, and safe: of what is from outside, nothing is taken for it.
        before, change, after = (escape(visible(part)) for part in report.rebase_explanation)
        self._rebase_text.setText(f"{before}<b>{change}</b>{after}")
        self._caution.set_text(report.caution)
        self.setAccessibleDescription(f"{self.fact} {visible(report.verdict)} {visible(report.reason)}")
        self.set_waiting(False)

    def set_waiting(self, waiting: bool) -> None:
        """Take no decision while the one before is being carried out."""
        report = self.report
        if report is None:
            return
        duplicate = report.is_duplicate
        self.discard_button.setEnabled(not waiting)
        self.edit_button.setEnabled(not waiting)
        self.duplicate_button.setEnabled(not waiting and not report.duplicate_refusal)
        self.rebase_button.setEnabled(not waiting and not report.rebase_refusal)
        if waiting:
            self._refusal.set_text("Appending…")
        else:
            reasons = (report.duplicate_refusal, report.rebase_refusal)
            self._refusal.set_text("; ".join(reason for reason in reasons if reason))
        self.rebase_button.set_words(report.rebase_words)
        for button, is_primary in ((self.duplicate_button, duplicate), (self.rebase_button, not duplicate)):
            button.setProperty("primary", is_primary)
            button.setAccessibleDescription(self._refusal.text() if not button.isEnabled() else "")
            restyle(button)
        self._reload()

    @property
    def fact(self) -> str:
        """The first line, as shown."""
        return self._fact.text()

    @property
    def explanation(self) -> str:
        """The second line, as shown."""
        return self._explanation.plain_text()

    @property
    def verdict(self) -> str:
        """Whose event it is and why, as shown."""
        return self._verdict.plain_text()

    @property
    def refusal(self) -> str:
        """Why a button is disabled, as shown beside it."""
        return self._refusal.text()

    def _head(self) -> QWidget:
        surface = Surface("conflict", top="conflict", bottom="line")
        row = QHBoxLayout(surface)
        row.setContentsMargins(_MARGIN, 10, _MARGIN, 10)
        row.setSpacing(12)
        row.addWidget(IconLabel("conflict", "conflict", 20))
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self._fact)
        words.addWidget(self._explanation)
        row.addLayout(words, 1)
        for number in (self.attempted, self.current, self.next_free):
            row.addSpacing(24)
            row.addWidget(number)
        row.addSpacing(24)
        return surface

    def _verdict_line(self) -> QWidget:
        surface = Surface("base", bottom="line")
        row = QHBoxLayout(surface)
        row.setContentsMargins(_MARGIN, 7, _MARGIN, 7)
        row.setSpacing(8)
        row.addWidget(IconLabel("info", "text2", 16))
        row.addWidget(self._verdict, 1)
        return surface

    def _rebase_surface(self) -> QWidget:
        surface = Surface("base", top="line")
        self._rebase_text.setTextFormat(Qt.TextFormat.RichText)
        self._rebase_text.setWordWrap(True)
        row = QHBoxLayout(surface)
        row.setContentsMargins(_MARGIN, 8, _MARGIN, 8)
        row.setSpacing(8)
        row.addWidget(IconLabel("rebase", "text2", 16))
        row.addWidget(self._rebase_text, 1)
        row.addWidget(self._caution)
        return surface

    def _buttons(self) -> QWidget:
        surface = Surface("window", top="line")
        row = QHBoxLayout(surface)
        row.setContentsMargins(_MARGIN, 10, _MARGIN, 12)
        row.setSpacing(8)
        row.addWidget(self.discard_button)
        row.addWidget(self.edit_button)
        row.addStretch(1)
        row.addWidget(self._refusal)
        row.addWidget(self.duplicate_button)
        row.addWidget(self.rebase_button)
        return surface

    def _reload(self) -> None:
        palette = self._rebase_text.palette()
        palette.setColor(self._rebase_text.foregroundRole(), current_theme().text2)
        self._rebase_text.setPalette(palette)
        for button, name in ((self.duplicate_button, "check"), (self.rebase_button, "rebase")):
            button.setIcon(icon(name, "onAccent" if button.property("primary") else "text2"))


def _amount(report: ConflictReport) -> str:
    """What of the events and fields is not in the table; nothing when all of it is."""
    parts: list[str] = []
    shown, total = len(report.landed.shown), report.landed.total
    if shown < total:
        parts.append(f"{shown:,} of {report.landed.total_text} stored events shown")
    rows = len(report.shown_rows)
    if rows < len(report.rows):
        parts.append(f"{rows:,} of {len(report.rows):,} fields shown")
    return "; ".join(parts)
