"""One actor's stream, folded: the states, what each version changed, and what is missing or damaged on the way."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.state_history import Path, ValueHistory, last_write
from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError
from aether_engine.event import StoredEvent
from aether_engine.replay import REDUCERS, Change, StateHistory, Trouble, VersionGap, diff
from aether_engine.replay.checkpoints import STRIDE

Loader = Callable[[str], AsyncIterator[list[StoredEvent]]]
"""Reads an actor's stream in version order; what `read_actor` of a store does."""

#: Bytes of events that are folded at once on the event loop; more is folded in a thread.
_AT_ONCE: Final = 1 << 15
#: Bytes of events folded in the thread before the window hears of it.
_CHUNK: Final = 1 << 20
#: Bytes of one event from which on it is folded only when asked for: a state of megabytes takes seconds to make
#: and to compare, parts of which stop everything else.
HEAVY: Final = 4 << 20
_REDUCER_NAMES: Final = {"json-merge": "JSON merge"}


@dataclass(frozen=True, slots=True)
class HeldState:
    """A state that is not folded unasked: its version, and the bytes of the events that lead to it."""

    version: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class StateView:
    """The state of an actor at a version. The state is shared: nobody may change it."""

    actor_id: str
    version: int
    previous_version: int
    state: Any
    changes: Sequence[Change]
    events_applied: int


