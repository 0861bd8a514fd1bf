"""A table of events of which only the pages that are looked at are in memory, however many there are."""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from PySide6.QtCore import QModelIndex, QObject, QTimer, Signal

from aether_desktop.models.events.event_pages import PAGE_ROWS, EventPages
from aether_desktop.models.events.event_table import EventTable, Index, Row
from aether_desktop.tasks import TaskOwner

#: Pages waited for at once; while somebody drags the scroll bar only the last ones matter.
WANTED_PAGES = 4
#: From so many bytes on a page is loaded only as far as it is looked at.
HEAVY_PAGE = 8 << 20
#: Rows a view is given. Qt's views paint nothing beyond 2^31 pixels: this leaves 127 pixels for each row.
MAX_ROWS = 1 << 24
#: Rest after which the pages beside the one in sight are loaded, in milliseconds.
_NEIGHBOURS_AFTER = 40
_ROOT = QModelIndex()


async def closed(reading: AsyncIterator[object]) -> None:
    """End reading early; of the stores' iterators only some are generators that have to be told."""
    if isinstance(reading, AsyncGenerator):
        await reading.aclose()


class PagedTable(EventTable):
    """Positions count from 0 over all there is; rows are the positions a view is given at a time.

    Up to `MAX_ROWS` they are the same. Beyond, `bring` moves the rows to where they are wanted and `rebased` says
    by how much; a view then keeps its place by subtracting as many rows.
    """

    page_loaded = Signal(object)
    failed = Signal(object)
    total_changed = Signal()
    """There are more positions than before, or others altogether."""
    rebased = Signal(object)
    """The rows begin so many positions later (negative: earlier) than before."""

    def __init__(self, parent: QObject | None = None, *, max_rows: int = MAX_ROWS) -> None:
        super().__init__(parent)
        self._max_rows = max_rows
        self._first = 0
        self._total = 0
        self._pages = EventPages()
        # By page: the positions in it that were asked for, from the first to the last.
        self._wanted: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._heavy = False
        self._loading = False
        # What a position stands for can change; a page that was asked for before is nobody's then.
        self._generation = 0
        self._tasks = TaskOwner(self.failed.emit)
        # Painting asks for rows one by one; one timer shot later all pages a view needs are known.
        self._kick = QTimer(self, singleShot=True, interval=0)
        self._kick.timeout.connect(self._start_loading)
        # What is beside comes when what is in sight was painted: both want the processor.
        self._next = QTimer(self, singleShot=True, interval=_NEIGHBOURS_AFTER)
        self._next.timeout.connect(self._start_neighbours)
        self._neighbours_of = 0

    # -- what a subclass says

    @abstractmethod
    def _read(self, first: int, end: int) -> AsyncGenerator[Sequence[Row], None]:
        """The rows at positions `first` to `end` (not included), in parts of any length, none left out."""

    # -- looks

    @property
    def busy(self) -> bool:
        """Whether a page that somebody looked at is still on its way."""
        return self._loading or bool(self._wanted)

    @property
    def total(self) -> int:
        return self._total

    @property
    def event_count(self) -> int:
        return self._total

    @property
    def first_position(self) -> int:
        return self._first

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else min(self._total - self._first, self._max_rows)

    def entry(self, row: int) -> Row:
        position = self._first + row
        if row < 0 or position >= self._total:
            return None
        found = self._pages.row(position)
        if found is None:
            self._want(position // PAGE_ROWS, position)
        return found

    def row_at(self, position: int) -> int:
        """The row that shows `position`, -1 if none does at the moment."""
        row = position - self._first
        return row if 0 <= row < self.rowCount() else -1

    def bring(self, position: int) -> int:
        if not 0 <= position < self._total:
            return -1
        rows = self.rowCount()
        row = position - self._first
        if not 0 <= row < rows:
            self.centre(position)
            row = position - self._first
        return row

    def centre(self, position: int) -> None:
        """Move the rows so that as many stand before `position` as behind it, as far as there are any."""
        first = max(0, min(position - self._max_rows // 2, self._total - self._max_rows))
        moved = first - self._first
        if moved:
            self._first = first
            self._forget_cells()
            # The same rows show other events; a reset would make every view look at all of them again.
            rows = self.rowCount()
            self.dataChanged.emit(self.index(0, 0), self.index(rows - 1, len(self.columns) - 1))
            self.rebased.emit(moved)

    # -- for subclasses: what there is

    def _grow(self, total: int) -> None:
        """There are more positions behind those known."""
        if total <= self._total:
            return
        before, after = self.rowCount(), min(total - self._first, self._max_rows)
        if after > before:
            self.beginInsertRows(_ROOT, before, after - 1)
            self._total = total
            self.endInsertRows()
        else:
            self._total = total
        self.total_changed.emit()

    def _rearrange(self, first: int, total: int) -> None:
        """There are more positions, and from `first` on each stands for something else."""
        self._generation += 1
        self._pages.drop_from(first)
        self._wanted.clear()
        self._forget_cells()
        self._grow(total)
        rows = self.rowCount()
        if first - self._first < rows:
            begin = max(first - self._first, 0)
            self.dataChanged.emit(self.index(begin, 0), self.index(rows - 1, len(self.columns) - 1))

    def _start_over(self, total: int) -> None:
        """Every position stands for something else from now on."""
        self.beginResetModel()
        self._generation += 1
        self._forget_pages()
        self._first, self._total = 0, total
        self.endResetModel()
        self.total_changed.emit()

    def _forget_pages(self) -> None:
        self._pages.clear()
        self._wanted.clear()
        self._forget_cells()

    def _keep(self, first: int, rows: Sequence[Row]) -> int:
        """Take up rows that were read, in one page; returns the bytes of their events."""
        return self._pages.keep(first, rows, self._total)

    # -- loading

    async def close(self) -> None:
        """Stop loading, and let go of what was loaded: whoever closes a tab may keep its table for long."""
        self._kick.stop()
        self._next.stop()
        await self._tasks.cancel_all()
        self._forget_pages()

    async def _load_position(self, position: int) -> Row:
        """What stands at `position`, loaded if need be."""
        found = self._pages.row(position)
        if found is None:
            await self._load_page(position // PAGE_ROWS, position, position)
            found = self._pages.row(position)
        return found

    def _want(self, page: int, position: int) -> None:
        asked = self._wanted.get(page)
        if asked is not None:
            if not asked[0] <= position <= asked[1]:
                self._wanted[page] = (min(asked[0], position), max(asked[1], position))
            return
        self._wanted[page] = (position, position)
        while len(self._wanted) > WANTED_PAGES:
            self._wanted.popitem(last=False)
        if not self._loading and not self._kick.isActive():
            self._kick.start()

    def _start_loading(self) -> None:
        if not self._loading and self._wanted:
            self._loading = True
            if self._tasks.start(self._load_wanted(), "table pages") is None:
                self._loading = False

    async def _load_wanted(self) -> None:
        try:
            while self._wanted:
                page, (first, last) = self._wanted.popitem(last=True)
                await self._load_page(page, first, last)
                if not self._heavy:
                    self._neighbours_of = page
                    self._next.start()
        finally:
            self._loading = False

    def _start_neighbours(self) -> None:
        if not self._loading:
            self._tasks.start(self._load_neighbours(self._neighbours_of), "table pages beside")

    async def _load_neighbours(self, page: int) -> None:
        """Have ready what scrolling shows next, unless something else is looked at meanwhile."""
        for number in (page + 1, page - 1):
            start, end = number * PAGE_ROWS, min((number + 1) * PAGE_ROWS, self._total)
            if not self._wanted and 0 <= start < end and number not in self._pages:
                # Nobody was shown their absence: who asks meanwhile is told when they are loaded for him.
                await self._load_part(start, end, start, start, tell=False)

    async def _load_page(self, page: int, first: int, last: int) -> None:
        """Load a page; one of huge events only from the `first` to the `last` position that was asked for."""
        start, end = page * PAGE_ROWS, min((page + 1) * PAGE_ROWS, self._total)
        begin = first if self._heavy else start
        size = 0
        while begin < end:
            part, begin = await self._load_part(begin, end, first, last)
            size += part
            if begin > last:
                break
        self._heavy = size > HEAVY_PAGE
        self.page_loaded.emit(page)

    async def _load_part(
        self, begin: int, end: int, first: int, last: int, *, tell: bool = True
    ) -> tuple[int, int]:
        """Load positions until they are enough or heavy; returns the bytes loaded and where to go on."""
        generation, size = self._generation, 0
        async with aclosing(self._read(begin, end)) as parts:
            async for rows in parts:
                if generation != self._generation:
                    return 0, end
                size += self._keep(begin, rows)
                if tell:
                    self._show_loaded(begin, begin + len(rows))
                begin += len(rows)
                if size > HEAVY_PAGE and (begin < first or begin > last):
                    return size, max(begin, first)
        return size, end

    def _show_loaded(self, first: int, end: int) -> None:
        first, end = max(first - self._first, 0), min(end - self._first, self.rowCount())
        if first < end:
            for row in range(first, end):
                self._cells.pop(row, None)
            self.dataChanged.emit(self.index(first, 0), self.index(end - 1, len(self.columns) - 1))
