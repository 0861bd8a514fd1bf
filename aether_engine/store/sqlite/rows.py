"""From rows to `StoredEvent`: every event is checked against its checksum and its place before it is believed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import repeat
from operator import attrgetter
from typing import Any, Final

from zlib_ng.zlib_ng import crc32

from aether_engine import codec
from aether_engine.errors import (
    ChecksumMismatchError,
    EventLostError,
    InvalidEventError,
    MisplacedEventError,
)
from aether_engine.event import Event, ReplayError, StoredEvent
from aether_engine.store.sqlite.file import Connection
from aether_engine.store.sqlite.schema import SEQUENCE_BITS, SEQUENCE_MASK, checksum_seed, checksums_of

#: The columns of `events` that a `Row` holds, in this order.
COLUMNS: Final = "position, actor, version, recorded_at, checksum, raw"
#: The columns that a log is read with.
LOG_COLUMNS: Final = "recorded_at, checksum, raw"
Row = tuple[Any, ...]

#: From so many rows on it pays to decode them together.
_MANY: Final = 8
_KNOWN_ACTORS: Final = 65_536
_version_of: Final[Callable[[Event], int]] = attrgetter("version")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LOST: Final = "the part of the file that held it is damaged"


def moment_of(microseconds: object) -> datetime:
    """A `recorded_at` column as a time; what cannot be one is the epoch."""
    try:
        return codec.utc_from_microseconds(microseconds)  # type: ignore[arg-type]  # checked by trying
    except (OverflowError, TypeError):
        return EPOCH


def actor_names(connection: sqlite3.Connection, rows: Iterable[Row]) -> Callable[[int], str | None]:
    """The function that tells the id of each actor number in `rows`; None where that cannot be read."""
    known = getattr(connection, "known", None)
    if known is None or len(known) > _KNOWN_ACTORS:
        known = {}
        if isinstance(connection, Connection):
            connection.known = known
    for number in {row[1] for row in rows}.difference(known):
        try:
            row = connection.execute("SELECT actor_id FROM actors NOT INDEXED WHERE id = ?", (number,)).fetchone()
        except sqlite3.Error:
            continue  # A damaged list of actors costs no event.
        if row is not None:
            known[number] = str(row[0])
    return known.get


def decode_log(
    rows: Sequence[Row], namespace: int, sequences: Sequence[int], explain: Callable[[int], StoredEvent]
) -> list[StoredEvent]:
    """The events of `rows`, which have the columns `LOG_COLUMNS` and stand at `sequences`.

    `explain` tells what is wrong at a sequence. Which actor a row is filed under is left to those who read by
    actor: in a log of many actors that would cost more than the rest.
    """
    if len(rows) >= _MANY:
        decoded = _decode_all(rows, namespace, sequences)
        if decoded is not None:
            return decoded
    return _decode_each(rows, namespace, sequences, explain)


def _decode_all(rows: Sequence[Row], namespace: int, sequences: Sequence[int]) -> list[StoredEvent] | None:
    """All events of `rows` at once, None if one is wrong: replays and scans spend their time here."""
    recorded, checksums, raws = zip(*rows, strict=True)
    try:
        events = codec.decode_events(raws)
        moments: Iterable[datetime]
        if recorded.count(recorded[0]) == len(recorded):
            moments = repeat(codec.utc_from_microseconds(recorded[0]))
        else:
            moments = codec.utc_from_each(recorded)
        computed = checksums_of(raws, namespace, sequences, list(map(_version_of, events)), recorded)
    except (InvalidEventError, OverflowError, TypeError):
        return None
    if computed != checksums:
        return None
    return list(map(StoredEvent, sequences, moments, raws, events, repeat(None)))


def _decode_each(
    rows: Sequence[Row], namespace: int, sequences: Sequence[int], explain: Callable[[int], StoredEvent]
) -> list[StoredEvent]:
    """As `decode_log`, one by one."""
    stored: list[StoredEvent] = []
    append = stored.append
    decode = codec.decode_event
    recorded_before: object = None
    moment = EPOCH
    seed = 0
    for sequence, (recorded_at, checksum, raw) in zip(sequences, rows, strict=True):
        try:
            if recorded_at != recorded_before:
                moment = codec.utc_from_microseconds(recorded_at)
                seed = namespace ^ recorded_at ^ recorded_at >> 32
                recorded_before = recorded_at
            event = decode(raw)
            if crc32(raw, sequence ^ event.version ^ seed) == checksum:
                append(StoredEvent(sequence, moment, raw, event, None))
                continue
        except (InvalidEventError, OverflowError, TypeError):
            recorded_before = None
        append(explain(sequence))
    return stored


def decode_rows(rows: Sequence[Row], actor_name: Callable[[int], str | None]) -> list[StoredEvent]:
    """The events of `rows`, all of one namespace, checked against all their columns.

    `actor_name` tells the id of an actor's number, None if that is not known.
    """
    if not rows:
        return []
    sequences = [row[0] & SEQUENCE_MASK for row in rows]
    by_sequence = dict(zip(sequences, rows, strict=True))
    found = decode_log(
        [row[3:] for row in rows],
        rows[0][0] >> SEQUENCE_BITS,
        sequences,
        lambda sequence: explain_row(by_sequence[sequence], actor_name),
    )
    return [
        stored
        if stored.event is None or (stored.event.version == row[2] and stored.event.actor_id == actor_name(row[1]))
        else explain_row(row, actor_name)
        for stored, row in zip(found, rows, strict=True)
    ]


def explain_row(row: Row, actor_name: Callable[[int], str | None]) -> StoredEvent:
    """One row, slowly: an event, or what is wrong with it."""
    position, actor, version, recorded_at, checksum, raw = row
    sequence = position & SEQUENCE_MASK
    if type(raw) is not bytes:
        problem = InvalidEventError("", f"is stored as {type(raw).__name__}, not as bytes")
        return _damaged(sequence, moment_of(recorded_at), str(raw).encode("utf-8", "replace"), problem)
    error: Exception | None
    event = None
    try:
        computed = crc32(raw, checksum_seed(position, version, recorded_at))
        if computed != checksum:
            error = ChecksumMismatchError(checksum, computed)
        else:
            event = codec.decode_event(raw)
            error = _misplacement(event, version, actor_name(actor))
    except InvalidEventError as problem:
        error = problem.with_traceback(None)
    except (TypeError, ValueError):
        error = InvalidEventError("", "has a row whose numbers are not numbers")
    if error is None:
        return StoredEvent(sequence, moment_of(recorded_at), raw, event, None)
    return _damaged(sequence, moment_of(recorded_at), raw, error)


def is_intact(row: Row) -> bool:
    """Whether the row's checksum vouches for its bytes and its place."""
    position, _, version, recorded_at, checksum, raw = row
    try:
        return bool(crc32(raw, checksum_seed(position, version, recorded_at)) == checksum)
    except TypeError:
        return False


def lost_event(sequence: int, recorded_at: datetime) -> StoredEvent:
    """The place of an event that cannot be read at all."""
    return _damaged(sequence, recorded_at, b"", EventLostError(sequence, LOST))


def _misplacement(event: Event, version: object, actor_id: str | None) -> MisplacedEventError | None:
    if event.version != version:
        return MisplacedEventError("version", version, event.version)
    if actor_id is not None and event.actor_id != actor_id:
        return MisplacedEventError("actorId", actor_id, event.actor_id)
    return None


def _damaged(sequence: int, recorded_at: datetime, raw: bytes, error: Exception) -> StoredEvent:
    return StoredEvent(sequence, recorded_at, raw, None, ReplayError(sequence, raw, error))
