"""The relatives of an event: what caused it, what it caused, and what shares its correlation, in any of the logs.

A store that keeps an index over causes and correlations (`TraceIndexed`) is asked; of every other log first what
is remembered of it counts (`TraceMemory`), then it is read, outwards from the event: relatives are neighbours.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from typing import Final

from aether_engine.event import Event, StoredEvent
from aether_engine.store.protocols import EventLog, TraceIndexed, TraceKey
from aether_engine.trace_memory import STRETCH, Stretch, TraceKeys, TraceMemory, claimed_event, read_stretch

#: Relatives of one kind that are named; more are counted.
RELATED_LIMIT: Final = 100
#: Stretches that are read before a search that finds nothing tells how far it is.
_TELL_EVERY: Final = 4


@dataclass(frozen=True, slots=True)
class RelatedEvent:
    """A relative: where it is stored and what it says it is. `damaged`: it says so, but is not to be trusted."""

    namespace: str
    sequence: int
    event_type: str
    actor_id: str
    version: int
    recorded_at: datetime
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Related:
    """What is known so far, after looking at `searched` of `total` sequences of all logs.

    `effects` and `correlated` (which includes the event itself) are in the order of recording; they name the
    nearest ones, the counts count all.
    """

    cause: RelatedEvent | None
    effects: tuple[RelatedEvent, ...]
    effect_count: int
    correlated: tuple[RelatedEvent, ...]
    correlated_count: int
    searched: int
    total: int

    @property
    def is_complete(self) -> bool:
        """Whether every log was looked through to the end it had when the look began."""
        return self.searched >= self.total


async def find_related(
    logs: Mapping[str, EventLog],
    event: Event,
    *,
    namespace: str,
    sequence: int,
    recorded_at: datetime,
    memory: TraceMemory | None = None,
    budget: int | None = None,
    limit: int = RELATED_LIMIT,
) -> AsyncIterator[Related]:
    """Look for the relatives of `event`, stored at `sequence` of `namespace`, in `logs` (by namespace).

    Yields what is known whenever that is more than before: at once what is remembered or indexed, last what there
    is after reading at most `budget` sequences (None = all). What is read is kept in `memory`, so that going on
    later, or from a relative, does not read it again. Closing the iterator ends the search.
    """
    memory = memory if memory is not None else TraceMemory()
    hunt = _Hunt(logs, TraceKeys.of(event), (namespace, sequence), limit)
    await hunt.prepare(memory)
    yield await hunt.result()
    if hunt.searched >= hunt.total:
        return
    await hunt.find_centres(recorded_at)
    left = hunt.total if budget is None else budget
    for name, first, last in hunt.unread():
        left -= last - first + 1
        if left < 0:
            break
        events: list[StoredEvent] = []
        async for batch in logs[name].read(from_sequence=first, to_sequence=last, batch_size=STRETCH):
            events += batch
        stretch = await asyncio.to_thread(read_stretch, first, last, events)
        memory.add(name, stretch)
        if hunt.take(name, stretch, events) or hunt.read % _TELL_EVERY == 0:
            yield await hunt.result()
    yield await hunt.result()


@dataclass(slots=True)
class _Found:
    """The sequences that have one key: how many, and the nearest of them by (distance, namespace, sequence)."""

    limit: int
    count: int = 0
    nearest: list[tuple[int, str, int]] = field(default_factory=list)

    def add(self, distance: int, namespace: str, sequence: int) -> None:
        self.count += 1
        if len(self.nearest) < self.limit or distance < self.nearest[-1][0]:
            insort(self.nearest, (distance, namespace, sequence))
            del self.nearest[self.limit :]

    def remove(self, entry: tuple[int, str, int]) -> None:
        self.nearest.remove(entry)
        self.count -= 1


class _Hunt:
    """One search: what is looked for, where it was looked, and what was found."""

    def __init__(self, logs: Mapping[str, EventLog], keys: TraceKeys, own: tuple[str, int], limit: int) -> None:
        self._logs = logs
        self._keys = keys
        self._own = own
        self._lasts: dict[str, int] = {}
        self._centres: dict[str, int] = {}
        # Up to where a store's own index has answered.
        self._indexed: dict[str, int] = {}
        # Up to where each stretch was remembered; memory may forget it while the search goes on.
        self._recalled: dict[tuple[str, int], int] = {}
        self._causes = {each: _Found(1) for each in keys.cause_ids}
        self._effects = _Found(limit)
        self._correlated = _Found(limit)
        self._known: dict[tuple[str, int], tuple[RelatedEvent, TraceKeys] | None] = {}
        self.total = 0
        self.searched = 0
        self.read = 0

    async def prepare(self, memory: TraceMemory) -> None:
        """Take what the stores know by themselves and what is remembered."""
        for name, log in self._logs.items():
            self._lasts[name] = await log.last_sequence()
        self.total = sum(self._lasts.values())
        own_name, own_sequence = self._own
        share = own_sequence / max(self._lasts.get(own_name, 0), 1)
        for name, log in self._logs.items():
            last = self._lasts[name]
            self._centres[name] = own_sequence if name == own_name else int(last * min(share, 1.0))
            if isinstance(log, TraceIndexed):
                self._indexed[name] = await self._ask(name, log)
                self.searched += self._indexed[name]
            remembered = memory.of(name)
            for stretch in remembered:
                self._recalled[name, stretch.number] = stretch.last
                self.searched += max(0, stretch.last - max(stretch.first - 1, self._indexed.get(name, 0)))
            await asyncio.to_thread(self._recall, name, remembered)

    async def find_centres(self, moment: datetime) -> None:
        """Find where the other logs stood when the event was recorded."""
        for name, log in self._logs.items():
            if name != self._own[0]:
                self._centres[name] = await _sequence_at(log, self._lasts[name], moment)

    def unread(self) -> Iterator[tuple[str, int, int]]:
        """What is neither indexed nor remembered, as (namespace, first, last): the nearest first."""
        for name, number in _outwards(self._lasts, self._centres):
            first = self._recalled.get((name, number), number * STRETCH) + 1
            last = min((number + 1) * STRETCH, self._lasts[name])
            if max(first, self._indexed.get(name, 0) + 1) <= last:
                yield name, first, last

    def take(self, name: str, stretch: Stretch, events: Sequence[StoredEvent]) -> bool:
        """Look through what was read just now; returns whether it has any of what is looked for."""
        self.read += 1
        self.searched += stretch.last - max(stretch.first - 1, self._indexed.get(name, 0))
        found = self._look(name, stretch)
        if found:
            self._known |= {
                (name, stored.sequence): _described(name, stored) for stored in events if stored.sequence in found
            }
        return bool(found)

    async def result(self) -> Related:
        """What was found, with what each of the events to be named is."""
        causes = []
        for event_id, found in self._causes.items():
            causes += await self._named(found, TraceKey.ID, event_id)
        effects = await self._named(self._effects, TraceKey.CAUSATION, self._keys.event_id)
        correlated = await self._named(self._correlated, TraceKey.CORRELATION, self._keys.correlation_id)
        return Related(
            causes[0] if causes else None,
            tuple(effects),
            self._effects.count,
            tuple(correlated),
            self._correlated.count,
            self.searched,
            self.total,
        )

    def _wanted(self) -> Iterator[tuple[TraceKey, str, _Found]]:
        for event_id, found in self._causes.items():
            yield TraceKey.ID, event_id, found
        yield TraceKey.CAUSATION, self._keys.event_id, self._effects
        if self._keys.correlation_id:
            yield TraceKey.CORRELATION, self._keys.correlation_id, self._correlated

    async def _ask(self, name: str, log: TraceIndexed) -> int:
        """Have a store answer from its index; returns up to which sequence it has."""
        wanted = list(self._wanted())
        answer = await log.find_traced(
            [(key, value) for key, value, _ in wanted], near=self._centres[name], limit=self._correlated.limit + 1
        )
        if answer.searched_to > self._lasts[name]:
            # Somebody stored more meanwhile; the look goes as far as it began to.
            self._lasts[name], self.total = answer.searched_to, self.total + answer.searched_to - self._lasts[name]
        for (_, _, found), matches in zip(wanted, answer.matches, strict=True):
            for sequence in matches.sequences:
                self._note(found, name, sequence)
            found.count += max(0, matches.total - len(matches.sequences))
        return answer.searched_to

    def _recall(self, name: str, stretches: Sequence[Stretch]) -> None:
        for stretch in stretches:
            self._look(name, stretch)

    def _look(self, name: str, stretch: Stretch) -> set[int]:
        after = self._indexed.get(name, 0)
        places: set[int] = set()
        for key, value, found in self._wanted():
            for sequence in stretch.find(key, value):
                if sequence > after:
                    self._note(found, name, sequence)
                    places.add(sequence)
        return places

    def _note(self, found: _Found, name: str, sequence: int) -> None:
        # An event is one of its correlation, and neither its own cause nor its own effect.
        if (name, sequence) != self._own or found is self._correlated:
            found.add(abs(sequence - self._centres[name]), name, sequence)

    async def _named(self, found: _Found, key: TraceKey, value: str) -> list[RelatedEvent]:
        named: list[RelatedEvent] = []
        for entry in list(found.nearest):
            place = entry[1:]
            if place not in self._known:
                self._known[place] = await self._describe(*place)
            known = self._known[place]
            if known is None or known[1].value(key) != value:
                # Two texts with one hash, or bytes that cannot be read any more.
                found.remove(entry)
            else:
                named.append(known[0])
        return sorted(named, key=lambda each: (each.recorded_at, each.namespace, each.sequence))

    async def _describe(self, name: str, sequence: int) -> tuple[RelatedEvent, TraceKeys] | None:
        async for batch in self._logs[name].read(from_sequence=sequence, to_sequence=sequence):
            for stored in batch:
                return _described(name, stored)
        return None


def _described(namespace: str, stored: StoredEvent) -> tuple[RelatedEvent, TraceKeys] | None:
    event = claimed_event(stored)
    if event is None:
        return None
    related = RelatedEvent(
        namespace,
        stored.sequence,
        event.event_type,
        event.actor_id,
        event.version,
        stored.recorded_at,
        damaged=stored.event is None,
    )
    return related, TraceKeys.of(event)


def _outwards(lasts: Mapping[str, int], centres: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The stretches of all logs by their distance from their log's centre."""
    heap: list[tuple[int, str, int, int]] = []
    for name, last in lasts.items():
        if last:
            middle = (min(max(centres[name], 1), last) - 1) // STRETCH
            heappush(heap, (0, name, middle, 0))
    while heap:
        distance, name, number, direction = heappop(heap)
        yield name, number
        for step in (direction,) if direction else (1, -1):
            if 0 <= number + step <= (lasts[name] - 1) // STRETCH:
                heappush(heap, (distance + 1, name, number + step, step))


async def _sequence_at(log: EventLog, last: int, moment: datetime) -> int:
    """About where a log stood at `moment`, to within a stretch."""
    low, high = 0, last
    while high - low > STRETCH:
        middle = (low + high) // 2
        stored = await _first(log, middle, high)
        if stored is None or stored.recorded_at >= moment:
            high = middle
        else:
            low = middle
    return (low + high + 1) // 2


async def _first(log: EventLog, first: int, last: int) -> StoredEvent | None:
    """The first event from `first` to `last`."""
    batches = log.read(from_sequence=first, to_sequence=last, batch_size=1)
    try:
        async for batch in batches:
            if batch:
                return batch[0]
    finally:
        close = getattr(batches, "aclose", None)
        if close is not None:
            await close()
    return None
