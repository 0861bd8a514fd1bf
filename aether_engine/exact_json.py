"""JSON with every number as it is written, for what a fast decoder rounds and a fast encoder refuses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Any, Final, Self

from aether_engine import lossless
from aether_engine.errors import excerpt

# The decoder follows no deeper nesting, and what is written must be readable.
_MAX_DEPTH: Final = 1024
# A number that the fast decoder may round or respell. Finds a little too much (inside texts), never too little.
_INEXACT: Final = re.compile(rb"(?:[:,\[]|^)[ \t\r\n]*-?(?:[0-9]+[.eE]|[0-9]{19}|(?<=-)0)")


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


def may_be_inexact(raw: bytes) -> bool:
    """Whether a fast decoder may lose how a number of `raw` is written; True now and then where it does not."""
    return _INEXACT.search(raw) is not None


def read_exactly(raw: bytes) -> Any:
    """Decode valid JSON so that every number survives as written: as `int`, or as `ExactNumber`."""
    try:
        return json.loads(raw.decode(), parse_float=ExactNumber, parse_int=_exact_integer)
    except RecursionError:
        return _read_level_by_level(raw)


def write_exactly(value: Any) -> bytes:
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


def _exact_integer(text: str) -> int | ExactNumber:
    return ExactNumber(text) if text == "-0" else int(text)


def _read_level_by_level(raw: bytes) -> Any:
    """As `read_exactly`, for nesting that the standard library's decoder cannot follow."""
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
