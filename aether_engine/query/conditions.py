"""What one term of a filter asks of an event: its field, and what its value has to be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from aether_engine import lossless
from aether_engine.query.escapes import without_escapes
from aether_engine.query.values import NumberRange, Place, TextPattern, TimeRange, ValueTest

#: A step of a path that stands for every member of an object and every item of an array.
ANY_STEP: Final = None
Path = tuple[str | None, ...]

_FRACTION: Final = re.compile(rb"\.([0-9]+)")


class Stored(Protocol):
    """Where an event is stored: a `StoredEvent`, or what a scan knows of a row."""

    @property
    def sequence(self) -> int: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def raw(self) -> bytes: ...


class Facts(Protocol):
    """What an event says: an `Event`, or the part of it that a scan decodes."""

    @property
    def version(self) -> int: ...
    @property
    def metadata(self) -> dict[str, str] | None: ...
    @property
    def timestamp(self) -> datetime: ...
    @property
    def data(self) -> dict[str, Any]: ...


class Condition(Protocol):
    """What a term asks. Frozen, so that it can go to a worker process."""

    def accepts(self, stored: Stored, event: Facts) -> bool:
        """Whether a readable event is meant."""
        ...

    def accepts_corrupted(self, sequence: int) -> bool | None:
        """Whether a corrupted event at this place is meant; None where its content would have to be trusted."""
        ...


class _OfContent:
    """Asks for what a corrupted event cannot be trusted with."""

    __slots__ = ()

    def accepts_corrupted(self, sequence: int) -> None:
        return None


@dataclass(frozen=True, slots=True)
class TextIs(_OfContent):
    """A text field of the event, by the name of its attribute."""

    field: str
    patterns: tuple[TextPattern, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        return self.accepts_text(getattr(event, self.field) or "")

    def accepts_text(self, text: str) -> bool:
        """Whether the field may be this."""
        return any(pattern.accepts(text) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class MetadataIs(_OfContent):
    """A value of the metadata; what is not there is never meant."""

    name: str
    patterns: tuple[TextPattern, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        text = event.metadata.get(self.name) if event.metadata else None
        return text is not None and any(pattern.accepts(text) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class VersionIs(_OfContent):
    """The version lies in one of the ranges."""

    ranges: tuple[NumberRange, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        return any(each.accepts(event.version) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class SequenceIs:
    """The sequence lies in one of the ranges: the one thing that also holds of a corrupted event."""

    ranges: tuple[NumberRange, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        return self.accepts_corrupted(stored.sequence)

    def accepts_corrupted(self, sequence: int) -> bool:
        return any(each.accepts(sequence) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class TimestampIs(_OfContent):
    """The event's own time lies in one of the ranges."""

    ranges: tuple[TimeRange, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        def cut_off() -> int:
            return _nanoseconds(stored.raw)

        return any(each.accepts(event.timestamp, cut_off) for each in self.ranges)

    def judge(self, text: str) -> bool | None:
        """The same from the text of a timestamp, in a fraction of the time; None where it takes more to know."""
        if text[-1:] != "Z" or text[10:11] != "T" or text[17:19] == "60":
            return None
        second = text[:19]
        verdicts = [each.judge(second) for each in self.ranges]
        return True if True in verdicts else None if None in verdicts else False


@dataclass(frozen=True, slots=True)
class RecordedIs(_OfContent):
    """The time at which the store took the event lies in one of the ranges."""

    ranges: tuple[TimeRange, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        return any(each.accepts(stored.recorded_at, int) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class CorruptedIs:
    """Whether the event can be trusted."""

    answers: tuple[bool, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        return False in self.answers

    def accepts_corrupted(self, sequence: int) -> bool:
        return True in self.answers


@dataclass(frozen=True, slots=True)
class TextOccurs(_OfContent):
    """The text stands somewhere in the stored bytes, as it is written there or with escapes resolved."""

    patterns: tuple[TextPattern, ...]

    def accepts(self, stored: Stored, event: Facts) -> bool:
        text = stored.raw.decode("utf-8", "replace")
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

    def accepts(self, stored: Stored, event: Facts) -> bool:
        return self.accepts_below(stored.raw, event.data, 0)

    def accepts_below(self, raw: bytes, value: object, depth: int) -> bool:
        """Whether a value passes that stands, from `value` on, at what the path has behind its first steps."""
        start: Place = ("data", *(step for step in self.path[:depth] if step is not None))
        return any(
            test.accepts_value(found, raw, place)
            for found, place in _values_at(value, self.path[depth:], start)
            for test in self.tests
        )


def _values_at(start: object, path: Path, start_place: Place) -> Iterator[tuple[object, Place]]:
    """The values at a path with the places where they stand. Does not recurse: a path can be long."""
    pending: list[tuple[object, int, Place]] = [(start, 0, start_place)]
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
            elif is_index(step) and int(step) < len(value):
                pending.append((value[int(step)], depth + 1, (*place, int(step))))


def is_index(step: str) -> bool:
    """Whether a step of a path can be the place of an item in an array."""
    return step.isascii() and step.isdigit() and len(step) < 10


def _nanoseconds(raw: bytes) -> int:
    """What the event's timestamp says below its microseconds."""
    member = lossless.find_member(raw, "timestamp")
    found = None if member is None else _FRACTION.search(raw, member.value.start, member.value.end)
    return 0 if found is None else int(found[1].ljust(9, b"0")[6:9])
