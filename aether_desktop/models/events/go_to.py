"""What one can type to go somewhere, and what that means where one is.

`#123` is a sequence, `v12` a version, `+100` so many rows further down, `50%` a share of the way; `start`, `end`,
and points in time, by the events' own timestamps or, behind `recorded`, by the store's clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from aether_desktop.models.filter.time_terms import moment_of
from aether_desktop.numbers import number_text

REMEDY: Final = (
    "That is no place: type #123 for a sequence, v12 for a version, +100, 50%, start or end, "
    "or a time like 2011-09-01 13:59."
)


@dataclass(frozen=True, slots=True)
class ToSequence:
    sequence: int


@dataclass(frozen=True, slots=True)
class ToVersion:
    version: int


@dataclass(frozen=True, slots=True)
class ToTime:
    """The first event whose own timestamp is `moment` or later."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class ToRecorded:
    """The first event that was stored at `moment` or later."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class ToRelative:
    """So many rows further down; negative: up."""

    rows: int


@dataclass(frozen=True, slots=True)
class ToEnd:
    last: bool


@dataclass(frozen=True, slots=True)
class ToShare:
    """A share of the way from the first row to the last, in percent."""

    percent: Decimal


Target = ToSequence | ToVersion | ToTime | ToRecorded | ToRelative | ToEnd | ToShare


@dataclass(frozen=True, slots=True)
class Where:
    """Where one is: what is in front, and how far it goes.

    `rows` are those of the table, of a filtered one those that pass; `position` is the selected one's, -1 without.
    `last_sequence` is None in a stream, from which any sequence leads into the log.
    """

    in_stream: bool
    rows: int
    position: int
    last_sequence: int | None
    first_version: int = 0
    last_version: int = 0
    is_filtered: bool = False


_NUMBER: Final = re.compile(r"(?P<kind>[#v]?)\s*(?P<digits>[0-9][0-9,. '_]*)", re.IGNORECASE)
_RELATIVE: Final = re.compile(r"(?P<sign>[+\-−])\s*(?P<digits>[0-9][0-9,. '_]*)")
_SHARE: Final = re.compile(r"(?P<number>[0-9]{1,3}(?:[.,][0-9]{1,6})?)\s*%")
_RECORDED: Final = re.compile(r"(?:recorded|stored)\s*:?\s*(?P<time>.+)", re.IGNORECASE)
_ENDS: Final = {"start": False, "first": False, "begin": False, "end": True, "last": True}
_HUNDRED: Final = Decimal(100)


def parse_target(text: str, *, in_stream: bool) -> Target:
    """The place meant by `text`; a bare number is a version in a stream and a sequence in a log.

    Times are written as in filters, also as durations back from now; without an offset they are in UTC. Raises
    `ValueError` with a sentence.
    """
    text = text.strip()
    if text.lower() in _ENDS:
        return ToEnd(_ENDS[text.lower()])
    if match := _SHARE.fullmatch(text):
        percent = Decimal(match["number"].replace(",", "."))
        if percent > _HUNDRED:
            raise ValueError("There is nothing beyond 100%.")
        return ToShare(percent)
    if match := _RELATIVE.fullmatch(text):
        rows = _integer(match["digits"])
        return ToRelative(rows if match["sign"] == "+" else -rows)
    if match := _NUMBER.fullmatch(text):
        kind, number = match["kind"].lower(), _integer(match["digits"])
        return ToVersion(number) if kind == "v" or (not kind and in_stream) else ToSequence(number)
    if match := _RECORDED.fullmatch(text):
        return ToRecorded(_moment(match["time"]))
    return ToTime(_moment(text))


def preview(target: Target, where: Where) -> str:
    """Where `target` leads, in words, before one goes there. Raises `ValueError` if it leads nowhere."""
    match target:
        case ToSequence(sequence):
            if where.last_sequence is None:
                return f"Sequence {number_text(sequence)}, in the log if it is another actor's"
            if not 1 <= sequence <= where.last_sequence:
                raise ValueError(_outside("sequence", sequence, 1, where.last_sequence))
            return f"Sequence {number_text(sequence)} of {number_text(where.last_sequence)}"
        case ToVersion() if not where.in_stream:
            raise ValueError("A version belongs to an actor: open the actor's stream first.")
        case ToVersion(version):
            if not where.first_version <= version <= where.last_version:
                raise ValueError(_outside("version", version, where.first_version, where.last_version))
            return f"Version {number_text(version)} of {number_text(where.last_version)}"
        case ToTime(moment):
            return f"The first event with a timestamp of {_time(moment)} or later"
        case ToRecorded(moment):
            return f"The first event stored at {_time(moment)} or later"
        case _:
            position = position_of(target, where)
            rows = "rows that match" if where.is_filtered else "rows"
            return f"Row {number_text(position + 1)} of {number_text(where.rows)} {rows}"


def position_of(target: ToRelative | ToEnd | ToShare, where: Where) -> int:
    """The position that a target among the rows means. Raises `ValueError` if there is none."""
    if not where.rows:
        raise ValueError("There are no rows to go to.")
    match target:
        case ToEnd(last):
            return where.rows - 1 if last else 0
        case ToShare(percent):
            return int((where.rows - 1) * percent / _HUNDRED)
        case ToRelative(rows):
            # Without a selection one begins before the first row, or behind the last one.
            start = where.position if where.position >= 0 else (-1 if rows > 0 else where.rows)
            position = start + rows
            if 0 <= position < where.rows:
                return position
            left = where.rows - 1 - start if rows > 0 else start
            side = "behind" if rows > 0 else "before"
            raise ValueError(f"There are only {number_text(left)} rows {side} the selected one.")


def _integer(digits: str) -> int:
    return int(re.sub(r"[^0-9]", "", digits))


def _moment(text: str) -> datetime:
    try:
        return moment_of(text)
    except ValueError:
        raise ValueError(REMEDY) from None


def _time(moment: datetime) -> str:
    text = moment.isoformat(" ")
    return f"{text[:-6]} UTC" if text.endswith("+00:00") else text


def _outside(what: str, number: int, first: int, last: int) -> str:
    if not last:
        return f"There is no {what} {number_text(number)}: there are no events yet."
    return f"There is no {what} {number_text(number)}: they go from {number_text(first)} to {number_text(last)}."
