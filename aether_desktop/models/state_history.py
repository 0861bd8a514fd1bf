"""Which version changed, and which one wrote, the value at a path: what "Set by" is answered from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final

from aether_engine.event import StoredEvent
from aether_engine.replay import NO_STATE, Reducer, apply, diff

Path = tuple[str | int, ...]

#: Levels of a path above a change that are noted as changed too; deeper ones answer for the level above them.
_LEVELS: Final = 24
#: Events looked through for the last one that wrote a value without changing it.
_SEARCHED: Final = 5_000


class ValueHistory:
    """Filled with an actor's events in version order; knows for every path the versions that changed it.

    `fold` may run in a thread: it works on what only it uses, and `take` hands the finds over afterwards.
    """

    def __init__(self, reducer: Reducer) -> None:
        self._reducer = reducer
        self._state: Any = NO_STATE
        # A value changes with what contains it and with what it contains; the two are found in different ways.
        self._changed: dict[Path, list[int]] = {}
        self._inside: dict[Path, list[int]] = {}

    def fold(self, events: Sequence[StoredEvent]) -> list[tuple[int, list[Path]]]:
        """Fold the events that follow; returns the paths each version changed. Raises `ReducerError`."""
        found: list[tuple[int, list[Path]]] = []
        for stored in events:
            if stored.event is None:
                continue
            state = apply(self._reducer, self._state, stored.event)
            found.append((stored.event.version, [change.path for change in diff(self._state, state)]))
            self._state = state
        return found

    def take(self, found: Sequence[tuple[int, list[Path]]]) -> None:
        """Remember what `fold` has found."""
        for version, paths in found:
            for path in paths:
                _note(self._changed, path, version)
                for length in range(min(len(path), _LEVELS)):
                    _note(self._inside, path[:length], version)

    def changed_by(self, path: Path, version: int) -> int:
        """The last version up to `version` that changed the value at `path`; 0 if none did."""
        best = max((_last(self._changed, path[:length], version) for length in range(len(path) + 1)), default=0)
        return max(best, _last(self._inside, path[:_LEVELS], version))


def last_write(events: Sequence[StoredEvent], path: Path, after: int, until: int) -> int:
    """The last version behind `after` and up to `until` whose data has a value at `path`; 0 if there is none.

    `events` are in version order. Looks at the latest 5,000 of them.
    """
    for stored in reversed(events[-_SEARCHED:]):
        event = stored.event
        if event is None or event.version > until:
            continue
        if event.version <= after:
            return 0
        if _writes(event.data, path):
            return event.version
    return 0


def _writes(data: Any, path: Path) -> bool:
    value = data
    for key in path:
        if not isinstance(value, dict):
            # An array or a scalar replaces everything below it.
            return True
        if key not in value:
            return False
        value = value[key]
    return True


def _note(versions: dict[Path, list[int]], path: Path, version: int) -> None:
    known = versions.setdefault(path, [])
    if not known or known[-1] != version:
        known.append(version)


def _last(versions: dict[Path, list[int]], path: Path, version: int) -> int:
    known = versions.get(path)
    if not known:
        return 0
    position = bisect_right(known, version)
    return known[position - 1] if position else 0
