"""An actor's stream on its way into states: how large its events are, and how far they are folded unasked."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from time import monotonic
from typing import Final

from aether_engine.event import StoredEvent
from aether_engine.replay import ActorStream, Quarantine, Reducer, StateHistory

#: Bytes of one event from which on it is folded only when asked for: a state of megabytes takes seconds to make
#: and to compare, parts of which stop everything else.
HEAVY: Final = 4 << 20
#: Seconds that a thread folds before the next one who waits has a turn, and events between two looks at the clock.
_SLICE: Final = 0.015
_STEP: Final = 128


class FoldedStream:
    """The states of a stream by one reducer, folded little by little. One thread at a time."""

    def __init__(self, reducer: Reducer, *, elsewhere: bool) -> None:
        """`elsewhere`: the reducer runs in a process of its own, and may take seconds for a single event."""
        self.elsewhere = elsewhere
        self.history = StateHistory(reducer=reducer, blame=not elsewhere)
        self.event_types: set[str] = set()
        #: Events there is blame for.
        self.blamed = 0
        # Bytes of the events up to each place.
        self._sizes = array("q")
        # The place of the first event that is not folded unasked; -1 once that was asked for.
        self._first_heavy: int | None = None

    @property
    def stream(self) -> ActorStream:
        return self.history.stream

    def extend(self, events: Iterable[StoredEvent]) -> bool:
        """Take the events that follow; whether anything was new."""
        troubles = len(self.stream.troubles)
        new = self.history.extend(events)
        size = self._sizes[-1] if self._sizes else 0
        for stored in new:
            assert stored.event is not None
            size += len(stored.raw)
            self._sizes.append(size)
            self.event_types.add(stored.event.event_type)
            if len(stored.raw) > HEAVY and self._first_heavy is None:
                self._first_heavy = len(self._sizes) - 1
        return bool(new) or len(self.stream.troubles) > troubles

    def by(self, reducer: Reducer, *, elsewhere: bool, quarantine: Quarantine) -> FoldedStream:
        """The same events by another reducer, nothing of it folded yet."""
        other = FoldedStream(reducer, elsewhere=elsewhere)
        other.history = StateHistory(
            reducer=reducer, quarantine=quarantine, stream=self.stream, blame=not elsewhere
        )
        return self._hand_over(other)

    def without(self, versions: frozenset[int]) -> FoldedStream:
        """The same states without these events, folded as far as that makes no difference."""
        other = FoldedStream(self.history.reducer, elsewhere=self.elsewhere)
        other.history = self.history.without(versions)
        return self._hand_over(other)

    def _hand_over(self, other: FoldedStream) -> FoldedStream:
        other.event_types, other._sizes, other._first_heavy = self.event_types, self._sizes, self._first_heavy
        return other

    # How much there is to fold

    @property
    def end(self) -> int:
        """How many events are folded unasked."""
        first = self._first_heavy
        return len(self.stream) if first is None or first < 0 else min(first, len(self.stream))

    def fold_all(self) -> None:
        """Hold nothing back any more."""
        self._first_heavy = -1

    def size_to(self, position: int) -> int:
        """The bytes of the first `position` events."""
        return self._sizes[position - 1] if position else 0

    def cost(self, position: int) -> int:
        """Bytes of events to fold, at most, for the state behind `position` events."""
        begin = min(self.history.folded, position - min(self.history.stride, position))
        return self.size_to(position) - self.size_to(begin)

    @property
    def is_folded(self) -> bool:
        """Whether there is nothing to do unasked but blame."""
        return self.history.folded >= self.end or self.history.failure is not None

    # Folding

    def fold_slice(self, *, blame: bool) -> bool:
        """Fold for a moment, states first; whether there is more to do. Raises what is no failure of an event."""
        history, until = self.history, monotonic() + _SLICE
        while not self.is_folded:
            history.fold(min(_STEP, self.end - history.folded))
            if monotonic() > until:
                return True
        while blame and self.blamed < min(history.folded, self.end):
            self.blamed = min(self.blamed + _STEP, history.folded, self.end)
            history.blame_at(history.versions[self.blamed - 1])
            if monotonic() > until:
                return True
        return False
