"""JSON Pointer, JSON Patch and differences as text."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from aether_engine.codec import dumps, loads_exactly
from aether_engine.errors import PatchError
from aether_engine.replay.differences import diff
from aether_engine.replay.patches import apply_patch, diff_lines, json_patch, parse_pointer, pointer
from aether_engine.testing import nested
from tests.engine.streams import json_texts

# RFC 6901, section 5.
_POINTERS = {
    "": (),
    "/foo": ("foo",),
    "/foo/0": ("foo", "0"),
    "/": ("",),
    "/a~1b": ("a/b",),
    "/c%d": ("c%d",),
    '/k"l': ('k"l',),
    "/ ": (" ",),
    "/m~0n": ("m~n",),
    "/~01": ("~1",),
}


@pytest.mark.parametrize("text", _POINTERS)
def test_rfc_6901(text: str) -> None:
    assert parse_pointer(text) == _POINTERS[text]
    assert pointer(_POINTERS[text]) == text


@pytest.mark.parametrize("text", ["a", "a/b", "/~", "/~2"])
def test_what_is_no_pointer(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        parse_pointer(text)


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        # RFC 6902, appendix A, except the errors.
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "q"}], {"foo": ["bar", "q", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        (
            {"baz": "qux", "foo": ["a", 2, "c"]},
            [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2.0}],
            {"baz": "qux", "foo": ["a", 2, "c"]},
        ),
        (
            {"foo": "bar"},
            [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
            {"foo": "bar", "child": {"grandchild": {}}},
        ),
        (
            {"foo": "bar"},
            [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}],
            {"foo": "bar", "baz": "qux"},
        ),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        (
            {"foo": ["bar"]},
            [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
            {"foo": ["bar", ["abc", "def"]]},
        ),
        ({"a": 1}, [{"op": "replace", "path": "", "value": [1]}], [1]),
        ({"a": 1}, [{"op": "add", "path": "", "value": None}], None),
        ({"a": [1]}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": [1]}),
        # A copy is another value from then on.
        (
            {"a": {"n": 1}},
            [
                {"op": "replace", "path": "/a/n", "value": 2},
                {"op": "copy", "from": "/a", "path": "/b"},
                {"op": "replace", "path": "/b/n", "value": 3},
                {"op": "add", "path": "/a/m", "value": 4},
            ],
            {"a": {"n": 2, "m": 4}, "b": {"n": 3}},
        ),
    ],
)
def test_rfc_6902(document: Any, patch: list[dict[str, Any]], result: Any) -> None:
    before = copy.deepcopy((document, patch))
    assert apply_patch(document, patch) == result
    assert (document, patch) == before


@pytest.mark.parametrize(
    ("document", "operation", "reason"),
    [
        ({"baz": "qux"}, {"op": "test", "path": "/baz", "value": "bar"}, "the value at '/baz' is another one"),
        ({"n": 1}, {"op": "test", "path": "/n", "value": True}, "is another one"),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": "10"}, "is another one"),
        ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": "qux"}, "there is no member 'baz'"),
        ({"foo": "bar"}, {"op": "add", "path": "/foo/bat", "value": 1}, "neither object nor array"),
        ({"foo": "bar"}, {"op": "remove", "path": "/foo/bat"}, "neither object nor array"),
        ([1], {"op": "add", "path": "/2", "value": 1}, "there is no place 2"),
        ([1], {"op": "remove", "path": "/1"}, "there is no item 1"),
        ([1], {"op": "remove", "path": "/01"}, "'01' is no place"),
        ([1], {"op": "replace", "path": "/-", "value": 1}, "'-' is no place"),
        ([1], {"op": "replace", "path": "/-1", "value": 1}, "'-1' is no place"),
        ({}, {"op": "remove", "path": ""}, "whole document"),
        ({"a": {}}, {"op": "move", "from": "/a", "path": "/a/b"}, "into itself"),
        ({}, {"op": "spill", "path": "/a"}, "no operation 'spill'"),
        ({}, {"op": "add", "path": "/a"}, "'value' is missing"),
        ({}, {"path": "/a"}, "'op' is missing"),
        ({}, {"op": "add", "path": "a", "value": 1}, "does not begin"),
        ({}, "add", "string indices|indices must"),
    ],
)
def test_what_cannot_be_done(document: Any, operation: Any, reason: str) -> None:
    before = copy.deepcopy(document)
    with pytest.raises(
        PatchError, match=rf"^Operation 1 of the JSON Patch cannot be done: .*({reason})"
    ) as caught:
        apply_patch(document, [{"op": "test", "path": "", "value": copy.deepcopy(document)}, operation])
    assert caught.value.operation == 1
    assert document == before


@given(json_texts, json_texts)
def test_the_patch_leads_from_one_to_the_other(old_text: str, new_text: str) -> None:
    old, new = loads_exactly(old_text.encode()), loads_exactly(new_text.encode())
    before = dumps([old, new])
    forth, back = json_patch(old, new), json_patch(new, old)
    assert diff(apply_patch(old, forth), new) == []
    assert diff(apply_patch(new, back), old) == []
    assert bool(forth) == bool(back) == bool(diff(old, new))
    assert dumps([old, new]) == before
    # It is JSON, and works as well after it was written and read, with every number as it was.
    assert diff(apply_patch(old, loads_exactly(dumps(forth))), new) == []


def test_what_is_not_touched_is_shared() -> None:
    old: dict[str, Any] = {"kept": {"deep": [1]}, "changed": {"n": 1, "kept": {}}}
    new = apply_patch(old, json_patch(old, {**old, "changed": {"n": 2, "kept": {}}}))
    assert new["kept"] is old["kept"]
    assert new["changed"]["kept"] is old["changed"]["kept"]


def test_deep_documents() -> None:
    old, new = nested(5_000), nested(5_001)
    assert diff(apply_patch(old, json_patch(old, new)), new) == []


def test_text() -> None:
    old = loads_exactly(b'{"total":19.90,"gone":{"a":1},"list":[1,2,3]}')
    new = loads_exactly(b'{"total":20.00,"list":[1],"a/b":"two\\nlines"}')
    assert list(diff_lines(diff(old, new))) == [
        "- /total: 19.90",
        "+ /total: 20.00",
        '- /gone: {"a":1}',
        "- /list/1: 2",
        "- /list/2: 3",
        '+ /a~1b: "two\\nlines"',
    ]
    assert list(diff_lines(diff(1, 2))) == ["- (all): 1", "+ (all): 2"]
