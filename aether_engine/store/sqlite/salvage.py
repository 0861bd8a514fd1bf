"""Events from the pages of a damaged file, without SQLite.

When an interior page of the table is damaged, SQLite finds none of the rows below it, though their own pages are
whole. Rows of `events` are recognised in every table leaf by their shape and found by their row ids.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, Final

from aether_engine.store.sqlite.cells import begins_as_event, cells_of, is_event, payload_of, record
from aether_engine.store.sqlite.file import RawFile, beside
from aether_engine.store.sqlite.pages import FilePages
from aether_engine.store.sqlite.rows import Row, is_intact

_SCAN_BYTES: Final = 1 << 20

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
        return {position: _row(columns) for position, columns in self.columns(first, last).items()}

    def columns(self, first: int, last: int) -> dict[int, tuple[Any, ...]]:
        """The same with all columns of `events`."""
        found: dict[int, tuple[Any, ...]] = {}
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
                for position, offset, length in cells_of(page):
                    if first <= position <= last:
                        columns = self._columns(page, position, offset, length)
                        if columns is not None and (position not in found or is_intact(_row(columns))):
                            found[position] = columns
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
            first = last = -1
            for position, offset, length in cells_of(page):
                if position <= 0 or not begins_as_event(page, offset, length):
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

    def _columns(self, page: bytes, position: int, offset: int, length: int) -> tuple[Any, ...] | None:
        payload = payload_of(self._file, page, offset, length)
        values = None if payload is None else record(payload)
        if values is None or not is_event(values):
            return None
        return (position, *values[1:])


def _row(columns: tuple[Any, ...]) -> Row:
    position, actor, version, _, _, recorded_at, checksum, raw = columns
    return (position, actor, version, recorded_at, checksum, raw)


def _append(runs: list[array[int]], first: int, last: int, page: int) -> None:
    for run, value in zip(runs, (first, last, page), strict=True):
        run.append(value)
