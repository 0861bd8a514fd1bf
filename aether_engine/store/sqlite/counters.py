"""What a writer knows of namespaces, actors and event types, and what of it the open transaction changes.

Read once and kept from one transaction to the next, until another process writes or a transaction fails.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, cast

from aether_engine.store.sqlite.ids import places
from aether_engine.store.sqlite.inserts import write_actors
from aether_engine.store.sqlite.schema import EventIdHash

#: Actors that are kept, at most some 50 MB of them.
_CACHED_ACTORS: Final = 200_000
_FOUND_AT_ONCE: Final = 500
_ALL_NAMESPACES: Final = (
    "SELECT id, name, last_sequence, size_bytes, first_recorded_at, last_recorded_at FROM namespaces"
)
_SAVE_NAMESPACE: Final = (
    "INSERT INTO namespaces(id, name, last_sequence, size_bytes, first_recorded_at, last_recorded_at, ids_until) "
    "VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT(id) DO UPDATE SET last_sequence = excluded.last_sequence, "
    "size_bytes = excluded.size_bytes, first_recorded_at = excluded.first_recorded_at, "
    "last_recorded_at = excluded.last_recorded_at"
)
_FIND_ACTORS: Final = (
    "SELECT wanted.name, a.event_count, a.latest_version, a.last_sequence, a.id FROM wanted "
    "CROSS JOIN actors AS a INDEXED BY actors_by_name ON a.actor_id = wanted.name AND a.namespace = ?"
)

#: What is known of an actor: event count, latest version, last sequence, number. A list, because a load of a
#: million events makes a million of them.
Actor = list[int]
COUNT, VERSION, LAST, NUMBER = range(4)


@dataclass(slots=True)
class Namespace:
    """A namespace's row in `namespaces`."""

    number: int
    name: str
    last_sequence: int = 0
    size_bytes: int = 0
    first_recorded_at: int | None = None
    last_recorded_at: int | None = None
    id_hash: EventIdHash | None = None

    def hashing(self) -> EventIdHash:
        """What makes the hashes of its event ids."""
        if self.id_hash is None:
            self.id_hash = EventIdHash(self.number)
        return self.id_hash

    def grow(self, count: int, size: int, now: int) -> None:
        """So many more events, of so many bytes, were stored."""
        self.last_sequence += count
        self.size_bytes += size
        self.last_recorded_at = now
        if self.first_recorded_at is None:
            self.first_recorded_at = now


