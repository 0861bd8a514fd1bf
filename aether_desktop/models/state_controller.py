"""One actor's stream, folded: the states, what each version changed, and what is missing or damaged on the way."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.folded_stream import FoldedStream
from aether_desktop.models.snapshot_states import (
    FROM_FIRST,
    SnapshotEntry,
    SnapshotStarts,
    Standing,
    entries_of,
    judge,
)
from aether_desktop.models.state_looks import Look, look, origin
from aether_desktop.models.state_values import Path
from aether_desktop.models.state_view import BrokenState, HeldState, StateView
from aether_desktop.models.thread_work import ThreadWork
from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError, ReducerError, ReducerStoppedError
from aether_engine.event import StoredEvent
from aether_engine.replay import FoldFailure, Quarantine, Reducer, StateHistory, Trouble, UserReducer, VersionGap
from aether_engine.replay.reducers import json_merge
from aether_engine.store.protocols import StoredSnapshot

T = TypeVar("T")

Loader = Callable[[str, int], AsyncIterator[list[StoredEvent]]]
"""Reads an actor's stream in version order from a version on; what `read_actor` of a store does."""
SnapshotLoader = Callable[[str], Awaitable[Sequence[StoredSnapshot]]]
"""Reads an actor's snapshots, damaged ones included."""

#: Bytes of events that are folded at once on the event loop; more is folded in a thread.
_AT_ONCE: Final = 1 << 15
#: Events up to which it is found out unasked who set what by a reducer of the user's.
_BLAMED_UNASKED: Final = 2_000


