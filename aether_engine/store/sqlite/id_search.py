"""Finding events by their ids: in the index, and behind the place up to which it is complete in the log itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Final

from aether_engine.store.sqlite.reader import Reader, is_damage, is_text
from aether_engine.store.sqlite.schema import SEQUENCE_MASK, EventIdHash, first_position

_INDEXED: Final = (
    "SELECT e.position FROM event_ids AS i CROSS JOIN events AS e ON e.position = i.position "
    "WHERE i.id_prefix = ? AND e.id_hash = ?"
)
_BEHIND: Final = "SELECT position FROM events WHERE position > ? AND position <= ? AND id_hash = ?"


def find_ids(reader: Reader, name: str, ids: Collection[str]) -> list[int] | None:
    """The sequences of the events with these ids, rising; None if what tells them is damaged."""
    namespace = reader.namespace_id(name)
    if namespace is None:
        return []
    base = first_position(namespace)
    digest = EventIdHash(namespace).digest
    hashes = [digest(event_id) for event_id in ids if is_text(event_id)]

    def job(connection: sqlite3.Connection) -> list[int] | None:
        try:
            (until,) = connection.execute("SELECT ids_until FROM namespaces WHERE id = ?", (namespace,)).fetchone()
            positions: set[int] = set()
            for id_hash in hashes:
                prefix = int.from_bytes(id_hash[:8], "big", signed=True)
                positions.update(row[0] for row in connection.execute(_INDEXED, (prefix, id_hash)))
                behind = (base + until, base + SEQUENCE_MASK, id_hash)
                positions.update(row[0] for row in connection.execute(_BEHIND, behind))
            return sorted(position - base for position in positions)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return None
        except TypeError:  # A row that is missing, or a counter that is no number.
            return None

    found: list[int] | None = reader.run(job, [])
    return found
