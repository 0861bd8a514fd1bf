"""When a tail asks for attention: an event passes its filter. One call in a while, and no payload."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.models.tail.tail_rows import events_text
from aether_engine.event import Event

#: Seconds between two calls, however many events pass.
REST: Final = 10.0
#: Characters of an event type or an actor that are said.
_LONGEST: Final = 60


class TailAlerts(QObject):
    """Calls for attention at the first event that passes, and then at most once every `REST` seconds.

    What is said are type and actor of the last event and how many there were: what a desktop shows may stay on a
    locked screen and in a history.
    """

    due = Signal(str, str)
    """Title and text, as stored: whoever shows them makes them visible and no markup."""

    def __init__(self, parent: QObject | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._clock = clock
        self._on = False
        self._title = ""
        self._count = 0
        self._last = ""
        self._told_at = -REST
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self.tell)

    @property
    def on(self) -> bool:
        """Whether anybody wants to be called; not at first."""
        return self._on

    def set_on(self, on: bool) -> None:
        """Call from now on, or no more."""
        self._on = on
        if not on:
            self.forget()

    def forget(self) -> None:
        """Say nothing of what has passed so far."""
        self._count = 0
        self._rest.stop()

    def passed(self, pattern: str, count: int, last: Event | None) -> None:
        """So many events passed just now, the last of them `last`; None for a damaged one."""
        if not self._on or not count:
            return
        self._count += count
        self._title = f"Tail {pattern}"
        self._last = "a damaged event" if last is None else f"{_short(last.event_type)} · {_short(last.actor_id)}"
        wait = self._told_at + REST - self._clock()
        if wait <= 0:
            self.tell()
        elif not self._rest.isActive():
            self._rest.start(round(wait * 1000))

    def tell(self) -> None:
        """Say what has passed since the last call."""
        if not self._count:
            return
        text = self._last
        if self._count > 1:
            text = f"{events_text(self._count)} passed the filter, the last: {text}"
        self._count = 0
        self._told_at = self._clock()
        self.due.emit(self._title, text)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
