"""Reading the events of rows that do not follow one another in the log."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from aether_desktop.models.events.event_table import BannerRow, Row
from aether_desktop.models.events.paged_table import closed
from aether_desktop.models.events.roles import RowBanner, RowKind
from aether_desktop.numbers import number_text
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import EventLog, SequenceReader

#: A place in the log, or a row that is no event and known already.
Place = int | BannerRow
#: Places up to so far apart are read together, also those between them that nobody asked for.
_NEAR = 16


def hole(sequence: int) -> BannerRow:
    """The row of a sequence at which no event is."""
    text = "snapshots take places of a server's stream, and a lost event leaves one"
    return BannerRow(RowKind.NOTE, RowBanner(f"No event at sequence {number_text(sequence)}", text))


async def read_rows(log: EventLog, places: Sequence[Place]) -> AsyncGenerator[Sequence[Row], None]:
    """The rows at `places`, in their order and none left out, in parts of any length."""
    given = 0
    reading = _read([place for place in places if isinstance(place, int)], log)
    try:
        async for batch in reading:
            rows: list[Row] = []
            for stored in batch:
                place = places[given]
                while place != stored.sequence:
                    rows.append(_without_event(place))
                    given += 1
                    place = places[given]
                rows.append(stored)
                given += 1
            yield rows
    finally:
        await closed(reading)
    if given < len(places):
        yield [_without_event(place) for place in places[given:]]


def _without_event(place: Place) -> BannerRow:
    return place if isinstance(place, BannerRow) else hole(place)


def _read(wanted: Sequence[int], log: EventLog) -> AsyncIterator[list[StoredEvent]]:
    """The events at `wanted` in their order, those that are there."""
    if wanted and list(wanted) == list(range(wanted[0], wanted[0] + len(wanted))):
        return log.read(from_sequence=wanted[0], to_sequence=wanted[-1], batch_size=len(wanted))
    if isinstance(log, SequenceReader):
        return log.read_sequences(wanted, batch_size=len(wanted) or 1)
    return _read_runs(wanted, log)


async def _read_runs(wanted: Sequence[int], log: EventLog) -> AsyncGenerator[list[StoredEvent], None]:
    """As `_read`, for a log that only knows ranges: what is near one another comes together."""
    start = 0
    for behind in range(1, len(wanted) + 1):
        if behind < len(wanted) and 0 < wanted[behind] - wanted[behind - 1] <= _NEAR:
            continue
        run = set(wanted[start:behind])
        async for batch in log.read(from_sequence=wanted[start], to_sequence=wanted[behind - 1]):
            yield [stored for stored in batch if stored.sequence in run]
        start = behind
