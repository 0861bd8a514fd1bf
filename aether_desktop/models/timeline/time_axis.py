"""Times on an axis and in words: ticks where people expect them, ranges as they are said. All of them in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from PySide6.QtCore import QLocale

from aether_engine.moments import milliseconds, moment_at

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_MONTH: Final = 30 * _DAY
_YEAR: Final = 365 * _DAY
#: Distances between ticks below a month, in milliseconds.
_STEPS: Final = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(factor * _SECOND for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * _MINUTE for factor in (1, 2, 5, 10, 15, 30)),
    *(factor * _HOUR for factor in (1, 2, 3, 6, 12)),
    *(factor * _DAY for factor in (1, 2, 5, 10)),
)
_MONTH_STEPS: Final = (1, 2, 3, 6)
_YEAR_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_UNITS: Final = ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (_SECOND, "second"), (1, "millisecond"))


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on the axis, in milliseconds since 1970, and what stands there."""

    time: int
    text: str


def ticks(start: int, end: int, most: int) -> list[Tick]:
    """At most `most` ticks between two times, in milliseconds since 1970."""
    span, most = max(end - start, 1), max(most, 1)
    for step in _STEPS:
        if span // step < most and step < _MONTH:
            first = -(-start // step) * step
            return _labelled(list(range(first, end, step)), step)
    for months in (*_MONTH_STEPS, *(12 * years for years in _YEAR_STEPS)):
        if span // (months * _MONTH) < most:
            return _labelled(_month_starts(start, end, months), months * _MONTH)
    return []


def width_text(width: int) -> str:
    """A width in milliseconds in the largest unit that it is a whole number of: "5 days", "1 minute"."""
    for unit, name in _UNITS:
        if width % unit == 0:
            count = width // unit
            return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
    return f"{width:,} milliseconds"  # pragma: no cover - every width is a whole number of those


def time_text(time: int, precision: int = 1) -> str:
    """A time in UTC, as exact as spans of `precision` milliseconds need."""
    moment = moment_at(time)
    if moment is None:
        return "before the year 1" if time < 0 else "behind the year 9999"
    date = f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
    if precision % _DAY == 0:
        return date
    if precision % _MINUTE == 0:
        return f"{date} {moment:%H:%M}"
    clock = f"{date} {moment:%H:%M:%S}"
    return clock if precision % _SECOND == 0 else f"{clock}.{moment.microsecond // 1000:03}"


def day_text(time: int, *, with_year: bool) -> str:
    """The day of a time in UTC, as an axis has it: "31 Aug 2011"."""
    moment = moment_at(time)
    if moment is None:
        return time_text(time)
    day = f"{moment.day} {_month(moment)}"
    return f"{day} {moment.year}" if with_year else day


def range_text(start: int, end: int, precision: int) -> str:
    """The times `[start, end)` in words; of whole days the last one is named, not the one behind it."""
    if precision % _DAY == 0:
        last = time_text(end - _DAY, precision)
        first = time_text(start, precision)
        return f"{first} (UTC)" if first == last else f"{first} to {last} (UTC)"
    return f"{time_text(start, precision)} to {time_text(end, precision)} UTC"


def filter_time(time: int) -> str:
    """A time as a filter's `since:` and `before:` take it."""
    moment = moment_at(time)
    if moment is None:
        return "0001-01-01" if time < 0 else "9999-12-31"
    text = time_text(time, _DAY if time % _DAY == 0 else 1)
    if time % _DAY == 0:
        return text
    date, _, clock = text.partition(" ")
    return f"{date}T{clock.removesuffix('.000')}Z"


def _month_starts(start: int, end: int, months: int) -> list[int]:
    first = moment_at(start) or datetime(1, 1, 1, tzinfo=UTC)
    # Every so many months from January of the year 0, so that quarters and centuries begin where they do.
    number = -(-(first.year * 12 + first.month - 1) // months) * months
    found: list[int] = []
    while True:
        year, month = divmod(number, 12)
        if year > 9999:
            return found
        if year >= 1:
            time = milliseconds(datetime(year, month + 1, 1, tzinfo=UTC))
            if time >= end:
                return found
            if time >= start:
                found.append(time)
        number += months


def _labelled(times: list[int], step: int) -> list[Tick]:
    found: list[Tick] = []
    date = ""
    for time in times:
        moment = moment_at(time)
        if moment is None:
            continue
        if step >= _YEAR:
            text = str(moment.year)
        elif step >= _MONTH:
            text = f"{_month(moment)} {moment.year}"
        elif step >= _DAY:
            text = f"{moment.day} {_month(moment)}"
            if not found or (moment - timedelta(milliseconds=step)).year != moment.year:
                text = f"{text} {moment.year}"
        else:
            clock = time_text(time, step).partition(" ")[2]
            day = f"{moment.day} {_month(moment)}"
            # The day is said once, and again where it changes.
            text, date = (clock if day == date else f"{day} {clock}"), day
        found.append(Tick(time, text))
    return found


def _month(moment: datetime) -> str:
    return QLocale().standaloneMonthName(moment.month, QLocale.FormatType.ShortFormat)
