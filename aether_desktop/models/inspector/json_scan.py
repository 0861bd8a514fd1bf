"""Finding the members of a JSON container in slices of work, so that 30 MB never hold up the event loop.

`aether_engine.lossless` answers the same question at once; a window cannot wait for that. The generator here stops
after every slice, knows strings of any length by searching for their end, and keeps its finds in flat arrays:
a million members cost 33 MB, not a million objects.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Generator
from typing import Final

from aether_engine.lossless import Kind, ScanError, Span

Steps = Generator[int, None, int]
"""Yields the byte reached after each slice; returns the byte behind what was scanned."""

# Bounded everywhere, so that one match is a short piece of work, and possessive, so that it needs no memory.
_STRING: Final = rb'"[^"\\]{0,2048}+(?:\\.[^"\\]{0,2048}+){0,64}+"'
_STRING_RUN: Final = re.compile(rb'(?:[^"\\]{1,65536}+|(?:\\.){1,1024}+){0,8}+', re.DOTALL)
# As much text as possible that leaves the depth unchanged.
_LEVEL_RUN: Final = re.compile(
    rb'(?:[^\[\]{}"]{1,1024}+|'
    + _STRING
    + rb'|[\[{](?:[^\[\]{}"]{1,1024}+|'
    + _STRING
    + rb"){0,16}+[\]}]){0,128}+",
    re.DOTALL,
)
_NUMBER: Final = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR: Final = re.compile(b"(" + _STRING + b")|(" + _NUMBER + b")|(true|false|null)", re.DOTALL)
_SCALAR_KINDS: Final = (Kind.STRING, Kind.NUMBER, Kind.LITERAL)
_KEY: Final = re.compile(b"(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+", re.DOTALL)
_NEXT: Final = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+")
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_KINDS: Final = tuple(Kind)
_CODE: Final = {kind: code for code, kind in enumerate(_KINDS)}
# Objects and arrays are the first two kinds.
_LAST_CONTAINER: Final = max(_CODE[Kind.OBJECT], _CODE[Kind.ARRAY])
_CLOSING: Final = b"]}"
_MEMBERS_PER_SLICE: Final = 256
_STEPS_PER_SLICE: Final = 32
_BYTES_PER_SLICE: Final = 1 << 18


class Members:
    """The members of one container found so far, in the order written; duplicate keys are all there."""

    __slots__ = ("_ends", "_key_ends", "_key_starts", "_kinds", "_starts")

    def __init__(self) -> None:
        self._kinds = bytearray()
        self._key_starts = array("q")
        self._key_ends = array("q")
        self._starts = array("q")
        self._ends = array("q")

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, key_start: int, key_end: int, value: Span) -> None:
        """Take one more member; an item of an array has an empty key span."""
        self._key_starts.append(key_start)
        self._key_ends.append(key_end)
        self._starts.append(value.start)
        self._ends.append(value.end)
        self._kinds.append(_CODE[value.kind])

    def value(self, row: int) -> Span:
        """The value of a member."""
        return Span(_KINDS[self._kinds[row]], self._starts[row], self._ends[row])

    def may_be_opened(self, row: int, raw: bytes) -> bool:
        """Whether the value is an object or array that holds something. A view asks this very often."""
        if self._kinds[row] > _LAST_CONTAINER:
            return False
        start = self._starts[row]
        # White space is the only thing that makes this hard.
        following = raw[start + 1]
        if following > 0x20:
            return following not in _CLOSING
        return not is_empty(raw, self.value(row))

    def key(self, row: int) -> tuple[int, int]:
        """First byte of a member's key (its quote) and the byte behind it; equal for an item of an array."""
        return self._key_starts[row], self._key_ends[row]

    def at(self, offset: int) -> int:
        """The row of the member whose key or value holds the byte `offset`, or -1."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._ends[middle] <= offset:
                low = middle + 1
            else:
                high = middle
        if low < len(self) and min(self._key_starts[low], self._starts[low]) <= offset:
            return low
        return -1


def skip_space(raw: bytes, offset: int) -> int:
    """The first byte at or behind `offset` that is not white space."""
    match = _SPACE.match(raw, offset)
    assert match is not None
    return match.end()


def is_empty(raw: bytes, container: Span) -> bool:
    """True for `{}` and `[]`, with or without space inside."""
    return skip_space(raw, container.start + 1) >= container.end - 1


def scan_document(raw: bytes, members: Members) -> Steps:
    """Put the members of the document `raw` (a scalar is its own only member) into `members`.

    Raises `ScanError` where it stops being JSON, behind the value too.
    """
    start = skip_space(raw, 0)
    first = raw[start : start + 1]
    if first in (b"{", b"["):
        kind = Kind.OBJECT if first == b"{" else Kind.ARRAY
        end = yield from scan_container(raw, kind, start, members)
    else:
        value = yield from _value(raw, start)
        members.add(value.start, value.start, value)
        end = value.end
    end = skip_space(raw, end)
    if end < len(raw):
        raise ScanError(end, "the end of the document")
    return end


def scan_container(raw: bytes, kind: Kind, start: int, members: Members) -> Steps:
    """Put the members of the object or array that starts at `start` into `members`; raises `ScanError`."""
    is_object = kind is Kind.OBJECT
    close = b"}" if is_object else b"]"
    position = skip_space(raw, start + 1)
    if raw[position : position + 1] == close:
        return position + 1
    while True:
        key_start = key_end = position
        if is_object:
            key = _KEY.match(raw, position)
            if key is not None:
                key_end, position = key.end(1), key.end()
            else:
                key_end = yield from _long_key(raw, position)
                position = skip_space(raw, key_end) + 1
                position = skip_space(raw, position)
        scalar = _SCALAR.match(raw, position)
        if scalar is not None:
            value = Span(_SCALAR_KINDS[(scalar.lastindex or 1) - 1], position, scalar.end())
        else:
            value = yield from _value(raw, position)
        if not is_object:
            key_start = key_end = value.start
        members.add(key_start, key_end, value)
        if not len(members) % _MEMBERS_PER_SLICE:
            yield value.end
        separator = _NEXT.match(raw, value.end)
        if separator is not None:
            position = separator.end()
            continue
        position = skip_space(raw, value.end)
        if raw[position : position + 1] == close:
            return position + 1
        raise ScanError(position, f"',' or '{close.decode()}'")


def _long_key(raw: bytes, start: int) -> Steps:
    if raw[start : start + 1] != b'"':
        raise ScanError(start, "a key")
    end = yield from _string_end(raw, start)
    colon = skip_space(raw, end)
    if raw[colon : colon + 1] != b":":
        raise ScanError(colon, "':'")
    return end


def _value(raw: bytes, start: int) -> Generator[int, None, Span]:
    scalar = _SCALAR.match(raw, start)
    if scalar is not None:
        return Span(_SCALAR_KINDS[(scalar.lastindex or 1) - 1], start, scalar.end())
    first = raw[start : start + 1]
    if first == b'"':
        end = yield from _string_end(raw, start)
        return Span(Kind.STRING, start, end)
    if first in (b"{", b"["):
        end = yield from _container_end(raw, start)
        return Span(Kind.OBJECT if first == b"{" else Kind.ARRAY, start, end)
    raise ScanError(start, "a value")


def _string_end(raw: bytes, start: int) -> Steps:
    position = reported = start + 1
    while True:
        run = _STRING_RUN.match(raw, position)
        assert run is not None
        if raw[run.end() : run.end() + 1] == b'"':
            return run.end() + 1
        if run.end() == position:
            raise ScanError(start, "end of the string")
        position = run.end()
        if position - reported > _BYTES_PER_SLICE:
            reported = position
            yield position


def _container_end(raw: bytes, start: int) -> Steps:
    depth = 1
    position = reported = start + 1
    steps = 0
    while True:
        match = _LEVEL_RUN.match(raw, position)
        assert match is not None
        position = match.end()
        token = raw[position : position + 1]
        if not token:
            raise ScanError(len(raw), "end of the object or array")
        if token in b"[{":
            depth += 1
            position += 1
        elif token in b"]}":
            depth -= 1
            position += 1
            if not depth:
                return position
        elif token == b'"':
            position = yield from _string_end(raw, position)
        steps += 1
        if steps >= _STEPS_PER_SLICE or position - reported > _BYTES_PER_SLICE:
            steps, reported = 0, position
            yield position
