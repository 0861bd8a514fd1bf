"""A filter made fast: what decides about rows of a file by the thousand, in a process of its own.

Texts that must be in an event's bytes are looked for before anything is decoded, and then only what the filter
asks for is. It takes events at their word: whether one can be trusted is the store's to find out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

from aether_engine import codec
from aether_engine.errors import InvalidEventError
from aether_engine.event import StoredEvent
from aether_engine.query.checks import Row, compile_terms
from aether_engine.query.conditions import RecordedIs, TextIs, VersionIs
from aether_engine.query.event_filter import EventFilter, FilterTerm
from aether_engine.query.needles import ESCAPE, needles_of
from aether_engine.store.protocols import SieveDepth

#: Where this share of events holds what is looked for, looking for it does not pay for the next blocks.
_DENSE: Final = 0.1
_SKIPPED: Final = 20


class FilterSieve:
    """Picks the events out of rows that pass a filter; goes to another process as the filter alone."""

    def __init__(self, event_filter: EventFilter) -> None:
        self.filter = event_filter
        terms = event_filter.terms
        self.depth = SieveDepth.BYTES if event_filter.takes_corrupted else SieveDepth.SELECTED
        self.needs_times = any(isinstance(term.condition, RecordedIs) for term in terms)
        self.versions = _bounds(terms, VersionIs)
        self.times = _bounds(terms, RecordedIs)
        self._of_type = [
            (term.condition, term.is_negated)
            for term in terms
            if isinstance(term.condition, TextIs) and term.condition.field == "event_type"
        ]
        self._needles = [
            needles for term in terms if not term.is_negated and (needles := needles_of(term.condition))
        ]
        self._needles.sort(key=lambda needles: -min(map(len, needles)))
        self._blocks_to_skip = 0
        self._row = Row()
        self._decode, self._checks = compile_terms(terms)

    def __reduce__(self) -> tuple[type[FilterSieve], tuple[EventFilter]]:
        return FilterSieve, (self.filter,)

    def matches(self, stored: StoredEvent) -> bool:
        return self.filter.matches(stored)

    def refuses_type(self, name: str) -> bool:
        return any(condition.accepts_text(name) is is_negated for condition, is_negated in self._of_type)

    def select(self, raws: Sequence[bytes], sequences: Sequence[int], times: Sequence[int]) -> list[int]:
        indexes: Iterable[int] = range(len(raws))
        if self._needles:
            indexes = self._holding(raws, self._needles[0])
            for needles in self._needles[1:]:
                indexes = [index for index in indexes if _holds(raws[index], needles)]
        return self._deciding(raws, indexes, sequences, times)

    def _deciding(
        self, raws: Sequence[bytes], indexes: Iterable[int], sequences: Sequence[int], times: Sequence[int]
    ) -> list[int]:
        decode, checks, row = self._decode, self._checks, self._row
        found: list[int] = []
        event: Any = None
        for index in indexes:
            row.raw = raw = raws[index]
            row.sequence = sequences[index]
            if times:
                row.microseconds = times[index]
            try:
                if decode is not None:
                    event = decode(raw)
                for check in checks:
                    if not check(event, row):
                        break
                else:
                    found.append(index)
            except (ValueError, RecursionError):
                if self._decides_carefully(row):
                    found.append(index)
        return found

    def _decides_carefully(self, row: Row) -> bool:
        """The same for an event that the fast decoder does not follow; a corrupted one is the store's to find."""
        try:
            event = codec.decode_event(row.raw)
        except InvalidEventError:
            return False
        return all(term.accepts(row, event) for term in self.filter.terms)

    def _holding(self, raws: Sequence[bytes], needles: tuple[bytes, ...]) -> Iterable[int]:
        """The indexes of all that can hold one of the needles."""
        if self._blocks_to_skip:
            self._blocks_to_skip -= 1
            return range(len(raws))
        # No needle holds a line end, so that none is found across two events.
        joined = b"\n".join(raws)
        if b"\\" in joined and ESCAPE in joined:
            found = [index for index, raw in enumerate(raws) if _holds(raw, needles)]
        else:
            found = sorted({index for needle in needles for index in _lines_with(needle, joined, raws)})
        if len(found) > _DENSE * len(raws):
            self._blocks_to_skip = _SKIPPED
        return found


def _holds(raw: bytes, needles: tuple[bytes, ...]) -> bool:
    for needle in needles:
        if needle in raw:
            return True
    # Written as an escape, anything can be there.
    return b"\\" in raw and ESCAPE in raw


def _lines_with(needle: bytes, joined: bytes, raws: Sequence[bytes]) -> list[int]:
    found: list[int] = []
    place = joined.find(needle)
    if place < 0:
        return found
    ends = list(accumulate([len(raw) + 1 for raw in raws]))
    while place >= 0:
        index = bisect_left(ends, place + 1)
        found.append(index)
        place = joined.find(needle, ends[index])
    return found


def _bounds(terms: tuple[FilterTerm, ...], kind: type[VersionIs | RecordedIs]) -> tuple[tuple[int, int], ...]:
    """What the first such term leaves of all that a column can hold."""
    for term in terms:
        if isinstance(term.condition, kind) and not term.is_negated:
            return tuple(each.bounds() for each in term.condition.ranges)
    return ()
