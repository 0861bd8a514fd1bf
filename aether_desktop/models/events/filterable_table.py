"""A paged table that can show some of its events only; to whoever looks at it, it is the same table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.events.event_table import Row
from aether_desktop.models.events.paged_table import MAX_ROWS, PagedTable
from aether_desktop.models.events.rows_by_sequence import Place, read_rows
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import EventLog

# Loaded with the first filter.
if TYPE_CHECKING:
    from aether_engine.query import EventFilter, FoundSequences, Hits


class FilterableTable(PagedTable):
    """Rows have numbers, from 1, of which a filter leaves some: sequences of a log, or rows of a stream."""

    rearranged = Signal(object)
    """Positions (rising) where something joined between others; what stood there and behind has moved on."""
    more_to_search = Signal()
    """While filtered: there are rows behind the last one that a search was told of."""

    def __init__(self, store: EventLog, parent: QObject | None = None, *, max_rows: int = MAX_ROWS) -> None:
        super().__init__(parent, max_rows=max_rows)
        self._log = store
        self._found: FoundSequences | None = None

    # -- what a subclass says

    @property
    @abstractmethod
    def last_number(self) -> int:
        """The highest number there is, filtered or not."""

    @abstractmethod
    def search(self, event_filter: EventFilter, first: int, last: int) -> AsyncGenerator[Hits, None]:
        """Look for what passes among the numbers `first` to `last`; the sequences of the `Hits` are numbers."""

    @abstractmethod
    def _number_of(self, sequence: int) -> int:
        """The number that shows the event at `sequence`, 0 if none does."""

    @abstractmethod
    def _place_of(self, number: int) -> Place:
        """Where the row with a number is to be read."""

    # -- filtering

    async def prepare_search(self) -> None:
        """Somebody is about to type a filter: get ready what the first search would wait for."""

    @property
    def is_filtered(self) -> bool:
        """Whether some rows may be left out."""
        return self._found is not None

    def start_filter(self) -> None:
        """Show nothing but what is added from now on."""
        from aether_engine.query import FoundSequences

        self._found = FoundSequences()
        self._start_over(0)

    def add_hits(self, hits: Hits) -> None:
        """Show what a search found besides."""
        found = self._found
        assert found is not None
        late = [number for number in hits.sequences if hits.late and not self._is_found(number)]
        first = found.add(hits)
        if len(found) > self.total > first:
            # Something belongs between rows that are shown: from there on each is another.
            self._rearrange(first, len(found))
            self.rearranged.emit([found.position_of(number) for number in late])
        else:
            self._grow(len(found))

    def _is_found(self, number: int) -> bool:
        found = self._found
        assert found is not None
        place = found.position_of(number)
        return place < len(found) and found[place] == number

    def end_filter(self) -> None:
        """Show everything again."""
        if self._found is not None:
            self._found = None
            self._start_over(self.last_number)

    def numbers(self, first: int, end: int) -> Sequence[int]:
        """The numbers at positions `first` to `end` (not included)."""
        return range(first + 1, end + 1) if self._found is None else self._found[first:end]

    # -- rows

    def position_of_sequence(self, sequence: int) -> int:
        """The position of the event at `sequence`, -1 if it is not there or left out."""
        number = self._number_of(sequence)
        if number < 1:
            return -1
        if self._found is None:
            return number - 1
        return self._found.position_of(number) if self._is_found(number) else -1

    def nearest_position(self, sequence: int) -> int:
        """The position of the event at `sequence` or, if it is left out, of the nearest row; -1 without rows."""
        number = self._number_of(sequence)
        if self._found is None or number < 1:
            return self.position_of_sequence(sequence)
        behind = self._found.position_of(number)
        near = [position for position in (behind, behind - 1) if 0 <= position < len(self._found)]
        return min(near, key=lambda position: abs(self.numbers(position, position + 1)[0] - number), default=-1)

    def sequence_at(self, row: int) -> int | None:
        """The sequence of the event in `row`, known before the event is."""
        position = self.first_position + row
        if not 0 <= position < self.total:
            return None
        entry = self.entry(row)
        if entry is None:
            place = self._place_of(self.numbers(position, position + 1)[0])
            return place if isinstance(place, int) else None
        return entry.sequence if isinstance(entry, StoredEvent) else None

    def row_of_sequence(self, sequence: int) -> int:
        """The row that shows `sequence`, brought among the rows if need be; -1 if there is none."""
        return self.bring(self.position_of_sequence(sequence))

    def _there_are_more(self) -> None:
        """Rows joined at the end."""
        if self._found is None:
            self._grow(self.last_number)
        else:
            self.more_to_search.emit()

    async def _read(self, first: int, end: int) -> AsyncGenerator[Sequence[Row], None]:
        places = [self._place_of(number) for number in self.numbers(first, end)]
        async with aclosing(read_rows(self._log, places)) as parts:
            async for part in parts:
                yield part
