"""Between values and their wire form (UTF-8 JSON). The only module that knows the JSON libraries.

`decode_event` is the hot path of every replay, scan and audit: fields are checked by the decoder itself, and all
explaining is left to `_explain`, which runs only for what was refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring
from typing import Annotated, Any, Final, NoReturn, Self

import msgspec
import orjson
from msgspec import Meta, Struct, structs
from msgspec.json import Decoder

from aether_engine import lossless
from aether_engine.errors import InvalidEventError, excerpt
from aether_engine.event import MAX_VERSION, ActorSnapshot, Event
from aether_engine.large_events import LARGE, decode_large

# Types that the library would turn into strings silently are refused instead: what is stored must be what
# the caller handed over.
_OPTIONS: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-5][0-9])"
)
# The decoder follows no deeper nesting, and what is written must be readable.
_MAX_DEPTH: Final = 1024
# A number that the fast decoder may round or respell. Finds a little too much (inside texts), never too little.
_INEXACT: Final = re.compile(rb"(?:[:,\[]|^)[ \t\r\n]*-?(?:[0-9]+[.eE]|[0-9]{19}|(?<=-)0)")
_EMPTY: Final[dict[str, Any]] = {}
_loads: Final = orjson.loads
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


class _WholeWireEvent(_WireEvent):
    """The same of which nothing is null, so that a decoded one lacks nothing."""

    data: dict[str, Any] = {}  # copied for each
    metadata: dict[str, str] = {}
    command_id: str = ""


_decode_wire: Final = Decoder(_WireEvent).decode
_decode_whole: Final = Decoder(_WholeWireEvent).decode
_decode_textual: Final = Decoder(_TextualWireEvent).decode


def loads(raw: bytes | str) -> Any:
    """Decode JSON; raises `ValueError`. Integers beyond 64 bits come out as floats: show the bytes instead."""
    return orjson.loads(raw)


class ExactNumber(float):
    """A JSON number that remembers how it was written: `1.10` and `1e2` are written and shown as that."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]  # what copy and pickle call __new__ with
        return (self.text,)

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


def loads_exactly(raw: bytes) -> Any:
    """Decode JSON so that every number survives as written; raises `ValueError`.

    Integers of any size come out as `int`; decimals, and `-0`, as `ExactNumber`. Of duplicate keys the last
    counts. `dumps` writes such values back as they were.
    """
    value = orjson.loads(raw)
    if _INEXACT.search(raw) is None:
        return value
    try:
        return json.loads(raw.decode(), parse_float=ExactNumber, parse_int=_exact_integer)
    except RecursionError:
        return _loads_level_by_level(raw)


def with_exact_data(event: Event) -> Event:
    """`event` with every number of its data as written; the same object where decoding lost nothing."""
    raw = event._raw
    if raw is None or _INEXACT.search(raw) is None:
        return event
    return structs.replace(event, data=loads_exactly(raw).get("data") or {})


def exact_state(snapshot: ActorSnapshot) -> dict[str, Any]:
    """The state of `snapshot` with every number as written."""
    raw = snapshot._raw
    if raw is None or _INEXACT.search(raw) is None:
        return snapshot.state
    state: dict[str, Any] = loads_exactly(raw).get("state") or {}
    return state


def dumps(value: Any) -> bytes:
    """Encode a JSON value compactly; raises `ValueError` or `TypeError` for what JSON cannot hold exactly."""
    try:
        raw = orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError):
        # Integers beyond 64 bits, numbers as written and deep nesting are legal JSON too.
        return _dumps_exactly(value)
    # The library writes NaN and infinities as null, which would store something else than was given.
    return _dumps_exactly(value) if b"null" in raw else raw


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
    """`decode_event` of each; quicker for many that are written alike, as those of one program are."""
    try:
        wires = list(map(_decode_whole, raws)) if _are_alike(raws) else None
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError):
        wires = None
    if wires is None:
        return list(map(decode_event, raws))
    for wire, raw in zip(wires, raws, strict=True):
        wire._raw = raw
        wire.__class__ = Event  # type: ignore[assignment]  # same layout, see _WireEvent
    return wires  # type: ignore[return-value]  # they are Events by now


def _are_alike(raws: Sequence[bytes]) -> bool:
    """Whether none is large, and all end in times of one length that the decoder reads as they are."""
    length = len(raws[0]) - raws[0].rfind(b'p":"', -36)
    if not 24 <= length <= 33 or max(map(len, raws)) > LARGE:
        return False
    count = len(raws)
    ends = b"".join([raw[-length:] for raw in raws])
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
        return _loads(raw)


def _decode_carefully(raw: bytes) -> Event:
    """As `decode_event`, for what the fast decoder refuses."""
    try:
        document = _load(raw)
        event_id, event_type, actor_id = document["id"], document["eventType"], document["actorId"]
        version, timestamp = document["version"], parse_timestamp(document["timestamp"])
        data, metadata, command_id = document.get("data"), document.get("metadata"), document.get("commandId")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        _explain(raw, "event")
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
        _explain(raw, "event")
    data = {} if data is None else data
    return Event(event_id, event_type, actor_id, version, data, metadata, timestamp, command_id or "", bytes(raw))


