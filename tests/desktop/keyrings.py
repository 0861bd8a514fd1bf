"""Keyrings for tests: one that works, in memory, and one that breaks in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keyring
import keyring.backend
import keyring.backends.fail
from keyring.errors import PasswordDeleteError, PasswordSetError


class MemoryKeyring(keyring.backend.KeyringBackend):
    """As a system's keyring, for as long as the object lives."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_locked:
            raise PasswordSetError(f"locked, and not a place for {password}")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise PasswordDeleteError("not there")
        del self.kept[service, username]


@contextmanager
def usable_keyring() -> Iterator[MemoryKeyring]:
    """A keyring as systems have one; without this the tests have none."""
    ours = MemoryKeyring()
    keyring.set_keyring(ours)
    try:
        yield ours
    finally:
        keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]  # keyring
