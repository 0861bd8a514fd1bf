"""Sifting a range of a log for the calling thread: in a process of its own, or in a reader thread.

Rows are fetched a thousand at a time, each such read standing for itself in the file. Nothing is decoded that the
sieve did not ask for; where rows are missing, the file is damaged, and the range is read with every care.
"""

from __future__ import annotations

import sqlite3
from array import array
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from aether_engine.event import StoredEvent
from aether_engine.store.protocols import Sieve, SieveDepth
from aether_engine.store.sqlite_reader import Reader, is_damage
from aether_engine.store.sqlite_rows import COLUMNS, LOG_COLUMNS, Row, decode_log
from aether_engine.store.sqlite_schema import first_position

#: Rows fetched in one go.
_ROWS: Final = 1024
#: Larger events are looked at one by one: a thousand of them would not fit into memory.
_LARGE: Final = 64 << 10

_RAW: Final = f"CASE WHEN length(raw) <= {_LARGE} THEN raw END"
_WITHIN: Final = "FROM events WHERE position BETWEEN ? AND ? ORDER BY position"
_BYTES: Final = f"SELECT {_RAW} {_WITHIN}"
_BYTES_AND_TIMES: Final = f"SELECT recorded_at, {_RAW} {_WITHIN}"
_COLUMNS: Final = f"SELECT {LOG_COLUMNS.removesuffix('raw')} {_RAW} {_WITHIN}"
_FIRST_LARGE: Final = (
    f"SELECT position FROM events WHERE position BETWEEN ? AND ? AND length(raw) > {_LARGE} "  # noqa: S608 (constants)
    "ORDER BY position LIMIT 1"
)

# Those of a whole row that the log is read with, which are its last ones.
_OF_LOG: Final = COLUMNS.count(",") - LOG_COLUMNS.count(",")


@dataclass(frozen=True, slots=True)
class SiftedRange:
    """What passed in a range up to `searched_to`, which lies before its end if the time was up.

    With `met_large` the event behind that is one of those that were to be left alone.
    """

    sequences: array[int]
    searched_to: int
    met_large: bool = False


class Sifter:
    """Sifts ranges of one namespace's log."""

    def __init__(self, reader: Reader, name: str) -> None:
        self._reader = reader
        self._name = name

    def sift(
        self, sieve: Sieve, first: int, last: int, seconds: float, *, leaves_large: bool = False
    ) -> SiftedRange:
        """Look at the sequences from `first` up to `last`, or as far as one gets in `seconds`.

        With `leaves_large` an event ends the look whose decoding would keep this process from anything else for a
        while. Raises `AetherError` for a file that cannot be read at all.
        """
        found = array("q")
        namespace = self._reader.namespace_id(self._name)
        if namespace is None:
            return SiftedRange(found, last)
        end = perf_counter() + seconds
        while True:
            stop = min(first + _ROWS - 1, last)
            large = self._first_large(namespace, first, stop) if leaves_large else None
            stop = stop if large is None else large - 1
            if first <= stop:
                picked, stop = self._look(sieve, namespace, first, stop, end)
                found.extend(picked)
            if large == stop + 1 or stop >= last or perf_counter() >= end:
                return SiftedRange(found, stop, met_large=large == stop + 1)
            first = stop + 1

    def _first_large(self, namespace: int, first: int, last: int) -> int | None:
        base = first_position(namespace)
        rows = self._fetch(_FIRST_LARGE, base + first, base + last)
        return rows[0][0] - base if rows else None

    def _look(self, sieve: Sieve, namespace: int, first: int, last: int, end: float) -> tuple[list[int], int]:
        """What passes, and how far the look went."""
        base = first_position(namespace)
        if sieve.depth is SieveDepth.ALL:
            return self._read(sieve, namespace, first, last)
        proves = sieve.depth is SieveDepth.SELECTED
        sql = _COLUMNS if proves else _BYTES_AND_TIMES if sieve.needs_times else _BYTES
        rows = self._fetch(sql, base + first, base + last)
        # Positions are unique, so that the right number of rows in a range are the right rows.
        if rows is None or len(rows) != last - first + 1:
            return self._read(sieve, namespace, first, last)
        raws: list[bytes] = [row[-1] for row in rows]
        if set(map(type, raws)) == {bytes}:
            return self._select(sieve, namespace, first, raws, rows), last
        # What was left out for its size, or is no blob, is looked at by itself.
        found: list[int] = []
        begin = 0
        for place in [*(index for index, raw in enumerate(raws) if type(raw) is not bytes), len(raws)]:
            found += self._select(sieve, namespace, first + begin, raws[begin:place], rows[begin:place])
            begin = place + 1
            if place < len(raws):
                found += self._look_at_one(sieve, namespace, first + place)
                if perf_counter() >= end:
                    return found, first + place
        return found, last

    def _look_at_one(self, sieve: Sieve, namespace: int, sequence: int) -> list[int]:
        row = self._reader.row_at(first_position(namespace) + sequence)
        if row is None or type(row[-1]) is not bytes:
            return self._read(sieve, namespace, sequence, sequence)[0]
        return self._select(sieve, namespace, sequence, [row[-1]], [row[_OF_LOG:]])

    def _select(self, sieve: Sieve, namespace: int, first: int, raws: list[bytes], rows: list[Row]) -> list[int]:
        """What passes of rows that lie side by side in the log."""
        times = [row[0] if type(row[0]) is int else 0 for row in rows] if sieve.needs_times else []
        indexes = sieve.select(raws, first, times)
        sequences = [first + index for index in indexes]
        if sieve.depth is SieveDepth.BYTES:
            return sequences

        def explain(sequence: int) -> StoredEvent:
            return self._reader.read_points(namespace, [sequence], sequence)[0][0]

        stored = decode_log([rows[index] for index in indexes], namespace, sequences, explain)
        return [each.sequence for each in stored if sieve.matches(each)]

    def _read(self, sieve: Sieve, namespace: int, first: int, last: int) -> tuple[list[int], int]:
        """What passes of events that are read with every check, and how far that went: large ones take a while."""
        batch = self._reader.read_range(namespace, first, last, None)
        if not batch:
            return [], last
        ignores_damage = sieve.depth is SieveDepth.BYTES
        found = [
            stored.sequence
            for stored in batch
            if sieve.matches(stored) and not (ignores_damage and stored.event is None)
        ]
        return found, batch[-1].sequence

    def _fetch(self, sql: str, first: int, last: int) -> list[Row] | None:
        """The rows of a range of positions; None where the file is damaged."""

        def job(connection: sqlite3.Connection) -> list[Row] | None:
            try:
                return connection.execute(sql, (first, last)).fetchall()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None

        rows: list[Row] | None = self._reader.run(job, None)
        return rows
