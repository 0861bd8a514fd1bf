"""How many events arrived in each of the last seconds, and what the tail was doing meanwhile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

#: Seconds that are remembered.
SPAN = 120


class RateState(StrEnum):
    """What a second was."""

    OFF = "off"
    """The tail was not running: nothing is known about this second."""
    LIVE = "live"
    PAUSED = "paused"
    NO_LINK = "no link"


@dataclass(frozen=True, slots=True)
class RateSample:
    """One second: `second` counts from 1970 (UTC), `count` are the events that arrived in it."""

    second: int
    count: int
    state: RateState


@dataclass(frozen=True, slots=True)
class RateFigures:
    """The plot in numbers. `now` is the last second that is over; `total` arrived in `seconds` seconds."""

    now: int
    total: int
    seconds: int
    peak: int


class RateRecorder:
    """Counts arrivals per second of `clock` (seconds since 1970) and remembers the last `SPAN` of them."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: dict[int, int] = {}
        # (moment, state) in order; the first one may lie before the span.
        self._changes: deque[tuple[float, RateState]] = deque()
        self._stopped_at: int | None = None

    @property
    def state(self) -> RateState:
        """What is going on now."""
        return self._changes[-1][1] if self._changes else RateState.OFF

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()
        self._changes.clear()
        self._stopped_at = None

    def set_state(self, state: RateState) -> None:
        """From now on the tail does this; `OFF` freezes the record at the present second."""
        now = self._clock()
        if state is RateState.OFF:
            if self._changes and self._stopped_at is None:
                self._stopped_at = int(now)
            return
        self._stopped_at = None
        if state is not self.state:
            self._changes.append((now, state))

    def add(self, count: int) -> None:
        """So many events arrived now."""
        second = int(self._clock())
        self._counts[second] = self._counts.get(second, 0) + count
        if len(self._counts) > 2 * SPAN:
            self._trim(second - SPAN)

    def samples(self) -> list[RateSample]:
        """The last `SPAN` seconds, oldest first; the last one is not over yet."""
        last = self._stopped_at if self._stopped_at is not None else int(self._clock())
        first = last - SPAN + 1
        self._trim(first)
        result: list[RateSample] = []
        changes = list(self._changes)
        position, state = 0, RateState.OFF
        for second in range(first, last + 1):
            while position < len(changes) and changes[position][0] < second + 1:
                state = changes[position][1]
                position += 1
            result.append(RateSample(second, self._counts.get(second, 0), state))
        return result

    def figures(self) -> RateFigures:
        """What the plot shows, in numbers."""
        samples = [sample for sample in self.samples() if sample.state is not RateState.OFF]
        counts = [sample.count for sample in samples]
        return RateFigures(
            now=counts[-2] if len(counts) > 1 and self._stopped_at is None else 0,
            total=sum(counts),
            seconds=len(counts),
            peak=max(counts, default=0),
        )

    def _trim(self, first: int) -> None:
        for second in [second for second in self._counts if second < first]:
            del self._counts[second]
        while len(self._changes) > 1 and self._changes[1][0] < first:
            self._changes.popleft()
