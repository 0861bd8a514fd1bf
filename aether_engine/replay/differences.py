"""What two states differ in: by path, in document order, and what they still share is not even looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: Where a value stands in a state: names of members and places in arrays, from the outside in.
Path = tuple[str | int, ...]
Same = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, of which kind, and the values (None on the side where there is none)."""

    path: Path
    kind: Literal["added", "removed", "changed"]
    old: Any
    new: Any


def diff(old: Any, new: Any) -> list[Change]:
    """What leads from `old` to `new`, in document order: as `old` is ordered, what is added behind it.

    `1`, `1.0` and `true` are three values, and so are `1.1` and `1.10` where they were read exactly. Items of
    arrays are compared by place. A whole part that came or went is one change.
    """
    return list(changes_between(old, new))


def changes_between(old: Any, new: Any, same: Same | None = None) -> Iterator[Change]:
    """The changes of `diff` one by one. `same` says which scalars are the same, by default those spelled so."""
    is_same = is_same_scalar if same is None else same
    # The next step is the last item: a change that is known, or a pair that has to be looked into.
    pending: list[Change | tuple[Path, Any, Any]] = [((), old, new)]
    while pending:
        step = pending.pop()
        if isinstance(step, Change):
            yield step
            continue
        path, before, after = step
        if before is after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            steps = _member_steps(path, before, after, is_same)
        elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
            steps = _item_steps(path, before, after, is_same)
        else:
            if not is_same(before, after):
                yield Change(path, "changed", before, after)
            continue
        steps.reverse()
        pending += steps


def is_same_scalar(before: Any, after: Any) -> bool:
    """Whether two values, not both objects or both arrays, are written the same."""
    if isinstance(before, float) and isinstance(after, float):
        # Read exactly or not: what would be written decides.
        return repr(before) == repr(after)
    return type(before) is type(after) and bool(before == after)


_Steps = list[Change | tuple[Path, Any, Any]]
_CONTAINERS = (dict, list, tuple)


def _member_steps(path: Path, before: dict[str, Any], after: dict[str, Any], is_same: Same) -> _Steps:
    steps: _Steps = []
    for key, value in before.items():
        if key in after:
            other = after[key]
            if value is other:
                continue
            if isinstance(value, _CONTAINERS) and isinstance(other, _CONTAINERS):
                steps.append(((*path, key), value, other))
            elif not is_same(value, other):
                steps.append(Change((*path, key), "changed", value, other))
        else:
            steps.append(Change((*path, key), "removed", value, None))
    if len(after) > len(before) or not before.keys() >= after.keys():
        steps += (Change((*path, key), "added", None, after[key]) for key in after if key not in before)
    return steps


def _item_steps(path: Path, before: Sequence[Any], after: Sequence[Any], is_same: Same) -> _Steps:
    steps: _Steps = []
    shared = min(len(before), len(after))
    for place in range(shared):
        value, other = before[place], after[place]
        if value is other:
            continue
        if isinstance(value, _CONTAINERS) and isinstance(other, _CONTAINERS):
            steps.append(((*path, place), value, other))
        elif not is_same(value, other):
            steps.append(Change((*path, place), "changed", value, other))
    steps += (Change((*path, place), "removed", before[place], None) for place in range(shared, len(before)))
    steps += (Change((*path, place), "added", None, after[place]) for place in range(shared, len(after)))
    return steps
