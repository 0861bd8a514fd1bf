"""How the events of a log lie in time: a histogram by event type that is an estimate at first and then exact.

The time is the event's own `timestamp`, as a writer's clock put it: it need not rise with the sequence and may be
in the year 1 or 9999. The histogram keeps only spans in which there are events, and makes them wider when they
become too many, so that its size does not grow with the log; a few events far from all others are counted as
outliers instead of squeezing the rest into one bar.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from random import Random
from time import perf_counter
from typing import Final, NamedTuple

from aether_engine.event import StoredEvent
from aether_engine.moments import TimeCount, count_events, milliseconds
from aether_engine.store.protocols import CountsByTime, EventLog
from aether_engine.time_bars import Bars, Layer, TimeHistogram, make_bars

#: Events looked at for the first estimate, and for the ones after it.
SAMPLES: Final = (256, 2048)
#: The same where each of them has to be asked for by itself.
FEWER_SAMPLES: Final = (64, 512)
#: A log is counted without an estimate before if it is as short as this.
SHORT: Final = 20_000
#: A log of at most this many events is read event by event, which finds damaged ones too.
READ_WHOLE: Final = 50_000
# How long one step of a count takes, so that it can be cancelled and looks at the rest of the program.
_STEP_SECONDS: Final = 0.025
_FIRST_STEP: Final = 500
_LONGEST_STEP: Final = 50_000
_BATCH: Final = 1000
#: Sequences whose times a store looks at in one go while one is looked for, and how exactly (milliseconds).
_LOOKED_AT: Final = 20_000
_SECOND: Final = 1000
#: Sequences of a stretch that is extended rather than followed by another one.
_ZONE: Final = 10_000
#: How long reading event by event rests after each batch: it shares the thread of the event loop.
_REST_SECONDS: Final = 0.002
_SAMPLED_AT_ONCE: Final = 16


class Zone(NamedTuple):
    """A stretch of the log and the times, in milliseconds since 1970, that enclose those of its events."""

    first_sequence: int
    last_sequence: int
    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How far a count is: `counted` of the sequences up to `last` are known exactly."""

    counted: int
    last: int
    sampled: int

    @property
    def is_exact(self) -> bool:
        return self.counted >= self.last


