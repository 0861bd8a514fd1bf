"""What a filter says about one value: a text, a number, a literal, a moment.

Numbers compare exactly, as they are written: a decoder that rounds is only believed where rounding cannot matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Final, Protocol

from aether_engine import lossless
from aether_engine.codec import microseconds_from_utc

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# Python refuses to read longer integers, and every comparison with one goes the exact way anyway.
_LONGEST_INTEGER: Final = 40
# The exponents that the decimal library takes; nothing sensible comes near.
_LARGEST_EXPONENT: Final = 10**15

#: What 64 bits hold.
LEAST: Final = -(2**63)
MOST: Final = 2**63 - 1
#: Where a value stands in a document: keys and indexes that lead to it.
Place = tuple[str | int, ...]


class Number:
    """A number as written: its exact value, and the nearest double for a quick first look."""

    __slots__ = ("approximate", "exact")

    def __init__(self, exact: int | Decimal) -> None:
        self.exact = exact
        try:
            self.approximate = float(exact)
        except OverflowError:
            self.approximate = float("inf") if exact > 0 else float("-inf")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Number) and self.exact == other.exact

    def __hash__(self) -> int:
        return hash(self.exact)

    def __repr__(self) -> str:
        return f"Number({self.exact})"


def read_number(text: str) -> int | Decimal | None:
    """The exact value of `text` if it is a number as JSON writes them, else None."""
    if _NUMBER.fullmatch(text) is None:
        return None
    if len(text) <= _LONGEST_INTEGER and text.lstrip("-").isdigit():
        return int(text)
    exponent = re.search(r"[eE]([+-]?[0-9]+)", text)
    if exponent is not None and (len(exponent[1]) > 16 or abs(int(exponent[1])) > _LARGEST_EXPONENT):
        return None
    return Decimal(text)


@dataclass(frozen=True, slots=True)
class TextPattern:
    """Text with any runs of characters between its `parts`; equality when there is just one part."""

    parts: tuple[str, ...]

    def accepts(self, text: str) -> bool:
        """Whether the whole of `text` is meant."""
        parts = self.parts
        if len(parts) == 1:
            return text == parts[0]
        first, last = parts[0], parts[-1]
        if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
            return False
        # Taking each part where it comes first leaves the most room for the next: no going back is needed.
        place, end = len(first), len(text) - len(last)
        for part in parts[1:-1]:
            place = text.find(part, place, end)
            if place < 0:
                return False
            place += len(part)
        return True

    def occurs_in(self, text: str) -> bool:
        """Whether the pattern stands anywhere in `text`."""
        place = 0
        for part in self.parts:
            place = text.find(part, place)
            if place < 0:
                return False
            place += len(part)
        return True

    @property
    def is_literal(self) -> bool:
        """Whether just one text is meant."""
        return len(self.parts) == 1

    @property
    def takes_everything(self) -> bool:
        """Whether every text is meant: `*`."""
        return len(self.parts) > 1 and not any(self.parts)


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers between two bounds; a bound that is None leaves that side open."""

    low: Number | None
    high: Number | None
    low_included: bool = True
    high_included: bool = True

    def accepts(self, value: int | Decimal) -> bool:
        """Whether an exact number lies in the range."""
        low, high = self.low, self.high
        if low is not None and (value < low.exact or (value == low.exact and not self.low_included)):
            return False
        return high is None or value < high.exact or (value == high.exact and self.high_included)

    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest integer of 64 bits in the range, for bounds that are whole numbers."""
        low = LEAST if self.low is None else int(self.low.exact) + (not self.low_included)
        high = MOST if self.high is None else int(self.high.exact) - (not self.high_included)
        return min(max(low, LEAST), MOST), min(max(high, LEAST), MOST)

    def accepts_rounded(self, value: float, raw: bytes, place: Place) -> bool:
        """Whether the number at `place` of `raw` lies in the range, which was rounded to the double `value`.

        Rounding keeps the order: only where it meets a rounded bound itself the bytes must be asked.
        """
        low, high = self.low, self.high
        if (low is not None and value < low.approximate) or (high is not None and value > high.approximate):
            return False
        if (low is not None and value == low.approximate) or (high is not None and value == high.approximate):
            return self.accepts(_exact_number(raw, place))
        return True


class ValueTest(Protocol):
    """What one alternative says about the JSON value at `place` of `raw`, as it was decoded."""

    def accepts_value(self, value: object, raw: bytes, place: Place) -> bool: ...


@dataclass(frozen=True, slots=True)
class IsText:
    """The value is text that the pattern means."""

    pattern: TextPattern

    def accepts_value(self, value: object, raw: bytes, place: Place) -> bool:
        return type(value) is str and self.pattern.accepts(value)


@dataclass(frozen=True, slots=True)
class IsInTextRange:
    """The value is text between two bounds, compared by code points: right for dates and times in one format."""

    low: str | None
    high: str | None
    low_included: bool = True
    high_included: bool = True

    def accepts_value(self, value: object, raw: bytes, place: Place) -> bool:
        if type(value) is not str:
            return False
        if self.low is not None and (value < self.low or (value == self.low and not self.low_included)):
            return False
        return self.high is None or value < self.high or (value == self.high and self.high_included)


@dataclass(frozen=True, slots=True)
class IsInNumberRange:
    """The value is a number in the range, or text that is nothing but such a number (amounts often are)."""

    numbers: NumberRange

    def accepts_value(self, value: object, raw: bytes, place: Place) -> bool:
        if type(value) is int:
            return self.numbers.accepts(value)
        if type(value) is float:
            return self.numbers.accepts_rounded(value, raw, place)
        if type(value) is str:
            number = read_number(value)
            return number is not None and self.numbers.accepts(number)
        return False


@dataclass(frozen=True, slots=True)
class IsLiteral:
    """The value is `true`, `false` or `null`."""

    literal: bool | None

    def accepts_value(self, value: object, raw: bytes, place: Place) -> bool:
        return value is self.literal


@dataclass(frozen=True, slots=True)
class IsThere:
    """There is a value, whatever it is."""

    def accepts_value(self, value: object, raw: bytes, place: Place) -> bool:
        return True


@dataclass(frozen=True)
class Moment:
    """A point in time: microseconds in `time`, and what a nanosecond clock shows below them."""

    time: datetime
    nanoseconds: int = 0

    @cached_property
    def second(self) -> str:
        """Its second in UTC as RFC 3339 writes it, without the `Z`: such texts compare as what they mean."""
        return self.time.astimezone(UTC).isoformat(timespec="seconds")[:19]


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Moments between two bounds; a bound that is None leaves that side open."""

    low: Moment | None
    high: Moment | None
    low_included: bool = True
    high_included: bool = True

    def accepts(self, time: datetime, nanoseconds: Callable[[], int]) -> bool:
        """Whether a time (cut to microseconds) lies in the range; `nanoseconds` tells what was cut off."""
        low, high = self.low, self.high
        if low is not None and time <= low.time:
            if time < low.time:
                return False
            cut = nanoseconds()
            if cut < low.nanoseconds or (cut == low.nanoseconds and not self.low_included):
                return False
        if high is not None and time >= high.time:
            if time > high.time:
                return False
            cut = nanoseconds()
            return cut < high.nanoseconds or (cut == high.nanoseconds and self.high_included)
        return True

    def bounds(self) -> tuple[int, int]:
        """The first and the last microsecond since 1970 that can be in the range."""
        low = LEAST if self.low is None else microseconds_from_utc(self.low.time)
        high = MOST if self.high is None else microseconds_from_utc(self.high.time)
        return low, high

    def judge(self, second: str) -> bool | None:
        """Whether a second in UTC, as text, lies in the range; None if a bound lies in that very second."""
        verdict: bool | None = True
        if self.low is not None and second <= self.low.second:
            if second < self.low.second:
                return False
            verdict = None
        if self.high is not None and second >= self.high.second:
            if second > self.high.second:
                return False
            verdict = None
        return verdict


def _exact_number(raw: bytes, place: Place) -> Decimal:
    """The number at a place of the document exactly as written; of duplicate keys the last counts."""
    span = lossless.scan_value(raw)
    for step in place:
        members = lossless.scan_members(raw, span)
        if isinstance(step, int):
            span = members[step].value
        else:
            span = [member.value for member in members if member.key == step][-1]
    text = raw[span.start : span.end]
    number = read_number(text.decode())
    # Beyond what the decimal library takes, the double (an infinity or nothing) is the better answer.
    return Decimal(number) if number is not None else Decimal(float(text))
