"""From a value of an event to the filter term that events with the same value pass."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from aether_engine.event import CAUSATION_ID, CORRELATION_ID

#: Longest text that a term is made of, in characters.
_LONGEST: Final = 300
_PLAIN: Final = re.compile(r"[A-Za-z0-9_$-]+")
#: Fields of an event that a filter calls by another name.
_FIELDS: Final = {
    "id": "id",
    "eventType": "type",
    "actorId": "actor",
    "commandId": "command",
    "version": "version",
}
_METADATA: Final = {CORRELATION_ID: "correlation", CAUSATION_ID: "causation"}


def value_term(keys: Sequence[str | int], value: str, *, is_text: bool) -> str:
    """The term for `value` at the path `keys` of an event, "" where there is none.

    `value` is what a text stands for, or the JSON of a number or literal as written.
    """
    name = _name(keys)
    if not name or len(value) > _LONGEST:
        return ""
    return f"{name}:{quoted(value) if is_text else value}"


def quoted(text: str) -> str:
    """`text` as a filter takes it literally."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _name(keys: Sequence[str | int]) -> str:
    match list(keys):
        case [str(field)]:
            return _FIELDS.get(field, "")
        case ["metadata", str(key)]:
            return _METADATA.get(key) or f"meta.{_step(key)}"
        case ["data", *steps] if steps:
            return ".".join(["data", *map(_step, steps)])
    return ""


def _step(key: str | int) -> str:
    return str(key) if isinstance(key, int) or _PLAIN.fullmatch(key) else quoted(key)
