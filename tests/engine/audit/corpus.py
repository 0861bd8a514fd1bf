"""A file in which every kind of damage that an audit knows of files was planted at known places, and nothing else.

Each planted event has an actor of its own, so that no damage hides or causes another. Rows are written past the
store, as no store would write them.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from aether_engine.audit.judging import id_digest
from aether_engine.store.sqlite.schema import (
    INDEXES,
    PAGE_SIZE,
    checksum_seed,
    create_schema,
    first_position,
)
from tests.engine.sqlite.support import NAMESPACE, make_event, opened

NAMESPACES: Final = ("shop.orders", "shop.stock")
_START: Final = 1_750_000_000_000_000
_STEP: Final = 250_000
_LENGTH: Final = 5
#: The version at which damage is planted.
_AT: Final = 3
_TYPES: Final = ("OrderPlaced", "OrderPaid", "OrderPacked", "OrderShipped", "OrderClosed")
Place = tuple[str, str, int]


@dataclass
class Row:
    """A row of `events` in the making: the event as a document, and what the columns say."""

    namespace: int
    sequence: int
    actor_id: str
    kind: str
    document: dict[str, Any]
    recorded: int
    raw: bytes = b""
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass
class Corpus:
    """What was written and planted. `planted` are (check, namespace, sequence) of every finding to be expected."""

    path: Path
    events: int
    planted: set[Place]
    kinds: dict[str, int]
    file_wide: set[tuple[str, str, str]]


def _time(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    moment = time.gmtime(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{rest:06d}Z"


def _document(dice: random.Random, actor_id: str, version: int, recorded: int) -> dict[str, Any]:
    return {
        "id": f"{dice.getrandbits(128):032x}",
        "eventType": _TYPES[version % len(_TYPES)],
        "actorId": actor_id,
        "version": version,
        "data": {"amount": dice.randrange(100_000) / 100, "lines": [{"sku": f"s-{version}", "count": version}]},
        "metadata": {"UserID": f"user-{dice.randrange(50)}"},
        "timestamp": _time(recorded - 1500),
    }


def _text(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


# --- Kinds: what happens to a row before it is written ----------------------------------------------------------


def _utf8(row: Row) -> None:
    row.document["data"]["name"] = "Müller"
    row.raw = _text(row.document).replace("ü".encode(), b"\xfc")


def _no_json(row: Row) -> None:
    row.raw = _text(row.document).replace(b'"data":', b'"data";', 1)


def _torn(row: Row) -> None:
    raw = _text(row.document)
    row.raw = raw[: len(raw) // 2]


def _no_object(row: Row) -> None:
    row.raw = b"[" + _text(row.document) + b"]"


def _two_documents(row: Row) -> None:
    row.raw = _text(row.document) + b"{}"


def _lone_number(row: Row) -> None:
    row.raw = _text(row.document).replace(b'"count":3', b'"count":03')


def _without(name: str) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        row.raw = _text({key: value for key, value in row.document.items() if key != name})

    return change


def _with(name: str, value: Any) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        row.raw = _text(row.document | {name: value})

    return change


def _key_twice(row: Row) -> None:
    row.raw = _text(row.document)[:-1] + b',"eventType":"' + row.document["eventType"].encode() + b'"}'


def _inner_key_twice(row: Row) -> None:
    row.raw = _text(row.document).replace(b'"sku":', b'"sku":"x","sku":', 1)


def _escaped_key_twice(row: Row) -> None:
    row.raw = _text(row.document).replace(b'"amount":', b'"\\u0061mount":1,"amount":', 1)


def _hidden_key_twice(row: Row) -> None:
    # As many quotes in front of colons as there would be without the second key.
    row.document["data"]["note"] = 'a "b": c'
    row.raw = (
        _text(row.document).replace(b'\\"b\\":', b"\\u0022b\\u0022:").replace(b'"sku":', b'"sku":"x","sku":', 1)
    )


def _spaced_key_twice(row: Row) -> None:
    row.raw = _text(row.document).replace(b'"sku":', b'"sku" :"x","sku":', 1)


def _no_cause(row: Row) -> None:
    row.document["metadata"]["CausationID"] = f"nobody-{row.sequence}"


def _earlier(row: Row) -> None:
    row.document["timestamp"] = _time(row.recorded - 4 * 3600 * 1_000_000)


def _ahead(row: Row) -> None:
    row.document["timestamp"] = _time(row.recorded + 301 * 1_000_000)


def _behind(row: Row) -> None:
    row.document["timestamp"] = _time(row.recorded - 3 * 86_400 * 1_000_000)


def _zero_time(row: Row) -> None:
    row.document["timestamp"] = "0001-01-01T00:00:00Z"


def _flip(row: Row) -> None:
    raw = bytearray(_text(row.document))
    raw[-20 - row.sequence % 7] ^= 1
    row.columns["checksum"] = _checksum(row, _text(row.document), row.document["version"])
    row.raw = bytes(raw)


def _flip_in_data(row: Row) -> None:
    raw = _text(row.document)
    at = raw.index(b'"sku":"s-') + 7
    row.columns["checksum"] = _checksum(row, raw, row.document["version"])
    row.raw = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def _flip_time(row: Row) -> None:
    # An hour ahead or back: a time that is not what was written says nothing about the clock.
    row.columns["recorded"] = row.recorded ^ 1 << 32


def _flip_checksum(row: Row) -> None:
    row.columns["checksum"] = _checksum(row, _text(row.document), row.document["version"]) ^ 1 << row.sequence % 32


def _garbled(row: Row) -> None:
    raw = _text(row.document)
    row.columns["checksum"] = _checksum(row, raw, row.document["version"])
    row.raw = raw[:40] + bytes(len(raw) - 80) + raw[-40:]


def _nothing(row: Row) -> None:
    pass


@dataclass(frozen=True)
class Kind:
    """One way to damage an event: the check that finds it, and how it is done to a row."""

    check: str
    change: Callable[[Row], None] = _nothing
    #: Versions of the actor that is damaged, in the order of the log.
    versions: tuple[int, ...] = tuple(range(1, _LENGTH + 1))
    #: At which of them.
    at: int = _AT - 1


KINDS: Final[dict[str, Kind]] = {
    "latin-1": Kind("undecodable", _utf8),
    "no-json": Kind("undecodable", _no_json),
    "torn": Kind("undecodable", _torn),
    "array": Kind("undecodable", _no_object),
    "two-documents": Kind("undecodable", _two_documents),
    "leading-zero": Kind("undecodable", _lone_number),
    "no-id": Kind("invalid-field", _without("id")),
    "empty-type": Kind("invalid-field", _with("eventType", "")),
    "version-text": Kind("invalid-field", _with("version", "3")),
    "version-zero": Kind("invalid-field", _with("version", 0)),
    "data-text": Kind("invalid-field", _with("data", "x")),
    "metadata-number": Kind("invalid-field", _with("metadata", {"UserID": 7})),
    "time-without-offset": Kind("invalid-field", _with("timestamp", "2025-06-15T10:00:00")),
    "time-with-space": Kind("invalid-field", _with("timestamp", "2025-06-15 10:00:00Z")),
    "time-of-13-digits": Kind("invalid-field", _with("timestamp", "2025-06-15T10:00:00.0123456789012Z")),
    "bit-flip": Kind("checksum", _flip),
    "bit-flip-in-data": Kind("checksum", _flip_in_data),
    "recorded-flip": Kind("checksum", _flip_time),
    "checksum-flip": Kind("checksum", _flip_checksum),
    "garbled": Kind("checksum", _garbled),
    "version-column": Kind("version-column"),
    "actor-column": Kind("actor-column"),
    "type-column": Kind("type-column"),
    "id-column": Kind("id-column"),
    "lost": Kind("lost"),
    "key-twice": Kind("duplicate-key", _key_twice),
    "inner-key-twice": Kind("duplicate-key", _inner_key_twice),
    "escaped-key-twice": Kind("duplicate-key", _escaped_key_twice),
    "hidden-key-twice": Kind("duplicate-key", _hidden_key_twice),
    "spaced-key-twice": Kind("duplicate-key", _spaced_key_twice),
    "no-cause": Kind("cause-missing", _no_cause),
    "earlier": Kind("time-backwards", _earlier),
    "ahead": Kind("clock-ahead", _ahead, at=_LENGTH - 1),
    "behind": Kind("clock-behind", _behind, at=0),
    "zero-time": Kind("clock-behind", _zero_time, at=0),
    "gap": Kind("version-gap", versions=(1, 2, 5, 6, 7), at=2),
    "lower-version": Kind("version-order", versions=(1, 2, 4, 3, 5), at=3),
    "same-id": Kind("duplicate-id"),
    "recorded-earlier": Kind("recorded-backwards"),
    "index-of-versions": Kind("index-versions"),
    "index-of-ids": Kind("index-ids"),
    "unlisted-actor": Kind("orphan", at=0),
}


def build(path: Path, per_kind: int, *, seed: int = 7, clean: int = 2) -> Corpus:
    """Write a corpus with `per_kind` plantings of each kind, and `clean` times as many events without any."""
    dice = random.Random(seed)
    rows, planted = _plan(dice, per_kind, clean)
    corpus = Corpus(path, len(rows), planted, dict.fromkeys(KINDS, per_kind), set())
    _write(path, rows, corpus)
    return corpus


def _plan(dice: random.Random, per_kind: int, clean: int) -> tuple[list[Row], set[Place]]:
    plans: list[tuple[int, str, str]] = []
    for kind in [*KINDS, *["clean"] * clean * len(KINDS)]:
        for _ in range(per_kind):
            plans.append((1 + len(plans) % 2, kind, f"{kind}-{len(plans):06d}"))
    dice.shuffle(plans)
    # Whether a log is recorded at once is known from its second event on.
    plans = [(1, "clean", "clean-first"), (2, "clean", "clean-second"), *plans]
    rows: list[Row] = []
    planted: set[Place] = set()
    sequences = {1: 0, 2: 0}
    known: dict[int, list[str]] = {1: [], 2: []}
    recorded = _START
    earlier: dict[int, tuple[int, int]] = {}
    for turn in range(_LENGTH):
        for namespace, kind, actor_id in plans:
            recorded += _STEP
            sequences[namespace] += 1
            how = KINDS.get(kind, Kind(""))
            row = Row(namespace, sequences[namespace], actor_id, kind, {}, recorded)
            row.document = _document(dice, actor_id, how.versions[turn], recorded)
            ids = known[namespace]
            if kind == "clean" and len(ids) > 50 and turn % 2:
                row.document["metadata"]["CausationID"] = dice.choice(known[dice.choice((1, 2))])
            if turn == how.at and how.check:
                if kind == "same-id":
                    row.document["id"] = ids.pop(dice.randrange(len(ids)))
                if kind == "recorded-earlier":
                    # Earlier than the one in front also if that was set back itself, or if all in between
                    # are lost or damaged, so that nothing vouches for when they were recorded.
                    row.recorded -= 60_000_000
                    sequence, before = earlier.get(namespace, (0, 0))
                    if row.sequence - sequence <= 20:
                        row.recorded = min(row.recorded, before - 1)
                    earlier[namespace] = row.sequence, row.recorded
                    row.document["timestamp"] = _time(row.recorded + 50 * 1_000_000)
                how.change(row)
                planted.add((how.check, NAMESPACES[namespace - 1], row.sequence))
            elif kind == "clean":
                ids.append(row.document["id"])
            row.raw = row.raw or _text(row.document)
            rows.append(row)
    return rows, planted


def _checksum(row: Row, raw: bytes, version: int) -> int:
    return crc32(raw, checksum_seed(first_position(row.namespace) + row.sequence, version, row.recorded))


def _write(path: Path, rows: list[Row], corpus: Corpus) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("BEGIN")
        create_schema(connection)
        actors: dict[str, list[int]] = {}
        types = {name: number for number, name in enumerate(_TYPES, 1)}
        connection.executemany("INSERT INTO event_types VALUES (?, ?)", [(n, t) for t, n in types.items()])
        values = []
        for row in rows:
            position = first_position(row.namespace) + row.sequence
            version = row.document["version"]
            actor = actors.setdefault(row.actor_id, [len(actors) + 1, row.namespace, 0, 0, 0])
            actor[2] += 1
            actor[3] = max(actor[3], version)
            actor[4] = row.sequence
            checksum = row.columns.get("checksum", _checksum(row, row.raw, version))
            id_hash = id_digest(row.namespace, row.document["id"])
            kind = types[row.document["eventType"]]
            recorded = row.columns.get("recorded", row.recorded)
            values.append((position, actor[0], version, kind, id_hash, recorded, checksum, row.raw))
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        connection.executemany(
            "INSERT INTO event_ids VALUES (?, ?)",
            [(int.from_bytes(value[4][:8], "big", signed=True), value[0]) for value in values],
        )
        connection.executemany(
            "INSERT INTO actors VALUES (?, ?, ?, ?, ?, ?)",
            [(a[0], a[1], name, a[2], a[3], a[4]) for name, a in actors.items()],
        )
        for number, name in enumerate(NAMESPACES, 1):
            mine = [row for row in rows if row.namespace == number]
            size = sum(len(row.raw) for row in mine)
            last = mine[-1].sequence
            connection.execute(
                "INSERT INTO namespaces VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, name, last, size, mine[0].recorded, mine[-1].recorded, last),
            )
        connection.execute("COMMIT")
        _damage_rows(connection, rows, corpus, actors)
    _damage_index(path, rows)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def _places(rows: list[Row], kind: str) -> list[Row]:
    versions = KINDS[kind].versions
    return [row for row in rows if row.kind == kind and row.document["version"] == versions[KINDS[kind].at]]


def _position(row: Row) -> int:
    return first_position(row.namespace) + row.sequence


def _damage_rows(
    connection: sqlite3.Connection, rows: list[Row], corpus: Corpus, actors: dict[str, list[int]]
) -> None:
    execute = connection.execute
    execute("BEGIN")
    for row in _places(rows, "version-column"):
        execute("UPDATE events SET version = version + 100 WHERE position = ?", (_position(row),))
    others = [name for name, actor in actors.items() if name.startswith("clean-")]
    for row, other in zip(_places(rows, "actor-column"), others, strict=False):
        number = next(a[0] for n, a in actors.items() if n == other)
        execute("UPDATE events SET version = version + 1000 WHERE position = ?", (_position(row),))
        execute("UPDATE events SET actor = ? WHERE position = ?", (number, _position(row)))
        # The version stays what it was, which takes a hole in the other actor's.
        corpus.planted.add(("version-column", NAMESPACES[row.namespace - 1], row.sequence))
    for row in _places(rows, "type-column"):
        execute("UPDATE events SET event_type = event_type % 5 + 1 WHERE position = ?", (_position(row),))
    for row in _places(rows, "id-column"):
        hashed = bytes([1]) * 16
        execute("UPDATE events SET id_hash = ? WHERE position = ?", (hashed, _position(row)))
        execute("UPDATE event_ids SET id_prefix = ? WHERE position = ?", (0x0101010101010101, _position(row)))
    for row in _places(rows, "index-of-ids"):
        execute("DELETE FROM event_ids WHERE position = ?", (_position(row),))
    for row in _places(rows, "unlisted-actor"):
        execute("DELETE FROM actors WHERE actor_id = ?", (row.actor_id,))
    execute("COMMIT")


def _damage_index(path: Path, rows: list[Row]) -> None:
    """Take entries out of the index over versions, and rows away from under it: nothing that SQL can do."""
    left_out = " AND ".join(f"position <> {_position(row)}" for row in _places(rows, "index-of-versions")[:400])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP INDEX events_by_actor")
        where = f" WHERE {left_out}" if left_out else ""
        connection.execute(f"{INDEXES['events_by_actor']}{where}")
        connection.execute("PRAGMA writable_schema = ON")
        saved = connection.execute("SELECT * FROM sqlite_master WHERE name = 'events_by_actor'").fetchone()
        connection.execute("DELETE FROM sqlite_master WHERE name = 'events_by_actor'")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executemany(
            "DELETE FROM events WHERE position = ?", [(_position(row),) for row in _places(rows, "lost")]
        )
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", (*saved[:4], INDEXES["events_by_actor"])
        )


async def fill(path: Path, count: int, *, text: str = "") -> None:
    """Make a file of `count` events of seven actors, without a gap in their versions."""
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        events = [make_event(n, f"order-{n % 7}", version=n // 7, text=text) for n in range(7, count + 7)]
        for start in range(0, count, 1000):
            await store.save_events(events[start : start + 1000])
