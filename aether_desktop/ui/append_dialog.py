"""The dialog that appends one event, with the conflict panel in it.

It is opened with `open()`. What was typed stays until the user says otherwise: an error, a conflict or Escape
never takes it away.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from aether_desktop.models.append_controller import AppendController, AppendState
from aether_desktop.models.conflict_report import ConflictReport
from aether_desktop.ui.append_form import AppendForm
from aether_desktop.ui.badge import Badge, BadgeKind
from aether_desktop.ui.banner import Banner, BannerKind
from aether_desktop.ui.conflict_panel import ConflictPanel
from aether_desktop.ui.icons import icon
from aether_desktop.ui.safe_text import visible
from aether_desktop.ui.theme_qss import restyle
from aether_desktop.ui.tinted import Surface, ToneLabel
from aether_engine.errors import (
    CorruptStoreError,
    DuplicateEventError,
    InvalidEventError,
    NotPermittedError,
    OutcomeUnknownError,
    ReadOnlyError,
    StoreUnavailableError,
)

_WIDTH: Final = 960
_HEIGHT: Final = 380
_TITLE_LENGTH: Final = 80
_FACTS: Final = (
    (DuplicateEventError, BannerKind.CONFLICT, "Not appended: this event’s id is already stored."),
    (ReadOnlyError, BannerKind.GAP, "Not appended: the connection is read-only."),
    (NotPermittedError, BannerKind.GAP, "Not appended: this user may not store it."),
    (StoreUnavailableError, BannerKind.DISCONNECTED, "Not appended: the store is not available."),
    (CorruptStoreError, BannerKind.CORRUPTED, "Not appended: the store is damaged."),
    (InvalidEventError, BannerKind.CORRUPTED, "Not appended: the event is not valid."),
)


class AppendDialog(QDialog):
    """Lets the user type an event and append it. `production`: the namespace's name must be typed too.

    `keeps_drafts` says that somebody stores what `AppendController.draft_changed` tells, so that closing can
    offer to keep the text. The opener awaits `controller.close()` after `finished`.
    """

    def __init__(
        self,
        controller: AppendController,
        *,
        production: bool = False,
        keeps_drafts: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("appendDialog")
        self.controller = controller
        self._keeps_drafts = keeps_drafts
        actor = visible(controller.draft.actor_id)
        if len(actor) > _TITLE_LENGTH:
            actor = f"{actor[:_TITLE_LENGTH]}…"
        self.setWindowTitle(
            "Append event to a new actor" if controller.actor_is_new else f"Append event to {actor}"
        )
        self.setAccessibleName(self.windowTitle())
        self.form = AppendForm(controller)
        self.failure = Banner(BannerKind.GAP, closable=False)
        self.failure.setObjectName("appendFailure")
        self.panel = ConflictPanel(controller)
        self.question = Banner(BannerKind.INFO, closable=False)
        self.question.setObjectName("appendCloseQuestion")
        self.production_name = QLineEdit(self)
        self.production_name.setVisible(production)
        self._production = self._production_row() if production else None
        self.reason = ToneLabel("", "text2", elide=Qt.TextElideMode.ElideRight)
        self.reason.setObjectName("appendReason")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setObjectName("appendCancel")
        self.submit_button = QPushButton("Append")
        self.submit_button.setObjectName("appendSubmit")
        self._footer = self._footer_row()

        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.form, 1)
        column.addWidget(self.failure)
        column.addWidget(self.panel, 1)
        if self._production is not None:
            column.addWidget(self._production)
        column.addWidget(self.question)
        column.addWidget(self._footer)
        for hidden in (self.failure, self.panel, self.question):
            hidden.hide()
        self.resize(_WIDTH, _HEIGHT)

        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self).activated.connect(self._submit)
        self.submit_button.clicked.connect(self._submit)
        self.cancel_button.clicked.connect(self.reject)
        self.form.changed.connect(self._edited)
        controller.state_changed.connect(self._show_state)
        controller.conflicted.connect(self._show_conflict)
        controller.failed.connect(self._show_failure)
        controller.appended.connect(self.accept)
        controller.duplicate_confirmed.connect(self.accept)
        controller.discarded.connect(self._leave)
        self._show_state()
        self.form.focus_first()

    def showEvent(self, event: QShowEvent) -> None:
        """Let the controller look up the actor's version, which needs the event loop to run."""
        super().showEvent(event)
        self.controller.start()

    def reject(self) -> None:
        """Close, after asking inside the dialog if something typed would be lost."""
        if self.question.isVisible():
            # Escape answers the question: go on editing.
            self._go_on()
        elif self.controller.dirty or self.controller.state is AppendState.SAVING:
            self._ask()
        else:
            self._leave()

    def done(self, result: int) -> None:
        """End whatever is still running, and close."""
        self.controller.abandon()
        super().done(result)

    def _leave(self) -> None:
        self.done(QDialog.DialogCode.Rejected)

    def _submit(self) -> None:
        if self._footer.isVisible() and self.submit_button.isEnabled():
            self.controller.submit()

    # -- parts ---------------------------------------------------------------------------------------------------

    def _production_row(self) -> QWidget:
        namespace = visible(self.controller.draft.namespace)
        words = f"Type the namespace’s name, {namespace}, to append here:"
        self.production_name.setObjectName("appendProductionName")
        self.production_name.setAccessibleName(words)
        self.production_name.setMaximumWidth(320)
        self.production_name.textChanged.connect(self._show_reason)
        surface = Surface("window", top="line")
        row = QHBoxLayout(surface)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(8)
        row.addWidget(Badge(BadgeKind.PRODUCTION))
        row.addWidget(ToneLabel(words, "text"))
        row.addWidget(self.production_name, 1)
        row.addStretch(1)
        return surface

    def _footer_row(self) -> QWidget:
        for button in (self.cancel_button, self.submit_button):
            button.setAutoDefault(False)
            button.setAccessibleName(button.text())
        self.submit_button.setProperty("primary", True)
        self.submit_button.setToolTip("Append the event (Ctrl+Enter)")
        self.submit_button.setIcon(icon("plus", "onAccent"))
        surface = Surface("window", top="line")
        row = QHBoxLayout(surface)
        row.setContentsMargins(16, 10, 16, 12)
        row.setSpacing(8)
        row.addWidget(self.reason, 1)
        row.addWidget(self.cancel_button)
        row.addWidget(self.submit_button)
        return surface

    # -- what the controller says --------------------------------------------------------------------------------

    def _edited(self) -> None:
        if self.question.isVisible():
            self._go_on()
        self._show_reason()

    def _show_state(self) -> None:
        state = self.controller.state
        editing = state in (AppendState.EDITING, AppendState.FAILED, AppendState.UNKNOWN)
        rebasing = state is AppendState.SAVING and self.panel.isVisible()
        self.form.set_locked(not editing)
        if editing:
            self.panel.hide()
        if state in (AppendState.EDITING, AppendState.SAVING):
            self.failure.hide()
        self.panel.set_waiting(rebasing)
        self._footer.setVisible(not rebasing and state is not AppendState.CONFLICT)
        if self._production is not None:
            self._production.setVisible(self._footer.isVisibleTo(self))
        self._show_reason()
        if state is AppendState.EDITING and self.isVisible():
            self._shrink()
            self.form.focus_first()

    def _show_reason(self) -> None:
        """Say beside the button why it cannot be pressed, or what else is to be known."""
        state = self.controller.state
        missing = self.controller.missing()
        typed = self._production is None or self.production_name.text() == self.controller.draft.namespace
        saving = state is AppendState.SAVING
        self.submit_button.setEnabled(not missing and typed and not saving)
        if saving:
            words = "Appending…"
        elif missing:
            words = f"{missing}."
        elif not typed:
            words = "The namespace’s name is not typed yet."
        else:
            words = "Ctrl+Enter appends."
        note = self.form.note()
        self.reason.set_text(f"{note}. {words}" if note else words)
        self.submit_button.setAccessibleDescription("" if self.submit_button.isEnabled() else words)
        self.submit_button.setIcon(icon("plus", "onAccent"))
        restyle(self.submit_button)

    def _show_conflict(self, report: ConflictReport) -> None:
        self.panel.set_report(report)
        self.panel.show()
        self.form.show_hint()
        self._grow()
        # Not on a button: what was meant for the editor must not press one.
        self.panel.table.setFocus()

    def _show_failure(self, error: Exception) -> None:
        self.failure.clear_actions()
        if self.controller.state is AppendState.UNKNOWN:
            text = str(error)
            if not isinstance(error, OutcomeUnknownError):
                # A bug: nobody has made a sentence of it.
                text = f"{type(error).__name__}: {text}. Save the same event again: it is stored at most once."
            fact = "It is not known whether the event was stored."
            self.failure.set_message(BannerKind.DISCONNECTED, fact, text)
            self.failure.add_action("Save the same event again", self.controller.save_again)
        else:
            kind, fact = next(
                ((kind, fact) for known, kind, fact in _FACTS if isinstance(error, known)),
                (BannerKind.CORRUPTED, "Not appended."),
            )
            self.failure.set_message(kind, fact, f"{error} Your text is unchanged, and nothing was retried.")
            if isinstance(error, DuplicateEventError):
                self.failure.add_action("Make it a new event", self.controller.renew)
        self.failure.add_action("Copy", self._copy_failure)
        self.failure.show()
        self._grow()

    def _copy_failure(self) -> None:
        QGuiApplication.clipboard().setText(str(self.controller.error))

    # -- closing -------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        self.question.clear_actions()
        if self.controller.state is AppendState.SAVING:
            self.question.set_message(
                BannerKind.INFO,
                "The event is still being saved.",
                "Closed now, it is not known whether it is stored.",
            )
        else:
            self.question.set_message(
                BannerKind.INFO, "This event is not appended.", "Close and lose what you typed?"
            )
        self.question.add_action("Go on", self._go_on, as_button=True)
        if self._keeps_drafts:
            self.question.add_action("Keep as draft and close", self._leave, as_button=True)
        if self.controller.state is AppendState.SAVING:
            if not self._keeps_drafts:
                self.question.add_action("Close", self._leave, as_button=True)
        else:
            self.question.add_action("Discard and close", self.controller.discard, as_button=True)
        self.question.show()
        self._grow()

    def _go_on(self) -> None:
        self.question.hide()
        self._shrink()

    # -- size ----------------------------------------------------------------------------------------------------

    def _grow(self) -> None:
        """Make room for what has just appeared, within the screen."""
        self._column.activate()
        available = self.screen().availableGeometry().height() - 40
        needed = max(self.sizeHint().height(), self._column.totalHeightForWidth(self.width()))
        self.resize(self.width(), max(self.height(), min(needed, available)))

    def _shrink(self) -> None:
        """Give room back that the panel has left."""
        if not self.panel.isVisible() and not self.question.isVisible() and not self.failure.isVisible():
            self._column.activate()
            self.resize(self.width(), max(_HEIGHT, self.minimumSizeHint().height()))
