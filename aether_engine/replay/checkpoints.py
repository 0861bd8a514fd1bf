"""What a fold came to at many places of a stream, so that any other place is a short way from one of them."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from aether_engine.errors import ReducerError
from aether_engine.event import Event, StoredEvent
from aether_engine.replay.folding import Fold
from aether_engine.replay.stream import ActorStream

#: Events between two checkpoints, to begin with.
STRIDE: Final = 64
#: Most checkpoints; with more, every second one is dropped.
MOST_CHECKPOINTS: Final = 2048
#: About the memory that checkpoints may take besides the events, in bytes.
CHECKPOINT_BYTES: Final = 128 << 20
#: Decoded events that wait for being folded; further ones are decoded again when it is their turn.
_WAITING: Final = 20_000
#: Events that are decoded and fed at once.
_RUN: Final = 512
#: Results that were asked for lately and are kept besides.
_RECENT: Final = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Events that a fold is to know nothing of, by version or by their place in the log."""

    versions: frozenset[int] = frozenset()
    sequences: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.versions or self.sequences)

    def holds(self, version: int, sequence: int) -> bool:
        """Whether this event is left out."""
        return version in self.versions or sequence in self.sequences


@dataclass(frozen=True, slots=True)
class FoldFailure:
    """Where a fold ends for good: how many events are in front of the one at fault, and what it raised."""

    position: int
    error: ReducerError


