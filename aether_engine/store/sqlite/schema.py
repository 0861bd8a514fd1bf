"""File format 1 of an event file: its marks, its tables, and how a place in the log becomes a row id.

`docs/file-format.md` describes the same for people who read such a file without this library.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import repeat
from operator import xor
from typing import Final

from zlib_ng.zlib_ng import crc32

from aether_engine.errors import CorruptStoreError, UnsupportedFormatError
from aether_engine.event import Event

#: "AETH": tells an event file from every other SQLite database.
APPLICATION_ID: Final = 0x41455448
#: `user_version` of the files this program makes, and the newest it reads.
FORMAT_VERSION: Final = 1
#: With twice SQLite's usual size a load touches far fewer pages of the index over ids, which come at random.
PAGE_SIZE: Final = 8192

#: A row id is `namespace << SEQUENCE_BITS | sequence`, so that each namespace's log lies together in order.
SEQUENCE_BITS: Final = 40
SEQUENCE_MASK: Final = (1 << SEQUENCE_BITS) - 1
#: Namespace numbers that keep a row id within int64.
MAX_NAMESPACE: Final = (1 << (63 - SEQUENCE_BITS)) - 1
#: SQLite's limit for one value; the rest of a row needs far less than the difference.
MAX_RAW_LENGTH: Final = 1_000_000_000 - 1024
#: Bytes of `events.id_hash`.
ID_HASH_LENGTH: Final = 16

TABLES: Final = {
    "namespaces": (
        "CREATE TABLE namespaces(id INTEGER PRIMARY KEY, name TEXT NOT NULL, last_sequence INTEGER NOT NULL, "
        "size_bytes INTEGER NOT NULL, first_recorded_at INTEGER, last_recorded_at INTEGER, "
        "ids_until INTEGER NOT NULL)"
    ),
    "event_types": "CREATE TABLE event_types(id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    "actors": (
        "CREATE TABLE actors(id INTEGER PRIMARY KEY, namespace INTEGER NOT NULL, actor_id TEXT NOT NULL, "
        "event_count INTEGER NOT NULL, latest_version INTEGER NOT NULL, last_sequence INTEGER NOT NULL)"
    ),
    "events": (
        "CREATE TABLE events(position INTEGER PRIMARY KEY, actor INTEGER NOT NULL, version INTEGER NOT NULL, "
        "event_type INTEGER NOT NULL, id_hash BLOB NOT NULL, recorded_at INTEGER NOT NULL, "
        "checksum INTEGER NOT NULL, raw BLOB NOT NULL)"
    ),
    "event_ids": (
        "CREATE TABLE event_ids(id_prefix INTEGER NOT NULL, position INTEGER NOT NULL, "
        "PRIMARY KEY(id_prefix, position)) WITHOUT ROWID"
    ),
    "snapshots": (
        "CREATE TABLE snapshots(namespace INTEGER NOT NULL, actor_id TEXT NOT NULL, version INTEGER NOT NULL, "
        "recorded_at INTEGER NOT NULL, checksum INTEGER NOT NULL, raw BLOB NOT NULL)"
    ),
}
INDEXES: Final = {
    "namespaces_by_name": "CREATE UNIQUE INDEX namespaces_by_name ON namespaces(name)",
    "event_types_by_name": "CREATE UNIQUE INDEX event_types_by_name ON event_types(name)",
    "actors_by_name": "CREATE UNIQUE INDEX actors_by_name ON actors(namespace, actor_id)",
    "events_by_actor": "CREATE UNIQUE INDEX events_by_actor ON events(actor, version)",
    "snapshots_by_actor": "CREATE UNIQUE INDEX snapshots_by_actor ON snapshots(namespace, actor_id, version)",
}
#: The index over causes and correlations, which a file has from when somebody first looked for relatives in it.
LINK_TABLES: Final = {
    "event_links": (
        "CREATE TABLE event_links(link INTEGER NOT NULL, position INTEGER NOT NULL, "
        "PRIMARY KEY(link, position)) WITHOUT ROWID"
    ),
    "link_progress": ("CREATE TABLE link_progress(namespace INTEGER PRIMARY KEY, links_until INTEGER NOT NULL)"),
}
#: Tables whose pages are those of an index.
WITHOUT_ROWID: Final = frozenset({"event_ids", "event_links"})
_EXPECTED: Final = {name: ("table", name, sql) for name, sql in TABLES.items()} | {
    name: ("index", sql.partition(" ON ")[2].partition("(")[0], sql) for name, sql in INDEXES.items()
}
_ALLOWED: Final = _EXPECTED | {name: ("table", name, sql) for name, sql in LINK_TABLES.items()}
_SUPPORTED: Final = f"event files of format {FORMAT_VERSION}"


def first_position(namespace: int) -> int:
    """The row id in front of the first event of a namespace."""
    return namespace << SEQUENCE_BITS


def checksum_seed(position: int, version: int, recorded_at: int) -> int:
    """What the CRC-32 of an event starts from, so that it also vouches for the row's place, version and time."""
    place = position >> SEQUENCE_BITS ^ position & SEQUENCE_MASK
    return (place ^ version ^ recorded_at ^ recorded_at >> 32) & 0xFFFFFFFF


