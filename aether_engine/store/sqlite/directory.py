"""What a file holds at a glance: namespaces and actors, from counters, or from the log where those are damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aether_engine.event import ActorInfo, ActorOrder, NamespaceInfo
from aether_engine.patterns import match_actor_pattern
from aether_engine.store.listing import order_key
from aether_engine.store.sqlite.actor_rows import COLUMNS, LAST_EVENT, read_chosen, read_page
from aether_engine.store.sqlite.cursors import LogCursor, StreamCursor
from aether_engine.store.sqlite.file import is_corruption
from aether_engine.store.sqlite.given_up import GivenUp, ending, never
from aether_engine.store.sqlite.reader import Reader, is_text
from aether_engine.store.sqlite.rows import moment_of
from aether_engine.store.sqlite.schema import first_position

_IN_RANGE: Final = "namespace = ? AND actor_id >= ? AND actor_id < ?"
_ORDERS: Final = {
    ActorOrder.NAME: "actor_id",
    ActorOrder.EVENTS: "event_count",
    ActorOrder.ACTIVITY: "last_sequence",
}
#: No text comes behind it: to SQLite every text is less than any BLOB.
_NO_END: Final = b""
_NAMES_AT_ONCE: Final = 2000
_COUNTS_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class ActorRange:
    """Which actors are asked for, and in what order; see `ActorDirectory.actors`."""

    prefix: str = ""
    after: str | None = None
    pattern: str = ""
    order: ActorOrder = ActorOrder.NAME
    descending: bool = False

    @property
    def is_text(self) -> bool:
        """Whether a file can hold what is asked for at all."""
        return is_text(self.prefix) and is_text(self.after or "") and is_text(self.pattern)

    @property
    def bounds(self) -> tuple[str, str | bytes]:
        """The first id that is asked for, and the first behind those."""
        start, end = self.prefix, _behind_prefix(self.prefix)
        if self.after is not None and self._is_backwards:
            end = self.after if end is None else min(end, self.after)
        elif self.after is not None:
            # No text lies between one and the same with NUL at its end.
            start = max(start, self.after + "\0")
        if self.pattern:
            literal = self.pattern.partition("*")[0].removesuffix(">")
            start, behind = max(start, literal), _behind_prefix(literal)
            if behind is not None:
                end = behind if end is None else min(end, behind)
        return start, _NO_END if end is None else end

    @property
    def _is_backwards(self) -> bool:
        return self.descending and self.order is ActorOrder.NAME

    @property
    def source(self) -> str:
        """The table and `WHERE` of a query for them; takes the namespace and the bounds."""
        is_all = self.order is not ActorOrder.NAME and self.bounds == ("", _NO_END)
        # Every actor is looked at: in the order of the table, not by way of the index to each row.
        index = "NOT INDEXED" if is_all else "INDEXED BY actors_by_name"
        return f"actors {index} WHERE {_IN_RANGE}"

    @property
    def order_by(self) -> str:
        """`ORDER BY` of a query for them."""
        direction = "DESC" if self.descending else "ASC"
        by_name = "" if self.order is ActorOrder.NAME else ", actor_id"
        return f"ORDER BY {_ORDERS[self.order]} {direction}{by_name}"

    def accepts(self, actor_id: str) -> bool:
        """Whether this id is asked for."""
        if not actor_id.startswith(self.prefix) or (
            self.pattern and not match_actor_pattern(self.pattern, actor_id)
        ):
            return False
        if self.after is None:
            return True
        return actor_id < self.after if self._is_backwards else actor_id > self.after

    def sorted(self, infos: Iterable[ActorInfo]) -> list[ActorInfo]:
        """`infos` in the order asked for."""
        found = sorted(infos, key=lambda info: info.actor_id, reverse=self._is_backwards)
        if self.order is ActorOrder.NAME:
            return found
        return sorted(found, key=order_key(self.order, descending=self.descending))


class Directory:
    """Answers from the counters, for the calling thread."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def namespaces(self) -> list[NamespaceInfo]:
        """All namespaces by name."""

        def job(connection: sqlite3.Connection) -> list[NamespaceInfo] | None:
            try:
                rows = connection.execute(
                    "SELECT name, last_sequence, size_bytes, first_recorded_at, last_recorded_at "
                    "FROM namespaces NOT INDEXED"
                ).fetchall()
            except sqlite3.Error as error:
                if not is_corruption(error):
                    raise
                return None
            infos = [
                NamespaceInfo(
                    str(name),
                    _number(count),
                    _number(size),
                    moment_of(first) if count and first is not None else None,
                    moment_of(last) if count and last is not None else None,
                )
                for name, count, size, first, last in rows
            ]
            return sorted(infos, key=lambda info: info.name)

        infos = self._reader.run(job, [])
        return self._recount() if infos is None else infos

    def event_types(
        self, limit: int | None = None, beginning: str = "", holding: str = "", given_up: GivenUp = never
    ) -> list[str]:
        """The event types of all namespaces, as far as they can be read; see `TypeIndex.event_types`."""
        if not is_text(beginning + holding) or len(beginning + holding) > _LONGEST_SOUGHT:
            return []
        most = _MOST if limit is None else limit
        end = _behind_prefix(beginning)
        values: tuple[object, ...] = (beginning, _NO_END if end is None else end)
        where, order, parameters = "name >= ? AND name < ?", "name", (*values, most)
        if holding:
            begins = f"{_any_case(holding)}*"
            where, order = f"{where} AND name GLOB ?", "name GLOB ? DESC, name"
            parameters = (*values, f"*{begins}", begins, most)

        def job(connection: sqlite3.Connection) -> list[str]:
            # The index has them by name; a damaged one is no reason to offer none.
            for way in ("", "NOT INDEXED"):
                sql = f"SELECT name FROM event_types {way} WHERE {where} ORDER BY {order} LIMIT ?"  # noqa: S608 (constants)
                try:
                    with ending(connection, given_up):
                        return [str(name) for (name,) in connection.execute(sql, parameters)]
                except sqlite3.Error as error:
                    if not is_corruption(error):
                        raise
            return []

        types: list[str] = self._reader.run(job, [])
        return types

    def latest_version(self, name: str, actor_id: str) -> int:
        """The highest version of an actor, 0 if it has no events."""
        namespace = self._reader.namespace_id(name)
        if namespace is None or not is_text(actor_id):
            return 0

        def job(connection: sqlite3.Connection) -> int | None:
            try:
                row = connection.execute(
                    "SELECT latest_version FROM actors INDEXED BY actors_by_name "
                    "WHERE namespace = ? AND actor_id = ?",
                    (namespace, actor_id),
                ).fetchone()
                return 0 if row is None else _number(row[0])
            except sqlite3.Error as error:
                if not is_corruption(error):
                    raise
                return None

        version = self._reader.run(job, 0)
        if version is None:
            version = 0
            cursor = StreamCursor(self._reader, name, actor_id, 0, 1000)
            while not cursor.done:
                for stored in cursor.next_batch():
                    version = max(version, stored.event.version if stored.event else 0)
        return version

    def actors(
        self, name: str, wanted: ActorRange, limit: int, offset: int, given_up: GivenUp = never
    ) -> Sequence[ActorInfo]:
        """A page of a namespace's actors, each perhaps made when it is looked at; anything once it is given up."""
        namespace = self._reader.namespace_id(name)
        if namespace is None or limit <= 0 or not wanted.is_text:
            return []

        def job(connection: sqlite3.Connection) -> Sequence[ActorInfo] | None:
            try:
                with ending(connection, given_up):
                    return self._page(connection, namespace, wanted, limit, offset)
            except sqlite3.Error as error:
                if not is_corruption(error):
                    raise
                return None

        found = self._reader.run(job, [])
        return self._collect_actors(name, wanted, limit, offset, given_up) if found is None else found

    def actor_count(self, name: str, wanted: ActorRange, given_up: GivenUp = never) -> int:
        """How many actors there are; anything once it is given up."""
        namespace = self._reader.namespace_id(name)
        if namespace is None or not wanted.is_text:
            return 0

        def job(connection: sqlite3.Connection) -> int | None:
            try:
                with ending(connection, given_up):
                    if wanted.pattern:
                        return sum(len(part) for part in self._matching(connection, namespace, wanted))
                    row = connection.execute(
                        f"SELECT count(*) FROM {wanted.source}",  # noqa: S608 (constants)
                        (namespace, *wanted.bounds),
                    ).fetchone()
                    return _number(row[0])
            except sqlite3.Error as error:
                if not is_corruption(error):
                    raise
                return None

        count = self._reader.run(job, 0)
        return len(self._collect_actors(name, wanted, _MOST, 0, given_up)) if count is None else count

    def actor_counts(self, name: str, wanted: ActorRange) -> list[tuple[str, int]]:
        """Id and number of events of the first actors by id, none if there are no more."""
        namespace = self._reader.namespace_id(name)
        if namespace is None or not wanted.is_text:
            return []

        def job(connection: sqlite3.Connection) -> list[tuple[str, int]] | None:
            try:
                rows = connection.execute(
                    f"SELECT actor_id, event_count FROM {wanted.source} {wanted.order_by}",  # noqa: S608 (constants)
                    (namespace, *wanted.bounds),
                )
                found: list[tuple[str, int]] = []
                while not found and (part := rows.fetchmany(_COUNTS_AT_ONCE)):
                    found = [(str(one), _number(count)) for one, count in part if wanted.accepts(str(one))]
                return found
            except sqlite3.Error as error:
                if not is_corruption(error):
                    raise
                return None

        counts = self._reader.run(job, [])
        if counts is None:
            infos = self._collect_actors(name, wanted, _COUNTS_AT_ONCE, 0)
            return [(info.actor_id, info.event_count) for info in infos]
        return counts

    def _page(
        self, connection: sqlite3.Connection, namespace: int, wanted: ActorRange, limit: int, offset: int
    ) -> Sequence[ActorInfo]:
        if wanted.pattern:
            return self._matching_page(connection, namespace, wanted, limit, offset)
        base, page = first_position(namespace), (min(limit, _MOST), min(offset, _MOST))
        if wanted.order is ActorOrder.NAME and not offset:
            return read_page(
                connection,
                f"SELECT {COLUMNS} FROM actors AS a INDEXED BY actors_by_name {LAST_EVENT} "  # noqa: S608 (constants)
                f"WHERE {_IN_RANGE} {wanted.order_by} LIMIT ? OFFSET ?",
                (base, namespace, *wanted.bounds, *page),
                limit,
            )
        # What is passed over or not chosen is so before the last event of each is looked up.
        chosen = f"SELECT * FROM {wanted.source} {wanted.order_by} LIMIT ? OFFSET ?"  # noqa: S608 (constants)
        return read_page(
            connection,
            f"SELECT {COLUMNS} FROM ({chosen}) AS a {LAST_EVENT}",  # noqa: S608 (constants)
            (namespace, *wanted.bounds, *page, base),
            limit,
        )

    def _matching(
        self, connection: sqlite3.Connection, namespace: int, wanted: ActorRange
    ) -> Iterator[list[tuple[int, str]]]:
        """Number and id of the actors whose id matches, in parts.

        SQLite leaves out most of the others; it cannot judge ids with a NUL, for it looks no further than that.
        """
        matches = "(actor_id GLOB ? OR instr(actor_id, ?))"
        cursor = connection.execute(
            f"SELECT id, actor_id FROM {wanted.source} AND {matches} {wanted.order_by}",  # noqa: S608 (constants)
            (namespace, *wanted.bounds, _glob(wanted.pattern), "\0"),
        )
        while rows := cursor.fetchmany(_NAMES_AT_ONCE):
            yield [row for row in rows if match_actor_pattern(wanted.pattern, str(row[1]))]

    def _matching_page(
        self, connection: sqlite3.Connection, namespace: int, wanted: ActorRange, limit: int, offset: int
    ) -> list[ActorInfo]:
        found: list[tuple[int, str]] = []
        for part in self._matching(connection, namespace, wanted):
            found += part
            if len(found) >= offset + limit:
                break
        return read_chosen(connection, found[offset : offset + limit], first_position(namespace))

    def _recount(self) -> list[NamespaceInfo]:
        """`namespaces` from the log itself, where its counters cannot be read."""
        infos: list[NamespaceInfo] = []
        for name in sorted(self._reader.run(lambda connection: self._reader.names(connection), {})):
            cursor = LogCursor(self._reader, name, 1, None, 1000)
            size, first, last = 0, None, None
            while not cursor.done:
                for stored in cursor.next_batch():
                    size += len(stored.raw)
                    last = stored.recorded_at
                    first = first or last
            infos.append(NamespaceInfo(name, self._reader.last_sequence(name), size, first, last))
        return infos

    def _collect_actors(
        self, name: str, wanted: ActorRange, limit: int, offset: int, given_up: GivenUp = never
    ) -> list[ActorInfo]:
        """`actors` from the log itself, where their table cannot be read."""
        found: dict[str, ActorInfo] = {}
        cursor = LogCursor(self._reader, name, 1, None, 1000)
        first_by_name = wanted.order is ActorOrder.NAME and not wanted.descending
        while not cursor.done and not given_up():
            for stored in cursor.next_batch():
                event = stored.event
                if event is None or not wanted.accepts(event.actor_id):
                    continue
                before = found.get(event.actor_id)
                found[event.actor_id] = ActorInfo(
                    event.actor_id,
                    before.event_count + 1 if before else 1,
                    max(before.latest_version if before else 0, event.version),
                    event.event_type,
                    stored.recorded_at,
                )
            if first_by_name and len(found) > 4 * (offset + limit) + 1000:
                # The first names only move forward: what is behind them now never comes back.
                found = dict(sorted(found.items())[: offset + limit])
        return wanted.sorted(found.values())[offset : offset + limit]


