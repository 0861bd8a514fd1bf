"""Connection profiles: a server, how to log in, and what may be done there, under a name. They hold no secrets.

The first paint lists them and waits for neither `dataclasses` nor the engine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from aether_desktop.server_login import ServerLogin
    from aether_desktop.settings import Settings

#: Name of the value in the settings, and the version of its layout.
SETTING = "profiles"
VERSION = 1
#: Colours of profiles by name, in the order of the theme's hues; "" is none.
COLORS = ("blue", "orange", "green", "purple", "olive", "slate")


class LoginKind(StrEnum):
    """How a profile logs in."""

    NONE = "none"
    PASSWORD = "password"
    TOKEN = "token"
    CREDENTIALS = "credentials"
    NKEY = "nkey"

    @property
    def needs_secret(self) -> bool:
        """Whether it takes a password or token besides what the profile holds."""
        return self in (LoginKind.PASSWORD, LoginKind.TOKEN)

    @property
    def words(self) -> str:
        """The kind as it is called in sentences."""
        return _LOGIN_WORDS[self]


_LOGIN_WORDS = {
    LoginKind.NONE: "no login",
    LoginKind.PASSWORD: "user and password",
    LoginKind.TOKEN: "token",
    LoginKind.CREDENTIALS: "credentials file",
    LoginKind.NKEY: "NKey seed file",
}


class Profile(NamedTuple):
    """One server or cluster under a name. `id` names its secret in the keyring; "" is one that is not kept."""

    id: str = ""
    name: str = ""
    servers: str = ""
    color: str = ""
    production: bool = False
    read_only: bool = True
    login: LoginKind = LoginKind.NONE
    user: str = ""
    credentials: str = ""
    nkey_seed_file: str = ""
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether it is one of those in the settings."""
        return bool(self.id)

    @property
    def words(self) -> str:
        """What there is to know of it in one line, without its name."""
        parts = [self.servers, "" if self.login is LoginKind.NONE else self.login.words]
        parts += ["PRODUCTION" if self.production else "", "READ-ONLY" if self.read_only else "WRITABLE"]
        return ", ".join(part for part in parts if part)

    def with_secret(self, secret: str = "") -> ServerLogin:
        """What opens it; `secret` is the password or token, where the way to log in takes one."""
        from aether_desktop.server_login import ServerLogin

        login = self.login
        return ServerLogin(
            servers=self.servers,
            read_only=self.read_only,
            user=self.user if login is LoginKind.PASSWORD else "",
            password=secret if login is LoginKind.PASSWORD else "",
            token=secret if login is LoginKind.TOKEN else "",
            credentials=self.credentials if login is LoginKind.CREDENTIALS else "",
            nkey_seed_file=self.nkey_seed_file if login is LoginKind.NKEY else "",
            tls_ca=self.tls_ca,
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
        )

    def to_json(self) -> dict[str, object]:
        """What the settings keep: nothing that is empty."""
        values = {name: getattr(self, name) for name in self._fields}
        kept = {name: value for name, value in values.items() if value != "" and value is not False}
        return kept | {"read_only": self.read_only, "login": str(self.login)}

    @classmethod
    def from_json(cls, values: object) -> Profile | None:
        """The profile that the settings hold; None for what is none, such as one written by hand and wrong."""
        if not isinstance(values, Mapping) or not _is_text(values, "id", "name", "servers"):
            return None
        if not _is_harmless(str(values["servers"])):
            return None
        found: dict[str, Any] = {}
        for name, default in cls._field_defaults.items():
            value = values.get(name, default)
            if name == "login":
                try:
                    value = LoginKind(value)
                except ValueError:
                    return None
            if not isinstance(value, type(default)):
                return None
            found[name] = value
        if found["color"] not in COLORS:
            found["color"] = ""
        return cls(**found)


def _is_text(values: Mapping[object, object], *names: str) -> bool:
    return all(isinstance(value := values.get(name), str) and value for name in names)


def _is_harmless(servers: str) -> bool:
    """Whether a name of servers is without a login, which would be seen."""
    return "@" not in servers


def new_id() -> str:
    """A name for a profile's secret that no other profile has."""
    return os.urandom(12).hex()


class Profiles:
    """Those in the settings, in the user's order; every change is written at once.

    Entries that are not understood stay in the settings as they are. So does everything if a newer version of
    the application has written it: `problem` says so then, and nothing can be changed.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.problem = ""
        self._profiles: list[Profile] = []
        self._foreign: list[object] = []
        self._read()

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)

    def by_id(self, profile_id: str) -> Profile | None:
        """The kept profile of that id."""
        return next((profile for profile in self._profiles if profile.id == profile_id), None)

    def by_name(self, name: str) -> Profile | None:
        """The first profile called so; one in other capitals if there is none."""
        exact = (profile for profile in self._profiles if profile.name == name)
        alike = (profile for profile in self._profiles if profile.name.casefold() == name.casefold())
        return next(exact, None) or next(alike, None)

    def free_name(self, wanted: str) -> str:
        """`wanted`, or `wanted (2)` where that is taken."""
        taken = {profile.name for profile in self._profiles}
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted} ({number})", number + 1
        return name

    def put(self, profile: Profile, *, after: str = "") -> None:
        """Keep a profile: in its place if it is there, else behind the one of id `after`, else at the end."""
        ids = [each.id for each in self._profiles]
        if profile.id in ids:
            self._profiles[ids.index(profile.id)] = profile
        elif after in ids:
            self._profiles.insert(ids.index(after) + 1, profile)
        else:
            self._profiles.append(profile)
        self._write()

    def remove(self, profile_id: str) -> None:
        """Forget a profile; its secret is somebody else's to forget."""
        self._profiles = [each for each in self._profiles if each.id != profile_id]
        self._write()

    def move(self, profile_id: str, by: int) -> None:
        """Move a profile up (-1) or down (1)."""
        ids = [each.id for each in self._profiles]
        place = ids.index(profile_id)
        target = place + by
        if 0 <= target < len(ids):
            self._profiles.insert(target, self._profiles.pop(place))
            self._write()

    def _read(self) -> None:
        value = self._settings.get(SETTING)
        if value is None:
            return
        version = value.get("version") if isinstance(value, dict) else None
        entries = value.get("profiles") if isinstance(value, dict) else None
        if isinstance(version, int) and version > VERSION:
            self.problem = (
                f"The connection profiles were written by a newer Aether Desktop (layout {version}, known is "
                f"{VERSION}). They are left as they are; use that version to change them."
            )
            return
        seen: set[str] = set()
        for entry in entries if isinstance(entries, list) else ():
            profile = Profile.from_json(entry)
            if profile is None or profile.id in seen:
                self._foreign.append(entry)
            else:
                seen.add(profile.id)
                self._profiles.append(profile)

    def _write(self) -> None:
        if self.problem:
            return
        entries = [*(profile.to_json() for profile in self._profiles), *self._foreign]
        self._settings.set(SETTING, {"version": VERSION, "profiles": entries})
