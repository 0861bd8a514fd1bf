"""The timeline of a log while it is counted, and of a filter's hits in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Protocol, runtime_checkable

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.models.event_table import EventTable
from aether_desktop.tasks import TaskOwner
from aether_engine.moments import TimeCount, count_events
from aether_engine.store.protocols import CountsByTime, EventLog, SequenceReader
from aether_engine.time_bars import Bars, Layer, TimeHistogram
from aether_engine.timeline import Counted, LogTimeline, Zone

#: Shortest time between two pictures, in milliseconds.
REPAINT_INTERVAL = 100
#: The same while millions are counted: each picture takes time from the window.
COUNTING_INTERVAL = 250
#: A log of a server is counted without being asked for up to so many events: each of them comes over the network.
COUNTED_UNASKED = 50_000
#: Hits whose times are looked up one by one; of more than that a sample is.
HITS_LOOKED_UP = 100_000
HIT_SAMPLE = 4096
#: The same where each of them has to be asked for by itself.
FEWER_HITS_LOOKED_UP = 2000
FEWER_HITS_SAMPLED = 512
_HITS_AT_ONCE = 250


@runtime_checkable
class Filterable(Protocol):
    """A table that may leave rows out."""

    @property
    def is_filtered(self) -> bool: ...

    def numbers(self, first: int, end: int) -> Sequence[int]:
        """The sequences at positions `first` to `end` (not included)."""
        ...


class LogTimelineController(QObject):
    """Counts a log in the background while somebody looks at it, and goes on with what is stored later."""

    changed = Signal()
    """There is another picture; at most ten times a second."""
    failed = Signal(object)

    def __init__(
        self, log: EventLog, table: EventTable, *, is_server: bool = False, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._log = log
        self._table = table
        self._filter = table if isinstance(table, Filterable) else None
        self._is_server = is_server
        self._timeline = LogTimeline(log)
        self._hits: Layer | None = None
        self._hits_seen = 0
        self._active = False
        self._asked = False
        self._more = True
        self._running = False
        self._hits_running = False
        # A filter that came into force later: what was looked up for the one before is nobody's.
        self._generation = 0
        self._cache: tuple[int, Bars] | None = None
        self._told = 0.0
        self._tasks = TaskOwner(self._fail)
        self._soon = QTimer(self, singleShot=True)
        self._soon.timeout.connect(self._tell)
        table.modelReset.connect(self._filter_changed)
        table.rowsInserted.connect(self.look)

    # -- what there is

    @property
    def is_exact(self) -> bool:
        """Whether every event was counted."""
        return self._timeline.progress.is_exact

    @property
    def counted(self) -> int:
        """Places of the log that were counted."""
        return self._timeline.progress.counted

    @property
    def last(self) -> int:
        """Places of the log in all."""
        return self._timeline.progress.last

    @property
    def sampled(self) -> int:
        """Events that the estimate stands on."""
        return self._timeline.progress.sampled

    @property
    def hits_are_exact(self) -> bool:
        """Whether every hit is in the picture."""
        return self._hits is None or (not self._hits.sample and self._hits_seen >= self._filtered_total)

    @property
    def can_count_all(self) -> bool:
        """Whether it would be counted if somebody asked."""
        return not self.is_exact and self._waits_to_be_asked

    @property
    def zones(self) -> Sequence[Zone]:
        """What was counted, stretch by stretch, for finding a time."""
        return self._timeline.zones

    @property
    def busy(self) -> bool:
        return self._running or self._hits_running

    def bars(self, limit: int) -> Bars:
        """At most `limit` bars as of now."""
        if self._cache is None or self._cache[0] != limit:
            self._cache = (limit, self._timeline.bars(limit, self._hits))
        return self._cache[1]

    # -- what is done

    def set_active(self, active: bool) -> None:
        """Count, or rest, because the timeline came into sight or went."""
        self._active = active
        self._go_on()

    def look(self) -> None:
        """There may be more events than before."""
        self._more = True
        self._go_on()

    def count_all(self) -> None:
        """Count every event, also where that takes long."""
        self._asked = True
        self._more = True
        self._go_on()

    async def close(self) -> None:
        """Stop counting."""
        self._active = False
        self._soon.stop()
        await self._tasks.cancel_all()

    @property
    def _waits_to_be_asked(self) -> bool:
        return self._is_server and not self._asked and self.last > COUNTED_UNASKED

    @property
    def _most_hits(self) -> tuple[int, int]:
        if isinstance(self._log, CountsByTime):
            return HITS_LOOKED_UP, HIT_SAMPLE
        return FEWER_HITS_LOOKED_UP, FEWER_HITS_SAMPLED

    @property
    def _filtered_total(self) -> int:
        return self._table.total if self._is_filtered else 0

    @property
    def _is_filtered(self) -> bool:
        return self._filter is not None and self._filter.is_filtered

    def _go_on(self) -> None:
        if not self._active:
            return
        if self._more and not self._running:
            self._running = self._tasks.start(self._count(), "timeline") is not None
        if self._is_filtered and not self._hits_running and self._hits_seen < self._filtered_total:
            self._hits_running = self._tasks.start(self._look_up_hits(), "timeline of hits") is not None

    async def _count(self) -> None:
        try:
            while self._more and self._active:
                self._more = False
                if not await self._follow(self._timeline.estimate()):
                    return
                if not self._waits_to_be_asked and not await self._follow(self._timeline.count()):
                    return
        finally:
            self._running = False
            self._picture_changed(0)

    async def _follow(self, steps: AsyncGenerator[Counted]) -> bool:
        """Go on until the end, or until nobody looks any more; returns whether it was the end."""
        async with aclosing(steps):
            async for _ in steps:
                self._picture_changed(COUNTING_INTERVAL)
                if not self._active:
                    self._more = True
                    return False
        return True

    # -- hits

    def _filter_changed(self) -> None:
        self._generation += 1
        self._hits_seen = 0
        self._hits = self._new_hits() if self._is_filtered else None
        self._picture_changed(0)
        self.look()

    def _new_hits(self) -> Layer:
        histogram = TimeHistogram()
        histogram.types = list(self._timeline.types)
        return Layer(histogram)

    async def _look_up_hits(self) -> None:
        try:
            while self._active and self._hits_seen < self._filtered_total:
                if self._filtered_total > self._most_hits[0]:
                    await self._sample_hits()
                else:
                    await self._add_hits()
                self._picture_changed(REPAINT_INTERVAL)
        finally:
            self._hits_running = False

    async def _add_hits(self) -> None:
        assert self._filter is not None
        generation, first = self._generation, self._hits_seen
        end = min(first + _HITS_AT_ONCE, self._filtered_total)
        found = await self._times_of(self._filter.numbers(first, end))
        if generation == self._generation and self._hits is not None:
            self._hits.exact.add(found, 1)
            self._hits_seen = end

    async def _sample_hits(self) -> None:
        assert self._filter is not None
        generation, total = self._generation, self._filtered_total
        count = self._most_hits[1]
        step = total / count
        found: list[TimeCount] = []
        for start in range(0, count, _HITS_AT_ONCE):
            places = [int((start + number) * step) for number in range(min(_HITS_AT_ONCE, count - start))]
            found += await self._times_of([self._filter.numbers(place, place + 1)[0] for place in places])
            if generation != self._generation:
                return
        fresh = self._new_hits()
        self._hits = Layer(fresh.exact, found, total / max(len(found), 1))
        self._hits_seen = total

    async def _times_of(self, sequences: Sequence[int]) -> list[TimeCount]:
        if isinstance(self._log, CountsByTime):
            return await self._log.sample_times(sequences, 1)
        if isinstance(self._log, SequenceReader):
            batches = [batch async for batch in self._log.read_sequences(sequences)]
        else:
            batches = [
                batch
                for first, last in _runs(sequences)
                async for batch in self._log.read(from_sequence=first, to_sequence=last)
            ]
        return [group for batch in batches for stored in batch for group in count_events([stored], 1)]

    # -- telling

    def _picture_changed(self, interval: int) -> None:
        self._cache = None
        wait = interval - int((monotonic() - self._told) * 1000)
        if wait <= 0:
            self._tell()
        elif not self._soon.isActive():
            self._soon.start(wait)

    def _tell(self) -> None:
        self._soon.stop()
        self._told = monotonic()
        self._cache = None
        self.changed.emit()

    def _fail(self, error: Exception) -> None:
        # Asked again with the next event that arrives: a server may be away for a while.
        self._running = self._hits_running = False
        self.failed.emit(error)


def _runs(sequences: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each run of sequences that follow one another."""
    first = last = 0
    for sequence in sequences:
        if first and sequence == last + 1:
            last = sequence
            continue
        if first:
            yield first, last
        first = last = sequence
    if first:
        yield first, last
