"""Folds: runs of events taken into a state, in place where that cannot be seen.

A reducer makes a new state for each event. Most of these states nobody ever looks at, and with a state of a
thousand members each of them costs a copy of a thousand. A fold changes the state in place instead, and only what
it copied itself since a state was handed out: what `keep` returned stays as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, Protocol, TypeVar

from aether_engine.errors import ReducerError
from aether_engine.event import Event
from aether_engine.replay.exact import exact_data, with_exact_data
from aether_engine.replay.reducers import (
    NO_STATE,
    Reducer,
    by_event_type,
    json_merge,
    last_event,
    reducer_error,
    shallow_merge,
)

T_co = TypeVar("T_co", covariant=True)

_raw_of: Final = attrgetter("_raw")
# What a container and a member of it take in memory, in bytes, about.
_CONTAINER: Final = 64
_MEMBER: Final = 50
# Levels that are merged by recursion.
_PLAIN_DEPTH: Final = 20


class Fold(Protocol[T_co]):
    """Takes an actor's events in their order, run by run, and hands out what they come to."""

    @property
    def kept_bytes(self) -> int:
        """About how much memory `keep` would hold on to now, besides what it held on to before."""
        ...

    def feed(self, events: Sequence[Event]) -> None:
        """Take the next events. Raises `ReducerError`; then those before the event at fault are taken."""
        ...

    def step(self, event: Event) -> Any:
        """Take the next event; returns the state, which is good until the next one. Raises as `feed` does."""
        ...

    def each(self, events: Sequence[Event]) -> Iterator[Any]:
        """Take the next events one by one; yields the state after each, which is good until the next one."""
        ...

    def keep(self) -> T_co:
        """What all events so far come to: for good, whatever is fed later."""
        ...


class OwnFold(ABC):
    """A reducer that knows a better way of folding than being called for each event."""

    @abstractmethod
    def start(self, state: Any) -> Fold[Any]:
        """A fold that begins with `state`."""

    @abstractmethod
    def __call__(self, state: Any, event: Event, /) -> Any:
        """One step, see `Reducer`."""


def start_fold(reducer: Reducer, state: Any = NO_STATE) -> Fold[Any]:
    """A fold of `reducer` that begins with `state`, which stays as it is."""
    for known, fold in _FOLDS:
        if reducer is known:
            return fold(state)
    return reducer.start(state) if isinstance(reducer, OwnFold) else CallFold(reducer, state)


def apply(reducer: Reducer, state: Any, event: Event) -> Any:
    """`reducer` applied to `event` with its numbers as stored; whatever it raises becomes a `ReducerError`."""
    return CallFold(reducer, state).step(event)


class CallFold:
    """Any reducer, called for each event."""

    def __init__(self, reducer: Reducer, state: Any) -> None:
        self._reducer = reducer
        self._state = state
        self._fed_bytes = 0

    @property
    def kept_bytes(self) -> int:
        return self._fed_bytes

    def step(self, event: Event) -> Any:
        """The state after `event`."""
        try:
            self._state = self._reducer(self._state, with_exact_data(event))
        except ReducerError:
            raise
        except Exception as error:
            raise reducer_error(event, error) from error
        return self._state

    def feed(self, events: Sequence[Event]) -> None:
        for event in events:
            self.step(event)
        self._fed_bytes += size_of(events)

    def each(self, events: Sequence[Event]) -> Iterator[Any]:
        return map(self.step, events)

    def keep(self) -> Any:
        self._fed_bytes = 0
        return self._state


class _InPlaceFold:
    """The common part of folds that change the members of the state's top level."""

    def __init__(self, state: Any) -> None:
        self._state: Any = state
        # The state's top level is our own copy since the last `keep`.
        self._is_own = False
        self.kept_bytes = 0

    def own_state(self) -> dict[str, Any]:
        """The state, an object that may be changed until `keep`."""
        if not self._is_own:
            self._state = dict(self._state) if isinstance(self._state, dict) else {}
            self._is_own = True
            self.kept_bytes += _CONTAINER + _MEMBER * len(self._state)
        state: dict[str, Any] = self._state
        return state

    def feed(self, events: Sequence[Event]) -> None:
        raise NotImplementedError

    def step(self, event: Event) -> Any:
        self.feed((event,))
        return self._state

    def each(self, events: Sequence[Event]) -> Iterator[Any]:
        return map(self.step, events)

    def keep(self) -> Any:
        self._is_own = False
        self.kept_bytes = 0
        return self._state


#: What is decoded exactly wherever it is not 0.
_PLAIN: Final = frozenset((str, bool, int))


