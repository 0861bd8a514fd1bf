"""A filter made fast: what decides about rows of a file by the thousand, in a process of its own.

Texts that must be in an event's bytes are looked for before anything is decoded, and then only what the filter
asks for is. It takes events at their word: whether one can be trusted is the store's to find out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from math import inf
from operator import attrgetter
from typing import Any, Final

from aether_engine import codec
from aether_engine.errors import InvalidEventError
from aether_engine.event import StoredEvent
from aether_engine.projection import ABSENT, Getter, Projection, can_follow
from aether_engine.query.conditions import (
    CorruptedIs,
    DataIs,
    MetadataIs,
    RecordedIs,
    SequenceIs,
    TextIs,
    TextOccurs,
    TimestampIs,
    VersionIs,
    is_index,
)
from aether_engine.query.event_filter import EventFilter, FilterTerm
from aether_engine.query.needles import ESCAPE, needles_of
from aether_engine.query.values import IsInNumberRange
from aether_engine.store.protocols import SieveDepth

#: Where this share of events holds what is looked for, looking for it does not pay for the next blocks.
_DENSE: Final = 0.1
_SKIPPED: Final = 20

_Check = Callable[[Any, "_Row"], bool]


class _Row:
    """Where the event that is looked at is stored; one object for all, as they come one by one."""

    __slots__ = ("microseconds", "raw", "sequence")
    raw: bytes
    sequence: int
    microseconds: int

    @property
    def recorded_at(self) -> datetime:
        return codec.utc_from_microseconds(self.microseconds)


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
        self._row = _Row()
        self._decode, self._checks = _compile(terms)

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

    def _decides_carefully(self, row: _Row) -> bool:
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


# --- From terms to checks --------------------------------------------------------------------------------------


def _compile(terms: tuple[FilterTerm, ...]) -> tuple[Callable[[bytes], Any] | None, list[_Check]]:
    """What decodes as much of an event as the terms need (None: nothing), and a check for each of them."""
    fields: set[str] = set()
    paths: list[tuple[str, ...]] = []
    for term in terms:
        condition = term.condition
        if isinstance(condition, TextIs):
            fields.add(condition.field)
        elif isinstance(condition, MetadataIs):
            fields.add("metadata")
        elif isinstance(condition, VersionIs):
            fields.add("version")
        elif isinstance(condition, TimestampIs):
            fields.add("timestamp")
        elif isinstance(condition, DataIs):
            paths.append(_plain_prefix(condition))
    if not fields and not paths:
        return None, [_check(term, None) for term in terms]
    projection = Projection(fields, paths)
    getters = iter(projection.getters)
    # Cheap ones first, so that most events are dropped before a costly one.
    checks = [
        (_cost(term), _check(term, next(getters) if isinstance(term.condition, DataIs) else None))
        for term in terms
    ]
    checks.sort(key=lambda pair: pair[0])
    return projection.decode, [check for _, check in checks]


def _bounds(terms: tuple[FilterTerm, ...], kind: type[VersionIs | RecordedIs]) -> tuple[tuple[int, int], ...]:
    """What the first such term leaves of all that a column can hold."""
    for term in terms:
        if isinstance(term.condition, kind) and not term.is_negated:
            return tuple(each.bounds() for each in term.condition.ranges)
    return ()


def _check(term: FilterTerm, getter: Getter | None) -> _Check:
    condition, is_negated = term.condition, term.is_negated
    if isinstance(condition, DataIs):
        assert getter is not None
        return _data_check(condition, getter, is_negated)
    if isinstance(condition, TextIs) and all(pattern.is_literal for pattern in condition.patterns):
        return _literal_check(condition, is_negated)
    accepts = condition.accepts
    if isinstance(condition, TimestampIs):
        judge = condition.judge

        def check_time(event: Any, row: _Row) -> bool:
            text = event.timestamp
            if type(text) is str:
                verdict = judge(text)
                if verdict is not None:
                    return verdict is not is_negated
                event.timestamp = codec.parse_timestamp(text)
            return accepts(row, event) is not is_negated

        return check_time

    def check(event: Any, row: _Row) -> bool:
        return accepts(row, event) is not is_negated

    return check


def _literal_check(condition: TextIs, is_negated: bool) -> _Check:
    texts = frozenset(pattern.parts[0] for pattern in condition.patterns)
    text_of = attrgetter(condition.field)

    def check(event: Any, row: _Row) -> bool:
        return ((text_of(event) or "") in texts) is not is_negated

    return check


def _data_check(condition: DataIs, getter: Getter, is_negated: bool) -> _Check:
    prefix = _plain_prefix(condition)
    if len(prefix) < len(condition.path):
        depth = len(prefix)

        def passes(value: object, raw: bytes) -> bool:
            return condition.accepts_below(raw, value, depth)
    else:
        place = ("data", *prefix)
        tests = [test.accepts_value for test in condition.tests]

        def passes(value: object, raw: bytes) -> bool:
            return any(test(value, raw, place) for test in tests)

    integers = _integers(condition)
    low, high = integers or (0, 0)

    def check(event: Any, row: _Row) -> bool:
        try:
            value = getter(event)
        except AttributeError:
            return is_negated
        if type(value) is int and integers is not None:
            return (low <= value <= high) is not is_negated
        return (value is not ABSENT and passes(value, row.raw)) is not is_negated

    return check


def _integers(condition: DataIs) -> tuple[float, float] | None:
    """The lowest and the highest integer that pass, if it is just a range of them and nothing else."""
    test = condition.tests[0]
    if len(condition.tests) > 1 or not isinstance(test, IsInNumberRange):
        return None
    numbers = test.numbers
    low: float | Decimal = -inf if numbers.low is None else numbers.low.exact + (not numbers.low_included)
    high: float | Decimal = inf if numbers.high is None else numbers.high.exact - (not numbers.high_included)
    return None if isinstance(low, Decimal) or isinstance(high, Decimal) else (low, high)


def _plain_prefix(condition: DataIs) -> tuple[str, ...]:
    """The steps of a path that can only be keys of objects."""
    plain: list[str] = []
    for step in condition.path:
        if step is None or is_index(step) or not can_follow(step):
            break
        plain.append(step)
    return tuple(plain)


def _cost(term: FilterTerm) -> int:
    order = (CorruptedIs, SequenceIs, VersionIs, TextIs, MetadataIs, DataIs, RecordedIs, TimestampIs, TextOccurs)
    return order.index(type(term.condition))
