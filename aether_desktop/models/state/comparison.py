"""Two documents laid beside one another: the members of both in one order, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aether_desktop.models.inspector.tree_roles import Mark
from aether_desktop.models.state.state_values import Path
from aether_engine.replay import Change, diff

#: What stands on the side where there is no value.
MISSING: Final = object()
_CONTAINERS: Final = (dict, list, tuple)
Key = str | int


@dataclass(frozen=True, slots=True)
class Pair:
    """A member of either document, with its value in each."""

    key: Key
    left: Any
    right: Any


class Comparison:
    """What differs between two documents, and the rows in which both are shown. Never changed."""

    def __init__(self, left: Any, right: Any) -> None:
        """Takes a while for large documents: for a thread."""
        self.left = left
        self.right = right
        self.changes: Sequence[Change] = diff(left, right)
        self._kinds = {change.path: change.kind for change in self.changes}
        self._above: set[Path] = {
            change.path[:length] for change in self.changes for length in range(len(change.path))
        }

    def pairs(self, path: Path, left: Any, right: Any, *, only_differences: bool) -> list[Pair]:
        """The members of the containers at `path`: as the left one has them, then what only the right one has."""
        pairs = list(_pairs(left, right))
        return [pair for pair in pairs if self.differs((*path, pair.key))] if only_differences else pairs

    def differs(self, path: Path) -> bool:
        """Whether the values at a path differ, or anything in them; also what is in a part that came or went."""
        return path in self._kinds or path in self._above or self.mark(path) is not None

    def mark(self, path: Path) -> Mark | None:
        """What happened to a value, None if it is the same or differs only in parts."""
        for length in range(len(path), -1, -1):
            kind = self._kinds.get(path[:length])
            if kind is not None:
                return {"added": Mark.ADDED, "removed": Mark.REMOVED, "changed": Mark.CHANGED}[kind]
        return None


def is_container(value: Any) -> bool:
    """Whether a value has members."""
    return isinstance(value, _CONTAINERS)


def _pairs(left: Any, right: Any) -> Iterator[Pair]:
    if isinstance(left, (list, tuple)) or isinstance(right, (list, tuple)):
        yield from _items(left, right)
        return
    ours: dict[str, Any] = left if isinstance(left, dict) else {}
    theirs: dict[str, Any] = right if isinstance(right, dict) else {}
    for key, value in ours.items():
        yield Pair(key, value, theirs.get(key, MISSING))
    for key, value in theirs.items():
        if key not in ours:
            yield Pair(key, MISSING, value)


def _items(left: Any, right: Any) -> Iterator[Pair]:
    """Arrays by place; beside an object an array stands alone, the members of both one after the other."""
    if isinstance(left, dict) or isinstance(right, dict):
        for value, is_left in ((left, True), (right, False)):
            keys: Sequence[Key] = list(value) if isinstance(value, dict) else range(len(value))
            for key in keys:
                yield Pair(key, value[key] if is_left else MISSING, MISSING if is_left else value[key])
        return
    ours = left if isinstance(left, (list, tuple)) else ()
    theirs = right if isinstance(right, (list, tuple)) else ()
    for place in range(max(len(ours), len(theirs))):
        yield Pair(
            place,
            ours[place] if place < len(ours) else MISSING,
            theirs[place] if place < len(theirs) else MISSING,
        )
