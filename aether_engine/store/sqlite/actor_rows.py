"""Actors as a file lists them: a page of them is fetched in a single step of SQLite, column by column.

Each step gives the interpreter away and waits for it to come back: a thousand of them, while the window paints
what was typed, would take many times as long as the query. Somebody types and waits for the first thousand actors.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, overload

from aether_engine import codec
from aether_engine.event import ActorInfo
from aether_engine.store.sqlite.file import Connection
from aether_engine.store.sqlite.rows import moment_of

#: What is asked of actors `a` and their last events `e`; `LAST_EVENT` takes the first position of the namespace.
COLUMNS: Final = "a.actor_id, a.event_count, a.latest_version, e.event_type, e.recorded_at"
LAST_EVENT: Final = "LEFT JOIN events AS e ON e.position = ? + a.last_sequence"

_ARRAYS: Final = ", ".join(f"json_group_array({column.partition('.')[2]})" for column in COLUMNS.split(", "))
_WIDTH: Final = COLUMNS.count(",") + 1
_TYPE: Final = "SELECT name FROM event_types NOT INDEXED WHERE id = ?"
#: Pages up to so many rows are made in one step.
_ONE_STEP: Final = 5000
_KNOWN_TYPES: Final = 65_536
#: Variables that every SQLite allows in a statement, but for a few.
_VARIABLES: Final = 900


class ActorPage(Sequence[ActorInfo]):
    """Actors as they were read; each becomes an `ActorInfo` when it is looked at."""

    def __init__(self, columns: Sequence[Sequence[Any]], names: Mapping[object, str]) -> None:
        """`columns` are those of `COLUMNS`, `names` the event types by their numbers."""
        self._ids, self._counts, self._versions, self._types, self._recorded = columns
        self._names = names

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[ActorInfo]:
        # Events of one commit share their time.
        moments = {each: None if each is None else moment_of(each) for each in set(self._recorded)}
        return map(
            ActorInfo,
            map(str, self._ids),
            map(_number, self._counts),
            map(_number, self._versions),
            map(self._names.__getitem__, self._types),
            map(moments.__getitem__, self._recorded),
        )

    @overload
    def __getitem__(self, place: int) -> ActorInfo: ...
    @overload
    def __getitem__(self, place: slice) -> ActorPage: ...
    def __getitem__(self, place: int | slice) -> ActorInfo | ActorPage:
        if isinstance(place, slice):
            columns = (self._ids, self._counts, self._versions, self._types, self._recorded)
            return ActorPage([column[place] for column in columns], self._names)
        recorded = self._recorded[place]
        return ActorInfo(
            str(self._ids[place]),
            _number(self._counts[place]),
            _number(self._versions[place]),
            self._names[self._types[place]],
            None if recorded is None else moment_of(recorded),
        )


def read_page(connection: sqlite3.Connection, sql: str, values: Sequence[object], limit: int) -> ActorPage:
    """The actors in the rows of a query for `COLUMNS`, of which there are up to `limit`."""
    columns: Sequence[Sequence[Any]] = ()
    if limit <= _ONE_STEP:
        # Not where SQLite has no JSON, or a hostile file what JSON has not.
        with suppress(sqlite3.OperationalError, ValueError):
            arrays = connection.execute(f"SELECT {_ARRAYS} FROM ({sql})", values).fetchone()  # noqa: S608 (constants)
            columns = [codec.loads(array) for array in arrays]
    if not columns:
        columns = list(zip(*connection.execute(sql, values), strict=True)) or [()] * _WIDTH
    return ActorPage(columns, _type_names(connection, set(columns[3])))


def read_chosen(connection: sqlite3.Connection, chosen: Sequence[tuple[int, str]], base: int) -> list[ActorInfo]:
    """The actors of these numbers and ids, in this order; `base` is the first position of their namespace."""
    found: dict[str, ActorInfo] = {}
    for start in range(0, len(chosen), _VARIABLES):
        numbers = [number for number, _ in chosen[start : start + _VARIABLES]]
        places = ", ".join("?" * len(numbers))
        sql = f"SELECT {COLUMNS} FROM actors AS a {LAST_EVENT} WHERE a.id IN ({places})"  # noqa: S608 (constants)
        page = read_page(connection, sql, (base, *numbers), len(numbers))
        found |= {info.actor_id: info for info in page}
    return [found[actor_id] for _, actor_id in chosen if actor_id in found]


def _number(value: object) -> int:
    """What a hostile file has instead of a number is 0."""
    return value if type(value) is int else 0


def _type_names(connection: sqlite3.Connection, numbers: Iterable[object]) -> Mapping[object, str]:
    """The names of event types by their numbers, empty where there is none."""
    known: dict[object, str] | None = getattr(connection, "types", None)
    if known is None or len(known) > _KNOWN_TYPES:
        known = {}
        if isinstance(connection, Connection):
            connection.types = known
    names: dict[object, str] = {}
    for number in numbers:
        name = known.get(number)
        if name is None and number is not None:
            row = connection.execute(_TYPE, (number,)).fetchone()
            if row is not None:
                name = known[number] = str(row[0])
        names[number] = name or ""
    return names
