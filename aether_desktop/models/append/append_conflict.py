"""After a conflict: what stands where the events should have gone, and the same events behind it."""

from __future__ import annotations

from collections.abc import Sequence

from aether_desktop.models.append.append_outcome import find_stored
from aether_desktop.models.append.conflict_report import (
    COUNT_LIMIT,
    SHOWN_LIMIT,
    BatchPlace,
    ConflictReport,
    Landed,
    report_on,
)
from aether_engine.errors import AetherError, VersionConflictError
from aether_engine.event import Event, StoredEvent
from aether_engine.store.protocols import Store


async def look_into(
    store: Store, events: Sequence[Event], conflict: VersionConflictError, known_before: int | None
) -> ConflictReport:
    """What a conflict that `events` have met is about; `known_before` is the version known when they were sent."""
    refused = (conflict.actor_id, conflict.attempted_version)
    place = next(at for at, event in enumerate(events) if (event.actor_id, event.version) == refused)
    return report_on(
        events[place],
        conflict.attempted_version,
        conflict.current_version,
        await _landed(store, events[place], conflict),
        is_duplicate=conflict.is_duplicate,
        known_before=known_before,
        batch=await _batch_place(store, events, place) if len(events) > 1 else None,
    )


def rebased(events: Sequence[Event], report: ConflictReport) -> tuple[Event, ...]:
    """The same events with the versions of the report's actor moved behind what is stored; gaps stay as wide."""
    assert report.next_free is not None
    first = next(event.version for event in events if event.actor_id == report.actor_id)
    by = report.next_free - first
    return tuple(
        event.with_version(event.version + by) if event.actor_id == report.actor_id else event for event in events
    )


async def _batch_place(store: Store, events: Sequence[Event], place: int) -> BatchPlace:
    """Which event of the batch it is, and how many of the batch's are stored already."""
    own = [event.version for event in events if event.actor_id == events[place].actor_id]
    try:
        found = await find_stored(store, events)
    except AetherError:
        found = ()
    stored = sum(each is not None for each in found)
    return BatchPlace(place + 1, len(events), stored, own[0], own[-1])


async def _landed(store: Store, event: Event, conflict: VersionConflictError) -> Landed:
    """What stands at and behind the attempted version; the conflict's own event if nothing can be read."""
    shown: list[StoredEvent] = []
    total = 0
    try:
        async for batch in store.read_actor(event.actor_id, from_version=event.version):
            shown.extend(batch[: SHOWN_LIMIT - len(shown)])
            total += len(batch)
            if total > COUNT_LIMIT:
                break
    except AetherError as error:
        if conflict.stored is None:
            return Landed(problem=str(error))
        held = conflict.stored
        return Landed((StoredEvent(0, held.timestamp, held.to_json(), held, None),), 1, str(error))
    return Landed(tuple(shown), total)
