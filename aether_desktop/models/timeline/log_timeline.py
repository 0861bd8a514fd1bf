"""The timeline of a log while it is counted, and of a filter's hits in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Protocol, runtime_checkable

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.models.events.event_table import EventTable
from aether_desktop.tasks import TaskOwner
from aether_engine.moments import TimeCount, count_events
from aether_engine.store.protocols import CountsByTime, EventLog, SequenceReader
from aether_engine.time_bars import Bars, Layer, TimeHistogram
from aether_engine.timeline import Counted, LogTimeline, Zone

#: Shortest time between two pictures, in milliseconds.
REPAINT_INTERVAL = 100
#: The same while millions are counted or searched: pictures take time from the window.
COUNTING_INTERVAL = 250
SEARCHING_INTERVAL = 500
#: A log of a server is counted without being asked for up to so many events: each of them comes over the network.
COUNTED_UNASKED = 50_000
#: Hits whose times are looked up one by one; of more than that a sample is.
HITS_LOOKED_UP = 100_000
HIT_SAMPLE = 2048
#: Hits that are looked up so soon that a sample before would not be seen.
_SOON_LOOKED_UP = 2000
#: A sample is taken anew when there are so many times as many hits.
_OUTDATED = 1.15
#: The same where each of them has to be asked for by itself.
FEWER_HITS_LOOKED_UP = 2000
FEWER_HITS_SAMPLED = 512
_HITS_AT_ONCE = 250
#: Damaged events that are marked; of more than that the first ones.
_DAMAGE_SHOWN = 2000


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
        # Hits that were looked up one by one, in the order of the table; and a sample of all for as long.
        self._hits = TimeHistogram()
        self._hits_seen = 0
        self._hit_sample: list[TimeCount] = []
        self._hits_sampled = 0
        self._active = False
        self._resting = False
        self._asked = False
        self._more = True
        self._running = False
        self._hits_running = False
        #: When the damaged events that searches have found happened, where counting does not find them itself.
        self.known_damage: list[int] = []
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
        return self._hits_seen >= self._filtered_total

    @property
    def hits(self) -> int:
        """How many events pass the filter, as far as it was searched."""
        return self._filtered_total

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
            self._cache = (limit, self._timeline.bars(limit, self._hit_layer()))
        return self._cache[1]

    # -- what is done

    def set_active(self, active: bool) -> None:
        """Count, or rest, because the timeline came into sight or went."""
        self._active = active
        self._go_on()

    def rest(self, resting: bool) -> None:
        """Leave the processors to a search that somebody waits for; its hits are looked up all the same."""
        self._resting = resting
        self._go_on()

    def look_for_damage(self) -> None:
        """A search has ended, and may have found damaged events."""
        if not self._timeline.finds_damage:
            self._tasks.start(self._look_for_damage(), "damage on a timeline")

    def look(self) -> None:
        """There may be more events than before, or more that match."""
        self._more = True
        if self._is_filtered:
            self._picture_changed(SEARCHING_INTERVAL if self._resting else REPAINT_INTERVAL)
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
    def _pauses(self) -> bool:
        return self._resting or not self._active

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
        if self._more and not self._running and not self._resting:
            self._running = self._tasks.start(self._count(), "timeline") is not None
        if self._is_filtered and not self._hits_running and self._hits_seen < self._filtered_total:
            self._hits_running = self._tasks.start(self._look_up_hits(), "timeline of hits") is not None

    async def _count(self) -> None:
        try:
            while self._more and not self._pauses:
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
                if self._pauses:
                    self._more = True
                    return False
        return True

    # -- hits

    def _filter_changed(self) -> None:
        self._generation += 1
        self._hits_seen = self._hits_sampled = 0
        self._hit_sample = []
        self._hits = self._new_hits()
        self._picture_changed(0)
        self.look()

    def _new_hits(self) -> TimeHistogram:
        histogram = TimeHistogram()
        histogram.types = list(self._timeline.types)
        return histogram

    def _hit_layer(self) -> Layer | None:
        if not self._is_filtered:
            return None
        if self.hits_are_exact or not self._hit_sample:
            return Layer(self._hits)
        return Layer(self._new_hits(), self._hit_sample, self._filtered_total / len(self._hit_sample))

    async def _look_up_hits(self) -> None:
        try:
            while self._active and self._hits_seen < self._filtered_total:
                total = self._filtered_total
                if total - self._hits_seen <= _SOON_LOOKED_UP:
                    await self._add_hits()
                elif total > self._hits_sampled * (_OUTDATED if self._resting else 1):
                    await self._sample_hits(total)
                elif total <= self._most_hits[0]:
                    await self._add_hits()
                else:
                    return
                self._picture_changed(SEARCHING_INTERVAL if self._resting else REPAINT_INTERVAL)
        finally:
            self._hits_running = False

    async def _add_hits(self) -> None:
        assert self._filter is not None
        generation, first = self._generation, self._hits_seen
        end = min(first + _HITS_AT_ONCE, self._filtered_total)
        found = await self._times_of(self._filter.numbers(first, end))
        if generation == self._generation:
            self._hits.add(found, 1)
            self._hits_seen = end

    async def _sample_hits(self, total: int) -> None:
        assert self._filter is not None
        generation, count = self._generation, self._most_hits[1]
        found: list[TimeCount] = []
        for start in range(0, count, _HITS_AT_ONCE):
            if generation != self._generation:
                return
            places = [total * number // count for number in range(start, min(start + _HITS_AT_ONCE, count))]
            found += await self._times_of([self._filter.numbers(place, place + 1)[0] for place in places])
        if generation == self._generation:
            self._hit_sample, self._hits_sampled = found, total

    async def _look_for_damage(self) -> None:
        """Take up where the damage is that filters found by checking what they searched."""
        from aether_engine.query.damage import damage_of

        sequences = damage_of(self._log).corrupted(1, self.last)[:_DAMAGE_SHOWN]
        if len(sequences) != len(self.known_damage):
            found = await self._times_of(sequences)
            self.known_damage = sorted(group.earliest for group in found if group.span is not None)
            self._picture_changed(0)

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
