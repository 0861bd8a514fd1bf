"""Appending within a transaction: the checks, the counters, and the rows that go in together.

Everything is staged in memory first, so that a refused save leaves no trace in the transaction it shares with
others, and written by a few statements when the transaction ends.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from zlib_ng.zlib_ng import crc32

from aether_engine.errors import (
    CorruptStoreError,
    StoreUnavailableError,
)
from aether_engine.event import ActorSnapshot, Event
from aether_engine.store.sqlite.checkpoints import Checkpoints
from aether_engine.store.sqlite.counters import (
    COUNT,
    LAST,
    NUMBER,
    VERSION,
    Actor,
    Counters,
    Namespace,
)
from aether_engine.store.sqlite.create import create_links, open_for_writing
from aether_engine.store.sqlite.file import RawFile, beside
from aether_engine.store.sqlite.ids import EventIds
from aether_engine.store.sqlite.inserts import EventColumns, EventWriter
from aether_engine.store.sqlite.links import EventLinks
from aether_engine.store.sqlite.probe import Probe
from aether_engine.store.sqlite.refusals import Refusals
from aether_engine.store.sqlite.schema import (
    MAX_NAMESPACE,
    SEQUENCE_MASK,
    EventIdHash,
    first_position,
)
from aether_engine.store.sqlite.snapshots import SAVE as SAVE_SNAPSHOT
from aether_engine.store.sqlite.write_ahead_log import LogRoom

#: Events, and bytes of them, of a transaction that writes little.
_FEW: Final = 100
_LITTLE: Final = 32 << 10


class Appender:
    """The one writing connection of a store; belongs to the writer thread."""

    def __init__(self, raw: RawFile, url: str, synchronous: str, *, max_pages: int | None = None) -> None:
        self._raw = raw
        self._url = url
        self._synchronous = synchronous
        self._max_pages = max_pages
        self._connection: sqlite3.Connection | None = None
        self._probe = Probe(raw)
        self._writer = EventWriter()
        self._data_version = -1
        self._now = 0
        self._counters = Counters()
        self._staged: dict[int, EventColumns] = {}
        self._snapshots: list[tuple[Any, ...]] = []
        self._ids = EventIds(self._probe.open)
        self._refusals = Refusals(self._counters, self._ids, self._staged, self._probe)
        self._checkpoints = Checkpoints(raw, url, synchronous)
        self._room = LogRoom(beside(raw.path, "-wal"))
        # Whether the open transaction writes little.
        self._is_small = False
        self.links = EventLinks(self._probe.open, lambda: create_links(raw, url))

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
        self._is_small = False

    def stage(
        self, name: str, events: Sequence[Event], raws: Sequence[bytes], size: int, *, since: int | None = None
    ) -> list[int]:
        """Check `events` and hold them ready; returns their sequences. Raises what `save_events` raises.

        `size` is the length of all `raws`, `since` the first sequence of the load that they are a part of, None
        where they are all of it.

        A batch is checked as a whole, column by column; only if something may be wrong with it each event is
        looked at by itself, so that the first one at fault is named.
        """
        namespace = self._namespace(name)
        if len(events) > 1:
            self._stage_many(namespace, events, raws, size, since)
        elif events:
            self._stage_one(namespace, events[0], raws[0], since)
        last = namespace.last_sequence
        return list(range(last - len(events) + 1, last + 1))

    def _stage_one(self, namespace: Namespace, event: Event, raw: bytes, since: int | None) -> None:
        counters = self._counters
        number = namespace.number
        sequence = namespace.last_sequence + 1
        actor_id, version = event.actor_id, event.version
        connection = self._open_connection
        actors, new = counters.actors(connection, number, (actor_id,))
        actor = actors[actor_id]
        if version <= actor[VERSION]:
            raise self._refusals.conflict(connection, event, actor, number, since or sequence)
        id_hash = namespace.hashing().digest(event.id)
        self._refusals.refuse_duplicate(connection, event.id, id_hash, number, since or sequence)
        # From here on nothing is refused.
        actor[COUNT] += 1
        actor[VERSION], actor[LAST] = version, sequence
        position = first_position(number) + sequence
        self._ids.hold(position, [id_hash])
        rows = self._columns(number, position)
        rows.actors.append(actor[NUMBER])
        rows.versions.append(version)
        rows.types += counters.type_numbers((event.event_type,))
        rows.hashes.append(id_hash)
        rows.raws.append(raw)
        rows.size += len(raw)
        namespace.grow(1, len(raw), self._now)
        counters.change(namespace, actors, new)

    def _stage_many(
        self, namespace: Namespace, events: Sequence[Event], raws: Sequence[bytes], size: int, since: int | None
    ) -> None:
        connection = self._open_connection
        counters = self._counters
        number = namespace.number
        first = namespace.last_sequence + 1
        count = len(events)
        position = first_position(number) + first
        actor_ids = [event.actor_id for event in events]
        versions = [event.version for event in events]
        hashes = namespace.hashing().digests(events)
        actors, new = counters.actors(connection, number, actor_ids)
        before = list(map(list.copy, actors.values()))
        numbers = _raise_versions(actors, actor_ids, versions, first)
        if numbers is None or not self._ids.hold_new(connection, position, hashes):
            for actor, was in zip(actors.values(), before, strict=True):
                actor[:] = was
            self._refusals.refuse_first(connection, events, hashes, number, first, since or first)
            # It only looked like it.
            numbers = _raise_versions(actors, actor_ids, versions, first) or []
            self._ids.hold(position, hashes)
        # From here on nothing is refused.
        rows = self._columns(number, position)
        rows.actors += numbers
        rows.versions += versions
        rows.types += counters.type_numbers([event.event_type for event in events])
        rows.hashes += hashes
        rows.raws += raws
        rows.size += size
        namespace.grow(count, size, self._now)
        counters.change(namespace, actors, new)

    def _columns(self, namespace: int, position: int) -> EventColumns:
        """Where events of a namespace are staged, the next one for `position`."""
        rows = self._staged.get(namespace)
        if rows is None:
            rows = self._staged[namespace] = EventColumns(position)
        return rows

    def stage_snapshot(self, name: str, snapshot: ActorSnapshot, raw: bytes) -> None:
        """Hold a snapshot ready; it replaces the one of the same version."""
        namespace = self._namespace(name)
        self._counters.change(namespace)
        self._snapshots.append((namespace.number, snapshot.actor_id, snapshot.version, self._now, crc32(raw), raw))

    def flush(self) -> None:
        """Write what was staged into the open transaction. Raises `sqlite3.Error`."""
        connection = self._open_connection
        last_sequences = self._counters.flush(connection)
        if self._staged:
            staged = self._staged.values()
            few = sum(len(rows.raws) for rows in staged) <= _FEW
            self._is_small = few and sum(rows.size for rows in staged) <= _LITTLE
            for rows in staged:
                self._writer.write(connection, rows, self._now)
            self._staged.clear()
            self._ids.note_written(last_sequences)
            self.links.note_written()
        if self._snapshots:
            connection.executemany(SAVE_SNAPSHOT, self._snapshots)
            self._snapshots = []

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
        self._checkpoints.end()
        self._writer.end()

    def commit(self) -> None:
        """Make the transaction durable. Raises `sqlite3.Error`; then the outcome must be looked up."""
        if self._is_small:
            self._room.make()
        self._open_connection.execute("COMMIT")

    def tend_log(self) -> None:
        """Between transactions: keep the write-ahead log short."""
        connection = self._connection
        if connection is not None and not connection.in_transaction:
            self._checkpoints.tend(connection)

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
        position = EventIds(self._probe.open).find(connection, row[0], EventIdHash(row[0]).digest(event.id))
        return None if position is None else position & SEQUENCE_MASK

    def raw_range(self, name: str, first: int, last: int) -> list[tuple[int, bytes]]:
        """Sequence and bytes of events that were just stored. Raises `sqlite3.Error`."""
        base = first_position(self._counters.namespace_number(name))
        return self._open_connection.execute(
            "SELECT position - ?, raw FROM events WHERE position BETWEEN ? AND ? ORDER BY position",
            (base, base + first, base + last),
        ).fetchall()

    def close(self) -> None:
        """Let go of the connection; the last one of all processes clears the write-ahead log away."""
        self._forget()
        self._ids.forget()
        self._probe.close()
        self._checkpoints.close()
        self._room.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _check_in_place(self) -> None:
        # SQLite goes on writing into a file that has no name any more, and what it acknowledges is lost.
        if self._raw.is_in_place():
            return
        raise StoreUnavailableError(
            self._url, "the file was deleted, moved or replaced; close it and open it again"
        )

    @property
    def _open_connection(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def _forget(self) -> None:
        self._counters.forget()
        self._staged.clear()
        self._snapshots = []

    def _namespace(self, name: str) -> Namespace:
        counters = self._counters
        if counters.is_fresh:
            counters.learn(self._open_connection)
            self.links.learn(self._open_connection)
        namespace = counters.namespace(name)
        if namespace.number > MAX_NAMESPACE:
            raise CorruptStoreError(self._url, "it has no numbers left for another namespace")
        return namespace

    def _open(self) -> sqlite3.Connection:
        self._connection = open_for_writing(self._raw, self._url, self._synchronous, self._max_pages)
        self._data_version = -1
        return self._connection


def _raise_versions(
    actors: Mapping[str, Actor], actor_ids: Sequence[str], versions: Sequence[int], first: int
) -> list[int] | None:
    """Count events in; the number of each one's actor, or None if the version of one does not rise."""
    numbers: list[int] = []
    for sequence, (actor_id, version) in enumerate(zip(actor_ids, versions, strict=True), first):
        actor = actors[actor_id]
        if version <= actor[VERSION]:
            return None
        actor[VERSION] = version
        actor[COUNT] += 1
        actor[LAST] = sequence
        numbers.append(actor[NUMBER])
    return numbers
