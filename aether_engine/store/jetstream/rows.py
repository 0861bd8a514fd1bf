"""From a message of a stream to a row of the log, telling what cannot be trusted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError, MisplacedEventError
from aether_engine.event import Event, ReplayError, StoredEvent
from aether_engine.store.jetstream.api import Message
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.store.jetstream.pull import Run

# Actors whose subject is remembered while rows are read.
_REMEMBERED: Final = 100_000


class Rows:
    """Decodes the messages of one stream and checks that each event stands where its actor's events stand."""

    def __init__(self, layout: JetStreamLayout, stream: str) -> None:
        self._layout = layout
        self._stream = stream
        self._subjects: dict[str, str] = {}
        self._events = layout.all_events(stream).removesuffix(">").encode()
        #: Events of runs, and the bytes of what else came in them.
        self.taken = 0
        self.skipped_bytes = 0

    def of_run(self, run: Run, last: int | None = None) -> list[StoredEvent]:
        """The rows of a run's events, up to the sequence `last`."""
        rows: list[StoredEvent] = []
        append = rows.append
        subjects = self._subjects
        events = self._events
        moment = datetime.fromtimestamp
        for (name, _, _, data), (sequence, microseconds) in zip(run.frames, run.places(), strict=True):
            if last is not None and sequence > last:
                break
            if not name.startswith(events):
                self.skipped_bytes += len(data)
                continue
            # As `recorded_at` and `make`, in place: this is the hot path of every scan.
            recorded = moment(microseconds / 1e6, UTC)
            subject = name.decode()
            try:
                event = decode_event(data)
            except InvalidEventError as error:
                append(StoredEvent(sequence, recorded, data, None, ReplayError(sequence, data, error)))
                continue
            if subjects.get(event.actor_id) == subject:
                append(StoredEvent(sequence, recorded, data, event, None))
            else:
                append(self._placed(subject, sequence, recorded, data, event))
        self.taken += len(rows)
        return rows

    def row(self, message: Message) -> StoredEvent:
        return self.make(message.subject, message.sequence, message.recorded_at, message.data)

    def make(self, subject: str, sequence: int, recorded: datetime, data: bytes) -> StoredEvent:
        """The row of a message; what is no event, or not in its place, becomes a `ReplayError`."""
        try:
            event = decode_event(data)
        except InvalidEventError as error:
            return StoredEvent(sequence, recorded, data, None, ReplayError(sequence, data, error))
        return self._placed(subject, sequence, recorded, data, event)

    def _placed(self, subject: str, sequence: int, recorded: datetime, data: bytes, event: Event) -> StoredEvent:
        """The row of an event if `subject` is where its actor's events belong."""
        if self.subject(event.actor_id) == subject:
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