class StateController(QObject):
    """Loads the stream of the actor that is shown, folds it, and answers for any version of it."""

    reset = Signal()
    """Another actor, or none, is shown; nothing of it is loaded yet."""
    versions_changed = Signal()
    """There are more versions, gaps or damaged events than before, or the reducer was found to fail."""
    loaded = Signal()
    """The stream is there to its end, for the first time or again."""
    state_changed = Signal(object)
    """Another state is shown: a `StateView`."""
    blame_changed = Signal(object)
    """It is known now who set what is shown: the same `StateView` with it."""
    held = Signal(object)
    """The state that was asked for is not folded unasked: a `HeldState`."""
    broken = Signal(object)
    """There is no state at the version that was asked for: a `BrokenState`."""
    failed = Signal(object)
    """What went wrong (an exception); `error` keeps it."""
    quarantine_changed = Signal()
    snapshots_changed = Signal()
    """Snapshots were found, or how they stand to the replay."""

    def __init__(self, parent: QObject | None = None, *, reducer: Reducer = json_merge) -> None:
        super().__init__(parent)
        self._tasks = TaskOwner(self._fail)
        self._threads = ThreadWork()
        self._reducer = reducer
        self._start = self._usual_start = FROM_FIRST
        self._base: int | None = None
        self._key: Hashable = None
        self._actor_id = ""
        self._loader: Loader | None = None
        self._snapshot_loader: SnapshotLoader | None = None
        self._load: asyncio.Task[Any] | None = None
        self._fold: asyncio.Task[Any] | None = None
        self._compute: asyncio.Task[Any] | None = None
        self._pulse = asyncio.Event()
        self._quarantines: dict[Hashable, frozenset[int]] = {}
        self._wanted: int | None = None
        self._asked = Look(0)
        self._folded = FoldedStream(reducer, elsewhere=_is_elsewhere(reducer))
        self._entries: list[SnapshotEntry] = []
        self._starts = SnapshotStarts(self._folded.history, (), FROM_FIRST)
        self._view: StateView | None = None
        self._held: HeldState | None = None
        self._broken: BrokenState | None = None
        self._error: Exception | None = None
        self._complete = self._again = self._told_failure = self._wants_blame = False

    # What there is

    @property
    def actor_id(self) -> str:
        """The actor that is shown, "" for none."""
        return self._actor_id

    @property
    def key(self) -> Hashable:
        """What the stream that is shown is known by."""
        return self._key

    @property
    def busy(self) -> bool:
        """Whether anything is being read or folded."""
        return self._tasks.busy or self._threads.busy

    @property
    def is_loading(self) -> bool:
        """Whether the stream is not known to its end yet."""
        return self._load is not None

    @property
    def is_looking(self) -> bool:
        """Whether the state that was asked for last is still on its way."""
        return self._compute is not None

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
    def broken_state(self) -> BrokenState | None:
        """The version that was asked for and has no state, None if it is another."""
        return self._broken

    @property
    def shown_version(self) -> int:
        """The version that is shown, with a state or without, 0 for none."""
        shown = self._view or self._held or self._broken
        return shown.version if shown is not None else 0

    @property
    def asked_version(self) -> int:
        """The version that was asked for last: the one that is shown, or one whose state is on its way."""
        return self._asked.version if self._compute is not None and self._held is None else self.shown_version

    @property
    def history(self) -> StateHistory:
        """The states; whoever asks it for one does so by `run`."""
        return self._folded.history

    @property
    def failure(self) -> FoldFailure | None:
        """Where the reducer fails, if that is known to happen."""
        return self._folded.history.failure

    @property
    def versions(self) -> Sequence[int]:
        """The versions there is a state for, rising."""
        return self._folded.stream.versions

    @property
    def gaps(self) -> Sequence[VersionGap]:
        """The versions that are missing between others."""
        return self._folded.stream.gaps

    @property
    def troubles(self) -> Sequence[Trouble]:
        """The damaged and misplaced events, which no state contains."""
        return self._folded.stream.troubles

    @property
    def event_types(self) -> set[str]:
        """The event types met in this stream."""
        return self._folded.event_types

    @property
    def reducer(self) -> Reducer:
        """The reducer in use."""
        return self._reducer

    @property
    def printed(self) -> dict[int, str]:
        """What the reducer printed, by version."""
        return self._reducer.printed if isinstance(self._reducer, UserReducer) else {}

    @property
    def quarantine(self) -> frozenset[int]:
        """The versions that the states are to know nothing of."""
        return self._folded.history.quarantine.versions

    @property
    def snapshots(self) -> Sequence[SnapshotEntry]:
        """The snapshots of the actor by version."""
        return self._entries

    @property
    def start(self) -> int:
        """Where replay begins: `FROM_FIRST`, `FROM_BEST`, or the version of a snapshot."""
        return self._start

    @property
    def base(self) -> int | None:
        """The version that states are compared with, None for the version before."""
        return self._base

    def stored_at(self, version: object) -> StoredEvent | None:
        """The stored event with exactly this version."""
        found = self.history.event_at(version) if isinstance(version, int) else None
        return found if found is not None and found.event is not None and found.event.version == version else None

    def previous_of(self, version: int) -> StoredEvent | None:
        """The stored event of the version before `version`."""
        return self.history.event_at(version - 1)

    def neighbour(self, version: int, steps: int) -> int:
        """The version `steps` further along the list of versions, or the last one there is on the way."""
        versions = self.versions
        if not versions:
            return 0
        place = bisect_right(versions, version) - 1
        return versions[max(0, min(len(versions) - 1, place + steps))]

    def set_by(self, path: Path) -> int:
        """The version that last changed the value at `path` of what is shown, 0 while that is not known."""
        return origin(self._view.blame, path)[0] if self._view is not None else 0

    def last_write(self, path: Path) -> int:
        """The last version that wrote this value, changing it or not; 0 while that is not known."""
        return origin(self._view.blame, path)[1] if self._view is not None else 0

    # What is asked for

    def show(
        self,
        key: Hashable,
        actor_id: str,
        loader: Loader,
        version: int | None = None,
        *,
        snapshots: SnapshotLoader | None = None,
    ) -> None:
        """Show an actor at `version` (None = its last). The same `key` means the same stream: it stays loaded."""
        self._snapshot_loader = snapshots
        if key == self._key and self._key is not None and self._error is None:
            self._loader = loader
            if version is not None and version > self._folded.stream.latest_version and not self.is_loading:
                self._wanted = version
                self.refresh()
            else:
                self.show_version(version)
            return
        self._stop()
        self._key, self._actor_id, self._loader = key, actor_id, loader
        self._forget()
        self._base = None
        self._wanted = version
        self.reset.emit()
        self._start_loading()

    def clear(self) -> None:
        """Show no actor."""
        self._stop()
        self._key, self._actor_id, self._loader, self._wanted = None, "", None, None
        self._forget()
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
        self._take(events)

    def use_reducer(self, reducer: Reducer) -> None:
        """Fold with another reducer, or again with one that has become another."""
        self._end_foreign()
        self._reducer = reducer
        self._refold(
            self._folded.by(reducer, elsewhere=_is_elsewhere(reducer), quarantine=self.history.quarantine)
        )

    def leave_out(self, versions: Iterable[int]) -> None:
        """Show states that know nothing of these events, besides those left out already."""
        known = (version for version in versions if self.neighbour(version, 0) == version)
        self._set_quarantine(self.quarantine.union(known))

    def take_back(self, versions: Iterable[int] | None = None) -> None:
        """Let the states know of these events again, None = all."""
        self._set_quarantine(self.quarantine - frozenset(versions) if versions is not None else frozenset())

    def begin_with(self, start: int) -> None:
        """Let replay begin with the first event, with the best snapshot or with a certain one."""
        if start <= 0:
            self._usual_start = start
        if start != self._start:
            self._start = start
            self._make_starts()
            self._look_again()

    def compare_with(self, base: int | None) -> None:
        """Compare states with that of another version, None = with that of the version before."""
        if base != self._base:
            self._base = base
            self._look_again()

    def show_version(self, version: int | None) -> None:
        """Show the state at `version`, of those there are the nearest one below; None = the last."""
        self._wanted = version
        if not self.versions:
            return
        target = self.versions[-1] if version is None else max(self.neighbour(version, 0), self.versions[0])
        if version is not None and target < version and self.is_loading:
            return
        asked = Look(target, self._base)
        if self._is_heavy(target):
            self._hold(target)
        elif self._view is None or asked != self._asked or self._compute is not None:
            self._asked = asked
            self._begin_look()

    def fold_anyway(self) -> None:
        """Fold what is held back for its size, from now on for this actor."""
        if self._held is not None:
            version, self._held = self._held.version, None
            self._folded.fold_all()
            self._fold_on()
            self.show_version(version)

    def want_blame(self) -> None:
        """Find out who set what, also where that takes long."""
        if not self._wants_blame:
            self._wants_blame = True
            self._fold_on()

    async def whole(self) -> StateHistory | None:
        """Wait until the stream was read and folded to its end, as far as it can be; returns the states.

        Returns None if there are others by then, or an error.
        """
        folded = self._folded
        while folded is self._folded and self._error is None:
            if self._complete and folded.is_folded:
                return folded.history
            self._pulse.clear()
            await self._pulse.wait()
        return None

    async def run(self, work: Callable[[], T], *, beside: bool = False) -> T:
        """Do something with `history` in a thread, after what is being done (or `beside` it, if it takes long)."""
        return await (self._threads.beside(work) if beside else self._threads.run(work))

    async def close(self) -> None:
        """End everything that is running."""
        self._stop()
        await self._tasks.cancel_all()
        while self._threads.busy:
            self._end_foreign()
            try:
                async with asyncio.timeout(0.05):
                    await self._threads.idle()
            except TimeoutError:
                continue

    # Loading

    def _start_loading(self) -> None:
        assert self._loader is not None
        self._again = self._complete = False
        self._load = self._tasks.start(self._read(self._loader, self._key), f"read stream {self._actor_id}")

    async def _read(self, loader: Loader, key: Hashable) -> None:
        try:
            if self._snapshot_loader is not None:
                self._set_snapshots(await self._snapshot_loader(self._actor_id))
            # From the last version, not behind it: who reads on has to meet what is known.
            async for batch in loader(self._actor_id, self._folded.stream.latest_version):
                self._take(batch)
                await asyncio.sleep(0)
        finally:
            if self._key == key and self._load is asyncio.current_task():
                self._load = None
        self._complete = True
        self._pulse.set()
        self.show_version(self._wanted)
        self._fold_on()
        self.loaded.emit()
        if self._again:
            self._start_loading()

    def _take(self, events: Iterable[StoredEvent]) -> None:
        if self._folded.extend(events):
            self._fold_on()
            self.versions_changed.emit()

    # Folding

    def _fold_on(self) -> None:
        if self._fold is None and self._loader is not None:
            self._fold = self._tasks.start(self._fold_slices(self._folded), "fold the stream")

    async def _fold_slices(self, folded: FoldedStream) -> None:
        try:
            more = True
            while more and folded is self._folded:
                if not folded.elsewhere and folded.size_to(folded.end) <= _AT_ONCE and not self._threads.busy:
                    more = folded.fold_slice(blame=True)
                else:
                    more = await self._threads.run(partial(folded.fold_slice, blame=self._blames_unasked(folded)))
                if folded is self._folded:
                    self._folded_on()
        except ReducerStoppedError:
            # By us, for something else that is to be done.
            pass
        finally:
            if folded is self._folded:
                self._fold = None
        if folded is self._folded and self._complete and folded.is_folded:
            await self._judge_snapshots(folded)

    def _blames_unasked(self, folded: FoldedStream) -> bool:
        return self._wants_blame or not folded.elsewhere or len(folded.stream) <= _BLAMED_UNASKED

    def _folded_on(self) -> None:
        """Show what can be shown now."""
        self._pulse.set()
        if self.failure is not None and not self._told_failure:
            self._told_failure = True
            self.versions_changed.emit()
        view = self._view
        if view is None:
            if self._compute is None and self._held is None and self._broken is None:
                self.show_version(self._wanted)
        elif view.blame is None and self._is_blamed(view) and self._compute is None:
            self._begin_look()

    def _is_blamed(self, view: StateView) -> bool:
        last = max(view.version, view.previous_version)
        return self._folded.blamed >= self.history.position_of(last)

    # Looking

    def _begin_look(self) -> None:
        if self._compute is not None:
            return
        position = self.history.position_of(self._asked.version)
        if self._is_quick(self._asked) and position <= self.history.folded:
            try:
                self._shown(self._asked, self._look_now(self._folded, self._starts, self._asked))
            except AetherError as error:
                self._shown(self._asked, error)
        else:
            self._compute = self._tasks.start(self._look_in_thread(self._folded), "look at a state")

    def _is_quick(self, asked: Look) -> bool:
        """Whether the state can be had on the event loop without anybody's noticing."""
        if self._folded.elsewhere or self._threads.busy:
            return False
        versions = (asked.version,) if asked.base is None else (asked.version, asked.base)
        return all(self._cost(version) <= _AT_ONCE for version in versions)

    def _cost(self, version: int) -> int:
        """Bytes of events to fold, at most, for the state at a version."""
        folded, history, position = self._folded, self.history, self.history.position_of(version)
        entry = self._starts.entry_for(version)
        if entry is None or entry.is_exact:
            return folded.cost(position)
        return folded.size_to(position) - folded.size_to(history.position_of(entry.version))

    def _look_now(self, folded: FoldedStream, starts: SnapshotStarts, asked: Look) -> StateView:
        return look(folded.history, starts, self._actor_id, asked, blamed=folded.blamed)

    async def _look_in_thread(self, folded: FoldedStream) -> None:
        # Never two at once: who asks meanwhile changes what is asked for.
        try:
            while folded is self._folded and self._held is None and self._error is None:
                asked, starts = self._asked, self._starts
                found: StateView | AetherError
                if not await self._reaches(folded, asked):
                    continue
                try:
                    found = await self._threads.run(partial(self._look_now, folded, starts, asked))
                except AetherError as error:
                    found = error
                if folded is self._folded and asked == self._asked and self._held is None:
                    if starts is not self._starts:
                        continue
                    self._compute = None
                    self._shown(asked, found)
                    return
        finally:
            if folded is self._folded:
                self._compute = None

    async def _reaches(self, folded: FoldedStream, asked: Look) -> bool:
        """Wait until the stream is folded as far as asked for; False if something else is asked for by then."""
        position = folded.history.position_of(max(asked.version, asked.base or 0))
        while not folded.is_folded and folded.history.folded < position:
            self._fold_on()
            self._pulse.clear()
            await self._pulse.wait()
            if folded is not self._folded or asked != self._asked or self._error is not None:
                return False
        return True

    def _shown(self, asked: Look, found: StateView | AetherError) -> None:
        self._held = self._broken = None
        if isinstance(found, StateView):
            view, self._view = self._view, found
            if view is not None and _shows_the_same(view, found):
                self.blame_changed.emit(found)
            else:
                self.state_changed.emit(found)
        elif isinstance(found, ReducerError):
            self._view = None
            self._broken = BrokenState(asked.version, found)
            self.broken.emit(self._broken)
        elif not isinstance(found, ReducerStoppedError):
            self._fail(found)

    def _look_again(self) -> None:
        """What is shown, or about to be, has become something else."""
        version = self.asked_version
        if version and self._held is None:
            self._asked = Look(version, self._base)
            self._begin_look()

    # Snapshots

    def _set_snapshots(self, stored: Sequence[StoredSnapshot]) -> None:
        known = {(entry.version, entry.raw): entry for entry in self._entries}
        entries = [known.get((entry.version, entry.raw), entry) for entry in entries_of(stored)]
        if entries != self._entries:
            self._entries = entries
            self._make_starts()
            self.snapshots_changed.emit()

    async def _judge_snapshots(self, folded: FoldedStream) -> None:
        """Compare with the replay what was not compared yet, or stood before events that are there now."""
        judged = False
        for place, entry in enumerate(self._entries):
            if entry.standing not in (Standing.UNCHECKED, Standing.AHEAD, Standing.NO_REPLAY):
                continue
            checked = await self._threads.run(partial(judge, folded.history, entry))
            if folded is not self._folded or place >= len(self._entries) or self._entries[place] is not entry:
                return
            self._entries[place] = checked
            judged = True
        if judged:
            self._make_starts()
            self.snapshots_changed.emit()
            view = self._view
            if view is not None and view.start_version:
                self._look_again()

    def _make_starts(self) -> None:
        entries = [] if self._start == FROM_FIRST else self._entries
        self._starts = SnapshotStarts(self.history, entries, self._start)

    # Small things

    def _set_quarantine(self, versions: frozenset[int]) -> None:
        if versions == self.quarantine:
            return
        if versions:
            self._quarantines[self._key] = versions
        else:
            self._quarantines.pop(self._key, None)
        if self._threads.busy:
            self._end_foreign()
            self._tasks.start(self._leave_out_in_turn(self._folded, versions), "leave events out")
        else:
            self._refold(self._folded.without(versions))
            self.quarantine_changed.emit()

    async def _leave_out_in_turn(self, folded: FoldedStream, versions: frozenset[int]) -> None:
        other = await self._threads.run(partial(folded.without, versions))
        if folded is self._folded:
            self._refold(other)
            self.quarantine_changed.emit()

    def _refold(self, folded: FoldedStream) -> None:
        """Show the same version by other states."""
        version = self.asked_version or self._wanted
        for task in (self._fold, self._compute):
            if task is not None:
                task.cancel()
        self._fold = self._compute = None
        self._folded = folded
        self._told_failure = self._wants_blame = False
        self._view = self._held = self._broken = None
        if isinstance(self._error, AetherError) and self._complete:
            self._error = None
        self._make_starts()
        self._pulse.set()
        self.versions_changed.emit()
        self._fold_on()
        self.show_version(version)

    def _is_heavy(self, version: int) -> bool:
        return bisect_left(self.versions, version) >= self._folded.end

    def _hold(self, version: int) -> None:
        self._view = self._broken = None
        self._held = HeldState(version, self._folded.size_to(self.history.position_of(version)))
        self.held.emit(self._held)

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._pulse.set()
        self.failed.emit(error)

    def _end_foreign(self) -> None:
        """Do not wait for a reducer that may never come back."""
        if isinstance(self._reducer, UserReducer):
            self._reducer.stop()

    def _stop(self) -> None:
        for task in (self._load, self._fold, self._compute):
            if task is not None:
                task.cancel()
        self._load = self._fold = self._compute = None
        self._again = False
        self._end_foreign()

    def _forget(self) -> None:
        self._folded = FoldedStream(self._reducer, elsewhere=_is_elsewhere(self._reducer))
        left_out = self._quarantines.get(self._key)
        if left_out:
            self._folded = self._folded.by(
                self._reducer, elsewhere=self._folded.elsewhere, quarantine=Quarantine(left_out)
            )
        self._entries = []
        self._start = self._usual_start
        self._make_starts()
        self._view = self._held = self._broken = self._error = None
        self._complete = self._again = self._told_failure = self._wants_blame = False


def _shows_the_same(one: StateView, other: StateView) -> bool:
    """Whether two views differ at most in who set what."""
    return (
        one.state is other.state
        and one.before is other.before
        and (one.version, one.previous_version, one.events_applied, one.start_version, one.start_differs)
        == (other.version, other.previous_version, other.events_applied, other.start_version, other.start_differs)
    )


def _is_elsewhere(reducer: Reducer) -> bool:
    return isinstance(reducer, UserReducer)