class LogTimeline:
    """The timeline of a log; grows by `estimate` and `count`, of which only one may run at a time."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._counter = log if isinstance(log, CountsByTime) else None
        self._exact = TimeHistogram()
        self._sample: list[TimeCount] = []
        self._points: list[int] = []
        self._done = 0
        self._last = 0
        self._step = _FIRST_STEP
        #: What was counted exactly, stretch by stretch, for finding a time.
        self.zones: list[Zone] = []

    @property
    def progress(self) -> Counted:
        return Counted(self._done, self._last, len(self._sample))

    @property
    def counts_itself(self) -> bool:
        """Whether the store counts for us; else every event has to come here."""
        return self._counter is not None

    @property
    def finds_damage(self) -> bool:
        """Whether each event is checked while it is counted; within a store checksums are not looked at."""
        return self._counter is None or self._last <= READ_WHOLE

    @property
    def types(self) -> list[str]:
        """The event types that are counted span by span."""
        return self._exact.types

    def bars(self, limit: int, hits: Layer | None = None) -> Bars:
        """At most `limit` bars of equal width over the time of the log, and the `hits` of a filter in them."""
        layer = Layer(self._exact, ())
        rest = [group for group in self._sample if group.first_sequence > self._done]
        if rest and self._done < self._last:
            # Each sampled event stands for as many as there are sequences between two of them.
            points = sum(1 for sequence in self._points if sequence > self._done)
            layer = Layer(self._exact, tuple(rest), (self._last - self._done) / max(points, 1))
        return make_bars(layer, hits, limit)

    async def estimate(self) -> AsyncGenerator[Counted]:
        """Look at some events spread evenly over what is not counted yet, more of them from step to step."""
        self._last = max(self._last, await self._log.last_sequence())
        if self._last - self._done <= SHORT:
            return
        for wanted in SAMPLES if self._counter is not None else FEWER_SAMPLES:
            self._points = _spread(self._done, self._last, wanted)
            self._sample = await self._look_at(self._points)
            self._exact.prepare(self._sample)
            yield self.progress

    async def count(self) -> AsyncGenerator[Counted]:
        """Count what is not counted yet, up to the end of the log as it is now."""
        self._last = max(self._last, await self._log.last_sequence())
        if self._done >= self._last:
            return
        if self._counter is None or self._last <= READ_WHOLE:
            async with aclosing(self._read()) as steps:
                async for progress in steps:
                    yield progress
        else:
            async for progress in self._count_in_store(self._counter):
                yield progress
        self._sample.clear()

    async def _count_in_store(self, counter: CountsByTime) -> AsyncIterator[Counted]:
        while self._done < self._last:
            first, last = self._done + 1, min(self._done + self._step, self._last)
            width = self._exact.width
            started = perf_counter()
            groups = await counter.count_by_time(first, last, width)
            self._take(groups, width, first, last)
            # The next step is to take as long as it should.
            pace = _STEP_SECONDS / max(perf_counter() - started, 1e-6)
            self._step = int(max(1, min(self._step * max(0.25, min(pace, 4.0)), _LONGEST_STEP)))
            yield self.progress

    async def _read(self) -> AsyncGenerator[Counted]:
        end = self._last
        batches = self._log.read(from_sequence=self._done + 1, to_sequence=end, batch_size=_BATCH)
        async for batch in batches:
            width = self._exact.width
            self._take(count_events(batch, width), width, self._done + 1, batch[-1].sequence)
            yield self.progress
            await asyncio.sleep(_REST_SECONDS)
        # Behind the last event there may be sequences without one.
        self._done = max(self._done, end)
        yield self.progress

    def _take(self, groups: list[TimeCount], width: int, first: int, last: int) -> None:
        self._exact.add(groups, width)
        timed = [group for group in groups if group.span is not None]
        if timed:
            earliest, latest = min(group.earliest for group in timed), max(group.latest for group in timed)
            before = self.zones[-1] if self.zones else None
            if before is not None and last - before.first_sequence < _ZONE:
                # What is appended by ones and twos must not become a stretch each.
                first = before.first_sequence
                earliest, latest = min(earliest, before.earliest), max(latest, before.latest)
                self.zones.pop()
            self.zones.append(Zone(first, last, earliest, latest))
        self._done = last

    async def _look_at(self, sequences: list[int]) -> list[TimeCount]:
        if self._counter is not None:
            return await self._counter.sample_times(sequences, 1)
        found: list[TimeCount] = []
        for start in range(0, len(sequences), _SAMPLED_AT_ONCE):
            some = sequences[start : start + _SAMPLED_AT_ONCE]
            for groups in await asyncio.gather(*(self._look_at_one(sequence) for sequence in some)):
                found += groups
        return found

    async def _look_at_one(self, sequence: int) -> list[TimeCount]:
        batches = self._log.read(from_sequence=sequence, to_sequence=sequence, batch_size=1)
        return [group async for batch in batches for group in count_events(batch, 1)]


async def sequence_at(
    log: EventLog,
    moment: datetime,
    *,
    zones: Sequence[Zone] = (),
    progress: Callable[[int], None] | None = None,
) -> int | None:
    """The sequence of the first event in the log whose timestamp is `moment` or later, None if there is none.

    Timestamps need not rise, so that every event in front of it is looked at, save those in stretches that are
    known to be earlier. `progress` hears the sequence it has come to.
    """
    wanted = milliseconds(moment)
    behind = 0
    for zone in zones:
        behind = zone.last_sequence
        if zone.latest >= wanted:
            found = await _first_at(log, moment, zone.first_sequence, zone.last_sequence, progress)
            if found is not None:
                return found
    if not isinstance(log, CountsByTime):
        return await _first_at(log, moment, behind + 1, None, progress)
    last = await log.last_sequence()
    for first in range(behind + 1, last + 1, _LOOKED_AT):
        end = min(first + _LOOKED_AT - 1, last)
        groups = await log.count_by_time(first, end, _SECOND)
        # Those that cannot be told easily have no time in their group.
        if any(group.span is None or group.latest >= wanted for group in groups):
            found = await _first_at(log, moment, first, end, progress)
            if found is not None:
                return found
        if progress is not None:
            progress(end)
    return None


async def _first_at(
    log: EventLog, moment: datetime, first: int, last: int | None, progress: Callable[[int], None] | None
) -> int | None:
    async for batch in log.read(from_sequence=first, to_sequence=last, batch_size=_BATCH):
        for stored in batch:
            if stored.event is not None and stored.event.timestamp >= moment:
                return stored.sequence
        if progress is not None:
            progress(batch[-1].sequence)
    return None


async def sequence_recorded_at(log: EventLog, moment: datetime) -> int | None:
    """The sequence of the first event that was stored at `moment` or later, None if there is none.

    Found by halving: a store's own clock rises. Where it was set back, this is one of the places where the
    recorded time passes `moment`.
    """
    low, high = 1, await log.last_sequence()
    found: int | None = None
    while low <= high:
        middle = (low + high) // 2
        stored = await _next_stored(log, middle, high)
        if stored is not None and stored.recorded_at < moment:
            low = stored.sequence + 1
            continue
        if stored is not None:
            found = stored.sequence
        high = middle - 1
    return found


async def _next_stored(log: EventLog, first: int, last: int) -> StoredEvent | None:
    # Sequences of a server have holes; a longer and longer stretch is looked at.
    length = 1
    while first <= last:
        end = min(first + length - 1, last)
        async for batch in log.read(from_sequence=first, to_sequence=end, batch_size=_BATCH):
            return batch[0]
        first, length = end + 1, length * 8
    return None


def _spread(done: int, last: int, count: int) -> list[int]:
    """`count` sequences behind `done` up to `last`, one in each of as many equal stretches.

    Where in its stretch is left to chance, always the same: a log that repeats itself in step with even distances
    would show one of its types alone.
    """
    step = (last - done) / count
    chance = Random(count).random  # noqa: S311 (not a secret)
    return [done + 1 + int((number + chance()) * step) for number in range(count)]
