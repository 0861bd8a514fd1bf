"""Trying a connection out: each step with what was found, while the window goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from PySide6.QtCore import QObject, Signal

from aether_desktop.profiles import Profile
from aether_desktop.tasks import TaskOwner
from aether_engine.store.jetstream.check import CheckStep, Outcome


class ConnectionCheck(QObject):
    """One check at a time; a new one ends the one before."""

    found = Signal(object)
    """A `CheckStep`."""
    ended = Signal(str)
    """In words, how it went."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = TaskOwner(
            lambda error: self._end(f"The check itself failed: {error or type(error).__name__}")
        )
        self._task: asyncio.Task[None] | None = None
        self.is_running = False

    def start(
        self, profile: Profile, secret: str | None, kept_secret: Callable[[], Awaitable[str | None]]
    ) -> None:
        """Check what a profile would connect to; without a `secret` with what `kept_secret` gives."""
        self.cancel()
        self._task = self._tasks.start(self._run(profile, secret, kept_secret), "check connection")
        self.is_running = self._task is not None

    def cancel(self) -> None:
        """End the check; what was found stays."""
        if self.is_running and self._task is not None:
            self._task.cancel()
            self._end("Cancelled. What stands above was found; the rest was not looked at.")

    async def close(self) -> None:
        """End the check and wait for its end."""
        await self._tasks.cancel_all()

    async def _run(
        self, profile: Profile, secret: str | None, kept_secret: Callable[[], Awaitable[str | None]]
    ) -> None:
        # Brings nats with it.
        from aether_engine.store.jetstream.check import Outcome, check_connection

        if secret is None and profile.login.needs_secret:
            secret = await kept_secret()
        failed = warned = 0
        login = profile.with_secret(secret or "")
        steps = check_connection(login.url, login.options(), read_only=profile.read_only)
        try:
            async for step in steps:
                failed += step.outcome is Outcome.FAILED
                warned += step.outcome is Outcome.WARNING
                self.found.emit(step)
        finally:
            await steps.aclose()
        if failed:
            words = "This does not work yet." if failed == 1 else f"{failed} steps failed."
        else:
            words = "All is well." if not warned else f"It works, with {warned} remarks."
        self._end(words)

    def _end(self, words: str) -> None:
        self.is_running = False
        self.ended.emit(words)


__all__ = ["CheckStep", "ConnectionCheck", "Outcome"]
