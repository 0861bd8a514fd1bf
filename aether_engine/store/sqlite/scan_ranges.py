"""The ranges of one scan: who looks at what, and what was found put together in the order of the log."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

from aether_engine.store.protocols import Sifted
from aether_engine.store.sqlite.sifting import SiftedRange

#: How many sequences beyond what can be handed over may be looked at.
_AHEAD: Final = 1 << 20
#: The first ranges are short, and later ones no longer than such a share of what was handed out before them: what
#: is found in one waits for all in front of it.
_SHORTEST: Final = 16_384
_SHARE: Final = 8

Range = tuple[int, int]


class ScanRanges:
    """Hands out the ranges of a scan and takes in what was found in them; for any number of threads."""

    def __init__(self, first: int, last: int, notify: Callable[[], None]) -> None:
        self._notify = notify
        self._lock = threading.Lock()
        self._first = self._next = first
        self._last = last
        # Ranges that were looked at in part only, the foremost first.
        self._rest: list[Range] = []
        self._done: dict[int, SiftedRange] = {}
        self._known_to = first - 1
        #: Whether anything was found yet.
        self.has_hits = False
        self._error: BaseException | None = None
        self._ended = False

    @property
    def size(self) -> int:
        """How many sequences there are to look at."""
        return self._last - self._known_to

    @property
    def is_complete(self) -> bool:
        """Whether everything was handed over."""
        return self._known_to >= self._last

    @property
    def has_work(self) -> bool:
        """Whether `take` would hand out a range now; if not, there may be one when others are done."""
        with self._lock:
            ahead = self._next - self._known_to > _AHEAD
            return not self._ended and (bool(self._rest) or (self._next <= self._last and not ahead))

    def take(self, length: int) -> Range | None:
        """A range of up to `length` to look at; None if there is none, or none before others are done."""
        with self._lock:
            if self._ended:
                return None
            if self._rest:
                return heappop(self._rest)
            if self._next > self._last or self._next - self._known_to > _AHEAD:
                return None
            first = self._next
            length = min(length, max((first - self._first) // _SHARE, _SHORTEST))
            self._next = min(first + length, self._last + 1)
            return first, self._next - 1

    def give(self, taken: Range, sifted: SiftedRange) -> None:
        """Take in what was found in a range."""
        first, last = taken
        with self._lock:
            self.has_hits = self.has_hits or bool(sifted.sequences)
            if sifted.searched_to >= first:
                self._done[first] = sifted
            if sifted.searched_to < last:
                heappush(self._rest, (sifted.searched_to + 1, last))
        self._notify()

    def put_back(self, taken: Range) -> None:
        """Nothing was done about a range."""
        with self._lock:
            heappush(self._rest, taken)
        self._notify()

    def fail(self, error: BaseException) -> None:
        """Nothing more can be found."""
        with self._lock:
            self._error = self._error or error
            self._ended = True
        self._notify()

    def end(self) -> None:
        """Nothing more is wanted."""
        with self._lock:
            self._ended = True

    def hand_over(self) -> Sifted | None:
        """What was found since, as far as nothing is missing in between; raises what went wrong."""
        found = array("q")
        with self._lock:
            before = self._known_to
            while (sifted := self._done.pop(self._known_to + 1, None)) is not None:
                found.extend(sifted.sequences)
                self._known_to = sifted.searched_to
            if self._known_to > before:
                return Sifted(found, self._known_to)
            if self._error is not None:
                raise self._error
        return None
