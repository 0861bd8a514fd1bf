"""Counting events by time: whole milliseconds since 1970 (UTC), and groups of events within spans of them.

The time meant is the event's own `timestamp`, the writer's clock. It may run backwards, stand still or be far off;
nothing here takes it to rise with the sequence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError
from aether_engine.event import StoredEvent

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
#: From this size on, what damaged bytes still claim is not asked: windows ask for it while somebody waits.
_CLAIMS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TimeCount:
    """Events of one type within one span of time.

    `span` counts spans of a width that both sides know, from 1970 on (negative before); None is for events whose
    time cannot be told. `earliest` and `latest` enclose the times of the events, in milliseconds since 1970; they
    may lie up to a second outside of them. Damaged events are counted apart, where their bytes still claim to be.
    """

    event_type: str
    span: int | None
    count: int
    first_sequence: int
    earliest: int
    latest: int
    is_damaged: bool = False


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds from 1970 to `moment`, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_at(milliseconds_since_1970: int) -> datetime | None:
    """The time so many milliseconds after 1970 (UTC); None beyond the years 1 to 9999."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds_since_1970)
    except OverflowError:
        return None


def time_of(stored: StoredEvent) -> int | None:
    """When a stored event happened, in milliseconds since 1970; of a damaged one what its bytes still claim."""
    if stored.event is not None:
        return milliseconds(stored.event.timestamp)
    if len(stored.raw) > _CLAIMS:
        return None
    try:
        return milliseconds(decode_event(stored.raw).timestamp)
    except InvalidEventError:
        return None


def count_events(events: Iterable[StoredEvent], width: int) -> list[TimeCount]:
    """`events` by type and span of `width` milliseconds."""
    groups: dict[tuple[str, int | None, bool], list[int]] = {}
    for stored in events:
        time = time_of(stored)
        is_damaged = stored.event is None
        key = (
            "" if stored.event is None else stored.event.event_type,
            None if time is None else time // width,
            is_damaged,
        )
        group = groups.get(key)
        if group is None:
            groups[key] = [1, stored.sequence, time or 0, time or 0]
        else:
            group[0] += 1
            if time is not None:
                group[2] = min(group[2], time)
                group[3] = max(group[3], time)
    return [
        TimeCount(event_type, span, count, first, earliest, latest, is_damaged)
        for (event_type, span, is_damaged), (count, first, earliest, latest) in groups.items()
    ]
