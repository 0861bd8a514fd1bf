"""What the dialogs have in common that append one event or a batch: the conflict panel, failures, and closing.

They are opened with `open()`. What was typed stays until the user says otherwise: an error, a conflict or Escape
never takes it away.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from aether_desktop.models.append.append_flow import EDITABLE, AppendFlow, AppendState
from aether_desktop.models.append.conflict_report import ConflictReport
from aether_desktop.ui.append.append_failure import FailureBanner
from aether_desktop.ui.append.conflict_panel import ConflictPanel
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import visible
from aether_desktop.ui.widgets.theme_qss import restyle
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

_WIDTH: Final = 960
_TITLE_LENGTH: Final = 80


class AppendingForm(QWidget):
    """Where something to append is typed; shows what a controller holds and hands every change to it."""

    changed = Signal()
    """Something was typed."""

    def set_locked(self, locked: bool) -> None:
        """Leave everything to be read and copied, and nothing to be changed."""
        raise NotImplementedError

    def focus_first(self) -> None:
        """Put the cursor where there is something to type."""
        raise NotImplementedError

    def insist(self) -> None:
        """Somebody tried to append what cannot be appended yet: leave nothing unsaid."""

    def note(self) -> str:
        """What is to be known about what is typed, or nothing."""
        raise NotImplementedError

    def show_hint(self) -> None:
        """Say beside the version whether it is taken, or what else is to be known."""
        raise NotImplementedError


class AppendingDialog(QDialog):
    """Frames a form. Whoever guards the store asks before a write by itself.

    `keeps_drafts` says that somebody stores what `draft_changed` tells, so that closing can offer to keep the
    text. The opener awaits `flow.close()` after `finished`.
    """

    switch_asked = Signal()
    """The user would rather append in the other way: `switch_words`."""
    stay_open_changed = Signal(bool)

    def __init__(
        self,
        flow: AppendFlow,
        form: AppendingForm,
        *,
        title: str,
        height: int,
        switch_words: str,
        keeps_drafts: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("appendDialog")
        self._flow = flow
        self._form = form
        self._height = height
        self._keeps_drafts = keeps_drafts
        shown = visible(title)
        self.setWindowTitle(shown if len(shown) <= _TITLE_LENGTH else f"{shown[:_TITLE_LENGTH]}…")
        self.setAccessibleName(self.windowTitle())
        self.news = Banner(BannerKind.INFO)
        self.news.setObjectName("appendNews")
        self.failure = FailureBanner(flow)
        self.panel = ConflictPanel(flow)
        self.question = Banner(BannerKind.INFO, closable=False)
        self.question.setObjectName("appendCloseQuestion")
        self.switch_link = LinkButton(switch_words)
        self.switch_link.setObjectName("appendSwitch")
        self.reason = ToneLabel("", "text2", elide=Qt.TextElideMode.ElideRight)
        self.reason.setObjectName("appendReason")
        self.stay_open = QCheckBox("Stay open for the next")
        self.stay_open.setObjectName("appendStayOpen")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setObjectName("appendCancel")
        self.submit_button = QPushButton("Append")
        self.submit_button.setObjectName("appendSubmit")
        self._footer = self._footer_row()

        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.news)
        column.addWidget(form, 1)
        column.addWidget(self.failure)
        column.addWidget(self.panel, 1)
        column.addWidget(self.question)
        column.addWidget(self._footer)
        for hidden in (self.news, self.failure, self.panel, self.question):
            hidden.hide()
        self.resize(_WIDTH, height)

        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self).activated.connect(self._submit)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Refresh), self).activated.connect(self._look)
        self.submit_button.clicked.connect(self._submit)
        self.cancel_button.clicked.connect(self.reject)
        self.switch_link.clicked.connect(self.switch_asked)
        self.stay_open.toggled.connect(self._set_stay_open)
        form.changed.connect(self._edited)
        self.news.closed.connect(self._shrink)
        flow.state_changed.connect(self._show_state)
        flow.version_known.connect(lambda _version: self._show_reason())
        flow.conflicted.connect(self._show_conflict)
        flow.failed.connect(lambda _error: self._grow())
        flow.looked.connect(lambda _look: self._grow())
        flow.stored.connect(self._stored)
        flow.duplicate_confirmed.connect(self.accept)
        flow.discarded.connect(self._leave)
        self._show_state()
        form.focus_first()

    def showEvent(self, event: QShowEvent) -> None:
        """Let the flow look up the actor's version, which needs the event loop to run."""
        super().showEvent(event)
        self._flow.start()
        if self.news.isVisible():
            self._grow()

    def reject(self) -> None:
        """Close, after asking inside the dialog if something typed would be lost."""
        if self.question.isVisible():
            # Escape answers the question: go on editing.
            self._go_on()
        elif self._flow.dirty or self._is_running:
            self._ask()
        else:
            self._leave()

    def done(self, result: int) -> None:
        """End whatever is still running, and close."""
        self._flow.abandon()
        super().done(result)

    def tell(self, fact: str, text: str = "") -> Banner:
        """Say something above the form; returns the banner, for actions."""
        self.news.clear_actions()
        self.news.set_message(BannerKind.INFO, fact, text)
        self.news.show()
        self._grow()
        return self.news

    def _leave(self) -> None:
        self.done(QDialog.DialogCode.Rejected)

    def _submit(self) -> None:
        if not self._footer.isVisible():
            return
        if self.submit_button.isEnabled():
            self._flow.submit_when_known()
            self._show_reason()
        else:
            self._form.insist()

    def _look(self) -> None:
        """After an unknown outcome look for it, else for the actor's version."""
        if not self._flow.look_again() and self._flow.state is AppendState.EDITING:
            self._flow.refresh_version()

    @property
    def _is_running(self) -> bool:
        return self._flow.state in (AppendState.SAVING, AppendState.LOOKING)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _footer_row(self) -> QWidget:
        for button in (self.cancel_button, self.submit_button):
            button.setAutoDefault(False)
            button.setAccessibleName(button.text())
        self.stay_open.setToolTip("After appending, go on with the next version")
        self.submit_button.setProperty("primary", True)
        self.submit_button.setToolTip("Append (Ctrl+Enter)")
        self.submit_button.setIcon(icon("plus", "onAccent"))
        surface = Surface("window", top="line")
        row = QHBoxLayout(surface)
        row.setContentsMargins(16, 10, 16, 12)
        row.setSpacing(8)
        row.addWidget(self.reason, 1)
        row.addWidget(self.switch_link)
        row.addSpacing(8)
        row.addWidget(self.stay_open)
        row.addSpacing(8)
        row.addWidget(self.cancel_button)
        row.addWidget(self.submit_button)
        return surface

    def _set_stay_open(self, stay: bool) -> None:
        self._flow.stay_open = stay
        self.stay_open_changed.emit(stay)

    # -- what the flow says --------------------------------------------------------------------------------------

    def _edited(self) -> None:
        if self.question.isVisible():
            self._go_on()
        self._show_reason()

    def _show_state(self) -> None:
        state = self._flow.state
        editing = state in EDITABLE
        # A rebase is shown where it was asked for.
        rebasing = state is AppendState.SAVING and self.panel.isVisible()
        self._form.set_locked(not editing)
        if editing:
            self.panel.hide()
        self.panel.set_waiting(rebasing)
        self._footer.setVisible(not rebasing and state is not AppendState.CONFLICT)
        self._show_reason()
        if state is AppendState.EDITING and self.isVisible():
            self._shrink()
            self._form.focus_first()

    def _show_reason(self) -> None:
        """Say beside the button why it cannot be pressed, or what else is to be known."""
        missing = self._flow.missing()
        self.submit_button.setEnabled(not missing and not self._is_running)
        self.switch_link.setEnabled(not self._is_running and not self._flow.submitted)
        if self._flow.state is AppendState.SAVING:
            words = "Appending…"
        elif self._flow.state is AppendState.LOOKING:
            words = "Looking…"
        elif missing:
            words = f"{missing}."
        elif self._flow.awaits_version:
            words = "Appending, once the actor’s version is known…"
        else:
            words = "Ctrl+Enter appends."
        note = self._form.note()
        self.reason.set_text(f"{note}. {words}" if note else words)
        self.submit_button.setAccessibleDescription("" if self.submit_button.isEnabled() else words)
        self.submit_button.setIcon(icon("plus", "onAccent"))
        restyle(self.submit_button)

    def _show_conflict(self, report: ConflictReport) -> None:
        self.panel.set_report(report)
        self.panel.show()
        self._form.show_hint()
        self._grow()
        # Not on a button: what was meant for the editor must not press one.
        self.panel.table.setFocus()

    def _stored(self, sequences: list[int], events: tuple[object, ...]) -> None:
        if self._flow.state is AppendState.DONE:
            self.accept()
        else:
            self._tell_stored(sequences)

    def _tell_stored(self, sequences: list[int]) -> None:
        events = self._flow.submitted_events
        last, count = events[-1], len(events)
        what = f"version {last.version} of {last.actor_id}" if count == 1 else f"{count:,} events"
        place = f"sequence {sequences[-1]:,}" if count == 1 else f"sequences {sequences[0]:,} to {sequences[-1]:,}"
        total = self._flow.stored_count
        more = f"{total:,} so far from here." if total > count else ""
        fact = f"Found: {what} is stored at {place}." if self._flow.was_found else f"Appended {what} at {place}."
        self.tell(fact, more)

    # -- closing -------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        running = self._flow.state is AppendState.SAVING
        self.question.clear_actions()
        if running:
            fact, text = "It is still being saved.", "Closed now, it is not known whether it is stored."
        elif self._flow.state in (AppendState.UNKNOWN, AppendState.LOOKING):
            later = " As a draft, it is looked for the next time." if self._keeps_drafts else ""
            fact, text = "It is not known whether this is stored.", f"Close without finding out?{later}"
        else:
            fact, text = "This is not appended.", "Close and lose what you typed?"
        self.question.set_message(BannerKind.INFO, fact, text)
        self.question.add_action("Go on", self._go_on, as_button=True)
        if self._keeps_drafts:
            self.question.add_action("Keep as draft and close", self._leave, as_button=True)
        if self._is_running:
            if not self._keeps_drafts:
                self.question.add_action("Close", self._leave, as_button=True)
        else:
            self.question.add_action("Discard and close", self._flow.discard, as_button=True)
        self.question.show()
        self._grow()

    def _go_on(self) -> None:
        self.question.hide()
        self._shrink()

    # -- size ----------------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """Make room for what has just appeared, within the screen; before it is shown, nothing has its width."""
        if not self.isVisible():
            return
        self._column.activate()
        available = self.screen().availableGeometry().height() - 40
        banners = [each for each in (self.news, self.failure, self.question) if each.isVisibleTo(self)]
        # The form keeps its room.
        with_banners = self._height + sum(each.height_within(self.width()) for each in banners)
        needed = max(self.sizeHint().height(), self._column.totalHeightForWidth(self.width()), with_banners)
        self.resize(self.width(), max(self.height(), min(needed, available)))

    def _shrink(self) -> None:
        """Give room back that the panel has left."""
        if not any(part.isVisible() for part in (self.panel, self.question, self.failure, self.news)):
            self._column.activate()
            self.resize(self.width(), max(self._height, self.minimumSizeHint().height()))
