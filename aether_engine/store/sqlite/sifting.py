"""Sifting a range of a log for the calling thread: in a process of its own, or in a reader thread.

Rows are fetched a thousand at a time, each such read standing for itself in the file. Nothing is decoded that the
sieve did not ask for; where rows are missing, the file is damaged, and the range is read with every care.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from aether_engine.event import StoredEvent
from aether_engine.store.protocols import Sieve, SieveDepth
from aether_engine.store.sqlite.reader import Reader, is_damage
from aether_engine.store.sqlite.row_query import COUNT_AND_SUM, FIRST_LARGE, RowQuery
from aether_engine.store.sqlite.rows import LOG_COLUMNS, Row, decode_log
from aether_engine.store.sqlite.schema import SEQUENCE_MASK, first_position

#: Rows fetched in one go.
_ROWS: Final = 1024
#: Rows that are passed over in one go where columns alone rule most of them out.
_PASSED_OVER: Final = 16 * _ROWS
#: Leaving rows out pays if that leaves one in so many.
_WORTHWHILE: Final = 3

_TYPES: Final = "SELECT id, name FROM event_types NOT INDEXED"
_NEWEST_TYPE: Final = "SELECT max(id) FROM event_types"
# How many columns the log is read with; they are the last ones of every row here.
_OF_LOG: Final = LOG_COLUMNS.count(",") + 1


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
        # The sieve, the newest event type and what was asked last.
        self._kept: tuple[Sieve, list[Row], RowQuery] | None = None

    def sift(
        self,
        sieve: Sieve,
        first: int,
        last: int,
        seconds: float,
        *,
        ends_with_hit: bool = False,
        leaves_large: bool = False,
    ) -> SiftedRange:
        """Look at the sequences from `first` up to `last`, or as far as one gets in `seconds`.

        With `ends_with_hit` it ends soon after the first that passes: somebody waits to see anything at all. With
        `leaves_large` an event ends the look whose decoding would keep this process from anything else for a
        while. Raises `AetherError` for a file that cannot be read at all.
        """
        found = array("q")
        namespace = self._reader.namespace_id(self._name)
        if namespace is None:
            return SiftedRange(found, last)
        end = perf_counter() + seconds
        look = _Look(self._reader, namespace, sieve, end, leaves_large)
        if sieve.depth is not SieveDepth.ALL:
            look.use(self._query(look, sieve, namespace))
        while True:
            picked, looked_to = look.at(first, last)
            found.extend(picked)
            if look.met_large or looked_to >= last or perf_counter() >= look.end or (found and ends_with_hit):
                return SiftedRange(found, looked_to, look.met_large)
            first = looked_to + 1

    def _query(self, look: _Look, sieve: Sieve, namespace: int) -> RowQuery:
        """What to ask of the rows: the same for all looks of a scan, as long as there are no more event types.

        There can be a million types: asking the sieve about each takes longer than a look.
        """
        newest = look.fetch(_NEWEST_TYPE, ())
        kept = self._kept
        if kept is not None and newest is not None and kept[0] is sieve and kept[1] == newest:
            return kept[2]
        types = look.fetch(_TYPES, ()) or ()
        query = RowQuery(sieve, namespace, {row[0]: str(row[1]) for row in types})
        self._kept = None if newest is None else (sieve, newest, query)
        return query


class _Look:
    """One look at a range. Its methods return what passes, and how far they got."""

    def __init__(self, reader: Reader, namespace: int, sieve: Sieve, end: float, leaves_large: bool) -> None:
        self._reader = reader
        self._namespace = namespace
        self._sieve = sieve
        self._leaves_large = leaves_large
        self.end = end
        self.met_large = False
        self._query = RowQuery(sieve, namespace, None)

    def use(self, query: RowQuery) -> None:
        """Ask this of the rows; at first none is left out."""
        self._query = query

    def at(self, first: int, last: int) -> tuple[list[int], int]:
        """Look at the first sequences of a range."""
        if self._sieve.depth is SieveDepth.ALL:
            return self._at_all(first, min(last, first + _ROWS - 1))
        if self._query.narrows:
            return self._at_some(first, min(last, first + _PASSED_OVER - 1))
        last = min(last, first + _ROWS - 1)
        rows = self.fetch(*self._query.statement(first, last, _ROWS))
        # Positions are unique, so that the right number of rows in a range are the right rows.
        if rows is None or len(rows) != last - first + 1:
            return self._read(first, last)
        return self._at_rows(rows, range(first, last + 1), last)

    def _at_some(self, first: int, last: int) -> tuple[list[int], int]:
        """Look only at what columns do not rule out."""
        rows = self.fetch(*self._query.statement(first, last, _ROWS))
        if rows is None:
            return self._read(first, min(last, first + _ROWS - 1))
        sequences = [row[0] & SEQUENCE_MASK for row in rows]
        if len(rows) == _ROWS:
            last = sequences[-1]
            if last - first < _WORTHWHILE * _ROWS:
                self._query = RowQuery(self._sieve, self._namespace, None)
        if not self._has_all(first, last):
            return self._read(first, min(last, first + _ROWS - 1))
        return self._at_rows(rows, sequences, last)

    def _has_all(self, first: int, last: int) -> bool:
        """Whether all rows are there, in their places: a scan of a damaged tree can end early, or repeat one."""
        base = first_position(self._namespace)
        rows = self.fetch(COUNT_AND_SUM, (base, base + first, base + last))
        count = last - first + 1
        return rows is not None and rows[0] == (count, (first + last) * count // 2)

    def _at_rows(self, rows: list[Row], sequences: Sequence[int], last: int) -> tuple[list[int], int]:
        raws: list[bytes] = [row[-1] for row in rows]
        if set(map(type, raws)) <= {bytes}:
            return self._select(rows, raws, sequences), last
        # What was left out for its size, or is no blob, is looked at by itself.
        found: list[int] = []
        begin = 0
        for place in [*(index for index, raw in enumerate(raws) if type(raw) is not bytes), len(raws)]:
            found += self._select(rows[begin:place], raws[begin:place], sequences[begin:place])
            begin = place + 1
            if place == len(raws):
                break
            if self._leaves_large:
                self.met_large = True
                return found, sequences[place] - 1
            found += self._at_one(sequences[place])
            if perf_counter() >= self.end:
                return found, sequences[place]
        return found, last

    def _at_one(self, sequence: int) -> list[int]:
        row = self._reader.row_at(first_position(self._namespace) + sequence)
        if row is None or type(row[-1]) is not bytes:
            return self._read(sequence, sequence)[0]
        return self._select([row], [row[-1]], [sequence])

    def _at_all(self, first: int, last: int) -> tuple[list[int], int]:
        if not self._leaves_large:
            return self._read(first, last)
        base = first_position(self._namespace)
        large = self.fetch(FIRST_LARGE, (base + first, base + last))
        if not large:
            return self._read(first, last)
        last = large[0][0] - base - 1
        found, looked_to = self._read(first, last) if first <= last else ([], last)
        self.met_large = looked_to == last
        return found, looked_to

    def _select(self, rows: list[Row], raws: list[bytes], sequences: Sequence[int]) -> list[int]:
        sieve = self._sieve
        times: list[int] = []
        if sieve.needs_times:
            recorded = [row[-_OF_LOG] for row in rows]
            times = [time if type(time) is int else 0 for time in recorded]
        indexes = sieve.select(raws, sequences, times)
        picked = [sequences[index] for index in indexes]
        if sieve.depth is SieveDepth.BYTES:
            return picked

        def explain(sequence: int) -> StoredEvent:
            return self._reader.read_points(self._namespace, [sequence], sequence)[0][0]

        of_log = [rows[index][-_OF_LOG:] for index in indexes]
        stored = decode_log(of_log, self._namespace, picked, explain)
        return [each.sequence for each in stored if sieve.matches(each)]

    def _read(self, first: int, last: int) -> tuple[list[int], int]:
        """With every check; large ones take a while."""
        batch = self._reader.read_range(self._namespace, first, last, None)
        if not batch:
            return [], last
        ignores_damage = self._sieve.depth is SieveDepth.BYTES
        found = [
            stored.sequence
            for stored in batch
            if self._sieve.matches(stored) and not (ignores_damage and stored.event is None)
        ]
        return found, batch[-1].sequence

    def fetch(self, sql: str, parameters: Sequence[int]) -> list[Row] | None:
        """The rows of a query; None where the file is damaged."""

        def job(connection: sqlite3.Connection) -> list[Row] | None:
            try:
                return connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None

        rows: list[Row] | None = self._reader.run(job, None)
        return rows
