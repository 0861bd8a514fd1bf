"""Appending within a transaction: the checks, the counters, and the rows that go in together.

Everything is staged in memory first, so that a refused save leaves no trace in the transaction it shares with
others, and written by a few statements when the transaction ends.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import repeat
from operator import xor
from typing import Any

from zlib_ng.zlib_ng import crc32

from aether_engine import codec
from aether_engine.errors import (
    CorruptStoreError,
    DuplicateEventError,
    InvalidEventError,
    StoreUnavailableError,
    VersionConflictError,
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
from aether_engine.store.sqlite.file import RawFile, confine, connect
from aether_engine.store.sqlite.ids import EventIds
from aether_engine.store.sqlite.inserts import EventColumns
from aether_engine.store.sqlite.links import EventLinks
from aether_engine.store.sqlite.schema import (
    MAX_NAMESPACE,
    SEQUENCE_MASK,
    EventIdHash,
    checksum_seed,
    first_position,
)
from aether_engine.store.sqlite.snapshots import SAVE as SAVE_SNAPSHOT


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
        self._counters = Counters()
        self._staged: dict[int, EventColumns] = {}
        self._staged_ids: set[bytes] = set()
        self._snapshots: list[tuple[Any, ...]] = []
        self._ids = EventIds(self._look)
        self._checkpoints = Checkpoints(raw, url, synchronous)
        self.links = EventLinks(self._look, lambda: create_links(raw, url))

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
        known: dict[str, Actor | None] = {actor_id: None}
        counters.find_actors(self._open_connection, number, known)
        actor = known[actor_id]
        if actor is not None and version <= actor[VERSION]:
            raise self._conflict(event, actor, number, since or sequence)
        id_hash = namespace.hashing().digest(event.id)
        self._refuse_duplicate(event.id, id_hash, number, {}, since or sequence)
        # From here on nothing is refused.
        if actor is None:
            actor = [1, version, sequence, counters.next_actor]
            counters.next_actor += 1
        else:
            actor = [actor[COUNT] + 1, version, sequence, actor[NUMBER]]
        now = self._now
        position = first_position(number) + sequence
        self._staged_ids.add(id_hash)
        rows = self._columns(number, position)
        rows.actors.append(actor[NUMBER])
        rows.versions.append(version)
        rows.types += counters.type_numbers((event.event_type,))
        rows.hashes.append(id_hash)
        rows.checksums.append(crc32(raw, (sequence ^ version ^ number ^ now ^ now >> 32) & 0xFFFFFFFF))
        rows.raws.append(raw)
        rows.size += len(raw)
        namespace.grow(1, len(raw), now)
        counters.change(namespace, {actor_id: actor})

    def _stage_many(
        self, namespace: Namespace, events: Sequence[Event], raws: Sequence[bytes], size: int, since: int | None
    ) -> None:
        counters = self._counters
        number = namespace.number
        first = namespace.last_sequence + 1
        count = len(events)
        position = first_position(number) + first
        actor_ids = [event.actor_id for event in events]
        versions = [event.version for event in events]
        hashes = namespace.hashing().digests(events)
        ids = set(hashes)
        known: dict[str, Actor | None] = dict.fromkeys(actor_ids)
        counters.find_actors(self._open_connection, number, known)
        touched: dict[str, Actor] = {}
        next_actor = counters.next_actor
        for actor_id, actor in known.items():
            if actor is None:
                touched[actor_id] = [0, 0, 0, next_actor]
                next_actor += 1
            else:
                touched[actor_id] = actor.copy()
        numbers: list[int] = []
        rises = True
        # The one loop over each event: a version has to exceed that before it, of this batch too.
        for sequence, (actor_id, version) in enumerate(zip(actor_ids, versions, strict=True), first):
            actor = touched[actor_id]
            if version <= actor[VERSION]:
                rises = False
                break
            actor[VERSION] = version
            actor[COUNT] += 1
            actor[LAST] = sequence
            numbers.append(actor[NUMBER])
        if not rises or len(ids) < count or self._may_hold(number, hashes):
            self._refuse_first(events, hashes, known, number, first, since or first)
        # From here on nothing is refused.
        now = self._now
        counters.next_actor = next_actor
        if self._staged_ids:
            self._staged_ids |= ids
        else:
            self._staged_ids = ids
        rows = self._columns(number, position)
        rows.actors += numbers
        rows.versions += versions
        rows.types += counters.type_numbers([event.event_type for event in events])
        rows.hashes += hashes
        # CRC-32 takes the low 32 bits of what it starts from.
        seeds = map(xor, map(xor, range(first, first + count), versions), repeat(number ^ now ^ now >> 32))
        rows.checksums += map(crc32, raws, seeds)
        rows.raws += raws
        rows.size += size
        namespace.grow(count, size, now)
        counters.change(namespace, touched)

    def _columns(self, namespace: int, position: int) -> EventColumns:
        """Where events of a namespace are staged, the next one for `position`."""
        rows = self._staged.get(namespace)
        if rows is None:
            rows = self._staged[namespace] = EventColumns(position)
        return rows

    def _refuse_first(
        self,
        events: Sequence[Event],
        hashes: Sequence[bytes],
        known: Mapping[str, Actor | None],
        namespace: int,
        first: int,
        since: int,
    ) -> None:
        """Raise what is wrong with the first event at fault; nothing if there is none."""
        base = first_position(namespace)
        touched: dict[str, Actor] = {}
        ids: dict[bytes, int] = {}
        for sequence, (event, id_hash) in enumerate(zip(events, hashes, strict=True), first):
            actor = touched.get(event.actor_id)
            if actor is None:
                actor = list(known[event.actor_id] or (0, 0, 0, self._counters.next_actor))
                touched[event.actor_id] = actor
            if event.version <= actor[VERSION]:
                raise self._conflict(event, actor, namespace, since)
            self._refuse_duplicate(event.id, id_hash, namespace, ids, since)
            ids[id_hash] = base + sequence
            actor[VERSION], actor[LAST] = event.version, sequence

    def _may_hold(self, namespace: int, hashes: Sequence[bytes]) -> bool:
        """Whether one of the ids may be stored already, or be about to be."""
        return not self._staged_ids.isdisjoint(hashes) or self._ids.may_hold(
            self._open_connection, namespace, hashes
        )

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
            for rows in self._staged.values():
                rows.write(connection, self._now)
                self._ids.add_run(rows.first, rows.hashes)
            self._staged = {}
            self._ids.add(self._staged_ids, last_sequences)
            self._staged_ids = set()
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

    def commit(self) -> None:
        """Make the transaction durable. Raises `sqlite3.Error`; then the outcome must be looked up."""
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
        position = EventIds(self._look).find(connection, row[0], EventIdHash(row[0]).digest(event.id))
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
        self._stop_looking()
        self._checkpoints.close()
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
        self._staged = {}
        self._staged_ids = set()
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

    def _refuse_duplicate(
        self, event_id: str, id_hash: bytes, namespace: int, batch: Mapping[bytes, int], since: int
    ) -> None:
        position = batch.get(id_hash)
        if position is None and id_hash in self._staged_ids:
            rows = self._staged[namespace]
            position = rows.first + rows.hashes.index(id_hash)
        if position is None:
            position = self._ids.find(self._open_connection, namespace, id_hash)
        if position is not None:
            sequence = position & SEQUENCE_MASK
            raise DuplicateEventError(event_id, sequence, in_batch=sequence >= since)

    def _conflict(self, event: Event, actor: Actor, namespace: int, since: int) -> VersionConflictError:
        current = actor[VERSION] if actor[LAST] < since else self._version_before(actor, namespace, since)
        if event.version > current:
            return VersionConflictError(event.actor_id, event.version, actor[VERSION], in_batch=True)
        raw = None if self._counters.is_new(actor) else self._sound_raw(actor[NUMBER], event.version)
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

    def _staged_of(self, actor: Actor, namespace: int) -> Iterable[tuple[int, int, bytes]]:
        rows = self._staged.get(namespace)
        return () if rows is None else rows.of_actor(actor[NUMBER])

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

    def _version_before(self, actor: Actor, namespace: int, since: int) -> int:
        position = first_position(namespace) + since
        staged = [version for place, version, _ in self._staged_of(actor, namespace) if place < position]
        if staged:
            return max(staged)
        row = self._open_connection.execute(
            "SELECT version FROM events WHERE actor = ? AND position < ? ORDER BY version DESC LIMIT 1",
            (actor[NUMBER], position),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _open(self) -> sqlite3.Connection:
        self._connection = open_for_writing(self._raw, self._url, self._synchronous, self._max_pages)
        self._data_version = -1
        return self._connection
