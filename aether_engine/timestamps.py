"""Moments as RFC 3339 writes them, and as microseconds since 1970."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import convert

from aether_engine.errors import excerpt

_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-5][0-9])"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: So many microseconds from 1970 (in 2112) a float of seconds is still nearest to its own microsecond.
_EXACT_AS_FLOAT: Final = 1 << 52


def parse_timestamp(text: str) -> datetime:
    """RFC 3339 to an aware datetime, cut to microseconds; raises `ValueError` for anything else.

    A leap second (`:60`) counts as the first moment of the next minute.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_unusual_timestamp(text)
    # fromisoformat reads far more than RFC 3339; these tests leave just its form.
    if (
        moment.tzinfo is not None
        and len(text) >= len("0001-01-01T00:00:00Z")
        and text[10] == "T"
        and text[16] == ":"
        and text[7] == "-"
        and (
            (text[-1] == "Z" and len(text) <= 30)
            or (text[-6] in "+-" and text[-3] == ":" and text[-2] < "6" and len(text) <= 35)
        )
        and text[19] in ".Z+-"
        and (text[19] != "." or text[20].isdigit())
    ):
        return moment
    return _parse_unusual_timestamp(text)


def format_timestamp(moment: datetime) -> str:
    """An aware datetime as RFC 3339; UTC is written as `Z`."""
    text = moment.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _parse_unusual_timestamp(text: str) -> datetime:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{excerpt(text)} is not an RFC 3339 time")
    date, minute, second, fraction, offset = match.groups()
    leap = second == "60"
    moment = datetime.fromisoformat(
        f"{date}T{minute}:{'59' if leap else second}{'' if leap else fraction or ''}{offset.upper()}"
    )
    try:
        return moment + timedelta(seconds=1) if leap else moment
    except OverflowError:
        raise ValueError(f"{excerpt(text)} is beyond the year 9999") from None


def utc_from_microseconds(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970, exactly (floats would round)."""
    return _EPOCH + timedelta(microseconds=microseconds)


def utc_from_each(microseconds: Sequence[int]) -> list[datetime]:
    """`utc_from_microseconds` of each of at least one, in a seventh of the time."""
    if max(microseconds) < _EXACT_AS_FLOAT and min(microseconds) > -_EXACT_AS_FLOAT:
        return convert([each / 1e6 for each in microseconds], list[datetime], strict=False)
    return list(map(utc_from_microseconds, microseconds))


def microseconds_from_utc(moment: datetime) -> int:
    """The inverse of `utc_from_microseconds`."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
