"""What an index answers without reading the log: events whose ids or actors a filter names."""

from __future__ import annotations

from array import array
from typing import Final

from aether_engine.closing import closing
from aether_engine.event import ActorInfo
from aether_engine.query.conditions import SequenceIs, TextIs
from aether_engine.query.event_filter import EventFilter
from aether_engine.query.turns import matching
from aether_engine.query.values import TextPattern
from aether_engine.store.protocols import EventLog, IdIndex, SequenceReader

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


async def answer(store: EventLog, event_filter: EventFilter, first: int, last: int) -> array[int] | None:
    """The readable hits in a range of the log, from an index; None if none knows them, or not faster."""
    for term in event_filter.terms:
        condition = term.condition
        if term.is_negated or not isinstance(condition, TextIs):
            continue
        found = None
        if condition.field == "id":
            found = await _of_ids(store, event_filter, condition.patterns)
        elif condition.field == "actor_id":
            found = await _of_actors(store, event_filter, condition.patterns, last - first + 1)
        if found is not None:
            return array("q", sorted(sequence for sequence in found if first <= sequence <= last))
    return None


async def _of_ids(
    store: EventLog, event_filter: EventFilter, patterns: tuple[TextPattern, ...]
) -> list[int] | None:
    if not isinstance(store, IdIndex) or not isinstance(store, SequenceReader):
        return None
    if not all(pattern.is_literal for pattern in patterns):
        return None
    sequences = await store.find_ids([pattern.parts[0] for pattern in patterns])
    if sequences is None:
        return None
    found: list[int] = []
    async with closing(store.read_sequences(sequences)) as reading:
        async for batch in reading:
            found += [stored.sequence for stored in await matching(batch, event_filter)]
    return found


async def _of_actors(
    store: EventLog, event_filter: EventFilter, patterns: tuple[TextPattern, ...], total: int
) -> list[int] | None:
    actors: dict[str, int] = {}
    for pattern in patterns:
        meant = await _actors(store, pattern)
        if meant is None:
            return None
        actors |= {actor.actor_id: actor.event_count for actor in meant}
    if sum(actors.values()) > max(_FEW_EVENTS, min(_MOST_EVENTS, total * _SHARE)):
        return None
    found: list[int] = []
    for actor_id in actors:
        async with closing(store.read_actor(actor_id)) as reading:
            async for batch in reading:
                found += [stored.sequence for stored in await matching(batch, event_filter)]
    return found


async def _actors(store: EventLog, pattern: TextPattern) -> list[ActorInfo] | None:
    """The actors that a pattern means; None if there are too many to tell."""
    prefix = pattern.parts[0]
    if pattern.is_literal:
        page = await store.actors(prefix=prefix, limit=1)
        return [actor for actor in page if actor.actor_id == prefix]
    if not prefix:
        return None
    page = await store.actors(prefix=prefix, limit=_MOST_ACTORS + 1)
    if len(page) > _MOST_ACTORS:
        return None
    return [actor for actor in page if pattern.accepts(actor.actor_id)]
