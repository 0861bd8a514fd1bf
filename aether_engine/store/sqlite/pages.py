"""The pages of a file as SQLite's format lays them out: which belongs to which tree, and which are damaged.

Nothing here needs SQLite, so that it works on files that SQLite refuses; see https://sqlite.org/fileformat2.html,
section 1. Everything read is hostile: no page is visited twice, no number is followed out of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aether_engine.store.sqlite.file import RawFile, beside

INTERIOR_INDEX: Final = 0x02
INTERIOR_TABLE: Final = 0x05
LEAF_INDEX: Final = 0x0A
LEAF_TABLE: Final = 0x0D
_TABLE_PAGES: Final = (INTERIOR_TABLE, LEAF_TABLE)
_INDEX_PAGES: Final = (INTERIOR_INDEX, LEAF_INDEX)
#: Deeper trees do not exist: each level multiplies the pages at least by four.
_MOST_LEVELS: Final = 40
_WAL_MAGIC: Final = (0x377F0682, 0x377F0683)
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
#: What a file has whose header does not tell: the size of those that this library makes.
_LIKELY_PAGE_SIZE: Final = 8192


class FilePages:
    """The newest committed content of each page: of the write-ahead log where that has it, else of the file."""

    def __init__(self, raw: RawFile, *, page_size: int | None = None) -> None:
        """`page_size` is for a file that does not tell it any more."""
        self._raw = raw
        self._wal = RawFile(beside(raw.path, "-wal"))
        size = int.from_bytes(raw.read_at(16, 2), "big")
        self.page_size = 65536 if size == 1 else size
        if size != 1 and (size < 512 or size & (size - 1)):
            self.page_size = _LIKELY_PAGE_SIZE
        self.page_size = page_size or self.page_size
        try:
            #: Where in the write-ahead log a page is.
            self.in_wal = self._wal_pages()
        finally:
            self._wal.release()
        #: With the last one of a file that is cut off within a page.
        self.page_count = max(-(-raw.size() // self.page_size), max(self.in_wal, default=0))

    def page(self, number: int) -> bytes:
        """A page, numbered from 1; less of it at the end of the file."""
        if not 0 < number <= self.page_count:
            return b""
        offset = self.in_wal.get(number)
        if offset is not None:
            return self._wal.read_at(offset, self.page_size)
        return self._raw.read_at((number - 1) * self.page_size, self.page_size)

    def release(self) -> None:
        """Let go of the write-ahead log until it is needed again."""
        self._wal.release()

    def _wal_pages(self) -> dict[int, int]:
        head = self._wal.read_at(0, _WAL_HEADER)
        if len(head) < _WAL_HEADER or int.from_bytes(head[:4], "big") not in _WAL_MAGIC:
            return {}
        if int.from_bytes(head[8:12], "big") != self.page_size:
            return {}
        salts = head[16:24]
        committed: dict[int, int] = {}
        open_transaction: dict[int, int] = {}
        end = self._wal.size()
        offset = _WAL_HEADER
        while offset + _FRAME_HEADER + self.page_size <= end:
            frame = self._wal.read_at(offset, _FRAME_HEADER)
            if frame[8:16] != salts:
                break
            open_transaction[int.from_bytes(frame[:4], "big")] = offset + _FRAME_HEADER
            if frame[4:8] != b"\0\0\0\0":
                committed |= open_transaction
                open_transaction = {}
            offset += _FRAME_HEADER + self.page_size
        return committed


@dataclass(frozen=True, slots=True)
class BadPage:
    """A page that is not what the tree it belongs to needs. `tree` is the name of the table or index."""

    number: int
    tree: str
    problem: str


def bad_pages(
    page: Callable[[int], bytes],
    page_count: int,
    roots: dict[str, tuple[int, bool]],
    stop: Callable[[], bool] = lambda: False,
) -> list[BadPage]:
    """Walk the trees with these `roots` (page number, and whether it is a table) and name what does not belong.

    `page` gives the content of a page, less at the end of the file. Leaves are judged by their headers alone.
    """
    seen: dict[int, str] = {}
    found: list[BadPage] = []
    for tree, (root, is_table) in roots.items():
        kinds = _TABLE_PAGES if is_table else _INDEX_PAGES
        pending = [(root, 0)]
        while pending and not stop():
            number, level = pending.pop()
            if not 0 < number <= page_count:
                found.append(BadPage(number, tree, "is named by the page above it, and is not in the file"))
                continue
            if number in seen:
                found.append(BadPage(number, tree, f"belongs to {seen[number]} as well"))
                continue
            seen[number] = tree
            content = page(number)
            header = 100 if number == 1 else 0
            kind = content[header] if len(content) > header + 8 else -1
            problem = _problem(content, header, kind, kinds)
            if problem:
                found.append(BadPage(number, tree, problem))
            elif kind in (INTERIOR_INDEX, INTERIOR_TABLE) and level < _MOST_LEVELS:
                pending += [(child, level + 1) for child in reversed(children(content, header))]
    return found


def children(content: bytes, header: int = 0) -> list[int]:
    """The pages that an interior page names, in their order."""
    count = int.from_bytes(content[header + 3 : header + 5], "big")
    found: list[int] = []
    for index in range(min(count, (len(content) - header - 12) // 2)):
        at = header + 12 + 2 * index
        pointer = int.from_bytes(content[at : at + 2], "big")
        found.append(int.from_bytes(content[pointer : pointer + 4], "big"))
    found.append(int.from_bytes(content[header + 8 : header + 12], "big"))
    return found


def _problem(content: bytes, header: int, kind: int, kinds: tuple[int, int]) -> str:
    if kind not in kinds:
        if not content:
            return "is behind the end of the file"
        if not content.strip(b"\0"):
            return "is all zeros"
        return f"begins with 0x{max(kind, 0):02X}, which no page of this tree does"
    interior = kind in (INTERIOR_INDEX, INTERIOR_TABLE)
    first = header + (12 if interior else 8)
    count = int.from_bytes(content[header + 3 : header + 5], "big")
    if first + 2 * count > len(content):
        return f"says it has {count:,} cells, more than fit on it"
    if count:
        pointers = struct.unpack_from(f">{count}H", content, first)
        if min(pointers) < first + 2 * count or max(pointers) > len(content) - 4:
            return "has a cell that is not on it"
    return ""
