"""Whole trees of a file, looked at by the library: whether their pages are in order, and what they hold."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from enum import IntEnum

from aether_engine.native.hashes import Key, key_of
from aether_engine.native.library import library
from aether_engine.native.page_file import FileArgument, PageFile


class Entries(IntEnum):
    """What the entries of a tree are, if they are to be summed up."""

    NONE = 0
    #: Of the table of events.
    ROWS = 1
    #: Of the index over actors and versions.
    VERSIONS = 2
    #: Of the index over ids.
    IDS = 3


class _IdSums(ctypes.Structure):
    _fields_ = (
        ("first", ctypes.c_int64),
        ("last", ctypes.c_int64),
        ("count", ctypes.c_uint64),
        ("high_sum", ctypes.c_int64),
        ("low_sum", ctypes.c_uint64),
        ("places", ctypes.c_uint64),
    )


class _Sums(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_int32),
        ("unknown", ctypes.c_int32),
        ("key", Key),
        ("count", ctypes.c_uint64),
        ("sum", ctypes.c_uint64),
        ("ids", ctypes.POINTER(_IdSums)),
        ("id_ranges", ctypes.c_int64),
    )


class _Tree(ctypes.Structure):
    _fields_ = (
        ("file", FileArgument),
        ("root", ctypes.c_uint32),
        ("is_table", ctypes.c_int32),
        ("seen", ctypes.c_void_p),
        ("sums", _Sums),
    )


@dataclass(frozen=True, slots=True)
class TreeQuestion:
    """A tree to go through, by its first page; `is_table` if it is a table with row ids.

    `ranges` are the first and last positions of which entries of the index over ids are summed up, from the lowest
    on; no position is in two of them.
    """

    root: int
    is_table: bool
    entries: Entries = Entries.NONE
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class IdSums:
    """How many entries the index over ids has for a range, the sum of the ids and the sum of the sequences.

    Exact as long as there are fewer than 2**31 of them, at sequences below that.
    """

    count: int
    id_sum: int
    places: int


@dataclass(frozen=True, slots=True)
class SoundTree:
    """A tree of which each page is in order. `pages` has a bit for each page of the file that is one of them.

    `versions` are the count and the sum, by the key, of rows or entries with actor, version and position; `ids` is
    for each range. Both are None where they were not asked for, or an entry is not what it is in files of ours.
    """

    pages: bytes
    versions: tuple[int, int] | None = None
    ids: tuple[IdSums, ...] | None = None


def sound_tree(file: PageFile, question: TreeQuestion, key: bytes) -> SoundTree | None:
    """What is asked for, None where a page of the tree may be damaged. Needs the library."""
    native = library()
    assert native is not None
    read = native.read_tree
    read.restype = ctypes.c_int64
    seen = ctypes.create_string_buffer(file.page_count // 8 + 1)
    ids = (_IdSums * len(question.ranges))(*(_IdSums(*each) for each in question.ranges))
    tree = _Tree(
        file=file.argument(),
        root=question.root,
        is_table=question.is_table,
        seen=ctypes.addressof(seen),
        sums=_Sums(kind=question.entries, key=key_of(key), ids=ids, id_ranges=len(ids)),
    )
    if not read(ctypes.byref(tree)):
        return None
    versions, id_sums = None, None
    if not tree.sums.unknown and question.entries in (Entries.ROWS, Entries.VERSIONS):
        versions = tree.sums.count, tree.sums.sum
    if not tree.sums.unknown and question.entries is Entries.IDS:
        id_sums = tuple(IdSums(one.count, (one.high_sum << 32) + one.low_sum, one.places) for one in ids)
    return SoundTree(seen.raw, versions, id_sums)
