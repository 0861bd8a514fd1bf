"""Several writers race for the versions of one actor: to see optimistic concurrency with one's own eyes.

In each round every writer tries to store an event of its own at the same version, the next free one. Exactly one
of them can win; the others are told of a conflict and give up, and the next round begins. At the end the stream is
read back: each version must hold exactly the winner's event.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Final
from uuid import uuid4

from PySide6.QtCore import QObject, Signal

from aether_desktop.jobs import Job
from aether_desktop.workspace import Place, Workspace
from aether_engine.errors import AetherError, OutcomeUnknownError, VersionConflictError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import Store

MOST_WRITERS: Final = 16
MOST_VERSIONS: Final = 1000
#: Type of the events that are stored.
EVENT_TYPE: Final = "RaceWon"


class Outcome(StrEnum):
    """What a writer was told in a round."""

    WON = "won"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"
    """Perhaps stored."""
    REFUSED = "refused"
    """Anything else: the store is not available, for example."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One writer's attempt at one version: what came of it, and in how many milliseconds.

    `sequence` where it won; `current` is the version a conflict named; `words` say the rest.
    """

    outcome: Outcome
    milliseconds: float
    sequence: int = 0
    current: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """One version and what every writer was told, in the order of their numbers. `held`: what reading back found.

    `held` is the number of the writer (from 1) whose event holds the version, 0 for somebody else's or none, and
    None before it was looked at.
    """

    version: int
    attempts: tuple[Attempt, ...]
    held: int | None = None

    @property
    def winner(self) -> int:
        """The number of the writer that won, from 1; 0 if none did."""
        return next((n for n, each in enumerate(self.attempts, 1) if each.outcome is Outcome.WON), 0)

    @property
    def conflicts(self) -> int:
        """How many were told of a conflict."""
        return sum(each.outcome is Outcome.CONFLICT for each in self.attempts)


class Race(QObject):
    """Runs one race as a job of the workspace and tells each round as it ends."""

    round_ended = Signal(object)
    """A `Round`."""
    checked = Signal(object)
    """The stream was read back: all rounds anew, as a tuple."""
    ended = Signal(str)
    """It is over: "" when it went its whole way, else why not."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._job: Job | None = None
        self._is_stopping = False
        self.rounds: list[Round] = []

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._job is not None

    def start(self, place: Place, actor_id: str, *, writers: int, versions: int) -> None:
        """Begin; the write guard asks once for all that is stored."""
        assert self._job is None, "one race after the other"
        self.rounds = []
        self._is_stopping = False
        what = f"Race {writers} writers for {versions} versions of {actor_id}"

        async def work(job: Job) -> None:
            reason = "Something unexpected happened; the log says more."
            try:
                store = await self._workspace.store(place)
                async with self._workspace.write_guard.writing(place.connection, place.namespace, what):
                    reason = await self._race(store, actor_id, writers, versions, job.report)
            except asyncio.CancelledError:
                reason = "It was cancelled in the middle of a round, whose event may be stored; the others stay."
                raise
            except AetherError as error:
                # Said where the race is looked at, and not a second time as a job that failed.
                reason = str(error)
            finally:
                self._job = None
                self.ended.emit(reason)

        self._job = self._workspace.jobs.start(what, work, unit="versions", total=versions)

    def cancel(self, *, at_once: bool = False) -> None:
        """End it after the round that is running; `at_once`, or asked a second time, in the middle of it."""
        if self._job is not None:
            if at_once or self._is_stopping:
                self._job.cancel()
            self._is_stopping = True

    async def _race(
        self, store: Store, actor_id: str, writers: int, versions: int, report: Callable[[int], None]
    ) -> str:
        """Run the rounds and read the stream back; returns why it ended early, or nothing."""
        race = uuid4().hex[:8]
        first = version = await store.get_latest_version(actor_id) + 1
        ids: dict[str, int] = {}
        reason = ""
        for number in range(1, versions + 1):
            if version > MAX_VERSION:
                reason = "The actor is at the highest version there is."
                break
            events = [
                Event(f"race-{race}-{number}-{writer}", EVENT_TYPE, actor_id, version, {"writer": writer})
                for writer in range(1, writers + 1)
            ]
            ids.update((event.id, writer) for writer, event in enumerate(events, 1))
            ended = Round(version, await _one_round(store, events))
            self.rounds.append(ended)
            self.round_ended.emit(ended)
            report(number)
            if all(each.outcome is Outcome.REFUSED for each in ended.attempts):
                reason = f"Every writer was refused at version {version}: {ended.attempts[0].words}"
                break
            if self._is_stopping:
                reason = f"It was cancelled after {number:,} of {versions:,} versions; what was stored stays."
                break
            # Somebody else may be writing too, and where nobody won it is to be found out what is stored.
            latest = version if ended.winner else await store.get_latest_version(actor_id)
            version = max(latest, *(each.current for each in ended.attempts)) + 1
        await self._check(store, actor_id, first, ids)
        return reason

    async def _check(self, store: Store, actor_id: str, first: int, ids: dict[str, int]) -> None:
        """Read the stream back: who holds which version?"""
        held: dict[int, int] = {}
        async for batch in store.read_actor(actor_id, from_version=first):
            for stored in batch:
                if stored.event is not None:
                    held[stored.event.version] = ids.get(stored.event.id, 0)
        self.rounds = [Round(each.version, each.attempts, held.get(each.version, 0)) for each in self.rounds]
        self.checked.emit(tuple(self.rounds))


async def _one_round(store: Store, events: list[Event]) -> tuple[Attempt, ...]:
    """Let every writer try at once, each in a task of its own; they start in an order that is drawn by lot."""
    gate = asyncio.Event()
    attempts: dict[int, Attempt] = {}

    async def write(place: int) -> None:
        await gate.wait()
        began = monotonic()

        def after(outcome: Outcome, words: str = "", *, sequence: int = 0, current: int = 0) -> Attempt:
            return Attempt(outcome, (monotonic() - began) * 1000, sequence, current, words)

        try:
            sequence = await store.save_event(events[place])
        except VersionConflictError as error:
            attempts[place] = after(Outcome.CONFLICT, str(error), current=error.current_version)
        except OutcomeUnknownError as error:
            attempts[place] = after(Outcome.UNKNOWN, str(error))
        except AetherError as error:
            attempts[place] = after(Outcome.REFUSED, str(error))
        else:
            attempts[place] = after(Outcome.WON, sequence=sequence)

    order = list(range(len(events)))
    random.shuffle(order)
    async with asyncio.TaskGroup() as writers:
        for place in order:
            writers.create_task(write(place), name=f"race: writer {place + 1}")
        gate.set()
    return tuple(attempts[place] for place in range(len(events)))


def race_actor() -> str:
    """A new actor that a race harms nothing with."""
    return f"race-{uuid4().hex[:6]}"
