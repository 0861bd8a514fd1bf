"""Events from the pages of a damaged file, without SQLite.

When an interior page of the table is damaged, SQLite finds none of the rows below it, though their own pages are
whole. Rows of `events` are recognised in every table leaf by their shape and found by their row ids; the format is
https://sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1 and 4. Everything read here is hostile: all
lengths are checked against the file, chains end after as many pages as their length needs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final

from aether_engine.store.sqlite_file import RawFile, beside
from aether_engine.store.sqlite_pages import FilePages
from aether_engine.store.sqlite_rows import Row, is_intact
from aether_engine.store.sqlite_schema import MAX_RAW_LENGTH

_LEAF: Final = 0x0D
_SCAN_BYTES: Final = 1 << 20
#: Serial types of the columns of `events` (None: any integer).
_INTEGERS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}
_ID_HASH_TYPE: Final = 16 * 2 + 12
_COLUMN_COUNT: Final = 8

Stamp = tuple[int, int, int, int]


class Salvage:
    """Which leaf page holds which positions; made by one pass over the file, 24 bytes of memory per page."""

    def __init__(self, raw: RawFile) -> None:
        self._raw = raw
        self._wal_path = beside(raw.path, "-wal")
        self._stamp = self._look()
        self._file = FilePages(raw)
        try:
            self._index()
        finally:
            self._file.release()

    def is_outdated(self) -> bool:
        """Whether the file changed since it was indexed."""
        return self._stamp != self._look()

    def last_position(self, after: int, limit: int) -> int:
        """The highest position in `after` < position <= `limit`, or `after`."""
        best = after
        for index in range(bisect_right(self._firsts, limit)):
            if self._lasts[index] > best:
                best = max(best, min(self._lasts[index], limit))
        return best

    def rows(self, first: int, last: int) -> dict[int, Row]:
        """The rows that can be read at positions `first` to `last`."""
        found: dict[int, Row] = {}
        start = bisect_left(self._reach, first)
        stop = bisect_right(self._firsts, last)
        seen: set[int] = set()
        try:
            for index in range(start, stop):
                number = self._pages[index]
                if self._lasts[index] < first or number in seen:
                    continue
                seen.add(number)
                page = self._file.page(number)
                for position, offset, length in _cells(page):
                    if first <= position <= last:
                        row = self._row(page, position, offset, length)
                        if row is not None and (position not in found or is_intact(row)):
                            found[position] = row
        finally:
            self._file.release()
        return found

    def _look(self) -> Stamp:
        stamps: list[int] = []
        for path in (self._raw.path, self._wal_path):
            try:
                status = path.stat()
                stamps += (status.st_size, status.st_mtime_ns)
            except OSError:
                stamps += (0, 0)
        return (stamps[0], stamps[1], stamps[2], stamps[3])

    def _index(self) -> None:
        runs: list[array[int]] = [array("q"), array("q"), array("q")]
        for number, page in self._all_pages():
            if page[:1] != b"\x0d":
                continue
            first = last = -1
            for position, offset, length in _cells(page):
                if position <= 0 or not _is_event(page, offset, length):
                    continue
                if position != last + 1 or first < 0:
                    if first >= 0:
                        _append(runs, first, last, number)
                    first = position
                last = position
            if first >= 0:
                _append(runs, first, last, number)
        order = sorted(range(len(runs[0])), key=runs[0].__getitem__)
        self._firsts, self._lasts, self._pages = (array("q", (run[i] for i in order)) for run in runs)
        # The highest position up to each entry: makes overlapping runs, which only damage brings, searchable.
        self._reach = array("q")
        highest = 0
        for last in self._lasts:
            highest = max(highest, last)
            self._reach.append(highest)

    def _all_pages(self) -> Iterator[tuple[int, bytes]]:
        size = self._file.page_size
        per_read = max(_SCAN_BYTES // size, 1)
        for start in range(0, self._file.page_count, per_read):
            block = self._raw.read_at(start * size, per_read * size)
            for index in range(per_read):
                number = start + index + 1
                if number > self._file.page_count:
                    return
                page = (
                    self._file.page(number)
                    if number in self._file.in_wal
                    else block[index * size : (index + 1) * size]
                )
                yield number, page

    def _row(self, page: bytes, position: int, offset: int, length: int) -> Row | None:
        payload = self._payload(page, offset, length)
        if payload is None:
            return None
        types = _serial_types(payload)
        if types is None:
            return None
        cursor = types[0]
        values: list[int] = []
        for kind in types[1][1:-1]:
            width = 16 if kind == _ID_HASH_TYPE else _INTEGERS[kind]
            field = payload[cursor : cursor + width]
            cursor += width
            if kind != _ID_HASH_TYPE:
                values.append(kind - 8 if kind >= 8 else int.from_bytes(field, "big", signed=True))
        raw_length = (types[1][-1] - 12) // 2
        raw = payload[cursor : cursor + raw_length]
        if len(raw) != raw_length:
            return None
        actor, version, _, recorded_at, checksum = values
        return (position, actor, version, recorded_at, checksum, raw)

    def _payload(self, page: bytes, offset: int, length: int) -> bytes | None:
        usable = self._file.page_size
        local = _local_length(length, usable)
        if local == length:
            payload = page[offset : offset + length]
            return payload if len(payload) == length else None
        if length > self._file.page_count * usable or length > MAX_RAW_LENGTH + 1024:
            return None
        parts = [page[offset : offset + local]]
        left = length - local
        following = int.from_bytes(page[offset + local : offset + local + 4], "big")
        while left > 0:
            overflow = self._file.page(following)
            if len(overflow) < usable:
                return None
            part = overflow[4 : 4 + min(left, usable - 4)]
            parts.append(part)
            left -= len(part)
            following = int.from_bytes(overflow[:4], "big")
        return b"".join(parts)


def _append(runs: list[array[int]], first: int, last: int, page: int) -> None:
    for run, value in zip(runs, (first, last, page), strict=True):
        run.append(value)


def _varint(page: bytes, offset: int) -> tuple[int, int]:
    """Value and end of a variable-length integer; raises `IndexError` at the end of the page."""
    value = 0
    for index in range(8):
        byte = page[offset + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, offset + index + 1
    return value << 8 | page[offset + 8], offset + 9


def _cells(page: bytes) -> Iterator[tuple[int, int, int]]:
    """Row id, offset of the payload and its length of each cell of a table leaf."""
    if len(page) < 512 or page[0] != _LEAF:
        return
    count = int.from_bytes(page[3:5], "big")
    for index in range(min(count, (len(page) - 8) // 6)):
        pointer = int.from_bytes(page[8 + 2 * index : 10 + 2 * index], "big")
        try:
            length, offset = _varint(page, pointer)
            position, offset = _varint(page, offset)
        except IndexError:
            continue
        if 0 < length <= MAX_RAW_LENGTH + 1024 and position < 1 << 63:
            yield position, offset, length


def _serial_types(payload: bytes) -> tuple[int, list[int]] | None:
    """Where the values of a record start and their types, if it has the shape of a row of `events`."""
    try:
        end, cursor = _varint(payload, 0)
        kinds: list[int] = []
        while cursor < end and len(kinds) <= _COLUMN_COUNT:
            kind, cursor = _varint(payload, cursor)
            kinds.append(kind)
    except IndexError:
        return None
    if cursor != end or len(kinds) != _COLUMN_COUNT or kinds[0] != 0 or kinds[4] != _ID_HASH_TYPE:
        return None
    if any(kinds[index] not in _INTEGERS for index in (1, 2, 3, 5, 6)) or kinds[7] < 12 or kinds[7] % 2:
        return None
    return end, kinds


def _is_event(page: bytes, offset: int, length: int) -> bool:
    return _serial_types(page[offset : offset + min(length, 32)]) is not None


def _local_length(length: int, usable: int) -> int:
    """How much of a payload stays on the leaf page (file format, 1.6)."""
    most = usable - 35
    if length <= most:
        return length
    least = (usable - 12) * 32 // 255 - 23
    surplus = least + (length - least) % (usable - 4)
    return surplus if surplus <= most else least
