"""Which events share a cause or a correlation: an index that no save waits for.

`event_links` comes to be when somebody looks for relatives in a large log of a file that may be written, and
follows the log in pauses: a part of the log is read, and what it names is moved into the index in sorted slices.
`link_progress` says up to which sequence the index is complete, and is written with the last slice of a part, so
that what is moved again is ignored and what was not moved is read from the log.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Final

from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError
from aether_engine.event import CAUSATION_ID, CORRELATION_ID
from aether_engine.projection import Projection
from aether_engine.store.sqlite.file import is_corruption
from aether_engine.store.sqlite.schema import LINK_TABLES, SEQUENCE_MASK, first_position

#: Events behind which a file without the index is worth one: fewer are looked through within a moment.
WORTH_MAKING: Final = 16_384
#: Events that are worth following up where there is an index.
WORTH_MOVING: Final = 1024
#: Events that are read before what they name is sorted and moved, and how many of them at a time.
ROUND: Final = 65_536
GATHERED_AT_ONCE: Final = 1024
#: Links that are moved in one transaction: some twenty milliseconds.
SLICE: Final = 16_384
#: Bytes of events after which a read ends early.
_READ_BYTES: Final = 8 << 20
#: Seconds after which moving is tried again when it failed.
_PAUSE: Final = 60.0

_EVENTS: Final = "SELECT position, raw FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_LOGS: Final = (
    "SELECT n.id, n.last_sequence, coalesce(p.links_until, 0) FROM namespaces AS n "
    "LEFT JOIN link_progress AS p ON p.namespace = n.id ORDER BY n.id"
)
_INSERT: Final = "INSERT OR IGNORE INTO event_links(link, position) VALUES (?, ?)"
# Another process may be further.
_ADVANCE: Final = (
    "INSERT INTO link_progress(namespace, links_until) VALUES (?, ?) "
    "ON CONFLICT(namespace) DO UPDATE SET links_until = max(links_until, excluded.links_until)"
)
_TABLES: Final = "SELECT count(*) FROM sqlite_master WHERE name = 'event_links' OR name = 'link_progress'"

_decode: Final = Projection({"metadata"}).decode


def link_of(key: str, value: str) -> int:
    """What stands in the index for a cause (`CausationID`) or correlation (`CorrelationID`); see the format."""
    digest = blake2b(f"{key}:{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def links_of(rows: Iterable[tuple[int, object]]) -> list[tuple[int, int]]:
    """Link and position for each cause and correlation that events name, which are given as position and bytes.

    Damaged events count by what their bytes still claim.
    """
    found: list[tuple[int, int]] = []
    # Events of one correlation are neighbours.
    known: dict[tuple[str, str], int] = {}
    for position, raw in rows:
        metadata = _metadata_of(raw)
        if not metadata:
            continue
        for key in (CAUSATION_ID, CORRELATION_ID):
            value = metadata.get(key)
            if not value:
                continue
            link = known.get((key, value))
            if link is None:
                try:
                    link = known[key, value] = link_of(key, value)
                except UnicodeEncodeError:
                    continue  # No search for it comes here either.
            found.append((link, position))
    return found


def has_links(connection: sqlite3.Connection) -> bool:
    """Whether a file has the index."""
    return bool(connection.execute(_TABLES).fetchone()[0] == len(LINK_TABLES))


class EventLinks:
    """Lets the index of a file follow its logs; belongs to the writer thread, `ask` and `is_behind` to anyone."""

    def __init__(self, look: Callable[[], sqlite3.Connection], make: Callable[[], None]) -> None:
        # A connection that met damage does not commit any more, so the log is read with another one.
        self._look = look
        self._make = make
        self._is_asked = False
        self._exists = False
        self._is_level = False
        self._not_before = 0.0
        # Logs whose next events cannot be read; what lies behind them is looked through by whoever looks.
        self._damaged: set[int] = set()
        self.forget()

    def forget(self) -> None:
        """Begin the part anew: what was read of it may have been a transaction's that failed."""
        self._namespace = 0
        self._read_to = self._end = 0
        self._pairs: list[tuple[int, int]] = []
        self._moved = 0
        self._is_read = False

    def ask(self) -> None:
        """Somebody looks for relatives: an index would be of use."""
        self._is_asked, self._is_level = True, False

    def learn(self, connection: sqlite3.Connection) -> None:
        """See whether the file has the index, which another process may have made."""
        self._exists = has_links(connection)

    def note_written(self) -> None:
        """There are more events."""
        self._is_level = False

    def is_behind(self) -> bool:
        """Whether a pause should be used to read or to move a part."""
        wanted = self._is_asked or self._exists
        return wanted and not self._is_level and time.monotonic() >= self._not_before

    def postpone(self) -> None:
        """It failed; nobody suffers from that, so try it again much later."""
        self.forget()
        self._not_before = time.monotonic() + _PAUSE

    @property
    def has_slice(self) -> bool:
        """Whether there is something to be moved in a transaction; else `read` goes on first."""
        return self._is_read

    def read(self) -> None:
        """Read on in the part of a log that comes next, if there is one that is worth it."""
        looking = self._look()
        if not self._namespace and not self._choose(looking):
            self._is_level = True
            return
        base = first_position(self._namespace)
        wanted = min(GATHERED_AT_ONCE, self._end - self._read_to)
        rows: list[tuple[int, object]] = []
        size, is_early = 0, False
        try:
            for row in looking.execute(_EVENTS, (base + self._read_to, base + self._end, wanted)):
                rows.append(row)
                size += len(row[1]) if isinstance(row[1], bytes) else 0
                if size > _READ_BYTES:
                    is_early = True
                    break
        except sqlite3.Error as error:
            if not is_corruption(error):
                raise
            rows = []
        # A log has no holes: where rows are missing the file is damaged, and the index ends in front of it.
        is_whole = bool(rows) and rows[-1][0] == base + self._read_to + len(rows)
        if not is_whole or (len(rows) < wanted and not is_early):
            self._damaged.add(self._namespace)
            self._end = self._read_to
        else:
            self._pairs += links_of(rows)
            self._read_to += len(rows)
        if self._read_to >= self._end:
            self._pairs.sort()
            self._is_read = True

    def move(self, connection: sqlite3.Connection) -> None:
        """Move one slice into the index; belongs into a transaction."""
        part = self._pairs[self._moved : self._moved + SLICE]
        connection.executemany(_INSERT, part)
        self._moved += len(part)
        if self._moved >= len(self._pairs):
            connection.execute(_ADVANCE, (self._namespace, self._read_to))
            self.forget()

    def _choose(self, looking: sqlite3.Connection) -> bool:
        if not has_links(looking):
            rows = looking.execute("SELECT id, last_sequence, 0 FROM namespaces ORDER BY id").fetchall()
            if not self._is_asked or all(last < WORTH_MAKING for _, last, _ in rows if type(last) is int):
                return False
            self._make()
        self._exists = True
        for number, last, until in looking.execute(_LOGS).fetchall():
            if type(last) is not int or type(until) is not int or number in self._damaged:
                continue
            until = max(until, 0)
            if last - until >= WORTH_MOVING and last <= SEQUENCE_MASK:
                self._namespace, self._read_to, self._end = number, until, min(until + ROUND, last)
                return True
        return False


def _metadata_of(raw: object) -> dict[str, str] | None:
    if type(raw) is not bytes:
        return None
    try:
        metadata: dict[str, str] | None = _decode(raw).metadata
    except (ValueError, RecursionError):
        try:
            metadata = decode_event(raw).metadata
        except InvalidEventError:
            return None
    return metadata
