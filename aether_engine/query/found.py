"""The hits of a search as one list, for whoever shows them while more come."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import overload

from aether_engine.query.searching import Hits


class FoundSequences(Sequence[int]):
    """The sequences found so far, rising. Eight bytes a hit."""

    def __init__(self) -> None:
        self._sequences = array("q")

    def add(self, hits: Hits) -> int:
        """Take in what a search yields; returns the index of the first sequence that is new or has moved.

        That is the former length nearly always: only `late` hits belong in front of others.
        """
        new = hits.sequences
        length = len(self._sequences)
        if not new:
            return length
        if not length or new[0] > self._sequences[-1]:
            self._sequences.extend(new)
            return length
        first = bisect_left(self._sequences, new[0])
        merged = sorted({*self._sequences[first:], *new})
        del self._sequences[first:]
        self._sequences.extend(merged)
        return first

    def position_of(self, sequence: int) -> int:
        """The index of the first hit at or behind `sequence`; the length if there is none."""
        return bisect_left(self._sequences, sequence)

    def __len__(self) -> int:
        return len(self._sequences)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._sequences[index]
