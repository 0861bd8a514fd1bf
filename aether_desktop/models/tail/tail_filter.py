"""The filter of a live tail: it judges what arrives, and what it leaves out is counted there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from aether_desktop.models.filter.document_filter import DocumentFilter, FilterState, FilterStatus
from aether_desktop.models.filter.known_place import KnownPlace
from aether_desktop.models.tail.tail_controller import TailController
from aether_desktop.models.tail.tail_rows import TailEvent
from aether_engine.event import Published, StoredEvent

if TYPE_CHECKING:
    from aether_engine.query import EventFilter


class TailFilter(DocumentFilter):
    """Puts what is typed in force for the events to come; the rows that are there stay."""

    def __init__(
        self,
        controller: TailController,
        place: KnownPlace | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(place, parent)
        self._controller = controller
        controller.counters_changed.connect(self._counted)

    @property
    def status(self) -> FilterStatus:
        if self.in_force is None:
            return FilterStatus()
        counters = self._controller.counters
        # Of those that were lost nobody knows whether they pass.
        seen = counters.received - counters.dropped
        return FilterStatus(FilterState.DONE, seen - counters.filtered, seen, seen)

    def _put_in_force(self) -> None:
        wanted = self.in_force
        self._controller.set_filter(None if wanted is None else _passing(wanted))

    def _counted(self) -> None:
        if self.in_force is not None:
            self.changed.emit()


def _passing(wanted: EventFilter) -> Callable[[str, TailEvent], bool]:
    matches = wanted.matches

    def shown(_namespace: str, item: TailEvent) -> bool:
        if isinstance(item, Published):
            # The bus does not tell when an event was recorded; it is announced as it is stored.
            event = item.event
            return matches(StoredEvent(item.sequence or 0, datetime.now(UTC), event.to_json(), event, None))
        return matches(item)

    return shown
