"""What a file holds at a glance: namespaces and actors, from counters, or from the log where those are damaged."""

from __future__ import annotations

import sqlite3
from typing import Final

from aether_engine.event import ActorInfo, NamespaceInfo
from aether_engine.store.sqlite_cursors import LogCursor, StreamCursor
from aether_engine.store.sqlite_file import is_corruption
from aether_engine.store.sqlite_reader import Reader, is_text
from aether_engine.store.sqlite_rows import moment_of
from aether_engine.store.sqlite_schema import first_position

_ACTORS: Final = (
    "SELECT a.actor_id, a.event_count, a.latest_version, t.name, e.recorded_at "
    "FROM actors AS a INDEXED BY actors_by_name LEFT JOIN events AS e ON e.position = ? + a.last_sequence "
    "LEFT JOIN event_types AS t ON t.id = e.event_type "
    "WHERE a.namespace = ? AND a.actor_id >= ? AND a.actor_id > ? AND (? IS NULL OR a.actor_id < ?) "
    "ORDER BY a.actor_id LIMIT ?"
)


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

    def actors(self, name: str, prefix: str, after: str | None, limit: int) -> list[ActorInfo]:
        """A page of a namespace's actors in the order of their ids."""
        namespace = self._reader.namespace_id(name)
        if namespace is None or limit <= 0 or not is_text(prefix) or not is_text(after or ""):
            return []
        end = _behind_prefix(prefix)

        def job(connection: sqlite3.Connection) -> list[ActorInfo] | None:
            try:
                rows = connection.execute(
                    _ACTORS,
                    (first_position(namespace), namespace, prefix, after or "", end, end, min(limit, 2**63 - 1)),
                ).fetchall()
            except sqlite3.Error as error:
                if not is_corruption(error):
                    raise
                return None
            return [
                ActorInfo(
                    str(actor_id), _number(count), _number(version), str(event_type or ""),
                    None if recorded_at is None else moment_of(recorded_at),
                )
                for actor_id, count, version, event_type, recorded_at in rows
            ]  # fmt: skip

        found = self._reader.run(job, [])
        return self._collect_actors(name, prefix, after, limit) if found is None else found

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

    def _collect_actors(self, name: str, prefix: str, after: str | None, limit: int) -> list[ActorInfo]:
        """`actors` from the log itself, where their table cannot be read."""
        found: dict[str, ActorInfo] = {}
        cursor = LogCursor(self._reader, name, 1, None, 1000)
        while not cursor.done:
            for stored in cursor.next_batch():
                event = stored.event
                if event is None or not event.actor_id.startswith(prefix) or event.actor_id <= (after or ""):
                    continue
                before = found.get(event.actor_id)
                found[event.actor_id] = ActorInfo(
                    event.actor_id,
                    before.event_count + 1 if before else 1,
                    max(before.latest_version if before else 0, event.version),
                    event.event_type,
                    stored.recorded_at,
                )
            if len(found) > 4 * limit + 1000:
                # The first `limit` names only move forward: what is behind them now never comes back.
                found = dict(sorted(found.items())[:limit])
        return [info for _, info in sorted(found.items())[:limit]]


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
