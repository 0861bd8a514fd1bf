"""What somebody is about to append: the texts as typed, and the event they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aether_desktop.models.inspector.typed_json import (
    CheckedJson,
    check_data,
    check_metadata,
    escape_hidden,
    pretty,
)
from aether_engine import codec, lossless
from aether_engine.errors import InvalidEventError
from aether_engine.event import MAX_VERSION, Event

EMPTY_OBJECT = "{}"


@dataclass(frozen=True, slots=True)
class AppendDraft:
    """An event in the making. `id` and `timestamp` are fixed when it is first submitted and stay.

    So saving a draft again, after a lost connection or a restart, saves the same event and never a second one.
    """

    namespace: str
    actor_id: str
    event_type: str = ""
    version: int = 1
    data_text: str = EMPTY_OBJECT
    metadata_text: str = EMPTY_OBJECT
    id: str = ""
    timestamp: datetime | None = None
    version_typed: bool = False

    @property
    def submitted(self) -> bool:
        """Whether it was handed to a store at least once."""
        return bool(self.id)

    def stamped(self) -> AppendDraft:
        """This draft with an id and a timestamp; one that has them is returned as it is."""
        if self.id and self.timestamp is not None:
            return self
        return replace(self, id=self.id or str(uuid4()), timestamp=self.timestamp or datetime.now(UTC))

    def unstamped(self) -> AppendDraft:
        """This draft as a new event that was never submitted."""
        return replace(self, id="", timestamp=None)

    def to_json(self) -> dict[str, Any]:
        """What brings this draft back, with `draft_from_json`."""
        return {
            "actorId": self.actor_id,
            "eventType": self.event_type,
            "version": self.version,
            "versionTyped": self.version_typed,
            "data": self.data_text,
            "metadata": self.metadata_text,
            "id": self.id,
            "timestamp": self.timestamp.isoformat() if self.timestamp is not None else "",
        }

    def event(self) -> Event:
        """The event of a stamped draft: its JSON texts are the bytes, every number exactly as typed.

        Raises `InvalidEventError` naming the field that cannot be stored.
        """
        data, metadata = check_data(self.data_text), check_metadata(self.metadata_text)
        for name, checked in (("data", data), ("metadata", metadata)):
            if checked.problem is not None:
                raise InvalidEventError(name, f"cannot be read. {checked.problem}")
        assert self.timestamp is not None, "a draft is stamped before it becomes an event"
        members = [
            ("id", _text("id", self.id)),
            ("eventType", _text("eventType", self.event_type)),
            ("actorId", _text("actorId", self.actor_id)),
            ("version", str(self.version).encode()),
            ("data", data.wire),
            ("metadata", metadata.wire),
            ("timestamp", _text("timestamp", codec.format_timestamp(self.timestamp))),
        ]
        if metadata.wire == EMPTY_OBJECT.encode():
            del members[5]  # as the codec does, which leaves out empty metadata
        return Event.from_json(
            b"{" + b",".join(b'"%s":%s' % (name.encode(), wire) for name, wire in members) + b"}"
        )

    def checked_data(self) -> CheckedJson:
        """The check of the data's text."""
        return check_data(self.data_text)

    def checked_metadata(self) -> CheckedJson:
        """The check of the metadata's text."""
        return check_metadata(self.metadata_text)


def draft_from_json(values: Mapping[str, Any], namespace: str) -> AppendDraft | None:
    """A draft that was kept; None for values that are none."""
    texts = [values.get(name) for name in ("actorId", "eventType", "data", "metadata", "id", "timestamp")]
    version = values.get("version")
    if not all(isinstance(text, str) for text in texts) or type(version) is not int:
        return None
    if not 1 <= version <= MAX_VERSION:
        return None
    actor_id, event_type, data, metadata, event_id, timestamp = map(str, texts)
    try:
        moment = datetime.fromisoformat(timestamp) if timestamp else None
    except ValueError:
        return None
    if bool(event_id) != (moment is not None and moment.tzinfo is not None):
        return None
    return AppendDraft(
        namespace,
        actor_id,
        event_type,
        version,
        data,
        metadata,
        event_id,
        moment,
        values.get("versionTyped") is True,
    )


def draft_like(event: Event, namespace: str, actor_id: str, version: int) -> AppendDraft:
    """A draft with the type, data and metadata of `event`, its numbers exactly as they are stored.

    Characters that cannot be seen become escapes: the values stay the same, and the editor shows what they are.
    """
    raw = event.to_json()
    return AppendDraft(
        namespace,
        actor_id,
        event.event_type,
        version,
        _member_text(raw, "data"),
        _member_text(raw, "metadata"),
    )


def _member_text(raw: bytes, name: str) -> str:
    member = lossless.find_member(raw, name)
    if member is None or member.value.kind is not lossless.Kind.OBJECT:
        return EMPTY_OBJECT
    return escape_hidden(pretty(raw[member.value.start : member.value.end].decode("utf-8", "replace")))


def _text(field: str, text: str) -> bytes:
    if not text:
        raise InvalidEventError(field, "is empty")
    try:
        return codec.dumps(text)
    except (TypeError, ValueError) as error:
        raise InvalidEventError(field, f"cannot be written as JSON: {error}") from error
