"""The log of a namespace as a table: a window over the store, never the whole of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from PySide6.QtCore import QObject

from aether_desktop.models.event_table import Column, Row
from aether_desktop.models.paged_table import MAX_ROWS, PagedTable, closed
from aether_desktop.models.rows_by_sequence import hole
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import EventLog


class LogTable(PagedTable):
    """Position N shows sequence N+1, also where no event has it.

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

    def __init__(self, log: EventLog, parent: QObject | None = None, *, max_rows: int = MAX_ROWS) -> None:
        super().__init__(parent, max_rows=max_rows)
        self._log = log

    def row_of_sequence(self, sequence: int) -> int:
        """The row that shows `sequence`, brought among the rows if need be; -1 if there is none."""
        return self.bring(sequence - 1)

    async def refresh(self) -> None:
        """Take up what was stored since the last look."""
        self._grow(await self._log.last_sequence())

    async def load(self, sequence: int) -> StoredEvent | None:
        """The event at `sequence`, loaded if need be; None if there is no such sequence."""
        if sequence > self.total:
            await self.refresh()
        if not 1 <= sequence <= self.total:
            return None
        found = await self._load_position(sequence - 1)
        return found if isinstance(found, StoredEvent) else None

    async def _read(self, first: int, end: int) -> AsyncGenerator[Sequence[Row], None]:
        reading = self._log.read(from_sequence=first + 1, to_sequence=end, batch_size=end - first)
        next_sequence = first + 1
        try:
            async for batch in reading:
                rows: list[Row] = []
                for stored in batch:
                    # Sequences of a server have holes; a row that was asked for must not ask for ever.
                    rows += [hole(missing) for missing in range(next_sequence, stored.sequence)]
                    rows.append(stored)
                    next_sequence = stored.sequence + 1
                yield rows
        finally:
            await closed(reading)
        if next_sequence <= end:
            yield [hole(missing) for missing in range(next_sequence, end + 1)]
