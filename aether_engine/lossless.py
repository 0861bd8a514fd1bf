"""JSON as written: the members of one container with their byte spans, one level at a time.

A decoder rounds, merges and reorders; whoever shows, edits or compares evidence needs the text. Nothing here
recurses, so deep and huge documents cost what is looked at. The grammar is RFC 8259; input that was accepted by
the codec scans without errors, other input raises `ScanError` with the offset.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

_SPACE: Final = re.compile(rb"[ \t\r\n]*")
# Possessive (+): a string of megabytes is scanned once and nothing is kept to go back to.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERAL: Final = re.compile(rb"true|false|null")
# What moves the nesting depth, with strings taken whole so that brackets inside them do not count.
_NESTING: Final = re.compile(rb'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class ScanError(ValueError):
    """The bytes are not JSON at `offset`."""

    def __init__(self, offset: int, expected: str) -> None:
        self.offset = offset
        self.expected = expected
        super().__init__(f"not JSON at byte {offset}: {expected} expected")


class Kind(Enum):
    """What a JSON value is."""

    OBJECT = "object"
    ARRAY = "array"
    STRING = "string"
    NUMBER = "number"
    LITERAL = "literal"


@dataclass(frozen=True, slots=True)
class Span:
    """A value's place in the bytes: `raw[start:end]` is its text exactly as written."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object (`key` and its span set) or one item of an array (`key` None)."""

    key: str | None
    key_start: int
    key_end: int
    value: Span


def scan_value(raw: bytes, offset: int = 0) -> Span:
    """The value that starts at or behind `offset` (white space is skipped); containers are not checked."""
    start = _skip_space(raw, offset)
    first = raw[start : start + 1]
    if first == b'"':
        match = _STRING.match(raw, start)
        if match is None:
            raise ScanError(start, "end of the string")
        return Span(Kind.STRING, start, match.end())
    if first in (b"{", b"["):
        return Span(Kind.OBJECT if first == b"{" else Kind.ARRAY, start, _container_end(raw, start))
    for kind, pattern in ((Kind.NUMBER, _NUMBER), (Kind.LITERAL, _LITERAL)):
        match = pattern.match(raw, start)
        if match is not None:
            return Span(kind, start, match.end())
    raise ScanError(start, "a value")


def scan_members(raw: bytes, container: Span) -> list[Member]:
    """The direct members of an object or array in the order written; duplicate keys are all there."""
    members: list[Member] = []
    is_object = container.kind is Kind.OBJECT
    close = b"}" if is_object else b"]"
    position = _skip_space(raw, container.start + 1)
    if raw[position : position + 1] == close:
        return members
    while True:
        key: str | None = None
        key_start = key_end = position
        if is_object:
            match = _STRING.match(raw, position)
            if match is None:
                raise ScanError(position, "a key")
            key_start, key_end = match.span()
            key = string_value(raw[key_start:key_end])
            position = _skip_space(raw, key_end)
            if raw[position : position + 1] != b":":
                raise ScanError(position, "':'")
            position += 1
        value = scan_value(raw, position)
        members.append(Member(key, key_start, key_end, value))
        position = _skip_space(raw, value.end)
        separator = raw[position : position + 1]
        if separator == close:
            return members
        if separator != b",":
            raise ScanError(position, f"',' or '{close.decode()}'")
        position = _skip_space(raw, position + 1)


def find_member(raw: bytes, key: str) -> Member | None:
    """The member `key` of the object that `raw` is; of duplicates the last one, which is the one that counts."""
    found = None
    for member in scan_members(raw, scan_value(raw)):
        if member.key == key:
            found = member
    return found


def string_value(text: bytes) -> str:
    """The text a JSON string stands for. Unpaired surrogate escapes come out as they are."""
    if b"\\" not in text:
        return text[1:-1].decode("utf-8", "replace")
    try:
        value = json.loads(text.decode("utf-8", "replace"), strict=False)
    except ValueError:
        return text[1:-1].decode("utf-8", "replace")
    assert isinstance(value, str)
    return value


def _skip_space(raw: bytes, offset: int) -> int:
    match = _SPACE.match(raw, offset)
    assert match is not None
    return match.end()


def _container_end(raw: bytes, start: int) -> int:
    depth = 0
    for match in _NESTING.finditer(raw, start):
        token = raw[match.start()]
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
            if depth == 0:
                return match.end()
    raise ScanError(len(raw), "end of the object or array")
