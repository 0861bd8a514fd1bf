"""One actor's stream, read and folded: all its states, what is missing or damaged, and its snapshots."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.state.folded_stream import FoldedStream
from aether_desktop.models.state.snapshot_states import SnapshotEntry, Standing, entries_of, judge
from aether_desktop.models.thread_work import ThreadWork
from aether_desktop.tasks import TaskOwner
from aether_engine.errors import AetherError, ReducerStoppedError
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
AT_ONCE: Final = 1 << 15
#: Events up to which it is found out unasked who set what by a reducer of the user's.
_BLAMED_UNASKED: Final = 2_000


class ActorStates(QObject):
    """Loads a stream and keeps it fresh, folds it in a thread little by little, and judges its snapshots."""

    reset = Signal()
    """Another actor, or none, is meant; nothing of it is loaded yet."""
    versions_changed = Signal()
    """There are more versions, gaps or damaged events than before, or the reducer was found to fail."""
    loaded = Signal()
    """The stream is there to its end, for the first time or again."""
    advanced = Signal()
    """More of the stream is folded, or known to its end."""
    replaced = Signal()
    """The states are others: by another reducer, or without other events."""
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
        self._key: Hashable = None
        self._actor_id = ""
        self._loader: Loader | None = None
        self._snapshot_loader: SnapshotLoader | None = None
        self._load: asyncio.Task[Any] | None = None
        self._fold: asyncio.Task[Any] | None = None
        self._pulse = asyncio.Event()
        self._quarantines: dict[Hashable, frozenset[int]] = {}
        self._folded = FoldedStream(reducer, elsewhere=_is_elsewhere(reducer))
        self._entries: list[SnapshotEntry] = []
        self._error: Exception | None = None
        self._complete = self._again = self._told_failure = self._wants_blame = False

    # What there is

    @property
    def actor_id(self) -> str:
        """The actor that is meant, "" for none."""
        return self._actor_id

    @property
    def busy(self) -> bool:
        """Whether anything is being read or folded."""
        return self._tasks.busy or self._threads.busy

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

    # What is asked for

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
        """Make states that know nothing of these events, besides those left out already."""
        known = (version for version in versions if self.neighbour(version, 0) == version)
        self._set_quarantine(self.quarantine.union(known))

    def take_back(self, versions: Iterable[int] | None = None) -> None:
        """Let the states know of these events again, None = all."""
        self._set_quarantine(self.quarantine - frozenset(versions) if versions is not None else frozenset())

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
            if not self.versions:
                await self._look_ahead(loader)
            # From the last version, not behind it: who reads on has to meet what is known.
            async for batch in loader(self._actor_id, self._folded.stream.latest_version):
                self._take(batch)
                await asyncio.sleep(0)
        finally:
            if self._key == key and self._load is asyncio.current_task():
                self._load = None
        self._complete = True
        self._fold_on()
        self._tell_advance()
        self.loaded.emit()
        if self._again:
            self._start_loading()

    async def _look_ahead(self, loader: Loader) -> None:
        """What can be done before a stream is read from its beginning."""

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
                if not folded.elsewhere and folded.size_to(folded.end) <= AT_ONCE and not self._threads.busy:
                    more = folded.fold_slice(blame=True)
                else:
                    more = await self._threads.run(partial(folded.fold_slice, blame=self._blames_unasked(folded)))
                if folded is self._folded:
                    self._tell_advance()
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

    def _tell_advance(self) -> None:
        self._pulse.set()
        if self.failure is not None and not self._told_failure:
            self._told_failure = True
            self.versions_changed.emit()
        self.advanced.emit()

    async def _reaches(self, folded: FoldedStream, version: int) -> bool:
        """Wait for the next step of folding up to a version; whether there was anything to wait for."""
        if folded.is_folded or folded.history.folded >= folded.history.position_of(version):
            return False
        self._fold_on()
        self._pulse.clear()
        await self._pulse.wait()
        return True

    # Snapshots

    def _set_snapshots(self, stored: Sequence[StoredSnapshot]) -> None:
        known = {(entry.version, entry.raw): entry for entry in self._entries}
        entries = [known.get((entry.version, entry.raw), entry) for entry in entries_of(stored)]
        if entries != self._entries:
            self._entries = entries
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
            self.snapshots_changed.emit()

    # Other states of the same stream

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
        """Go on with other states."""
        if self._fold is not None:
            self._fold.cancel()
            self._fold = None
        self._folded = folded
        self._told_failure = self._wants_blame = False
        if isinstance(self._error, AetherError) and self._complete:
            # It was the reducer's.
            self._error = None
        self._pulse.set()
        self.replaced.emit()
        self.versions_changed.emit()
        self._fold_on()

    # Small things

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._pulse.set()
        self.failed.emit(error)

    def _end_foreign(self) -> None:
        """Do not wait for a reducer that may never come back."""
        if isinstance(self._reducer, UserReducer):
            self._reducer.stop()

    def _stop(self) -> None:
        for task in (self._load, self._fold):
            if task is not None:
                task.cancel()
        self._load = self._fold = None
        self._again = False
        self._end_foreign()

    def _begin(
        self, key: Hashable, actor_id: str, loader: Loader | None, snapshots: SnapshotLoader | None = None
    ) -> None:
        """Mean another stream, or none."""
        self._stop()
        self._key, self._actor_id, self._loader, self._snapshot_loader = key, actor_id, loader, snapshots
        self._folded = FoldedStream(self._reducer, elsewhere=_is_elsewhere(self._reducer))
        left_out = self._quarantines.get(key)
        if left_out:
            self._folded = self._folded.by(
                self._reducer, elsewhere=self._folded.elsewhere, quarantine=Quarantine(left_out)
            )
        self._entries = []
        self._error = None
        self._complete = self._again = self._told_failure = self._wants_blame = False


def _is_elsewhere(reducer: Reducer) -> bool:
    return isinstance(reducer, UserReducer)
