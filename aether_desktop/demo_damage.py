"""What no store would do to the demo's file: events that were recorded days ago, and events that are damaged.

Writes to the file behind the store's back, after the store has closed it; docs/file-format.md explains the tables.
"""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aether_engine.codec import microseconds_from_utc
from aether_engine.event import Event
from aether_engine.store.sqlite.schema import SEQUENCE_BITS, checksum_seed

#: How long after its own time an event is recorded, in microseconds.
_DELAY: Final = 1700
_ROWS: Final = (
    "SELECT position, version, recorded_at, checksum, raw FROM events "
    "WHERE position >> ? = (SELECT id FROM namespaces WHERE name = ?) ORDER BY position"
)


def age_and_damage(path: Path, histories: dict[str, list[Event]], damaged_namespace: str) -> None:
    """Record every event of `histories` a moment after it happened, and damage a few of one namespace."""
    with closing(sqlite3.connect(path)) as connection:
        with connection:
            for namespace, events in histories.items():
                _date_back(connection, namespace, events)
            rows = _rows(connection, damaged_namespace)
            for damage in _DAMAGES:
                _apply(connection, damage, zip(rows, histories[damaged_namespace], strict=True))
        # Without it, the changes would live in a second file beside this one.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rows(connection: sqlite3.Connection, namespace: str) -> list[tuple[Any, ...]]:
    return connection.execute(_ROWS, (SEQUENCE_BITS, namespace)).fetchall()


def _date_back(connection: sqlite3.Connection, namespace: str, events: list[Event]) -> None:
    changes: list[tuple[int, int, int]] = []
    for (position, version, _, _, raw), event in zip(_rows(connection, namespace), events, strict=True):
        recorded_at = microseconds_from_utc(event.timestamp) + _DELAY
        changes.append((recorded_at, zlib.crc32(raw, checksum_seed(position, version, recorded_at)), position))
    connection.executemany("UPDATE events SET recorded_at = ?, checksum = ? WHERE position = ?", changes)
    connection.execute(
        "UPDATE namespaces SET first_recorded_at = ?, last_recorded_at = ? WHERE name = ?",
        (changes[0][0], changes[-1][0], namespace),
    )


def _flip_a_bit(raw: bytes) -> bytes | None:
    """Another last digit of the amount: it still parses, and only the checksum knows."""
    amount = re.search(rb'"captured":[0-9]+\.[0-9]([0-9])', raw)
    if amount is None:
        return None
    at = amount.start(1)
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def _break_utf_8(raw: bytes) -> bytes | None:
    """A name in Latin-1, from a program that takes it for UTF-8."""
    letter = re.search(rb"\xc3([\x80-\xbf])", raw)
    if letter is None:
        return None
    latin_1 = bytes([letter[1][0] + 0x40])
    return (raw[: letter.start()] + latin_1 + raw[letter.end() :]).ljust(len(raw))


def _tear(raw: bytes) -> bytes:
    """The first half of a document, and nothing behind it."""
    return raw[: len(raw) // 2].ljust(len(raw))


def _misplace(raw: bytes) -> bytes | None:
    """A version in the payload that is not the one it is stored under."""
    changed = re.sub(rb'"version":[1-8],', b'"version":9,', raw, count=1)
    return None if changed == raw else changed


@dataclass(frozen=True, slots=True)
class _Damage:
    """What happens to an event; the length of its bytes stays the same, as the tables count it.

    It is the first one to which it can happen, looking back from the `nth` of its type from the end.
    """

    event_type: str
    nth: int
    change: Callable[[bytes], bytes | None]
    #: Whether the bytes were wrong already when they were stored.
    fits_checksum: bool


_DAMAGES: Final = (
    _Damage("PaymentCaptured", 5, _flip_a_bit, fits_checksum=False),
    _Damage("OrderPlaced", 3, _break_utf_8, fits_checksum=True),
    _Damage("ShipmentHandedOver", 9, _tear, fits_checksum=True),
    _Damage("ItemAdded", 30, _misplace, fits_checksum=True),
)


def _apply(
    connection: sqlite3.Connection, damage: _Damage, stored: Iterable[tuple[tuple[Any, ...], Event]]
) -> None:
    rows = [row for row, event in stored if event.event_type == damage.event_type]
    for position, version, recorded_at, checksum, raw in reversed(rows[: -damage.nth]):
        changed = damage.change(raw)
        if changed is not None:
            fitting = zlib.crc32(changed, checksum_seed(position, version, recorded_at))
            connection.execute(
                "UPDATE events SET raw = ?, checksum = ? WHERE position = ?",
                (changed, fitting if damage.fits_checksum else checksum, position),
            )
            return
