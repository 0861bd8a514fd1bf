"""What a process used of memory, minute by minute, and by how much it grew behind the first two minutes.

A single sample says little: garbage is collected now and then, and a step of the user takes megabytes for a
moment. So medians are compared: of the half minute around minute two, and of the last two minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, Final

#: Seconds; what is compared begins here.
WARM: Final = 120
#: Largest growth, as a factor.
GROWTH: Final = 1.05
_AROUND: Final = 15
_END: Final = 120

Sample = dict[str, Any]


def around_minute_two(samples: Sequence[Sample]) -> list[Sample]:
    """The samples from 1:45 to 2:15."""
    return [sample for sample in samples if abs(sample["seconds"] - WARM) <= _AROUND]


def at_the_end(samples: Sequence[Sample]) -> list[Sample]:
    """The samples of the last two minutes; empty if those are not all behind minute two."""
    last = samples[-1]["seconds"]
    if last < WARM + _AROUND + _END:
        return []
    return [sample for sample in samples if sample["seconds"] > last - _END]


def middle(samples: Sequence[Sample], name: str) -> float:
    """The median of what was sampled under `name`."""
    return float(median(sample[name] for sample in samples))


def growth(samples: Sequence[Sample], name: str) -> float | None:
    """By which factor `name` grew behind minute two; None if the run was too short to say."""
    end = at_the_end(samples)
    return middle(end, name) / middle(around_minute_two(samples), name) if end else None


def curve(samples: Sequence[Sample], name: str) -> str:
    """The median of `name` in the half minute around each full minute, in one line."""
    return " ".join(f"{minute}: {value:.0f}" for minute, value in _minutes(samples, name))


def _minutes(samples: Sequence[Sample], name: str) -> Iterator[tuple[int, float]]:
    for minute in range(1, round(samples[-1]["seconds"] / 60) + 1):
        near = [sample for sample in samples if abs(sample["seconds"] - 60 * minute) <= _AROUND]
        if near:
            yield minute, middle(near, name)
