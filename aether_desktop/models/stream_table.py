"""The stream of one actor as a table, in version order, with version gaps and snapshots in their places."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.event_table import Column, Row
from aether_desktop.models.paged_table import PAGE_ROWS, PagedTable, closed
from aether_desktop.models.rows_by_sequence import read_rows
from aether_desktop.models.stream_rows import StreamRows
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import Store, StreamIndex

#: Events of a stream that are read at once; of a longer one only where they are, if the store can tell.
READ_AT_ONCE = 2000
#: Places that are taken up before the window gets its turn.
PLACES_PER_TURN = 2000


class StreamTable(PagedTable):
    """An actor's events as far as they are known; `refresh` goes on where the last one ended."""

    columns = (
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
        super().__init__(parent)
        self.actor_id = actor_id
        self._store = store
        self._rows = StreamRows()
        self._refreshing = asyncio.Lock()

    @property
    def event_count(self) -> int:
        """Events known so far, damaged ones included."""
        return self._rows.events

    @property
    def latest_version(self) -> int:
        return self._rows.latest

    def row_of_version(self, version: int) -> int:
        """The row that shows `version`, -1 if none does."""
        return self._rows.row_of_version(version)

    def row_of_sequence(self, sequence: int) -> int:
        """The row that shows `sequence`, -1 if none does."""
        return self._rows.row_of_sequence(sequence)

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
            self._grow(len(self._rows))

    def _take(self, events: list[StoredEvent]) -> None:
        first = len(self._rows)
        places = [
            self._rows.add(stored.event.version if stored.event else None, stored.sequence) for stored in events
        ]
        self._grow(len(self._rows))
        if self._is_full:
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

    async def _read(self, first: int, end: int) -> AsyncGenerator[Sequence[Row], None]:
        rows = self._rows
        places = [rows.sequence(row) if rows.is_event(row) else rows.banner(row) for row in range(first, end)]
        async with aclosing(read_rows(self._store, places)) as parts:
            async for part in parts:
                yield part
