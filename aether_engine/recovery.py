"""Writing what can be read of a damaged file into a new one, and listing the rest.

Rows are looked for on every page, without SQLite and without the schema, the counters or any index: an event
needs its own page and nothing else. Every event keeps its bytes, its sequence and the time it was recorded. What
says who an actor is or what a namespace is called is taken from its own rows where they can be read, else from
the events; namespaces whose names are lost are called `recovered_1` and so on, by their numbers.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from aether_engine import codec
from aether_engine.errors import InvalidEventError, NamespaceNameError, TransferError, UnsupportedFormatError
from aether_engine.event import Event
from aether_engine.patterns import check_namespace
from aether_engine.store.sqlite.cells import Value, is_event
from aether_engine.store.sqlite.file import RawFile, translate
from aether_engine.store.sqlite.pages import bad_pages
from aether_engine.store.sqlite.rebuild import RowWriter, new_file, publish
from aether_engine.store.sqlite.records import Cell, PageScanner
from aether_engine.store.sqlite.schema import (
    SEQUENCE_BITS,
    SEQUENCE_MASK,
    WITHOUT_ROWID,
    EventIdHash,
    checksum_seed,
    first_position,
)

#: No event's row is smaller than this: a file of N bytes never held more than N / this many.
_LEAST_ROW: Final = 64
_TELL_PAGES: Final = 256
_UNKNOWN_TYPE: Final = "unknown"

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecoveryProgress:
    """How far a recovery is: pages looked at, of how many, and events found."""

    pages: int
    total: int
    events: int


@dataclass(slots=True)
class RecoveryResult:
    """What a recovery wrote, and how much it had to leave: lost sequences, damaged events, unreadable pages."""

    namespaces: dict[str, int] = field(default_factory=dict)
    events: int = 0
    actors: int = 0
    snapshots: int = 0
    lost: int = 0
    damaged: int = 0
    pages: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing had to be left."""
        return not self.lost and not self.damaged and not self.pages


async def recover_file(
    source: Path,
    target: Path,
    *,
    on_item: Callable[[Item], None],
    progress: Callable[[RecoveryProgress], None] = lambda _: None,
) -> RecoveryResult:
    """Write what can be read of `source` into the new file `target`; never overwrites.

    `on_item` hears in a worker thread of everything that is not in `target`, as JSON values: `{"kind":"lost",
    "namespace","first","last"}`, `{"kind":"damaged","namespace","sequence","page","reason","rawBase64"}` and
    `{"kind":"page","page","offset","tree","reason"}`; `progress` of how far it is. Raises `TransferError` and,
    for a file that holds no event, `UnsupportedFormatError`; after an error, or when cancelled, there is no
    `target`.
    """
    stop = threading.Event()
    recovery = _Recovery(source, target, on_item, progress, stop)
    work = asyncio.ensure_future(asyncio.to_thread(recovery.run))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


class _StoppedError(Exception):
    """Nobody waits for the recovery any more."""


@dataclass(slots=True)
class _Namespace:
    """What the file says of a namespace, and what its log turns out to hold."""

    name: str = ""
    last_sequence: int = 0


