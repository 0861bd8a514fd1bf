"""What a tail reads: the durable log without a gap, or the lossy bus, each with the stored events before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, Self

from aether_desktop.models.tail.tail_history import SLICE, Log, Stretch, by_time, latest_of
from aether_desktop.models.tail.tail_places import BusPlaces
from aether_engine.event import Gap, NamespaceInfo, Published, SubscriptionFilter, Tailed
from aether_engine.patterns import match_namespace_pattern
from aether_engine.timeline import sequence_recorded_at

FeedItem = Tailed | Published | Gap


class TailSource(StrEnum):
    """Where a tail's events come from."""

    LOG = "log"
    """The durable log: no event missing, none twice, across reconnects."""
    BUS = "bus"
    """What is announced as it is stored: fast, and lost for whoever is too slow or away."""


@dataclass(frozen=True, slots=True)
class TailStart:
    """Where a tail begins: now, `last` events back, at `from_sequence`, or with what was recorded `since` then."""

    last: int = 0
    from_sequence: int | None = None
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.last < 0:
            raise ValueError(f"last is {self.last}; it must not be negative")
        if self.from_sequence is not None and self.from_sequence < 1:
            raise ValueError(f"from_sequence is {self.from_sequence}; sequences begin at 1")
        if self.since is not None and self.since.utcoffset() is None:
            raise ValueError(f"since is {self.since}; it needs an offset")


NOW = TailStart()


class LogTailing(Protocol):
    """Endless batches of the log."""

    def __aiter__(self) -> AsyncIterator[list[Tailed | Gap]]: ...

    async def aclose(self) -> None: ...


class BusSubscription(Protocol):
    """Endless batches of the bus, with the count of what was lost."""

    @property
    def dropped(self) -> int: ...

    def unsubscribe(self) -> None: ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> list[Published | Gap]: ...


class Bus(Protocol):
    """What is used of a bus."""

    def subscribe(
        self,
        namespace_pattern: str,
        filter: SubscriptionFilter | None = None,  # noqa: A002 (the contract's name)
    ) -> BusSubscription: ...


class TailEngine(Protocol):
    """What a tail needs of an engine."""

    @property
    def url(self) -> str: ...

    @property
    def bus(self) -> Bus: ...

    async def namespaces(self) -> list[NamespaceInfo]: ...

    async def store(self, namespace: str) -> Log: ...

    def tail(
        self,
        namespace_pattern: str,
        filter: SubscriptionFilter | None = None,  # noqa: A002 (the contract's name)
        *,
        after_sequence: int | None = None,
    ) -> LogTailing: ...


class FeedBatch(NamedTuple):
    """Some items in order; `live` is False for what was stored before the tail began."""

    items: Sequence[FeedItem]
    live: bool


