"""The next or previous event of a log that a filter means, without looking at more than lies in between."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from aether_engine.query.event_filter import EventFilter
from aether_engine.query.searching import search
from aether_engine.store.protocols import EventLog

#: Places looked at first on the way back, and by how much more each time after: the last hit of a stretch is
#: known only when all of it was searched.
_FIRST_STRETCH: Final = 1000
_GROWTH: Final = 4
_LONGEST_STRETCH: Final = 250_000


@dataclass(frozen=True, slots=True)
class Step:
    """How far a look is: `searched` of `total` places; `sequence` is set with the hit, which is the last step."""

    searched: int
    total: int
    sequence: int | None = None


async def next_match(
    store: EventLog, event_filter: EventFilter, sequence: int, *, forward: bool = True
) -> AsyncGenerator[Step, None]:
    """Look for the nearest event behind (or before) `sequence` that passes the filter.

    The last `Step` has the hit, or everything searched. Raises as `search` does.
    """
    last = await store.last_sequence()
    if forward:
        async for step in _behind(store, event_filter, sequence + 1, last):
            yield step
    else:
        async for step in _before(store, event_filter, min(sequence - 1, last)):
            yield step


async def _behind(store: EventLog, event_filter: EventFilter, first: int, last: int) -> AsyncGenerator[Step, None]:
    total = max(last - first + 1, 0)
    searched = 0
    async with aclosing(search(store, event_filter, from_sequence=first, to_sequence=last)) as searching:
        async for hits in searching:
            if hits.sequences and not hits.late:
                found = hits.sequences[0]
                yield Step(found - first + 1, total, found)
                return
            searched = max(searched, hits.searched)
            yield Step(min(searched, total), total)
    if searched < total:
        yield Step(total, total)


async def _before(store: EventLog, event_filter: EventFilter, last: int) -> AsyncGenerator[Step, None]:
    total, length = max(last, 0), _FIRST_STRETCH
    end = last
    while end >= 1:
        first = max(end - length + 1, 1)
        found = 0
        async with aclosing(search(store, event_filter, from_sequence=first, to_sequence=end)) as searching:
            async for hits in searching:
                if hits.sequences:
                    found = max(found, hits.sequences[-1])
                elif not found:
                    yield Step(total - end + hits.searched, total)
        if found:
            yield Step(total - found + 1, total, found)
            return
        end, length = first - 1, min(length * _GROWTH, _LONGEST_STRETCH)
    yield Step(total, total)
