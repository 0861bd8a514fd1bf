"""JSON as somebody types it: faults with their places, warnings, and nothing lost on the way to bytes."""

from __future__ import annotations

import pytest

from aether_desktop.models.inspector.typed_json import check_data, check_metadata, escape_hidden, one_line, pretty


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{"a": 1,}', (1, 9), "key|comma"),
        ('{\n  "a": NaN\n}', (2, 8), "NaN is not a JSON number"),
        ("[1]", (1, 1), "object"),
        ('{"a": 1} x', (1, 10), "nothing may follow"),
        ('{"a": "x', (1, 7), "closing quote"),
        ('{"a": "x\ny"}', (1, 9), "line break"),
        ('{"a": 1e999}', (1, 7), "infinity"),
        ('{"a":\n "\\ud800"}', (2, 3), "surrogate"),
        ('{"a" 1}', (1, 6), "':'"),
    ],
)
def test_what_is_wrong_with_data_is_told_with_its_place(text: str, place: tuple[int, int], words: str) -> None:
    problem = check_data(text).problem
    assert problem is not None
    assert (problem.line, problem.column) == place
    assert any(word in problem.message for word in words.split("|")), problem.message


def test_metadata_holds_texts_only() -> None:
    problem = check_metadata('{\n  "ä": "x",\n  "UserID": 7\n}').problem
    assert problem is not None
    assert (problem.line, problem.column) == (3, 13)
    assert "texts only" in problem.message
    assert check_metadata('{"UserID": "u"}').problem is None
    assert check_metadata(" \n").wire == b"{}"


def test_what_is_legal_and_perhaps_not_meant_is_warned_about() -> None:
    assert check_data('{"a": 1, "b": {"x": 1, "x": 2}}').warnings == (
        'Key "x" stands twice: both are stored, the last one counts',
    )
    assert "U+202E" in check_data('{"a": "\u202e"}').warnings[0]


def test_very_deep_and_very_long_input_is_refused_or_taken_without_harm() -> None:
    assert check_data('{"a":' + "[" * 100_000 + "]" * 100_000 + "}").problem is not None
    long_number = "9" * 300
    assert check_data(f'{{"a": {long_number}}}').wire == f'{{"a":{long_number}}}'.encode()


def test_indenting_and_joining_are_inverse() -> None:
    text = '{"a":[],"b":{},"c":[1,[2]],"d":"x: [1, 2] {}","e":-1.50e+10}'
    assert one_line(pretty(text)) == text
    assert one_line(escape_hidden('{"a":"\U000e0001\x7f"}')) == '{"a":"\\udb40\\udc01\\u007f"}'
