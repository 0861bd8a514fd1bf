"""An event as a flat list of fields with their texts as written, to be laid beside another event's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aether_engine import lossless
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, SPAN_ID, TRACE_ID, USER_ID, Event
from aether_engine.lossless import Kind, ScanError, Span

#: Data of more bytes than this is compared as one field: taking it apart would be felt.
DATA_LIMIT: Final = 1 << 16
#: Levels that are taken apart; what lies deeper is compared as one text.
DEPTH_LIMIT: Final = 16
#: Most fields of one event.
FIELD_LIMIT: Final = 2000

STANDARD_METADATA: Final = frozenset({CORRELATION_ID, CAUSATION_ID, USER_ID, TRACE_ID, SPAN_ID})
_PLAIN_KEY: Final = re.compile(r"\w[\w-]*")


class FieldKind(StrEnum):
    """What a field is, and so how its text is shown."""

    ID = "id"
    TYPE = "type"
    COMMAND = "command"
    JSON = "json"
    METADATA = "metadata"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event. `text` is what is written; `value` is what is compared.

    They differ for texts only: two spellings of the same characters are equal, two spellings of a number are not.
    """

    kind: FieldKind
    name: str
    text: str
    value: str


def fields_of(event: Event) -> list[Field]:
    """The fields of `event` in the order id, type, data, metadata, timestamp; at most `FIELD_LIMIT` of data."""
    raw = event.to_json()
    timestamp = lossless.find_member(raw, "timestamp")
    fields = [
        Field(FieldKind.ID, "id", event.id, event.id),
        Field(FieldKind.TYPE, "Event type", event.event_type, event.event_type),
    ]
    if event.command_id:
        fields.append(Field(FieldKind.COMMAND, "commandId", event.command_id, event.command_id))
    data = lossless.find_member(raw, "data")
    if data is not None and data.value.kind is Kind.OBJECT:
        fields.extend(_leaves(raw, data.value))
    for key, value in event.metadata.items():
        name = key if key in STANDARD_METADATA else f"metadata{_step(key)}"
        fields.append(Field(FieldKind.METADATA, name, json.dumps(value, ensure_ascii=False), value))
    if timestamp is not None:
        text = lossless.string_value(raw[timestamp.value.start : timestamp.value.end])
        fields.append(Field(FieldKind.TIME, "timestamp", text, text))
    return fields


def _leaves(raw: bytes, data: Span) -> list[Field]:
    if data.end - data.start > DATA_LIMIT:
        return [_leaf(raw, "data", data)]
    fields: list[Field] = []
    names: dict[str, int] = {}
    # A stack instead of recursion: the document is somebody else's. Members are pushed in reverse to pop in order.
    pending: list[tuple[str, Span, int]] = [("data", data, 0)]
    while pending and len(fields) < FIELD_LIMIT:
        path, span, depth = pending.pop()
        members = []
        if span.kind in (Kind.OBJECT, Kind.ARRAY) and depth < DEPTH_LIMIT:
            try:
                members = lossless.scan_members(raw, span)
            except ScanError:
                members = []
        if not members:
            if depth:
                count = names[path] = names.get(path, 0) + 1
                # Duplicate keys are both there; the second is another field.
                fields.append(_leaf(raw, path if count == 1 else f"{path} (#{count})", span))
            continue
        steps = (f"[{at}]" if member.key is None else _step(member.key) for at, member in enumerate(members))
        inner = [(path + step, member.value, depth + 1) for step, member in zip(steps, members, strict=True)]
        pending.extend(reversed(inner))
    if pending:
        # What was not taken apart still counts: two such events are equal only as a whole.
        whole = raw[data.start : data.end].decode("utf-8", "replace")
        fields.append(Field(FieldKind.JSON, "data (all of it)", f"more than {FIELD_LIMIT:,} values", whole))
    return fields


def _leaf(raw: bytes, path: str, span: Span) -> Field:
    written = raw[span.start : span.end]
    text = written.decode("utf-8", "replace")
    value = json.dumps(lossless.string_value(written)) if span.kind is Kind.STRING else text
    return Field(FieldKind.JSON, path, text, value)


def _step(key: str) -> str:
    """A key as a step of a path: `.name`, or in brackets where it would be misread."""
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]"
