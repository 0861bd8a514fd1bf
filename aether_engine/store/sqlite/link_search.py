"""Finding the relatives of an event in the index over causes and correlations, as far as that goes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from aether_engine.event import CAUSATION_ID, CORRELATION_ID
from aether_engine.store.protocols import TraceAnswer, TraceKey, TraceMatches
from aether_engine.store.sqlite.links import WORTH_MAKING, WORTH_MOVING, has_links, link_of
from aether_engine.store.sqlite.reader import Reader, is_damage, is_text
from aether_engine.store.sqlite.schema import EventIdHash, first_position

_LOG: Final = "SELECT last_sequence, ids_until FROM namespaces WHERE id = ?"
_PROGRESS: Final = "SELECT links_until FROM link_progress WHERE namespace = ?"
_COUNT: Final = "SELECT count(*) FROM event_links WHERE link = ? AND position > ? AND position <= ?"
_FROM: Final = (
    "SELECT position FROM event_links WHERE link = ? AND position >= ? AND position <= ? ORDER BY position LIMIT ?"
)
_BEFORE: Final = (
    "SELECT position FROM event_links WHERE link = ? AND position > ? AND position < ? "
    "ORDER BY position DESC LIMIT ?"
)
_BY_ID: Final = (
    "SELECT e.position FROM event_ids AS i CROSS JOIN events AS e ON e.position = i.position "
    "WHERE i.id_prefix = ? AND e.id_hash = ? AND i.position > ? AND i.position <= ?"
)
_BY_LATE_ID: Final = "SELECT position FROM events WHERE position > ? AND position <= ? AND id_hash = ?"
_KEYS: Final = {TraceKey.CAUSATION: CAUSATION_ID, TraceKey.CORRELATION: CORRELATION_ID}


def find_traced(
    reader: Reader, name: str, wanted: Sequence[tuple[TraceKey, str]], near: int, limit: int
) -> tuple[TraceAnswer, bool]:
    """See `TraceIndexed.find_traced`; `searched_to` is 0 where there is no index, or it cannot be read.

    Also returns whether the log has so many more events that the index is worth making, or following up.
    """
    namespace = reader.namespace_id(name)
    nothing = TraceAnswer([TraceMatches([], 0) for _ in wanted], 0)
    if namespace is None or not all(is_text(value) for _, value in wanted):
        return nothing, False
    base = first_position(namespace)
    digest = EventIdHash(namespace).digest

    def job(connection: sqlite3.Connection) -> tuple[TraceAnswer, bool]:
        try:
            last, ids_until = _integers(connection.execute(_LOG, (namespace,)).fetchone())
            if not has_links(connection):
                return nothing, last >= WORTH_MAKING
            # How far it goes is asked before anything else: up to there the index never changes.
            until = min(_integers(connection.execute(_PROGRESS, (namespace,)).fetchone() or (0,))[0], last)
            is_behind = last - until >= WORTH_MOVING
            if not until:
                return nothing, is_behind
            matches = []
            for key, value in wanted:
                if key is TraceKey.ID:
                    found = _positions_of(connection, digest(value), base, until, min(ids_until, until))
                    matches.append(TraceMatches([position - base for position in found], len(found)))
                else:
                    link = link_of(_KEYS[key], value)
                    matches.append(_nearest(connection, link, base, until, min(max(near, 1), until), limit))
            return TraceAnswer(matches, until), is_behind
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return nothing, False

    return reader.run(job, (nothing, False))


def _integers(row: Sequence[object] | None) -> list[int]:
    return [max(value, 0) if type(value) is int else 0 for value in row or (0, 0)]


def _nearest(
    connection: sqlite3.Connection, link: int, base: int, until: int, near: int, limit: int
) -> TraceMatches:
    first, middle, last = base, base + near, base + until
    total = connection.execute(_COUNT, (link, first, last)).fetchone()[0]
    found = [row[0] for row in connection.execute(_BEFORE, (link, first, middle, limit))]
    found += [row[0] for row in connection.execute(_FROM, (link, middle, last, limit))]
    found.sort(key=lambda position: abs(position - middle))
    return TraceMatches(sorted(position - base for position in found[:limit]), total)


def _positions_of(
    connection: sqlite3.Connection, id_hash: bytes, base: int, until: int, ids_until: int
) -> list[int]:
    prefix = int.from_bytes(id_hash[:8], "big", signed=True)
    found = {row[0] for row in connection.execute(_BY_ID, (prefix, id_hash, base, base + until))}
    late = (base + ids_until, base + until, id_hash)
    found.update(row[0] for row in connection.execute(_BY_LATE_ID, late))
    return sorted(found)
