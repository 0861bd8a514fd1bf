"""Batches and single events: whichever way an event goes through an examination, the same is found of it."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from aether_engine.audit import examining
from aether_engine.audit.examining import Examined, Examiner, LogPart, RowColumns
from aether_engine.audit.file.checks import _SUMS
from aether_engine.audit.judging import id_digest
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.native.library import library
from aether_engine.store.sqlite.schema import checksum_seed, first_position
from tests.engine.native.log_files import opened_ways, write_log

_TYPES = {1: "Placed", 2: "Paid"}
_RECORDED = 1_767_225_600_000_000
_FIRST = 101


def _document(dice: random.Random, number: int) -> dict[str, Any]:
    version = number // 3 + 1
    document: dict[str, Any] = {
        "id": f"e-{number}",
        "eventType": _TYPES[number % 2 + 1],
        "actorId": f"order-{number % 3}",
        "version": version,
        "data": dice.choice([{"n": number}, {"a": {"b": [1.5, {"c": "x:y"}]}}, {}, {"text": 'a "b": ü'}]),
        "metadata": dice.choice([{}, {"CausationID": f"e-{number - 1}"}, {"UserID": "u"}]),
        "timestamp": f"2026-01-01T00:00:{number % 60:02d}.{dice.choice(['5', '123456', '123456789'])}Z",
    }
    if dice.random() < 0.3:
        document["commandId"] = f"c-{number}"
    if dice.random() < 0.2:
        del document["metadata"]
    return document


def _with(name: str, *values: Any) -> Callable[[random.Random, dict[str, Any]], bytes]:
    return lambda dice, document: json.dumps(document | {name: dice.choice(values)}).encode()


def _replaced(old: bytes, new: bytes) -> Callable[[random.Random, dict[str, Any]], bytes]:
    return lambda dice, document: _compact(dice, document).replace(old, new, 1)


def _compact(_: random.Random, document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _bits(dice: random.Random, document: dict[str, Any]) -> bytes:
    raw = bytearray(_compact(dice, document))
    for _ in range(dice.randrange(1, 3)):
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return bytes(raw)


def _cut(dice: random.Random, document: dict[str, Any]) -> bytes:
    raw = _compact(dice, document)
    return raw[: dice.randrange(len(raw))] + raw[dice.randrange(len(raw)) :]


_SPELLINGS: tuple[Callable[[random.Random, dict[str, Any]], bytes], ...] = (
    _compact,
    lambda _, document: json.dumps(document).encode(),
    lambda _, document: json.dumps(document, indent=1, sort_keys=True).encode(),
    lambda dice, document: b" " + _compact(dice, document) + b"\n",
    _bits,
    _cut,
    _with("version", 0, -1, 1.0, True, "1", None, 2**63 - 1, 2**63, 7),
    _with(
        "timestamp",
        "2026-01-01T00:00:00+02:00",
        "2025-12-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        5,
        "",
        "9999-12-31T23:59:60Z",
    ),
    _with(
        "timestamp", "2027-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01 00:00:00Z"
    ),
    _with("data", None, 5, [], {"a": {"a": 1}}, "x"),
    _with("metadata", None, {"a": None}, {"CausationID": ""}, []),
    _with("commandId", None, "", 5, "c"),
    _with("id", "", None, "ü", "e-1"),
    _with("extra", 1, {"a": [{}]}),
    _with("actorId", "", "other", 1),
    _replaced(b'"version":', b'"version":1,"version":'),
    _replaced(b'"data":{', b'"data":{"n":0,"n":1,"n":'),
    _replaced(b'"metadata":{', b'"metadata":{"UserID":"v","UserID":"w",'),
    _replaced(b'"id"', b'"\\u0069d"'),
    _replaced(b'"timestamp"', b'"x":[{"k":1,"k":2}],"timestamp"'),
    lambda _, __: b"",
    lambda _, __: b"[]",
)


def _part(dice: random.Random, count: int, *, rows: bool, odd: float = 0.3) -> LogPart:
    """Events of which about every third, or `odd` of them, is spelled unusually, damaged or filed wrong."""
    raws: list[bytes] = []
    recorded: list[int] = []
    columns: list[tuple[Any, ...]] = []
    for number in range(count):
        document = _document(dice, number)
        how = dice.choice(_SPELLINGS) if dice.random() < odd else _compact
        raw = how(dice, document)
        when = _RECORDED + number * 1000 - (5_000_000 if dice.random() < 0.05 else 0)
        written = _compact(dice, document) if how is _bits and dice.random() < 0.7 else raw
        version = document["version"]
        checksum = crc32(written, checksum_seed(first_position(1) + _FIRST + number, version, when))
        row = [number % 3 + 1, version, number % 2 + 1, id_digest(1, document["id"]), checksum]
        if dice.random() < odd / 3:
            at = dice.randrange(len(row))
            row[at] = dice.choice([0, 7, None if at in (2, 3) else -1])
        raws.append(raw)
        recorded.append(when)
        columns.append(tuple(row))
    row_columns = RowColumns(1, *zip(*columns, strict=True)) if rows else None
    return LogPart(range(_FIRST, _FIRST + count), recorded, raws, row_columns)


def _each(part: LogPart, examiner: Examiner) -> list[Examined]:
    return [examiner.examine(part.pick([index])) for index in range(len(part.sequences))]


def _backwards(examined: list[Examined]) -> list[int]:
    """Which were recorded before the one in front, within parts or where one goes over into the next."""
    found: list[int] = []
    before = 0
    for part in examined:
        found += [one.sequence or 0 for one in part.findings if one.check == "recorded-backwards"]
        if part.first_timed is not None and part.last_timed is not None:
            found += [part.first_timed[0]] if part.first_timed[1] < before else []
            before = part.last_timed[1]
    return sorted(found)


def _said(examined: list[Examined]) -> dict[str, Any]:
    """What examinations of neighbours came to together, in an order of its own."""
    said: dict[str, Any] = {}
    for one in fields(Examined):
        if one.name in (
            "first",
            "last",
            "events",
            "kept",
            "first_timed",
            "last_timed",
            "first_recorded",
            "last_recorded",
        ):
            continue
        values = [getattr(each, one.name) for each in examined]
        said[one.name] = sum(values) if type(values[0]) is int else [item for value in values for item in value]
    for name in ("commands", "late", "findings", "id_sequences", "ids"):
        said[name] = sorted(said[name], key=repr)
    causes = said["causes"]
    said["causes"] = sorted(zip(causes[::2], causes[1::2], strict=True))
    # Recorded times are compared with those in front, which an event by itself does not have.
    said["findings"] = [one for one in said["findings"] if one.check != "recorded-backwards"]
    said["moments"] = [repr(moment) for moment in said["moments"]]
    return said


@pytest.mark.parametrize("rows", [True, False], ids=["of a file", "of a log"])
@pytest.mark.parametrize("actors", ["", "order-*"])
def test_it_makes_no_difference_which_way_an_event_goes(
    monkeypatch: pytest.MonkeyPatch, rows: bool, actors: str
) -> None:
    dice = random.Random(f"{rows}{actors}")
    for _ in range(60 * (10 if os.environ.get("AETHER_SOAK") else 1)):
        part = _part(dice, 40, rows=rows)

        def examiner() -> Examiner:
            return Examiner("n", AuditSettings(), AuditScope(actors=actors), type_names=_TYPES)

        together = _said([examiner().examine(part)])
        apart = _said(_each(part, examiner()))
        with monkeypatch.context() as patched:
            # Nothing is vouched for by a batch: every event is judged with care.
            patched.setattr(examining, "decode_plain", lambda raws, joined: None)
            patched.setattr(examining, "decode_one_plain", lambda raw: None)
            carefully = _said([examiner().examine(part)])
        for name, value in carefully.items():
            assert together[name] == value, name
            assert apart[name] == value, name


@pytest.mark.skipif(library() is None, reason="nothing was compiled here")
@pytest.mark.parametrize("page_size", [512, 8192])
def test_it_makes_no_difference_whether_the_library_looks_first(tmp_path: Path, page_size: int) -> None:
    dice = random.Random(page_size)
    sound = 0
    for _ in range(8 * (20 if os.environ.get("AETHER_SOAK") else 1)):
        part = _part(dice, 300, rows=True, odd=dice.choice([0.3, 0.02, 0]))
        columns = part.columns
        assert columns is not None
        # Rows have no NULL.
        types, id_hashes = (
            [b"" if one is None else one for one in each] for each in (columns.types, columns.id_hashes)
        )
        rows = zip(
            part.sequences,
            *(columns.actors, columns.versions, types, id_hashes, part.recorded, columns.checksums, part.raws),
            strict=True,
        )
        write_log(tmp_path / "log.aether", list(rows), _TYPES, page_size=page_size)
        ends = _FIRST, _FIRST + 299
        with opened_ways(tmp_path / "log.aether") as ways:
            with_library = ways.with_library.examine(*ends, 1e9)
            without = ways.without.examine(*ends, 1e9)
            alone = [ways.each(sequence) for sequence in part.sequences]
        assert _backwards(with_library) == _backwards(without)
        mine, other = _said(with_library), _said(without)
        for name, value in other.items():
            assert mine[name] == value, name
        assert (with_library[0].first_recorded, with_library[-1].last_recorded) == (
            without[0].first_recorded,
            without[-1].last_recorded,
        )
        for by_library, by_python in alone:
            if by_library is not None:
                sound += 1
                assert _said([by_library]) == _said(by_python)
                assert by_library.first_timed == by_library.last_timed == by_python[0].first_timed
    assert sound > 1000


def test_sums_over_an_index_tell_of_every_flipped_bit() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE events(actor INTEGER, version INTEGER, position INTEGER)")
        rows = [(7, 3, first_position(1) + 5), (2**31 - 1, 2**40, first_position(2**20) + 2**39)]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        whole = connection.execute(_SUMS).fetchone()
        for column, bits in (("actor", 31), ("version", 40), ("position", 62)):
            for bit in range(bits):
                flip = f"UPDATE events SET {column} = ({column} | ?1) - ({column} & ?1)"
                connection.execute("SAVEPOINT flipped")
                connection.execute(f"{flip} WHERE rowid = 1", (1 << bit,))
                assert connection.execute(_SUMS).fetchone() != whole, (column, bit)
                connection.execute("ROLLBACK TO flipped")
