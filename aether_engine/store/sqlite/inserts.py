"""Rows on their way into the tables: staged in columns, and a hundred of them written by one statement.

Each run of a statement costs as much as the row it writes: its cursors are opened anew, and the interpreter's lock
is given away and taken back. For each `bytes` the driver also looks in vain for an adapter, which costs as much
again; a `bytearray` it takes as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Final

#: Rows of one statement. 100 have fewer parameters than the smallest limit SQLite was ever built with by default.
_AT_ONCE: Final = (100, 10)
#: Events larger than this on average are written one by one: what a statement is given is in memory twice.
_SMALL: Final = 8192
#: What comes with each event: actor, version, event type, hash of its id, checksum, bytes.
_OF_EVENT: Final = 6
#: What comes with each actor besides its id: event count, latest version, last sequence, number.
_OF_ACTOR: Final = 4

# A row that cannot be written fails its transaction as a whole. OR FAIL leaves out what SQLite would otherwise
# keep to undo just the statement: a copy of each page it touches.
_INSERT_EVENTS: Final = (
    "INSERT OR FAIL INTO events(position, recorded_at, actor, version, event_type, id_hash, checksum, raw) VALUES "
)
_INSERT_ACTORS: Final = (
    "INSERT OR FAIL INTO actors(event_count, latest_version, last_sequence, id, namespace, actor_id) VALUES "
)
_UPDATE_ACTORS: Final = (
    " ON CONFLICT(id) DO UPDATE SET event_count = excluded.event_count, latest_version = excluded.latest_version, "
    "last_sequence = excluded.last_sequence"
)


class EventColumns:
    """Events of one namespace that follow one another in its log, each column by itself."""

    __slots__ = ("actors", "checksums", "first", "hashes", "raws", "size", "types", "versions")

    def __init__(self, first: int) -> None:
        #: The position of the first one.
        self.first = first
        self.actors: list[int] = []
        self.versions: list[int] = []
        self.types: list[int] = []
        self.hashes: list[bytes] = []
        self.checksums: list[int] = []
        self.raws: list[bytes] = []
        #: Bytes of all `raws`.
        self.size = 0

    def of_actor(self, actor: int) -> Iterator[tuple[int, int, bytes]]:
        """Position, version and bytes of the events of an actor."""
        for offset, number in enumerate(self.actors):
            if number == actor:
                yield self.first + offset, self.versions[offset], self.raws[offset]

    def write(self, connection: sqlite3.Connection, recorded_at: int) -> None:
        """Write all of them. Raises `sqlite3.Error`, and then the transaction has to be rolled back."""
        count = len(self.raws)
        is_small = self.size <= count * _SMALL
        start = 0
        for rows in _AT_ONCE if is_small else ():
            while count - start >= rows:
                connection.execute(_insert_events(rows), self._values(start, start + rows, recorded_at))
                start += rows
        for place in range(start, count):
            raw = bytearray(self.raws[place]) if is_small else self.raws[place]
            connection.execute(
                _insert_events(1),
                (
                    self.first + place,
                    recorded_at,
                    self.actors[place],
                    self.versions[place],
                    self.types[place],
                    bytearray(self.hashes[place]),
                    self.checksums[place],
                    raw,
                ),
            )

    def _values(self, start: int, end: int, recorded_at: int) -> list[object]:
        return [
            self.first + start,
            recorded_at,
            *self.actors[start:end],
            *self.versions[start:end],
            *self.types[start:end],
            *map(bytearray, self.hashes[start:end]),
            *self.checksums[start:end],
            *map(bytearray, self.raws[start:end]),
        ]


def write_actors(
    connection: sqlite3.Connection,
    namespace: int,
    names: Sequence[str],
    actors: Sequence[Sequence[int]],
    *,
    are_new: bool,
) -> None:
    """Write the actors with these ids, each event count, latest version, last sequence and number.

    Raises `sqlite3.Error`, and then the transaction has to be rolled back.
    """
    statement = _insert_actors if are_new else _update_actors
    start = 0
    for rows in (*_AT_ONCE, 1):
        while len(names) - start >= rows:
            end = start + rows
            values = [namespace, *chain.from_iterable(actors[start:end]), *names[start:end]]
            connection.execute(statement(rows), values)
            start = end


@cache
def _insert_events(count: int) -> str:
    # All of one statement follow one another and share the time: two parameters for all of them. Then column by
    # column, as they are staged.
    rows = []
    for row in range(count):
        places = ", ".join([f"?{3 + column * count + row}" for column in range(_OF_EVENT)])
        rows.append(f"(?1 + {row}, ?2, {places})")
    return _INSERT_EVENTS + ", ".join(rows)


@cache
def _insert_actors(count: int) -> str:
    names = 2 + count * _OF_ACTOR
    rows = []
    for row in range(count):
        places = [f"?{2 + row * _OF_ACTOR + place}" for place in range(_OF_ACTOR)]
        rows.append(f"({', '.join(places)}, ?1, ?{names + row})")
    return _INSERT_ACTORS + ", ".join(rows)


@cache
def _update_actors(count: int) -> str:
    # Of actors that are there; that their names are given all the same makes up for one that was lost to damage.
    return _insert_actors(count) + _UPDATE_ACTORS