class Counters:
    """Belongs to the transactions of one writing connection. What is changed is written by `flush`."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Read everything anew the next time."""
        self.is_fresh = True
        #: The number that the next new actor gets.
        self.next_actor = 0
        self._first_new = 0
        self._namespaces: dict[str, Namespace] = {}
        self._actors: dict[int, dict[str, Actor]] = {}
        self._types: dict[str, int] = {}
        self._dirty_namespaces: dict[str, Namespace] = {}
        self._dirty_actors: dict[int, dict[str, Actor]] = {}
        self._new_types: dict[str, int] = {}

    def learn(self, connection: sqlite3.Connection) -> None:
        """Read what every save needs. Raises `sqlite3.Error`."""
        self._namespaces = {row[1]: Namespace(*row) for row in connection.execute(_ALL_NAMESPACES)}
        self._types = {name: number for number, name in connection.execute("SELECT id, name FROM event_types")}
        self.next_actor = (connection.execute("SELECT max(id) FROM actors").fetchone()[0] or 0) + 1
        self._first_new = self.next_actor
        self.is_fresh = False

    def namespace(self, name: str) -> Namespace:
        """The counters of a namespace; one that does not exist gets the next number."""
        known = self._dirty_namespaces.get(name) or self._namespaces.get(name)
        if known is None:
            # Staged in the same order as taken, so that each gets a number of its own.
            taken = [n.number for n in (*self._namespaces.values(), *self._dirty_namespaces.values())]
            known = Namespace(max(taken, default=0) + 1, name)
        return known

    def namespace_number(self, name: str) -> int:
        """The number of a namespace that exists."""
        return self._namespaces[name].number

    def actors(
        self, connection: sqlite3.Connection, namespace: int, names: Iterable[str]
    ) -> tuple[dict[str, Actor], int]:
        """Each of these actors by name, and how many of them are new. Raises `sqlite3.Error`.

        They are those that are kept: who changes them hands them to `change`, or makes them as they were. New ones
        have numbers from `next_actor` on.
        """
        cached = self._actors.setdefault(namespace, {})
        wanted = dict.fromkeys(names)
        found = list(map(cached.get, wanted))
        if all(found):
            return dict(zip(wanted, cast("list[Actor]", found), strict=True)), 0
        missing = [name for name, actor in zip(wanted, found, strict=True) if actor is None]
        there = self._read_actors(connection, namespace, missing)
        cached |= there
        absent = [name for name in missing if name not in there]
        for number, name in enumerate(absent, self.next_actor):
            there[name] = [0, 0, 0, number]
        return {name: actor or there[name] for name, actor in zip(wanted, found, strict=True)}, len(absent)

    def _read_actors(
        self, connection: sqlite3.Connection, namespace: int, names: Sequence[str]
    ) -> dict[str, Actor]:
        there: dict[str, Actor] = {}
        for start in range(0, len(names), _FOUND_AT_ONCE):
            part = names[start : start + _FOUND_AT_ONCE]
            query = f"WITH wanted(name) AS (VALUES {places(len(part))}) {_FIND_ACTORS}"
            for name, *actor in connection.execute(query, (*part, namespace)):
                there[name] = actor
        return there

    def is_new(self, actor: Actor) -> bool:
        """Whether an actor has no row yet."""
        return actor[NUMBER] >= self._first_new

    def type_numbers(self, names: Sequence[str]) -> list[int]:
        """The numbers of event types, which those that have none are given."""
        types = self._types
        try:
            return list(map(types.__getitem__, names))
        except KeyError:
            for name in names:
                if name not in types:
                    types[name] = self._new_types[name] = len(types) + 1
            return list(map(types.__getitem__, names))

    def change(self, namespace: Namespace, actors: dict[str, Actor] | None = None, new: int = 0) -> None:
        """Have the counters of a namespace, and of these of its actors, written; so many of them are new."""
        self._dirty_namespaces[namespace.name] = namespace
        if actors is not None:
            number = namespace.number
            if new:
                self._actors[number] |= actors
                self.next_actor += new
            if (dirty := self._dirty_actors.get(number)) is None:
                self._dirty_actors[number] = actors
            else:
                dirty |= actors

    def flush(self, connection: sqlite3.Connection) -> dict[int, int]:
        """Write what was changed; the last sequences of the namespaces it concerns.

        Raises `sqlite3.Error`, and then the transaction has to be rolled back.
        """
        changed = self._dirty_namespaces
        self._dirty_namespaces = {}
        for n in changed.values():
            connection.execute(
                _SAVE_NAMESPACE,
                (n.number, n.name, n.last_sequence, n.size_bytes, n.first_recorded_at, n.last_recorded_at),
            )
        self._namespaces |= changed
        if self._new_types:
            connection.executemany(
                "INSERT INTO event_types(name, id) VALUES (?, ?)", list(self._new_types.items())
            )
            self._new_types = {}
        for number, actors in self._dirty_actors.items():
            self._write_actors(connection, number, actors)
        self._dirty_actors = {}
        if sum(map(len, self._actors.values())) > _CACHED_ACTORS:
            self._actors = {}
        self._first_new = self.next_actor
        return {namespace.number: namespace.last_sequence for namespace in changed.values()}

    def _write_actors(self, connection: sqlite3.Connection, namespace: int, actors: dict[str, Actor]) -> None:
        known = actors
        if self.next_actor > self._first_new:
            new = {name: actor for name, actor in actors.items() if actor[NUMBER] >= self._first_new}
            write_actors(connection, namespace, list(new), list(new.values()), are_new=True)
            known = {name: actor for name, actor in actors.items() if name not in new}
        if known:
            write_actors(connection, namespace, list(known), list(known.values()), are_new=False)
