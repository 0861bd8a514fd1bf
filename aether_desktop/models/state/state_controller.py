"""Which state of an actor is shown: at which version, compared with which, and made from which beginning."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Hashable
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.models.state.actor_states import AT_ONCE, ActorStates, Loader, SnapshotLoader
from aether_desktop.models.state.folded_stream import FoldedStream
from aether_desktop.models.state.snapshot_states import FROM_BEST, FROM_FIRST, SnapshotStarts
from aether_desktop.models.state.state_looks import Look, look, look_from, origin
from aether_desktop.models.state.state_values import Path
from aether_desktop.models.state.state_view import BrokenState, HeldState, StateView
from aether_engine.errors import AetherError, ReducerError, ReducerStoppedError
from aether_engine.event import StoredEvent
from aether_engine.replay import Reducer
from aether_engine.replay.reducers import json_merge

#: Version of a snapshot from which on the state behind it is shown before the whole stream is read, and most
#: events that are read for it.
_AHEAD_FROM: Final = 2_000
_AHEAD_EVENTS: Final = 1_000


class StateController(ActorStates):
    """Answers for any version of the actor that is shown: at once where that is cheap, else from a thread."""

    state_changed = Signal(object)
    """Another state is shown: a `StateView`."""
    blame_changed = Signal(object)
    """It is known now who set what is shown: the same `StateView` with it."""
    held = Signal(object)
    """The state that was asked for is not folded unasked: a `HeldState`."""
    broken = Signal(object)
    """There is no state at the version that was asked for: a `BrokenState`."""

    def __init__(self, parent: QObject | None = None, *, reducer: Reducer = json_merge) -> None:
        super().__init__(parent, reducer=reducer)
        self._start = self._usual_start = FROM_FIRST
        self._base: int | None = None
        self._compute: asyncio.Task[Any] | None = None
        self._wanted: int | None = None
        self._asked = Look(0)
        self._starts = SnapshotStarts(self.history, (), FROM_FIRST)
        self._view: StateView | None = None
        self._held: HeldState | None = None
        self._broken: BrokenState | None = None
        self.advanced.connect(self._show_what_can_be)
        self.loaded.connect(lambda: self.show_version(self._wanted))
        self.replaced.connect(self._states_replaced)
        self.snapshots_changed.connect(self._snapshots_changed)

    # What is shown

    @property
    def is_looking(self) -> bool:
        """Whether the state that was asked for last is still on its way."""
        return self._compute is not None

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
    def start(self) -> int:
        """Where replay begins: `FROM_FIRST`, `FROM_BEST`, or the version of a snapshot."""
        return self._start

    @property
    def base(self) -> int | None:
        """The version that states are compared with, None for the version before."""
        return self._base

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
        if key == self._key and self._key is not None and self._error is None:
            self._loader, self._snapshot_loader = loader, snapshots
            if version is not None and version > self._folded.stream.latest_version and not self.is_loading:
                self._wanted = version
                self.refresh()
            else:
                self.show_version(version)
            return
        self._begin(key, actor_id, loader, snapshots)
        self._wanted = version
        self.reset.emit()
        self._start_loading()

    def clear(self) -> None:
        """Show no actor."""
        self._begin(None, "", None)
        self._wanted = None
        self.reset.emit()

    def begin_with(self, start: int) -> None:
        """Let replay begin with the first event, with the best snapshot or with a certain one of this actor."""
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

    # Following the states

    def _show_what_can_be(self) -> None:
        view = self._view
        if view is None:
            if self._compute is None and self._held is None and self._broken is None:
                self.show_version(self._wanted)
        elif view.blame is None and self._compute is None and self._is_blamed(view):
            self._begin_look()

    def _is_blamed(self, view: StateView) -> bool:
        """Whether it can be told quickly who set what is shown."""
        position = self.history.position_of(max(view.version, view.previous_version))
        return self._asked == Look(view.version, self._base) and self._folded.blamed >= position

    def _states_replaced(self) -> None:
        version = self.asked_version or self._wanted
        if self._compute is not None:
            self._compute.cancel()
            self._compute = None
        self._view = self._held = self._broken = None
        self._make_starts()
        self.show_version(version)

    def _snapshots_changed(self) -> None:
        self._make_starts()
        if self._view is not None and self._start != FROM_FIRST:
            self._look_again()

    def _make_starts(self) -> None:
        entries = [] if self._start == FROM_FIRST else self._entries
        self._starts = SnapshotStarts(self.history, entries, self._start)

    async def _look_ahead(self, loader: Loader) -> None:
        """Show the state behind the best snapshot of a long stream before all of it is read."""
        wanted = self._wanted
        entries = [
            entry
            for entry in self._entries
            if entry.snapshot is not None and (wanted is None or entry.version <= wanted)
        ]
        if self._start != FROM_BEST or self.quarantine or self._folded.elsewhere or not entries:
            return
        entry = entries[-1]
        if entry.version < _AHEAD_FROM:
            return
        events: list[StoredEvent] = []
        async for batch in loader(self._actor_id, entry.version + 1):
            events += batch
            if len(events) > _AHEAD_EVENTS or (wanted is not None and _last_version(batch) >= wanted):
                break
        if len(events) > _AHEAD_EVENTS and (wanted is None or _last_version(events) < wanted):
            return
        view = await self._threads.run(partial(look_from, entry, events, self._actor_id, self._reducer, wanted))
        if view is not None and self._wanted == wanted:
            self._view = view
            self.state_changed.emit(view)

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
        return all(self._cost(version) <= AT_ONCE for version in versions)

    def _cost(self, version: int) -> int:
        """Bytes of events to fold, at most, for the state at a version."""
        folded, position = self._folded, self.history.position_of(version)
        entry = self._starts.entry_for(version)
        if entry is None or entry.is_exact:
            return folded.cost(position)
        return folded.size_to(position) - folded.size_to(self.history.position_of(entry.version))

    def _look_now(self, folded: FoldedStream, starts: SnapshotStarts, asked: Look) -> StateView:
        return look(folded.history, starts, self._actor_id, asked, blamed=folded.blamed)

    async def _look_in_thread(self, folded: FoldedStream) -> None:
        # Never two at once: who asks meanwhile changes what is asked for.
        try:
            while folded is self._folded and self._held is None and self._error is None:
                asked, starts = self._asked, self._starts
                if await self._reaches(folded, max(asked.version, asked.base or 0)):
                    continue
                found: StateView | AetherError
                try:
                    found = await self._threads.run(partial(self._look_now, folded, starts, asked))
                except AetherError as error:
                    found = error
                is_current = asked == self._asked and starts is self._starts
                if folded is self._folded and self._held is None and is_current:
                    self._compute = None
                    self._shown(asked, found)
                    return
        finally:
            if folded is self._folded:
                self._compute = None

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
        if version and self._held is None and self.versions:
            self._asked = Look(version, self._base)
            self._begin_look()

    # Small things

    def _is_heavy(self, version: int) -> bool:
        return bisect_left(self.versions, version) >= self._folded.end

    def _hold(self, version: int) -> None:
        self._view = self._broken = None
        self._held = HeldState(version, self._folded.size_to(self.history.position_of(version)))
        self.held.emit(self._held)

    def _stop(self) -> None:
        if self._compute is not None:
            self._compute.cancel()
            self._compute = None
        super()._stop()

    def _begin(
        self, key: Hashable, actor_id: str, loader: Loader | None, snapshots: SnapshotLoader | None = None
    ) -> None:
        super()._begin(key, actor_id, loader, snapshots)
        self._base, self._start, self._asked = None, self._usual_start, Look(0)
        self._make_starts()
        self._view = self._held = self._broken = None


def _last_version(events: list[StoredEvent]) -> int:
    return max((stored.event.version for stored in events if stored.event is not None), default=0)


def _shows_the_same(one: StateView, other: StateView) -> bool:
    """Whether two views differ at most in who set what."""
    return (
        one.state is other.state
        and one.before is other.before
        and (one.version, one.previous_version, one.events_applied, one.start_version, one.start_differs)
        == (other.version, other.previous_version, other.events_applied, other.start_version, other.start_differs)
    )