class MergeFold(_InPlaceFold):
    """JSON merge."""

    def __init__(self, state: Any) -> None:
        super().__init__(state)
        # The objects below the top level that are our own, by identity; held, so that no identity is used again.
        self._own: dict[int, dict[str, Any]] = {}

    def feed(self, events: Sequence[Event]) -> None:
        if events:
            state, take = self.own_state(), self._take
            for event in events:
                take(state, event)
            self.kept_bytes += size_of(events)

    def step(self, event: Event) -> Any:
        state = self.own_state()
        self._take(state, event)
        return state

    def _take(self, state: dict[str, Any], event: Event) -> None:
        data = event.data
        if _PLAIN.issuperset(map(type, data.values())) and all(data.values()):
            state.update(data)
            return
        for key, value in data.items():
            kind = type(value)
            # Nothing is lost in decoding texts, truths, and numbers that are neither decimals nor 0.
            if kind is str or kind is bool or (kind is int and value):
                state[key] = value
            elif value is None:
                state.pop(key, None)
            elif kind is not dict or not self._merge_plain(state, key, value, 0):
                self._merge(state, exact_data(event))
                return

    def _merge_plain(self, parent: dict[str, Any], name: str, patch: dict[str, Any], depth: int) -> bool:
        """As `_merge_below`, up to something that may have been decoded inexactly: then False."""
        merged = self.own_child(parent, name)
        for key, value in patch.items():
            kind = type(value)
            if kind is str or kind is bool or (kind is int and value):
                merged[key] = value
            elif value is None:
                merged.pop(key, None)
            elif kind is not dict or depth > _PLAIN_DEPTH or not self._merge_plain(merged, key, value, depth + 1):
                return False
        return True

    def _merge(self, state: dict[str, Any], patch: dict[str, Any]) -> None:
        for key, value in patch.items():
            if value is None:
                state.pop(key, None)
            elif isinstance(value, dict):
                self._merge_below(state, key, value)
            else:
                state[key] = value

    def _merge_below(self, parent: dict[str, Any], name: str, patch: dict[str, Any]) -> None:
        pending = [(self.own_child(parent, name), patch)]
        while pending:
            merged, changes = pending.pop()
            for key, value in changes.items():
                if value is None:
                    merged.pop(key, None)
                elif isinstance(value, dict):
                    pending.append((self.own_child(merged, key), value))
                else:
                    merged[key] = value

    def own_child(self, parent: dict[str, Any], key: str) -> dict[str, Any]:
        """The object at `key`, made if there is none; it may be changed until `keep`, as `parent` may."""
        old = parent.get(key)
        if id(old) in self._own:
            child: dict[str, Any] = old  # type: ignore[assignment]  # only objects are in there
            return child
        child = dict(old) if isinstance(old, dict) else {}
        self._own[id(child)] = child
        self.kept_bytes += _CONTAINER + _MEMBER * len(child)
        parent[key] = child
        return child

    def keep(self) -> Any:
        self._own.clear()
        return super().keep()


class ShallowFold(_InPlaceFold):
    """Shallow merge."""

    def feed(self, events: Sequence[Event]) -> None:
        if events:
            state = self.own_state()
            for event in events:
                state.update(exact_data(event))
            self.kept_bytes += size_of(events)


class TypeFold(_InPlaceFold):
    """For each event type the data of its last event."""

    def feed(self, events: Sequence[Event]) -> None:
        if events:
            state = self.own_state()
            for event in events:
                state[event.event_type] = exact_data(event)
            self.kept_bytes += size_of(events)


class LastFold(_InPlaceFold):
    """The data of the last event."""

    def feed(self, events: Sequence[Event]) -> None:
        if events:
            self._state = exact_data(events[-1])
            self.kept_bytes = size_of(events[-1:])


_FOLDS: Final[tuple[tuple[Reducer, type[_InPlaceFold]], ...]] = (
    (json_merge, MergeFold),
    (shallow_merge, ShallowFold),
    (by_event_type, TypeFold),
    (last_event, LastFold),
)


def size_of(events: Sequence[Event]) -> int:
    """About the memory that the data of `events` takes, in bytes."""
    try:
        return sum(map(len, map(_raw_of, events)))
    except TypeError:
        # Events that were made and not read have no bytes yet.
        return sum(_MEMBER * len(event.data) for event in events)


def memory_of(value: Any, beside: Any = None) -> int:
    """About the memory that `value` takes, in bytes, where it shares nothing with `beside`, in the same places."""
    total = 0
    pending = [(value, beside)]
    while pending:
        new, old = pending.pop()
        if new is old:
            continue
        if isinstance(new, dict):
            total += _CONTAINER + _MEMBER * len(new)
            known: dict[str, Any] = old if isinstance(old, dict) else {}
            for key, item in new.items():
                other = known.get(key)
                if item is not other and isinstance(item, (dict, list, str)):
                    pending.append((item, other))
        elif isinstance(new, (list, tuple)):
            total += _CONTAINER + 8 * len(new)
            # An array that was replaced shares nothing, and what is in it is rarely worth a closer look.
            pending.extend((item, None) for item in new if isinstance(item, (dict, list, str)))
        else:
            total += _CONTAINER + len(new)
    return total
