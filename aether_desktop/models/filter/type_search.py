"""Event types that hold what is typed, asked of the store where there are more than anybody keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError

#: Rest in typing after which all types are looked through, in seconds: of a million that keeps a processor busy.
THOROUGH_AFTER: Final = 0.15

Look = Callable[[str], Awaitable[Sequence[str]]]


class TypeSearch(QObject):
    """Asks for what is typed; no key waits for an answer.

    `beginning` finds at once those that begin with it, `holding` takes its time for those that hold it anywhere,
    in capitals or not. Each tells up to `most`.
    """

    found = Signal()
    """There is an answer to what was typed last, or a better one."""

    def __init__(
        self, beginning: Look, holding: Look, most: int, tasks: TaskOwner, parent: QObject | None = None
    ) -> None:
        """`tasks` are of whoever closes this."""
        super().__init__(parent)
        self._beginning = beginning
        self._holding = holding
        self._most = most
        self._tasks = tasks
        self._looking: asyncio.Task[None] | None = None
        self._asked = ""
        self._names: Sequence[str] = ()
        # Whether the names are all that hold what was asked.
        self._is_whole = False

    def names(self, typed: str) -> Sequence[str]:
        """What has been found so far, which need not hold `typed`; `found` tells of more."""
        is_answered = typed == self._asked or (self._is_whole and self._asked.casefold() in typed.casefold())
        if typed and not is_answered:
            if self._looking is not None:
                self._looking.cancel()
            self._asked, self._is_whole = typed, False
            self._looking = self._tasks.start(self._look(typed), "event types that hold what is typed")
        return self._names

    async def _look(self, typed: str) -> None:
        # What is only offered is no error when it cannot be had.
        with suppress(AetherError):
            self._names = await self._beginning(typed)
            if self._names:
                self.found.emit()
            if len(self._names) < self._most:
                await asyncio.sleep(THOROUGH_AFTER)
                self._names = await self._holding(typed)
                self._is_whole = len(self._names) < self._most
                self.found.emit()
