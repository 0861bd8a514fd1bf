"""Whether a file's index over causes and correlations, if it has one, holds what the log says and nothing else.

Counts and sums of a few thousand events at a time are compared; only where they differ, entry by entry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from aether_engine.audit.finding import Finding
from aether_engine.audit.target import AuditLog
from aether_engine.errors import CorruptStoreError
from aether_engine.store.sqlite.links import has_links, links_of
from aether_engine.store.sqlite.reader import Reader, is_damage
from aether_engine.store.sqlite.schema import SEQUENCE_MASK, first_position

#: Sequences whose links are compared at a time.
RANGE: Final = 4096
#: Entries that are named of one log; where more differ, the index as a whole is worthless.
_NAMED: Final = 1000
#: Every entry has a value of its own in a sum, which is kept small enough for SQLite.
_SPREAD: Final = 0xFFFFFFFF
_UNTIL: Final = "SELECT links_until FROM link_progress WHERE namespace = ?"
_EVENTS: Final = "SELECT position, raw FROM events WHERE position BETWEEN ? AND ?"
# The entries are in the order of their links: they are gone through once for all ranges.
_GROUPS: Final = (
    "SELECT (position - ?) / ?, count(*), sum((link & ?) * 31 + ((link >> 32) & ?)), "
    "sum((link & ?) * (position & 255)) FROM event_links WHERE position > ? AND position <= ? GROUP BY 1"
)
_ENTRIES: Final = "SELECT link, position FROM event_links WHERE position BETWEEN ? AND ?"
_MISSING: Final = "The index does not hold the cause or correlation of this event: it is not found."
_WRONG: Final = "The index holds a cause or correlation for this place that is not the event's."


@dataclass(frozen=True, slots=True)
class LinkSums:
    """What the links of a range come to."""

    count: int = 0
    plain: int = 0
    weighted: int = 0


def sums_of(links: list[tuple[int, int]]) -> LinkSums:
    """The sums of links and positions, as SQLite makes them of the index."""
    return LinkSums(
        len(links),
        sum([(link & _SPREAD) * 31 + (link >> 32 & _SPREAD) for link, _ in links]),
        sum([(link & _SPREAD) * (position & 255) for link, position in links]),
    )


def sums_in_log(reader: Reader, number: int, first: int, last: int) -> LinkSums | None:
    """What the events at sequences `first` to `last` say, None if they cannot all be read."""
    links = _links_in_log(reader, number, first, last)
    return None if links is None else sums_of(links)


def links_until(reader: Reader, log: AuditLog) -> int:
    """Up to which sequence the file says that its index is complete, 0 where it has none."""

    def job(connection: sqlite3.Connection) -> int:
        try:
            row = connection.execute(_UNTIL, (log.number,)).fetchone() if has_links(connection) else None
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return 0
        return row[0] if row is not None and type(row[0]) is int else 0

    return max(0, min(reader.run(job, 0), log.last))


def sums_in_index(reader: Reader, number: int, until: int) -> dict[int, LinkSums]:
    """What the index says of each range of `RANGE` sequences up to `until`, by the range's number from 0."""
    base = first_position(number)

    def job(connection: sqlite3.Connection) -> dict[int, LinkSums]:
        parameters = (base + 1, RANGE, _SPREAD, _SPREAD, _SPREAD, base, base + until)
        return {row[0]: LinkSums(*row[1:]) for row in connection.execute(_GROUPS, parameters)}

    return reader.run(job, {})


def differing_links(
    reader: Reader, log: AuditLog, ranges: list[tuple[int, int]], stop: Callable[[], bool]
) -> Iterator[Finding]:
    """The events in `ranges` of sequences that the index does not have, or has otherwise."""
    told = 0
    for first, last in ranges:
        links = _links_in_log(reader, log.number, first, last)
        if links is None:
            continue  # What cannot be read is told as such.
        base = first_position(log.number)
        try:
            held = reader.run(partial(_links_in_index, first=base + first, last=base + last), set())
        except CorruptStoreError:
            return  # So are pages.
        wanted = set(links)
        for what, entries, problem in (("log", wanted - held, _MISSING), ("index", held - wanted, _WRONG)):
            for sequence in sorted({position & SEQUENCE_MASK for _, position in entries}):
                yield Finding("index-links", problem, namespace=log.namespace, sequence=sequence, path=f"/{what}")
                told += 1
                if told >= _NAMED or stop():
                    return


def _links_in_index(connection: sqlite3.Connection, *, first: int, last: int) -> set[tuple[int, int]]:
    return set(connection.execute(_ENTRIES, (first, last)))


def _links_in_log(reader: Reader, number: int, first: int, last: int) -> list[tuple[int, int]] | None:
    base = first_position(number)

    def job(connection: sqlite3.Connection) -> list[tuple[int, int]] | None:
        count = 0

        def rows() -> Iterator[tuple[int, object]]:
            # One by one: all of them may not fit into memory.
            nonlocal count
            for row in connection.execute(_EVENTS, (base + first, base + last)):
                count += 1
                yield row

        try:
            links = links_of(rows())
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return None
        return links if count == last - first + 1 else None

    return reader.run(job, None)
