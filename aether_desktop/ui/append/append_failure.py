"""Why nothing was appended, or that it is not known, with what can be done about it."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from aether_desktop.models.append.append_flow import AppendFlow, AppendState
from aether_desktop.models.append.append_outcome import Look
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.write_guard import WriteNotConfirmedError
from aether_engine.errors import (
    CorruptStoreError,
    DuplicateEventError,
    InvalidEventError,
    NotPermittedError,
    OutcomeUnknownError,
    ReadOnlyError,
    StoreUnavailableError,
)

_FACTS: Final = (
    (DuplicateEventError, BannerKind.CONFLICT, "Not appended: this event’s id is already stored."),
    (WriteNotConfirmedError, BannerKind.GAP, "Not appended: the namespace’s name was not typed."),
    (ReadOnlyError, BannerKind.GAP, "Not appended: the connection is read-only."),
    (NotPermittedError, BannerKind.GAP, "Not appended: this user may not store it."),
    (StoreUnavailableError, BannerKind.DISCONNECTED, "Not appended: the store is not available."),
    (CorruptStoreError, BannerKind.CORRUPTED, "Not appended: the store is damaged."),
    (InvalidEventError, BannerKind.CORRUPTED, "Not appended: the event is not valid."),
)


class FailureBanner(Banner):
    """Follows an `AppendFlow` and hides itself when there is nothing to say any more."""

    def __init__(self, flow: AppendFlow, parent: QWidget | None = None) -> None:
        super().__init__(BannerKind.GAP, parent=parent, closable=False)
        self.setObjectName("appendFailure")
        self._flow = flow
        flow.state_changed.connect(self._follow)
        flow.failed.connect(self._show_failure)
        flow.looked.connect(self._show_look)

    def _follow(self, state: AppendState) -> None:
        if state is AppendState.LOOKING:
            self.clear_actions()
            self.set_message(BannerKind.DISCONNECTED, "Looking for it…", "Nothing is saved by that.")
            self.show()
        elif state not in (AppendState.FAILED, AppendState.UNKNOWN):
            self.hide()

    def _show_failure(self, error: Exception) -> None:
        self.clear_actions()
        if self._flow.state is AppendState.UNKNOWN:
            if isinstance(error, OutcomeUnknownError):
                reason = error.reason[:1].upper() + error.reason[1:].rstrip(".")
            else:
                # A bug: nobody has made a sentence of it.
                reason = f"{type(error).__name__}: {error}"
            text = f"{reason}. Look for it, or save the same again: it is stored at most once, whatever happened."
            count = len(self._flow.submitted_events)
            what = "the event was" if count == 1 else f"the {count:,} events were"
            self.set_message(BannerKind.DISCONNECTED, f"It is not known whether {what} stored.", text)
            self._offer_unknown()
        else:
            kind, fact = next(
                ((kind, fact) for known, kind, fact in _FACTS if isinstance(error, known)),
                (BannerKind.CORRUPTED, "Not appended."),
            )
            text = f"{self._flow.culprit(error)}{error} Your text is unchanged, and nothing was retried."
            self.set_message(kind, fact, text)
            if isinstance(error, DuplicateEventError) and not error.in_batch:
                self.add_action("Make it a new event", self._flow.renew)
        self.add_action("Copy", self._copy)
        self.show()

    def _show_look(self, look: Look) -> None:
        self.clear_actions()
        self.set_message(BannerKind.DISCONNECTED, look.fact, look.explanation)
        self._offer_unknown()
        self.show()

    def _offer_unknown(self) -> None:
        one = len(self._flow.submitted_events) == 1
        look = self.add_action("Look again", self._flow.look_again)
        look.setToolTip("Look whether it is stored (F5)")
        self.add_action("Save the same event again" if one else "Save the same again", self._flow.save_again)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(str(self._flow.error))
