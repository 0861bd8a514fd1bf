"""All states of one actor: any of them at once, wherever in a long stream it lies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from aether_engine.errors import BeforeSnapshotError
from aether_engine.event import ActorSnapshot, ReplayError, StoredEvent
from aether_engine.replay.blame import Blame, blame_memory, no_blame, start_blame
from aether_engine.replay.checkpoints import CHECKPOINT_BYTES, STRIDE, Checkpoints, FoldFailure, Quarantine
from aether_engine.replay.exact import exact_state
from aether_engine.replay.folding import memory_of, start_fold
from aether_engine.replay.reducers import NO_STATE, Reducer, json_merge
from aether_engine.replay.stream import ActorStream


class StateHistory:
    """One actor's states, for whoever moves along its versions.

    Filled with the actor's stored events in version order, by and by if need be; `fold` works ahead, and asking
    for a state folds what is missing. A state is never changed once it was handed out, and shares with its
    neighbours what did not change. May be asked from any thread; see `Checkpoints`.
    """

    def __init__(
        self,
        events: Iterable[StoredEvent] = (),
        *,
        reducer: Reducer = json_merge,
        quarantine: Quarantine | None = None,
        snapshot: ActorSnapshot | None = None,
        stream: ActorStream | None = None,
        blame: bool = False,
        stride: int = STRIDE,
        memory: int = CHECKPOINT_BYTES,
    ) -> None:
        """`quarantine` are events that the states are to know nothing of; `snapshot` is where they begin instead
        of with the first event: only what is behind it may be added. `stream` is a stream to share with others.
        With `blame`, which is going to be asked for, no event is decoded twice for it.

        Between two checkpoints are `stride` events; it grows when the checkpoints take more than `memory` bytes.
        """
        self.reducer = reducer
        self.quarantine = quarantine or Quarantine()
        self.snapshot = snapshot
        self.stream = ActorStream() if stream is None else stream
        self._stride = stride
        self._memory = memory
        self._states: Checkpoints[Any] = Checkpoints(
            self.stream,
            partial(start_fold, reducer),
            NO_STATE if snapshot is None else exact_state(snapshot),
            memory_of,
            quarantine=self.quarantine,
            stride=stride,
            memory=memory,
        )
        self._blames = self._start_blames() if blame else None
        self.extend(events)

    @property
    def versions(self) -> Sequence[int]:
        """The versions there is a state for, rising; those of left out events are among them."""
        return self.stream.versions

    @property
    def latest_version(self) -> int:
        """The last version there is a state for."""
        return self.stream.latest_version or self.first_version

    @property
    def first_version(self) -> int:
        """The version of the snapshot the states begin with, 0 without one."""
        return 0 if self.snapshot is None else self.snapshot.version

    @property
    def errors(self) -> Sequence[ReplayError]:
        """The corrupted events, which no state contains."""
        return self.stream.errors

    @property
    def failure(self) -> FoldFailure | None:
        """Where the reducer failed, once it was folded up to there. The states before it are there."""
        return self._states.failure

    @property
    def folded(self) -> int:
        """How many events are folded already."""
        return self._states.folded

    @property
    def stride(self) -> int:
        """The events between two checkpoints as it is now: so many are folded at most for any state."""
        return self._states.stride

    @property
    def kept_bytes(self) -> int:
        """About the memory that checkpoints take besides the events."""
        return self._states.kept_bytes

    def extend(self, events: Iterable[StoredEvent]) -> list[StoredEvent]:
        """Add the events that follow, readable or not; returns those that are new and lead to a state.

        Cheap: nothing is folded yet. Known events are skipped; `stream.troubles` has what cannot be in a state.
        """
        position = len(self.stream)
        taken = self.stream.extend(events)
        self._states.add(position, taken)
        if self._blames is not None:
            self._blames.add(position, taken)
        return taken

    def fold(self, limit: int | None = None) -> bool:
        """Fold at most `limit` further events; whether there are more. `failure` says where the reducer fails."""
        return self._states.fold(limit)

    def state_at(self, version: int) -> Any:
        """The state after the last event up to `version`; before the first event it is `{}`.

        Raises `ReducerError`, for this and every later version, where the reducer fails; `BeforeSnapshotError`.
        """
        return self._states.at(self.position_of(version))

    def step_to(self, version: int) -> tuple[Any, Any]:
        """The states before and after the last event up to `version`; both the first where there is no event."""
        position = self.position_of(version)
        before = self._states.at(max(position - 1, 0))
        return before, self._states.at(position)

    def blame_at(self, version: int) -> Blame:
        """The state at `version` with the origin of every value in it; folds anew when it is asked for first.

        Raises as `state_at` does.
        """
        if self._blames is None:
            self._blames = self._start_blames()
        return self._blames.at(self.position_of(version))

    def event_at(self, version: int) -> StoredEvent | None:
        """The event that led to `state_at(version)`: the last one up to `version`, None before the first."""
        position = self.stream.position_of(version)
        return self.stream.stored(position - 1) if position else None

    def walk(self, after_version: int = 0, to_version: int | None = None) -> Iterator[tuple[int, Any]]:
        """Version and state after each event behind `after_version`, in order, folded as they are asked for.

        A state is good until the next one is asked for: it may be changed in place. Raises as `state_at` does.
        """
        end = len(self.stream) if to_version is None else self.position_of(to_version)
        begin = self.position_of(max(after_version, self.first_version))
        for position, state in self._states.walk(begin, end):
            yield self.stream.versions[position - 1], state

    def without(self, versions: Collection[int] = (), sequences: Collection[int] = ()) -> StateHistory:
        """The states as they would be without these events; shares the stream, and what lies before them."""
        left_out = Quarantine(frozenset(versions), frozenset(sequences))
        other = StateHistory(
            reducer=self.reducer,
            quarantine=left_out,
            snapshot=self.snapshot,
            stream=self.stream,
            stride=self._stride,
            memory=self._memory,
        )
        differing = self.quarantine.versions ^ left_out.versions
        differing_places = self.quarantine.sequences ^ left_out.sequences
        first = min((self.stream.position_of(version - 1) for version in differing), default=len(self.stream))
        for place, sequence in enumerate(self.stream.sequences[:first] if differing_places else ()):
            if sequence in differing_places:
                first = place
                break
        other._states.inherit(self._states, first)
        return other

    def _start_blames(self) -> Checkpoints[Blame]:
        return Checkpoints(
            self.stream,
            partial(start_blame, self.reducer),
            no_blame(NO_STATE if self.snapshot is None else exact_state(self.snapshot), self.first_version),
            blame_memory,
            quarantine=self.quarantine,
            stride=self._stride,
            memory=self._memory,
        )

    def position_of(self, version: int) -> int:
        """How many events have a version up to `version`. Raises `BeforeSnapshotError`."""
        if version < self.first_version:
            raise BeforeSnapshotError(version, self.first_version)
        return self.stream.position_of(version)
