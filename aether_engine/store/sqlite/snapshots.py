"""Snapshots in an event file: optional, apart from events, and skipped where they cannot be read."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any, Final
from zlib import crc32

from aether_engine import codec
from aether_engine.errors import ChecksumMismatchError, InvalidEventError, MisplacedEventError
from aether_engine.event import ActorSnapshot
from aether_engine.store.protocols import StoredSnapshot
from aether_engine.store.sqlite.file import is_corruption

SAVE: Final = (
    "INSERT INTO snapshots(namespace, actor_id, version, recorded_at, checksum, raw) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT(namespace, actor_id, version) DO UPDATE SET "
    "recorded_at = excluded.recorded_at, checksum = excluded.checksum, raw = excluded.raw"
)
_VERSIONS: Final = (
    "SELECT version FROM snapshots INDEXED BY snapshots_by_actor "
    "WHERE namespace = ? AND actor_id = ? ORDER BY version DESC"
)
#: What every snapshot stands behind.
BEFORE_ALL: Final = ("", -(2**63))
# A page ends early when its raw bytes pass this.
_PAGE_BYTES: Final = 16 << 20
_PAGE: Final = (
    "SELECT actor_id, version, checksum, raw FROM snapshots INDEXED BY snapshots_by_actor "
    "WHERE namespace = ?1 AND (actor_id, version) > (?2, ?3) ORDER BY actor_id, version LIMIT ?5"
)
_PAGE_OF_ACTOR: Final = (
    "SELECT actor_id, version, checksum, raw FROM snapshots INDEXED BY snapshots_by_actor "
    "WHERE namespace = ?1 AND actor_id = ?4 AND (actor_id, version) > (?2, ?3) ORDER BY version LIMIT ?5"
)
_KEYS: Final = (
    "SELECT actor_id, version FROM snapshots INDEXED BY snapshots_by_actor "
    "WHERE namespace = ?1 AND (actor_id, version) > (?2, ?3) AND actor_id = coalesce(?4, actor_id) "
    "ORDER BY actor_id, version LIMIT ?5"
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


def read_page(
    connection: sqlite3.Connection, namespace: int, actor_id: str | None, after: tuple[str, int], limit: int
) -> list[StoredSnapshot]:
    """Snapshots behind `after`, by actor and version; what is damaged stands in its place."""
    page: list[StoredSnapshot] = []
    size = 0
    try:
        statement = _PAGE if actor_id is None else _PAGE_OF_ACTOR
        for name, version, checksum, raw in connection.execute(
            statement, (namespace, *after, actor_id, min(limit, 2**63 - 1))
        ):
            page.append(_stored(name, version, checksum, raw))
            size += len(page[-1].raw)
            if size > _PAGE_BYTES:
                break
    except sqlite3.Error as error:
        if not _is_damage(error):
            raise
        return page or _damaged_page(connection, namespace, actor_id, after, limit)
    return page


def _damaged_page(
    connection: sqlite3.Connection, namespace: int, actor_id: str | None, after: tuple[str, int], limit: int
) -> list[StoredSnapshot]:
    """The same one by one, so that a damaged part costs the snapshots in it and no others."""
    try:
        keys = connection.execute(_KEYS, (namespace, *after, actor_id, min(limit, 100))).fetchall()
    except sqlite3.Error as error:
        if not _is_damage(error):
            raise
        return [_lost("", 0)]
    page: list[StoredSnapshot] = []
    for name, version in keys:
        try:
            row = connection.execute(_ONE, (namespace, name, version)).fetchone()
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise
            row = None
        page.append(_lost(name, version) if row is None else _stored(name, *row))
    return page


def _stored(actor_id: object, version: object, checksum: object, raw: object) -> StoredSnapshot:
    name, number = str(actor_id), version if type(version) is int else 0
    if type(raw) is not bytes:
        return StoredSnapshot(
            name, number, b"", None, InvalidEventError("", "is not stored as bytes", kind="snapshot")
        )
    error: Exception
    computed = crc32(raw)
    if computed != checksum:
        error = ChecksumMismatchError(checksum if type(checksum) is int else 0, computed)
        return StoredSnapshot(name, number, raw, None, error)
    try:
        snapshot = codec.decode_snapshot(raw)
    except InvalidEventError as problem:
        return StoredSnapshot(name, number, raw, None, problem.with_traceback(None))
    if snapshot.version != number:
        return StoredSnapshot(name, number, raw, None, MisplacedEventError("version", number, snapshot.version))
    if snapshot.actor_id != name:
        return StoredSnapshot(name, number, raw, None, MisplacedEventError("actorId", name, snapshot.actor_id))
    return StoredSnapshot(name, number, raw, snapshot, None)


def _is_damage(error: sqlite3.Error) -> bool:
    return is_corruption(error) or "decode to UTF-8" in str(error)


def _lost(actor_id: str, version: int) -> StoredSnapshot:
    problem = InvalidEventError("", "cannot be read: this part of the file is damaged", kind="snapshot")
    return StoredSnapshot(actor_id, version, b"", None, problem)
