"""Finding the events of a log that a filter means, while it is shown how far the search is."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from aether_engine.errors import InvalidFilterError
from aether_engine.event import StoredEvent
from aether_engine.query.event_filter import EventFilter
from aether_engine.store.protocols import EventLog

#: Seconds between two `Hits`, the first ones excepted: often enough for a moving bar, seldom enough for a window.
REPORT_INTERVAL: Final = 0.1
#: Events are looked at for so many seconds before others on the event loop get their turn.
_TURN: Final = 0.004
_LOOKS_BETWEEN_CLOCKS: Final = 32


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found since it last said something, and how far it is.

    `sequences` rise, and are higher than all that came before, except where `late` is set: those are corrupted
    events that a search which began with an index found afterwards, and belong between earlier ones
    (`FoundSequences` puts them there). `searched` of `total` places of the log were looked at.
    """

    sequences: array[int] = field(default_factory=lambda: array("q"))
    searched: int = 0
    total: int = 0
    late: bool = False


async def search(
    store: EventLog, event_filter: EventFilter, *, from_sequence: int = 1, to_sequence: int | None = None
) -> AsyncIterator[Hits]:
    """The events at `from_sequence` up to `to_sequence` (None: the end as of now) that pass the filter.

    Yields at once, then with what was found and several times a second without; the last one has
    `searched == total`. Ends promptly when it is closed or its task is cancelled, and rests while nobody asks
    for more. Raises `InvalidFilterError` for a filter with problems, and what the store's reads raise.
    """
    if event_filter.problems:
        raise InvalidFilterError(event_filter.text, event_filter.problems[0].reason)
    first = max(from_sequence, 1)
    last = await store.last_sequence()
    if to_sequence is not None:
        last = min(last, to_sequence)
    total = max(last - first + 1, 0)
    yield Hits(total=total)
    if not total:
        return
    found = array("q")
    searched, is_first, reported = 0, True, monotonic()
    async for batch in store.read(from_sequence=first, to_sequence=last):
        found.extend(await _matching(batch, event_filter))
        if batch:
            searched = batch[-1].sequence - first + 1
        now = monotonic()
        if searched < total and ((found and is_first) or now - reported >= REPORT_INTERVAL):
            is_first = is_first and not found
            yield Hits(found, searched, total)
            found, reported = array("q"), monotonic()
    yield Hits(found, total, total)


async def _matching(batch: list[StoredEvent], event_filter: EventFilter) -> list[int]:
    matches = event_filter.matches
    found: list[int] = []
    began = monotonic()
    for start in range(0, len(batch), _LOOKS_BETWEEN_CLOCKS):
        found += [stored.sequence for stored in batch[start : start + _LOOKS_BETWEEN_CLOCKS] if matches(stored)]
        if monotonic() - began > _TURN:
            await asyncio.sleep(0)
            began = monotonic()
    return found
