"""What damaged bytes still say of themselves, as far as they can be read; never to be trusted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aether_desktop.models.inspector.json_scan import Members, scan_document
from aether_engine.codec import decode_event, parse_timestamp
from aether_engine.errors import InvalidEventError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.lossless import Kind, ScanError, string_value

#: Bytes from the beginning that are looked at; the fields that tell what an event is stand in front of its data.
_LOOKED_AT: Final = 1 << 16
#: Bytes up to which damaged bytes are decoded as a whole, which is done while the window waits.
_DECODED: Final = 1 << 18
#: Characters of a claim that are shown.
_SHOWN: Final = 200
_FIELDS: Final = ("id", "eventType", "actorId", "commandId", "version", "timestamp")


@dataclass(frozen=True, slots=True)
class Claims:
    """The fields that can be read, by wire name, as written; of texts what they stand for."""

    fields: dict[str, str]

    @property
    def actor_id(self) -> str:
        return self.fields.get("actorId", "")

    @property
    def version(self) -> int | None:
        """The version, None if there is none that an event can have."""
        text = self.fields.get("version", "")
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
        return number if 0 < number <= MAX_VERSION else None

    @property
    def moment(self) -> datetime | None:
        """The timestamp, None if it is none."""
        with suppress(ValueError):
            return parse_timestamp(self.fields.get("timestamp", ""))
        return None


def claims_of(raw: bytes) -> Claims:
    """What the beginning of `raw` says, as far as it is JSON."""
    head = raw[:_LOOKED_AT]
    members = Members()
    with suppress(ScanError):  # what stands before it is what is asked for
        for _ in scan_document(head, members):
            pass
    fields: dict[str, str] = {}
    for row in range(len(members)):
        start, end = members.key(row)
        name = string_value(head[start:end]) if end > start else ""
        if name not in _FIELDS:
            continue
        value = members.value(row)
        text = head[value.start : value.end]
        if value.kind is Kind.STRING:
            fields[name] = string_value(text)[:_SHOWN]
        elif value.kind is Kind.NUMBER:
            fields[name] = text.decode("ascii")[:_SHOWN]
    return Claims(fields)


def claimed_event(raw: bytes) -> Event | None:
    """The event that damaged bytes still claim to be, if they can be read as a whole and are not too many."""
    if not raw or len(raw) > _DECODED:
        return None
    try:
        return decode_event(raw)
    except InvalidEventError:
        return None