#: More than any file holds, and within SQLite's integers.
_MOST: Final = 2**62
#: Nobody types more to find a type, and SQLite takes no pattern much longer.
_LONGEST_SOUGHT: Final = 1000


def _glob(pattern: str) -> str:
    """A GLOB that passes all that `pattern` matches, and little else: its stars also take dots."""
    escaped = pattern.replace("[", "[[]").replace("?", "[?]")
    return f"{escaped[:-1]}*" if pattern == ">" or pattern.endswith(".>") else escaped


def _any_case(text: str) -> str:
    """A GLOB of exactly this text, in capitals or not."""
    parts = []
    for character in text:
        cases = {character, character.lower(), character.upper()}
        is_special = len(cases) > 1 or character in "*?["
        parts.append(f"[{''.join(sorted(case for case in cases if len(case) == 1))}]" if is_special else character)
    return "".join(parts)


def _number(value: object) -> int:
    return value if type(value) is int else 0


def _behind_prefix(prefix: str) -> str | None:
    """The first text behind all that start with `prefix`, None if there is none."""
    while prefix:
        last = ord(prefix[-1])
        if last < 0x10FFFF:
            following = last + 1
            return prefix[:-1] + chr(0xE000 if following == 0xD800 else following)
        prefix = prefix[:-1]
    return None
