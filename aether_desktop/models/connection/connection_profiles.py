"""What the window does with connection profiles: keeps them and their secrets, connects, reconnects."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from aether_desktop.connection import Connection
from aether_desktop.keyring_secrets import Secrets
from aether_desktop.links import portable_url
from aether_desktop.models.connection.connection_check import ConnectionCheck
from aether_desktop.nats_contexts import NatsContext
from aether_desktop.profiles import Profile, Profiles, new_id
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Workspace


class ConnectionProfiles(QObject):
    """Those of a workspace. Secrets pass through here and stay in `Secrets` alone."""

    changed = Signal()
    """The list, or something in it."""
    secret_wanted = Signal(object, str)
    """The `Profile` that cannot be opened without its password or token, and why it is asked for."""
    secret_known = Signal(str, bool)
    """Of a profile's id, whether there is a secret of it."""
    keyring_known = Signal(str)
    """Why the keyring cannot be used; "" if it can."""
    told = Signal(str)
    """Where a secret was put, if not into the keyring."""
    reopened = Signal(object, object)
    """A `Connection` that takes the place of another one, which is closed after this: the new one, the old one."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.profiles = Profiles(workspace.settings)
        self.secrets = Secrets()
        self._tasks = TaskOwner(lambda error: workspace.fail("That did not work", error))

    async def close(self) -> None:
        """End what was started."""
        await self._tasks.cancel_all()

    # -- keeping

    def save(self, profile: Profile, secret: str | None = None, *, in_keyring: bool = True) -> Profile:
        """Keep a profile, and its secret where one was typed (None leaves that as it is); returns it with its id.

        A secret that the way to log in does not take any more is forgotten, and so is one of another way.
        """
        before = self.profiles.by_id(profile.id)
        if not profile.is_kept:
            profile = profile._replace(id=new_id(), name=self.profiles.free_name(profile.name))
        self.profiles.put(profile)
        other_login = before is not None and before.login is not profile.login
        if not profile.login.needs_secret or (secret is None and other_login):
            self._tasks.start(self.secrets.forget(profile.id), "forget secret")
        elif secret is not None:
            self._tasks.start(self._put_secret(profile.id, secret, in_keyring), "keep secret")
        self.changed.emit()
        return profile

    def duplicate(self, profile: Profile) -> Profile:
        """Keep a copy behind it, with a copy of the secret."""
        copy = profile._replace(id=new_id(), name=self.profiles.free_name(f"{profile.name} copy"))
        self.profiles.put(copy, after=profile.id)
        self._tasks.start(self._copy_secret(profile.id, copy.id), "copy secret")
        self.changed.emit()
        return copy

    def delete(self, profile: Profile) -> None:
        """Forget a profile and its secret. What is connected with it stays so."""
        self.profiles.remove(profile.id)
        self._tasks.start(self.secrets.forget(profile.id), "forget secret")
        self.changed.emit()

    def move(self, profile: Profile, by: int) -> None:
        """Move it up (-1) or down (1)."""
        self.profiles.move(profile.id, by)
        self.changed.emit()

    def take_over(self, contexts: list[NatsContext]) -> list[Profile]:
        """Keep what contexts of the `nats` command line hold; nothing where the profiles cannot be changed."""
        if self.profiles.problem:
            self._workspace.told.emit(self.profiles.problem)
            return []
        return [self.save(context.profile, context.secret or None) for context in contexts if not context.problem]

    def look_for_secret(self, profile: Profile) -> None:
        """Tell with `secret_known` and `keyring_known` how it stands with the secret of a profile."""
        self._tasks.start(self._look_for_secret(profile.id), "look for secret")

    def check_with(self, check: ConnectionCheck, profile: Profile, secret: str | None) -> None:
        """Have `check` try a profile out; without a `secret` with the one that is kept."""
        check.start(profile, secret, lambda: self.secrets.get(profile.id))

    # -- connecting

    def connect_with(self, profile: Profile, secret: str | None = None) -> None:
        """Connect; without a `secret` with the one that is kept, and that is asked for where none is."""
        self._workspace.start(self.open(profile, secret), "connect")

    def retry(self, profile: Profile, secret: str, *, in_keyring: bool = True) -> None:
        """Connect with a secret that was asked for, and keep it if the profile is kept.

        Of `profile` only the user is kept: it may be one that was opened in another way this once.
        """
        kept = self.profiles.by_id(profile.id)
        if kept is not None:
            self.save(kept._replace(user=profile.user), secret, in_keyring=in_keyring)
        lost = [each for each in self._workspace.connections if _is_of(each, profile) and not each.link_up]
        if lost:
            self.reconnect(lost[0], read_only=lost[0].engine.read_only, secret=secret)
        else:
            self.connect_with(profile, secret)

    def for_server(self, url: str) -> Profile | None:
        """The first kept profile of the servers that a link names."""
        kept = (each for each in self.profiles if portable_url(each.with_secret().url) == portable_url(url))
        return next(kept, None)

    async def open(
        self, profile: Profile, secret: str | None = None, *, announce: bool = True
    ) -> Connection | None:
        """As `connect_with`, and return the connection; None where that failed, or a secret is asked for."""
        if secret is None and profile.login.needs_secret:
            secret = await self.secrets.get(profile.id)
            if secret is None:
                self.secret_wanted.emit(profile, "")
                return None
        login = profile.with_secret(secret or "")
        return await self._workspace.open(
            login.url,
            read_only=login.read_only,
            title=profile.name if profile.is_kept else "",
            announce=announce,
            options=login.options(),
            profile=profile,
        )

    def reconnect(self, connection: Connection, *, read_only: bool, secret: str | None = None) -> None:
        """Open what a connection shows once more, to be written or only read, and close the connection then."""
        self._workspace.start(self._reconnect(connection, read_only, secret), "reconnect")

    async def _reconnect(self, connection: Connection, read_only: bool, secret: str | None) -> None:
        profile = connection.profile
        if profile is not None:
            new = await self.open(profile._replace(read_only=read_only), secret, announce=False)
        else:
            new = await self._workspace.open(
                connection.engine.url, read_only=read_only, title=connection.title, announce=False
            )
        if new is None or new is connection:
            return
        self.reopened.emit(new, connection)
        await self._workspace.close_connection(connection)

    # -- secrets

    async def _put_secret(self, profile_id: str, secret: str, in_keyring: bool) -> None:
        where = await self.secrets.put(profile_id, secret, in_keyring=in_keyring)
        if where and in_keyring:
            self.told.emit(where)
        self.secret_known.emit(profile_id, True)

    async def _copy_secret(self, source: str, target: str) -> None:
        secret = await self.secrets.get(source)
        if secret is not None:
            await self._put_secret(target, secret, True)

    async def _look_for_secret(self, profile_id: str) -> None:
        self.keyring_known.emit(await self.secrets.problem())
        if profile_id:
            self.secret_known.emit(profile_id, await self.secrets.get(profile_id) is not None)


def _is_of(connection: Connection, profile: Profile) -> bool:
    return connection.profile is not None and profile.is_kept and connection.profile.id == profile.id
