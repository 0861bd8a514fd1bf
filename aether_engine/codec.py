"""Between values and their wire form (UTF-8 JSON). The only module that knows the JSON libraries.

`decode_event` is the hot path of every replay, scan and audit: fields are checked by the decoder itself, and all
explaining is left to `wire_checks.explain`, which runs only for what was refused. Numbers as written are the
business of `exact_json`, times that of `timestamps`; what others use of both can be had here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Annotated, Any, Final

import msgspec
import orjson
from msgspec import Meta, Struct, structs
from msgspec.json import Decoder

from aether_engine import lossless
from aether_engine.errors import InvalidEventError
from aether_engine.event import MAX_VERSION, ActorSnapshot, Event
from aether_engine.exact_json import ExactNumber, may_be_inexact, read_exactly, write_exactly
from aether_engine.large_events import LARGE, decode_large
from aether_engine.timestamps import (
    format_timestamp,
    microseconds_from_utc,
    parse_timestamp,
    utc_from_each,
    utc_from_microseconds,
)
from aether_engine.wire_checks import check_event, check_snapshot, explain

__all__ = [
    "EVENT_FIELDS",
    "ExactNumber",
    "decode_event",
    "decode_events",
    "decode_snapshot",
    "dumps",
    "encode_event",
    "encode_snapshot",
    "exact_state",
    "format_timestamp",
    "loads",
    "loads_exactly",
    "microseconds_from_utc",
    "parse_timestamp",
    "replace_field",
    "utc_from_each",
    "utc_from_microseconds",
    "with_exact_data",
]

# Types that the library would turn into strings silently are refused instead: what is stored must be what
# the caller handed over.
_OPTIONS: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)
#: Wire name of each field of an event, in the order we write them.
EVENT_FIELDS: Final = ("id", "eventType", "actorId", "commandId", "version", "data", "metadata", "timestamp")


_Text = Annotated[str, Meta(min_length=1)]


class _WireEvent(
    Struct,
    rename={"event_type": "eventType", "actor_id": "actorId", "command_id": "commandId", "_raw": " raw"},
    forbid_unknown_fields=True,
    eq=False,
    gc=False,
):
    """An `Event` as it is written, with the very slots of `Event`, so that it becomes one by a change of class.

    Its decoder checks the fields while it reads them. It refuses a little more than is invalid (unknown keys, deep
    nesting): what it refuses is looked at again by `_decode_carefully`.
    """

    id: _Text
    event_type: _Text
    actor_id: _Text
    version: Annotated[int, Meta(gt=0, le=MAX_VERSION)]
    timestamp: Annotated[datetime, Meta(tz=True)]
    data: dict[str, Any] | None = None
    metadata: dict[str, str] | None = None
    command_id: str | None = ""
    _raw: bytes | None = None


class _TextualWireEvent(_WireEvent):
    """The same with the time as it is written."""

    timestamp: Any


_decode_wire: Final = Decoder(_WireEvent).decode
_decode_whole: Final = Decoder(Event).decode
_decode_textual: Final = Decoder(_TextualWireEvent).decode
# A slot's own setter does not mind that events are frozen, and a call for each needs no turn of the interpreter.
_set_raw: Final[Callable[[Event, bytes], None]] = vars(Event)["_raw"].__set__


def loads(raw: bytes | str) -> Any:
    """Decode JSON; raises `ValueError`. Integers beyond 64 bits come out as floats: show the bytes instead."""
    return orjson.loads(raw)


def loads_exactly(raw: bytes) -> Any:
    """Decode JSON so that every number survives as written; raises `ValueError`.

    Integers of any size come out as `int`; decimals, and `-0`, as `ExactNumber`. Of duplicate keys the last
    counts. `dumps` writes such values back as they were.
    """
    value = orjson.loads(raw)
    return read_exactly(raw) if may_be_inexact(raw) else value


def with_exact_data(event: Event) -> Event:
    """`event` with every number of its data as written; the same object where decoding lost nothing."""
    raw = event._raw
    if raw is None or not may_be_inexact(raw):
        return event
    return structs.replace(event, data=loads_exactly(raw).get("data") or {})


def exact_state(snapshot: ActorSnapshot) -> dict[str, Any]:
    """The state of `snapshot` with every number as written."""
    raw = snapshot._raw
    if raw is None or not may_be_inexact(raw):
        return snapshot.state
    state: dict[str, Any] = loads_exactly(raw).get("state") or {}
    return state


def dumps(value: Any) -> bytes:
    """Encode a JSON value compactly; raises `ValueError` or `TypeError` for what JSON cannot hold exactly."""
    try:
        raw = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError):
        # Integers beyond 64 bits, numbers as written and deep nesting are legal JSON too.
        return write_exactly(value)
    # The library writes NaN and infinities as null, which would store something else than was given.
    return write_exactly(value) if b"null" in raw else raw


def decode_event(raw: bytes) -> Event:
    """The event whose wire form is `raw`; it encodes to these very bytes.

    Raises `InvalidEventError` naming the field and what was found.
    """
    if len(raw) > LARGE and type(raw) is bytes and (large := decode_large(raw, parse_timestamp)) is not None:
        return large
    try:
        wire = _decode_wire(raw)
        # The decoder rounds times to microseconds and reads some that RFC 3339 does not know. It did neither if
        # the event ends in `"timestamp":"…T…Z"}` with at most six digits of a second, as nearly every one does:
        # no other key that is known to it ends in "p".
        at = raw.rfind(b'p":"', -36)
        if at < 0 or raw[at + 14] != 84 or raw[-3] != 90 or len(raw) - at > 33:
            wire = _decode_textual(raw)
            wire.timestamp = parse_timestamp(wire.timestamp)
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return _decode_carefully(raw)
    wire._raw = raw if type(raw) is bytes else bytes(raw)
    if wire.data is None:
        wire.data = {}
    if wire.metadata is None:
        wire.metadata = {}
    if wire.command_id is None:
        wire.command_id = ""
    wire.__class__ = Event  # type: ignore[assignment]  # same layout, see _WireEvent
    return wire  # type: ignore[return-value]  # it is an Event by now


def decode_events(raws: Sequence[bytes]) -> list[Event]:
    """`decode_event` of each; quicker for many that are written alike, as those of one program are.

    Those lack nothing and have nothing that is null, so that they are decoded as the `Event` they become.
    """
    try:
        events = list(map(_decode_whole, raws)) if _are_alike(raws) else None
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
        events = None
    if events is None:
        return list(map(decode_event, raws))
    deque(map(_set_raw, events, raws), 0)
    return events


def _are_alike(raws: Sequence[bytes]) -> bool:
    """Whether none is large, and all end in times of one length that the decoder reads as they are."""
    length = len(raws[0]) - raws[0].rfind(b'p":"', -36)
    if not 24 <= length <= 33 or max(map(len, raws)) > LARGE:
        return False
    count = len(raws)
    ends = b"".join(map(itemgetter(slice(-length, None)), raws))
    return (
        len(ends) == length * count
        and ends[::length] == b"p" * count
        and ends[1::length] == b'"' * count
        and ends[2::length] == b":" * count
        and ends[3::length] == b'"' * count
        and ends[14::length] == b"T" * count
        and ends[length - 3 :: length] == b"Z" * count
    )


def _load(raw: bytes) -> Any:
    try:
        # As the fast decoder reads it, so that no value depends on which way an event went.
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return orjson.loads(raw)


def _decode_carefully(raw: bytes) -> Event:
    """As `decode_event`, for what the fast decoder refuses."""
    try:
        document = _load(raw)
        event_id, event_type, actor_id = document["id"], document["eventType"], document["actorId"]
        version, timestamp = document["version"], parse_timestamp(document["timestamp"])
        data, metadata, command_id = document.get("data"), document.get("metadata"), document.get("commandId")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        explain(raw, "event", orjson.loads)
    metadata = {} if metadata is None else metadata
    if (
        type(event_id) is not str
        or type(event_type) is not str
        or type(actor_id) is not str
        or type(version) is not int
        or not event_id
        or not event_type
        or not actor_id
        or not 0 < version <= MAX_VERSION
        or (data is not None and type(data) is not dict)
        or type(metadata) is not dict
        or not all(type(value) is str for value in metadata.values())
        or (command_id is not None and type(command_id) is not str)
    ):
        explain(raw, "event", orjson.loads)
    data = {} if data is None else data
    return Event(event_id, event_type, actor_id, version, data, metadata, timestamp, command_id or "", bytes(raw))


def encode_event(event: Event) -> bytes:
    """The wire form of `event`, checked; of a decoded event the very bytes it came from."""
    if event._raw is not None:
        return event._raw
    check_event(event)
    document: dict[str, Any] = {
        "id": event.id,
        "eventType": event.event_type,
        "actorId": event.actor_id,
    }
    if event.command_id:
        document["commandId"] = event.command_id
    document["version"] = event.version
    document["data"] = event.data
    if event.metadata:
        document["metadata"] = event.metadata
    document["timestamp"] = format_timestamp(event.timestamp)
    return _encode(document, "event", "data")


def decode_snapshot(raw: bytes) -> ActorSnapshot:
    """The snapshot whose wire form is `raw`. Raises `InvalidEventError` naming the field and what was found."""
    try:
        document = orjson.loads(raw)
        actor_id, version, state = document["actorId"], document["version"], document.get("state")
        timestamp = parse_timestamp(document["timestamp"])
    except (ValueError, KeyError, TypeError, AttributeError):
        explain(raw, "snapshot", orjson.loads)
    state = {} if state is None else state
    if (
        not isinstance(actor_id, str)
        or not actor_id
        or type(version) is not int
        or not 0 < version <= MAX_VERSION
        or not isinstance(state, dict)
    ):
        explain(raw, "snapshot", orjson.loads)
    snapshot = ActorSnapshot(actor_id, version, state, timestamp)
    object.__setattr__(snapshot, "_raw", bytes(raw))
    return snapshot


def encode_snapshot(snapshot: ActorSnapshot) -> bytes:
    """The wire form of `snapshot`, checked; of a decoded one the very bytes it came from."""
    if snapshot._raw is not None:
        return snapshot._raw
    check_snapshot(snapshot)
    document = {
        "actorId": snapshot.actor_id,
        "version": snapshot.version,
        "state": snapshot.state,
        "timestamp": format_timestamp(snapshot.timestamp),
    }
    return _encode(document, "snapshot", "state")


def replace_field(event: Event, wire_name: str, value: Any) -> Event:
    """`event` with one field changed and every other byte as it was; raises `InvalidEventError`."""
    raw = encode_event(event)
    try:
        text = dumps(value)
    except (TypeError, ValueError) as error:
        raise InvalidEventError(wire_name, f"cannot be written as JSON: {error}") from error
    member = lossless.find_member(raw, wire_name)
    if member is not None:
        return decode_event(raw[: member.value.start] + text + raw[member.value.end :])
    # The field was left out: it goes in front of the closing brace.
    end = lossless.scan_value(raw).end - 1
    body = raw[:end].rstrip(b" \t\r\n")
    return decode_event(body + b"," + dumps(wire_name) + b":" + text + raw[end:])


def _encode(document: dict[str, Any], kind: str, free_field: str) -> bytes:
    try:
        return dumps(document)
    except (TypeError, ValueError, RecursionError) as error:
        for name, value in document.items():
            if name != free_field:
                try:
                    dumps(value)
                except (TypeError, ValueError) as cause:
                    raise InvalidEventError(name, f"cannot be written as JSON: {cause}", kind=kind) from error
        raise InvalidEventError(free_field, f"cannot be written as JSON: {error}", kind=kind) from error
