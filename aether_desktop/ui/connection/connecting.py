"""Dialogs around connections: connecting, asking for secrets, importing, and confirming writes to PRODUCTION."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QMainWindow

from aether_desktop.connection import Connection
from aether_desktop.models.connection.connection_profiles import ConnectionProfiles
from aether_desktop.profiles import Profile
from aether_desktop.workspace import Place, Workspace
from aether_desktop.write_guard import WriteQuestion

# Dialogs, and what tries a connection out, are loaded where they are opened.
if TYPE_CHECKING:
    from aether_desktop.models.connection.connection_check import ConnectionCheck
    from aether_desktop.nats_contexts import NatsContext
    from aether_desktop.ui.window.panels import Panels


class Connecting(QObject):
    """Opens the dialogs and hands what is typed into them to the profiles."""

    def __init__(self, window: QMainWindow, workspace: Workspace, panels: Panels) -> None:
        super().__init__(panels)
        self._window = window
        self._workspace = workspace
        self._panels = panels
        self.profiles = ConnectionProfiles(workspace, self)
        self._check: ConnectionCheck | None = None
        self.profiles.secret_wanted.connect(self.ask_for_secret)
        self.profiles.reopened.connect(self._reopened)
        workspace.write_guard.asked.connect(self._confirm_write)

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions do, by name."""
        return {
            "connect": self.connect_to_server,
            "import_contexts": self.import_contexts,
            "reconnect_writable": lambda: self._reconnect_shown(read_only=False),
            "reconnect_read_only": lambda: self._reconnect_shown(read_only=True),
        }

    async def close(self) -> None:
        """End what was started."""
        if self._check is not None:
            await self._check.close()
        await self.profiles.close()

    # -- connecting

    def connect_to_server(self, first: Profile | None = None) -> None:
        """Ask for a server and connect to it; `first` is the profile to begin with."""
        from aether_desktop.models.connection.connection_check import ConnectionCheck
        from aether_desktop.ui.connection.connect_dialog import ConnectDialog

        if self._check is None:
            self._check = ConnectionCheck(self)
        dialog = ConnectDialog(self.profiles, self._check, self._window, first=first)
        dialog.chosen.connect(self.profiles.connect_with)
        dialog.import_asked.connect(self.import_contexts)
        dialog.open()

    def connect_by_id(self, profile_id: str) -> None:
        """Connect to a kept profile, as from the welcome page."""
        profile = self.profiles.profiles.by_id(profile_id)
        if profile is not None:
            self.profiles.connect_with(profile)

    async def connect_by_name(self, name: str, *, read_only: bool | None = None) -> Connection | None:
        """Connect to a kept profile, as from the command line; that there is none of that name is told."""
        profile = self.profiles.profiles.by_name(name)
        if profile is None:
            known = ", ".join(each.name for each in self.profiles.profiles) or "none"
            self._workspace.told.emit(f"There is no connection called {name}; kept are: {known}.")
            return None
        if read_only is not None:
            profile = profile._replace(read_only=read_only)
        return await self.profiles.open(profile)

    def ask_for_secret(self, profile: Profile, why: str = "") -> None:
        """Ask for the password or token of a profile, and connect with it; for others show their fields."""
        if not profile.login.needs_secret or not profile.is_kept:
            self.connect_to_server(profile)
            return
        from aether_desktop.ui.connection.secret_dialog import SecretDialog

        dialog = SecretDialog(profile, why, self._window)
        dialog.entered.connect(
            lambda typed, secret, in_keyring: self.profiles.retry(typed, secret, in_keyring=in_keyring)
        )
        self.profiles.keyring_known.connect(dialog.show_keyring)
        self.profiles.look_for_secret(profile)
        dialog.open()

    def import_contexts(self) -> None:
        """Take profiles over from the `nats` command line."""
        from aether_desktop.ui.connection.import_contexts_dialog import ImportContextsDialog

        dialog = ImportContextsDialog(QApplication.activeModalWidget() or self._window)
        dialog.chosen.connect(self._take_over)
        dialog.open()

    def _take_over(self, contexts: list[NatsContext]) -> None:
        taken = self.profiles.take_over(contexts)
        if taken:
            names = ", ".join(profile.name for profile in taken)
            self._workspace.told.emit(f"Kept as connections: {names}.")

    # -- reconnecting

    def reconnect(self, connection: Connection, *, read_only: bool) -> None:
        """Open a connection once more, to be written or only read."""
        profile = connection.profile
        if profile is not None and profile.login.needs_secret and not profile.is_kept:
            # Its secret was used and forgotten.
            self.connect_to_server(profile._replace(read_only=read_only))
        else:
            self.profiles.reconnect(connection, read_only=read_only)

    def _reconnect_shown(self, *, read_only: bool) -> None:
        place = self._workspace.place
        if place is not None:
            self.reconnect(place.connection, read_only=read_only)

    def _reopened(self, new: Connection, old: Connection) -> None:
        self._panels.adopt(new)
        place = self._workspace.place
        if place is not None and place.connection is old:
            self._panels.show_place(Place(new, place.namespace))

    # -- writing

    def _confirm_write(self, question: WriteQuestion) -> None:
        from aether_desktop.ui.connection.confirm_write_dialog import ConfirmWriteDialog

        ConfirmWriteDialog(question, QApplication.activeModalWidget() or self._window).open()
