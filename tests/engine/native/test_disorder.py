"""Trees whose dividers and row ids were changed: the library reads a row only where SQLite finds it."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from aether_engine.audit import Audit, FileTarget
from aether_engine.native.library import library
from aether_engine.store.sqlite.cells import cells_of
from aether_engine.store.sqlite.pages import INTERIOR_TABLE, LEAF_TABLE
from aether_engine.store.sqlite.schema import first_position
from tests.benchmarks.generate import generate
from tests.engine.audit.test_corpus import run
from tests.engine.audit.test_ways import _FIRST, _TYPES, _backwards, _part, _said
from tests.engine.native.log_files import opened_ways, write_log

_SIZE: Final = 512
_EVENTS: Final = 200
_CHANGES: Final = 5000 if os.environ.get("AETHER_SOAK") else 150


def _ends_of_row_ids(content: bytes) -> Iterator[tuple[int, int]]:
    """Where the last byte of each divider and row id of the log is, and where its page begins."""
    for start in range(_SIZE, len(content), _SIZE):
        kind, count = content[start], int.from_bytes(content[start + 3 : start + 5], "big")
        if kind not in (INTERIOR_TABLE, LEAF_TABLE):
            continue
        pointers = start + (12 if kind == INTERIOR_TABLE else 8)
        for index in range(count):
            at = start + int.from_bytes(content[pointers + 2 * index : pointers + 2 * index + 2], "big")
            # A page's number, or the length of the payload, is in front of it.
            at += 4 if kind == INTERIOR_TABLE else 1 if content[at] < 0x80 else 2
            # Row ids of the log take seven bytes as such numbers, others of the file one or two.
            if all(byte & 0x80 for byte in content[at : at + 5]) and content[at + 5] < 0x80:
                yield at + 5, start


@pytest.mark.skipif(library() is None, reason="nothing was compiled here")
def test_changed_dividers_and_row_ids(tmp_path: Path) -> None:
    dice = random.Random(os.environ.get("AETHER_SEED", "7"))
    part = _part(dice, _EVENTS, rows=True, odd=0)
    columns = part.columns
    assert columns is not None
    path = tmp_path / "log.aether"
    rows = zip(
        part.sequences,
        *(columns.actors, columns.versions, columns.types, columns.id_hashes),
        *(part.recorded, columns.checksums, part.raws),
        strict=True,
    )
    write_log(path, list(rows), _TYPES, page_size=_SIZE)
    whole = path.read_bytes()
    places = list(_ends_of_row_ids(whole))
    dividers = [place for place in places if whole[place[1]] == INTERIOR_TABLE]
    assert len(places) - len(dividers) == _EVENTS
    assert len(dividers) > 20
    sound = 0
    for turn in range(_CHANGES):
        content = bytearray(whole)
        for _ in range(dice.choice((1, 1, 2))):
            at, start = dice.choice(dividers if turn % 2 else places)
            content[at] ^= 1 << dice.randrange(7)
            if dice.random() < 0.1:
                content[start] = dice.choice((0x02, 0x05, 0x0A, 0x0D))
        path.write_bytes(content)
        with opened_ways(path) as ways:
            ends = _FIRST, _FIRST + _EVENTS - 1
            with_library, without = (log.examine(*ends, 1e9) for log in (ways.with_library, ways.without))
            first = ways.sound.examine(*ends)
        sound += 0 if first is None else first.events
        assert _backwards(with_library) == _backwards(without), turn
        mine, other = _said(with_library), _said(without)
        for said in (mine, other):
            # Stretches that touch are put together by who tells of them.
            said["lost"] = [place for begin, end in said["lost"] for place in range(begin, end + 1)]
        for name, value in other.items():
            assert mine[name] == value, (turn, name)
    assert sound > _CHANGES


async def test_a_row_that_took_the_place_of_another_one_does_not_pass_for_it(tmp_path: Path) -> None:
    """A flipped bit makes the row behind an even place one of that place: as many rows as there should be."""
    path = tmp_path / "clean.aether"
    generate(path, 200, 20)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        [(page_size,)] = connection.execute("PRAGMA page_size")
        connection.execute("INSERT INTO namespaces VALUES (1 << 60, 'nobody', 5, 0, NULL, NULL, 0)")
    content = bytearray(path.read_bytes())
    base = first_position(1)
    for start in range(page_size, len(content), page_size):
        for row_id, offset, _ in cells_of(bytes(content[start : start + page_size])):
            if row_id == base + 37:
                content[start + offset - 1] ^= 1
    path.write_bytes(content)
    found = await run(Audit(FileTarget(path, "sqlite:///clean")))
    assert [(one.check, one.sequence) for one in found if one.check in ("lost", "checksum")] == [("lost", 37)]
