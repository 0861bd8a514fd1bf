"""The actors of a namespace, searched and sorted; of a million only the pages that are looked at are in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt, QTimer, Signal

from aether_desktop.models.events.actor_pages import PAGE_ACTORS, ActorPages
from aether_desktop.models.events.actor_search import ActorSearch
from aether_desktop.models.events.event_table import Index
from aether_desktop.models.events.paged_table import MAX_ROWS
from aether_desktop.models.events.roles import ColumnKind, Role, RowKind
from aether_desktop.numbers import number_text
from aether_desktop.tasks import TaskOwner
from aether_engine.event import ActorInfo, ActorOrder
from aether_engine.store.protocols import ActorDirectory, EventLog, PromptDirectory

#: Rest in typing after which the actors found are counted, in seconds: of very many that takes a moment.
COUNT_AFTER = 0.15
#: Reading again takes at most this share of the time, while events pour in.
_BUSY_SHARE = 0.1
#: Time after which it is said that something is still being looked for, in milliseconds.
TELL_AFTER = 200
_ROOT = QModelIndex()
_TITLES = ("Actor", "Events", "Version", "Last activity")
COLUMN_KINDS = (ColumnKind.ID, ColumnKind.NUMBER, ColumnKind.NUMBER, ColumnKind.TIME)
#: By column: what a click on its title sorts by.
COLUMN_ORDERS = {0: ActorOrder.NAME, 1: ActorOrder.EVENTS, 3: ActorOrder.ACTIVITY}


class ActorTable(QAbstractTableModel):
    """Actors by name are a window over all there are; sorted otherwise or found by a pattern, the first of them.

    `search` understands a prefix, a pattern with `*`, and `=exact name`.
    """

    counts_changed = Signal()
    """Rows, how many there are in all, or what is being looked for."""
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._actors: ActorDirectory | None = None
        self._prompt: PromptDirectory | None = None
        self._asked = ActorSearch()
        #: What the rows are the answer to; another search may be on its way.
        self._shown: ActorSearch | None = None
        #: How many actors there are in all, None while that is not known.
        self.found: int | None = 0
        self._rows = 0
        self._pages = ActorPages()
        self._loading = False
        self._tasks = TaskOwner(self.failed.emit)
        self._reading: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[Sequence[ActorInfo]] | None = None
        self._generation = 0
        self._read_took = 0.0
        self._read_at = 0.0
        self._kick = QTimer(self, singleShot=True, interval=0)
        self._kick.timeout.connect(self._start_loading)
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self._read_again)
        self._tell = QTimer(self, singleShot=True, interval=TELL_AFTER)
        self._tell.timeout.connect(self._say_working)
        self._is_working = False

    # -- what is asked

    @property
    def busy(self) -> bool:
        """Whether rows are on their way."""
        return self._loading or (self._reading is not None and not self._reading.done())

    @property
    def shown_search(self) -> str | None:
        """The search whose actors are shown."""
        return self._shown.text if self._shown is not None else None

    @property
    def order(self) -> ActorOrder:
        """What is or will be sorted by."""
        return self._asked.order

    @property
    def descending(self) -> bool:
        return self._asked.descending

    def show(self, log: EventLog | None, search: str = "") -> None:
        """Start over with the actors of `log` that `search` finds."""
        assert log is None or isinstance(log, ActorDirectory)
        if log is not self._actors and self._rows:
            # Whatever becomes of reading the others, these are of another place.
            self._take([], None, None)
        self._actors = log
        self._prompt = log if isinstance(log, PromptDirectory) else None
        self._asked = ActorSearch(search.strip(), self._asked.order, self._asked.descending)
        self._start_reading()

    def search(self, text: str) -> None:
        """Show the actors that `text` finds; the rows stay until there are others."""
        if text.strip() != self._asked.text:
            self._asked = ActorSearch(text.strip(), self._asked.order, self._asked.descending)
            if not self._narrow():
                self._start_reading()

    def sort_by(self, order: ActorOrder, *, descending: bool) -> None:
        """Show them in another order; the rows stay until there are others."""
        self._asked = ActorSearch(self._asked.text, order, descending)
        self._start_reading()

    def reload(self) -> None:
        """Something was stored: read again what is in sight, not more often than that takes little of the time."""
        wait = self._read_at + self._read_took / _BUSY_SHARE - monotonic()
        if not self._again.isActive():
            self._again.start(max(0, int(wait * 1000)))

    def cancel(self) -> None:
        """Stop looking for what was asked last; what is shown stays."""
        if self._reading is not None:
            self._reading.cancel()
            self._generation += 1
            if self._shown is not None:
                self._asked = self._shown
            self._stop_working()
            self.counts_changed.emit()

    # -- what is there

    @property
    def complete(self) -> bool:
        """Whether the rows are all there are."""
        return self.found is not None and self._rows >= min(self.found, MAX_ROWS)

    @property
    def working_text(self) -> str:
        """What is being done that takes a moment, nothing if nothing does."""
        if not self._is_working:
            return ""
        if self._asked.order is not ActorOrder.NAME:
            return "Sorting…"
        return "Searching…"

    def actor_at(self, row: int) -> ActorInfo | None:
        """The actor in `row`, None while it is being loaded."""
        if not 0 <= row < self._rows:
            return None
        actor = self._pages.actor_at(row)
        if actor is None and not self._loading and not self._kick.isActive():
            self._kick.start()
        return actor

    def loaded(self) -> list[ActorInfo]:
        """The actors in memory, in their order."""
        return self._pages.loaded()

    def row_of_actor(self, actor_id: str) -> int:
        """The row of an actor, -1 while it is not loaded."""
        return self._pages.row_of(actor_id)

    async def close(self) -> None:
        # What is stored from now on is nobody's affair any more.
        self._actors = None
        for timer in (self._kick, self._again, self._tell):
            timer.stop()
        await self._tasks.cancel_all()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else self._rows

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(_TITLES)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(_TITLES):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[section]
        return COLUMN_KINDS[section] if role == Role.COLUMN_KIND else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        actor = self.actor_at(index.row())
        if actor is None:
            return RowKind.PLACEHOLDER if role == Role.KIND else None
        if role == Role.KIND:
            return RowKind.EVENT
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            match index.column():
                case 0:
                    return actor.actor_id
                case 1:
                    return number_text(actor.event_count)
                case 2:
                    return number_text(actor.latest_version)
                case _:
                    return _moment_text(actor)
        if role in (Role.FULL_TEXT, Role.COPY_TEXT):
            texts = (actor.actor_id, str(actor.event_count), str(actor.latest_version), _moment_text(actor))
            return texts[index.column()]
        return None

    # -- reading what was asked

    def _start_reading(self) -> None:
        self._again.stop()
        self._generation += 1
        self._give_up_reading()
        if self._actors is None:
            self._stop_working()
            self._take([], self._asked, 0)
            return
        self._tell.start()
        # A task begins when the letter that was typed is painted; a thread can look for it meanwhile.
        self._begun = None if self._prompt is None else self._asked.begin(self._prompt, PAGE_ACTORS)
        reading = self._read(self._actors, self._asked, self._begun, self._generation)
        self._reading = self._tasks.start(reading, "actors")

    def _narrow(self) -> bool:
        """Show what is asked for at once if it is a part of what is shown: so it is with most letters."""
        first = self._pages.page(0)
        if first is None and self.found == 0:
            first = ()
        if self._actors is None or self._shown is None or first is None:
            return False
        part = self._asked.within(self._shown, first, PAGE_ACTORS)
        if part is None:
            return False
        self._generation += 1
        self._give_up_reading()
        self._stop_working()
        found = len(part) if len(part) < PAGE_ACTORS else None
        self._take(part, self._asked, found)
        if found is None:
            counting = self._count_soon(self._actors, self._asked, self._generation)
            self._reading = self._tasks.start(counting, "actors counted")
        return True

    def _give_up_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self._begun is not None:
            # A task that is cancelled before it begins has nobody to give this up.
            self._begun.cancel()
            self._begun = None

    def _read_again(self) -> None:
        if self._actors is None or self._shown is None or self._shown != self._asked:
            return
        if self.busy:
            # What is read now may be older than what was stored.
            self._again.start(TELL_AFTER)
            return
        self._generation += 1
        self._reading = self._tasks.start(
            self._reread(self._actors, self._asked, self._generation), "actors again"
        )

    async def _read(
        self,
        actors: ActorDirectory,
        asked: ActorSearch,
        begun: asyncio.Future[Sequence[ActorInfo]] | None,
        generation: int,
    ) -> None:
        began = monotonic()
        try:
            first: Sequence[ActorInfo] = await (asked.page(actors, PAGE_ACTORS) if begun is None else begun)
            if generation != self._generation:
                return
            self._begun = None
            found = len(first) if len(first) < PAGE_ACTORS else None
            self._read_took = monotonic() - began
            # Before the rows are told of: nobody is to be told after them that nothing is looked for any more.
            self._stop_working()
            self._take(first, asked, found)
        finally:
            if generation == self._generation:
                self._stop_working()
        if found is None:
            await self._count_soon(actors, asked, generation)
        self._read_at = monotonic()

    async def _count_soon(self, actors: ActorDirectory, asked: ActorSearch, generation: int) -> None:
        await asyncio.sleep(COUNT_AFTER)
        began = monotonic()
        found = await asked.count(actors)
        self._read_took += monotonic() - began
        if generation == self._generation:
            self.found = found
            self._resize(min(found, MAX_ROWS) if asked.is_jumpable else self._rows)
            self.counts_changed.emit()

    async def _reread(self, actors: ActorDirectory, asked: ActorSearch, generation: int) -> None:
        """Read what is in sight again, and count again."""
        began = monotonic()
        pages: dict[int, list[ActorInfo]] = {}
        if asked.is_jumpable:
            for number in self._pages.latest or [0]:
                pages[number] = await asked.page(actors, PAGE_ACTORS, offset=number * PAGE_ACTORS)
        else:
            infos = await asked.page(actors, max(PAGE_ACTORS, self._rows))
            for start in range(0, max(len(infos), 1), PAGE_ACTORS):
                pages[start // PAGE_ACTORS] = infos[start : start + PAGE_ACTORS]
        ends = [number * PAGE_ACTORS + len(page) for number, page in pages.items() if len(page) < PAGE_ACTORS]
        found = min(ends) if ends else await asked.count(actors)
        self._read_took, self._read_at = monotonic() - began, monotonic()
        if generation != self._generation:
            return
        self._pages.replace(pages)
        self.found = found
        self._resize(min(found, MAX_ROWS) if asked.is_jumpable else sum(map(len, pages.values())))
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(self._rows - 1, len(_TITLES) - 1))
        self.counts_changed.emit()

    def _take(self, first: Sequence[ActorInfo], asked: ActorSearch | None, found: int | None) -> None:
        """Show the first page of another answer."""
        self.beginResetModel()
        self._shown = asked
        self.found = found
        self._rows = len(first)
        self._pages.start_over(first)
        self.endResetModel()
        self.counts_changed.emit()

    def _resize(self, rows: int) -> None:
        if rows > self._rows:
            self.beginInsertRows(_ROOT, self._rows, rows - 1)
            self._rows = rows
            self.endInsertRows()
        elif rows < self._rows:
            self.beginRemoveRows(_ROOT, rows, self._rows - 1)
            self._rows = rows
            self.endRemoveRows()

    def _say_working(self) -> None:
        self._is_working = True
        self.counts_changed.emit()

    def _stop_working(self) -> None:
        self._tell.stop()
        self._is_working = False

    # -- more of a list that has no index

    def canFetchMore(self, parent: Index = _ROOT) -> bool:
        return (
            not parent.isValid() and not self.complete and self._shown is not None and not self._shown.is_jumpable
        )

    def fetchMore(self, parent: Index = _ROOT) -> None:
        self.load_more()

    def load_more(self) -> None:
        """Read the next page behind the last row."""
        if self._actors is not None and self.canFetchMore() and not self.busy and self._shown == self._asked:
            self._tell.start()
            reading = self._read_more(self._actors, self._asked, self._generation)
            self._reading = self._tasks.start(reading, "more actors")

    async def _read_more(self, actors: ActorDirectory, asked: ActorSearch, generation: int) -> None:
        try:
            page = await asked.page(actors, PAGE_ACTORS, offset=self._rows)
        finally:
            if generation == self._generation:
                self._stop_working()
        if generation != self._generation:
            return
        first = self._rows
        if page:
            self.beginInsertRows(_ROOT, first, first + len(page) - 1)
            # A list without an index is kept as far as it was asked for: each page of it takes a search.
            self._pages.keep(first // PAGE_ACTORS, page, all_of_them=True)
            self._rows = first + len(page)
            self.endInsertRows()
        if len(page) < PAGE_ACTORS:
            self.found = self._rows
        self.counts_changed.emit()

    # -- pages of a list that can be entered anywhere

    def _start_loading(self) -> None:
        if not self._loading and self._pages.is_wanted and self._actors is not None and self._shown is not None:
            self._loading = True
            if self._tasks.start(self._load_wanted(self._actors, self._shown), "actor pages") is None:
                self._loading = False

    async def _load_wanted(self, actors: ActorDirectory, shown: ActorSearch) -> None:
        try:
            while self._pages.is_wanted and shown == self._shown:
                number = self._pages.next_wanted()
                before = self._pages.page(number - 1)
                if before:
                    page = await shown.page(actors, PAGE_ACTORS, after=before[-1].actor_id)
                else:
                    page = await shown.page(actors, PAGE_ACTORS, offset=number * PAGE_ACTORS)
                if shown != self._shown:
                    break
                self._pages.keep(number, page)
                end = number * PAGE_ACTORS + len(page)
                if len(page) < PAGE_ACTORS and end < self._rows:
                    # There are fewer than were counted; a row without an actor would ask for its page for ever.
                    self.found = end
                    self._resize(end)
                    self.counts_changed.emit()
                first, last = number * PAGE_ACTORS, min(end, self._rows) - 1
                if first <= last:
                    self.dataChanged.emit(self.index(first, 0), self.index(last, len(_TITLES) - 1))
        finally:
            self._loading = False
        if self._pages.is_wanted:
            self._kick.start()


def _moment_text(actor: ActorInfo) -> str:
    """When the last event was recorded, as `date time offset`."""
    moment = actor.last_recorded_at
    return f"{moment:%Y-%m-%d %H:%M:%S.%f} +00:00" if moment is not None else ""
