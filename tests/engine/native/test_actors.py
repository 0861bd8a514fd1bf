"""The list of actors, read past SQLite and by it."""

from __future__ import annotations

import sqlite3
from array import array
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from aether_engine.audit.file.actors import actor_counters, actor_hashes
from aether_engine.audit.file.sound_actors import are_counted, sound_actors
from aether_engine.audit.streams import StreamStates
from aether_engine.audit.target import AuditLog, LogFacts
from aether_engine.native.actors import ActorRows
from aether_engine.native.hashes import hash_texts
from aether_engine.native.library import library
from tests.benchmarks.generate import generate
from tests.engine.native.log_files import opened_reader

pytestmark = pytest.mark.skipif(library() is None, reason="nothing was compiled here")

_KEY = b"0123456789abcdef"
_ACTORS = 2500
_BLOCK = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.aether"
    generate(path, 2 * _ACTORS, _ACTORS)
    return path


def _blocks(path: Path) -> list[ActorRows | None]:
    with opened_reader(path) as reader:
        return [sound_actors(reader, first, _BLOCK, _KEY) for first in range(0, _ACTORS, _BLOCK)]


def _change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_the_same_is_read_as_by_sqlite(path: Path) -> None:
    _change(path, "UPDATE actors SET actor_id = 'ä€😀', event_count = 77 WHERE id = 1500")
    blocks = _blocks(path)
    with opened_reader(path) as reader:
        by_sqlite = actor_hashes(reader, 0, _ACTORS, partial(hash_texts, _KEY))
        rows = [row for part in actor_counters(reader) for row in part]
    assert all(block is not None for block in blocks)
    whole = [block for block in blocks if block is not None]
    assert [block.next_number for block in whole] == [1000, 2000, None]
    assert [one for block in whole for one in block.hashes] == by_sqlite.hashes.tolist()
    counted = [
        row
        for block in whole
        for row in zip(block.namespaces, block.events, block.versions, block.sequences, strict=True)
    ]
    # Number 0 is nobody's.
    assert counted == [(0, 0, 0, 0), *((row[1], *row[3:]) for row in rows)]
    assert counted[1500][1] == 77


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE actors SET namespace = 'one' WHERE id = 1500",
        "UPDATE actors SET event_count = 1.5 WHERE id = 1500",
        "UPDATE actors SET actor_id = x'6162' WHERE id = 1500",
        "UPDATE actors SET actor_id = 'with \"' WHERE id = 1500",
        "UPDATE actors SET actor_id = CAST(x'80' AS TEXT) WHERE id = 1500",
        f"UPDATE actors SET actor_id = '{'long' * 3000}' WHERE id = 1500",
    ],
)
def test_what_is_unusual_is_left_to_python(path: Path, statement: str) -> None:
    _change(path, statement)
    assert [block is None for block in _blocks(path)] == [False, True, False]


def test_numbers_with_holes_are_left_to_python_where_a_block_is_missing(path: Path) -> None:
    _change(
        path, "DELETE FROM actors WHERE id BETWEEN 1100 AND 1200", "UPDATE actors SET id = 90000 WHERE id = 2500"
    )
    first, second, third = _blocks(path)
    assert first is not None
    assert second is not None
    assert second.hashes[100:201].tolist() == [0] * 101
    assert third is None


def test_a_file_that_somebody_writes_to_is_left_to_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with connection:
            connection.execute("UPDATE actors SET event_count = 3 WHERE id = 1")
        assert _blocks(path) == [None, None, None]


def test_pages_that_lead_nowhere_are_left_to_python(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'actors'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    at = (root - 1) * size
    # The rightmost child is the root itself.
    content[at + 8 : at + 12] = root.to_bytes(4, "big")
    path.write_bytes(content)
    assert _blocks(path)[-1] is None


def _facts_of(path: Path) -> dict[int, LogFacts]:
    """What going through the log comes to, for each of the file's namespaces."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT id, name FROM namespaces").fetchall()
        counted = connection.execute("SELECT id, namespace, latest_version, last_sequence FROM actors").fetchall()
    facts: dict[int, LogFacts] = {}
    for number, name in names:
        states = StreamStates(0, array("q", bytes(8 * (_ACTORS + 1))))
        states.versions, states.sequences = (
            array("q", bytes(8 * (_ACTORS + 1))),
            array("q", bytes(8 * (_ACTORS + 1))),
        )
        for actor, namespace, version, sequence in counted:
            if namespace == number:
                states.versions[actor], states.sequences[actor] = version, sequence
        facts[number] = LogFacts(AuditLog(name, 1, 2 * _ACTORS, 2 * _ACTORS, number), states)
    return facts


def _counted(path: Path, facts: dict[int, LogFacts]) -> list[bool]:
    return [block is not None and are_counted(block, facts) for block in _blocks(path)]


@pytest.mark.parametrize("column", ["event_count", "latest_version", "last_sequence"])
@pytest.mark.parametrize("namespaces", [1, 2])
def test_counters_are_held_against_what_streams_come_to(path: Path, column: str, namespaces: int) -> None:
    if namespaces == 2:
        _change(
            path,
            "INSERT INTO namespaces SELECT 2, 'other', 0, 0, NULL, NULL, 0",
            "UPDATE actors SET namespace = 2 WHERE id % 3 = 0",
        )
    facts = _facts_of(path)
    assert _counted(path, facts) == [True] * 3
    _change(path, f"UPDATE actors SET {column} = {column} + 1 WHERE id = 1500")
    assert _counted(path, facts) == [True, False, True]
    # Nothing is known of a namespace that is not looked at.
    assert _counted(path, {number: fact for number, fact in facts.items() if number == 77}) == [True] * 3


def test_events_that_nobody_is_listed_for_are_doubted(path: Path) -> None:
    facts = _facts_of(path)
    _change(path, "DELETE FROM actors WHERE id = 1500")
    assert _counted(path, facts) == [True, False, True]
