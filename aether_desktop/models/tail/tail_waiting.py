"""Rows of a tail on their way to its table."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from aether_desktop.models.tail.tail_rows import TailEntry, others_in


class WaitingRows:
    """The newest rows, as many as the table could hold."""

    def __init__(self) -> None:
        self._rows: deque[TailEntry] = deque()
        #: How many of the rows are events.
        self.events = 0

    def __iter__(self) -> Iterator[TailEntry]:
        return iter(self._rows)

    def add(self, rows: Sequence[TailEntry], events: int) -> None:
        """Have `rows` wait too, of which `events` are events."""
        self._rows.extend(rows)
        self.events += events

    def bound(self, capacity: int) -> int:
        """Let go of those beyond `capacity`, which would pass through the table unseen; how many are events."""
        over = len(self._rows) - capacity
        if over <= 0:
            return 0
        gone = [self._rows.popleft() for _ in range(over)]
        events = over - others_in(gone)
        self.events -= events
        return events

    def take(self) -> list[TailEntry]:
        """All of them; none wait any more."""
        rows = list(self._rows)
        self._rows.clear()
        self.events = 0
        return rows