def encode_event(event: Event) -> bytes:
    """The wire form of `event`, checked; of a decoded event the very bytes it came from."""
    if event._raw is not None:
        return event._raw
    _check_event(event)
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
        _explain(raw, "snapshot")
    state = {} if state is None else state
    if (
        not isinstance(actor_id, str)
        or not actor_id
        or type(version) is not int
        or not 0 < version <= MAX_VERSION
        or not isinstance(state, dict)
    ):
        _explain(raw, "snapshot")
    snapshot = ActorSnapshot(actor_id, version, state, timestamp)
    object.__setattr__(snapshot, "_raw", bytes(raw))
    return snapshot


def encode_snapshot(snapshot: ActorSnapshot) -> bytes:
    """The wire form of `snapshot`, checked; of a decoded one the very bytes it came from."""
    if snapshot._raw is not None:
        return snapshot._raw
    _check_text("actorId", snapshot.actor_id, "snapshot")
    _check_version(snapshot.version, "snapshot")
    if not isinstance(snapshot.state, dict):
        raise InvalidEventError("state", _found(snapshot.state, "an object"), kind="snapshot")
    _check_timestamp(snapshot.timestamp, "snapshot")
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


def _exact_integer(text: str) -> int | ExactNumber:
    return ExactNumber(text) if text == "-0" else int(text)


def _loads_level_by_level(raw: bytes) -> Any:
    """As `loads_exactly`, for nesting that the standard library's decoder cannot follow."""
    holder: list[Any] = [None]
    pending: list[tuple[Any, Any, lossless.Span]] = [(holder, 0, lossless.scan_value(raw))]
    while pending:
        parent, place, span = pending.pop()
        if span.kind not in (lossless.Kind.OBJECT, lossless.Kind.ARRAY):
            text = raw[span.start : span.end].decode()
            parent[place] = json.loads(text, parse_float=ExactNumber, parse_int=_exact_integer)
            continue
        members = lossless.scan_members(raw, span)
        container: Any
        if span.kind is lossless.Kind.ARRAY:
            container = [None] * len(members)
            pending.extend((container, index, member.value) for index, member in enumerate(members))
        else:
            spans = {member.key: member.value for member in members}
            container = dict.fromkeys(spans)
            pending.extend((container, key, value) for key, value in spans.items())
        parent[place] = container
    return holder[0]


def _dumps_exactly(value: Any) -> bytes:
    """Encode all that can be decoded again, numbers as written; refuses what JSON cannot hold, and cycles."""
    parts: list[str] = []
    # Open containers, innermost last: what is still to be written of each, and its identity.
    stack: list[tuple[Iterator[tuple[str, Any]], str, int]] = []
    open_ids: set[int] = set()
    separator, item = "", value
    while True:
        parts.append(separator)
        if isinstance(item, (dict, list, tuple)):
            if id(item) in open_ids:
                raise ValueError("it contains itself")
            open_ids.add(id(item))
            if len(open_ids) > _MAX_DEPTH:
                raise ValueError(f"it is nested deeper than {_MAX_DEPTH:,} levels")
            if isinstance(item, dict):
                parts.append("{")
                stack.append((_members(item), "}", id(item)))
            else:
                parts.append("[")
                stack.append((_items(item), "]", id(item)))
        else:
            parts.append(_scalar(item))
        while stack:
            rest, close, identity = stack[-1]
            following = next(rest, None)
            if following is not None:
                separator, item = following
                break
            parts.append(close)
            open_ids.discard(identity)
            stack.pop()
        else:
            return "".join(parts).encode()


