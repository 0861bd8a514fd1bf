"""Looking at many events on the event loop without keeping others from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Final

from aether_engine.event import StoredEvent
from aether_engine.query.event_filter import EventFilter

#: Events are looked at for so many seconds before others get their turn.
_TURN: Final = 0.004
_LOOKS_BETWEEN_CLOCKS: Final = 32


async def matching(batch: Sequence[StoredEvent], event_filter: EventFilter) -> list[int]:
    """The sequences of those that pass the filter."""
    matches = event_filter.matches
    found: list[int] = []
    end = perf_counter() + _TURN
    for start in range(0, len(batch), _LOOKS_BETWEEN_CLOCKS):
        found += [stored.sequence for stored in batch[start : start + _LOOKS_BETWEEN_CLOCKS] if matches(stored)]
        if perf_counter() > end:
            await asyncio.sleep(0)
            end = perf_counter() + _TURN
    return found
