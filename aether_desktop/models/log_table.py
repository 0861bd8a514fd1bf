"""The log of a namespace as a table: a window over the store, never the whole of it."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QModelIndex, QObject, QTimer, Signal

from aether_desktop.models.event_table import BannerRow, Column, EventTable, Index, Row
from aether_desktop.models.roles import RowBanner, RowKind
from aether_desktop.numbers import number_text
from aether_desktop.tasks import TaskOwner
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import EventLog

PAGE_ROWS = 256
#: Pages kept; at 300 bytes an event about 10 MB.
KEPT_PAGES = 48
#: Pages waited for at once; while somebody drags the scroll bar only the last ones matter.
WANTED_PAGES = 4
_ROOT = QModelIndex()


class LogTable(EventTable):
    """Row N shows sequence N+1, also where no event has it.

    Pages are loaded when they are looked at and forgotten when others are.
    """

    columns = (
        Column.GUTTER,
        Column.SEQUENCE,
        Column.VERSION,
        Column.EVENT_TYPE,
        Column.ACTOR,
        Column.TIMESTAMP,
        Column.DATA,
    )
    page_loaded = Signal(object)
    failed = Signal(object)

    def __init__(self, log: EventLog, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self._rows = 0
        self._pages: OrderedDict[int, list[Row]] = OrderedDict()
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._loading = False
        self._tasks = TaskOwner(self.failed.emit)
        # Painting asks for rows one by one; one timer shot later all pages a view needs are known.
        self._kick = QTimer(self, singleShot=True, interval=0)
        self._kick.timeout.connect(self._start_loading)

    @property
    def busy(self) -> bool:
        """Whether a page that somebody looked at is still on its way."""
        return self._loading or bool(self._wanted)

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else self._rows

    def row_of_sequence(self, sequence: int) -> int:
        """The row that shows `sequence`, -1 if there is none."""
        return sequence - 1 if 1 <= sequence <= self._rows else -1

    def entry(self, row: int) -> Row:
        if not 0 <= row < self._rows:
            return None
        number, offset = divmod(row, PAGE_ROWS)
        page = self._pages.get(number)
        if page is not None and offset < len(page):
            self._pages.move_to_end(number)
            return page[offset]
        self._want(number)
        return None

    async def refresh(self) -> None:
        """Take up what was stored since the last look."""
        rows = await self._log.last_sequence()
        if rows <= self._rows:
            return
        # The page that the old end stood in has more rows now.
        self._pages.pop(self._rows // PAGE_ROWS, None)
        self.beginInsertRows(_ROOT, self._rows, rows - 1)
        self._rows = rows
        self.endInsertRows()

    async def load(self, sequence: int) -> StoredEvent | None:
        """The event at `sequence`, loaded if need be; None if there is no such sequence."""
        if sequence > self._rows:
            await self.refresh()
        row = self.row_of_sequence(sequence)
        if row < 0:
            return None
        if (stored := self.stored_at(row)) is not None:
            return stored
        await self._load_page(row // PAGE_ROWS)
        return self.stored_at(row)

    async def close(self) -> None:
        """Stop loading."""
        self._kick.stop()
        await self._tasks.cancel_all()

    def _want(self, page: int) -> None:
        if page in self._wanted:
            return
        self._wanted[page] = None
        while len(self._wanted) > WANTED_PAGES:
            self._wanted.popitem(last=False)
        if not self._loading and not self._kick.isActive():
            self._kick.start()

    def _start_loading(self) -> None:
        if not self._loading and self._wanted:
            self._loading = True
            if self._tasks.start(self._load_wanted(), "log pages") is None:
                self._loading = False

    async def _load_wanted(self) -> None:
        try:
            while self._wanted:
                page, _ = self._wanted.popitem(last=True)
                await self._load_page(page)
        finally:
            self._loading = False

    async def _load_page(self, page: int) -> None:
        first = page * PAGE_ROWS
        rows = self._rows
        events: dict[int, StoredEvent] = {}
        async for batch in self._log.read(
            from_sequence=first + 1, to_sequence=first + PAGE_ROWS, batch_size=PAGE_ROWS
        ):
            events.update((stored.sequence, stored) for stored in batch)
        # Sequences of a server have holes; a row that was asked for must not ask for its page for ever.
        self._pages[page] = [
            events.get(row + 1) or _hole(row + 1) for row in range(first, min(first + PAGE_ROWS, rows))
        ]
        self._pages.move_to_end(page)
        while len(self._pages) > KEPT_PAGES:
            self._pages.popitem(last=False)
        for row in range(first, first + PAGE_ROWS):
            self._cells.pop(row, None)
        last = min(first + PAGE_ROWS, self._rows) - 1
        if last >= first:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))
        self.page_loaded.emit(page)


def _hole(sequence: int) -> BannerRow:
    text = "snapshots take places of a server's stream, and a lost event leaves one"
    return BannerRow(RowKind.NOTE, RowBanner(f"No event at sequence {number_text(sequence)}", text))
