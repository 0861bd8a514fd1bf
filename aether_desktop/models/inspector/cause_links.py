"""What links an event to its cause: the members `CorrelationID` and `CausationID` of its metadata, in typed text.

By the convention that traces follow, the cause is named by its id, and the correlation is passed on as it is.
Other members stay character for character what was typed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from aether_desktop.models.inspector.typed_json import check_metadata, escape_hidden
from aether_engine import lossless
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, SPAN_ID, TRACE_ID, Event

#: What says how an event came about, other than its data and who did it.
LINKS: Final = (CORRELATION_ID, CAUSATION_ID, TRACE_ID, SPAN_ID)


def linked_to(cause: Event, metadata_text: str) -> str:
    """`metadata_text`, which is valid, with `cause` as cause and its correlation, where it has one."""
    values = {CORRELATION_ID: cause.correlation_id, CAUSATION_ID: cause.id}
    return with_texts(metadata_text, {key: value for key, value in values.items() if value})


def unlinked(metadata_text: str) -> str:
    """`metadata_text`, which is valid, without cause and correlation."""
    return without(metadata_text, (CORRELATION_ID, CAUSATION_ID))


def with_links_of(metadata_text: str, other_text: str) -> str:
    """`metadata_text` linked as `other_text` is; as it is where `other_text` cannot be read."""
    if check_metadata(other_text).problem is not None:
        return metadata_text
    other = _members(other_text)
    return with_texts(without(metadata_text, LINKS), {key: other[key] for key in LINKS if key in other})


def with_texts(text: str, values: Mapping[str, str]) -> str:
    """A valid JSON object as text, with members replaced or put behind the others."""
    for key, value in values.items():
        raw = _object(text)
        members = lossless.scan_members(raw, lossless.scan_value(raw))
        written = escape_hidden(json.dumps(value, ensure_ascii=False)).encode()
        # Of several with one key the last counts.
        found = next((member for member in reversed(members) if member.key == key), None)
        if found is not None:
            text = (raw[: found.value.start] + written + raw[found.value.end :]).decode()
            continue
        pair = f"{json.dumps(key)}: ".encode() + written
        if not members:
            text = f"{{\n  {pair.decode()}\n}}"
            continue
        end = members[-1].value.end
        rest = raw[end:]
        gap = b"\n  " if b"\n" in raw else b" "
        text = (raw[:end] + b"," + gap + pair + rest).decode()
    return text


def without(text: str, keys: tuple[str, ...]) -> str:
    """A valid JSON object as text, without the members of these keys; as it is if it has none of them."""
    raw = _object(text)
    members = lossless.scan_members(raw, lossless.scan_value(raw))
    kept = [member for member in members if member.key not in keys]
    if len(kept) == len(members):
        return text
    if not kept:
        return "{}"
    gap = b",\n  " if b"\n" in raw else b", "
    body = gap.join(
        raw[member.key_start : member.key_end] + b": " + raw[member.value.start : member.value.end]
        for member in kept
    )
    return (b"{\n  " + body + b"\n}" if b"\n" in raw else b"{" + body + b"}").decode()


def _members(text: str) -> dict[str, str]:
    raw = _object(text)
    return {
        str(member.key): lossless.string_value(raw[member.value.start : member.value.end])
        for member in lossless.scan_members(raw, lossless.scan_value(raw))
    }


def _object(text: str) -> bytes:
    return (text if text.strip() else "{}").encode()
