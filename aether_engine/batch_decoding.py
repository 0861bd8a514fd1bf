"""Many events decoded at once, for whoever checks them and keeps none.

The decoder is asked once for a thousand events, and everything it cannot vouch for is left to
`codec.decode_event`, which is the only judge of what an event is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET as UNSET
from msgspec import Meta, Struct, UnsetType, structs

from aether_engine import lossless
from aether_engine.event import MAX_VERSION

_Text = Annotated[str, Meta(min_length=1)]
_OPEN: Final = ord("{")
_CLOSE: Final = ord("}")
#: Members that every event has: id, eventType, actorId, version, timestamp.
_ALWAYS: Final = 5
_LONGEST_TIME: Final = 30
_from_iso: Final = datetime.fromisoformat


class PlainEvent(
    Struct,
    rename={"event_type": "eventType", "actor_id": "actorId", "command_id": "commandId"},
    forbid_unknown_fields=True,
    eq=False,
    gc=False,
):
    """The fields of an event as they were written; what may be left out and was is `UNSET`."""

    id: _Text
    event_type: _Text
    actor_id: _Text
    version: Annotated[int, Meta(gt=0, le=MAX_VERSION)]
    timestamp: str
    data: dict[str, Any] | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    command_id: str | UnsetType | None = UNSET


class PlainColumns(NamedTuple):
    """The fields of many events, each field by itself."""

    ids: tuple[str, ...]
    event_types: tuple[str, ...]
    actor_ids: tuple[str, ...]
    versions: tuple[int, ...]
    timestamps: tuple[str, ...]
    data: tuple[dict[str, Any] | UnsetType | None, ...]
    metadata: tuple[dict[str, str] | UnsetType | None, ...]
    command_ids: tuple[str | UnsetType | None, ...]


def columns_of(events: Sequence[PlainEvent]) -> PlainColumns:
    """The columns of `events`, of which there is at least one."""
    return PlainColumns(*zip(*map(structs.astuple, events), strict=True))


_first: Final = itemgetter(0)
_last: Final = itemgetter(-1)
_decode_lines: Final = msgspec.json.Decoder(PlainEvent).decode_lines
_decode_one: Final = msgspec.json.Decoder(PlainEvent).decode


def decode_plain(raws: Sequence[bytes], joined: bytes) -> list[PlainEvent] | None:
    """The events of `raws`, None if there may be one among them that is none. `joined` has them line by line.

    Times are not looked at.
    """
    # Between "}" and "{" no document goes on, so that each line is one document, or none at all.
    count = len(raws)
    if list(map(_first, raws)).count(_OPEN) != count or list(map(_last, raws)).count(_CLOSE) != count:
        return None
    try:
        events = _decode_lines(joined)
    except (ValueError, RecursionError):
        return None
    return events if len(events) == count else None


def decode_one_plain(raw: bytes) -> PlainEvent | None:
    """The event of `raw`, None if it may be none."""
    try:
        return _decode_one(raw)
    except (ValueError, RecursionError):
        return None


def plain_moments(texts: Sequence[str]) -> list[float] | None:
    """Seconds since 1970 of times that are written as most are (`2026-03-01T10:00:00.123Z`); None if not all are.

    Cut to microseconds.
    """
    lengths = set(map(len, texts))
    for length in lengths:
        if not 20 <= length <= _LONGEST_TIME or length == 21:
            return None
        group = texts if len(lengths) == 1 else [text for text in texts if len(text) == length]
        joined, count = "".join(group), len(group)
        if (
            joined[length - 1 :: length] != "Z" * count
            or joined[10::length] != "T" * count
            or joined[7::length] != "-" * count
            or joined[16::length] != ":" * count
        ):
            return None
        if length > 20 and (joined[19::length] != "." * count or not joined[20::length].isdigit()):
            return None
    try:
        return list(map(datetime.timestamp, map(_from_iso, texts)))
    except ValueError:
        return None


# --- Duplicate keys ---------------------------------------------------------------------------------------------


class KeyCount:
    """Tells whether there can be an object among events that has a key twice, without looking at each.

    What is written is counted and compared with what was left after decoding. Never wrong where it says no.
    """

    #: Batches for which the cheap count is not tried again where it did not tell.
    _PAUSE = 32

    def __init__(self) -> None:
        self._pause = 0

    def may_have_twice(self, columns: PlainColumns, joined: bytes) -> bool:
        """Whether there can be one. `joined` are the bytes of the events, whose times `plain_moments` has read."""
        count = len(columns.ids)
        left = (_ALWAYS + 1) * count - columns.command_ids.count(UNSET)
        for column in (columns.data, columns.metadata):
            try:
                left += count + sum(map(len, column))  # type: ignore[arg-type]  # tried
            except TypeError:
                left += sum([value is not UNSET for value in column])
                left += sum([len(value) for value in column if isinstance(value, dict)])
        if self._pause:
            self._pause -= 1
        else:
            # Each key has a colon, and each time has two. If there are no others, there are no objects within
            # data, no colons in texts, and no key that was dropped.
            if joined.count(b":") == left + 2 * count:
                return False
            self._pause = self._PAUSE
        return _counts_differ(columns.data, left, joined)


def _counts_differ(data: Sequence[object], left: int, joined: bytes) -> bool:
    if b" " in joined and b" :" in joined:
        return True
    if b"\t" in joined or b"\r" in joined or (b"\\" in joined and b"\\u0022" in joined):
        return True
    objects = [value for value in data if isinstance(value, dict)]
    # There can be objects within data: what decoding left is written, and its keys are counted.
    left += msgspec.json.encode(objects).count(b'":') - sum(map(len, objects))
    return joined.count(b'":') != left


def duplicate_key(raw: bytes) -> tuple[str, int, list[bytes]] | None:
    """The first key that an object of the document has more than once.

    Returns its JSON Pointer, where it stands the second time, and all its values as written; None without one, and
    for what is no JSON.
    """
    found = False

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        members = dict(pairs)
        found = found or len(members) < len(pairs)
        return members

    try:
        json.loads(raw, object_pairs_hook=look)
    except RecursionError:
        found = True
    except ValueError:
        return None
    return _locate_duplicate(raw) if found else None


def _locate_duplicate(raw: bytes) -> tuple[str, int, list[bytes]] | None:
    try:
        pending = [("", lossless.scan_value(raw))]
        while pending:
            place, span = pending.pop()
            members = lossless.scan_members(raw, span)
            if span.kind is lossless.Kind.OBJECT:
                again = _second(members)
                if again is not None:
                    values = [raw[one.value.start : one.value.end] for one in members if one.key == again.key]
                    return f"{place}/{_token(again.key)}", again.key_start, values
            pending += [
                (f"{place}/{index if member.key is None else _token(member.key)}", member.value)
                for index, member in reversed(list(enumerate(members)))
                if member.value.kind in (lossless.Kind.OBJECT, lossless.Kind.ARRAY)
            ]
    except lossless.ScanError:
        pass
    return None


def _second(members: list[lossless.Member]) -> lossless.Member | None:
    seen: set[str | None] = set()
    for member in members:
        if member.key in seen:
            return member
        seen.add(member.key)
    return None


def _token(key: str | None) -> str:
    return (key or "").replace("~", "~0").replace("/", "~1")
