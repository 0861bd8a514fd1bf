"""The log of a namespace as a table: a window over the store, never the whole of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from aether_desktop.models.events.event_table import Column
from aether_desktop.models.events.filterable_table import FilterableTable
from aether_desktop.models.events.paged_table import MAX_ROWS, closed
from aether_desktop.models.events.path_column import PathColumn
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import EventLog

if TYPE_CHECKING:
    from aether_engine.query import EventFilter, Hits


class LogTable(FilterableTable):
    """Without a filter position N shows sequence N+1, also where no event has it.

    Pages are loaded when they are looked at and forgotten when others are.
    """

    columns: tuple[Column | PathColumn, ...] = (
        Column.GUTTER,
        Column.SEQUENCE,
        Column.VERSION,
        Column.EVENT_TYPE,
        Column.ACTOR,
        Column.TIMESTAMP,
        Column.DATA,
    )

    def __init__(self, log: EventLog, parent: QObject | None = None, *, max_rows: int = MAX_ROWS) -> None:
        super().__init__(log, parent, max_rows=max_rows)
        self._last = 0

    @property
    def last_number(self) -> int:
        return self._last

    async def refresh(self) -> None:
        """Take up what was stored since the last look."""
        last = await self._log.last_sequence()
        if last > self._last:
            self._last = last
            self._there_are_more()

    async def load(self, sequence: int) -> StoredEvent | None:
        """The event at `sequence`, loaded if need be; None if there is no such sequence."""
        if sequence > self._last:
            await self.refresh()
        position = self.position_of_sequence(sequence)
        found = await self._load_position(position) if position >= 0 else None
        return found if isinstance(found, StoredEvent) else None

    async def prepare_search(self) -> None:
        from aether_engine.query import prepare_search

        await prepare_search(self._log)

    async def search(self, event_filter: EventFilter, first: int, last: int) -> AsyncGenerator[Hits, None]:
        from aether_engine.query import search

        searching = search(self._log, event_filter, from_sequence=first, to_sequence=last)
        try:
            async for hits in searching:
                yield hits
        finally:
            await closed(searching)

    def _number_of(self, sequence: int) -> int:
        return sequence if 1 <= sequence <= self._last else 0

    def _place_of(self, number: int) -> int:
        return number
