"""Choosing some of very many actors on the event loop, a few at a time so that others get their turns."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from heapq import nsmallest
from typing import Any, Final

from aether_engine.event import ActorInfo, ActorOrder
from aether_engine.patterns import match_actor_pattern

#: Names looked at between two turns of the loop.
CHUNK: Final = 2000


def span(names: Sequence[str], prefix: str, after: str | None, *, backwards: bool) -> range:
    """Where in sorted `names` those with `prefix` behind `after` stand, in the direction asked for."""
    start = bisect_left(names, prefix)
    end = bisect_left(names, True, start, key=lambda name: not name.startswith(prefix))
    if after is not None and backwards:
        end = min(end, bisect_left(names, after))
    elif after is not None:
        start = max(start, bisect_right(names, after))
    found = range(start, max(end, start))
    return found[::-1] if backwards else found


async def matching(names: Sequence[str], places: range, pattern: str) -> AsyncIterator[list[str]]:
    """Those of the names at `places` that match, in parts; all of them if `pattern` is empty."""
    # While one part is looked at, new actors may join.
    chosen = [names[place] for place in places]
    for start in range(0, len(chosen), CHUNK):
        part = chosen[start : start + CHUNK]
        yield [name for name in part if match_actor_pattern(pattern, name)] if pattern else part
        await asyncio.sleep(0)


async def first_of(parts: AsyncIterable[list[str]], offset: int, limit: int) -> list[str]:
    """`limit` of the names behind the first `offset`, in the order they come in."""
    found: list[str] = []
    left = offset
    async for part in parts:
        found += part[left : left + limit - len(found)] if left < len(part) else []
        left = max(left - len(part), 0)
        if len(found) >= limit:
            break
    return found


async def least(
    parts: AsyncIterable[Iterable[str]], key: Callable[[str], Any], offset: int, limit: int
) -> list[str]:
    """`limit` names behind the first `offset` by `key`, without ever keeping more than that."""
    chosen: list[tuple[Any, str]] = []
    async for part in parts:
        chosen = nsmallest(offset + limit, [*chosen, *((key(name), name) for name in part)])
    return [name for _, name in chosen[offset:]]


def order_key(order: ActorOrder, *, descending: bool) -> Callable[[ActorInfo], Any]:
    """What actors are sorted by: of equal ones that with the lower id comes first."""
    sign = -1 if descending else 1

    def key(info: ActorInfo) -> Any:
        if order is ActorOrder.EVENTS:
            return sign * info.event_count
        return sign * (info.last_recorded_at.timestamp() if info.last_recorded_at is not None else 0)

    return key
