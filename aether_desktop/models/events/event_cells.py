"""How one stored event reads in a table: exact texts for every column, made once and kept with the row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from aether_desktop.models.events.claims import claims_of
from aether_desktop.numbers import number_text
from aether_engine import lossless
from aether_engine.codec import format_timestamp, parse_timestamp
from aether_engine.errors import (
    AetherError,
    ChecksumMismatchError,
    EventLostError,
    InvalidEventError,
    MisplacedEventError,
)
from aether_engine.event import StoredEvent

#: Longest payload preview handed to the view, in characters; the whole text is a role of its own.
PREVIEW_LENGTH = 400
#: From this size on a table cell looks only at the ends of an event's bytes.
HUGE = 1 << 16
_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"([0-9Tt:.+Zz-]{20,35})"')
_DATA = re.compile(rb'"data"\s*:\s*')
# Inside a JSON string stand neither raw line breaks nor tabs: what a run of spaces holds there is content.
_LAYOUT = re.compile(r"[ \t\r\n]*[\t\r\n][ \t\r\n]*")
NOT_TRUSTED = "not trusted"


@dataclass(frozen=True, slots=True)
class EventCells:
    """The texts of one row. `timestamp` is `date time offset`, all digits as stored."""

    sequence: str
    version: str
    event_type: str
    actor: str
    timestamp: str
    date: str
    data: str
    corrupted: bool


def cells_of(stored: StoredEvent) -> EventCells:
    """The texts of `stored`; of a damaged event its reason, and what its bytes still say."""
    sequence = number_text(stored.sequence)
    if stored.event is not None:
        event = stored.event
        timestamp = timestamp_text(stored.raw, event.timestamp)
        return EventCells(
            sequence,
            number_text(event.version),
            event.event_type,
            event.actor_id,
            timestamp,
            timestamp[:10],
            data_preview(stored.raw, has_data=len(stored.raw) <= HUGE and bool(event.data)),
            corrupted=False,
        )
    assert stored.error is not None
    claims = claims_of(stored.raw)
    timestamp = _spaced(claims.fields["timestamp"]) if claims.moment is not None else ""
    return EventCells(
        sequence,
        number_text(claims.version) if claims.version is not None else "",
        short_reason(stored.error.error),
        claims.actor_id,
        timestamp,
        timestamp[:10],
        NOT_TRUSTED,
        corrupted=True,
    )


def timestamp_text(raw: bytes, moment: datetime) -> str:
    """The timestamp as stored, as `date time offset`: no digit lost, `Z` kept as written."""
    return _spaced(_stored_timestamp(raw, moment))


def _spaced(text: str) -> str:
    offset = 1 if text[-1:] in "Zz" else 6
    return f"{text[:10]} {text[11:-offset]} {text[-offset:]}"


def _stored_timestamp(raw: bytes, moment: datetime) -> str:
    if len(raw) > HUGE:
        # Scanning megabytes for one table cell would be felt; the timestamp usually stands near an end.
        for part in (raw[-HUGE:], raw[:HUGE]):
            for found in reversed(_TIMESTAMP.findall(part)):
                text: str = found.decode("ascii")
                if parse_timestamp(text) == moment:
                    return text
        return format_timestamp(moment)
    if (found_once := _TIMESTAMP.search(raw)) is not None and _is_said_once(raw, b'"timestamp"'):
        # Every event has one, so this is it.
        return found_once[1].decode("ascii")
    try:
        member = lossless.find_member(raw, "timestamp")
    except lossless.ScanError:
        return format_timestamp(moment)
    if member is None:
        return format_timestamp(moment)
    return lossless.string_value(raw[member.value.start : member.value.end])


def _is_said_once(raw: bytes, key: bytes) -> bool:
    """Whether a member can have this quoted key in one place only, so that no other need be looked at."""
    return raw.count(key) == 1 and b"\\u" not in raw


def data_text(raw: bytes) -> str:
    """The payload exactly as written, `{}` where there is none."""
    try:
        member = lossless.find_member(raw, "data")
    except lossless.ScanError:
        return raw.decode("utf-8", "replace")
    if member is None:
        return "{}"
    return raw[member.value.start : member.value.end].decode("utf-8", "replace")


def data_preview(raw: bytes, *, has_data: bool = False) -> str:
    """The payload on one line, cut to what a cell can show; `has_data` if it is known that there is one."""
    start = _DATA.search(raw, 0, HUGE)
    if len(raw) > HUGE:
        text = raw[start.end() if start else 0 :][: 4 * PREVIEW_LENGTH].decode("utf-8", "replace")
    elif has_data and start is not None and _is_said_once(raw, b'"data"'):
        value = lossless.scan_value(raw, start.end())
        text = raw[value.start : min(value.end, value.start + 4 * PREVIEW_LENGTH)].decode("utf-8", "replace")
    else:
        text = data_text(raw)
    return _LAYOUT.sub(" ", text[:PREVIEW_LENGTH])


def on_one_line(value: bytes) -> str:
    """A stored value on one line, cut to what a cell can show."""
    text = value[: 4 * PREVIEW_LENGTH].decode("utf-8", "replace")
    return _LAYOUT.sub(" ", text[:PREVIEW_LENGTH])


def short_reason(error: Exception) -> str:
    """Why an event is not trusted, in the few words of a table cell."""
    if isinstance(error, ChecksumMismatchError):
        return "Checksum mismatch"
    if isinstance(error, EventLostError):
        return "Lost"
    if isinstance(error, MisplacedEventError):
        return f"Payload and place disagree: {error.field}"
    if isinstance(error, InvalidEventError):
        if error.field:
            return f"{'Missing' if error.problem == 'is missing' else 'Invalid'} {error.field}"
        # "is not UTF-8: byte 0xEB at offset 188 …" in its first words.
        words = re.split("[:,]", error.problem, maxsplit=1)[0].removeprefix("is ")
        return words[:1].upper() + words[1:]
    return str(error) if isinstance(error, AetherError) else type(error).__name__


def duration_text(earlier: datetime, later: datetime, earlier_text: str = "", later_text: str = "") -> str:
    """The time between two events as `[-][h:]mm:ss.mmm`, with more digits where there are any: never rounded.

    The texts are the timestamps as stored; they may have digits that a `datetime` does not keep.
    """
    fractions = [_fraction(earlier, earlier_text), _fraction(later, later_text)]
    digits = max(1, *map(len, fractions))
    unit: int = 10**digits
    ticks = [int(fraction.ljust(digits, "0")) for fraction in fractions]
    seconds = (later.replace(microsecond=0) - earlier.replace(microsecond=0)) // timedelta(seconds=1)
    difference = seconds * unit + ticks[1] - ticks[0]
    sign = "-" if difference < 0 else ""
    seconds, ticks_left = divmod(abs(difference), unit)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    head = f"{hours}:{minute:02}" if hours else f"{minute:02}"
    # In groups of three, as milli, micro and nano are read.
    fraction = f"{ticks_left:0{digits}}".rstrip("0")
    width = max(3, -(-len(fraction) // 3) * 3)
    return f"{sign}{head}:{second:02}.{fraction.ljust(width, '0')}"


def _fraction(moment: datetime, text: str) -> str:
    """The digits of `moment` behind the second, all that its stored text has."""
    kept = f"{moment.microsecond:06}"
    stored = text.partition(".")[2]
    digits = stored[: len(stored) - len(stored.lstrip("0123456789"))]
    return digits if digits[:6].ljust(6, "0") == kept else kept
