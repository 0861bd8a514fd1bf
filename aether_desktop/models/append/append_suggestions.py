"""What the append dialog can offer of a namespace: its event types, and the latest event of each as a template."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.filter.type_names import TypeNames
from aether_desktop.models.filter.type_search import TypeSearch
from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError
from aether_engine.event import Event
from aether_engine.store.protocols import Store, TypeIndex

#: Events at the end of the log that templates are looked for in.
LOOKED_THROUGH: Final = 1000
#: Types that are kept of a list; of a longer one the store is asked for those that hold what is typed.
KEPT: Final = 20_000
#: Types that it is asked for.
_FOUND: Final = 200
#: Most types that have a template.
TEMPLATES: Final = 200
#: Larger events are no templates: nobody edits a megabyte by hand.
_LARGEST: Final = 256 * 1024


class AppendSuggestions(QObject):
    """Types and templates of a store, once `load` has looked; before that the types it was given."""

    changed = Signal()
    """There are more, or other ones."""
    found = Signal()
    """There are more that hold what `matching` was asked for last."""

    def __init__(
        self,
        store: Store,
        event_types: Iterable[str] = (),
        parent: QObject | None = None,
        *,
        tasks: TaskOwner | None = None,
    ) -> None:
        """`tasks` are of whoever closes this."""
        super().__init__(parent)
        self._store = store
        self._tasks = TaskOwner() if tasks is None else tasks
        self._known = set(event_types)
        self._search: TypeSearch | None = None
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
        """Nobody is offered anything any more: thousands of types are no small thing to keep."""
        self._known, self.types, self.templates = set(), TypeNames(), []
        self._search = None

    def matching(self, text: str, limit: int) -> list[str]:
        """At most `limit` types that begin with `text`, then such that hold it; `found` may tell of others."""
        known = self.types.matching(text, limit)
        if self._search is None or not text:
            return known
        return TypeNames((*known, *self._search.names(text))).matching(text, limit)

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
        store = self._store
        if isinstance(store, TypeIndex):
            names = await store.event_types(limit=KEPT + 1)
            if len(names) > KEPT:
                self._search = TypeSearch(
                    lambda typed: store.event_types(limit=_FOUND, beginning=typed),
                    lambda typed: store.event_types(limit=_FOUND, holding=typed),
                    _FOUND,
                    self._tasks,
                    self,
                )
                self._search.found.connect(self.found)
            await self._learn(names[:KEPT])

    async def _learn(self, names: Iterable[str]) -> None:
        self.types = await asyncio.to_thread(self._with, names)

    def _with(self, names: Iterable[str]) -> TypeNames:
        """The types with more names. Runs in a thread: many take a while to put together and to sort."""
        before = len(self._known)
        for name in names:
            self._known.add(name)
        return self.types if len(self._known) == before else TypeNames(self._known)
