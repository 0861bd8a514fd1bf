"""The stream of one actor as a table, in version order, with version gaps and snapshots in their places."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator
from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.events.event_pages import PAGE_ROWS
from aether_desktop.models.events.event_table import Column, Row
from aether_desktop.models.events.filterable_table import FilterableTable
from aether_desktop.models.events.paged_table import closed
from aether_desktop.models.events.path_column import PathColumn
from aether_desktop.models.events.rows_by_sequence import Place
from aether_desktop.models.events.stream_rows import StreamRows
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import Store, StreamIndex

if TYPE_CHECKING:
    from aether_engine.query import EventFilter, Hits

#: Events of a stream that are read at once; of a longer one only where they are, if the store can tell.
READ_AT_ONCE = 2000
#: Places that are taken up before the window gets its turn.
PLACES_PER_TURN = 2000
#: Events are looked at for so many seconds before the window gets its turn.
_TURN = 0.004


class StreamTable(FilterableTable):
    """An actor's events as far as they are known; `refresh` goes on where the last one ended."""

    columns: tuple[Column | PathColumn, ...] = (
        Column.GUTTER,
        Column.VERSION,
        Column.SEQUENCE,
        Column.EVENT_TYPE,
        Column.SINCE_PREVIOUS,
        Column.TIMESTAMP,
        Column.DATA,
    )
    loaded = Signal(object)

    def __init__(self, store: Store, actor_id: str, parent: QObject | None = None) -> None:
        super().__init__(store, parent)
        self.actor_id = actor_id
        self._store = store
        self._rows = StreamRows()
        self._refreshing = asyncio.Lock()

    @property
    def event_count(self) -> int:
        """Events known so far, damaged ones included; of a filtered stream those that are shown."""
        return self.total if self.is_filtered else self._rows.events

    @property
    def all_rows(self) -> StreamRows:
        """Every row there is, filtered out or not; to be looked at only."""
        return self._rows

    @property
    def latest_version(self) -> int:
        return self._rows.latest

    @property
    def last_number(self) -> int:
        return len(self._rows)

    def row_of_version(self, version: int) -> int:
        """The row that shows `version`, brought among the rows if need be; -1 if there is none."""
        row = self._rows.row_of_version(version)
        return self.row_of_sequence(self._rows.sequence(row)) if row >= 0 else -1

    def has_version(self, version: int) -> bool:
        """Whether the stream, as far as it is known, has an event of `version`, filtered out or not."""
        return self._rows.row_of_version(version) >= 0

    async def refresh(self) -> None:
        """Look at what the stream holds behind the last version seen."""
        async with self._refreshing:
            await self._read_on()
        self.loaded.emit(self._rows.events)

    async def _read_on(self) -> None:
        if not self._rows:
            self._rows.await_snapshots(await self._store.snapshots(self.actor_id))
        count = 0
        reading = self._store.read_actor(self.actor_id, from_version=self._rows.latest)
        try:
            async for batch in reading:
                self._take([stored for stored in batch if not self._rows.is_known(stored.sequence)])
                count += len(batch)
                if count >= READ_AT_ONCE and isinstance(self._store, StreamIndex):
                    break
            else:
                return
        finally:
            await closed(reading)
        await self._take_places(self._store)

    async def _take_places(self, index: StreamIndex) -> None:
        reading = index.places(self.actor_id, from_version=self._rows.latest + 1, batch_size=PLACES_PER_TURN)
        async for places in reading:
            for version, sequence in places:
                self._rows.add(version, sequence)
            self._there_are_more()

    def _take(self, events: list[StoredEvent]) -> None:
        first = len(self._rows)
        places = [
            self._rows.add(stored.event.version if stored.event else None, stored.sequence) for stored in events
        ]
        self._there_are_more()
        if self._pages.is_full or self.is_filtered:
            return
        # They are here already: what is looked at first is the beginning.
        rows: list[Row] = [None] * (len(self._rows) - first)
        for place, stored in zip(places, events, strict=True):
            rows[place - first] = stored
        for place, row in enumerate(rows, first):
            rows[place - first] = row or self._rows.banner(place)
        while rows:
            room = PAGE_ROWS - first % PAGE_ROWS
            self._keep(first, rows[:room])
            rows, first = rows[room:], first + room

    def _number_of(self, sequence: int) -> int:
        return self._rows.row_of_sequence(sequence) + 1

    def _place_of(self, number: int) -> Place:
        rows, row = self._rows, number - 1
        return rows.sequence(row) if rows.is_event(row) else rows.banner(row)

    async def search(self, event_filter: EventFilter, first: int, last: int) -> AsyncGenerator[Hits, None]:
        from aether_engine.query import Hits

        total, looked_at, began = last - first + 1, 0, monotonic()
        found = array("q")
        yield Hits(total=max(total, 0))
        if total <= 0:
            return
        reading = self._store.read_actor(self.actor_id, from_version=self._rows.versions[first - 1])
        try:
            async for batch in reading:
                for stored in batch:
                    number = self._number_of(stored.sequence)
                    if first <= number <= last:
                        looked_at = number - first + 1
                        if event_filter.matches(stored):
                            found.append(number)
                    if monotonic() - began > _TURN:
                        await asyncio.sleep(0)
                        began = monotonic()
                if looked_at < total:
                    yield Hits(found, looked_at, total, looked_at)
                    found = array("q")
        finally:
            await closed(reading)
        yield Hits(found, total, total, total)
