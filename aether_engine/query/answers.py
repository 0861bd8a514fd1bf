"""What an index answers without reading the log: the events of the actors that a filter names."""

from __future__ import annotations

from array import array
from typing import Final

from aether_engine.event import ActorInfo
from aether_engine.query.conditions import SequenceIs, TextIs
from aether_engine.query.event_filter import EventFilter
from aether_engine.query.turns import matching
from aether_engine.query.values import TextPattern
from aether_engine.store.protocols import EventLog

#: An index is asked for at most so many actors, and so many events or this share of the log.
_MOST_ACTORS: Final = 500
_FEW_EVENTS: Final = 2_000
_SHARE: Final = 0.01
_MOST_EVENTS: Final = 50_000


def sequence_bounds(event_filter: EventFilter, first: int, last: int) -> tuple[int, int]:
    """The part of a range of the log outside of which no event, corrupted ones included, passes the filter."""
    for term in event_filter.terms:
        if isinstance(term.condition, SequenceIs) and not term.is_negated:
            bounds = [each.bounds() for each in term.condition.ranges]
            first = max(first, min(low for low, _ in bounds))
            last = min(last, max(high for _, high in bounds))
    return first, last


async def actors_meant(store: EventLog, event_filter: EventFilter, total: int) -> list[str] | None:
    """The actors whose streams hold all readable hits; None if reading the log is the shorter way."""
    for term in event_filter.terms:
        condition = term.condition
        if term.is_negated or not isinstance(condition, TextIs) or condition.field != "actor_id":
            continue
        found: dict[str, int] = {}
        for pattern in condition.patterns:
            actors = await _actors(store, pattern)
            if actors is None:
                break
            found |= {actor.actor_id: actor.event_count for actor in actors}
        else:
            events = sum(found.values())
            if events <= max(_FEW_EVENTS, min(_MOST_EVENTS, total * _SHARE)):
                return sorted(found)
    return None


async def _actors(store: EventLog, pattern: TextPattern) -> list[ActorInfo] | None:
    """The actors that a pattern means; None if there are too many to tell."""
    prefix = pattern.parts[0]
    if len(pattern.parts) == 1:
        page = await store.actors(prefix=prefix, limit=1)
        return [actor for actor in page if actor.actor_id == prefix]
    if not prefix:
        return None
    page = await store.actors(prefix=prefix, limit=_MOST_ACTORS + 1)
    if len(page) > _MOST_ACTORS:
        return None
    return [actor for actor in page if pattern.accepts(actor.actor_id)]


async def hits_of_actors(
    store: EventLog, event_filter: EventFilter, actors: list[str], first: int, last: int
) -> array[int]:
    """The events of these actors within a range of the log that pass the filter."""
    found: list[int] = []
    for actor_id in actors:
        async for batch in store.read_actor(actor_id):
            within = [stored for stored in batch if first <= stored.sequence <= last]
            found += [stored.sequence for stored in await matching(within, event_filter)]
    return array("q", sorted(found))
