"""What is wrong with an event that is refused, said as precisely as the open transaction can.

Events that are staged and not yet written count as stored; those of the save itself, which begin at the sequence
`since`, are told apart from them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from zlib_ng.zlib_ng import crc32

from aether_engine import codec
from aether_engine.errors import DuplicateEventError, InvalidEventError, VersionConflictError
from aether_engine.event import Event
from aether_engine.store.sqlite.counters import LAST, NUMBER, VERSION, Actor, Counters
from aether_engine.store.sqlite.ids import EventIds
from aether_engine.store.sqlite.inserts import EventColumns
from aether_engine.store.sqlite.probe import Probe
from aether_engine.store.sqlite.schema import SEQUENCE_MASK, checksum_seed, first_position


class Refusals:
    """Belongs to a writer, whose counters, ids and staged rows it looks into."""

    def __init__(
        self, counters: Counters, ids: EventIds, staged: Mapping[int, EventColumns], probe: Probe
    ) -> None:
        self._counters = counters
        self._ids = ids
        self._staged = staged
        self._probe = probe

    def refuse_first(
        self,
        connection: sqlite3.Connection,
        events: Sequence[Event],
        hashes: Sequence[bytes],
        namespace: int,
        first: int,
        since: int,
    ) -> None:
        """Raise what is wrong with the first event at fault; nothing if there is none."""
        base = first_position(namespace)
        kept, _ = self._counters.actors(connection, namespace, [event.actor_id for event in events])
        actors = {name: actor.copy() for name, actor in kept.items()}
        ids: dict[bytes, int] = {}
        for sequence, (event, id_hash) in enumerate(zip(events, hashes, strict=True), first):
            actor = actors[event.actor_id]
            if event.version <= actor[VERSION]:
                raise self.conflict(connection, event, actor, namespace, since)
            self.refuse_duplicate(connection, event.id, id_hash, namespace, since, ids)
            ids[id_hash] = base + sequence
            actor[VERSION], actor[LAST] = event.version, sequence

    def refuse_duplicate(
        self,
        connection: sqlite3.Connection,
        event_id: str,
        id_hash: bytes,
        namespace: int,
        since: int,
        batch: Mapping[bytes, int] = MappingProxyType({}),
    ) -> None:
        """Raise `DuplicateEventError` if the id is stored, staged, or in `batch` with its position."""
        position = batch.get(id_hash)
        if position is None:
            position = self._ids.find(connection, namespace, id_hash)
        if position is not None:
            sequence = position & SEQUENCE_MASK
            raise DuplicateEventError(event_id, sequence, in_batch=sequence >= since)

    def conflict(
        self, connection: sqlite3.Connection, event: Event, actor: Actor, namespace: int, since: int
    ) -> VersionConflictError:
        """That the version of `event` is taken: what is stored under it, and whether that is the same event."""
        current = actor[VERSION]
        if actor[LAST] >= since:
            current = self._version_before(connection, actor, namespace, since)
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
                self._probe.open()
                .execute(
                    "SELECT position, version, recorded_at, checksum, raw FROM events "
                    "WHERE actor = ? AND version = ?",
                    (actor, version),
                )
                .fetchone()
            )
        except sqlite3.Error:
            self._probe.close()
        if row is None or not isinstance(row[4], bytes) or crc32(row[4], checksum_seed(*row[:3])) != row[3]:
            return None
        return row[4]

    def _version_before(self, connection: sqlite3.Connection, actor: Actor, namespace: int, since: int) -> int:
        position = first_position(namespace) + since
        staged = [version for place, version, _ in self._staged_of(actor, namespace) if place < position]
        if staged:
            return max(staged)
        row = connection.execute(
            "SELECT version FROM events WHERE actor = ? AND position < ? ORDER BY version DESC LIMIT 1",
            (actor[NUMBER], position),
        ).fetchone()
        return 0 if row is None else int(row[0])
