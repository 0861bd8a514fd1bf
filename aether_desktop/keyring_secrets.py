"""Passwords and tokens of connection profiles: in the system's keyring, or in memory until the window closes.

The keyring is asked in threads of its own: it may have the user unlock it first, for as long as that takes.
`keyring` is imported by the first question.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

log = logging.getLogger(__name__)

#: Under this name the keyring lists what is ours; the user name of an entry is the profile's id.
SERVICE = "aether-desktop"
#: What a keyring must be at least to be one of the system's, which neither writes plain text nor asks a terminal.
_LEAST_PRIORITY = 1

T = TypeVar("T")


class Secrets:
    """One secret a profile. Of nothing here a representation shows any."""

    def __init__(self) -> None:
        self._session: dict[str, str] = {}
        self._problem: str | None = None

    def __repr__(self) -> str:
        return f"Secrets({len(self._session)} in memory)"

    async def problem(self) -> str:
        """Why there is no keyring that can be used, in words; "" if there is one."""
        if self._problem is None:
            self._problem = await _in_thread(_why_unusable)
        return self._problem

    async def get(self, profile_id: str) -> str | None:
        """The secret of a profile, None if there is none, or a keyring that does not give it."""
        if profile_id in self._session:
            return self._session[profile_id]
        if not profile_id or await self.problem():
            return None
        try:
            return await _in_thread(lambda: _backend().get_password(SERVICE, profile_id))
        except Exception as error:  # noqa: BLE001 (each keyring has exceptions of its own)
            # Not its words, which are not ours to vouch for.
            log.warning("the keyring did not hand out a secret: %s", type(error).__name__)
            return None

    async def put(self, profile_id: str, secret: str, *, in_keyring: bool = True) -> str:
        """Keep a secret; returns "" if the keyring has it, else why it is kept in memory only."""
        if not in_keyring:
            await self.forget(profile_id)
            self._session[profile_id] = secret
            return "It is kept until the window closes."
        problem = await self.problem()
        if not problem:
            try:
                await _in_thread(lambda: _backend().set_password(SERVICE, profile_id, secret))
            except Exception as error:  # noqa: BLE001 (as above)
                problem = f"The keyring did not take it ({type(error).__name__})."
        if problem:
            self._session[profile_id] = secret
            return f"{problem} It is kept until the window closes."
        self._session.pop(profile_id, None)
        return ""

    async def forget(self, profile_id: str) -> None:
        """Remove the secret of a profile from everywhere."""
        self._session.pop(profile_id, None)
        if await self.problem():
            return
        try:
            if await _in_thread(lambda: _backend().get_password(SERVICE, profile_id)) is not None:
                await _in_thread(lambda: _backend().delete_password(SERVICE, profile_id))
        except Exception as error:  # noqa: BLE001 (as above)
            log.warning("the keyring did not forget a secret: %s", type(error).__name__)


def _backend() -> KeyringBackend:
    import keyring

    return keyring.get_keyring()


def _why_unusable() -> str:
    try:
        backend = _backend()
        usable = backend.priority >= _LEAST_PRIORITY
    except Exception as error:  # noqa: BLE001 (whatever is wrong with it, there is none to be used)
        log.warning("no keyring could be opened: %s", type(error).__name__)
        usable = False
    return "" if usable else "This system has no keyring that can be used."


async def _in_thread(work: Callable[[], T]) -> T:
    """The result of `work`. The thread is a daemon: a keyring that never answers must not keep the window open."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # what `work` returned

    def run() -> None:
        result: T | None = None
        failed: BaseException | None = None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 (handed to whoever waits)
            failed = error
        try:
            loop.call_soon_threadsafe(finish, result, failed)
        except RuntimeError:
            # The loop has ended meanwhile, and nobody waits any more.
            log.debug("the keyring answered too late")

    threading.Thread(target=run, name="aether-keyring", daemon=True).start()
    return await future