class Checkpoints(Generic[T]):
    """Folds a stream by and by, and answers for every position of it.

    A position counts events: 0 is the beginning, `len(stream)` the end. Results are never changed. What is kept is
    bounded: when it becomes too much, the distance between checkpoints doubles. Safe to be asked from any thread,
    one at a time; `add` never waits for the others.
    """

    def __init__(
        self,
        stream: ActorStream,
        start: Callable[[T], Fold[T]],
        first: T,
        measure: Callable[[T, T], int],
        *,
        quarantine: Quarantine,
        stride: int = STRIDE,
        memory: int = CHECKPOINT_BYTES,
    ) -> None:
        """`measure` tells about how many bytes a result takes that it does not share with the one before."""
        self._stream = stream
        self._start = start
        self._measure = measure
        self._quarantine = quarantine
        self._stride = max(stride, 1)
        self._memory = memory
        self._kept: list[T] = [first]
        self._costs: list[int] = [0]
        self._kept_bytes = 0
        self._recent: OrderedDict[int, T] = OrderedDict()
        self._fold: Fold[T] = start(first)
        self._folded = 0
        self._failure: FoldFailure | None = None
        self._waiting: deque[tuple[int, Sequence[StoredEvent]]] = deque()
        self._waiting_count = 0
        self._lock = threading.RLock()

    @property
    def folded(self) -> int:
        """How many events are folded."""
        return self._folded

    @property
    def failure(self) -> FoldFailure | None:
        """Where the fold cannot go on, if there is such a place and it was reached."""
        return self._failure

    @property
    def stride(self) -> int:
        """The events between two checkpoints as it is now."""
        return self._stride

    @property
    def kept_bytes(self) -> int:
        """About the memory that the checkpoints take."""
        return self._kept_bytes

    def add(self, position: int, events: Sequence[StoredEvent]) -> None:
        """Have events at hand, decoded as they are, that the stream has from `position` on."""
        if self._waiting_count < _WAITING:
            self._waiting_count += len(events)
            self._waiting.append((position, events))

    def fold(self, limit: int | None = None) -> bool:
        """Fold at most `limit` further events; whether there are more. Ends, without raising, at a failure."""
        end = len(self._stream)
        if limit is not None:
            end = min(end, self._folded + limit)
        while self._failure is None and self._folded < end:
            # Whoever asks for a result meanwhile does not wait for the end.
            with self._lock:
                self._fold_to(min(end, self._folded + _RUN))
        return self._failure is None and self._folded < len(self._stream)

    def at(self, position: int) -> T:
        """What the first `position` events come to. Raises `ReducerError` if the reducer fails on the way."""
        with self._lock:
            position = min(position, len(self._stream))
            if position > self._folded:
                self._fold_to(position)
            if position > self._folded:
                assert self._failure is not None
                raise self._failure.error.with_traceback(None)
            if position == self._folded:
                return self._fold.keep()
            number = position // self._stride
            begin, result = number * self._stride, self._kept[number]
            for known, recent in self._recent.items():
                if begin < known <= position:
                    begin, result = known, recent
            if begin < position:
                fold = self._start(result)
                while begin < position:
                    end = min(begin + _RUN, position)
                    self._feed(fold, begin, end)
                    begin = end
                result = fold.keep()
            self._remember(position, result)
            return result

    def walk(self, begin: int, end: int) -> Iterator[tuple[int, Any]]:
        """What the events up to each position behind `begin` and up to `end` come to, by position.

        What is yielded is good until the next one is asked for. Raises as `at` does.
        """
        fold = self._start(self.at(begin))
        result: Any = fold.keep()
        while begin < end:
            stop = min(begin + _RUN, end)
            with self._lock:
                events = {event.version: event for event in self._events(begin, stop)}
            results = iter(fold.each(list(events.values())))
            for place in range(begin, stop):
                if self._stream.versions[place] in events:
                    try:
                        result = next(results)
                    except ReducerError as error:
                        self._locate(error)
                        raise
                yield place + 1, result
            begin = stop

    def inherit(self, other: Checkpoints[T], position: int) -> None:
        """Take over from a fold of the same stream and reducer what holds up to `position`."""
        with other._lock, self._lock:
            number = min(position, other._folded) // other._stride
            self._stride = other._stride
            self._kept = other._kept[: number + 1]
            self._costs = other._costs[: number + 1]
            self._kept_bytes = sum(self._costs)
            self._folded = number * other._stride
            self._fold = self._start(self._kept[number])

    def _fold_to(self, end: int) -> None:
        while self._folded < end and self._failure is None:
            boundary = (self._folded // self._stride + 1) * self._stride
            stop = min(boundary, end, self._folded + _RUN)
            try:
                self._feed(self._fold, self._folded, stop)
            except ReducerError as error:
                place = self._stream.position_of(error.version) - 1
                self._folded = place
                self._failure = FoldFailure(place, error)
                return
            self._folded = stop
            if stop == boundary:
                self._kept_bytes += self._fold.kept_bytes
                self._costs.append(self._fold.kept_bytes)
                self._kept.append(self._fold.keep())
                self._thin_out()

    def _feed(self, fold: Fold[T], begin: int, end: int) -> None:
        events = self._events(begin, end)
        try:
            fold.feed(events)
        except ReducerError as error:
            self._locate(error)
            raise

    def _events(self, begin: int, end: int) -> list[Event]:
        events = self._at_hand(begin, end) or [self._stream.event(place) for place in range(begin, end)]
        if self._quarantine:
            return [event for place, event in enumerate(events, begin) if not self._is_left_out(place)]
        return events

    def _at_hand(self, begin: int, end: int) -> list[Event]:
        """The events of a range that wait for being folded, if all of it does."""
        waiting = self._waiting
        while waiting and waiting[0][0] + len(waiting[0][1]) <= self._folded:
            self._waiting_count -= len(waiting.popleft()[1])
        if not waiting or begin < self._folded:
            return []
        first, known = waiting[0]
        if not first <= begin or end > first + len(known):
            return []
        return [stored.event for stored in known[begin - first : end - first] if stored.event is not None]

    def _is_left_out(self, place: int) -> bool:
        return self._quarantine.holds(self._stream.versions[place], self._stream.sequences[place])

    def _locate(self, error: ReducerError) -> None:
        error.located(self._stream.sequences[self._stream.position_of(error.version) - 1])

    def _thin_out(self) -> None:
        while len(self._kept) > 2 and (len(self._kept) > MOST_CHECKPOINTS or self._kept_bytes > self._memory):
            self._stride *= 2
            self._kept = self._kept[::2]
            measured = [self._measure(new, old) for old, new in zip(self._kept, self._kept[1:], strict=False)]
            self._costs = [0, *measured]
            self._kept_bytes = sum(measured)

    def _remember(self, position: int, result: T) -> None:
        self._recent[position] = result
        self._recent.move_to_end(position)
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)
