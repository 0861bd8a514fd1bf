"""Looking at many events on the event loop without keeping others from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from aether_engine.codec import microseconds_from_utc
from aether_engine.event import StoredEvent
from aether_engine.query.event_filter import EventFilter
from aether_engine.query.sieve import FilterSieve

#: Events are looked at for so many seconds before others get their turn.
_TURN: Final = 0.004
#: The clock is looked at after so many bytes of events.
_BYTES_BETWEEN_CLOCKS: Final = 16 << 10
#: Events of so many bytes are looked at in a thread, and not taken apart.
_LARGE: Final = 256 << 10


async def matching(batch: Sequence[StoredEvent], event_filter: EventFilter) -> list[StoredEvent]:
    """Those that pass the filter."""
    matches = event_filter.matches
    found: list[StoredEvent] = []
    end = perf_counter() + _TURN
    size = 0
    for stored in batch:
        if len(stored.raw) >= _LARGE and stored.event is not None:
            passes = await asyncio.to_thread(_large_matches, stored, event_filter)
        else:
            passes = matches(stored)
        if passes:
            found.append(stored)
        size += len(stored.raw)
        if size >= _BYTES_BETWEEN_CLOCKS:
            size = 0
            if perf_counter() > end:
                await asyncio.sleep(0)
                end = perf_counter() + _TURN
    return found


def _large_matches(stored: StoredEvent, event_filter: EventFilter) -> bool:
    sieve = FilterSieve(event_filter)
    return bool(sieve.select([stored.raw], [stored.sequence], [microseconds_from_utc(stored.recorded_at)]))
