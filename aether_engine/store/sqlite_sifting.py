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

from aether_engine.store.protocols import Sieve, SieveDepth
from aether_engine.store.sqlite_reader import Reader, is_damage
from aether_engine.store.sqlite_rows import COLUMNS, Row
from aether_engine.store.sqlite_schema import first_position

#: Rows fetched in one go.
_ROWS: Final = 1024
#: Larger events are looked at one by one: a thousand of them would not fit into memory.
_LARGE: Final = 64 << 10

_RAW: Final = f"CASE WHEN length(raw) <= {_LARGE} THEN raw END"
_WITHIN: Final = "FROM events WHERE position BETWEEN ? AND ? ORDER BY position"
_BYTES: Final = f"SELECT {_RAW} {_WITHIN}"
_TIMES: Final = f"SELECT recorded_at, {_RAW} {_WITHIN}"
_ALL: Final = f"SELECT {COLUMNS.removesuffix('raw')} {_RAW} {_WITHIN}"
_RECORDED_AT: Final = COLUMNS.split(", ").index("recorded_at")


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
            picked, looked_to, met_large = self._look(sieve, namespace, first, stop, end, leaves_large)
            found.extend(picked)
            if met_large:
                return SiftedRange(found, looked_to, met_large=True)
            if looked_to >= last or perf_counter() >= end:
                return SiftedRange(found, looked_to)
            first = looked_to + 1

    def _look(
        self, sieve: Sieve, namespace: int, first: int, last: int, end: float, leaves_large: bool
    ) -> tuple[list[int], int, bool]:
        """What passes, how far the look went, and whether it ended in front of a large event."""
        rows = self._fetch(sieve, namespace, first, last)
        if rows is None:
            return *self._read(sieve, namespace, first, last), False
        raws: list[bytes] = [row[-1] for row in rows]
        if set(map(type, raws)) == {bytes}:
            return self._pick(sieve, rows, raws, first), last, False
        # What was left out for its size, or is no blob, is looked at by itself.
        found: list[int] = []
        begin = 0
        for place in [*(index for index, raw in enumerate(raws) if type(raw) is not bytes), len(raws)]:
            found += self._pick(sieve, rows[begin:place], raws[begin:place], first + begin)
            if place < len(raws):
                if leaves_large:
                    return found, first + place - 1, True
                found += self._read(sieve, namespace, first + place, first + place)[0]
                if perf_counter() >= end:
                    return found, first + place, False
            begin = place + 1
        return found, last, False

    def _fetch(self, sieve: Sieve, namespace: int, first: int, last: int) -> list[Row] | None:
        """The rows of a range; None if they are not all there."""
        base = first_position(namespace)
        sql = _ALL if sieve.depth is not SieveDepth.BYTES else _TIMES if sieve.needs_times else _BYTES

        def job(connection: sqlite3.Connection) -> list[Row] | None:
            try:
                return connection.execute(sql, (base + first, base + last)).fetchall()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None

        rows: list[Row] | None = self._reader.run(job, None)
        # Positions are unique, so that the right number of rows in a range are the right rows.
        return rows if rows is not None and len(rows) == last - first + 1 else None

    def _pick(self, sieve: Sieve, rows: list[Row], raws: list[bytes], first: int) -> list[int]:
        """What passes of rows that lie side by side in the log."""
        depth = sieve.depth
        if depth is not SieveDepth.ALL:
            times: list[int] = []
            if sieve.needs_times:
                column = _RECORDED_AT if depth is SieveDepth.SELECTED else 0
                times = [row[column] if type(row[column]) is int else 0 for row in rows]
            indexes = sieve.select(raws, first, times)
            if depth is SieveDepth.BYTES:
                return [first + index for index in indexes]
            rows = [rows[index] for index in indexes]
        return [stored.sequence for stored in self._reader.decode(rows) if sieve.matches(stored)]

    def _read(self, sieve: Sieve, namespace: int, first: int, last: int) -> tuple[list[int], int]:
        """The same for what is too large or damaged: slowly, with what can be saved."""
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
