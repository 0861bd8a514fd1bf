"""What the line above the documents says: failures and what can be done about them, lost links, offers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from aether_desktop.numbers import number_text
from aether_desktop.workspace import Failure
from aether_engine.errors import CorruptStoreError, NotPermittedError, UnsupportedFormatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aether_desktop.connection import Connection
    from aether_desktop.jobs import Job
    from aether_desktop.profiles import Profile
    from aether_desktop.ui.window.main_window import MainWindow

log = logging.getLogger(__name__)

# What becomes of a link that is lost, and what can be done.
_AWAY = "It is tried again until the server answers."
_REFUSED = "The login is tried again, with its files as they are then; or connect anew with another one."


class WindowMessages:
    """One message at a time: each stays until it is closed, taken back or replaced."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        # The connection whose lost link is told of.
        self._no_link_of: Connection | None = None
        # What failed, if that is what is told.
        self._failure = ""

    def tell(self, kind: str, fact: str, text: str = "") -> None:
        """Say something in the line above the documents; it stays until closed or replaced."""
        if kind != "disconnected":
            self._no_link_of = None
        self._failure = ""
        self._window.banner.clear_actions()
        self._window.banner.set_message(kind, fact, text)
        self._window.banner.show()

    def offer(self, text: str, action: str, work: Callable[[], object]) -> None:
        """Say something with a button for what can be done about it."""

        def do_it() -> None:
            self._window.banner.hide()
            work()

        self.tell("info", text)
        self._window.banner.add_action(action, do_it)

    def show_failure(self, failure: Failure) -> None:
        """Say what failed and why, with what can be done about it."""
        log.info("%s: %s", failure.what, type(failure.error).__name__)
        self.tell("corrupted", f"{failure.what}.", failure.why)
        self._failure = failure.what
        details = f"{failure.what}: {failure.why}"
        if failure.profile is not None:
            if isinstance(failure.error, NotPermittedError):
                self._offer_login(failure.profile)
            else:
                self._offer_editing(failure.profile)
        if failure.path is not None:
            self._offer_audit(failure.path, failure.error)
        self._window.banner.add_action("Copy details", lambda: QApplication.clipboard().setText(details))

    def _offer_login(self, profile: Profile) -> None:
        """A login was refused: offer to enter it again."""
        why = "The server refused the login."
        if profile.login.needs_secret:
            self._window.banner.add_action(
                "Enter again…", lambda: self._window.panels.commands.connecting.ask_for_secret(profile, why)
            )
        if profile.is_kept or not profile.login.needs_secret:
            self._offer_editing(profile)

    def _offer_editing(self, profile: Profile) -> None:
        self._window.banner.add_action(
            "Edit the connection…", lambda: self._window.panels.commands.connecting.connect_to_server(profile)
        )

    def _offer_audit(self, path: Path, error: BaseException) -> None:
        """What cannot be opened may be damaged: it can be looked at as evidence, and what is left be saved."""
        auditing, commands = self._window.panels.auditing, self._window.panels.commands
        if isinstance(error, CorruptStoreError):
            self._window.banner.add_action("Open read-only", lambda: commands.open_path(path, read_only=True))
        self._window.banner.add_action("Audit it", lambda: auditing.audit_path(path))
        if isinstance(error, (CorruptStoreError, UnsupportedFormatError)):
            self._window.banner.add_action("Recover into a new file…", lambda: auditing.handover.recover(path))

    def hide_failure(self, what: str) -> None:
        """Take back that `what` failed: it went well now."""
        if self._failure == what:
            self.take_back_failure()

    def take_back_failure(self) -> None:
        """Say no more that something failed: what was wanted then is over."""
        if self._failure:
            self._failure = ""
            self._window.banner.hide()

    def tell_of_job(self, job: Job, error: BaseException | None) -> None:
        """Say that a job failed or was cancelled; one that is done says so itself."""
        progress = job.progress
        if isinstance(error, Exception):
            self.show_failure(Failure(f"{progress.name} failed", str(error), error, path=job.path))
        elif error is not None and job.tells_cancelling:
            done = f"{number_text(progress.done)} {progress.unit}"
            self.tell("info", f"{progress.name} was cancelled after {done}.")

    def show_link(self, connection: Connection) -> None:
        """Say that the link to a server is lost, and take that back when it returns."""
        link = connection.engine.link
        if link is None or connection.link_up:
            if self._no_link_of is connection:
                self._no_link_of = None
                self._window.banner.hide()
            return
        self._no_link_of = connection
        since = connection.link_lost_at.strftime("%H:%M:%S") if connection.link_lost_at else "the start"
        reason = f"{link.reason}. " if link.reason else ""
        self.tell(
            "disconnected",
            f"No link to {connection.title} since {since}.",
            f"{reason}What you see is as of then. {_REFUSED if link.state == 'refused' else _AWAY}",
        )
        if link.state == "refused" and connection.profile is not None:
            self._offer_login(connection.profile)
