"""Counting a log by time within SQLite, where the interpreter's lock is not held: the window goes on meanwhile.

An event's time stands in its bytes. Nearly every event ends with `,"timestamp":"…"}`, and then that member is the
top-level one and the last of its name, so that SQLite can cut the time out without looking at the rest. What does
not end so is decoded. Checksums are not looked at here: a damaged event whose end is intact counts like any other.

Most events stand among others of the same span of time. Of a block of them it is enough to know the first and the
last time in the order of their texts, which costs a fraction of working out each.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from aether_engine.codec import parse_timestamp
from aether_engine.event import StoredEvent
from aether_engine.moments import TimeCount, count_events, milliseconds
from aether_engine.store.sqlite.reader import Reader, is_damage
from aether_engine.store.sqlite.rows import COLUMNS, actor_names, decode_rows
from aether_engine.store.sqlite.schema import SEQUENCE_MASK, first_position

_KEY: Final = ',"timestamp":"'
_SECOND: Final = 1000
#: Names of event types that are remembered.
_KNOWN_TYPES: Final = 10_000
#: Sequences asked for in one statement of a sample.
_POINTS: Final = 500
#: Events of a block that may lie in one span, at most and at least.
_LARGEST_BLOCK: Final = 4096
_SMALLEST_BLOCK: Final = 256
#: Smallest blocks that are counted event by event, at most, before a block is tried again.
_MOST_SKIPPED: Final = 64
# No time of the years 0 to 9999 is that far from 1970, in milliseconds.
_FAR: Final = 500_000_000_000_000

# The end of the bytes with the longest time there is, as `x` the time and the two characters behind it. OFFSET 0
# keeps SQLite from putting the inner expressions into the outer ones, where each would be worked out many times.
_TEXTS: Final = (
    f"SELECT position, event_type, substr(t, nullif(instr(t, '{_KEY}'), 0) + {len(_KEY)}) AS x "  # noqa: S608 (constants)
    f"FROM (SELECT position, event_type, CAST(substr(raw, -{len(_KEY) + 37}) AS TEXT) AS t FROM events "
    "WHERE position %s LIMIT -1 OFFSET 0) LIMIT -1 OFFSET 0"
)
_TIMES: Final = (
    "SELECT position, event_type, substr(x, 20, 10) AS f, CAST(strftime('%%s', "  # noqa: S608 (constants)
    "substr(x, 1, 19) || ltrim(substr(x, 20, length(x) - 21), '.0123456789')) AS INTEGER) AS u "
    f"FROM ({_TEXTS}) LIMIT -1 OFFSET 0"
)
_MILLISECONDS: Final = (
    "u * 1000 + CASE WHEN substr(f, 1, 1) <> '.' THEN 0 "
    "ELSE CAST(substr(substr(f, 2, length(f) - 1 - length(ltrim(substr(f, 2), '0123456789'))) || '00', 1, 3) "
    "AS INTEGER) END"
)
_RANGE: Final = "BETWEEN ? AND ?"
_COUNTS: Final = (
    "SELECT event_type, (u + ?) / ?, count(*), min(position), min(u), max(u) FROM (%s) GROUP BY event_type, 2"
)
_SECONDS: Final = _COUNTS % (_TIMES % _RANGE)
_FINE: Final = _COUNTS % (
    f"SELECT position, event_type, {_MILLISECONDS} AS u FROM ({_TIMES % _RANGE})"  # noqa: S608 (constants)
)
_UNUSUAL: Final = f"SELECT position FROM ({_TIMES % _RANGE}) WHERE u IS NULL ORDER BY position"  # noqa: S608 (constants)
_TAIL: Final = f"SELECT substr(raw, -{len(_KEY) + 37}) FROM events WHERE position = ?"  # noqa: S608 (constants)
_EXTREMES: Final = (
    "SELECT count(*), min(substr(raw, ?)), max(substr(raw, ?)), min(substr(raw, ?)), max(substr(raw, ?)) "
    "FROM events WHERE position BETWEEN ? AND ?"
)
_TYPES: Final = (
    "SELECT event_type, count(*), min(position) FROM events WHERE position BETWEEN ? AND ? GROUP BY event_type"
)
#: A whole end: the key, date, the rest of the time, its offset, and what closes string and object.
_END: Final = re.compile(_KEY.encode() + rb'([0-9-]{10}T)([0-9:.]{8,18})(Z|[+-][0-9:]{5})"}\Z')
_ROW: Final = f"SELECT {COLUMNS} FROM events WHERE position = ?"  # noqa: S608 (constants)


class TimeCounter:
    """Counts the events of a file by time, for the calling thread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._types: dict[int, str] = {}

    def counts(self, name: str, first: int, last: int, width: int) -> list[TimeCount]:
        """The events at sequences `first` to `last` by type and span of `width` milliseconds."""
        namespace = self._reader.namespace_id(name)
        if namespace is None or first > last:
            return []
        base = first_position(namespace)

        def job(connection: sqlite3.Connection) -> list[TimeCount] | None:
            try:
                found = list(self._count(connection, base + first, base + last, width))
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise
                return None
            # A hole in the positions is a loss, and a row of another kind was not written by us.
            return found if sum(group.count for group in found) == last - first + 1 else None

        found = self._reader.run(job, [])
        return self._count_damaged(namespace, first, last, width) if found is None else found

    def sample(self, name: str, sequences: Sequence[int], width: int) -> list[TimeCount]:
        """The events at `sequences`, each as a count of one; those that cannot be read easily are left out."""
        namespace = self._reader.namespace_id(name)
        if namespace is None:
            return []
        base = first_position(namespace)

        def job(connection: sqlite3.Connection) -> list[TimeCount]:
            found: list[TimeCount] = []
            for start in range(0, len(sequences), _POINTS):
                points = [base + sequence for sequence in sequences[start : start + _POINTS]]
                places = f"IN ({', '.join('?' * len(points))})"
                sql = f"SELECT position, event_type, {_MILLISECONDS} FROM ({_TIMES % places})"  # noqa: S608 (constants)
                try:
                    rows = connection.execute(sql, points).fetchall()
                except sqlite3.Error as error:
                    if not is_damage(error):
                        raise
                    continue
                for position, event_type, time in rows:
                    name = self._type_name(connection, event_type)
                    if time is not None:
                        sequence = position & SEQUENCE_MASK
                        found.append(TimeCount(name, time // width, 1, sequence, time, time))
                    else:
                        found += count_events(self._decoded(connection, [position]), width)
            return found

        return self._reader.run(job, [])

    def _count(self, connection: sqlite3.Connection, first: int, last: int, width: int) -> Iterator[TimeCount]:
        size, skipped = _LARGEST_BLOCK, 1
        while first <= last:
            end = min(first + size - 1, last)
            together = self._count_block(connection, first, end, width)
            if together is not None:
                yield from together
                size, skipped = min(size * 4, _LARGEST_BLOCK), 1
            elif size > _SMALLEST_BLOCK:
                size //= 4
                continue
            else:
                # Where events are far apart no block lies in one span: it is tried less and less often.
                end = min(first + size * skipped - 1, last)
                skipped = min(skipped * 2, _MOST_SKIPPED)
                yield from self._count_each(connection, first, end, width)
            first = end + 1

    def _count_block(
        self, connection: sqlite3.Connection, first: int, last: int, width: int
    ) -> list[TimeCount] | None:
        """The counts of a block if all of it lies in one span, and that can be told by its extremes.

        Texts of one length, with one date and one offset, are in the order of the times they stand for; so what
        lies between two of them as text lies between them in time.
        """
        row = connection.execute(_TAIL, (first,)).fetchone()
        tail = row[0] if row is not None else None
        end = _END.search(tail) if type(tail) is bytes else None
        if end is None:
            return None
        length, closing = len(end.group()), len(end.group(3)) + 2
        count, low, high, low_closing, high_closing = connection.execute(
            _EXTREMES, (-length, -length, -closing, -closing, first, last)
        ).fetchone()
        if count != last - first + 1 or low_closing != high_closing or type(low) is not bytes:
            return None
        earliest, latest = _END.fullmatch(low), _END.fullmatch(high)
        if earliest is None or latest is None or earliest.group(1) != latest.group(1):
            return None
        try:
            times = [
                milliseconds(parse_timestamp(b"".join(match.groups()).decode())) for match in (earliest, latest)
            ]
        except ValueError:
            return None
        span = times[0] // width
        if times[1] // width != span:
            return None
        return [
            TimeCount(
                self._type_name(connection, event_type), span, number, position & SEQUENCE_MASK, times[0], times[1]
            )
            for event_type, number, position in connection.execute(_TYPES, (first, last))
        ]

    def _count_each(
        self, connection: sqlite3.Connection, first: int, last: int, width: int
    ) -> Iterator[TimeCount]:
        sql, unit, slack = (_SECONDS, _SECOND, _SECOND - 1) if width % _SECOND == 0 else (_FINE, 1, 0)
        divisor = width // unit
        # Division cuts towards zero: times before 1970 are moved beyond it by whole spans.
        spans = _FAR // width
        unusual = 0
        for event_type, span, count, position, earliest, latest in connection.execute(
            sql, (spans * divisor, divisor, first, last)
        ):
            if span is None:
                unusual += count
            else:
                yield TimeCount(
                    self._type_name(connection, event_type),
                    span - spans,
                    count,
                    position & SEQUENCE_MASK,
                    earliest * unit,
                    latest * unit + slack,
                )
        if unusual:
            positions = [row[0] for row in connection.execute(_UNUSUAL, (first, last))]
            yield from count_events(self._decoded(connection, positions), width)

    def _decoded(self, connection: sqlite3.Connection, positions: Sequence[int]) -> Iterator[StoredEvent]:
        for position in positions:
            rows = connection.execute(_ROW, (position,)).fetchall()
            yield from decode_rows(rows, actor_names(connection, rows))

    def _count_damaged(self, namespace: int, first: int, last: int, width: int) -> list[TimeCount]:
        found: list[TimeCount] = []
        while first <= last:
            batch = self._reader.read_range(namespace, first, min(last, first + 999), None)
            if not batch:
                break
            found += count_events(batch, width)
            first = batch[-1].sequence + 1
        return found

    def _type_name(self, connection: sqlite3.Connection, number: object) -> str:
        if type(number) is not int:
            return ""
        name = self._types.get(number)
        if name is None:
            row = connection.execute("SELECT name FROM event_types NOT INDEXED WHERE id = ?", (number,)).fetchone()
            name = "" if row is None else str(row[0])
            if len(self._types) >= _KNOWN_TYPES:
                self._types.clear()
            self._types[number] = name
        return name
