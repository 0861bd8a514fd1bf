"""What one term of a filter asks of an event: its field, and what its value has to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from aether_engine import lossless
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, Event, StoredEvent
from aether_engine.query.escapes import without_escapes
from aether_engine.query.values import NumberRange, TextPattern, TimeRange, ValueTest, read_number

#: A step of a path that stands for every member of an object and every item of an array.
ANY_STEP: Final = None
Path = tuple[str | None, ...]

_FRACTION: Final = re.compile(rb"\.([0-9]+)")


class Condition(Protocol):
    """What a term asks. Frozen, so that it can go to a worker process."""

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        """Whether a readable event is meant."""
        ...

    def accepts_corrupted(self, sequence: int) -> bool:
        """Whether an event is meant of which nothing but its place can be trusted."""
        ...


class _OfContent:
    """Asks for what a corrupted event cannot be trusted with: it passes."""

    __slots__ = ()

    def accepts_corrupted(self, sequence: int) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class TextIs(_OfContent):
    """A text field of the event, by the name of its attribute."""

    field: str
    patterns: tuple[TextPattern, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        text = getattr(event, self.field)
        return any(pattern.accepts(text) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class MetadataIs(_OfContent):
    """A value of the metadata; what is not there is never meant."""

    name: str
    patterns: tuple[TextPattern, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        text = event.metadata.get(self.name)
        return text is not None and any(pattern.accepts(text) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class VersionIs(_OfContent):
    """The version lies in one of the ranges."""

    ranges: tuple[NumberRange, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        return any(each.accepts(event.version) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class SequenceIs:
    """The sequence lies in one of the ranges: the one thing that also holds of a corrupted event."""

    ranges: tuple[NumberRange, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        return self.accepts_corrupted(stored.sequence)

    def accepts_corrupted(self, sequence: int) -> bool:
        return any(each.accepts(sequence) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class TimestampIs(_OfContent):
    """The event's own time lies in one of the ranges."""

    ranges: tuple[TimeRange, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        def cut_off() -> int:
            return _nanoseconds(stored.raw)

        return any(each.accepts(event.timestamp, cut_off) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class RecordedIs(_OfContent):
    """The time at which the store took the event lies in one of the ranges."""

    ranges: tuple[TimeRange, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        return any(each.accepts(stored.recorded_at, int) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class CorruptedIs:
    """Whether the event can be trusted."""

    answers: tuple[bool, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        return False in self.answers

    def accepts_corrupted(self, sequence: int) -> bool:
        return True in self.answers


@dataclass(frozen=True, slots=True)
class TextOccurs(_OfContent):
    """The text stands somewhere in the stored bytes, as it is written there or with escapes resolved."""

    patterns: tuple[TextPattern, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        return self.occurs_in(stored.raw)

    def occurs_in(self, raw: bytes) -> bool:
        """Whether the text stands in the bytes of a readable event."""
        text = raw.decode("utf-8", "replace")
        if any(pattern.occurs_in(text) for pattern in self.patterns):
            return True
        if "\\" not in text:
            return False
        text = without_escapes(text)
        return any(pattern.occurs_in(text) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class DataIs(_OfContent):
    """A value at a path of the event's data passes one of the tests."""

    path: Path
    tests: tuple[ValueTest, ...]

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        return self.accepts_data(event.data, stored.raw)

    def accepts_data(self, data: dict[str, Any], raw: bytes) -> bool:
        """Whether a value passes; `data` is the decoded member of that name in `raw`."""
        for value, place in _values_at(data, self.path):

            def exact(place: tuple[str | int, ...] = place) -> Decimal:
                return _exact_number(raw, ("data", *place))

            for test in self.tests:
                if test.accepts_value(value, exact):
                    return True
        return False


@dataclass(frozen=True, slots=True)
class Not:
    """What the condition does not mean. A corrupted event passes all the same."""

    condition: Condition

    def accepts(self, stored: StoredEvent, event: Event) -> bool:
        return not self.condition.accepts(stored, event)

    def accepts_corrupted(self, sequence: int) -> bool:
        if isinstance(self.condition, _OfContent):
            return True
        return not self.condition.accepts_corrupted(sequence)


def correlation_is(patterns: tuple[TextPattern, ...]) -> MetadataIs:
    """The event belongs to a conversation."""
    return MetadataIs(CORRELATION_ID, patterns)


def causation_is(patterns: tuple[TextPattern, ...]) -> MetadataIs:
    """The event is an effect of an event or command."""
    return MetadataIs(CAUSATION_ID, patterns)


def _values_at(data: object, path: Path) -> Iterator[tuple[object, tuple[str | int, ...]]]:
    """The values at a path with the places where they stand. Does not recurse: a path can be long."""
    pending: list[tuple[object, int, tuple[str | int, ...]]] = [(data, 0, ())]
    while pending:
        value, depth, place = pending.pop()
        if depth == len(path):
            yield value, place
            continue
        step = path[depth]
        if isinstance(value, dict):
            if step is ANY_STEP:
                pending += [(member, depth + 1, (*place, key)) for key, member in value.items()]
            elif step in value:
                pending.append((value[step], depth + 1, (*place, step)))
        elif isinstance(value, list):
            if step is ANY_STEP:
                pending += [(item, depth + 1, (*place, index)) for index, item in enumerate(value)]
            elif step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(value):
                pending.append((value[int(step)], depth + 1, (*place, int(step))))


def _exact_number(raw: bytes, place: tuple[str | int, ...]) -> Decimal:
    """The number at a place of the document exactly as written; of duplicate keys the last counts."""
    span = lossless.scan_value(raw)
    for step in place:
        members = lossless.scan_members(raw, span)
        if isinstance(step, int):
            span = members[step].value
        else:
            span = [member.value for member in members if member.key == step][-1]
    number = read_number(raw[span.start : span.end].decode())
    # Beyond what the decimal library takes, the double (an infinity or nothing) is the better answer.
    return Decimal(number) if number is not None else Decimal(float(raw[span.start : span.end]))


def _nanoseconds(raw: bytes) -> int:
    """What the event's timestamp says below its microseconds."""
    member = lossless.find_member(raw, "timestamp")
    found = None if member is None else _FRACTION.search(raw, member.value.start, member.value.end)
    return 0 if found is None else int(found[1].ljust(9, b"0")[6:9])
