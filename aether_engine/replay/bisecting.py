"""When did it become so: the version at which a condition on the state begins to hold.

Bisecting asks a handful of states where a search asks all of them, and pays for it: what it finds is *a* version
where the condition begins to hold, and the first one only if it never stops holding again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from aether_engine.replay.history import StateHistory

#: Most states that one bisection looks at; enough for streams of a million events.
MOST_EVALUATIONS: Final = 25

Predicate = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Bisection:
    """Where a condition begins to hold, after looking at `evaluations` states.

    It holds at `version` and does not at `before`, the version in front of it (0: before the first event). If it
    holds where the states begin, both are that version; if it does not hold at `last_version`, `version` is None.
    `also_at` is an earlier version where it was seen to hold as well: then `version` is not the first one.
    """

    version: int | None
    before: int
    last_version: int
    evaluations: int
    also_at: int | None = None

    @property
    def meaning(self) -> str:
        """What the answer says, and what it does not."""
        if self.version is None:
            return (
                f"It does not hold at version {self.last_version}, the last one. If it can hold for a while and "
                "stop, a search of all versions tells."
            )
        if self.version == self.before:
            place = f"at version {self.version}, where the states begin" if self.version else "before any event"
            return f"It holds {place}. If it can stop and hold again, a search of all versions tells."
        begins = f"It holds at version {self.version} and does not at version {self.before}"
        if self.also_at is not None:
            return (
                f"{begins}, but it held at version {self.also_at} before: it is not the first time. A search of "
                "all versions tells them all."
            )
        return f"{begins}. That is the first time, unless it held for a while before and stopped."


def bisect_history(history: StateHistory, holds: Predicate, *, to_version: int | None = None) -> Bisection:
    """Where `holds` begins to hold among the versions up to `to_version` (None = the last).

    Looks at no more than `MOST_EVALUATIONS` states; what the bisection itself leaves of them is spent on looking
    whether the condition held earlier too. Raises as `StateHistory.state_at` does.
    """
    search = _Search(history, holds)
    last = len(history.stream) if to_version is None else history.position_of(to_version)
    last_version = search.version(last)
    if not search.holds_at(last):
        return Bisection(None, last_version, last_version, search.evaluations)
    if last == 0 or search.holds_at(0):
        first = history.first_version
        return Bisection(first, first, last_version, search.evaluations)
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if search.holds_at(middle):
            high = middle
        else:
            low = middle
    also = search.earlier(low)
    return Bisection(
        search.version(high), search.version(low), last_version, search.evaluations, also and search.version(also)
    )


def turns(history: StateHistory, holds: Predicate, *, to_version: int | None = None) -> Iterator[tuple[int, bool]]:
    """Every version at which the condition begins (True) or ceases (False) to hold, by looking at all states.

    The first one with True is the first version where it holds. Begins with the version that the states begin with
    if it holds there. Raises as `StateHistory.state_at` does.
    """
    holding = holds(history.state_at(history.first_version))
    if holding:
        yield history.first_version, True
    for version, state in history.walk(history.first_version, to_version):
        if holds(state) != holding:
            holding = not holding
            yield version, holding


class _Search:
    """Looks at states by position, each of them once."""

    def __init__(self, history: StateHistory, holds: Predicate) -> None:
        self._history = history
        self._holds = holds
        self._known: dict[int, bool] = {}

    @property
    def evaluations(self) -> int:
        return len(self._known)

    def version(self, position: int) -> int:
        """The version of the last event in front of a position."""
        return self._history.stream.versions[position - 1] if position else self._history.first_version

    def holds_at(self, position: int) -> bool:
        known = self._known.get(position)
        if known is None:
            known = self._known[position] = bool(self._holds(self._history.state_at(self.version(position))))
        return known

    def earlier(self, end: int) -> int | None:
        """A position up to `end` where it holds, as far as the evaluations that are left can tell."""
        probes = MOST_EVALUATIONS - self.evaluations
        for number in range(1, probes + 1):
            position = end * number // (probes + 1)
            if position and self.evaluations < MOST_EVALUATIONS and self.holds_at(position):
                return position
        return None
