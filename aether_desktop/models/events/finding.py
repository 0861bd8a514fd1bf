"""Looking events up in the store, as jobs: by time, and the next or previous one of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from aether_desktop.jobs import Job
from aether_engine.event import StoredEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aether_desktop.workspace import Place, Workspace
    from aether_engine.query import EventFilter
    from aether_engine.store.protocols import Store
    from aether_engine.timeline import Zone

    _Look = Callable[[Job, Store], Awaitable[int | None]]
    _Test = Callable[[StoredEvent], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a look: the sequence, None if there is none; `searched` places were looked at.

    `is_over` is False where it was cancelled or failed, which is told elsewhere.
    """

    sequence: int | None = None
    searched: int = 0
    is_over: bool = True


async def find_time(
    workspace: Workspace,
    place: Place,
    moment: datetime,
    *,
    actor_id: str | None = None,
    zones: Sequence[Zone] = (),
) -> Found:
    """The first event whose own timestamp is `moment` or later, of an actor in the order of its versions.

    Timestamps need not rise, so that only a look at each event is right; `zones` are stretches of the log whose
    times are known.
    """
    from aether_engine.timeline import sequence_at

    async def look(job: Job, store: Store) -> int | None:
        if actor_id is not None:
            return await _in_stream(job, store, actor_id, lambda stored: _is_at(stored, moment))
        job.report(0, await store.last_sequence())
        return await sequence_at(store, moment, zones=zones, progress=job.report)

    return await _run(workspace, place, "Go to time", look)


async def find_recorded(
    workspace: Workspace, place: Place, moment: datetime, *, actor_id: str | None = None
) -> Found:
    """The first event that was stored at `moment` or later."""
    from aether_engine.timeline import sequence_recorded_at

    async def look(job: Job, store: Store) -> int | None:
        if actor_id is not None:
            return await _in_stream(job, store, actor_id, lambda stored: stored.recorded_at >= moment)
        return await sequence_recorded_at(store, moment)

    return await _run(workspace, place, "Go to recorded time", look)


async def find_next(
    workspace: Workspace, place: Place, event_filter: EventFilter, sequence: int, *, forward: bool, name: str
) -> Found:
    """The nearest event behind (or before) `sequence` that passes the filter."""
    from aether_engine.query import next_match

    searched = 0

    async def look(job: Job, store: Store) -> int | None:
        nonlocal searched
        async with aclosing(next_match(store, event_filter, sequence, forward=forward)) as steps:
            async for step in steps:
                searched = step.searched
                job.report(step.searched, step.total)
                if step.sequence is not None:
                    return step.sequence
        return None

    found = await _run(workspace, place, name, look)
    return Found(found.sequence, searched, found.is_over)


async def _run(workspace: Workspace, place: Place, name: str, look: _Look) -> Found:
    found: list[int | None] = []

    async def work(job: Job) -> None:
        found.append(await look(job, await workspace.store(place)))

    is_over = await workspace.jobs.run(name, work)
    return Found(found[0] if found else None, is_over=is_over)


async def _in_stream(job: Job, store: Store, actor_id: str, is_meant: _Test) -> int | None:
    done = 0
    async for batch in store.read_actor(actor_id):
        for stored in batch:
            if is_meant(stored):
                return stored.sequence
        done += len(batch)
        job.report(done)
    return None


def _is_at(stored: StoredEvent, moment: datetime) -> bool:
    return stored.event is not None and stored.event.timestamp >= moment
