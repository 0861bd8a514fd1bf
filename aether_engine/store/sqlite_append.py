"""Appending within a transaction: the checks, the counters, and the rows that go in together.

Everything is staged in memory first, so that a refused save leaves no trace in the transaction it shares with
others, and written by a few statements when the transaction ends.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from operator import xor
from typing import Any, Final
from zlib import crc32

from aether_engine import codec
from aether_engine.errors import (
    CorruptStoreError,
    DuplicateEventError,
    InvalidEventError,
    StoreUnavailableError,
    VersionConflictError,
)
from aether_engine.event import ActorSnapshot, Event
from aether_engine.store.sqlite_create import create_links, open_for_writing
from aether_engine.store.sqlite_file import RawFile, confine, connect
from aether_engine.store.sqlite_ids import EventIds, places
from aether_engine.store.sqlite_inserts import EventColumns, write_actors
from aether_engine.store.sqlite_links import EventLinks
from aether_engine.store.sqlite_schema import (
    MAX_NAMESPACE,
    SEQUENCE_MASK,
    EventIdHash,
    checksum_seed,
    first_position,
)
from aether_engine.store.sqlite_snapshots import SAVE as SAVE_SNAPSHOT

_CACHED_ACTORS: Final = 200_000
_SAVE_NAMESPACE: Final = (
    "INSERT INTO namespaces(id, name, last_sequence, size_bytes, first_recorded_at, last_recorded_at, ids_until) "
    "VALUES (?, ?, ?, ?, ?, ?, 0) ON CONFLICT(id) DO UPDATE SET last_sequence = excluded.last_sequence, "
    "size_bytes = excluded.size_bytes, first_recorded_at = excluded.first_recorded_at, "
    "last_recorded_at = excluded.last_recorded_at"
)
_FOUND_AT_ONCE: Final = 500
_FIND_ACTORS: Final = (
    "SELECT wanted.name, a.event_count, a.latest_version, a.last_sequence, a.id FROM wanted "
    "CROSS JOIN actors AS a INDEXED BY actors_by_name ON a.actor_id = wanted.name AND a.namespace = ?"
)


@dataclass(slots=True)
class _Namespace:
    number: int
    name: str
    last_sequence: int = 0
    size_bytes: int = 0
    first_recorded_at: int | None = None
    last_recorded_at: int | None = None


# What is known of an actor: event count, latest version, last sequence, number, and whether its row is yet to be
# inserted. A list, because a load of a million events makes a million of them.
_Actor = list[Any]
_COUNT, _VERSION, _LAST, _NUMBER, _IS_NEW = range(5)


class Appender:
    """The one writing connection of a store; belongs to the writer thread."""

    def __init__(self, raw: RawFile, url: str, synchronous: str, *, max_pages: int | None = None) -> None:
        self._raw = raw
        self._url = url
        self._synchronous = synchronous
        self._max_pages = max_pages
        self._connection: sqlite3.Connection | None = None
        self._looking: sqlite3.Connection | None = None
        self._data_version = -1
        self._now = 0
        self._is_fresh = True
        self._namespaces: dict[str, _Namespace] = {}
        # By namespace and id.
        self._actors: dict[int, dict[str, _Actor]] = {}
        self._types: dict[str, int] = {}
        self._next_actor = 0
        self._staged: dict[int, EventColumns] = {}
        self._snapshots: list[tuple[Any, ...]] = []
        self._staged_ids: dict[bytes, int] = {}
        self._ids = EventIds(self._look)
        self.links = EventLinks(self._look, lambda: create_links(raw, url))
        self._new_types: dict[str, int] = {}
        self._dirty_actors: dict[int, dict[str, _Actor]] = {}
        self._dirty_namespaces: dict[str, _Namespace] = {}

    def begin(self) -> None:
        """Start a transaction; nothing can come between its checks and its commit. Raises `sqlite3.Error`."""
        connection = self._connection or self._open()
        self._check_in_place()
        connection.execute("BEGIN IMMEDIATE")
        data_version = connection.execute("PRAGMA data_version").fetchone()[0]
        if data_version != self._data_version:
            self._forget()
            self._ids.expire()
            self._data_version = data_version
        self._now = time.time_ns() // 1000

    def stage(
        self, name: str, events: Sequence[Event], raws: Sequence[bytes], *, since: int | None = None
    ) -> list[int]:
        """Check `events` and hold them ready; returns their sequences. Raises what `save_events` raises.

        `since` is the first sequence of the load that they are a part of, None where they are all of it.

        A batch is checked as a whole, column by column; only if something may be wrong with it each event is
        looked at by itself, so that the first one at fault is named.
        """
        namespace = self._namespace(name)
        if not events:
            return []
        number = namespace.number
        first = namespace.last_sequence + 1
        count = len(events)
        base = first_position(number)
        actor_ids = [event.actor_id for event in events]
        versions = [event.version for event in events]
        hashes = EventIdHash(number).digests(events)
        ids = dict(zip(hashes, range(base + first, base + first + count), strict=True))
        known = dict.fromkeys(actor_ids)
        self._find_actors(number, known)
        touched: dict[str, _Actor] = {}
        number_of_next = self._next_actor
        for actor_id, actor in known.items():
            if actor is None:
                touched[actor_id] = [0, 0, 0, number_of_next, True]
                number_of_next += 1
            else:
                touched[actor_id] = actor.copy()
        numbers: list[int] = []
        rises = True
        # The one loop over each event: a version has to exceed that before it, of this batch too.
        for sequence, (actor_id, version) in enumerate(zip(actor_ids, versions, strict=True), first):
            actor = touched[actor_id]
            if version <= actor[_VERSION]:
                rises = False
                break
            actor[_VERSION] = version
            actor[_COUNT] += 1
            actor[_LAST] = sequence
            numbers.append(actor[_NUMBER])
        if not rises or len(ids) < count or self._may_hold(number, hashes):
            self._refuse_first(events, hashes, known, number, first, since or first)
        # From here on nothing is refused.
        now = self._now
        self._next_actor = number_of_next
        if self._staged_ids:
            self._staged_ids |= ids
        else:
            self._staged_ids = ids
        self._dirty_actors.setdefault(number, {}).update(touched)
        rows = self._staged.get(number)
        if rows is None:
            rows = self._staged[number] = EventColumns(base + first)
        rows.actors += numbers
        rows.versions += versions
        rows.types += self._type_numbers([event.event_type for event in events])
        rows.hashes += hashes
        rows.raws += raws
        # CRC-32 takes the low 32 bits of what it starts from.
        places = map(xor, range(first, first + count), versions)
        rows.checksums += map(crc32, raws, map(xor, places, repeat(number ^ now ^ now >> 32)))
        size = sum(map(len, raws))
        rows.size += size
        namespace.last_sequence += count
        namespace.size_bytes += size
        namespace.last_recorded_at = now
        if namespace.first_recorded_at is None:
            namespace.first_recorded_at = now
        self._dirty_namespaces[name] = namespace
        return list(range(first, first + count))

    def _refuse_first(
        self,
        events: Sequence[Event],
        hashes: Sequence[bytes],
        known: Mapping[str, _Actor | None],
        namespace: int,
        first: int,
        since: int,
    ) -> None:
        """Raise what is wrong with the first event at fault; nothing if there is none."""
        base = first_position(namespace)
        touched: dict[str, _Actor] = {}
        ids: dict[bytes, int] = {}
        for sequence, (event, id_hash) in enumerate(zip(events, hashes, strict=True), first):
            actor = touched.get(event.actor_id)
            if actor is None:
                actor = list(known[event.actor_id] or (0, 0, 0, 0, True))
                touched[event.actor_id] = actor
            if event.version <= actor[_VERSION]:
                raise self._conflict(event, actor, namespace, since)
            self._refuse_duplicate(event.id, id_hash, namespace, ids, since)
            ids[id_hash] = base + sequence
            actor[_VERSION], actor[_LAST] = event.version, sequence

    def _may_hold(self, namespace: int, hashes: Sequence[bytes]) -> bool:
        """Whether one of the ids may be stored already, or be about to be."""
        return not self._staged_ids.keys().isdisjoint(hashes) or self._ids.may_hold(
            self._open_connection, namespace, hashes
        )

    def _type_numbers(self, names: Sequence[str]) -> list[int]:
        """The numbers of event types, which those that have none are given."""
        types = self._types
        try:
            return list(map(types.__getitem__, names))
        except KeyError:
            for name in names:
                if name not in types:
                    types[name] = self._new_types[name] = len(types) + 1
            return list(map(types.__getitem__, names))

    def stage_snapshot(self, name: str, snapshot: ActorSnapshot, raw: bytes) -> None:
        """Hold a snapshot ready; it replaces the one of the same version."""
        namespace = self._namespace(name)
        self._dirty_namespaces[name] = namespace
        self._snapshots.append((namespace.number, snapshot.actor_id, snapshot.version, self._now, crc32(raw), raw))

    def flush(self) -> None:
        """Write what was staged into the open transaction. Raises `sqlite3.Error`."""
        connection = self._open_connection
        dirty_namespaces, self._dirty_namespaces = self._dirty_namespaces, {}
        if dirty_namespaces:
            for n in dirty_namespaces.values():
                connection.execute(
                    _SAVE_NAMESPACE,
                    (n.number, n.name, n.last_sequence, n.size_bytes, n.first_recorded_at, n.last_recorded_at),
                )
            self._namespaces |= dirty_namespaces
        if self._new_types:
            connection.executemany(
                "INSERT INTO event_types(name, id) VALUES (?, ?)", list(self._new_types.items())
            )
            self._new_types = {}
        for number, actors in self._dirty_actors.items():
            inserts: list[Sequence[Any]] = []
            updates: list[Sequence[Any]] = []
            for actor_id, actor in actors.items():
                if actor[_IS_NEW]:
                    actor[_IS_NEW] = False
                    inserts.append((*actor[:_IS_NEW], number, actor_id))
                else:
                    updates.append((*actor[:_IS_NEW], number, actor_id))
            write_actors(connection, inserts, are_new=True)
            write_actors(connection, updates, are_new=False)
            self._keep(number, actors)
        self._dirty_actors = {}
        if self._staged:
            for rows in self._staged.values():
                rows.write(connection, self._now)
            self._staged = {}
            self._ids.add(self._staged_ids, {n.number: n.last_sequence for n in dirty_namespaces.values()})
            self._staged_ids = {}
            self.links.note_written()
        if self._snapshots:
            connection.executemany(SAVE_SNAPSHOT, self._snapshots)
            self._snapshots = []

    def _keep(self, namespace: int, actors: dict[str, _Actor]) -> None:
        """Remember actors for the next transaction."""
        if sum(map(len, self._actors.values())) > _CACHED_ACTORS:
            self._actors.clear()
        self._actors.setdefault(namespace, {}).update(actors)

    @property
    def has_ids_to_move(self) -> bool:
        """Whether `move_ids` has something to do."""
        return self._ids.is_due()

    @property
    def is_behind_with_ids(self) -> bool:
        """Whether a pause should be used for `move_ids`."""
        return self._ids.is_behind()

    def move_ids(self) -> None:
        """Let the index over ids catch up by a slice, in a transaction of its own. Raises `sqlite3.Error`."""
        self.begin()
        self._ids.move(self._open_connection)
        self.commit()

    def postpone_moving_ids(self) -> None:
        """After `move_ids` failed: no save suffers from it, the index just lags on."""
        self.close()
        self._ids.postpone()

    def move_links(self) -> None:
        """Let the index over causes and correlations catch up by a step. Raises `sqlite3.Error`."""
        if not self.links.has_slice:
            self.links.read()
            return
        self.begin()
        self.links.move(self._open_connection)
        self.commit()

    def postpone_moving_links(self) -> None:
        """After `move_links` failed, as with ids."""
        self.close()
        self.links.postpone()

    def move_ids_in_transaction(self) -> None:
        """As `move_ids`, for all of them, as a part of a transaction that holds more than memory should."""
        if self._ids.is_due():
            self._ids.move_all(self._open_connection)

    def finish(self) -> None:
        """Close for good, and leave no ids to be read to the next writer."""
        with suppress(Exception):
            if self._connection is not None and self._ids.is_worth_moving():
                self._connection.execute("PRAGMA busy_timeout = 200").close()
                self.begin()
                self._ids.move_all(self._open_connection)
                self.commit()
        self.close()

    def commit(self) -> None:
        """Make the transaction durable. Raises `sqlite3.Error`; then the outcome must be looked up."""
        self._open_connection.execute("COMMIT")

    def rollback(self) -> None:
        """Forget the transaction and all that was learned in it."""
        self._forget()
        self._ids.forget()
        self.links.forget()
        connection = self._connection
        if connection is not None and connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                self.close()

    def find(self, name: str, event: Event) -> int | None:
        """The sequence of an event id, looked up with a new connection. Raises `sqlite3.Error`."""
        self.close()
        connection = self._open()
        row = connection.execute("SELECT id FROM namespaces WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        position = EventIds(self._look).find(connection, row[0], EventIdHash(row[0]).digest(event.id))
        return None if position is None else position & SEQUENCE_MASK

    def raw_range(self, name: str, first: int, last: int) -> list[tuple[int, bytes]]:
        """Sequence and bytes of events that were just stored. Raises `sqlite3.Error`."""
        base = first_position(self._namespaces[name].number)
        return self._open_connection.execute(
            "SELECT position - ?, raw FROM events WHERE position BETWEEN ? AND ? ORDER BY position",
            (base, base + first, base + last),
        ).fetchall()

    def close(self) -> None:
        """Let go of the connection; the last one of all processes clears the write-ahead log away."""
        self._forget()
        self._ids.forget()
        self._stop_looking()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _look(self) -> sqlite3.Connection:
        if self._looking is None:
            self._looking = connect(self._raw.path, mode="ro")
            confine(self._looking, writing=False)
        return self._looking

    def _stop_looking(self) -> None:
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.close()

    def _check_in_place(self) -> None:
        # SQLite goes on writing into a file that has no name any more, and what it acknowledges is lost.
        handle = self._raw.open()
        with suppress(OSError):
            if handle is not None and os.path.samestat(os.fstat(handle), self._raw.path.stat()):
                return
        raise StoreUnavailableError(
            self._url, "the file was deleted, moved or replaced; close it and open it again"
        )

    @property
    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def _forget(self) -> None:
        self._namespaces = {}
        self._actors = {}
        self._types = {}
        self._next_actor = 0
        self._staged = {}
        self._snapshots = []
        self._staged_ids = {}
        self._new_types = {}
        self._dirty_actors = {}
        self._dirty_namespaces = {}
        self._is_fresh = True

    def _learn(self) -> None:
        """What every save needs, once after every change by another process."""
        connection = self._open_connection
        for row in connection.execute(
            "SELECT id, name, last_sequence, size_bytes, first_recorded_at, last_recorded_at FROM namespaces"
        ):
            self._namespaces[row[1]] = _Namespace(*row)
        self._types = {name: number for number, name in connection.execute("SELECT id, name FROM event_types")}
        self._next_actor = (connection.execute("SELECT max(id) FROM actors").fetchone()[0] or 0) + 1
        self.links.learn(connection)
        self._is_fresh = False

    def _namespace(self, name: str) -> _Namespace:
        if self._is_fresh:
            self._learn()
        known = self._dirty_namespaces.get(name) or self._namespaces.get(name)
        if known is None:
            # Staged in the same order as taken, so that each gets a number of its own.
            taken = [n.number for n in (*self._namespaces.values(), *self._dirty_namespaces.values())]
            known = _Namespace(max(taken, default=0) + 1, name)
            if known.number > MAX_NAMESPACE:
                raise CorruptStoreError(self._url, "it has no numbers left for another namespace")
        return known

    def _find_actors(self, namespace: int, wanted: dict[str, _Actor | None]) -> None:
        """Fill in those of the actors that exist."""
        dirty = self._dirty_actors.get(namespace, {})
        cached = self._actors.setdefault(namespace, {})
        missing: list[str] = []
        for actor_id in wanted:
            actor = dirty.get(actor_id) or cached.get(actor_id)
            if actor is None:
                missing.append(actor_id)
            else:
                wanted[actor_id] = actor
        for start in range(0, len(missing), _FOUND_AT_ONCE):
            part = missing[start : start + _FOUND_AT_ONCE]
            query = f"WITH wanted(name) AS (VALUES {places(len(part))}) {_FIND_ACTORS}"
            for actor_id, *row in self._open_connection.execute(query, (*part, namespace)):
                wanted[actor_id] = cached[actor_id] = [*row, False]

    def _refuse_duplicate(
        self, event_id: str, id_hash: bytes, namespace: int, batch: Mapping[bytes, int], since: int
    ) -> None:
        position = batch.get(id_hash) or self._staged_ids.get(id_hash)
        if position is None:
            position = self._ids.find(self._open_connection, namespace, id_hash)
        if position is not None:
            sequence = position & SEQUENCE_MASK
            raise DuplicateEventError(event_id, sequence, in_batch=sequence >= since)

    def _conflict(self, event: Event, actor: _Actor, namespace: int, since: int) -> VersionConflictError:
        current = actor[_VERSION] if actor[_LAST] < since else self._version_before(actor, namespace, since)
        if event.version > current:
            return VersionConflictError(event.actor_id, event.version, actor[_VERSION], in_batch=True)
        raw = None if actor[_IS_NEW] else self._sound_raw(actor[_NUMBER], event.version)
        for _, version, staged in self._staged_of(actor, namespace):
            if version == event.version:
                raw = staged
        stored = None
        with suppress(InvalidEventError, TypeError):
            stored = None if raw is None else codec.decode_event(raw)
        is_duplicate = stored is not None and stored.id == event.id
        return VersionConflictError(
            event.actor_id, event.version, current, stored=stored, is_duplicate=is_duplicate
        )

    def _staged_of(self, actor: _Actor, namespace: int) -> Iterable[tuple[int, int, bytes]]:
        rows = self._staged.get(namespace)
        return () if rows is None else rows.of_actor(actor[_NUMBER])

    def _sound_raw(self, actor: int, version: int) -> bytes | None:
        # Damage takes away the event that is in the way, and not the conflict. A connection that met damage does
        # not commit any more, so this is not the one that the other saves depend on.
        row = None
        try:
            row = (
                self._look()
                .execute(
                    "SELECT position, version, recorded_at, checksum, raw FROM events "
                    "WHERE actor = ? AND version = ?",
                    (actor, version),
                )
                .fetchone()
            )
        except sqlite3.Error:
            self._stop_looking()
        if row is None or not isinstance(row[4], bytes) or crc32(row[4], checksum_seed(*row[:3])) != row[3]:
            return None
        return row[4]

    def _version_before(self, actor: _Actor, namespace: int, since: int) -> int:
        position = first_position(namespace) + since
        staged = [version for place, version, _ in self._staged_of(actor, namespace) if place < position]
        if staged:
            return max(staged)
        row = self._open_connection.execute(
            "SELECT version FROM events WHERE actor = ? AND position < ? ORDER BY version DESC LIMIT 1",
            (actor[_NUMBER], position),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _open(self) -> sqlite3.Connection:
        self._connection = open_for_writing(self._raw, self._url, self._synchronous, self._max_pages)
        self._data_version = -1
        return self._connection
