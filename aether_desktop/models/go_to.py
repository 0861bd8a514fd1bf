"""What one can type to go somewhere: `#123` a sequence, `v12` a version, or a point in time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from aether_engine.codec import parse_timestamp


@dataclass(frozen=True, slots=True)
class ToSequence:
    sequence: int


@dataclass(frozen=True, slots=True)
class ToVersion:
    version: int


@dataclass(frozen=True, slots=True)
class ToTime:
    moment: datetime


Target = ToSequence | ToVersion | ToTime
_NUMBER = re.compile(r"(?P<kind>[#v]?)\s*(?P<digits>[0-9][0-9,. '_]*)", re.IGNORECASE)


def parse_target(text: str, *, in_stream: bool) -> Target:
    """The place meant by `text`; a bare number is a version in a stream and a sequence in a log.

    A time without an offset is taken as the machine's local time. Raises `ValueError` with a sentence.
    """
    text = text.strip()
    match = _NUMBER.fullmatch(text)
    if match is not None:
        number = int(re.sub(r"[^0-9]", "", match["digits"]))
        kind = match["kind"].lower()
        return ToVersion(number) if kind == "v" or (not kind and in_stream) else ToSequence(number)
    try:
        return ToTime(parse_timestamp(text.replace(" ", "T", 1)))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "That is no place: type #123 for a sequence, v12 for a version, or a time like 2011-09-01 13:59."
        ) from None
    return ToTime(moment if moment.tzinfo is not None else moment.astimezone())
