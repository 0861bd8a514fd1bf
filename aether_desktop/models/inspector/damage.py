"""What is wrong with a damaged event, and where: the reason in words, and the first bytes at fault."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import Final

from aether_desktop.models.events.event_cells import short_reason
from aether_engine import lossless
from aether_engine.errors import InvalidEventError, MisplacedEventError
from aether_engine.event import StoredEvent
from aether_engine.json_pieces import syntax_error

Span = tuple[int, int]

#: Bytes up to which a document is read as a whole to find where it stops being JSON.
_READ: Final = 1 << 18
_PIECE: Final = 1 << 18
#: Wire names of what a misplaced event can disagree in, where they are not the same.
_PLACES: Final = {"subject": "actorId"}


@dataclass(frozen=True, slots=True)
class Damage:
    """Why an event cannot be trusted. `span` are the first bytes at fault, None where that cannot be told."""

    reason: str
    explanation: str
    span: Span | None = None
    place: str = ""


def damage_of(stored: StoredEvent) -> Damage | None:
    """What is wrong with `stored`, None if nothing is. Bounded work for bytes of any number."""
    if stored.error is None:
        return None
    error = stored.error.error
    reason = short_reason(error)
    span, place = _first_fault(stored.raw, error) if stored.raw else (None, "")
    if isinstance(error, InvalidEventError):
        # The sentence of the error is about any input; here it is said where the fault is.
        explanation = f"{error.field} {error.problem}." if error.field else "" if place else f"It {error.problem}."
    else:
        # What the reason says already is not said again: "Payload and place disagree: version".
        explanation = str(error).removeprefix(f"{reason.partition(':')[0]}:").strip()
        explanation = explanation[:1].upper() + explanation[1:]
    return Damage(reason, explanation, span, place)


def _first_fault(raw: bytes, error: Exception) -> tuple[Span | None, str]:
    offset = not_utf8_at(raw)
    if offset is not None:
        return (offset, offset + 1), f"Byte 0x{raw[offset]:02X} at offset {offset:,} {_why_not_utf8(raw, offset)}."
    field = ""
    if isinstance(error, MisplacedEventError):
        field = _PLACES.get(error.field, error.field)
    elif isinstance(error, InvalidEventError):
        field = error.field
    if isinstance(error, InvalidEventError) and not field:
        return _not_json_at(raw)
    span = _member(raw, field) if field else None
    if span is None:
        return None, ""
    return span, f"The field {field} is at offset {span[0]:,}."


def not_utf8_at(raw: bytes) -> int | None:
    """The offset of the first byte that is not UTF-8, None if all of them are."""
    if raw.isascii():
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(raw), _PIECE):
        waiting = len(decoder.getstate()[0])
        try:
            decoder.decode(raw[start : start + _PIECE], start + _PIECE >= len(raw))
        except UnicodeDecodeError as error:
            return start - waiting + error.start
    return None


def _why_not_utf8(raw: bytes, offset: int) -> str:
    if raw[offset] & 0xC0 == 0x80 or raw[offset] in (0xC0, 0xC1) or raw[offset] > 0xF4:
        return "begins no character"
    following = raw[offset + 1 : offset + 2]
    return f"is followed by 0x{following[0]:02X}" if following else "is the last one"


def _not_json_at(raw: bytes) -> tuple[Span | None, str]:
    if len(raw) <= _READ:
        text = raw.decode("utf-8")
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            offset = _content_end(raw, min(len(text[: error.pos].encode()), len(raw) - 1))
            return (offset, offset + 1), f"From offset {offset:,} on it is not JSON: {_words(error.msg)}."
        except RecursionError:
            return None, ""
    found = syntax_error(raw)
    if found is None:
        return None, ""
    offset = _content_end(raw, min(found, len(raw) - 1))
    return (offset, offset + 1), f"From offset {offset:,} on it is not JSON."


def _content_end(raw: bytes, offset: int) -> int:
    """Where the space begins that a torn document was filled up with; `offset` where there is none."""
    if offset < len(raw) - 1 or raw[-1:] not in (b" ", b"\n", b"\r", b"\t"):
        return offset
    return min(len(raw.rstrip(b" \t\r\n")), offset)


def _words(message: str) -> str:
    return message[:1].lower() + message[1:].removesuffix(" at").removesuffix(" starting at")


def _member(raw: bytes, name: str) -> Span | None:
    if len(raw) > _READ:
        return None
    try:
        member = lossless.find_member(raw, name)
    except lossless.ScanError:
        return None
    return None if member is None else (member.value.start, member.value.end)
