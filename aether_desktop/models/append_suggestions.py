"""What the append dialog can offer of a namespace: its event types, and the latest event of each as a template."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.type_names import TypeNames
from aether_engine.errors import AetherError
from aether_engine.event import Event
from aether_engine.store.protocols import Store, TypeIndex

#: Events at the end of the log that templates are looked for in.
LOOKED_THROUGH: Final = 1000
#: Most types that have a template.
TEMPLATES: Final = 200
#: Larger events are no templates: nobody edits a megabyte by hand.
_LARGEST: Final = 256 * 1024


class AppendSuggestions(QObject):
    """Types and templates of a store, once `load` has looked; before that the types it was given."""

    changed = Signal()
    """There are more, or other ones."""

    def __init__(self, store: Store, event_types: Iterable[str] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._known = set(event_types)
        self.types = TypeNames(self._known)
        #: The latest event of each type in the end of the log, the latest first; and how many events that end has.
        self.templates: list[Event] = []
        self.looked_through = 0

    async def load(self) -> None:
        """Look at the end of the log and, where the store has one, its list of types."""
        # What is only offered is no error when it cannot be had.
        with suppress(AetherError):
            await self._load_templates()
            self.changed.emit()
            await self._load_types()
            self.changed.emit()

    def forget(self) -> None:
        """Nobody is offered anything any more: a million types are no small thing to keep."""
        self._known, self.types, self.templates = set(), TypeNames(), []

    def template(self, event_type: str) -> Event | None:
        """The latest event of a type, if the end of the log has one."""
        return next((event for event in self.templates if event.event_type == event_type), None)

    async def _load_templates(self) -> None:
        last = await self._store.last_sequence()
        first = max(1, last - LOOKED_THROUGH + 1)
        latest: dict[str, Event] = {}
        self.looked_through = 0
        async for batch in self._store.read(from_sequence=first, to_sequence=last):
            self.looked_through += len(batch)
            for stored in batch:
                event = stored.event
                if event is not None and len(stored.raw) <= _LARGEST:
                    # Taken out first, so that the order is that of the latest ones.
                    latest.pop(event.event_type, None)
                    latest[event.event_type] = event
        self.templates = list(reversed(latest.values()))[:TEMPLATES]
        await self._learn(latest)

    async def _load_types(self) -> None:
        if isinstance(self._store, TypeIndex):
            await self._learn(await self._store.event_types())

    async def _learn(self, names: Iterable[str]) -> None:
        self.types = await asyncio.to_thread(self._with, names)

    def _with(self, names: Iterable[str]) -> TypeNames:
        """The types with more names. Runs in a thread: a million take seconds to put together and to sort."""
        before = len(self._known)
        for name in names:
            self._known.add(name)
        return self.types if len(self._known) == before else TypeNames(self._known)
