"""Rows from the pages of a file that SQLite refuses: cells of leaves, and rows whose page has lost its head."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aether_engine.store.sqlite.cells import Place, Value, cell_at, cells_of, is_event, payload_of, record, varint
from aether_engine.store.sqlite.file import RawFile, beside
from aether_engine.store.sqlite.pages import LEAF_TABLE, FilePages

_SIZES: Final = (8192, 4096, 16384, 32768, 65536, 2048, 1024, 512)
#: Pages that are looked at to find out how large pages are.
_SAMPLE: Final = 64
#: The head of an event's record: its length, then NULL, three integers, a blob of 16 bytes, two integers.
_EVENT_HEAD: Final = re.compile(rb"[\x09-\x0f]\x00[\x01-\x06\x08\x09]{3}\x2c[\x01-\x06\x08\x09]{2}")
_LONGEST_LEAD: Final = 18


@dataclass(frozen=True, slots=True)
class Cell:
    """A row as it stands on a page: its row id and its values, in the order of the columns."""

    page: int
    row_id: int
    values: list[Value]


class PageScanner:
    """Goes through all pages of a file and its write-ahead log, whatever their order or condition."""

    def __init__(self, raw: RawFile) -> None:
        self._raw = raw
        self._wal = RawFile(beside(raw.path, "-wal"))
        self.pages = FilePages(raw)
        if not self._has_head() or not self._events_in_sample():
            self.pages = FilePages(raw, page_size=self._likely_size(self.pages.page_size))

    @property
    def page_count(self) -> int:
        """How many pages there are, with those of the write-ahead log."""
        return self.pages.page_count + len(self.pages.in_wal)

    def cells(self) -> Iterator[tuple[int, list[Cell]]]:
        """The rows on each page, page by page: those of the file, then those of its write-ahead log."""
        size = self.pages.page_size
        for number in range(1, self.pages.page_count + 1):
            yield number, self._on(number, self._raw.read_at((number - 1) * size, size))
        for number in sorted(self.pages.in_wal):
            yield number, self._on(number, self.pages.page(number))

    def release(self) -> None:
        """Let go of the write-ahead log."""
        self.pages.release()
        self._wal.release()

    def _on(self, number: int, page: bytes) -> list[Cell]:
        header = 100 if number == 1 else 0
        if len(page) > header + 8 and page[header] == LEAF_TABLE:
            found = [cell for place in cells_of(page, header) if (cell := self._cell(number, page, place))]
            if found:
                return found
        elif len(page) > header and page[header] in (0x02, 0x05, 0x0A):
            return []
        return self._carve(number, page) if page.strip(b"\0") else []

    def _cell(self, number: int, page: bytes, place: Place | None) -> Cell | None:
        if place is None:
            return None
        row_id, offset, length = place
        payload = payload_of(self.pages, page, offset, length)
        values = None if payload is None else record(payload)
        return None if values is None else Cell(number, row_id, values)

    def _carve(self, number: int, page: bytes) -> list[Cell]:
        """Rows of events on a page that does not say where its cells are."""
        found: list[Cell] = []
        for match in _EVENT_HEAD.finditer(page):
            for start in range(match.start() - 2, max(match.start() - _LONGEST_LEAD, -1), -1):
                try:
                    _, middle = varint(page, start)
                    _, end = varint(page, middle)
                except IndexError:
                    continue
                cell = self._cell(number, page, cell_at(page, start)) if end == match.start() else None
                if cell is not None:
                    found.append(cell)
        return found

    def _has_head(self) -> bool:
        head = self._raw.read_at(0, 24)
        size = int.from_bytes(head[16:18], "big")
        return head.startswith(b"SQLite format 3\0") and (size == 1 or (size >= 512 and not size & (size - 1)))

    def _likely_size(self, told: int) -> int:
        """The page size at which the most rows of events are found, `told` where there are none."""
        head = self._wal.read_at(0, 12)
        self._wal.release()
        in_wal = int.from_bytes(head[8:12], "big")
        if in_wal in _SIZES:
            return in_wal
        best, most = told, 0
        for size in _SIZES:
            self.pages = FilePages(self._raw, page_size=size)
            rows = self._events_in_sample()
            # Of a larger page as many rows as of a smaller one are found only if it is one.
            if rows > most:
                best, most = size, rows
        return best

    def _events_in_sample(self) -> int:
        count = self.pages.page_count
        numbers = {1 + index * count // _SAMPLE for index in range(_SAMPLE)} if count else set()
        numbers |= set(self.pages.in_wal)
        cells = (cell for number in sorted(numbers) for cell in self._on(number, self.pages.page(number)))
        # A row that has moved to another page may have left a copy where it was: it counts once.
        return len({cell.row_id for cell in cells if is_event(cell.values)})