class StateController(QObject):
    """Loads the stream of the actor that is shown, folds it, and answers for any version of it."""

    reset = Signal()
    """Another actor, or none, is shown; nothing of it is loaded yet."""
    versions_changed = Signal()
    """There are more versions, gaps or damaged events than before."""
    loaded = Signal()
    """The stream is there to its end, for the first time or again."""
    state_changed = Signal(object)
    """Another state is shown: a `StateView`."""
    held = Signal(object)
    """The state that was asked for is not folded unasked: a `HeldState`."""
    failed = Signal(object)
    """What went wrong (an exception); `error` keeps it."""

    def __init__(self, parent: QObject | None = None, *, reducer: str = "json-merge") -> None:
        super().__init__(parent)
        self._tasks = TaskOwner(self._fail)
        self._reducer_name = reducer
        self._key: Hashable = None
        self._actor_id = ""
        self._loader: Loader | None = None
        self._load: asyncio.Task[Any] | None = None
        self._compute: asyncio.Task[Any] | None = None
        # Events go into the history in their order, one batch after the other.
        self._turn = asyncio.Lock()
        self._wanted: int | None = None
        self._target = 0
        self._again = False
        self._complete = False
        self._error: Exception | None = None
        self._view: StateView | None = None
        self._events: list[StoredEvent] = []
        self._sizes: list[int] = []
        self._event_types: set[str] = set()
        # The place of the first event that is not folded unasked; -1 once that was asked for.
        self._first_heavy: int | None = None
        self._handed = 0
        self._held: HeldState | None = None
        self._forget()

    # What there is

    @property
    def actor_id(self) -> str:
        """The actor that is shown, "" for none."""
        return self._actor_id

    @property
    def busy(self) -> bool:
        """Whether anything is being read or folded."""
        return self._tasks.busy

    @property
    def is_loading(self) -> bool:
        """Whether the stream is not known to its end yet."""
        return self._load is not None

    @property
    def is_complete(self) -> bool:
        """Whether the stream was read to its end; a reading that failed leaves it incomplete."""
        return self._complete

    @property
    def error(self) -> Exception | None:
        """What went wrong with this actor, if anything did."""
        return self._error

    @property
    def view(self) -> StateView | None:
        """The state that is shown."""
        return self._view

    @property
    def held_state(self) -> HeldState | None:
        """The state that was asked for and is not folded before `fold_anyway`, None if it is another."""
        return self._held

    @property
    def versions(self) -> Sequence[int]:
        """The versions there is a state for, rising."""
        return self._timeline.versions

    @property
    def gaps(self) -> Sequence[VersionGap]:
        """The versions that are missing between others."""
        return self._timeline.stream.gaps

    @property
    def troubles(self) -> Sequence[Trouble]:
        """The damaged and misplaced events, which no state contains."""
        return self._timeline.stream.troubles

    @property
    def event_types(self) -> set[str]:
        """The event types met in this stream."""
        return self._event_types

    @property
    def reducers(self) -> Sequence[tuple[str, str]]:
        """The reducers to choose from: key and name."""
        return [(key, _REDUCER_NAMES[key]) for key in REDUCERS if key in _REDUCER_NAMES]

    @property
    def reducer(self) -> str:
        """The key of the reducer in use."""
        return self._reducer_name

    def stored_at(self, version: object) -> StoredEvent | None:
        """The stored event with exactly this version."""
        found = self._timeline.event_at(version) if isinstance(version, int) else None
        return found if found is not None and found.event is not None and found.event.version == version else None

    def previous_of(self, version: int) -> StoredEvent | None:
        """The stored event of the version before `version`."""
        return self._timeline.event_at(version - 1)

    def neighbour(self, version: int, steps: int) -> int:
        """The version `steps` further along the list of versions, or the last one there is on the way."""
        versions = self.versions
        if not versions:
            return 0
        place = bisect_right(versions, version) - 1
        return versions[max(0, min(len(versions) - 1, place + steps))]

    def set_by(self, path: Path, version: int) -> int:
        """The version up to `version` that last changed the value at `path`, 0 while that is not known."""
        return self._history.changed_by(path, version)

    def last_write(self, path: Path, version: int) -> int:
        """The last version up to `version` that wrote this value again without changing it; 0 if none did."""
        return last_write(self._events, path, self.set_by(path, version), version)

    def state_at(self, version: int) -> Any:
        """The state at `version`, folded here and now; for a window, `show_version` does not block."""
        return self._timeline.state_at(version)

    # What is asked for

    def show(self, key: Hashable, actor_id: str, loader: Loader, version: int | None = None) -> None:
        """Show an actor at `version` (None = its last). The same `key` means the same stream: it stays loaded."""
        if key == self._key and self._key is not None and self._error is None:
            self._loader = loader
            if version is not None and version > self._timeline.latest_version and not self.is_loading:
                self._wanted = version
                self.refresh()
            else:
                self.show_version(version)
            return
        self._stop()
        self._forget()
        self._key, self._actor_id, self._loader = key, actor_id, loader
        self._wanted = version
        self.reset.emit()
        self._start_loading()

    def clear(self) -> None:
        """Show no actor."""
        self._stop()
        self._forget()
        self._key, self._actor_id, self._loader, self._wanted = None, "", None, None
        self.reset.emit()

    def refresh(self) -> None:
        """Read what was stored since; what is shown stays."""
        if self._loader is None:
            return
        if self._load is not None:
            self._again = True
            return
        self._start_loading()

    def append(self, events: Iterable[StoredEvent]) -> None:
        """Take events of this actor that were stored just now, in version order; known ones are skipped."""
        if self._load is not None:
            # What is being read comes first; then all that is new is read in one go.
            self._again = True
            return
        new = self._hand(self._take(events))
        if new:
            self._tasks.start(self._fold(self._history, new), "fold appended events")

    def set_reducer(self, key: str) -> None:
        """Fold with another reducer."""
        if key == self._reducer_name or key not in REDUCERS:
            return
        self._reducer_name = key
        if self._loader is not None:
            version = self._view.version if self._view is not None else self._wanted
            loader, actor_id, stream = self._loader, self._actor_id, self._key
            self._key = None
            self.show(stream, actor_id, loader, version)

    def show_version(self, version: int | None) -> None:
        """Show the state at `version`, of those there are the nearest one below; None = the last."""
        self._wanted = version
        if not self.versions:
            return
        target = self.versions[-1] if version is None else max(self.neighbour(version, 0), self.versions[0])
        if version is not None and target < version and self.is_loading:
            return
        if self._is_heavy(target):
            self._hold(target)
            return
        if self._view is not None and self._view.version == target and self._compute is None:
            return
        self._target = target
        if self._compute is not None:
            return
        if self._cost(target) <= _AT_ONCE:
            try:
                self._shown(_look(self._timeline, self._actor_id, target))
            except AetherError as error:
                self._fail(error)
        else:
            self._compute = self._tasks.start(self._look_in_thread(self._timeline), f"state at v{target}")

    def fold_anyway(self) -> None:
        """Fold what is held back for its size, from now on for this actor."""
        if self._held is None:
            return
        version = self._held.version
        self._held, self._first_heavy = None, -1
        rest = self._events[self._handed :]
        self._handed = len(self._events)
        self.show_version(version)
        self._tasks.start(self._fold_chunks(self._history, rest), "fold large events")

    async def close(self) -> None:
        """End everything that is running."""
        self._stop()
        await self._tasks.cancel_all()

    # Loading

    def _start_loading(self) -> None:
        assert self._loader is not None
        self._again = self._complete = False
        self._load = self._tasks.start(self._read(self._loader, self._key), f"read stream {self._actor_id}")

    async def _read(self, loader: Loader, key: Hashable) -> None:
        try:
            history = self._history
            # A refresh is given from the beginning again; what is known is skipped.
            async for batch in loader(self._actor_id):
                await self._fold_chunks(history, self._hand(self._take(batch)))
                await asyncio.sleep(0)
        finally:
            if self._key == key and self._load is asyncio.current_task():
                self._load = None
        self._complete = True
        self.show_version(self._wanted)
        self.loaded.emit()
        if self._again:
            self._start_loading()

    def _take(self, events: Iterable[StoredEvent]) -> list[StoredEvent]:
        """Note what the events say about the stream; returns the ones that a state follows from."""
        troubles = len(self.troubles)
        new = self._timeline.extend(events)
        for stored in new:
            assert stored.event is not None
            self._sizes.append((self._sizes[-1] if self._sizes else 0) + len(stored.raw))
            self._event_types.add(stored.event.event_type)
            if len(stored.raw) > HEAVY and self._first_heavy is None:
                self._first_heavy = len(self._sizes) - 1
        self._events += new
        heard = bool(new) or len(self.troubles) > troubles
        if heard:
            self.versions_changed.emit()
        return new

    def _hand(self, events: list[StoredEvent]) -> list[StoredEvent]:
        """Of events that were taken those to be folded unasked."""
        known = len(self._events) - len(events)
        if self._first_heavy is not None and self._first_heavy >= 0:
            events = events[: max(0, self._first_heavy - known)]
        self._handed += len(events)
        return events

    async def _fold_chunks(self, history: ValueHistory, events: Sequence[StoredEvent]) -> None:
        for chunk in _chunks(events):
            await self._fold(history, chunk)

    async def _fold(self, history: ValueHistory, events: Sequence[StoredEvent]) -> None:
        async with self._turn:
            if sum(len(stored.raw) for stored in events) <= _AT_ONCE:
                found = history.fold(events)
            else:
                found = await asyncio.to_thread(_fold_ahead, self._timeline, history, events)
        history.take(found)
        if history is self._history:
            view = self._view
            if view is None:
                self.show_version(self._wanted)
            elif found and found[0][0] <= view.version:
                # "Set by" is known now.
                self.state_changed.emit(view)

    async def _look_in_thread(self, timeline: StateHistory) -> None:
        # Never two at once on one timeline: who asks meanwhile changes the target.
        try:
            while timeline is self._timeline and self._held is None:
                target = self._target
                view = await asyncio.to_thread(_look, timeline, self._actor_id, target)
                if timeline is self._timeline and target == self._target and self._held is None:
                    self._compute = None
                    self._shown(view)
                    return
        finally:
            if timeline is self._timeline:
                self._compute = None

    # Small things

    def _is_heavy(self, version: int) -> bool:
        first = self._first_heavy
        return first is not None and 0 <= first < len(self.versions) and self.versions[first] <= version

    def _hold(self, version: int) -> None:
        place = bisect_left(self.versions, version)
        self._view = None
        self._held = HeldState(version, self._sizes[min(place, len(self._sizes) - 1)])
        self.held.emit(self._held)

    def _shown(self, view: StateView) -> None:
        self._held = None
        self._view = view
        self.state_changed.emit(view)

    def _cost(self, version: int) -> int:
        """Bytes of events to fold, at most, for the state at `version`."""
        place = bisect_left(self.versions, version)
        first = max(0, min(self._timeline.folded, place - 2 * STRIDE))
        return self._sizes[min(place, len(self._sizes) - 1)] - self._sizes[first] + len(self._events[first].raw)

    def _fail(self, error: Exception) -> None:
        self._error = error
        self.failed.emit(error)

    def _stop(self) -> None:
        for task in (self._load, self._compute):
            if task is not None:
                task.cancel()
        self._load = self._compute = None
        self._again = False

    def _forget(self) -> None:
        reducer = REDUCERS[self._reducer_name]
        self._timeline = StateHistory(reducer=reducer)
        self._history = ValueHistory(reducer)
        self._events = []
        self._sizes = []
        self._event_types = set()
        self._first_heavy, self._handed, self._held = None, 0, None
        self._view = None
        self._error = None
        self._complete = False


def _look(timeline: StateHistory, actor_id: str, version: int) -> StateView:
    place = bisect_left(timeline.versions, version)
    previous = timeline.versions[place - 1] if place else 0
    before = timeline.state_at(previous)
    state = timeline.state_at(version)
    return StateView(actor_id, version, previous, state, diff(before, state), place + 1)


def _fold_ahead(
    timeline: StateHistory, history: ValueHistory, events: Sequence[StoredEvent]
) -> list[tuple[int, list[Path]]]:
    timeline.fold(len(events))
    return history.fold(events)


def _chunks(events: Sequence[StoredEvent]) -> Iterable[Sequence[StoredEvent]]:
    start = size = 0
    for place, stored in enumerate(events):
        size += len(stored.raw)
        if size >= _CHUNK:
            yield events[start : place + 1]
            start, size = place + 1, 0
    if start < len(events):
        yield events[start:]
