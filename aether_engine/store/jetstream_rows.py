"""From a message of a stream to a row of the log, telling what cannot be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError, MisplacedEventError
from aether_engine.event import Event, ReplayError, StoredEvent
from aether_engine.store.jetstream_api import Message
from aether_engine.store.jetstream_layout import JetStreamLayout

# Actors whose subject is remembered while rows are read.
_REMEMBERED: Final = 100_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def recorded_at(nanoseconds: int) -> datetime:
    """The moment a message was stored, cut to microseconds as every timestamp here is."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


class Rows:
    """Decodes the messages of one stream and checks that each event stands where its actor's events stand."""

    def __init__(self, layout: JetStreamLayout, stream: str) -> None:
        self._layout = layout
        self._stream = stream
        self._subjects: dict[str, str] = {}

    def row(self, message: Message) -> StoredEvent:
        return self.make(message.subject, message.sequence, message.recorded_at, message.data)

    def make(self, subject: str, sequence: int, recorded: datetime, data: bytes) -> StoredEvent:
        """The row of a message; what is no event, or not in its place, becomes a `ReplayError`."""
        try:
            event = decode_event(data)
        except InvalidEventError as error:
            return StoredEvent(sequence, recorded, data, None, ReplayError(sequence, data, error))
        if self._subjects.get(event.actor_id) == subject or self.subject(event.actor_id) == subject:
            return StoredEvent(sequence, recorded, data, event, None)
        misplaced = MisplacedEventError("subject", subject, event.actor_id)
        return StoredEvent(sequence, recorded, data, None, ReplayError(sequence, data, misplaced))

    def subject(self, actor_id: str) -> str:
        """Where events of the actor belong; empty for an id that no subject can hold."""
        subject = self._subjects.get(actor_id)
        if subject is None:
            try:
                subject = self._layout.event_subject(self._stream, actor_id)
            except InvalidEventError:
                subject = ""
            if len(self._subjects) >= _REMEMBERED:
                self._subjects.clear()
            self._subjects[actor_id] = subject
        return subject

    def of_actor(self, message: Message, actor_id: str) -> StoredEvent | None:
        """The row of a message on the actor's subject; None for another actor's that shares the subject."""
        row = self.row(message)
        event: Event | None = row.event
        return None if event is not None and event.actor_id != actor_id else row


def by_version(rows: list[StoredEvent]) -> list[StoredEvent]:
    """`rows` of one actor in version order; a damaged one stays behind the event it was stored behind."""
    ordered: list[tuple[int, int, StoredEvent]] = []
    highest = 0
    sorted_already = True
    for place, row in enumerate(rows):
        version = highest if row.event is None else row.event.version
        sorted_already = sorted_already and version >= highest
        highest = max(highest, version)
        ordered.append((version, place, row))
    if sorted_already:
        return rows
    ordered.sort(key=lambda item: item[:2])
    return [row for _, _, row in ordered]
