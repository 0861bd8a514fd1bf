"""How far a file's index over ids reaches, and what it leaves out at the end of a log."""

from __future__ import annotations

import sqlite3

from aether_engine.audit.file.counters import one_state
from aether_engine.audit.target import AuditLog
from aether_engine.store.sqlite.reader import Reader
from aether_engine.store.sqlite.schema import SEQUENCE_MASK, first_position


def ids_until(connection: sqlite3.Connection, number: int) -> int:
    """Up to which sequence of a namespace the index over ids is complete."""
    row = connection.execute("SELECT ids_until FROM namespaces WHERE id = ?", (number,)).fetchone()
    until = row[0] if row is not None and type(row[0]) is int else 0
    return max(0, min(until, SEQUENCE_MASK))


def id_sum_behind(connection: sqlite3.Connection, number: int, until: int, end: int) -> int:
    """The sum of the first eight bytes of the id hashes of events behind `until`, up to `end`."""
    first = first_position(number)
    rows = connection.execute(
        "SELECT id_hash FROM events WHERE position > ? AND position <= ?", (first + until, first + end)
    )
    return sum(int.from_bytes(id_hash[:8], "big", signed=True) for (id_hash,) in rows if type(id_hash) is bytes)


def ids_behind(reader: Reader, log: AuditLog) -> tuple[int, int]:
    """Up to which sequence of a log the index is complete, and `id_sum_behind` it. Raises `CorruptStoreError`."""

    def job(connection: sqlite3.Connection) -> tuple[int, int]:
        with one_state(connection):
            until = min(ids_until(connection, log.number), log.last)
            return until, id_sum_behind(connection, log.number, until, log.last)

    return reader.run(job, (0, 0))
