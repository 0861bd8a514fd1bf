"""JSON as written: spans are exact and agree with a decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_engine.lossless import Kind, ScanError, find_member, scan_members, scan_value, string_value

_texts = st.text()
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda children: st.lists(children) | st.dictionaries(_texts, children),
    max_leaves=30,
)


class _Pairs(list[tuple[str, Any]]):
    """An object with its duplicate keys."""


@st.composite
def _documents(draw: st.DrawFn) -> bytes:
    """Text of an object with white space anywhere it may be, and keys that repeat."""
    members = draw(
        st.lists(st.tuples(st.sampled_from(["a", "b", "", "\u00e4", '"', "\\"]) | _texts, _json), max_size=6)
    )
    space = st.sampled_from(["", " ", "\n\t", "\r\n "])
    escaped = draw(st.booleans())
    indent = draw(st.sampled_from([None, 2]))
    parts = [
        f"{draw(space)}{json.dumps(key, ensure_ascii=escaped)}{draw(space)}:{draw(space)}"
        f"{json.dumps(value, ensure_ascii=escaped, indent=indent)}{draw(space)}"
        for key, value in members
    ]
    text = f"{draw(space)}{{{draw(space)}{','.join(parts)}}}{draw(space)}"
    return text.encode("utf-8", "replace")


def _scanned(raw: bytes, offset: int = 0) -> Any:
    """The document, rebuilt from nothing but spans."""
    span = scan_value(raw, offset)
    text = raw[span.start : span.end]
    if span.kind is Kind.OBJECT:
        return _Pairs((str(member.key), _scanned(raw, member.value.start)) for member in scan_members(raw, span))
    if span.kind is Kind.ARRAY:
        return [_scanned(raw, member.value.start) for member in scan_members(raw, span)]
    if span.kind is Kind.STRING:
        return string_value(text)
    return json.loads(text)


@settings(max_examples=50)
@given(_documents())
def test_agrees_with_the_decoder(raw: bytes) -> None:
    assert _scanned(raw) == json.loads(raw, object_pairs_hook=_Pairs)


@settings(max_examples=50)
@given(_documents())
def test_spans_are_exact(raw: bytes) -> None:
    span = scan_value(raw)
    assert raw[: span.start].strip() == raw[span.end :].strip() == b""
    assert raw[span.start : span.end] == raw.strip()
    for member in scan_members(raw, span):
        assert json.loads(raw[member.key_start : member.key_end], strict=False) == member.key
        text = raw[member.value.start : member.value.end]
        assert text == text.strip()
        json.loads(text)


def test_duplicates_are_all_there_and_the_last_counts() -> None:
    raw = b'{"a":1, "b":2, "\\u0061":3}'
    members = scan_members(raw, scan_value(raw))
    assert [(member.key, raw[member.value.start : member.value.end]) for member in members] == [
        ("a", b"1"),
        ("b", b"2"),
        ("a", b"3"),
    ]
    found = find_member(raw, "a")
    assert found is not None
    assert raw[found.value.start : found.value.end] == b"3"
    assert find_member(raw, "c") is None


def test_brackets_inside_texts_do_not_count() -> None:
    raw = b'[{"a":"}]\\"]}"},"[",{}]'
    assert len(scan_members(raw, scan_value(raw))) == 3


def test_deep_documents() -> None:
    raw = b"[" * 100_000 + b"]" * 100_000
    span = scan_value(raw)
    assert (span.start, span.end) == (0, len(raw))
    assert len(scan_members(raw, span)) == 1


@pytest.mark.parametrize(
    ("raw", "offset"),
    [(b"", 0), (b"  ", 2), (b"x", 0), (b'"open', 0), (b"[1,2", 4), (b'{"a":[}', 7)],
)
def test_what_is_not_json_is_named(raw: bytes, offset: int) -> None:
    with pytest.raises(ScanError) as caught:
        scan_value(raw)
    assert caught.value.offset == offset


@pytest.mark.parametrize("raw", [b"{1:2}", b'{"a" 1}', b'{"a":1 "b":2}', b"[1 2]", b"[,]"])
def test_broken_members_are_named(raw: bytes) -> None:
    with pytest.raises(ScanError):
        scan_members(raw, scan_value(raw))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"a"', "a"),
        (b'"\\n\\u00e4"', "\n\u00e4"),
        (b'"\\ud800"', "\ud800"),
        (b'"\xc3\xa4"', "\u00e4"),
        (b'""', ""),
    ],
)
def test_text_values(text: bytes, value: str) -> None:
    assert string_value(text) == value
