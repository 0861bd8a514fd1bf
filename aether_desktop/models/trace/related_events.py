"""The relatives of the selected event, looked for in the background and remembered for each connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final, cast
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, Signal

from aether_desktop.connection import Connection
from aether_desktop.jobs import Job
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Place, Selection, Workspace
from aether_engine.errors import AetherError
from aether_engine.event import Event
from aether_engine.store.protocols import EventLog
from aether_engine.trace import Related, RelatedEvent, find_related
from aether_engine.trace_memory import TraceMemory

#: Rest after a selection before its relatives are looked for, in seconds: whoever steps on wants no answer.
REST: Final = 0.12
#: Rest after something was stored before it is looked at, in seconds.
_REST_AFTER_CHANGE: Final = 0.5
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
        # Of several searches that go on, only the one begun last tells what it finds.
        self._turn = 0

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
        cause_id = causes[0] if causes else ""
        self._tell(Relatives(selection, cause_id, event.correlation_id, None, is_searching=True))
        self._start(REST)

    def refresh(self) -> None:
        """More may have been stored: look again."""
        if self._shown is not None and not self._shown.is_searching and self._search is None:
            self._start(_REST_AFTER_CHANGE)

    def memory_of(self, connection: Connection) -> TraceMemory:
        """What was seen of a connection's logs, for whoever looks for more of it."""
        return self._memories.setdefault(connection, TraceMemory())

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
        turn, shown = self._turn, self._shown
        self._tell(replace(shown, is_searching=True))

        async def work(job: Job) -> None:
            self._job = job
            try:
                await self._look(turn, shown.selection, None, job)
            finally:
                if self._job is job:
                    self._job = None

        try:
            return await self._workspace.jobs.run("Look for related events", work, unit="sequences")
        finally:
            self._end(turn)

    async def close(self) -> None:
        """End the search."""
        self._stop()
        await self._tasks.cancel_all()

    def _stop(self) -> None:
        """Let whatever goes on go on for nobody."""
        self._turn += 1
        if self._search is not None:
            self._search.cancel()
            self._search = None

    def _start(self, rest: float) -> None:
        assert self._shown is not None
        looking = self._look_nearby(self._turn, self._shown.selection, rest)
        self._search = self._tasks.start(looking, "related events")

    async def _look_nearby(self, turn: int, selection: Selection, rest: float) -> None:
        try:
            await asyncio.sleep(rest)
            if self._shown is not None and not self._shown.is_searching:
                self._tell(replace(self._shown, is_searching=True))
            await self._look(turn, selection, BUDGET, None)
        except AetherError as error:
            self._update(turn, None, problem=str(error))
        finally:
            self._end(turn)

    async def _look(self, turn: int, selection: Selection, budget: int | None, job: Job | None) -> None:
        event = self._event
        assert event is not None
        place, stored = selection.place, selection.stored
        memory = self.memory_of(place.connection)
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
                    self._update(turn, related)
                last = related
        self._update(turn, last)

    async def _logs(self, place: Place) -> dict[str, EventLog]:
        names = [info.name for info in place.connection.namespaces]
        engine = place.connection.engine
        logs: dict[str, EventLog] = {}
        for name in dict.fromkeys([place.namespace, *names]):
            logs[name] = await engine.store(name)
        return logs

    def _update(self, turn: int, related: Related | None, problem: str = "") -> None:
        shown = self._shown
        if turn == self._turn and shown is not None:
            known = related if related is not None else shown.related
            self._tell(replace(shown, related=known, problem=problem))

    def _end(self, turn: int) -> None:
        if turn == self._turn:
            self._search = None
            if self._shown is not None and self._shown.is_searching:
                self._tell(replace(self._shown, is_searching=False))

    def _tell(self, relatives: Relatives | None) -> None:
        self._shown = relatives
        self.changed.emit(relatives)
