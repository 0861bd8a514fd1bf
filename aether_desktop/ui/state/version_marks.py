"""What stands at the versions of a slider: snapshots, damage, a failing reducer, events that are left out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class MarkKind(Enum):
    """What a mark is drawn as: name of the icon and role of its colour. Later ones are drawn over earlier ones."""

    SNAPSHOT = "snapshot", "snapshot"
    LEFT_OUT = "leave-out", "gap"
    DRIFTED = "warning", "corrupted"
    CORRUPTED = "corrupted", "corrupted"
    FAILURE = "stop", "corrupted"


@dataclass(frozen=True, slots=True)
class SliderMark:
    """Something at a version, drawn above the line; damage stands behind the version that it follows."""

    version: int
    text: str
    kind: MarkKind = MarkKind.SNAPSHOT


def place_of(versions: Sequence[int], version: int) -> float:
    """The place of a version in the list; of one that is not in it, between its neighbours."""
    place = bisect_left(versions, version)
    if place < len(versions) and versions[place] == version:
        return place
    return max(0.0, min(place - 0.5, len(versions) - 1))


def mark_place(versions: Sequence[int], mark: SliderMark) -> float:
    """Where a mark stands."""
    place = place_of(versions, mark.version)
    return place + 0.5 if mark.kind is MarkKind.CORRUPTED else place
