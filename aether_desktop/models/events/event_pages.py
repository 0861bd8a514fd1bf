"""The pages of events that tables hold: those that were looked at lately, of all tables together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import count
from typing import Final
from weakref import WeakSet

from aether_desktop.models.events.event_table import Row
from aether_desktop.models.events.unseen_event import QUICK, UnseenEvent
from aether_engine.event import StoredEvent

PAGE_ROWS: Final = 256
#: Pages of all tables, a hundred screens: 2 MB of events of 300 bytes, three times as much if all are looked at.
KEPT_PAGES: Final = 16
#: Bytes of the events in them, so that large ones do not fill the memory.
KEPT_BYTES: Final = 64 << 20
#: Pages that a table keeps whatever the others do: what is in sight may lie across two.
_IN_SIGHT: Final = 2


class PageMemory:
    """Has the table give up a page that has looked at its oldest one longest ago, so that there are never many."""

    def __init__(self) -> None:
        self._holders: WeakSet[EventPages] = WeakSet()
        self._looks = count()

    def join(self, pages: EventPages) -> None:
        """Count these pages too, for as long as somebody holds them."""
        self._holders.add(pages)

    def look(self) -> int:
        """A number that rises: when something was looked at."""
        return next(self._looks)

    @property
    def is_full(self) -> bool:
        """Whether another page would push one out, or large events soon will."""
        return self._count() >= KEPT_PAGES or self._size() > KEPT_BYTES // 2

    def make_room(self) -> None:
        """Give up pages until there are as many as may be."""
        while self._count() > KEPT_PAGES or self._size() > KEPT_BYTES:
            spare = [pages for pages in self._holders if len(pages) > _IN_SIGHT]
            if not spare:
                return
            min(spare, key=EventPages.oldest_look).drop_oldest()

    def _count(self) -> int:
        return sum(map(len, self._holders))

    def _size(self) -> int:
        return sum(pages.size for pages in self._holders)


MEMORY: Final = PageMemory()


class _Page:
    __slots__ = ("looked_at", "rows", "size")

    def __init__(self) -> None:
        self.rows: list[Row | UnseenEvent] = []
        self.size = 0
        self.looked_at = 0


class EventPages:
    """Those of one table, by number; positions count from 0."""

    def __init__(self, memory: PageMemory = MEMORY) -> None:
        self._memory = memory
        self._pages: OrderedDict[int, _Page] = OrderedDict()
        #: Bytes of the events in them.
        self.size = 0
        # The page that was asked for last: painting asks for the same one hundreds of times.
        self._latest: tuple[int, _Page | None] = (-1, None)
        memory.join(self)

    def __len__(self) -> int:
        return len(self._pages)

    def __contains__(self, number: int) -> bool:
        return number in self._pages

    @property
    def is_full(self) -> bool:
        """Whether keeping another page would push one out, of whatever table."""
        return self._memory.is_full

    @property
    def row_count(self) -> int:
        """Rows that are held."""
        return sum(len(page.rows) for page in self._pages.values())

    def row(self, position: int) -> Row:
        """What stands at `position`, None if that is not here."""
        number, offset = divmod(position, PAGE_ROWS)
        latest, page = self._latest
        if latest != number:
            page = self._pages.get(number)
            if page is not None:
                self._look(number, page)
            self._latest = (number, page)
        if page is None or offset >= len(page.rows):
            return None
        found = page.rows[offset]
        if isinstance(found, UnseenEvent):
            found = page.rows[offset] = found.as_stored()
        return found

    def keep(self, first: int, rows: Sequence[Row], total: int) -> int:
        """Take up rows of `total` from position `first` on, all in one page; returns the bytes of their events."""
        number, offset = divmod(first, PAGE_ROWS)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = _Page()
            self._forget_latest(number)
        length = min(PAGE_ROWS, total - number * PAGE_ROWS)
        page.rows += [None] * (length - len(page.rows))
        page.rows[offset : offset + len(rows)] = map(_kept_of, rows)
        size = sum([len(entry.raw) for entry in rows if isinstance(entry, StoredEvent)])
        page.size += size
        self.size += size
        self._look(number, page)
        self._memory.make_room()
        return size

    def oldest_look(self) -> int:
        """When the page was looked at that was not for longest. There has to be one."""
        return next(iter(self._pages.values())).looked_at

    def drop_oldest(self) -> None:
        """Give that page up."""
        self._drop(next(iter(self._pages)))

    def drop_from(self, first: int) -> None:
        """Give up all pages that reach to position `first` or beyond."""
        for number in [number for number in self._pages if (number + 1) * PAGE_ROWS > first]:
            self._drop(number)
        self._latest = (-1, None)

    def clear(self) -> None:
        """Give up all of them."""
        self._pages.clear()
        self.size = 0
        self._latest = (-1, None)

    def _look(self, number: int, page: _Page) -> None:
        page.looked_at = self._memory.look()
        self._pages.move_to_end(number)

    def _drop(self, number: int) -> None:
        self.size -= self._pages.pop(number).size
        self._forget_latest(number)

    def _forget_latest(self, number: int) -> None:
        if self._latest[0] == number:
            self._latest = (-1, None)


def _kept_of(row: Row) -> Row | UnseenEvent:
    if isinstance(row, StoredEvent) and row.event is not None and len(row.raw) <= QUICK:
        return UnseenEvent(row.sequence, row.recorded_at, row.raw)
    return row
