"""All events of one correlation, read from every namespace of a connection, and how they caused one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, cast

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop.jobs import Job
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Place, Selection, Workspace
from aether_engine.causation import CausationNode, causation_tree
from aether_engine.errors import AetherError
from aether_engine.event import Event, StoredEvent
from aether_engine.store.protocols import EventLog, SequenceReader
from aether_engine.trace import Related, RelatedEvent, find_related
from aether_engine.trace_memory import TraceMemory, claimed_event

#: Events of a correlation that are shown; more are counted.
MOST_EVENTS: Final = 5_000
#: Rest after something was stored before it is looked at, in milliseconds.
_REST: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class TracedEvent:
    """An event of the correlation and where it is stored. `event` is what its bytes claim if it is damaged."""

    namespace: str
    stored: StoredEvent
    event: Event

    @property
    def place(self) -> tuple[str, int]:
        """Namespace and sequence."""
        return self.namespace, self.stored.sequence

    @property
    def time(self) -> float:
        """When it happened, as its writer says, in seconds since 1970."""
        return self.event.timestamp.timestamp()


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What is known: the events as a forest of causes, after looking at `searched` of `total` sequences.

    `count` is how many events the correlation has as far as was looked; the nearest of them are in the forest.
    """

    correlation_id: str
    roots: Sequence[CausationNode[TracedEvent]] = ()
    count: int = 0
    shown: int = 0
    searched: int = 0
    total: int = 0
    is_searching: bool = True
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every log was looked through."""
        return self.searched >= self.total and not self.is_searching and not self.problem


class TraceEvents(QObject):
    """Looks for the events of one event's correlation, as a job, and again when more are stored."""

    changed = Signal()
    """`trace` is another one."""

    def __init__(
        self, workspace: Workspace, selection: Selection, memory: TraceMemory, parent: QObject | None = None
    ) -> None:
        """`memory` is what is remembered of the connection's logs. The event must have a correlation."""
        super().__init__(parent)
        event = selection.event
        assert event is not None
        self._workspace = workspace
        self._memory = memory
        self._start = selection
        self._event = event
        self._known: dict[tuple[str, int], TracedEvent | None] = {}
        self._tasks = TaskOwner(self._fail)
        self._job: Job | None = None
        self._is_stale = False
        self.trace = Trace(event.correlation_id)
        self._rest = QTimer(self, singleShot=True, interval=_REST)
        self._rest.timeout.connect(self.search)

    @property
    def place(self) -> Place:
        """Where the look began."""
        return self._start.place

    @property
    def start(self) -> tuple[str, int]:
        """Namespace and sequence of the event that the look began with."""
        return self._start.place.namespace, self._start.stored.sequence

    @property
    def busy(self) -> bool:
        return self._job is not None or self._tasks.busy

    def search(self) -> None:
        """Look through every log, from where the event is outwards."""
        if self._job is not None:
            self._is_stale = True
            return
        self._is_stale = False

        async def work(job: Job) -> None:
            try:
                await self._look(job)
            except AetherError as error:
                self._fail(error)

        name = f"Trace {self.trace.correlation_id}"
        job = self._job = self._workspace.jobs.start(name, work, unit="sequences")
        job.tells_cancelling = False
        assert job.task is not None
        job.task.add_done_callback(lambda _task: self._ended(job))
        self._show(is_searching=True, problem="")

    def cancel(self) -> None:
        """Stop looking; what was found stays."""
        if self._job is not None:
            self._job.cancel()

    def refresh(self) -> None:
        """More may have been stored."""
        if not self.trace.is_searching and not self._rest.isActive():
            self._rest.start()

    async def close(self) -> None:
        """End the search."""
        self._rest.stop()
        job = self._job
        self.cancel()
        await self._tasks.cancel_all()
        if job is not None and job.task is not None:
            await asyncio.wait([job.task])

    async def _look(self, job: Job) -> None:
        logs = await self._logs()
        stored = self._start.stored
        found = find_related(
            logs,
            self._event,
            namespace=self._start.place.namespace,
            sequence=stored.sequence,
            recorded_at=stored.recorded_at,
            memory=self._memory,
            limit=MOST_EVENTS,
        )
        seen = -1
        async with aclosing(cast("AsyncGenerator[Related, None]", found)) as searching:
            async for related in searching:
                job.report(related.searched, related.total)
                if related.correlated_count != seen:
                    seen = related.correlated_count
                    await self._take(logs, related)
                else:
                    self._show(searched=related.searched, total=related.total)

    async def _logs(self) -> dict[str, EventLog]:
        place = self._start.place
        engine = place.connection.engine
        names = [place.namespace, *(info.name for info in place.connection.namespaces)]
        return {name: await engine.store(name) for name in dict.fromkeys(names)}

    async def _take(self, logs: Mapping[str, EventLog], related: Related) -> None:
        """Read what is not known yet, and put all of it in its places."""
        await self._read(logs, [each for each in related.correlated if _place(each) not in self._known])
        events = [self._known.get(_place(each)) for each in related.correlated]
        traced = [event for event in events if event is not None]
        roots = await asyncio.to_thread(causation_tree, traced, _event_of)
        self._show(
            roots=roots,
            count=related.correlated_count,
            shown=len(traced),
            searched=related.searched,
            total=related.total,
        )

    async def _read(self, logs: Mapping[str, EventLog], wanted: Sequence[RelatedEvent]) -> None:
        by_log: dict[str, list[int]] = {}
        for each in wanted:
            by_log.setdefault(each.namespace, []).append(each.sequence)
        for name, sequences in by_log.items():
            log = logs[name]
            if isinstance(log, SequenceReader):
                async for batch in log.read_sequences(sequences):
                    self._learn(name, batch)
            else:
                for sequence in sequences:
                    async for batch in log.read(from_sequence=sequence, to_sequence=sequence):
                        self._learn(name, batch)
        # Not before: who was cancelled, or lost the link, reads the rest the next time.
        for each in wanted:
            self._known.setdefault(_place(each), None)

    def _learn(self, name: str, batch: Sequence[StoredEvent]) -> None:
        for stored in batch:
            event = claimed_event(stored)
            if event is not None:
                self._known[name, stored.sequence] = TracedEvent(name, stored, event)

    def _show(self, **facts: object) -> None:
        known = {name: getattr(self.trace, name) for name in Trace.__slots__}
        self.trace = Trace(**{**known, **facts})
        self.changed.emit()

    def _ended(self, job: Job) -> None:
        if self._job is job:
            self._job = None
            self._show(is_searching=False)
            if self._is_stale:
                self._rest.start()

    def _fail(self, error: Exception) -> None:
        self._show(problem=str(error), is_searching=False)


def _place(event: RelatedEvent) -> tuple[str, int]:
    return event.namespace, event.sequence


def _event_of(traced: TracedEvent) -> Event:
    return traced.event