class _Recovery:
    """One recovery, for a worker thread."""

    def __init__(
        self,
        source: Path,
        target: Path,
        on_item: Callable[[Item], None],
        progress: Callable[[RecoveryProgress], None],
        stop: threading.Event,
    ) -> None:
        self._source = source
        self._target = target
        self._on_item = on_item
        self._progress = progress
        self._stop = stop
        self._raw = RawFile(source)
        self._namespaces: dict[int, _Namespace] = {}
        self._actor_names: dict[int, str] = {}
        self._types: dict[int, str] = {}
        self._roots: dict[str, tuple[int, bool]] = {}
        self._result = RecoveryResult()
        self._hashes: dict[int, EventIdHash] = {}

    def run(self) -> RecoveryResult:
        """Everything; raises what `recover_file` does."""
        if self._target.exists():
            raise TransferError(str(self._target), "the file exists and was left as it is; choose another name")
        temporary = self._target.with_name(f".{self._target.name}.{secrets.token_hex(4)}.part")
        try:
            if not self._source.is_file():
                raise TransferError(str(self._source), "there is no such file")
            scanner = PageScanner(self._raw)
            try:
                self._read_names(scanner)
                with closing(new_file(temporary)) as connection:
                    self._write(connection, scanner)
            finally:
                scanner.release()
            publish(temporary, self._target)
        except (sqlite3.Error, OSError) as error:
            raise TransferError(str(self._target), str(translate(error, str(self._source)))) from error
        except _StoppedError:
            raise TransferError(str(self._target), "the recovery was stopped") from None
        finally:
            self._raw.release()
            for suffix in ("", "-wal", "-shm", "-journal"):
                with suppress(OSError):  # most are not there
                    temporary.with_name(temporary.name + suffix).unlink()
        return self._result

    # --- Reading ------------------------------------------------------------------------------------------------

    def _read_names(self, scanner: PageScanner) -> None:
        """The rows that say what namespaces, actors and types are called, wherever they stand."""
        found = 0
        for number, cells in self._pages(scanner):
            for cell in cells:
                found += is_event(cell.values)
                self._note(number, cell)
        if not found:
            raise UnsupportedFormatError(
                str(self._source), "a file that holds no event", "event files, also damaged ones"
            )

    def _note(self, number: int, cell: Cell) -> None:
        values = cell.values
        match values:
            case [None, str(name), int(last), int(_), (int() | None), (int() | None), int(_)]:
                known = self._namespaces.setdefault(cell.row_id, _Namespace())
                with suppress(NamespaceNameError):  # a damaged row, not one of ours
                    known.name = known.name or check_namespace(name)
                known.last_sequence = max(known.last_sequence, last)
            case [None, int(_), str(name), int(_), int(_), int(_)]:
                self._actor_names[cell.row_id] = name
            case [None, str(name)] if name:
                self._types[cell.row_id] = name
            case [str(kind), str(name), str(_), int(page), str(_)] if number == 1 and page > 0:
                self._roots[f"{kind} {name}"] = (page, kind == "table" and name not in WITHOUT_ROWID)

    def _pages(self, scanner: PageScanner) -> Iterator[tuple[int, list[Cell]]]:
        for done, (number, cells) in enumerate(scanner.cells()):
            if done % _TELL_PAGES == 0:
                if self._stop.is_set():
                    raise _StoppedError
                self._progress(RecoveryProgress(done, scanner.page_count, self._result.events))
            yield number, cells

    # --- Writing ------------------------------------------------------------------------------------------------

    def _write(self, connection: sqlite3.Connection, scanner: PageScanner) -> None:
        connection.execute("BEGIN")
        # The newest copy of a row may stand behind older ones, and damaged ones in front of whole ones.
        connection.execute(
            "CREATE TEMP TABLE damaged(position INTEGER PRIMARY KEY, page INTEGER, reason TEXT, raw BLOB)"
        )
        rows = RowWriter(connection, self._numbers_of_types())
        for number, cells in self._pages(scanner):
            for cell in cells:
                if is_event(cell.values):
                    self._take_event(connection, rows, number, cell)
                else:
                    _take_snapshot(connection, cell.values)
            self._result.events = rows.count
        rows.flush()
        self._result.events = rows.count
        self._drop_conflicts(connection)
        self._fill_in(connection, rows)
        self._list_rest(connection, scanner)
        connection.execute("COMMIT")

    def _numbers_of_types(self) -> dict[str, int]:
        numbers: dict[str, int] = {}
        for number, name in sorted(self._types.items()):
            numbers.setdefault(name, number)
        return numbers

    def _take_event(self, connection: sqlite3.Connection, rows: RowWriter, page: int, cell: Cell) -> None:
        position = cell.row_id
        _, actor, version, kind, id_hash, recorded, checksum, raw = cell.values
        assert isinstance(raw, bytes)
        assert isinstance(actor, int)
        assert isinstance(version, int)
        assert isinstance(kind, int)
        assert isinstance(recorded, int)
        sequence, namespace = position & SEQUENCE_MASK, position >> SEQUENCE_BITS
        # A checksum vouches for 32 bits of a place; no file of this size ever had one beyond.
        if not 0 < sequence <= self._raw.size() // _LEAST_ROW or namespace <= 0 or rows.has(position):
            return
        event, problem = _decoded(raw)
        if event is not None and crc32(raw, checksum_seed(position, event.version, recorded)) == checksum:
            # What the event says of itself counts, whatever its row says.
            hashed = self._hash(namespace).digest(event.id)
            rows.add(
                position,
                namespace,
                event.actor_id,
                event.version,
                event.event_type,
                hashed,
                recorded,
                checksum,
                raw,
            )
        elif crc32(raw, checksum_seed(position, version, recorded)) == checksum and (
            problem is not None or event is None or event.version != version
        ):
            # Stored as it is by whoever wrote it: no event, and byte for byte what it was.
            name = self._actor_names.get(actor, f"actor-{actor}")
            event_type = self._types.get(kind, _UNKNOWN_TYPE)
            rows.add(position, namespace, name, version, event_type, id_hash, recorded, checksum, raw)
        else:
            connection.execute(
                "INSERT OR IGNORE INTO damaged VALUES (?, ?, ?, ?)",
                (position, page, "its checksum does not fit", raw),
            )
            return
        self._namespaces.setdefault(namespace, _Namespace())

    def _hash(self, namespace: int) -> EventIdHash:
        found = self._hashes.get(namespace)
        if found is None:
            found = self._hashes[namespace] = EventIdHash(namespace)
        return found

    def _drop_conflicts(self, connection: sqlite3.Connection) -> None:
        """Of several events with one version of one actor, the first stays; an index must be able to hold them."""
        connection.execute("CREATE INDEX temporary ON events(actor, version)")
        again = connection.execute(
            "SELECT e.position, e.raw FROM events AS e INDEXED BY temporary WHERE EXISTS (SELECT 1 FROM events "
            "AS f "
            "WHERE f.actor = e.actor AND f.version = e.version AND f.position < e.position)"
        ).fetchall()
        for position, raw in again:
            connection.execute("DELETE FROM events WHERE position = ?", (position,))
            connection.execute(
                "INSERT OR REPLACE INTO damaged VALUES (?, 0, ?, ?)",
                (position, "an earlier event of its actor has the same version", raw),
            )
        self._result.events -= len(again)
        connection.execute("DROP INDEX temporary")

    def _fill_in(self, connection: sqlite3.Connection, rows: RowWriter) -> None:
        """Names, counters and indexes, made anew from the events."""
        rows.fill_in()
        taken: set[str] = set()
        most = self._raw.size() // _LEAST_ROW
        for number, namespace in sorted(self._namespaces.items()):
            first, last = first_position(number), first_position(number + 1) - 1
            highest = rows.last_sequence(number)
            damaged = connection.execute(
                "SELECT max(position) FROM damaged WHERE position > ? AND position <= ?", (first, last)
            ).fetchone()[0]
            if namespace.last_sequence <= most:
                highest = max(highest, namespace.last_sequence)
            if damaged is not None and damaged & SEQUENCE_MASK <= most:
                highest = max(highest, damaged & SEQUENCE_MASK)
            name = namespace.name if namespace.name and namespace.name not in taken else f"recovered_{number}"
            taken.add(name)
            if not highest:
                continue
            namespace.name, namespace.last_sequence = name, highest
            self._result.namespaces[name] = rows.add_namespace(number, name, highest)
        self._result.actors = connection.execute("SELECT count(*) FROM actors").fetchone()[0]
        connection.execute("DELETE FROM snapshots WHERE namespace NOT IN (SELECT id FROM namespaces)")
        self._result.snapshots = connection.execute("SELECT count(*) FROM snapshots").fetchone()[0]

    # --- The rest -----------------------------------------------------------------------------------------------

    def _list_rest(self, connection: sqlite3.Connection, scanner: PageScanner) -> None:
        names = dict(connection.execute("SELECT id, name FROM namespaces"))
        for position, page, reason, raw in connection.execute("SELECT * FROM damaged ORDER BY position"):
            number = position >> SEQUENCE_BITS
            sequence = position & SEQUENCE_MASK
            is_there = connection.execute("SELECT 1 FROM events WHERE position = ?", (position,)).fetchone()
            if is_there is not None or number not in names or sequence > self._namespaces[number].last_sequence:
                continue
            self._result.damaged += 1
            item: Item = {"kind": "damaged", "namespace": names[number], "sequence": sequence}
            if page:
                item["page"] = page
            self._on_item(item | {"reason": reason, "rawBase64": base64.b64encode(raw).decode("ascii")})
        for number, name in sorted(names.items()):
            for first, last in self._holes(connection, number):
                self._result.lost += last - first + 1
                self._on_item({"kind": "lost", "namespace": name, "first": first, "last": last})
        self._list_pages(scanner)

    def _holes(self, connection: sqlite3.Connection, number: int) -> Iterator[tuple[int, int]]:
        """Sequences that are neither written nor damaged."""
        base, expected = first_position(number), 1
        end = self._namespaces[number].last_sequence
        for (position,) in connection.execute(
            "SELECT position FROM events WHERE position > ? AND position <= ? UNION "
            "SELECT position FROM damaged WHERE position > ? AND position <= ? ORDER BY 1",
            (base, base + end, base, base + end),
        ):
            sequence = position - base
            if sequence > expected:
                yield expected, sequence - 1
            expected = sequence + 1
        if expected <= end:
            yield expected, end

    def _list_pages(self, scanner: PageScanner) -> None:
        pages = scanner.pages
        roots = {"the schema": (1, True), **self._roots}
        for bad in bad_pages(pages.page, pages.page_count, roots, self._stop.is_set):
            self._result.pages += 1
            self._on_item(
                {
                    "kind": "page",
                    "page": bad.number,
                    "offset": (bad.number - 1) * pages.page_size,
                    "tree": bad.tree,
                    "reason": bad.problem,
                }
            )


def _decoded(raw: bytes) -> tuple[Event | None, InvalidEventError | None]:
    try:
        return codec.decode_event(raw), None
    except InvalidEventError as error:
        return None, error


def _take_snapshot(connection: sqlite3.Connection, values: list[Value]) -> None:
    match values:
        case [int(namespace), str(actor_id), int(version), int(recorded), int(checksum), bytes(raw)] if (
            crc32(raw) == checksum and version > 0
        ):
            # Of several copies the newest counts.
            connection.execute(
                "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(namespace, actor_id, version) DO "
                "UPDATE "
                "SET recorded_at = excluded.recorded_at, checksum = excluded.checksum, raw = excluded.raw "
                "WHERE excluded.recorded_at > recorded_at",
                (namespace, actor_id, version, recorded, checksum, raw),
            )
