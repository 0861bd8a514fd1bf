"""Counting where the events of a tail go."""

from __future__ import annotations

from aether_desktop.models.tail.tail_counters import TailCounters
from aether_desktop.models.tail.tail_gap import GapContents
from aether_engine.event import Gap


class TailTally:
    """Counts where the events of a run went, as they go there."""

    def __init__(self) -> None:
        self._received = self._filtered = self._dropped = self._unknown_gaps = 0
        #: Events that were pushed out of the buffer.
        self.left = 0

    def take(self, events: int, passed: int) -> None:
        """So many came, and so many of them passed the filter."""
        self._received += events
        self._filtered += events - passed

    def take_gap(self, gap: Gap) -> None:
        """Events did not come, as many as a gap says."""
        if gap.missed is None:
            self._unknown_gaps += 1
        else:
            self._received += gap.missed
            self._dropped += gap.missed

    def load_gap(self, gap: Gap, found: GapContents) -> None:
        """What a gap had left out was read after all."""
        if gap.missed is None:
            self._unknown_gaps -= 1
        missed = gap.missed or 0
        self._received += found.count - missed
        self._dropped -= missed
        self._filtered += found.filtered
        self.left += found.count - found.filtered - len(found.rows)

    def counters(self, shown: int, waiting: int) -> TailCounters:
        """The same as values, with those that are in the table and on their way to it."""
        return TailCounters(
            received=self._received,
            shown=shown,
            waiting=waiting,
            filtered=self._filtered,
            dropped=self._dropped,
            left=self.left,
            unknown_gaps=self._unknown_gaps,
        )
