"""The relatives of the selected event, looked for in the background and remembered for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, cast
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.connection import Connection
from aether_desktop.jobs import Job
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Place, Selection, Workspace
from aether_engine.errors import AetherError
from aether_engine.event import Event
from aether_engine.store.protocols import EventLog
from aether_engine.trace import Related, RelatedEvent, find_related
from aether_engine.trace_memory import TraceMemory

#: Rest after a selection before its relatives are looked for, in milliseconds: whoever steps on wants no answer.
REST: Final = 120
#: Rest after something was stored before it is looked at, in milliseconds.
_REST_AFTER_CHANGE: Final = 500
#: Sequences read unasked for one event; the rest of a long log is read when asked for.
BUDGET: Final = 50_000
#: Seconds between two answers while a search goes on.
_TELL_EVERY: Final = 0.1


@dataclass(frozen=True, slots=True)
class Relatives:
    """What is known about the relatives of an event. `related` is None before the first answer.

    `is_searching` while the logs are read; `cause_id` and `correlation_id` are what the event names.
    """

    selection: Selection
    cause_id: str
    correlation_id: str
    related: Related | None
    is_searching: bool
    problem: str = ""

    def neighbour(self, by: int) -> RelatedEvent | None:
        """The next (1) or previous (-1) event of the same correlation, None if none is known."""
        if self.related is None:
            return None
        own = self.selection.place.namespace, self.selection.stored.sequence
        events = self.related.correlated
        place = next((at for at, each in enumerate(events) if (each.namespace, each.sequence) == own), None)
        if place is None or not 0 <= place + by < len(events):
            return None
        return events[place + by]


class RelatedEvents(QObject):
    """Looks for the relatives of the event of `show`, and for no other's at the same time."""

    changed = Signal(object)
    """More is known, or another event is shown: `Relatives`, None for no event."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._tasks = TaskOwner(lambda error: workspace.fail("Related events could not be looked for", error))
        self._memories: WeakKeyDictionary[Connection, TraceMemory] = WeakKeyDictionary()
        self._shown: Relatives | None = None
        self._event: Event | None = None
        self._search: asyncio.Task[None] | None = None
        self._job: Job | None = None
        self._rest = QTimer(self, singleShot=True)
        self._rest.timeout.connect(self._begin)

    @property
    def shown(self) -> Relatives | None:
        """What is known about the relatives of the event that is shown."""
        return self._shown

    @property
    def busy(self) -> bool:
        """Whether the first answer about the event that is shown is still on its way."""
        return self._shown is not None and self._shown.related is None and self._shown.is_searching

    def show(self, selection: Selection | None) -> None:
        """Look for the relatives of another event, None for no event."""
        self._stop()
        event = selection.event if selection is not None else None
        if selection is None or event is None or not selection.stored.sequence:
            # Without an id there is nothing to look for; and what has no place in a log is no part of one.
            self._tell(None)
            return
        self._event = event
        causes = [each for each in (event.causation_id, event.command_id) if each and each != event.id]
        self._tell(
            Relatives(selection, causes[0] if causes else "", event.correlation_id, None, is_searching=True)
        )
        self._rest.start(REST)

    def refresh(self) -> None:
        """More may have been stored: look again."""
        if self._shown is not None and not self._shown.is_searching and not self._rest.isActive():
            self._rest.start(_REST_AFTER_CHANGE)

    async def first_answer(self) -> None:
        """Wait until something is known about the event that is shown."""
        answered = asyncio.Event()

        def hear() -> None:
            if not self.busy:
                answered.set()

        hear()
        connection = self.changed.connect(hear)
        try:
            await answered.wait()
        finally:
            self.changed.disconnect(connection)

    async def search_all(self) -> bool:
        """Look through every log to its end, as a job that can be cancelled; returns whether it came to the end.

        The job goes on when another event is shown, which profits from what it saw.
        """
        if self._shown is None:
            return False
        self._stop()
        if self._job is not None:
            self._job.cancel()
        shown = replace(self._shown, is_searching=True)
        self._tell(shown)

        async def work(job: Job) -> None:
            self._job = job
            try:
                await self._look(shown, None, job)
            finally:
                if self._job is job:
                    self._job = None
                self._end_search(shown)

        return await self._workspace.jobs.run("Look for related events", work, unit="sequences")

    async def close(self) -> None:
        """End the search."""
        self._stop()
        await self._tasks.cancel_all()

    def _stop(self) -> None:
        self._rest.stop()
        if self._search is not None:
            self._search.cancel()
            self._search = None

    def _begin(self) -> None:
        shown = self._shown
        if shown is not None:
            if not shown.is_searching:
                shown = replace(shown, is_searching=True)
                self._tell(shown)
            self._search = self._tasks.start(self._look_nearby(shown), "related events")

    async def _look_nearby(self, shown: Relatives) -> None:
        try:
            await self._look(shown, BUDGET, None)
        except AetherError as error:
            self._update(shown, None, problem=str(error))
        finally:
            self._end_search(shown)

    async def _look(self, shown: Relatives, budget: int | None, job: Job | None) -> None:
        selection, event = shown.selection, self._event
        assert event is not None
        place, stored = selection.place, selection.stored
        memory = self._memories.setdefault(place.connection, TraceMemory())
        found = find_related(
            await self._logs(place),
            event,
            namespace=place.namespace,
            sequence=stored.sequence,
            recorded_at=stored.recorded_at,
            memory=memory,
            budget=budget,
        )
        told = 0.0
        async with aclosing(cast("AsyncGenerator[Related, None]", found)) as searching:
            async for related in searching:
                if job is not None:
                    job.report(related.searched, related.total)
                if monotonic() - told >= _TELL_EVERY:
                    told = monotonic()
                    self._update(shown, related)
                last = related
        self._update(shown, last)

    async def _logs(self, place: Place) -> dict[str, EventLog]:
        names = [info.name for info in place.connection.namespaces]
        engine = place.connection.engine
        logs: dict[str, EventLog] = {}
        for name in dict.fromkeys([place.namespace, *names]):
            logs[name] = await engine.store(name)
        return logs

    def _update(self, shown: Relatives, related: Related | None, problem: str = "") -> None:
        current = self._shown
        if current is not None and current.selection is shown.selection:
            known = related if related is not None else current.related
            self._tell(replace(current, related=known, problem=problem))

    def _end_search(self, shown: Relatives) -> None:
        current = self._shown
        if current is not None and current.selection is shown.selection and current.is_searching:
            self._tell(replace(current, is_searching=False))

    def _tell(self, relatives: Relatives | None) -> None:
        self._shown = relatives
        self.changed.emit(relatives)
