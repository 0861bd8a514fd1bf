"""Hashes of 64 bits by the million: those that occur twice, and those that are not among others.

0 stands for no hash and never counts.
"""

from __future__ import annotations

from array import array
from typing import Final

from aether_engine.native import columns
from aether_engine.native.library import library

#: Parts that hashes are divided into, so that a set of one is small.
_PARTS: Final = 16


def share_of(numbers: array[int], share: int, shares: int, *, step: int = 1) -> array[int]:
    """The numbers, or every `step`th of them, whose turn it is when they are looked at in so many shares."""
    if library() is not None:
        return columns.share_of(numbers, share, shares, step=step)
    piece = numbers[step - 1 :: step]
    if shares == 1:
        return piece
    return array("q", [number for number in piece if (number >> 8) % shares == share])


def repeated(numbers: array[int]) -> set[int]:
    """Those that occur more than once."""
    if library() is not None:
        return columns.repeated(numbers)
    again: set[int] = set()
    for part in _divided(numbers):
        if len(set(part)) < len(part):
            again |= _repeated(part)
    again.discard(0)
    return again


def without(numbers: array[int], others: array[int]) -> array[int]:
    """Those that are not among `others`, some more than once."""
    if library() is not None:
        return columns.without(numbers, others)
    rest = array("q")
    for mine, theirs in zip(_divided(numbers), _divided(others), strict=True):
        if mine:
            rest.extend(set(mine).difference(theirs, (0,)))
    return rest


def _divided(numbers: array[int]) -> list[array[int]]:
    parts = [array("q") for _ in range(_PARTS)]
    appends = [part.append for part in parts]
    mask = _PARTS - 1
    for number in numbers:
        appends[number & mask](number)
    return parts


def _repeated(numbers: array[int]) -> set[int]:
    seen: set[int] = set()
    again: set[int] = set()
    for number in numbers:
        if number in seen:
            again.add(number)
        seen.add(number)
    return again
