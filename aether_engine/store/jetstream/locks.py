"""One save at a time for each subject in this process: a race with ourselves only costs round trips."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any


class SubjectLocks:
    """A lock for each subject that a save holds or waits for."""

    def __init__(self) -> None:
        # By subject: its lock, and how many hold it or wait for it.
        self._locks: dict[str, list[Any]] = {}

    async def acquire(self, subject: str) -> None:
        entry = self._locks.get(subject)
        if entry is None:
            entry = self._locks[subject] = [asyncio.Lock(), 0]
        entry[1] += 1
        try:
            await entry[0].acquire()
        except BaseException:
            self._leave(subject, entry)
            raise

    def release(self, subject: str) -> None:
        entry = self._locks[subject]
        entry[0].release()
        self._leave(subject, entry)

    @contextlib.asynccontextmanager
    async def hold(self, subjects: Sequence[str]) -> AsyncIterator[None]:
        """Hold the locks of `subjects`, which must be sorted and distinct."""
        held: list[str] = []
        try:
            for subject in subjects:
                await self.acquire(subject)
                held.append(subject)
            yield
        finally:
            for subject in held:
                self.release(subject)

    def _leave(self, subject: str, entry: list[Any]) -> None:
        entry[1] -= 1
        if not entry[1]:
            del self._locks[subject]
