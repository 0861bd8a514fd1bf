"""Large event files in minutes: rows straight into the tables, with the counters they would have.

`cached_file` keeps them between runs; `python -m tests.benchmarks.generate FILE EVENTS ACTORS` makes one anywhere.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zlib import crc32

from aether_engine.store.sqlite import schema as sqlite_schema
from aether_engine.store.sqlite.schema import (
    INDEXES,
    PAGE_SIZE,
    SEQUENCE_BITS,
    EventIdHash,
    checksum_seed,
    create_schema,
)
from tests.benchmarks import events
from tests.benchmarks.events import SEED

_TYPES = ("OrderPlaced", "OrderPaid", "OrderPacked", "OrderShipped", "OrderClosed")
_RECORDED = 1_704_067_200_000_000
_RAW = (
    '{"id":"%s","eventType":"%s","actorId":"%s","version":%d,"data":{"customer":"customer-%04d","amount":%d,'
    '"currency":"EUR","items":3},"metadata":{"CorrelationID":"%s","UserID":"user-%d"},'
    '"timestamp":"2024-01-01T%02d:%02d:%02d.%06dZ"}'
)


def cached_file(count: int, actors: int) -> Path:
    """A file that `generate` made, now or in an earlier run of the same code; not to be changed."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aether-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    made_by = blake2b(digest_size=6)
    for source in (__file__, sqlite_schema.__file__, events.__file__):
        made_by.update(Path(source).read_bytes())
    path = folder / f"{count}-{actors}-{made_by.hexdigest()}.aether"
    if not path.exists():
        for outdated in folder.glob(f"{count}-{actors}-*.aether"):
            outdated.unlink()
        part = path.with_suffix(f".{os.getpid()}")
        try:
            generate(part, count, actors)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def generate(path: Path, count: int, actors: int, *, namespace: str = "benchmark") -> None:
    """Make a file of `count` events of about 290 bytes, spread evenly over `actors`."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN")
    create_schema(connection)
    # Sorting once is many times faster than inserting into an index at random.
    late = ("events_by_actor",)
    for name in late:
        connection.execute(f"DROP INDEX {name}")
    sizes = [0]
    connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _rows(count, actors, sizes))
    connection.executemany(
        "INSERT INTO actors(id, namespace, actor_id, event_count, latest_version, last_sequence) "
        "VALUES (?, 1, ?, ?, ?, ?)",
        _actors(count, actors),
    )
    connection.executemany("INSERT INTO event_types VALUES (?, ?)", enumerate(_TYPES, 1))
    connection.execute(
        "INSERT INTO namespaces VALUES (1, ?, ?, ?, ?, ?, ?)",
        (namespace, count, sizes[0], _recorded_at(0), _recorded_at(count - 1), count),
    )
    for name in late:
        connection.execute(INDEXES[name])
    connection.create_function("prefix", 1, lambda id_hash: int.from_bytes(id_hash[:8], "big", signed=True))
    connection.execute("INSERT INTO event_ids SELECT prefix(id_hash), position FROM events ORDER BY 1, 2")
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()


def _rows(count: int, actors: int, sizes: list[int]) -> Iterator[tuple[Any, ...]]:
    random_bits = random.Random(SEED).getrandbits
    hash_of = EventIdHash(1).digest
    base = 1 << SEQUENCE_BITS
    for number in range(count):
        actor = number % actors
        bits = f"{random_bits(128):032x}"
        event_id = f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"
        event_type = number % len(_TYPES)
        version = number // actors + 1
        recorded_at = _recorded_at(number)
        position = base + number + 1
        second = number // 1000
        raw = (
            _RAW
            % (
                event_id,
                _TYPES[event_type],
                actor_name(actor),
                version,
                actor % 977,
                number % 100_000,
                event_id,
                number % 53,
                second // 3600 % 24,
                second // 60 % 60,
                second % 60,
                number % 1000 * 1000,
            )
        ).encode()
        sizes[0] += len(raw)
        checksum = crc32(raw, checksum_seed(position, version, recorded_at))
        id_hash = hash_of(event_id)
        yield (position, actor + 1, version, event_type + 1, id_hash, recorded_at, checksum, raw)


def _actors(count: int, actors: int) -> Iterator[tuple[int, str, int, int, int]]:
    for actor in range(min(actors, count)):
        events = (count - actor - 1) // actors + 1
        yield (actor + 1, actor_name(actor), events, events, (events - 1) * actors + actor + 1)


def actor_name(actor: int) -> str:
    """The id of the actor with this number, from 0."""
    return f"order-{actor:08d}"


def _recorded_at(number: int) -> int:
    # Saved in batches of a thousand, as a load would be.
    return _RECORDED + number // 1000 * 1_000_000


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
