"""Reading the log in a worker thread: ranges, actors, counts — and going on where the file is damaged.

A batch is read by a range of positions, so that no read transaction stays open between batches. Positions have
no holes: what a range does not yield is looked for one by one, then in the pages themselves
(`salvage`), and what is found nowhere is reported as lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from operator import lt
from typing import Any, Final, TypeVar

from aether_engine.errors import CorruptStoreError
from aether_engine.event import ActorSnapshot, StoredEvent
from aether_engine.store.protocols import StoredSnapshot
from aether_engine.store.sqlite.connections import FileAbsentError, ReadConnections
from aether_engine.store.sqlite.file import RawFile, beside, is_corruption, translate
from aether_engine.store.sqlite.rows import (
    COLUMNS,
    EPOCH,
    LOG_COLUMNS,
    Row,
    actor_names,
    decode_log,
    decode_rows,
    explain_row,
    is_intact,
    lost_event,
    moment_of,
)
from aether_engine.store.sqlite.salvage import Salvage
from aether_engine.store.sqlite.schema import MAX_NAMESPACE, SEQUENCE_MASK, EventIdHash, first_position
from aether_engine.store.sqlite.snapshots import decode_snapshots, read_page

T = TypeVar("T")

#: Rows fetched and decoded in one go: few enough for the processor's cache, and for memory where they are large.
CHUNK: Final = 128
#: As many once it is seen that they are as small as most: on average no larger than this.
_CHUNK_OF_SMALL: Final = 256
_SMALL: Final = 4096
#: A batch ends early when its raw bytes pass this.
BATCH_BYTES: Final = 16 << 20
#: No event's row is smaller than this in a file: an honest log of N bytes holds at most N / this many.
_LEAST_ROW: Final = 64

_RANGE: Final = f"SELECT {COLUMNS} FROM events WHERE position BETWEEN ? AND ? ORDER BY position"  # noqa: S608 (constants)
_LOG: Final = f"SELECT {LOG_COLUMNS} FROM events WHERE position BETWEEN ? AND ? ORDER BY position"  # noqa: S608 (constants)
_POINT: Final = f"SELECT {COLUMNS} FROM events WHERE position = ?"  # noqa: S608 (constants)
_STREAM: Final = (
    f"SELECT {COLUMNS} FROM events INDEXED BY events_by_actor "  # noqa: S608 (constants)
    "WHERE actor = ? AND version BETWEEN ? AND ? ORDER BY version LIMIT ?"
)
_PLACES: Final = (
    "SELECT version, position FROM events INDEXED BY events_by_actor "
    "WHERE actor = ? AND version BETWEEN ? AND ? ORDER BY version LIMIT ?"
)

_BY_ID: Final = (
    "SELECT e.position FROM event_ids AS i CROSS JOIN events AS e ON e.position = i.position "
    "WHERE i.id_prefix = ? AND e.id_hash = ?"
)
_BY_LATE_ID: Final = (
    "SELECT position FROM events WHERE position > coalesce((SELECT ids_until FROM namespaces WHERE id = ?), 0) "
    "+ ? "
    "AND position <= ? AND id_hash = ?"
)


class Reader:
    """Answers every question about a file, for the calling thread; driver errors come out translated."""

    def __init__(self, connections: ReadConnections, raw: RawFile, url: str) -> None:
        self.connections = connections
        self.raw = raw
        self.url = url
        self._namespaces: dict[str, int] = {}
        self._salvage: Salvage | None = None

    def namespace_id(self, name: str) -> int | None:
        """The number of a namespace, None while it has none."""
        number = self._namespaces.get(name)
        if number is None:
            number = self.run(lambda connection: self.names(connection), {}).get(name)
            if number is not None:
                self._namespaces[name] = number
        return number

    def last_sequence(self, name: str) -> int:
        """The highest sequence handed out in a namespace."""
        namespace = self.namespace_id(name)
        if namespace is None:
            return 0
        return self.run(lambda connection: self._last_sequence(connection, namespace), 0)

    def sequence_of(self, name: str, event_id: str) -> int | None:
        """Where the event with an id is: by the index, behind its end by reading."""
        namespace = self.namespace_id(name)
        if namespace is None or not is_text(event_id):
            return None
        digest = EventIdHash(namespace).digest(event_id)
        prefix = int.from_bytes(digest[:8], "big", signed=True)
        base = first_position(namespace)

        def job(connection: sqlite3.Connection) -> int | None:
            try:
                row = connection.execute(_BY_ID, (prefix, digest)).fetchone()
                if row is None:
                    row = connection.execute(
                        _BY_LATE_ID, (namespace, base, base + SEQUENCE_MASK, digest)
                    ).fetchone()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None
            return None if row is None else row[0] & SEQUENCE_MASK

        return self.run(job, None)

    def snapshots(self, name: str, actor_id: str, *, latest_only: bool) -> list[ActorSnapshot]:
        """The readable snapshots of an actor by version."""
        namespace = self.namespace_id(name)
        if namespace is None or not is_text(actor_id):
            return []

        def job(connection: sqlite3.Connection) -> list[ActorSnapshot]:
            return decode_snapshots(connection, namespace, actor_id, latest_only=latest_only)

        return self.run(job, [])

    def snapshot_page(
        self, name: str, actor_id: str | None, after: tuple[str, int], limit: int
    ) -> list[StoredSnapshot]:
        """Snapshots behind one, by actor and version, damaged ones included."""
        namespace = self.namespace_id(name)
        if namespace is None or (actor_id is not None and not is_text(actor_id)):
            return []
        number: int = namespace
        return self.run(lambda connection: read_page(connection, number, actor_id, after, limit), [])

    # What the cursors below are made of.

    def read_range(self, namespace: int, first: int, last: int, predecessor: datetime | None) -> list[StoredEvent]:
        """The events at sequences `first` to `last`, or a shorter beginning of them if they are large."""
        base = first_position(namespace)

        def job(connection: sqlite3.Connection) -> list[StoredEvent] | None:
            def explain(sequence: int) -> StoredEvent:
                # A damaged tree may yield a row in passing and not find it when it is looked for.
                rows = connection.execute(_POINT, (base + sequence,)).fetchall()
                return explain_row(rows[0], actor_names(connection, rows))

            stored: list[StoredEvent] = []
            size = 0
            try:
                start = first
                while start <= last:
                    length = _CHUNK_OF_SMALL if 0 < size <= _SMALL * (start - first) else CHUNK
                    sequences = range(start, min(start + length, last + 1))
                    rows = connection.execute(_LOG, (base + sequences[0], base + sequences[-1])).fetchall()
                    # All row ids of a range are there if there are as many rows: they need not be read.
                    if len(rows) != len(sequences):
                        return None
                    stored += decode_log(rows, namespace, sequences, explain)
                    size += sum([len(row[2]) for row in rows])
                    if size > BATCH_BYTES:
                        break
                    start += length
            except (sqlite3.Error, TypeError, IndexError) as error:
                if isinstance(error, sqlite3.Error) and not is_damage(error):
                    raise
                return None
            return stored if stored and (size > BATCH_BYTES or stored[-1].sequence == last) else None

        stored = self.run(job, [])
        if stored is not None:
            return stored
        return self._read_damaged_range(namespace, first, min(last, first + 999), predecessor)

    def read_points(self, namespace: int, sequences: Sequence[int], last: int) -> tuple[list[StoredEvent], int]:
        """The events at `sequences` up to `last`, or at a beginning of them if they are large, and of how many."""
        base = first_position(namespace)
        wanted = [sequence if 1 <= sequence <= last else 0 for sequence in sequences]

        def job(connection: sqlite3.Connection) -> list[Row | None]:
            rows: list[Row | None] = []
            size = 0
            for sequence in wanted:
                row: Row | None = None
                try:
                    row = connection.execute(_POINT, (base + sequence,)).fetchone() if sequence else None
                except sqlite3.Error as error:
                    if not is_damage(error):
                        raise
                rows.append(row)
                size += len(row[5]) if row is not None and type(row[5]) is bytes else 0
                if size > BATCH_BYTES:
                    break
            return rows

        rows = self.run(job, [])
        found = {event.sequence: event for event in self.decode([row for row in rows if row is not None])}
        stored: list[StoredEvent] = []
        for sequence in wanted[: len(rows)]:
            if sequence and sequence not in found:
                # A file has no holes: what is not found is damaged or lost, and said to be.
                found[sequence] = self._read_damaged_range(namespace, sequence, sequence, None)[0]
            if sequence:
                stored.append(found[sequence])
        return stored, len(rows) or len(sequences)

    def places(self, actor: int, first: int, last: int, limit: int) -> list[tuple[int, int]]:
        """Version and position of an actor's events with versions `first` to `last`; raises `DamagedError`."""

        def job(connection: sqlite3.Connection) -> list[tuple[int, int]]:
            try:
                return connection.execute(_PLACES, (actor, first, last, min(limit, 2**63 - 1))).fetchall()
            except sqlite3.Error as error:
                if is_damage(error):
                    raise DamagedError from error
                raise

        places = self.run(job, [])
        if not _rise([version for version, _ in places], first, last):
            raise DamagedError
        return places

    def row_at(self, position: int) -> Row | None:
        """One row by its place, also from a damaged part of the file."""

        def job(connection: sqlite3.Connection) -> Row | None:
            try:
                row: Row | None = connection.execute(_POINT, (position,)).fetchone()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None
            return row

        return self.run(job, None)

    def decode(self, rows: Iterable[Row]) -> list[StoredEvent]:
        """The events of rows that were fetched one by one."""
        fetched = list(rows)
        return self.run(lambda connection: decode_rows(fetched, actor_names(connection, fetched)), [])

    def recorded_at(self, namespace: int, sequence: int) -> datetime:
        """When the event at a sequence was recorded, the epoch if that cannot be read."""
        row = self.row_at(first_position(namespace) + sequence) if sequence > 0 else None
        return EPOCH if row is None else moment_of(row[3])

    def actor_number(self, namespace: int, actor_id: str) -> tuple[int, int, int] | None:
        """Number, event count and latest version of an actor; raises `DamagedError`."""

        def job(connection: sqlite3.Connection) -> tuple[int, int, int] | None:
            try:
                row: tuple[int, int, int] | None = connection.execute(
                    "SELECT id, event_count, latest_version FROM actors INDEXED BY actors_by_name "
                    "WHERE namespace = ? AND actor_id = ?",
                    (namespace, actor_id),
                ).fetchone()
                if row is not None:
                    number, count, _ = row
                    found = connection.execute(
                        "SELECT count(*) FROM events INDEXED BY events_by_actor WHERE actor = ?", (number,)
                    ).fetchone()[0]
                    if found != count:
                        raise DamagedError
                return row
            except sqlite3.Error as error:
                if is_damage(error):
                    raise DamagedError from error
                raise

        return self.run(job, None)

    def stream(self, actor: int, first: int, last: int, limit: int) -> tuple[list[StoredEvent], int]:
        """An actor's events with versions `first` to `last`, at most `limit`, and the version of the last one.

        Raises `DamagedError` when the index over versions cannot be read.
        """

        def job(connection: sqlite3.Connection) -> tuple[list[StoredEvent], int] | None:
            stored: list[StoredEvent] = []
            size, version, following = 0, first, first
            try:
                cursor = connection.execute(_STREAM, (actor, first, last, min(limit, 2**63 - 1)))
                while rows := cursor.fetchmany(CHUNK):
                    if not _rise([row[2] for row in rows], following, last):
                        return None
                    stored += decode_rows(rows, actor_names(connection, rows))
                    version = rows[-1][2]
                    following = version + 1
                    size += sum([len(row[5]) for row in rows])
                    if size > BATCH_BYTES:
                        break
                cursor.close()
            except (sqlite3.Error, TypeError) as error:
                if isinstance(error, sqlite3.Error) and not is_damage(error):
                    raise
                return None
            return stored, version

        found = self.run(job, ([], first))
        return self._damaged_stream(actor, first, last, min(limit, 1000)) if found is None else found

    def _damaged_stream(self, actor: int, first: int, last: int, limit: int) -> tuple[list[StoredEvent], int]:
        stored: list[StoredEvent] = []
        places = self.places(actor, first, last, limit)
        for _, position in places:
            row = self.row_at(position) or self.rescued(position, position).get(position)
            if row is None:
                namespace, sequence = position >> 40, position & SEQUENCE_MASK
                stored.append(lost_event(sequence, self.recorded_at(namespace, sequence - 1)))
            else:
                stored += self.decode([row])
        return stored, places[-1][0] if places else first

    def _read_damaged_range(
        self, namespace: int, first: int, last: int, predecessor: datetime | None
    ) -> list[StoredEvent]:
        base = first_position(namespace)
        rows: dict[int, Row] = {}

        def job(connection: sqlite3.Connection) -> None:
            try:
                for row in connection.execute(_RANGE, (base + first, base + last)):
                    rows[row[0]] = row
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise

        self.run(job, None)
        for position in range(base + first, base + last + 1):
            if position not in rows:
                row = self.row_at(position)
                if row is not None:
                    rows[position] = row
        if any(position not in rows for position in range(base + first, base + last + 1)):
            rows = self.rescued(base + first, base + last) | rows
        stored = {event.sequence: event for event in self.decode(rows.values())}
        before = self.recorded_at(namespace, first - 1) if predecessor is None else predecessor
        result: list[StoredEvent] = []
        for sequence in range(first, last + 1):
            event = stored.get(sequence)
            if event is None:
                event = lost_event(sequence, before)
            before = event.recorded_at
            result.append(event)
        return result

    def rescued(self, first: int, last: int) -> dict[int, Row]:
        """The rows at positions `first` to `last` that can be read from the pages themselves."""
        return self._salvaged(lambda salvage: salvage.rows(first, last))

    def rescued_columns(self, first: int, last: int) -> dict[int, tuple[Any, ...]]:
        """The same with all columns of `events`."""
        return self._salvaged(lambda salvage: salvage.columns(first, last))

    def _salvaged(self, look: Callable[[Salvage], T]) -> T:
        try:
            if self._salvage is None or self._salvage.is_outdated():
                self._salvage = Salvage(self.raw)
            return look(self._salvage)
        except OSError as error:
            raise translate(error, self.url) from error

    def run(self, job: Callable[[sqlite3.Connection], T], absent: Any) -> T:
        """The result of `job`, `absent` while there is no file; driver errors come out translated."""
        try:
            return self.connections.run(job)
        except FileAbsentError:
            return absent  # type: ignore[no-any-return]  # what `job` returns for nothing
        except (sqlite3.Error, OSError, MemoryError) as error:
            raise translate(error, self.url) from error

    def names(self, connection: sqlite3.Connection) -> dict[str, int]:
        """The numbers of all namespaces. Raises `CorruptStoreError`."""
        # The index holds both columns, so it stands in for a damaged table, and the other way round.
        names: dict[str, int] = {}
        failed = 0
        for source in ("INDEXED BY namespaces_by_name", "NOT INDEXED"):
            try:
                rows = connection.execute(f"SELECT name, id FROM namespaces {source}").fetchall()  # noqa: S608 (constants)
                # Nobody gave out the others, and row ids have no room for them.
                names |= {
                    str(name): number
                    for name, number in rows
                    if type(number) is int and 0 <= number <= MAX_NAMESPACE
                }
            except sqlite3.Error as error:
                if not is_corruption(error):
                    raise
                failed += 1
        if failed == 2:
            raise CorruptStoreError(self.url, "the names of its namespaces cannot be read; restore it from a copy")
        return names

    def _last_sequence(self, connection: sqlite3.Connection, namespace: int) -> int:
        limit = self._capacity() // _LEAST_ROW
        base = first_position(namespace)
        counted = found = 0
        damaged = False
        try:
            row = connection.execute("SELECT last_sequence FROM namespaces WHERE id = ?", (namespace,)).fetchone()
            counted = row[0] if row is not None and type(row[0]) is int else 0
        except sqlite3.Error as error:
            if not is_corruption(error):
                raise
            damaged = True
        try:
            found = connection.execute(
                "SELECT max(position) FROM events WHERE position > ? AND position <= ?", (base, base + limit)
            ).fetchone()[0]
            found = 0 if found is None else found - base
            if not 0 <= found <= limit:
                # A tree out of order yields what was not asked for.
                found, damaged = 0, True
        except sqlite3.Error as error:
            if not is_corruption(error):
                raise
            damaged = True
        if counted > limit:
            # No file of this size ever held so many.
            counted, damaged = 0, True
        if damaged:
            if self._salvage is None or self._salvage.is_outdated():
                self._salvage = Salvage(self.raw)
            found = max(found, self._salvage.last_position(base, base + limit) - base)
        if counted < found != self._trusted(connection, base, found):
            found = counted
        return max(counted, found)

    def _trusted(self, connection: sqlite3.Connection, base: int, sequence: int) -> int:
        """`sequence` if the row there is what was written there, else 0: a flipped bit can move a row."""
        row = connection.execute(_POINT, (base + sequence,)).fetchone() or self.rescued(
            base + sequence, base + sequence
        ).get(base + sequence)
        return sequence if row is not None and is_intact(row) else 0

    def _capacity(self) -> int:
        """How many bytes the log may have had, also before the file was cut off."""
        wal = beside(self.raw.path, "-wal")
        with suppress(OSError):
            size = self.raw.size()
            head = self.raw.read_at(16, 16)
            claimed = int.from_bytes(head[12:16], "big") * (int.from_bytes(head[:2], "big") or 1)
            return max(size, min(claimed, 64 * size)) + (wal.stat().st_size if wal.exists() else 0)
        return 0


def _rise(versions: list[int], first: int, last: int) -> bool:
    """Whether versions of an actor are from `first` to `last`, each above the one in front of it.

    An index out of order yields others; who goes on behind the last one would never come to an end.
    """
    try:
        return not versions or (
            first <= versions[0] and versions[-1] <= last and all(map(lt, versions, versions[1:]))
        )
    except TypeError:  # what is no number is damage as well
        return False


class DamagedError(Exception):
    """An index cannot be read and the log must be read instead; never leaves the store."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether going on behind the place makes sense; a hostile value that is not text counts as well."""
    return is_corruption(error) or "decode to UTF-8" in str(error)


def is_text(text: str) -> bool:
    """Whether `text` can be in a file at all: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
