"""What makes an event or a snapshot valid, and what is said of one that is not.

Every function raises `InvalidEventError`, which names the field and what was found; `kind` is "event" or
"snapshot".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from aether_engine import lossless
from aether_engine.errors import InvalidEventError, excerpt
from aether_engine.event import MAX_VERSION, ActorSnapshot, Event

_EMPTY: Final[dict[str, Any]] = {}


def check_event(event: Event) -> None:
    """Refuse an event that cannot be written, but for what its data hold."""
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


def check_snapshot(snapshot: ActorSnapshot) -> None:
    """Refuse a snapshot that cannot be written."""
    _check_text("actorId", snapshot.actor_id, "snapshot")
    _check_version(snapshot.version, "snapshot")
    if not isinstance(snapshot.state, dict):
        raise InvalidEventError("state", _found(snapshot.state, "an object"), kind="snapshot")
    _check_timestamp(snapshot.timestamp, "snapshot")


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


def explain(raw: bytes, kind: str, load: Callable[[bytes], Any]) -> NoReturn:
    """Raise the error that names the first thing wrong with `raw`, which was refused already.

    `load` decodes JSON and raises `ValueError`.
    """

    def refuse(field: str, problem: str) -> NoReturn:
        raise InvalidEventError(field, problem, kind=kind) from None

    try:
        bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        follower = raw[error.start + 1 : error.start + 2]
        behind = f" followed by 0x{follower.hex().upper()}" if follower else " at the very end"
        refuse("", f"is not UTF-8: byte 0x{raw[error.start]:02X} at offset {error.start} is{behind}")
    try:
        document = load(raw)
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
