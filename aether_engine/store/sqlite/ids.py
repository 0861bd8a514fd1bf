"""Which event ids a file holds: an index that lags, and in memory what it lags by.

Ids come at random, so an index that took in each one at once would rewrite most of its pages in every large save.
`event_ids` is complete up to `namespaces.ids_until`; the hashes behind that are held here, read from the log
itself when a writer opens or another one wrote, and moved into the index in sorted slices. Nothing depends on a
slice having been written: what is moved again is ignored, and `ids_until` advances with the last one.
"""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final

from aether_engine.store.sqlite.file import is_corruption
from aether_engine.store.sqlite.schema import ID_HASH_LENGTH, SEQUENCE_BITS, first_position

#: Ids that are held in memory, at most some 30 MB, before they are moved into the index while others wait to save.
LAG = 262_144
#: Ids that are worth moving while nobody saves.
WORTH_MOVING = 4096
#: Ids that are moved in one transaction: some ten milliseconds.
SLICE = 8192
#: Ids looked up by one statement; well below the smallest limit that SQLite was ever built with by default.
_LOOK_UP: Final = 500
#: Seconds after which moving is tried again when it failed.
_PAUSE: Final = 60.0

#: Rows of the index that one statement writes, and bytes of one.
_AT_ONCE: Final = 400
_ROW: Final = 16

_FIND: Final = (
    "SELECT e.position FROM event_ids AS i CROSS JOIN events AS e ON e.position = i.position "
    "WHERE i.id_prefix = ? AND e.id_hash = ?"
)
_PROBE: Final = "SELECT 1 FROM wanted CROSS JOIN event_ids ON id_prefix = prefix LIMIT 1"
_INSERT: Final = "INSERT OR IGNORE INTO event_ids(id_prefix, position) VALUES (?, ?)"
_INSERT_MANY: Final = _INSERT + ", (?, ?)" * (_AT_ONCE - 1)
_COUNTERS: Final = "SELECT ids_until, last_sequence FROM namespaces WHERE id = ?"
_RECENT: Final = (
    "SELECT id_hash, position FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
)


