"""Events of megabytes: checked as a whole when they are read, taken apart only when somebody asks for their data.

Making a million small objects of one event takes a second and hundreds of megabytes, in one piece that no other
thread can interrupt. Whoever lists, copies or shows events needs none of it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, cast

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from aether_engine.event import MAX_VERSION, Event

#: Bytes from which on data are taken apart late.
LARGE: Final = 1 << 20
#: What is looked through in one go: no more than a few milliseconds.
_PIECE: Final = 1 << 18
# What the decoder of the data might refuse although it skips it are numbers beyond a double: very long ones, and
# those with an exponent of three digits. A little too much is found, inside texts too, never too little.
_MANTISSA: Final = re.compile(rb"[:,\[ \t\r\n]-?[0-9.]++\Z")
_LONG: Final = 256
#: Digits and points become 0, letters of exponents e, signs +: then a few searches for fixed bytes are enough.
_SHAPES: Final = bytes(
    0x30 if byte in b"0123456789." else 0x65 if byte in b"eE" else 0x2B if byte in b"+-" else 0x20
    for byte in range(256)
)
_EXPONENTS: Final = (b"0e000", b"0e+000")
_slot: Final = Event.__dict__["data"]
_Text = Annotated[str, Meta(min_length=1)]


class _LargeWireEvent(
    Struct,
    rename={"event_type": "eventType", "actor_id": "actorId", "command_id": "commandId"},
    forbid_unknown_fields=True,
    eq=False,
    gc=False,
):
    """An event as it is written, of whose data only the syntax is checked."""

    id: _Text
    event_type: _Text
    actor_id: _Text
    version: Annotated[int, Meta(gt=0, le=MAX_VERSION)]
    timestamp: str
    data: Raw = Raw(b"null")
    metadata: dict[str, str] | None = None
    command_id: str | None = ""


_decode: Final = Decoder(_LargeWireEvent).decode


class LargeEvent(Event, frozen=True, eq=False, gc=False):
    """An event whose `data` are decoded when they are first asked for; otherwise like any other."""

    # A field of the base class: `data` here is how it is read.
    @property  # type: ignore[misc]  # it reads the attribute that it overrides
    def data(self) -> dict[str, Any]:
        """What the event says."""
        value = _slot.__get__(self)
        if type(value) is Raw:
            value = _taken_apart(value)
            _slot.__set__(self, value)
        return cast("dict[str, Any]", value)

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.to_json(),)


def decode_large(raw: bytes, parse_timestamp: Callable[[str], datetime]) -> Event | None:
    """The event in `raw`, its data not taken apart; None for what has to be looked at more carefully."""
    try:
        wire = _decode(raw)
        timestamp = parse_timestamp(wire.timestamp)
    except (ValueError, TypeError, RecursionError):
        return None
    data: Any = wire.data
    first = bytes(memoryview(wire.data)[:1])
    if first == b"n":
        data = {}
    elif first != b"{":
        return None
    if not _is_text(raw) or _may_hold_huge_number(raw):
        return None
    return LargeEvent(
        wire.id,
        wire.event_type,
        wire.actor_id,
        wire.version,
        data,
        wire.metadata or {},
        timestamp,
        wire.command_id or "",
        raw,
    )


def _taken_apart(data: Raw) -> Any:
    try:
        return msgspec.json.decode(data)
    except RecursionError:
        # Whoever asks may stand deeper in the stack than whoever checked the nesting.
        from aether_engine import codec

        return codec.loads(bytes(data))


def _again(raw: bytes) -> Event:
    return Event.from_json(raw)


def _is_text(raw: bytes) -> bool:
    if raw.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(raw), _PIECE):
            decoder.decode(raw[start : start + _PIECE], start + _PIECE >= len(raw))
    except UnicodeDecodeError:
        return False
    return True


def _may_hold_huge_number(raw: bytes) -> bool:
    long_number = b"0" * _LONG
    for start in range(0, len(raw), _PIECE):
        # What lies across two pieces is whole in one of them.
        shapes = raw[start : start + _PIECE + _LONG].translate(_SHAPES)
        if long_number in shapes:
            return True
        for exponent in _EXPONENTS:
            place = shapes.find(exponent)
            while place >= 0:
                at = start + place + 1
                if _MANTISSA.search(raw[max(0, at - _LONG) : at]):
                    return True
                place = shapes.find(exponent, place + 2)
    return False
