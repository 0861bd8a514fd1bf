"""From one state to the next: the reducers that need no code of the user's, and what a reducer is.

States are JSON values and are never changed once they were handed out: a new state shares with the old one
whatever did not change, so that keeping many of them is cheap and comparing them skips what is shared.
"""

from __future__ import annotations

import traceback
from types import MappingProxyType
from typing import Any, Final, Protocol

from aether_engine.errors import ReducerError
from aether_engine.event import Event

#: Where replay begins: every reducer is given this as the state before the first event. Not to be changed.
NO_STATE: Final[dict[str, Any]] = {}


class Reducer(Protocol):
    """One step of replay. Must return a new state, or the old one if nothing changed, and change neither input."""

    def __call__(self, state: Any, event: Event, /) -> Any: ...


def json_merge(state: Any, event: Event, /) -> Any:
    """The event's data as a JSON merge patch (RFC 7396): objects are merged, null removes, the rest replaces."""
    return merge_patch(state, event.data)


def shallow_merge(state: Any, event: Event, /) -> Any:
    """The top-level members of the event's data replace those of the state; null is a value like any other."""
    return {**state, **event.data} if isinstance(state, dict) else dict(event.data)


def last_event(state: Any, event: Event, /) -> Any:
    """The state is the data of the last event."""
    return event.data


def by_event_type(state: Any, event: Event, /) -> Any:
    """For each event type the data of its last event."""
    return {**(state if isinstance(state, dict) else {}), event.event_type: event.data}


#: The reducers that need no code of the user's, by the name they are chosen with.
REDUCERS: Final = MappingProxyType[str, Reducer](
    {
        "json-merge": json_merge,
        "shallow-merge": shallow_merge,
        "last-event": last_event,
        "by-event-type": by_event_type,
    }
)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, for documents of any depth; what does not change is shared with `target`."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    pending: list[tuple[dict[str, Any], dict[str, Any]]] = [(result, patch)]
    while pending:
        merged, changes = pending.pop()
        for key, value in changes.items():
            if value is None:
                merged.pop(key, None)
            elif isinstance(value, dict):
                old = merged.get(key)
                child: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
                merged[key] = child
                pending.append((child, value))
            else:
                merged[key] = value
    return result


def reducer_error(event: Event, error: Exception) -> ReducerError:
    """What `error`, raised by a reducer at `event`, is to whoever reads about it."""
    message = str(error)
    reason = f"{type(error).__name__}: {message}" if message else type(error).__name__
    # The first frame is the one that called the reducer.
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return ReducerError(event.version, reason, trace="".join(traceback.format_list(frames)))