class EventIds:
    """The ids of all namespaces that a writer has written to; belongs to its transactions."""

    def __init__(self, look: Callable[[], sqlite3.Connection]) -> None:
        # A connection that met damage does not commit any more, so the log is read with another one.
        self._look = look
        self._lag = LAG
        self._not_before = 0.0
        # Rows of the index as bytes, prefix in front of position: to sort and to hold in little memory.
        self._round: list[bytes] = []
        self._round_known: dict[int, int] = {}
        self._moved = 0
        self.forget()

    def forget(self) -> None:
        """Read everything anew: a transaction failed, and what was learned in it is not so."""
        # All hashes behind the index.
        self._recent: set[bytes] = set()
        # Where they are, by namespace: those of events that follow one another, from a first position on.
        self._runs: dict[int, list[tuple[int, list[bytes]]]] = {}
        self._until: dict[int, int] = {}
        self._known: dict[int, int] = {}
        self._fresh: set[int] = set()
        self._is_empty: bool | None = None
        self._end_round()

    def expire(self) -> None:
        """Another connection wrote: look for what it added before the next answer."""
        self._fresh.clear()
        self._is_empty = None

    def is_due(self) -> bool:
        """Whether there is a slice to be moved."""
        return (bool(self._round) or len(self._recent) >= self._lag) and time.monotonic() >= self._not_before

    def is_behind(self) -> bool:
        """Whether a pause should be used to move a slice."""
        return (
            bool(self._round) or len(self._recent) >= min(WORTH_MOVING, self._lag)
        ) and time.monotonic() >= self._not_before

    def is_worth_moving(self) -> bool:
        """Whether a store that closes should move what it holds."""
        return bool(self._recent) and time.monotonic() >= self._not_before

    def postpone(self) -> None:
        """Moving failed; no save shall suffer from that, so try it again much later."""
        self.forget()
        self._not_before = time.monotonic() + _PAUSE

    def hold(self, first: int, hashes: Sequence[bytes]) -> None:
        """Hold ids that this transaction writes, one after another, from position `first` on."""
        self._add_run(first, hashes)
        self._recent.update(hashes)

    def hold_new(self, connection: sqlite3.Connection, first: int, hashes: Sequence[bytes]) -> bool:
        """`hold` them if none of them is known or comes twice; now and then false by chance."""
        self._refresh(connection, first >> SEQUENCE_BITS)
        # Of a set this large each look is one into slow memory, so what is new shows by its growth.
        recent = self._recent
        grown = len(recent) + len(hashes)
        recent.update(hashes)
        if len(recent) == grown and not self._may_be_indexed(connection, hashes):
            self._add_run(first, hashes)
            return True
        self._recent = self._in_runs()
        return False

    def note_written(self, namespaces: Mapping[int, int]) -> None:
        """What is held was written into these namespaces, up to these last sequences."""
        for namespace, last_sequence in namespaces.items():
            if namespace in self._fresh:
                self._known[namespace] = max(last_sequence, self._known[namespace])

    def find(self, connection: sqlite3.Connection, namespace: int, id_hash: bytes) -> int | None:
        """The position of an id, None if it is new."""
        self._refresh(connection, namespace)
        if id_hash in self._recent:
            return self._place(namespace, id_hash)
        if self._is_index_empty(connection):
            return None
        row = connection.execute(_FIND, (_prefixes([id_hash])[0], id_hash)).fetchone()
        return None if row is None else int(row[0])

    def _place(self, namespace: int, id_hash: bytes) -> int | None:
        for first, hashes in self._runs.get(namespace, ()):
            with suppress(ValueError):
                return first + hashes.index(id_hash)
        return None

    def _may_be_indexed(self, connection: sqlite3.Connection, hashes: Sequence[bytes]) -> bool:
        """Whether any of `hashes` is in the index; now and then true by chance, never false by chance."""
        if self._is_index_empty(connection):
            return False
        prefixes = _prefixes(hashes)
        for start in range(0, len(prefixes), _LOOK_UP):
            part = prefixes[start : start + _LOOK_UP]
            query = f"WITH wanted(prefix) AS (VALUES {places(len(part))}) {_PROBE}"
            if connection.execute(query, part).fetchone() is not None:
                return True
        return False

    def _add_run(self, first: int, hashes: Sequence[bytes]) -> None:
        runs = self._runs.setdefault(first >> SEQUENCE_BITS, [])
        if runs and runs[-1][0] + len(runs[-1][1]) == first:
            runs[-1][1].extend(hashes)
        else:
            runs.append((first, list(hashes)))

    def _in_runs(self) -> set[bytes]:
        return {id_hash for runs in self._runs.values() for _, hashes in runs for id_hash in hashes}

    def _is_index_empty(self, connection: sqlite3.Connection) -> bool:
        # Nothing but moving fills it, and what another process moves expires this.
        if self._is_empty is None:
            self._is_empty = connection.execute("SELECT 1 FROM event_ids LIMIT 1").fetchone() is None
        return self._is_empty

    def move(self, connection: sqlite3.Connection) -> None:
        """Move one slice into the index."""
        for namespace in list(self._known):
            self._refresh(connection, namespace)
        if not self._round:
            self._round = sorted(self._index_rows())
            self._round_known = dict(self._known)
            self._moved = 0
        part = self._round[self._moved : self._moved + SLICE]
        self._is_empty = None
        values = struct.unpack(f">{2 * len(part)}q", b"".join(part))
        together = len(part) // _AT_ONCE * 2 * _AT_ONCE
        for start in range(0, together, 2 * _AT_ONCE):
            connection.execute(_INSERT_MANY, values[start : start + 2 * _AT_ONCE])
        connection.executemany(_INSERT, zip(values[together::2], values[together + 1 :: 2], strict=True))
        self._moved += len(part)
        if self._moved >= len(self._round):
            for namespace, last in self._round_known.items():
                if last > self._until[namespace]:
                    connection.execute("UPDATE namespaces SET ids_until = ? WHERE id = ?", (last, namespace))
                    self._until[namespace] = last
            self._drop_moved()

    def _index_rows(self) -> Iterator[bytes]:
        for runs in self._runs.values():
            for first, hashes in runs:
                rows = zip(_prefixes(hashes), range(first, first + len(hashes)), strict=True)
                packed = struct.pack(f">{2 * len(hashes)}q", *chain.from_iterable(rows))
                for start in range(0, len(packed), _ROW):
                    yield packed[start : start + _ROW]

    def move_all(self, connection: sqlite3.Connection) -> None:
        """Move everything into the index in this transaction."""
        self._end_round()
        self.move(connection)
        while self._round:
            self.move(connection)

    def _refresh(self, connection: sqlite3.Connection, namespace: int) -> None:
        if namespace in self._fresh:
            return
        row = self._look().execute(_COUNTERS, (namespace,)).fetchone() or (0, 0)
        until, last = (max(count, 0) if type(count) is int else 0 for count in row)
        until = min(until, last)
        self._fresh.add(namespace)
        if until != self._until.get(namespace):
            self._until[namespace] = until
            self._known[namespace] = max(until, self._known.get(namespace, 0))
            self._drop_moved()
        base = first_position(namespace)
        while True:
            rows = self._read(base + self._known[namespace], base + last)
            if rows:
                self._known[namespace] = rows[-1][1] - base
                self._take_up(rows)
            if len(rows) != self._lag:
                return
            if len(self._recent) > 8 * self._lag and time.monotonic() >= self._not_before:
                # Somebody left far more than they should: it need not be held as a whole.
                try:
                    self.move_all(connection)
                except sqlite3.Error:
                    self.postpone()
                    raise

    def _take_up(self, rows: Sequence[tuple[bytes, int]]) -> None:
        """Hold ids that were read from the log, hash and position of each."""
        for id_hash, position in rows:
            if type(id_hash) is bytes and len(id_hash) == ID_HASH_LENGTH:
                self.hold(position, [id_hash])

    def _read(self, after: int, last: int) -> list[tuple[bytes, int]]:
        looking = self._look()
        try:
            return looking.execute(_RECENT, (after, last, self._lag)).fetchall()
        except sqlite3.Error as error:
            if not is_corruption(error):
                raise
        # The ids of events that are lost are lost with them. An honest file has no more than this to read.
        rows: list[tuple[bytes, int]] = []
        for position in range(after + 1, min(after + 8 * self._lag, last) + 1):
            with suppress(sqlite3.Error):
                rows += looking.execute(_RECENT, (position - 1, position, 1))
        return rows

    def _drop_moved(self) -> None:
        for namespace, runs in self._runs.items():
            until = first_position(namespace) + self._until[namespace]
            self._runs[namespace] = [
                (max(first, until + 1), hashes[max(until + 1 - first, 0) :])
                for first, hashes in runs
                if first + len(hashes) - 1 > until
            ]
        self._recent = self._in_runs()
        self._end_round()

    def _end_round(self) -> None:
        self._round = []
        self._round_known = {}
        self._moved = 0


def places(count: int) -> str:
    """Parameters for a list of values; only places, so that no value is ever a part of a statement's text."""
    return ("(?), " * count)[:-2]


def _prefixes(hashes: Iterable[bytes]) -> tuple[int, ...]:
    joined = b"".join(hashes)
    return struct.unpack(f">{'q8x' * (len(joined) // ID_HASH_LENGTH)}", joined)