def checksums_of(
    raws: Sequence[bytes],
    namespace: int,
    sequences: Iterable[int],
    versions: Iterable[int],
    recorded: Sequence[int],
) -> tuple[int, ...]:
    """The checksum of each of at least one event of a namespace: its CRC-32 from its `checksum_seed` on."""
    places = map(xor, sequences, versions)
    high = max(recorded) >> 32
    if min(recorded) >> 32 == high:
        # Within 72 minutes, as nearly always.
        seeds = map(xor, map(xor, places, recorded), repeat(namespace ^ high))
    else:
        seeds = map(xor, places, [namespace ^ when ^ when >> 32 for when in recorded])
    # CRC-32 takes the low 32 bits of what it starts from.
    return tuple(map(crc32, raws, seeds))


class EventIdHash:
    """What stands for the event ids of a namespace: half the size of a UUID's text, and the namespace is in it."""

    def __init__(self, namespace: int) -> None:
        #: To be copied and fed with an id.
        self.prefixed = blake2b(b"%d:" % namespace, digest_size=ID_HASH_LENGTH)

    def digest(self, event_id: str) -> bytes:
        """BLAKE2b-128 of namespace number, colon and id."""
        state = self.prefixed.copy()
        state.update(event_id.encode())
        return state.digest()

    def digests(self, events: Iterable[Event]) -> list[bytes]:
        """`digest` of the id of each event."""
        return self.digests_of([event.id for event in events])

    def digests_of(self, ids: Iterable[str]) -> list[bytes]:
        """`digest` of each."""
        copy = self.prefixed.copy
        result: list[bytes] = []
        append = result.append
        for event_id in ids:
            state = copy()
            state.update(event_id.encode())
            append(state.digest())
        return result


def create_schema(connection: sqlite3.Connection) -> None:
    """Make format 1 in an empty database; belongs into a transaction."""
    for sql in (*TABLES.values(), *INDEXES.values()):
        connection.execute(sql)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def check_schema(connection: sqlite3.Connection, url: str) -> None:
    """Refuse a file whose tables are not exactly ours: a foreign trigger or view could act in our name."""
    found: dict[object, tuple[object, ...]] = {}
    for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        found[name] = (kind, table, sql)
    if not found:
        raise CorruptStoreError(url, "it has the mark of an event file and no tables; restore it from a copy")
    for name in found.keys() | _EXPECTED.keys():
        if found.get(name) != _ALLOWED.get(str(name)):
            what = "without" if name not in found else "with a foreign" if name not in _ALLOWED else "with another"
            raise UnsupportedFormatError(
                url, f"an event file {what} {(found.get(name) or _ALLOWED[str(name)])[0]} {name!r}", _SUPPORTED
            )


def check_format(url: str, application_id: int, user_version: int) -> None:
    """Refuse by name what is not an event file, or one of a format that this program does not know."""
    if application_id != APPLICATION_ID:
        raise UnsupportedFormatError(url, "an SQLite database of another application", _SUPPORTED)
    if user_version != FORMAT_VERSION:
        raise UnsupportedFormatError(
            url, f"an event file of format {user_version}", f"{_SUPPORTED}; a newer program may read it"
        )
