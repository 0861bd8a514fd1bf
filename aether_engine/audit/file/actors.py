"""The list of actors in a file: what each is called and what is counted for it."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aether_engine.audit.text_hashes import TextHashes, own_hashes
from aether_engine.store.sqlite.reader import Reader, is_damage

_AT_ONCE: Final = 4096
#: An actor's number is below this in any file this library wrote.
HIGHEST: Final = 1 << 31
#: The last one that SQLite has.
LAST_NUMBER: Final = 2**63 - 1
_NAMES: Final = "SELECT id, namespace, actor_id FROM actors NOT INDEXED WHERE id >= ? ORDER BY id LIMIT ?"
_BY_INDEX: Final = "SELECT id, namespace, actor_id FROM actors INDEXED BY actors_by_name"
_COUNTERS: Final = (
    "SELECT id, namespace, actor_id, event_count, latest_version, last_sequence FROM actors NOT INDEXED "
    "WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class ActorHashes:
    """Hashes of the ids of actors with numbers from `first` on, 0 where there is none.

    `next_number` is where to go on, None at the end. Not `complete`: a part of the list could not be read.
    """

    first: int
    hashes: array[int]
    next_number: int | None
    complete: bool = True


def actor_hashes(reader: Reader, first: int, count: int, hashes_of: TextHashes = own_hashes) -> ActorHashes:
    """The hashes of up to `count` actors' ids, by their numbers."""

    def job(connection: sqlite3.Connection) -> ActorHashes:
        rows: list[tuple[Any, ...]] = []
        try:
            rows = connection.execute(_NAMES, (first, count)).fetchall()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return _from_index(connection, first, hashes_of)
        if not _is_rising(rows, first):
            return _from_index(connection, first, hashes_of)
        rows = [row for row in rows if row[0] < HIGHEST]
        hashes = array("q", bytes(8 * (rows[-1][0] - first + 1))) if rows else array("q")
        if len(hashes) > 64 * len(rows) + 1_000_000:
            return ActorHashes(first, array("q"), None, complete=False)
        for (number, _, _), each in zip(rows, hashes_of([str(row[2]) for row in rows]), strict=True):
            hashes[number - first] = each
        return ActorHashes(first, hashes, rows[-1][0] + 1 if len(rows) == count else None)

    return reader.run(job, ActorHashes(first, array("q"), None))


def _is_rising(rows: Sequence[tuple[Any, ...]], first: int) -> bool:
    """Whether rows have numbers from `first` on that rise, as those of a damaged list may not."""
    latest = first - 1
    for row in rows:
        if row[0] <= latest:
            return False
        latest = row[0]
    return True


def _from_index(connection: sqlite3.Connection, first: int, hashes_of: TextHashes) -> ActorHashes:
    """The same from the index over the ids, for a list that is damaged from `first` on."""
    names: dict[int, str] = {}
    complete = True
    try:
        for number, _, actor_id in connection.execute(_BY_INDEX):
            if type(number) is int and first <= number < HIGHEST:
                names[number] = str(actor_id)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        complete = False
    hashes = array("q", bytes(8 * (max(names, default=first - 1) - first + 1)))
    for number, each in zip(names, hashes_of(names.values()), strict=True):
        hashes[number - first] = each
    return ActorHashes(first, hashes, None, complete)


def actor_counters(reader: Reader, first: int = 0, last: int = LAST_NUMBER) -> Iterator[list[tuple[Any, ...]]]:
    """Number, namespace, id, event count, latest version and last sequence of the actors `first` to `last`.

    Of those that can be read.
    """
    while first <= last:

        def job(connection: sqlite3.Connection, first: int = first) -> list[tuple[Any, ...]] | None:
            try:
                return connection.execute(_COUNTERS, (first, last, _AT_ONCE)).fetchall()
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None

        rows: list[tuple[Any, ...]] | None = reader.run(job, [])
        if not rows or not _is_rising(rows, first):
            return
        yield rows
        first = rows[-1][0] + 1


def actor_name(reader: Reader, number: int) -> str | None:
    """The id of one actor, None where the file does not tell."""

    def job(connection: sqlite3.Connection) -> str | None:
        try:
            row = connection.execute("SELECT actor_id FROM actors NOT INDEXED WHERE id = ?", (number,)).fetchone()
        except (sqlite3.Error, OverflowError) as error:
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            return None
        return None if row is None else str(row[0])

    return reader.run(job, None)
