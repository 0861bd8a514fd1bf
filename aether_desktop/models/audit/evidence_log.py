"""The log of evidence that is no store, as an audit has read it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from aether_engine.audit import Target
from aether_engine.audit.judging import Place as StoredPlace
from aether_engine.audit.judging import recorded_moment
from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError
from aether_engine.event import ReplayError, StoredEvent


class EvidenceLog:
    """Reads events by their sequences from what an audit of text has kept, up to `last`."""

    def __init__(self, target: Target, namespace: str, last: int) -> None:
        self._target = target
        self._namespace = namespace
        self._last = last

    async def read(
        self, *, from_sequence: int = 1, to_sequence: int | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """The log, or a part of it, in its order."""
        end = self._last if to_sequence is None else min(to_sequence, self._last)
        for start in range(max(from_sequence, 1), end + 1, batch_size):
            yield await self._at(range(start, min(start + batch_size, end + 1)))

    async def read_sequences(
        self, sequences: Sequence[int], *, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """The events at `sequences`; where there is none, none comes."""
        for start in range(0, len(sequences), batch_size):
            yield await self._at(sequences[start : start + batch_size])

    async def _at(self, sequences: Sequence[int]) -> list[StoredEvent]:
        places = await self._target.places(self._namespace, list(sequences))
        return [_stored(places[sequence]) for sequence in sequences if sequence in places]


def _stored(place: StoredPlace) -> StoredEvent:
    recorded = recorded_moment(place.recorded)
    try:
        event = decode_event(place.raw)
    except InvalidEventError as error:
        moment = recorded or datetime(1970, 1, 1, tzinfo=UTC)
        return StoredEvent(place.sequence, moment, place.raw, None, ReplayError(place.sequence, place.raw, error))
    # Text does not tell when events were recorded: a bundle says that it was when they happened.
    return StoredEvent(place.sequence, recorded or event.timestamp, place.raw, event, None)