def _members(container: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    comma = ""
    for key, item in container.items():
        # The standard library would turn keys of other types into text without a word.
        if not isinstance(key, str):
            raise TypeError(f"the key {excerpt(key)} is not text")
        yield f"{comma}{encode_basestring(key)}:", item
        comma = ","


def _items(container: list[Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    comma = ""
    for item in container:
        yield comma, item
        comma = ","


def _scalar(item: object) -> str:
    if item is None or isinstance(item, bool):
        return {None: "null", True: "true", False: "false"}[item]
    if isinstance(item, str):
        return encode_basestring(item)
    if isinstance(item, int):
        try:
            float(item)
        except OverflowError:
            raise ValueError(f"a number of {item.bit_length():,} bits is too large to be read back") from None
        return int.__repr__(item)
    if isinstance(item, float):
        if not math.isfinite(item):
            raise ValueError(f"{item} is not a JSON number")
        return item.text if isinstance(item, ExactNumber) else float.__repr__(item)
    raise TypeError(f"{excerpt(item)} is {type(item).__name__}, which JSON cannot hold")


def _check_event(event: Event) -> None:
    for name, text in (("id", event.id), ("eventType", event.event_type), ("actorId", event.actor_id)):
        _check_text(name, text, "event")
    _check_version(event.version, "event")
    if not isinstance(event.data, dict):
        raise InvalidEventError("data", _found(event.data, "an object"))
    if not isinstance(event.metadata, Mapping):
        raise InvalidEventError("metadata", _found(event.metadata, "an object of texts"))
    for key, value in event.metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidEventError(
                "metadata", f"holds {excerpt(value)} under {excerpt(key)}; keys and values must be text"
            )
    if not isinstance(event.command_id, str):
        raise InvalidEventError("commandId", _found(event.command_id, "text"))
    _check_timestamp(event.timestamp, "event")


def _check_text(name: str, value: object, kind: str) -> None:
    if not isinstance(value, str):
        raise InvalidEventError(name, _found(value, "text"), kind=kind)
    if not value:
        raise InvalidEventError(name, "is empty", kind=kind)


def _check_version(version: object, kind: str) -> None:
    if type(version) is not int:
        raise InvalidEventError("version", _found(version, "an integer"), kind=kind)
    if not 0 < version <= MAX_VERSION:
        raise InvalidEventError("version", f"is {version}; it must lie between 1 and {MAX_VERSION}", kind=kind)


def _check_timestamp(moment: object, kind: str) -> None:
    if not isinstance(moment, datetime):
        raise InvalidEventError("timestamp", _found(moment, "a datetime"), kind=kind)
    offset = moment.utcoffset()
    if offset is None:
        raise InvalidEventError("timestamp", f"is {moment.isoformat()} without an offset from UTC", kind=kind)
    if offset.total_seconds() % 60:
        raise InvalidEventError("timestamp", f"has the offset {offset}; whole minutes are allowed", kind=kind)


def _found(value: object, expected: str) -> str:
    return f"is {excerpt(value)} ({type(value).__name__}); it must be {expected}"


def _explain(raw: bytes, kind: str) -> NoReturn:
    """Raise the error that names the first thing wrong with `raw`, which was refused already."""

    def refuse(field: str, problem: str) -> NoReturn:
        raise InvalidEventError(field, problem, kind=kind) from None

    try:
        bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        follower = raw[error.start + 1 : error.start + 2]
        behind = f" followed by 0x{follower.hex().upper()}" if follower else " at the very end"
        refuse("", f"is not UTF-8: byte 0x{raw[error.start]:02X} at offset {error.start} is{behind}")
    try:
        document = orjson.loads(raw)
    except ValueError as error:
        refuse("", f"is not JSON: {error}" if raw else "is not JSON: there are no bytes at all")
    if not isinstance(document, dict):
        refuse("", f"is not a JSON object, it is {_excerpt_json(raw, None)}")
    texts = ("id", "eventType", "actorId") if kind == "event" else ("actorId",)
    for name in texts:
        value = document.get(name)
        if name not in document or value is None:
            refuse(name, "is missing")
        if not isinstance(value, str):
            refuse(name, f"is {_excerpt_json(raw, name)}; it must be text")
        if not value:
            refuse(name, "is empty")
    if document.get("version") is None:
        refuse("version", "is missing")
    version = document["version"]
    written = _excerpt_json(raw, "version")
    if type(version) is not int and not written.lstrip("-").isdigit():
        refuse("version", f"is {written}; it must be an integer")
    if type(version) is not int or not 0 < version <= MAX_VERSION:
        refuse("version", f"is {written}; it must lie between 1 and {MAX_VERSION}")
    free = "data" if kind == "event" else "state"
    if not isinstance(document.get(free, _EMPTY), (dict, type(None))):
        refuse(free, f"is {_excerpt_json(raw, free)}; it must be an object")
    metadata = document.get("metadata")
    if metadata is not None and kind == "event":
        if not isinstance(metadata, dict):
            refuse("metadata", f"is {_excerpt_json(raw, 'metadata')}; it must be an object of texts")
        for key, value in metadata.items():
            if not isinstance(value, str):
                refuse("metadata", f"holds {excerpt(value)} under {excerpt(key)}; values must be text")
    if kind == "event" and not isinstance(document.get("commandId"), (str, type(None))):
        refuse("commandId", f"is {_excerpt_json(raw, 'commandId')}; it must be text")
    if document.get("timestamp") is None:
        refuse("timestamp", "is missing")
    refuse("timestamp", f"is {_excerpt_json(raw, 'timestamp')}; it must be an RFC 3339 time with an offset")


def _excerpt_json(raw: bytes, name: str | None) -> str:
    """The text of one field exactly as written, cut to an excerpt."""
    try:
        member = None if name is None else lossless.find_member(raw, name)
        span = lossless.scan_value(raw) if member is None else member.value
    except lossless.ScanError:
        return excerpt(raw)
    text = raw[span.start : span.end].decode("utf-8", "replace")
    return text if len(text) <= 80 else f"{text[:80]}… ({len(text):,} characters)"


def utc_from_microseconds(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970, exactly (floats would round)."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_from_utc(moment: datetime) -> int:
    """The inverse of `utc_from_microseconds`."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
