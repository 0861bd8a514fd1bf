"""Values of a folded state as the trees show and copy them: exact, and short where they are long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from aether_desktop.models.inspector.tree_roles import PREVIEW_LENGTH, ValueKind, child_path, count_text, preview
from aether_engine import codec

Path = tuple[str | int, ...]

_LEAVES_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class WrittenValue:
    """A value of megabytes that stays as it is written."""

    raw: bytes


def path_text(path: Path) -> str:
    """A path as it is written: `case.lines[0]["odd key"]`."""
    text = ""
    for key in path:
        text = child_path(text, key)
    return text


def value_at(state: Any, path: Path) -> Any:
    """The value at a path of a document; raises `LookupError` or `TypeError` where there is none."""
    for key in path:
        if not isinstance(state, (dict, list, tuple)):
            raise KeyError(key)
        state = state[key]  # type: ignore[index]  # the key fits, or this raises
    return state


def value_bytes(value: Any) -> bytes:
    """The JSON of a value, whole, with every number as it was stored."""
    if isinstance(value, WrittenValue):
        return value.raw
    return codec.dumps(value)


def preview_value(value: Any) -> str:
    """A value as a cell shows it: containers as their count, long texts with their length behind them."""
    if isinstance(value, WrittenValue):
        first, size = value.raw[:1], f"{len(value.raw):,} bytes"
        return f"{{ {size} }}" if first == b"{" else f"[ {size} ]" if first == b"[" else preview(value.raw)
    if isinstance(value, (dict, list, tuple)):
        return count_text(len(value), isinstance(value, dict))
    if isinstance(value, str) and len(value) > PREVIEW_LENGTH:
        return f"{codec.dumps(value[:PREVIEW_LENGTH]).decode()[:-1]}… ({len(value):,} characters)"
    text = codec.dumps(value).decode()
    if len(text) > 2 * PREVIEW_LENGTH:
        return f"{text[:PREVIEW_LENGTH]}… ({len(text):,} digits)"
    return text


def kind_of(value: Any) -> ValueKind:
    """How a value is coloured."""
    if isinstance(value, WrittenValue):
        return ValueKind.STRING if value.raw[:1] == b'"' else ValueKind.CONTAINER
    if isinstance(value, str):
        return ValueKind.STRING
    if value is None or isinstance(value, bool):
        return ValueKind.LITERAL
    if isinstance(value, (dict, list, tuple)):
        return ValueKind.CONTAINER
    return ValueKind.NUMBER


def leaves(value: Any, limit: int = _LEAVES_COUNTED) -> Iterator[tuple[Path, Any]]:
    """The values of a document that contain no others, in document order, at most `limit`."""
    pending: list[tuple[Path, Any]] = [((), value)]
    while pending and limit > 0:
        path, item = pending.pop()
        if isinstance(item, dict) and item:
            pending.extend(((*path, key), child) for key, child in reversed(item.items()))
        elif isinstance(item, (list, tuple)) and item:
            pending.extend(((*path, place), item[place]) for place in range(len(item) - 1, -1, -1))
        else:
            limit -= 1
            yield path, item
