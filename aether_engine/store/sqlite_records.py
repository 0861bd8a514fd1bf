"""Rows from the pages of a file that SQLite refuses: cells of table leaves, and rows whose page has lost its head.

The format is https://sqlite.org/fileformat2.html, sections 1.6, 2.1 and 4. Everything read here is hostile:
lengths are checked against the page and the file, chains end after as many pages as their length needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from aether_engine.store.sqlite_file import RawFile, beside
from aether_engine.store.sqlite_pages import LEAF_TABLE, FilePages
from aether_engine.store.sqlite_schema import ID_HASH_LENGTH, MAX_RAW_LENGTH

Value = int | float | bytes | str | None

_WIDTHS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
_SIZES: Final = (8192, 4096, 16384, 32768, 65536, 2048, 1024, 512)
#: Pages that are looked at to find out how large pages are.
_SAMPLE: Final = 64
_MOST_COLUMNS: Final = 16
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
            found = [cell for pointer in _pointers(page, header) if (cell := self._cell(number, page, pointer))]
            if found:
                return found
        elif len(page) > header and page[header] in (0x02, 0x05, 0x0A):
            return []
        return self._carve(number, page) if page.strip(b"\0") else []

    def _cell(self, number: int, page: bytes, start: int) -> Cell | None:
        try:
            length, offset = varint(page, start)
            row_id, offset = varint(page, offset)
        except IndexError:
            return None
        if not 0 < length <= MAX_RAW_LENGTH + 1024 or row_id >= 1 << 63:
            return None
        payload = self._payload(page, offset, length)
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
                cell = self._cell(number, page, start) if end == match.start() else None
                if cell is not None:
                    found.append(cell)
        return found

    def _payload(self, page: bytes, offset: int, length: int) -> bytes | None:
        usable = self.pages.page_size
        local = local_length(length, usable)
        if local == length:
            payload = page[offset : offset + length]
            return payload if len(payload) == length else None
        if length > self.pages.page_count * usable:
            return None
        parts = [page[offset : offset + local]]
        left = length - local
        following = int.from_bytes(page[offset + local : offset + local + 4], "big")
        while left > 0:
            overflow = self.pages.page(following)
            if len(overflow) < min(usable, left + 4):
                return None
            part = overflow[4 : 4 + min(left, usable - 4)]
            parts.append(part)
            left -= len(part)
            following = int.from_bytes(overflow[:4], "big")
        return b"".join(parts)

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


def is_event(values: list[Value]) -> bool:
    """Whether a row has the shape of one of `events`."""
    return (
        len(values) == 8
        and values[0] is None
        and all(type(values[index]) is int for index in (1, 2, 3, 5, 6))
        and type(values[4]) is bytes
        and len(values[4]) == ID_HASH_LENGTH
        and type(values[7]) is bytes
    )


def record(payload: bytes) -> list[Value] | None:
    """The values of a record, None for what is none."""
    try:
        end, cursor = varint(payload, 0)
        kinds: list[int] = []
        while cursor < end and len(kinds) <= _MOST_COLUMNS:
            kind, cursor = varint(payload, cursor)
            kinds.append(kind)
    except IndexError:
        return None
    if cursor != end or not kinds or len(kinds) > _MOST_COLUMNS:
        return None
    values: list[Value] = []
    for kind in kinds:
        if kind == 0:
            values.append(None)
            continue
        if kind in (7, 10, 11):
            return None
        width = _WIDTHS[kind] if kind < 12 else (kind - 12) // 2
        field = payload[cursor : cursor + width]
        if len(field) != width:
            return None
        cursor += width
        if kind in (8, 9):
            values.append(kind - 8)
        elif kind < 12:
            values.append(int.from_bytes(field, "big", signed=True))
        else:
            values.append(field.decode("utf-8", "replace") if kind % 2 else field)
    return values


def varint(page: bytes, offset: int) -> tuple[int, int]:
    """Value and end of a variable-length integer; raises `IndexError` at the end of the page."""
    value = 0
    for index in range(8):
        byte = page[offset + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + index + 1
    return value << 8 | page[offset + 8], offset + 9


def local_length(length: int, usable: int) -> int:
    """How much of a payload stays on a table's leaf page (file format, 1.6)."""
    most = usable - 35
    if length <= most:
        return length
    least = (usable - 12) * 32 // 255 - 23
    surplus = least + (length - least) % (usable - 4)
    return surplus if surplus <= most else least


def _pointers(page: bytes, header: int) -> Iterator[int]:
    count = int.from_bytes(page[header + 3 : header + 5], "big")
    for index in range(min(count, (len(page) - header - 8) // 2)):
        at = header + 8 + 2 * index
        yield int.from_bytes(page[at : at + 2], "big")
