"""Trees of a file, gone through past SQLite: what is in order is vouched for, and nothing that was damaged."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from aether_engine.audit.file.checks import _SUMS
from aether_engine.audit.file.pages import page_file, trees_of
from aether_engine.audit.file.sound_trees import _are_apart
from aether_engine.native.library import library
from aether_engine.native.trees import Entries, IdSums, SoundTree, TreeQuestion, sound_tree
from aether_engine.store.sqlite.file import RawFile
from aether_engine.store.sqlite.pages import FilePages, bad_pages, children
from aether_engine.store.sqlite.schema import PAGE_SIZE, SEQUENCE_MASK, first_position
from tests.engine.native.log_files import opened_reader
from tests.engine.sqlite.support import fill

pytestmark = pytest.mark.skipif(library() is None, reason="nothing was compiled here")

_EVENTS: Final = 3000
_LARGE: Final = 40
_KEY: Final = b"0123456789abcdef"
_RANGES: Final = (
    (first_position(1) + 1, first_position(1) + _EVENTS),
    (first_position(2) + 1, first_position(2) + _LARGE),
)
_ENTRIES: Final = {
    "table events": Entries.ROWS,
    "index events_by_actor": Entries.VERSIONS,
    "table event_ids": Entries.IDS,
}
Trees = dict[str, SoundTree | None]


@dataclass(frozen=True)
class Sample:
    """A file in order: its bytes, and where its trees begin."""

    content: bytes
    roots: dict[str, tuple[int, bool]]

    def page(self, number: int) -> bytes:
        return self.content[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]

    def leaves(self, tree: str) -> list[int]:
        """The pages of a tree of two levels below its root."""
        return children(self.page(self.roots[tree][0]))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Of events that fit on a page by the dozen, and of some that need several."""
    path = tmp_path_factory.mktemp("trees") / "log.aether"
    asyncio.run(fill(path, _EVENTS))
    asyncio.run(fill(path, _LARGE, text="x" * 3 * PAGE_SIZE, namespace="tenant-b"))
    with opened_reader(path) as reader:
        return Sample(path.read_bytes(), reader.run(trees_of, {}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.aether"


def _look(path: Path, roots: dict[str, tuple[int, bool]]) -> Trees:
    found: Trees = {}
    with opened_reader(path) as reader:
        file = page_file(reader)
        assert file is not None
        for name, (root, is_table) in roots.items():
            entries = _ENTRIES.get(name, Entries.NONE)
            ranges = _RANGES if entries is Entries.IDS else ()
            found[name] = sound_tree(file, TreeQuestion(root, is_table, entries, ranges), _KEY)
    return found


def _versions_agree(trees: Trees) -> bool:
    table, index = trees["table events"], trees["index events_by_actor"]
    return None not in (table, index) and table.versions == index.versions is not None  # type: ignore[union-attr]  # neither is none


def _ids(trees: Trees) -> tuple[IdSums, ...] | None:
    tree = trees["table event_ids"]
    return None if tree is None else tree.ids


def _changed(sample: Sample, path: Path, page: int, offset: int, value: bytes) -> Trees:
    content = bytearray(sample.content)
    at = (page - 1) * PAGE_SIZE + offset
    assert content[at : at + len(value)] != value
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return _look(path, sample.roots)


def test_a_file_in_order_is_vouched_for(sample: Sample, path: Path) -> None:
    path.write_bytes(sample.content)
    trees = _look(path, sample.roots)
    assert _are_apart(list(trees.values()))
    assert _versions_agree(trees)
    assert trees["table events"].versions[0] == _EVENTS + _LARGE  # type: ignore[index, union-attr]  # it is known
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT position, id_hash FROM events").fetchall()
        pages = connection.execute("SELECT count(*) FROM dbstat WHERE pagetype != 'overflow'").fetchone()[0]
    assert _ids(trees) == tuple(
        IdSums(
            last - first + 1,
            sum(int.from_bytes(hashed[:8], "big", signed=True) for at, hashed in rows if first <= at <= last),
            sum(at & SEQUENCE_MASK for at, _ in rows if first <= at <= last),
        )
        for first, last in _RANGES
    )
    assert sum(int.from_bytes(tree.pages, "big").bit_count() for tree in trees.values() if tree) == pages


@pytest.mark.parametrize("tree", ["table events", "index events_by_actor", "table event_ids"])
def test_damaged_pages_are_not(sample: Sample, path: Path, tree: str) -> None:
    root, leaf = sample.roots[tree][0], sample.leaves(tree)[1]
    first_cell = int.from_bytes(sample.page(root)[12:14], "big")
    pages = len(sample.content) // PAGE_SIZE
    for page, offset, value in (
        (leaf, 0, b"\x00"),
        (leaf, 0, b"\x02" if tree == "table events" else b"\x05"),
        (leaf, 3, b"\xff\xff"),
        (leaf, 8, b"\xff\xff"),
        (leaf, 8, b"\x00\x08"),
        (leaf, 0, bytes(PAGE_SIZE)),
        (root, first_cell, leaf.to_bytes(4, "big")),
        (root, first_cell, root.to_bytes(4, "big")),
        (root, first_cell, bytes(4)),
        (root, first_cell, (pages + 1).to_bytes(4, "big")),
        (root, 8, (1 << 31).to_bytes(4, "big")),
    ):
        trees = _changed(sample, path, page, offset, value)
        assert trees[tree] is None, (page, offset)
        assert {name for name, found in trees.items() if found is None} == {tree}


def test_a_page_in_two_trees_is_not(sample: Sample, path: Path) -> None:
    root = sample.roots["table event_ids"][0]
    first_cell = int.from_bytes(sample.page(root)[12:14], "big")
    other = sample.leaves("index events_by_actor")[0]
    trees = _changed(sample, path, root, first_cell, other.to_bytes(4, "big"))
    # To each tree by itself the page looks well.
    assert None not in trees.values()
    assert not _are_apart(list(trees.values()))


def test_a_file_that_is_cut_off_is_not(sample: Sample, path: Path) -> None:
    path.write_bytes(sample.content[: max(sample.leaves("table events")) * PAGE_SIZE - 1])
    assert _look(path, sample.roots)["table events"] is None


def _bits(sample: Sample, page: int, offset: int, length: int) -> Iterator[tuple[int, int, bytes]]:
    for at in range(offset, offset + length):
        for bit in range(8):
            yield page, at, bytes([sample.page(page)[at] ^ 1 << bit])


@pytest.mark.parametrize("tree", ["index events_by_actor", "table event_ids"])
def test_every_bit_of_an_index_counts(sample: Sample, path: Path, tree: str) -> None:
    path.write_bytes(sample.content)
    whole = _ids(_look(path, sample.roots))
    root, leaf = sample.roots[tree][0], sample.leaves(tree)[1]
    # Of an entry on a leaf, and of one between leaves.
    for page, first, child in ((leaf, 8, 0), (root, 12, 4)):
        cell = int.from_bytes(sample.page(page)[first : first + 2], "big") + child
        for change in _bits(sample, page, cell, sample.page(page)[cell] + 1):
            trees = _changed(sample, path, *change)
            assert not _versions_agree(trees) if tree.startswith("index") else _ids(trees) != whole, change


@pytest.mark.parametrize("large", [False, True])
def test_every_bit_counts_of_what_a_row_and_its_entry_have_in_common(
    sample: Sample, path: Path, large: bool
) -> None:
    leaf = sample.leaves("table events")[-1 if large else 1]
    content = sample.page(leaf)
    cell = int.from_bytes(content[8:10], "big")
    start = cell + 1
    while content[start - 1] & 0x80:  # the length of the row
        start += 1
    head = start + 6  # positions of namespaces 1 and 2 take six bytes
    assert [byte >> 7 for byte in content[start:head]] == [1, 1, 1, 1, 1, 0]
    for change in (
        *_bits(sample, leaf, start, head - start),
        *_bits(sample, leaf, head, 4),  # the head's length, and what position, actor and version are
        *_bits(sample, leaf, head + content[head], 1),  # the actor
    ):
        assert not _versions_agree(_changed(sample, path, *change)), change


@pytest.mark.parametrize("tree", ["index events_by_actor", "table event_ids"])
def test_entries_that_are_missing_or_there_twice_are_noticed(sample: Sample, path: Path, tree: str) -> None:
    path.write_bytes(sample.content)
    whole = _ids(_look(path, sample.roots))
    leaf = sample.leaves(tree)[1]
    content = sample.page(leaf)
    count = int.from_bytes(content[3:5], "big")
    fewer = (count - 1).to_bytes(2, "big")
    twice = content[8:10]
    for offset, value in ((3, fewer), (10, twice)):
        trees = _changed(sample, path, leaf, offset, value)
        assert trees[tree] is not None
        assert not _versions_agree(trees) if tree.startswith("index") else _ids(trees) != whole


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET version = 1.5 WHERE position = (SELECT min(position) FROM events)",
        "UPDATE events SET version = 'x' WHERE position = (SELECT min(position) FROM events)",
        "UPDATE events SET actor = zeroblob(9000) WHERE position = (SELECT min(position) FROM events)",
    ],
)
def test_what_is_no_number_is_left_to_sqlite(sample: Sample, path: Path, statement: str) -> None:
    path.write_bytes(sample.content)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(statement)
    trees = _look(path, sample.roots)
    assert not _versions_agree(trees)
    assert _are_apart(list(trees.values()))


