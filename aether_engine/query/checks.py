"""From the terms of a filter to functions that decide about one decoded event after another, as fast as may be.

For each kind of condition that millions of events are asked about there is a shorter way than its `accepts`, with
the same outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from math import inf
from operator import attrgetter
from typing import Any

from aether_engine import codec
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
from aether_engine.query.event_filter import FilterTerm
from aether_engine.query.values import IsInNumberRange


class Row:
    """Where the event that is looked at is stored; one object for all, as they come one by one."""

    __slots__ = ("microseconds", "raw", "sequence")
    raw: bytes
    sequence: int
    microseconds: int

    @property
    def recorded_at(self) -> datetime:
        return codec.utc_from_microseconds(self.microseconds)


#: Decides about what was decoded of an event, and where it is stored. May raise `ValueError`.
Check = Callable[[Any, Row], bool]


def compile_terms(terms: tuple[FilterTerm, ...]) -> tuple[Callable[[bytes], Any] | None, list[Check]]:
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


def _check(term: FilterTerm, getter: Getter | None) -> Check:
    condition, is_negated = term.condition, term.is_negated
    if isinstance(condition, DataIs):
        assert getter is not None
        return _data_check(condition, getter, is_negated)
    if isinstance(condition, TextIs) and all(pattern.is_literal for pattern in condition.patterns):
        return _literal_check(condition, is_negated)
    accepts = condition.accepts
    if isinstance(condition, TimestampIs):
        judge = condition.judge

        def check_time(event: Any, row: Row) -> bool:
            text = event.timestamp
            if type(text) is str:
                verdict = judge(text)
                if verdict is not None:
                    return verdict is not is_negated
                event.timestamp = codec.parse_timestamp(text)
            return accepts(row, event) is not is_negated

        return check_time

    def check(event: Any, row: Row) -> bool:
        return accepts(row, event) is not is_negated

    return check


def _literal_check(condition: TextIs, is_negated: bool) -> Check:
    texts = frozenset(pattern.parts[0] for pattern in condition.patterns)
    text_of = attrgetter(condition.field)

    def check(event: Any, row: Row) -> bool:
        return ((text_of(event) or "") in texts) is not is_negated

    return check


def _data_check(condition: DataIs, getter: Getter, is_negated: bool) -> Check:
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

    integers = _integers(condition) if len(prefix) == len(condition.path) else None
    low, high = integers or (0, 0)

    def check(event: Any, row: Row) -> bool:
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
