"""What stands behind a key's colon, read for what the key takes: text, whole numbers, times, JSON values."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from aether_engine.codec import parse_timestamp
from aether_engine.errors import excerpt
from aether_engine.query.lexing import Piece
from aether_engine.query.values import (
    IsInNumberRange,
    IsInTextRange,
    IsLiteral,
    IsText,
    IsThere,
    Moment,
    Number,
    NumberRange,
    TextPattern,
    TimeRange,
    ValueTest,
    read_number,
)

_OPERATORS: Final = (">=", "<=", ">", "<", "=")
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}[wdhms])+")
_DURATION_PART: Final = re.compile(r"([0-9]+)([wdhms])")
_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")
_CLOCK: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?")
_FRACTION: Final = re.compile(r"\.([0-9]+)")
_LITERALS: Final = {"true": True, "false": False, "null": None}
_ANSWERS: Final = {"yes": True, "true": True, "no": False, "false": False}


class OperandError(Exception):
    """A value that its key does not take: where it stands in the filter, and what is wrong with it."""

    def __init__(self, start: int, end: int, reason: str) -> None:
        self.start = start
        self.end = end
        self.reason = reason
        super().__init__(reason)


def text_pattern(value: Piece) -> TextPattern:
    """Text in which `*` outside of quotes stands for any run of characters; with `=` in front for itself."""
    operator, operand = _operator(value)
    if operator == "=":
        return TextPattern((operand.text,))
    if operator:
        raise _refused(
            value, f"Text is compared by = and *, not by {operator}; put it into quotes if it is meant."
        )
    return _pattern(value)


def integer_range(value: Piece) -> NumberRange:
    """`5`, `>=5`, `3..7`, `3..` or `..7`."""
    ends = _range_ends(value)
    if ends is not None:
        low, high = (None if not end.is_given else _integer(end) for end in ends)
        return _ordered(value, NumberRange(low, high))
    operator, operand = _operator(value)
    return _compared(operator, _integer(operand))


def time_range(value: Piece, now: datetime) -> TimeRange:
    """`>=TIME`, `TIME..TIME`, or one side of the latter left open."""
    ends = _range_ends(value)
    if ends is not None:
        low, high = (None if not end.is_given else moment(end, now) for end in ends)
        if low is None and high is None:
            raise _refused(value, "A range has at least one end: 2d.. or 2026-01-01..2026-02-01.")
        if low is not None and high is not None and low.time >= high.time:
            raise _refused(value, "Nothing lies between these times; swap the ends. The second is not included.")
        return TimeRange(low, high, high_included=False)
    operator, operand = _operator(value)
    if operator in ("", "="):
        raise _refused(value, "A time is compared by >, >=, <, <= or a range such as 2026-01-01..2026-02-01.")
    time = moment(operand, now)
    if operator.startswith(">"):
        return TimeRange(time, None, low_included=operator == ">=")
    return TimeRange(None, time, high_included=operator == "<=")


def moment(value: Piece, now: datetime) -> Moment:
    """A duration before `now` (`2d`, `1h30m`), a date, or a time of RFC 3339; UTC where no offset is given."""
    text = value.text
    try:
        if _DURATION.fullmatch(text):
            parts: dict[str, int] = {}
            for amount, unit in _DURATION_PART.findall(text):
                parts[_UNITS[unit]] = parts.get(_UNITS[unit], 0) + int(amount)
            return Moment(now - timedelta(**parts))
        date = _DATE.fullmatch(text)
        if date is not None:
            return Moment(datetime(int(date[1]), int(date[2]), int(date[3] or 1), tzinfo=UTC))
        if _CLOCK.fullmatch(text):
            text = f"{text}:00Z" if len(text) == len("2026-01-01T00:00") else f"{text}Z"
        fraction = _FRACTION.search(text)
        return Moment(parse_timestamp(text), int(fraction[1].ljust(9, "0")[6:9]) if fraction else 0)
    except (ValueError, OverflowError):
        raise _refused(
            value, f"{excerpt(text)} is no time: write 2d, 3h or 15m, 2026-01-31, or 2026-01-31T12:00:00+01:00."
        ) from None


def yes_or_no(value: Piece) -> bool:
    """`yes` or `no`."""
    answer = _ANSWERS.get(value.text)
    if answer is None:
        raise _refused(value, f"{excerpt(value.text)} is neither yes nor no.")
    return answer


def value_tests(value: Piece) -> list[ValueTest]:
    """What a JSON value has to pass one of: numbers compare as numbers, everything else as text."""
    if not value.is_quoted:
        ends = _range_ends(value)
        found = None if ends is None else _value_range(value, *ends)
        if found is not None:
            return [found]
    operator, operand = _operator(value)
    if operator and not operand.is_given:
        raise _refused(value, f"Behind {operator} stands what to compare with.")
    number = None if operand.is_quoted else read_number(operand.text)
    if operator in ("", "="):
        tests: list[ValueTest] = []
        pattern = TextPattern((operand.text,)) if operator else _pattern(operand)
        if not operand.is_quoted:
            if pattern.takes_everything:
                return [IsThere()]
            if number is not None:
                tests.append(IsInNumberRange(NumberRange(Number(number), Number(number))))
            if operand.text in _LITERALS:
                tests.append(IsLiteral(_LITERALS[operand.text]))
        return [*tests, IsText(pattern)]
    if number is not None:
        return [IsInNumberRange(_compared(operator, Number(number)))]
    if operator.startswith(">"):
        return [IsInTextRange(operand.text, None, low_included=operator == ">=")]
    return [IsInTextRange(None, operand.text, high_included=operator == "<=")]


def _value_range(value: Piece, first: Piece, last: Piece) -> ValueTest | None:
    """A range of numbers or of dates; None where the dots may as well belong to a text."""
    texts = [end.text for end in (first, last) if end.is_given]
    numbers = [read_number(text) for text in texts]
    if texts and all(number is not None for number in numbers):
        low, high = (None if not end.is_given else Number(read_number(end.text) or 0) for end in (first, last))
        return IsInNumberRange(_ordered(value, NumberRange(low, high)))
    if texts and all(re.match(r"[0-9]{4}-[0-9]{2}", text) for text in texts):
        return IsInTextRange(first.text or None, last.text or None)
    return None


def _pattern(value: Piece) -> TextPattern:
    return TextPattern(tuple(part.text for part in value.split("*")))


def _operator(value: Piece) -> tuple[str, Piece]:
    for operator in _OPERATORS:
        if value.text.startswith(operator) and not any(value.quoted[: len(operator)]):
            return operator, value.part(len(operator))
    return "", value


def _range_ends(value: Piece) -> tuple[Piece, Piece] | None:
    dots = value.find("..")
    return None if dots < 0 else (value.part(0, dots), value.part(dots + 2))


def _integer(value: Piece) -> Number:
    number = read_number(value.text)
    if not isinstance(number, int):
        raise _refused(value, f"{excerpt(value.text)} is no whole number; write 5, >=5 or 3..7.")
    return Number(number)


def _compared(operator: str, number: Number) -> NumberRange:
    if operator.startswith(">"):
        return NumberRange(number, None, low_included=operator == ">=")
    if operator.startswith("<"):
        return NumberRange(None, number, high_included=operator == "<=")
    return NumberRange(number, number)


def _ordered(value: Piece, numbers: NumberRange) -> NumberRange:
    if numbers.low is None and numbers.high is None:
        raise _refused(value, "A range has at least one end: 3..7, 3.. or ..7.")
    if numbers.low is not None and numbers.high is not None and numbers.low.exact > numbers.high.exact:
        raise _refused(value, f"Nothing lies between {numbers.low.exact} and {numbers.high.exact}; swap the ends.")
    return numbers


def _refused(value: Piece, reason: str) -> OperandError:
    # The mark needs a character to stand under, also where nothing was written.
    start = value.start if value.end > value.start else value.start - 1
    return OperandError(start, max(value.end, start + 1), reason)