class TailFeed:
    """One run of a tail, as batches. Filters are not applied here: what they leave out has to be counted.

    Tailing begins when the feed is made; what was stored before is read afterwards, and what both deliver is
    delivered once. Raises `NamespaceNameError` for a pattern that can match nothing.
    """

    def __init__(self, engine: TailEngine, pattern: str, source: TailSource, start: TailStart) -> None:
        self._engine = engine
        self._pattern = pattern
        self._start = start
        # Highest sequence of each namespace that was delivered as stored before.
        self._delivered: dict[str, int] = {}
        self._delivered_ids: set[tuple[str, str]] = set()
        self._subscription: BusSubscription | None = None
        self._tail: LogTailing | None = None
        # Tails of single namespaces from where reading what was stored before ended, see `_from_log`.
        self._bridges: dict[str, LogTailing] = {}
        self._said_dropped = 0
        if source is TailSource.BUS:
            self._subscription = engine.bus.subscribe(pattern)
        elif start.from_sequence is not None:
            self._tail = engine.tail(pattern, after_sequence=start.from_sequence - 1)
        else:
            self._tail = engine.tail(pattern)

    @property
    def unsaid_dropped(self) -> int:
        """Events that the bus lost and no gap has told of yet."""
        dropped = self._subscription.dropped if self._subscription is not None else 0
        return max(0, dropped - self._said_dropped)

    async def batches(self) -> AsyncGenerator[FeedBatch, None]:
        """Everything in order, in slices of at most `SLICE`; ends when the engine closes."""
        try:
            if self._start.last:
                for part in _slices(await self._read_last(self._start.last)):
                    yield FeedBatch(part, live=False)
            elif self._start.since is not None or (self._subscription is not None and self._start.from_sequence):
                async with aclosing(self._read_from(self._start)) as stored:
                    async for batch in stored:
                        for part in _slices(batch):
                            yield FeedBatch(part, live=False)
            if self._tail is not None:
                async with aclosing(self._from_log(self._tail)) as log:
                    async for logged in log:
                        for items in _slices(logged):
                            yield FeedBatch(items, live=True)
            elif self._subscription is not None:
                places = BusPlaces()
                async for published in self._subscription:
                    for items in _slices(places.placed(self._fresh(published))):
                        self._said_dropped += sum(item.missed or 0 for item in items if isinstance(item, Gap))
                        yield FeedBatch(items, live=True)
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of the tail or the subscription. Idempotent."""
        if self._tail is not None:
            await self._tail.aclose()
        for bridge in self._bridges.values():
            await bridge.aclose()
        if self._subscription is not None:
            self._subscription.unsubscribe()

    async def _from_log(self, tail: LogTailing) -> AsyncGenerator[Sequence[FeedItem], None]:
        """The tail, without a gap behind what was read as stored before.

        A store may count a save as before the call of `tail` that it had accepted and not yet written, and reading
        does not see that one. So each namespace is followed from where reading ended, until the tail itself
        delivers something of it.
        """
        self._bridges = {
            name: self._engine.tail(name, after_sequence=last) for name, last in self._delivered.items()
        }
        async with aclosing(merged([tail, *self._bridges.values()])) as batches:
            async for source, batch in batches:
                if source is tail:
                    for name in self._bridges.keys() & {item.namespace for item in batch}:
                        async with aclosing(self._hand_over(name, batch)) as hole:
                            async for items in hole:
                                yield items
                    yield self._fresh(batch)
                elif source in self._bridges.values():
                    fresh = self._fresh(batch)
                    for item in batch:
                        if isinstance(item, Tailed):
                            self.skip_to(item.namespace, item.stored.sequence)
                    yield fresh

    async def _hand_over(
        self, namespace: str, batch: Sequence[Tailed | Gap]
    ) -> AsyncGenerator[list[Tailed], None]:
        """End the bridge of `namespace` and read what lies between it and `batch`."""
        await self._bridges.pop(namespace).aclose()
        sequences = (
            item.stored.sequence for item in batch if isinstance(item, Tailed) and item.namespace == namespace
        )
        first = next(sequences, 0)
        delivered = self._delivered[namespace]
        if first > delivered + 1:
            log = await self._engine.store(namespace)
            async for part in log.read(from_sequence=delivered + 1, to_sequence=first - 1, batch_size=SLICE):
                yield [Tailed(namespace, stored) for stored in part]

    def skip_to(self, namespace: str, sequence: int) -> None:
        """Deliver nothing of `namespace` up to `sequence` any more: it was read otherwise."""
        self._delivered[namespace] = max(sequence, self._delivered.get(namespace, 0))

    def _fresh(self, batch: Sequence[FeedItem]) -> Sequence[FeedItem]:
        """`batch` without what was delivered as stored before."""
        if not self._delivered:
            return batch
        return [item for item in map(self._unless_delivered, batch) if item is not None]

    def _unless_delivered(self, item: FeedItem) -> FeedItem | None:
        delivered = self._delivered.get(item.namespace, 0)
        if isinstance(item, Gap):
            if item.after_sequence is None or item.missed is None or item.after_sequence >= delivered:
                return item
            # The bus lost what was read from the log meanwhile: only the rest of it is missing.
            missed = max(0, item.after_sequence + item.missed - delivered)
            self._said_dropped += item.missed - missed
            return Gap(item.namespace, delivered, missed, item.reason) if missed else None
        sequence = item.stored.sequence if isinstance(item, Tailed) else item.sequence
        if sequence is not None:
            return item if sequence > delivered else None
        assert isinstance(item, Published)
        return None if (item.namespace, item.event.id) in self._delivered_ids else item

    async def _matching(self) -> list[tuple[str, Log]]:
        names = [info.name for info in await self._engine.namespaces()]
        return [
            (name, await self._engine.store(name))
            for name in names
            if match_namespace_pattern(self._pattern, name)
        ]

    async def _read_last(self, count: int) -> list[Tailed]:
        logs = await self._matching()
        found = await latest_of(logs, count, self._delivered)
        self._remember_ids(found)
        return found

    async def _read_from(self, start: TailStart) -> AsyncGenerator[list[Tailed], None]:
        """What is stored already behind the beginning, of all matching namespaces by the time it was recorded."""
        stretches: list[Stretch] = []
        for name, log in await self._matching():
            last = await log.last_sequence()
            self._delivered[name] = last
            first = start.from_sequence
            if start.since is not None:
                first = await sequence_recorded_at(log, start.since)
            if first is not None and first <= last:
                stretches.append(Stretch(name, log, first, last))
        async with aclosing(by_time(stretches)) as batches:
            async for items in batches:
                self._remember_ids(items)
                yield items

    def _remember_ids(self, items: Sequence[Tailed]) -> None:
        # Some buses do not tell sequences; an event that was stored and announced meanwhile has its id.
        if self._subscription is not None:
            latest = items[-SLICE:]
            self._delivered_ids |= {
                (item.namespace, item.stored.event.id) for item in latest if item.stored.event is not None
            }


def _slices(items: Sequence[FeedItem]) -> list[Sequence[FeedItem]]:
    if len(items) <= SLICE:
        return [items] if items else []
    return [items[start : start + SLICE] for start in range(0, len(items), SLICE)]


async def merged(tails: Sequence[LogTailing]) -> AsyncGenerator[tuple[LogTailing, list[Tailed | Gap]], None]:
    """The batches of several tails as they come, each with its tail; ends when the first of them ends."""

    async def step(tail: LogTailing) -> list[Tailed | Gap] | None:
        return await anext(aiter(tail), None)

    waiting = {asyncio.create_task(step(tail), name="tail step"): tail for tail in tails}
    try:
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                tail = waiting.pop(task)
                batch = task.result()
                if batch is not None:
                    waiting[asyncio.create_task(step(tail), name="tail step")] = tail
                    yield tail, batch
                elif tail is tails[0]:
                    return
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