def _summed(path: Path) -> bool | None:
    """Whether SQLite finds the index over versions to agree with the log, None where it cannot read them."""
    # A name in the schema may not be text any more, which the error is to tell.
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(sqlite3.connect(path)) as connection:
        sources = ("INDEXED BY events_by_actor", "NOT INDEXED")
        one, other = [connection.execute(_SUMS + source).fetchone() for source in sources]
        return bool(one == other)
    return None


def _anywhere(dice: random.Random, sample: Sample) -> tuple[int, bytes]:
    return dice.randrange(100, len(sample.content)), dice.randbytes(dice.choice([1, 1, 2, 40]))


def _head(dice: random.Random, sample: Sample) -> tuple[int, bytes]:
    pages = len(sample.content) // PAGE_SIZE
    at = dice.randrange(1, pages) * PAGE_SIZE + dice.randrange(16)
    return at, dice.choice([bytes([sample.content[at] ^ 1 << dice.randrange(8)]), dice.randbytes(2)])


def _inner(dice: random.Random, sample: Sample) -> tuple[int, bytes]:
    root = sample.roots[dice.choice(list(_ENTRIES))][0]
    cells = [*range(8, 24), *range(PAGE_SIZE - 200, PAGE_SIZE - 4)]
    return (root - 1) * PAGE_SIZE + dice.choice(cells), dice.randbytes(dice.choice([1, 2, 4]))


@pytest.mark.parametrize("where", [_anywhere, _head, _inner])
def test_nothing_is_vouched_for_that_python_finds_damaged(
    sample: Sample, path: Path, where: Callable[[random.Random, Sample], tuple[int, bytes]]
) -> None:
    dice = random.Random(where.__name__)
    refused = 0
    for _ in range(60):
        content = bytearray(sample.content)
        for _ in range(dice.choice([1, 1, 3])):
            at, value = where(dice, sample)
            content[at : at + len(value)] = value
        path.write_bytes(content[: len(sample.content)])
        trees = _look(path, sample.roots)
        pages = FilePages(RawFile(path))
        if _are_apart(list(trees.values())):
            assert bad_pages(pages.page, pages.page_count, sample.roots) == []
        else:
            refused += 1
        if _versions_agree(trees):
            assert _summed(path) is not False
        pages.release()
    assert where is _anywhere or refused
