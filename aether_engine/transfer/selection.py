"""Which events of a log are moved, in batches, with how far that is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from aether_engine.closing import closing
from aether_engine.event import StoredEvent
from aether_engine.query import EventFilter, Hits, matching, select_events
from aether_engine.store.protocols import EventLog

Show = Callable[[float | None], None]
"""Told the share that is done, None where that is not known."""


Batches = AsyncGenerator[list[StoredEvent], None]


@dataclass(frozen=True, slots=True)
class Selection:
    """One actor's events, those that pass a filter, a range of sequences; all of them where nothing is said."""

    actor_id: str | None = None
    event_filter: EventFilter | None = None
    from_sequence: int = 1
    to_sequence: int | None = None

    def check(self) -> None:
        """Raises `InvalidFilterError` if the filter has problems."""
        if self.event_filter is not None:
            self.event_filter.check()

    async def batches(self, store: EventLog, show: Show) -> Batches:
        """The events up to what is the end of the log now, corrupted ones included; in the order of the log."""
        last = self.to_sequence if self.to_sequence is not None else await store.last_sequence()
        if self.actor_id is not None:
            chosen = _of_actor(store, self.actor_id, self.event_filter, self.from_sequence, last, show)
        elif self.event_filter is not None:
            chosen = _found(store, self.event_filter, self.from_sequence, last, show)
        else:
            chosen = _of_log(store, self.from_sequence, last, show)
        async with aclosing(chosen):
            async for batch in chosen:
                yield batch


async def _of_log(store: EventLog, first: int, last: int, show: Show) -> Batches:
    async with closing(store.read(from_sequence=first, to_sequence=last)) as reading:
        async for batch in reading:
            yield batch
            if batch:
                show((batch[-1].sequence - first + 1) / max(last - first + 1, 1))


async def _of_actor(
    store: EventLog, actor_id: str, event_filter: EventFilter | None, first: int, last: int, show: Show
) -> Batches:
    async with closing(store.read_actor(actor_id)) as reading:
        async for batch in reading:
            chosen = [stored for stored in batch if first <= stored.sequence <= last]
            yield chosen if event_filter is None else await matching(chosen, event_filter)
            show(None)


async def _found(store: EventLog, event_filter: EventFilter, first: int, last: int, show: Show) -> Batches:
    def progress(hits: Hits) -> None:
        # Half of it is done when the log was searched, and the rest when it was also checked, if it is at all.
        checked = hits.checked if event_filter.takes_corrupted else hits.searched
        show((hits.searched + checked) / max(2 * hits.total, 1))

    selecting = select_events(store, event_filter, from_sequence=first, to_sequence=last, progress=progress)
    async with aclosing(selecting):
        async for batch in selecting:
            yield batch
