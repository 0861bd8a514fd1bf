"""A log as it stands in a file, and the two ways to look at it: by the library first, and without it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aether_engine.audit.examining import Examined, Examiner
from aether_engine.audit.file.log import FileLog
from aether_engine.audit.file.sound_log import SoundLog
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.text_hashes import HashKey
from aether_engine.store.sqlite.connections import ReadConnections
from aether_engine.store.sqlite.file import RawFile
from aether_engine.store.sqlite.reader import Reader
from aether_engine.store.sqlite.schema import create_schema, first_position

#: Of the only namespace there is.
NUMBER = 1


def write_log(path: Path, rows: Sequence[tuple[Any, ...]], types: Mapping[int, str], *, page_size: int) -> None:
    """Make a file whose events are `rows`: sequence, actor, version, type, id hash, recorded, checksum, raw."""
    path.unlink(missing_ok=True)
    base = first_position(NUMBER)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        create_schema(connection)
        connection.executemany("INSERT INTO event_types VALUES (?, ?)", types.items())
        connection.execute("DROP INDEX events_by_actor")
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [(base + row[0], *row[1:]) for row in rows]
        )
        connection.execute("PRAGMA writable_schema = ON")
        # What an index over actors and versions would refuse is what this is about; nothing asks that index.
        connection.execute(
            "INSERT INTO sqlite_master SELECT 'index', 'events_by_actor', 'events', rootpage, "
            "'CREATE UNIQUE INDEX events_by_actor ON events(actor, version)' "
            "FROM sqlite_master WHERE name = 'actors_by_name'"
        )
        connection.execute("COMMIT")


@dataclass(frozen=True)
class Ways:
    """Both look at the same rows with the same key."""

    sound: SoundLog
    with_library: FileLog
    without: FileLog

    def each(self, sequence: int) -> tuple[Examined | None, list[Examined]]:
        """What the library says of one event, None where it leaves it to Python; and what Python says."""
        return self.sound.examine(sequence, sequence), self.without.examine(sequence, sequence, 1e9)


@contextmanager
def opened_reader(path: Path) -> Iterator[Reader]:
    """What reads a file as it stands."""
    raw = RawFile(path)
    connections = ReadConnections(raw, str(path), read_only=True)
    try:
        yield Reader(connections, raw, str(path))
    finally:
        connections.close()
        connections.release()


@contextmanager
def opened_ways(path: Path, settings: AuditSettings | None = None) -> Iterator[Ways]:
    """Both ways to look at a file's log. Needs the library."""
    settings, key = settings or AuditSettings(), HashKey.new()
    with opened_reader(path) as reader:

        def log(sound: SoundLog | None) -> FileLog:
            return FileLog(reader, NUMBER, Examiner("n", settings, hashes=key.hashes()), sound)

        without = log(None)
        sound = SoundLog.of(reader, NUMBER, AuditScope(), settings, without.type_names, key.native)
        assert sound is not None
        yield Ways(sound, log(sound), without)
