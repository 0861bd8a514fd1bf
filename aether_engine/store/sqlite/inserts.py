"""Rows on their way into the tables: staged in columns, and many of them written by one statement.

Each run of a statement costs as much as the row it writes: its cursors are opened anew, and the interpreter's lock
is given away and taken back. For each `bytes` the driver also looks in vain for an adapter, which costs as much
again; a `bytearray` it takes as it is.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import chain, pairwise, repeat
from operator import xor
from queue import SimpleQueue
from typing import Final

from zlib_ng.zlib_ng import crc32

from aether_engine.store.sqlite.schema import SEQUENCE_BITS, SEQUENCE_MASK

#: Rows of one statement, which have 1,502 parameters at most.
_AT_ONCE: Final = (250, 10, 1)
#: Rows of one statement where SQLite is older than 3.32, or was built with its limit of then: 999 parameters.
_AT_ONCE_OF_OLD: Final = (100, 10, 1)
#: Events larger than this on average are written one by one: what a statement is given is in memory twice.
_SMALL: Final = 8192
#: Rows for which a thread is asked.
_WORTH_A_THREAD: Final = 100
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

#: A statement writes the rows from the first of these to the last, not included.
Place = tuple[int, int]
#: What it is given.
Values = list[object]


class EventColumns:
    """Events of one namespace that follow one another in its log, each column by itself."""

    __slots__ = ("actors", "first", "hashes", "raws", "size", "types", "versions")

    def __init__(self, first: int) -> None:
        #: The position of the first one.
        self.first = first
        self.actors: list[int] = []
        self.versions: list[int] = []
        self.types: list[int] = []
        self.hashes: list[bytes] = []
        self.raws: list[bytes] = []
        #: Bytes of all `raws`.
        self.size = 0

    def of_actor(self, actor: int) -> Iterator[tuple[int, int, bytes]]:
        """Position, version and bytes of the events of an actor."""
        for offset, number in enumerate(self.actors):
            if number == actor:
                yield self.first + offset, self.versions[offset], self.raws[offset]

    @property
    def are_small(self) -> bool:
        """Whether there is memory for the events of a statement once more."""
        return self.size <= len(self.raws) * _SMALL

    def values(self, start: int, end: int, recorded_at: int) -> Values:
        """What the statement for these events is given."""
        first = self.first + start
        versions = self.versions[start:end]
        raws = self.raws[start:end]
        constant = first >> SEQUENCE_BITS ^ recorded_at ^ recorded_at >> 32
        sequences = range(first & SEQUENCE_MASK, (first & SEQUENCE_MASK) + len(raws))
        # CRC-32 takes the low 32 bits of what it starts from.
        seeds = map(xor, map(xor, sequences, versions), repeat(constant))
        return [
            first,
            recorded_at,
            *self.actors[start:end],
            *versions,
            *self.types[start:end],
            *map(bytearray, self.hashes[start:end]),
            *map(crc32, raws, seeds),
            *(map(bytearray, raws) if self.are_small else raws),
        ]


class EventWriter:
    """Writes events; while SQLite takes up those of one statement, a thread prepares those of the next.

    SQLite needs no interpreter for that, and it takes longer. Belongs to a writing connection.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[Callable[[], Values] | None] = SimpleQueue()
        self._answers: SimpleQueue[Values | BaseException] = SimpleQueue()
        # Started by the first large batch.
        self._thread: threading.Thread | None = None

    def write(self, connection: sqlite3.Connection, rows: EventColumns, recorded_at: int) -> None:
        """Write all of `rows`. Raises `sqlite3.Error`, and then the transaction has to be rolled back."""
        places = list(_places(len(rows.raws), _at_once(connection) if rows.are_small else (1,)))
        answered: Values | BaseException | None = None
        for (start, end), (start_of_next, end_of_next) in pairwise([*places, (0, 0)]):
            values = rows.values(start, end, recorded_at) if answered is None else _raised(answered)
            answered = None
            is_asked = end_of_next - start_of_next >= _WORTH_A_THREAD and self._ask(
                partial(rows.values, start_of_next, end_of_next, recorded_at)
            )
            try:
                connection.execute(_insert_events(end - start), values)
            finally:
                if is_asked:
                    answered = self._answers.get()

    def end(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._asked.put(None)
            self._thread.join()
            self._thread = None

    def _ask(self, prepare: Callable[[], Values]) -> bool:
        """Have the thread prepare something; false if there is no thread."""
        if self._thread is None:
            thread = threading.Thread(target=self._answer, name="aether-prepare", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The system has no more of them, or the interpreter is on its way out.
                return False
            self._thread = thread
        self._asked.put(prepare)
        return True

    def _answer(self) -> None:
        while (prepare := self._asked.get()) is not None:
            try:
                self._answers.put(prepare())
            except BaseException as error:  # noqa: BLE001 (raised where it is waited for)
                self._answers.put(error)
            del prepare


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
    for start, end in _places(len(names), _at_once(connection)):
        values = [namespace, *chain.from_iterable(actors[start:end]), *names[start:end]]
        connection.execute(statement(end - start), values)


def _at_once(connection: sqlite3.Connection) -> tuple[int, ...]:
    most = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    return _AT_ONCE if most >= 2 + _AT_ONCE[0] * _OF_EVENT else _AT_ONCE_OF_OLD


def _places(count: int, sizes: Sequence[int]) -> Iterator[Place]:
    """From where to where each statement writes of `count` rows: as many as one of `sizes`, large ones first."""
    start = 0
    for size in sizes:
        while count - start >= size:
            yield start, start + size
            start += size


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


def _raised(found: Values | BaseException) -> Values:
    if isinstance(found, BaseException):
        raise found
    return found
