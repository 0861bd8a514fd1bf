"""Writing an event file from rows, past the store: for copies that keep sequences, times and damage."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from aether_engine.errors import TransferError
from aether_engine.store.sqlite.schema import INDEXES, PAGE_SIZE, SEQUENCE_MASK, create_schema, first_position

_INSERT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LATE: Final = ("events_by_actor", "actors_by_name")
#: Rows that are written together.
_AT_ONCE: Final = 1000


class RowWriter:
    """Rows on their way into the new file: a thousand at a time, with numbers for their actors and types."""

    def __init__(self, connection: sqlite3.Connection, types: dict[str, int] | None = None) -> None:
        """`types` are numbers that event types have already. Belongs into a transaction."""
        create_schema(connection)
        # Sorting once is many times faster than inserting at random.
        for name in _LATE:
            connection.execute(f"DROP INDEX {name}")
        self._connection = connection
        self._rows: dict[int, tuple[Any, ...]] = {}
        self.actors: dict[tuple[int, str], int] = {}
        self.types = dict(types or {})
        self._next_type = max(self.types.values(), default=0) + 1
        self.count = 0

    def has(self, position: int) -> bool:
        """Whether the place is taken."""
        return (
            position in self._rows
            or self._connection.execute("SELECT 1 FROM events WHERE position = ?", (position,)).fetchone()
            is not None
        )

    def add(
        self,
        position: int,
        namespace: int,
        actor_id: str,
        version: int,
        event_type: str,
        id_hash: object,
        recorded: int,
        checksum: object,
        raw: bytes,
    ) -> None:
        """Have a row written."""
        actor = self.actors.setdefault((namespace, actor_id), len(self.actors) + 1)
        kind = self.types.get(event_type)
        if kind is None:
            kind = self.types[event_type] = self._next_type
            self._next_type += 1
        self._rows[position] = (position, actor, version, kind, id_hash, recorded, checksum, raw)
        self.count += 1
        if len(self._rows) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._connection.executemany(_INSERT, [self._rows[position] for position in sorted(self._rows)])
        self._rows.clear()

    def fill_in(self) -> None:
        """Write what waits, then names, counters and indexes, made from the events that are there."""
        self.flush()
        connection = self._connection
        connection.executemany("INSERT INTO event_types VALUES (?, ?)", [(n, t) for t, n in self.types.items()])
        connection.executemany(
            "INSERT INTO actors VALUES (?, ?, ?, 0, 0, 0)",
            [(number, namespace, name) for (namespace, name), number in self.actors.items()],
        )
        for name in _LATE:
            connection.execute(INDEXES[name])
        connection.execute(
            "UPDATE actors SET (event_count, latest_version, last_sequence) = (SELECT count(*), "
            "coalesce(max(version), 0), coalesce(max(position), 0) & ? FROM events INDEXED BY events_by_actor "
            "WHERE actor = actors.id)",
            (SEQUENCE_MASK,),
        )
        connection.execute("DELETE FROM actors WHERE event_count = 0")
        connection.create_function("prefix", 1, _prefix, deterministic=True)
        connection.execute("INSERT INTO event_ids SELECT prefix(id_hash), position FROM events ORDER BY 1, 2")

    def last_sequence(self, namespace: int) -> int:
        """The highest sequence that is there, 0 without any."""
        highest = self._connection.execute(
            "SELECT max(position) FROM events WHERE position > ? AND position < ?",
            (first_position(namespace), first_position(namespace + 1)),
        ).fetchone()[0]
        return 0 if highest is None else int(highest & SEQUENCE_MASK)

    def add_namespace(self, number: int, name: str, last_sequence: int) -> int:
        """Write a namespace and its counters; returns how many events it has."""
        count, size, early, late = self._connection.execute(
            "SELECT count(*), coalesce(sum(length(raw)), 0), min(recorded_at), max(recorded_at) "
            "FROM events WHERE position > ? AND position < ?",
            (first_position(number), first_position(number + 1)),
        ).fetchone()
        self._connection.execute(
            "INSERT INTO namespaces VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, name, last_sequence, size, early, late, last_sequence),
        )
        return int(count)


def new_file(path: Path) -> sqlite3.Connection:
    """A connection to a new file, made under a name of its own until `publish`."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    # It is made under a name of its own, and synchronised before it gets its own.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _prefix(id_hash: bytes) -> int:
    return int.from_bytes(id_hash[:8], "big", signed=True)


def publish(temporary: Path, target: Path) -> None:
    """Give a file that is complete its name; never overwrites. Raises `TransferError` and `OSError`."""
    with closing(sqlite3.connect(temporary)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    try:
        # A second name fails where a file came to be meanwhile; a rename would replace it.
        os.link(temporary, target)
    except FileExistsError:
        raise TransferError(str(target), "the file exists and was left as it is; choose another name") from None
    except OSError:
        temporary.replace(target)
