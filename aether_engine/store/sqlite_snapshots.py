"""Snapshots in an event file: optional, apart from events, and skipped where they cannot be read."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any, Final
from zlib import crc32

from aether_engine import codec
from aether_engine.errors import InvalidEventError
from aether_engine.event import ActorSnapshot
from aether_engine.store.sqlite_file import is_corruption

SAVE: Final = (
    "INSERT INTO snapshots(namespace, actor_id, version, recorded_at, checksum, raw) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT(namespace, actor_id, version) DO UPDATE SET "
    "recorded_at = excluded.recorded_at, checksum = excluded.checksum, raw = excluded.raw"
)
_VERSIONS: Final = (
    "SELECT version FROM snapshots INDEXED BY snapshots_by_actor "
    "WHERE namespace = ? AND actor_id = ? ORDER BY version DESC"
)
_ONE: Final = "SELECT version, checksum, raw FROM snapshots WHERE namespace = ? AND actor_id = ? AND version = ?"


def decode_snapshots(
    connection: sqlite3.Connection, namespace: int, actor_id: str, *, latest_only: bool
) -> list[ActorSnapshot]:
    """The readable snapshots of an actor by version, or only the one with the highest."""
    found: list[ActorSnapshot] = []
    for version, checksum, raw in _rows(connection, namespace, actor_id):
        if type(raw) is not bytes or crc32(raw) != checksum:
            continue
        with suppress(InvalidEventError):
            snapshot = codec.decode_snapshot(raw)
            if snapshot.version == version and snapshot.actor_id == actor_id:
                found.append(snapshot)
                if latest_only:
                    break
    found.reverse()
    return found


def _rows(connection: sqlite3.Connection, namespace: int, actor_id: str) -> Any:
    """Rows by falling version; what is damaged is left out."""
    try:
        versions = connection.execute(_VERSIONS, (namespace, actor_id)).fetchall()
    except sqlite3.Error as error:
        if not is_corruption(error):
            raise
        return
    for (version,) in versions:
        try:
            row = connection.execute(_ONE, (namespace, actor_id, version)).fetchone()
        except sqlite3.Error as error:
            if not is_corruption(error):
                raise
            continue
        if row is not None:
            yield row
