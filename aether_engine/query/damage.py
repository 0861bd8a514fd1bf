"""What is known of corrupted events: which parts of a log were read with every check, and what was found there.

Looking at every event's checksum and content takes a while, and a log is only ever added to: it is done once for
each store that is open.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final
from weakref import WeakKeyDictionary

from aether_engine.event import StoredEvent
from aether_engine.store.protocols import EventLog, SieveDepth


class DamageMap:
    """The checked ranges of one log, and the corrupted events in them."""

    def __init__(self) -> None:
        # Firsts and lasts of checked ranges: rising, apart from each other.
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._corrupted = array("q")

    def add(self, first: int, last: int, corrupted: Iterable[int]) -> None:
        """The range was checked, and these are its corrupted events (rising)."""
        new = [sequence for sequence in corrupted if not self.is_checked(sequence)]
        if new and (not self._corrupted or new[0] > self._corrupted[-1]):
            self._corrupted.extend(new)
        elif new:
            self._corrupted = array("q", sorted([*self._corrupted, *new]))
        begin = bisect_left(self._lasts, first - 1)
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]

    def is_checked(self, sequence: int) -> bool:
        """Whether it is known if the event is corrupted."""
        index = bisect_left(self._lasts, sequence)
        return index < len(self._firsts) and self._firsts[index] <= sequence

    def corrupted(self, first: int, last: int) -> array[int]:
        """The corrupted events known in a range."""
        return self._corrupted[bisect_left(self._corrupted, first) : bisect_right(self._corrupted, last)]

    def unchecked(self, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of a range that were not checked yet."""
        parts: list[tuple[int, int]] = []
        for begin, end in zip(self._firsts, self._lasts, strict=True):
            if begin > last:
                break
            if end >= first:
                if begin > first:
                    parts.append((first, begin - 1))
                first = end + 1
        if first <= last:
            parts.append((first, last))
        return parts


class DamageSieve:
    """Picks what cannot be trusted."""

    depth: Final = SieveDepth.ALL
    needs_times: Final = False
    versions: Final = ()
    times: Final = ()

    def refuses_type(self, name: str) -> bool:
        return False

    def select(self, raws: object, sequences: object, times: object) -> list[int]:
        raise NotImplementedError("at this depth nothing is selected by its bytes")

    def matches(self, stored: StoredEvent) -> bool:
        return stored.event is None


_maps: WeakKeyDictionary[EventLog, DamageMap] = WeakKeyDictionary()


def damage_of(store: EventLog) -> DamageMap:
    """What is known of a store's log since it was opened."""
    return _maps.setdefault(store, DamageMap())
