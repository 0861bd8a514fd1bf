"""What is stored before a tail begins: the last events of several logs, or all from a place on, by their time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aether_engine.closing import closing
from aether_engine.event import StoredEvent, Tailed
from aether_engine.store.protocols import EventLog

#: Events handed on at once; between two slices the window gets its turn.
SLICE: Final = 1000
# Least events that are read at once of each of very many logs.
_LEAST: Final = 20

#: What is read of a store.
Log = EventLog


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a namespace's log, ends included."""

    namespace: str
    log: Log
    first: int
    last: int


async def latest_of(logs: Sequence[tuple[str, Log]], count: int, ends: dict[str, int]) -> list[Tailed]:
    """The last `count` events of all logs together, by when they were recorded; `ends` gets how far was read."""
    found: list[Tailed] = []
    for name, log in logs:
        last = await log.last_sequence()
        ends[name] = last
        found += [Tailed(name, stored) for stored in await read_last(log, last, count)]
        if len(found) > 4 * count:
            found = _latest(found, count)
    return _latest(found, count)


async def read_last(log: Log, last: int, count: int) -> list[StoredEvent]:
    """The last `count` events up to the sequence `last`; reads further back where the log has holes."""
    found: list[StoredEvent] = []
    high, width = last, count
    while high >= 1 and len(found) < count:
        low = max(1, high - width + 1)
        part: list[StoredEvent] = []
        async for batch in log.read(from_sequence=low, to_sequence=high, batch_size=SLICE):
            part += batch
        found = part + found
        high, width = low - 1, 2 * width
    return found[-count:]


def _latest(items: list[Tailed], count: int) -> list[Tailed]:
    items.sort(key=lambda item: (item.stored.recorded_at, item.namespace, item.stored.sequence))
    return items[-count:]


class _Reading:
    """One stretch on its way: what is read of it and not handed on yet, with the latest time until each event."""

    def __init__(self, stretch: Stretch, batches: AsyncIterator[list[StoredEvent]]) -> None:
        self.namespace = stretch.namespace
        self._batches = batches
        self.waiting: list[tuple[datetime, Tailed]] = []
        self._latest: datetime | None = None

    async def fill(self) -> bool:
        """Have something waiting; False at the end."""
        while not self.waiting:
            batch = await anext(self._batches, None)
            if batch is None:
                return False
            for stored in batch:
                # A clock that was set back changes nothing about the order within a log.
                self._latest = (
                    stored.recorded_at if self._latest is None else max(self._latest, stored.recorded_at)
                )
                self.waiting.append((self._latest, Tailed(self.namespace, stored)))
        return True

    def take(self, until: datetime) -> list[tuple[datetime, Tailed]]:
        """What was recorded until then."""
        count = next((place for place, (at, _) in enumerate(self.waiting) if at > until), len(self.waiting))
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


async def by_time(stretches: Sequence[Stretch]) -> AsyncGenerator[list[Tailed], None]:
    """Everything of the stretches, by the time it was recorded and within each log in its order."""
    at_once = max(_LEAST, SLICE // max(len(stretches), 1))
    async with AsyncExitStack() as stack:
        readings: list[_Reading] = []
        for stretch in stretches:
            batches = stretch.log.read(from_sequence=stretch.first, to_sequence=stretch.last, batch_size=at_once)
            readings.append(_Reading(stretch, await stack.enter_async_context(closing(batches))))
        while readings := [reading for reading in readings if await reading.fill()]:
            # As far as every log is known; of one at least everything that waits.
            until = min(reading.waiting[-1][0] for reading in readings)
            taken = [item for reading in readings for item in reading.take(until)]
            taken.sort(key=lambda item: item[0])
            yield [item for _, item in taken]
