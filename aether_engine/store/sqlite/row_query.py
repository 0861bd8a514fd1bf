"""What a sieve needs of the rows of a log, as SQL: the columns, and what columns alone can rule out.

The columns beside an event's bytes say the same as these and are read many times faster: SQLite passes over rows
without making anything of them. Only ever too many rows are asked for, never too few.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aether_engine.store.protocols import Sieve, SieveDepth
from aether_engine.store.sqlite.rows import LOG_COLUMNS
from aether_engine.store.sqlite.schema import first_position

#: Larger events are not fetched with others: a thousand of them would not fit into memory.
LARGE: Final = 64 << 10
#: Most types that are listed in a statement.
_MOST_TYPES: Final = 500

_RAW: Final = f"CASE WHEN length(raw) <= {LARGE} THEN raw END"
_WITHIN: Final = "FROM events WHERE position BETWEEN ? AND ?"
#: Its first parameter comes off each position, so that the sum stays small.
COUNT_AND_SUM: Final = f"SELECT count(*), sum(position - ?) {_WITHIN}"
FIRST_LARGE: Final = f"SELECT position {_WITHIN} AND length(raw) > {LARGE} ORDER BY position LIMIT 1"


class RowQuery:
    """The query for ranges of a namespace's log.

    The last column of its rows is `raw`, None if that is large. Where more is needed than bytes, the columns in
    front of it are the others of `LOG_COLUMNS`. If it `narrows`, rows can be left out, and the first column is the
    position.
    """

    def __init__(self, sieve: Sieve, namespace: int, types: Mapping[int, str] | None) -> None:
        """`types` are the names of event types by their numbers; with None no row is left out."""
        self._base = first_position(namespace)
        self._values: list[int] = []
        conditions = [] if types is None else self._conditions(sieve, types)
        self.narrows = bool(conditions)
        needs_more = sieve.needs_times or sieve.depth is SieveDepth.SELECTED
        columns = ("position, " if self.narrows else "") + (LOG_COLUMNS if needs_more else "raw")
        narrowed = "".join(f" AND ({condition})" for condition in conditions)
        self._sql = f"SELECT {columns.removesuffix('raw')}{_RAW} {_WITHIN}{narrowed} ORDER BY position LIMIT ?"

    def statement(self, first: int, last: int, limit: int) -> tuple[str, Sequence[int]]:
        """The SQL and its parameters for the sequences `first` to `last`."""
        return self._sql, (self._base + first, self._base + last, *self._values, limit)

    def _conditions(self, sieve: Sieve, types: Mapping[int, str]) -> list[str]:
        conditions = self._on_types(sieve, types)
        for column, ranges in (("version", sieve.versions), ("recorded_at", sieve.times)):
            if ranges:
                conditions.append(" OR ".join([f"{column} BETWEEN ? AND ?"] * len(ranges)))
                self._values += [bound for each in ranges for bound in each]
        return conditions

    def _on_types(self, sieve: Sieve, types: Mapping[int, str]) -> list[str]:
        refused = {number for number, name in types.items() if sieve.refuses_type(name)}
        if not refused:
            return []
        # A number that no name is known for stays in, unless the list becomes too long.
        word, listed = "NOT IN", list(refused)
        if len(refused) > _MOST_TYPES:
            word, listed = "IN", [number for number in types if number not in refused]
        if len(listed) > _MOST_TYPES:
            return []
        self._values += listed
        return [f"event_type {word} ({', '.join('?' * len(listed))})"]
