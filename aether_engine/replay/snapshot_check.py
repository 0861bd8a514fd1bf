"""Are the snapshots true: each of them against what the events come to.

A snapshot saves reading, and nobody notices when it is wrong: a service that missed an event, or was mended later,
goes on from a state that never was. Each snapshot is compared with the replay at its version, by value: how a
number is written does not matter. The log is read once for all actors, not once for each; states are in memory of
those only whose snapshots are being looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from aether_engine.closing import closing
from aether_engine.codec import dumps
from aether_engine.errors import AetherError, ReducerError
from aether_engine.event import MAX_VERSION, ActorSnapshot, Event, StoredEvent
from aether_engine.replay.differences import Change, changes_between
from aether_engine.replay.exact import exact_state
from aether_engine.replay.folding import Fold, OwnFold, start_fold
from aether_engine.replay.history import StateHistory
from aether_engine.replay.patches import pointer
from aether_engine.replay.reducers import NO_STATE, REDUCERS, Reducer, json_merge
from aether_engine.replay.replaying import ReplayableStore, load_history
from aether_engine.store.protocols import SnapshotLog, StoredSnapshot

# What is looked at together, in bytes and snapshots: their states are in memory at once.
_SLICE_BYTES: Final = 64 << 20
_SLICE_COUNT: Final = 100_000
# What looking up one actor costs, in events read one after the other.
_LOOK_UP: Final = 60
_ACTOR_PAGE: Final = 1000
# Bytes of events that are folded at once on the event loop: a few milliseconds. More is folded in a thread.
_AT_ONCE: Final = 1 << 19
T = TypeVar("T")

#: Longest value that a sentence shows, in characters.
_SHOWN: Final = 60


class SnapshotProblem(StrEnum):
    """What can be wrong with a snapshot."""

    DIFFERS = "differs"
    AHEAD = "ahead"
    UNDECODABLE = "undecodable"
    #: The reducer fails before the snapshot's version.
    NO_REPLAY = "no-replay"


@dataclass(frozen=True, slots=True)
class SnapshotFinding:
    """A snapshot that is not what the events come to.

    `change` is the first difference in document order: `old` is the replay's value, `new` the snapshot's. `set_by`
    is the version that last changed the replay's value there, 0 where it has none. `damaged` are the sequences of
    the actor's damaged events up to there, which are not in the replay. `latest_version` is the actor's.
    """

    namespace: str
    actor_id: str
    version: int
    problem: SnapshotProblem
    change: Change | None = None
    set_by: int = 0
    damaged: tuple[int, ...] = ()
    latest_version: int = 0
    error: Exception | None = None

    @property
    def message(self) -> str:
        """The finding in words."""
        what = f"The snapshot of {self.actor_id!r} at version {self.version}"
        match self.problem:
            case SnapshotProblem.UNDECODABLE:
                return f"{what} cannot be read: {self.error}"
            case SnapshotProblem.AHEAD:
                return f"{what} is ahead of the stream, which ends at version {self.latest_version}."
            case SnapshotProblem.NO_REPLAY:
                return f"{what} cannot be checked: {self.error}"
        assert self.change is not None
        sentence = f"{what} differs from the replay at {pointer(self.change.path) or '(all)'}: {self._values()}"
        if self.set_by:
            sentence += f"; the events set it at version {self.set_by}"
        if self.damaged:
            count = len(self.damaged)
            events = "an event" if count == 1 else f"{count:,} events"
            sentence += f"; {events} of the actor cannot be read and may be why"
        return f"{sentence}."

    def _values(self) -> str:
        assert self.change is not None
        match self.change.kind:
            case "added":
                return f"it has {_shown(self.change.new)}, the replay has nothing there"
            case "removed":
                return f"it has nothing there, the replay has {_shown(self.change.old)}"
        return f"it has {_shown(self.change.new)}, the replay {_shown(self.change.old)}"


@dataclass(frozen=True, slots=True)
class CheckStep:
    """How far a check is: what it found since the step before, and what it looked at so far in this namespace.

    `events` of `total` were read; of a namespace with very many snapshots the log is read more than once.
    """

    namespace: str
    findings: tuple[SnapshotFinding, ...]
    snapshots: int
    events: int
    total: int


@runtime_checkable
class SnapshotCheckable(ReplayableStore, SnapshotLog, Protocol):
    """What the check reads fastest."""


async def check_snapshots(
    stores: Iterable[ReplayableStore], *, actor_id: str | None = None, reducer: Reducer = json_merge
) -> AsyncGenerator[CheckStep, None]:
    """Compare every snapshot of the stores' namespaces, or of one actor, with the replay by `reducer`.

    Yields a step now and then, at least one for each store. Closing the iterator ends the check. A reducer that
    fails at an event is a finding for the snapshots behind it, not an error; a `ReducerFileError` is raised.
    """
    for store in stores:
        async with closing(_Check(store, reducer).run(actor_id)) as steps:
            async for step in steps:
                yield step


@dataclass(slots=True)
class _Actor:
    """An actor whose snapshots wait for their versions to come."""

    fold: Fold[Any]
    step: Callable[[Event], object]
    #: By falling version, so that the next one is the last.
    waiting: list[ActorSnapshot]
    next_version: int
    version: int = 0
    failure: ReducerError | None = None


@dataclass(slots=True)
class _Slice:
    """Snapshots that are looked at together."""

    readable: dict[str, list[ActorSnapshot]] = field(default_factory=dict)
    unreadable: list[StoredSnapshot] = field(default_factory=list)
    count: int = 0
    size: int = 0

    def add(self, stored: StoredSnapshot) -> None:
        self.count += 1
        self.size += len(stored.raw)
        if stored.snapshot is None:
            self.unreadable.append(stored)
        else:
            self.readable.setdefault(stored.actor_id, []).append(stored.snapshot)

    @property
    def is_full(self) -> bool:
        return self.size >= _SLICE_BYTES or self.count >= _SLICE_COUNT


class _Check:
    """The check of one namespace."""

    def __init__(self, store: ReplayableStore, reducer: Reducer) -> None:
        self._store = store
        self._reducer = reducer
        self._is_known = reducer in REDUCERS.values()
        self._findings: list[SnapshotFinding] = []
        self._suspects: dict[str, list[ActorSnapshot]] = {}
        self._snapshots = 0
        self._events = 0
        self._total = 0

    async def run(self, actor_id: str | None) -> AsyncGenerator[CheckStep, None]:
        async with closing(self._slices(actor_id)) as parts:
            async for part in parts:
                async with closing(self._look_at(part)) as steps:
                    async for _ in steps:
                        await self._look_closer()
                        yield self._step()
        yield self._step()

    async def _look_at(self, part: _Slice) -> AsyncIterator[None]:
        self._snapshots += part.count
        for stored in part.unreadable:
            self._find(stored.actor_id, stored.version, SnapshotProblem.UNDECODABLE, error=stored.error)
        last = await self._store.last_sequence()
        alone = sum(_LOOK_UP + min(max(one.version for one in all_), last) for all_ in part.readable.values())
        # A reducer with a process of its own is not asked for a single event at a time.
        one_by_one = alone <= last or isinstance(self._reducer, OwnFold)
        self._total += alone if one_by_one else last
        async with closing(self._by_actor(part) if one_by_one else self._by_log(part, last)) as steps:
            async for _ in steps:
                yield

    async def _slices(self, actor_id: str | None) -> AsyncIterator[_Slice]:
        part = _Slice()
        if isinstance(self._store, SnapshotLog):
            async with closing(self._store.read_snapshots(actor_id=actor_id)) as batches:
                async for batch in batches:
                    for stored in batch:
                        part.add(stored)
                    if part.is_full:
                        yield part
                        part = _Slice()
        else:
            async for name in self._actors(actor_id):
                for snapshot in await self._store.snapshots(name):
                    part.add(StoredSnapshot(name, snapshot.version, snapshot.to_json(), snapshot, None))
                if part.is_full:
                    yield part
                    part = _Slice()
        if part.count:
            yield part

    async def _actors(self, actor_id: str | None) -> AsyncIterator[str]:
        if actor_id is not None:
            yield actor_id
            return
        after: str | None = None
        while page := await self._store.actors(after=after, limit=_ACTOR_PAGE):
            for info in page:
                yield info.actor_id
            after = page[-1].actor_id

    # Reading

    async def _by_log(self, part: _Slice, last: int) -> AsyncIterator[None]:
        """All actors in one pass over the log."""
        waiting = {name: self._actor(snapshots) for name, snapshots in part.readable.items()}
        before = self._events
        async with closing(self._store.read(to_sequence=last)) as batches:
            async for batch in batches:
                if self._is_known and sum([len(stored.raw) for stored in batch]) <= _AT_ONCE:
                    self._take(waiting, batch)
                else:
                    await asyncio.to_thread(self._take, waiting, batch)
                self._events = before + batch[-1].sequence
                yield
                if not waiting:
                    break
        self._events = before + last
        for name, actor in waiting.items():
            await self._finish(name, actor)
        yield

    async def _by_actor(self, part: _Slice) -> AsyncIterator[None]:
        """One actor after the other."""
        for name, snapshots in part.readable.items():
            history = await self._history(name, max(one.version for one in snapshots))
            self._events += len(history.stream)
            latest = await self._store.get_latest_version(name)
            for snapshot in sorted(snapshots, key=lambda one: one.version):
                if snapshot.version > latest:
                    self._find(name, snapshot.version, SnapshotProblem.AHEAD, latest_version=latest)
                else:
                    await self._compare_somewhere(history, snapshot)
            yield

    def _history(self, actor_id: str, to_version: int) -> Awaitable[StateHistory]:
        return load_history(self._store, actor_id, reducer=self._reducer, to_version=to_version, blame=True)

    def _actor(self, snapshots: list[ActorSnapshot]) -> _Actor:
        snapshots.sort(key=lambda one: one.version, reverse=True)
        fold = start_fold(self._reducer, NO_STATE)
        return _Actor(fold, fold.step, snapshots, snapshots[-1].version)

    # Judging

    def _take(self, waiting: dict[str, _Actor], batch: Sequence[StoredEvent]) -> None:
        """Take events of any actors, in the order of their log."""
        get = waiting.get
        for stored in batch:
            event = stored.event
            if event is None:
                continue
            actor = get(event.actor_id)
            if actor is None or event.version <= actor.version:
                continue
            version = event.version
            while actor.next_version < version:
                self._judge(actor)
            if actor.waiting:
                actor.version = version
                if actor.failure is None:
                    try:
                        actor.step(event)
                    except ReducerError as error:
                        actor.failure = error.located(stored.sequence)
                if version < actor.next_version:
                    continue
                self._judge(actor)
            if not actor.waiting:
                del waiting[event.actor_id]

    def _judge(self, actor: _Actor) -> None:
        """Compare the next snapshot with the state as it is."""
        snapshot = actor.waiting.pop()
        actor.next_version = actor.waiting[-1].version if actor.waiting else MAX_VERSION + 1
        if actor.failure is not None:
            self._find(snapshot.actor_id, snapshot.version, SnapshotProblem.NO_REPLAY, error=actor.failure)
        elif first_difference(actor.fold.keep(), exact_state(snapshot)) is not None:
            self._suspects.setdefault(snapshot.actor_id, []).append(snapshot)

    async def _finish(self, name: str, actor: _Actor) -> None:
        """Judge the snapshots that no event was found for."""
        latest = await self._store.get_latest_version(name)
        while actor.waiting:
            if actor.waiting[-1].version > latest:
                self._find(name, actor.waiting.pop().version, SnapshotProblem.AHEAD, latest_version=latest)
            else:
                await asyncio.to_thread(self._judge, actor)

    async def _look_closer(self) -> None:
        """Read streams whose snapshots differ by themselves, to say more: who set the value, what is damaged."""
        suspects, self._suspects = self._suspects, {}
        for name, snapshots in suspects.items():
            history = await self._history(name, max(one.version for one in snapshots))
            for snapshot in snapshots:
                await self._compare_somewhere(history, snapshot)

    async def _compare_somewhere(self, history: StateHistory, snapshot: ActorSnapshot) -> None:
        if self._is_known and history.stream.size(0, len(history.stream)) <= _AT_ONCE:
            self._compare(history, snapshot)
        else:
            await asyncio.to_thread(self._compare, history, snapshot)

    def _compare(self, history: StateHistory, snapshot: ActorSnapshot) -> None:
        try:
            change = first_difference(history.state_at(snapshot.version), exact_state(snapshot))
            if change is None:
                return
            set_by = 0
            if change.kind != "added":
                set_by = history.blame_at(snapshot.version).origin(change.path).changed
        except ReducerError as error:
            self._find(snapshot.actor_id, snapshot.version, SnapshotProblem.NO_REPLAY, error=error)
            return
        damaged = [one.sequence for one in history.stream.troubles if one.after_version < snapshot.version]
        self._find(
            snapshot.actor_id,
            snapshot.version,
            SnapshotProblem.DIFFERS,
            change=change,
            set_by=set_by,
            damaged=tuple(damaged),
            latest_version=history.latest_version,
        )

    def _find(self, actor_id: str, version: int, problem: SnapshotProblem, **facts: Any) -> None:
        self._findings.append(SnapshotFinding(self._store.namespace, actor_id, version, problem, **facts))

    def _step(self) -> CheckStep:
        findings, self._findings = tuple(self._findings), []
        total = max(self._total, self._events)
        return CheckStep(self._store.namespace, findings, self._snapshots, self._events, total)


def first_difference(replayed: Any, snapshot: Any) -> Change | None:
    """The first place, in the replay's order, where a snapshot's state is another; numbers count by value."""
    if dumps(replayed) == dumps(snapshot):
        return None
    return next(changes_between(replayed, snapshot, _is_same_value), None)


def _is_same_value(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


def _shown(value: Any) -> str:
    try:
        text = dumps(value).decode()
    except (TypeError, ValueError, AetherError):
        text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"
