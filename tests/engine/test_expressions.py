"""The language of conditions on a state: what holds, and what is not understood."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_engine.codec import loads_exactly
from aether_engine.errors import ExpressionError
from aether_engine.replay.expressions import MAX_DEPTH, MAX_LENGTH, parse_expression
from aether_engine.testing import nested
from tests.engine.streams import json_texts

STATE = loads_exactly(
    b"""{
    "status": "paid", "total": 19.90, "count": 3, "big": 9007199254740993, "zero": 0, "neg": -5, "huge": 1.5e300,
    "flag": true, "off": false, "nothing": null, "empty": [], "tags": ["new", "vip", 3, 1.0],
    "customer": {"name": "Ann", "address": {"city": "Rome"}, "order-id": "o-1"},
    "lines": [{"price": 5, "qty": 1}, {"price": -2.50, "qty": 2}, {"qty": 0}],
    "odd key": {"a/b": 1, "~": 2}, "0": "zero", "len": 7, "quote\\"s": 1, "umlaut\xc3\xa4": "\xc3\xa4",
    "same": [1, {"x": 1.10}], "same2": [1.0, {"x": 1.1}]
    }"""
)


@pytest.mark.parametrize(
    "text",
    [
        'status == "paid"',
        "status == 'paid'",
        '"paid" == status',
        "status in ['open', 'paid']",
        "status not in ['open']",
        "total == 19.9",
        "total >= 19.90 and total < 20",
        "big == 9007199254740993",
        "big != 9007199254740992",
        "big > 9007199254740992",
        "huge > 1e299",
        "huge == 15e299 and huge < 1e999",
        "neg == -5",
        "neg < 0",
        "flag",
        "flag == true",
        "flag != 1",
        "not off",
        "!off && !nothing",
        "zero",
        "empty",
        "nothing == null",
        "not nothing",
        "exists(nothing)",
        "not exists(missing)",
        "missing != 1",
        "not missing == 1",
        "not missing < 1",
        "status != 5",
        "not status > 5",
        "not status < 5",
        'status > "open"',
        "customer.name == 'Ann'",
        'customer.address.city == "Rome"',
        "customer.order-id == 'o-1'",
        "/customer/address/city == 'Rome'",
        "$['odd key']['a/b'] == 1",
        "$['odd key'].* == 2",
        "exists(customer.address.*)",
        "/lines/1/price == -2.5",
        "lines[1].price == -2.5",
        "lines[-1].qty == 0",
        "lines[-3].qty == 1",
        "not exists(lines[3])",
        "not exists(lines[-4])",
        "not exists(/lines/-1)",
        "not exists(/lines/01)",
        "/0 == 'zero'",
        '$["0"] == "zero"',
        "lines[*].price < 0",
        "not lines[*].price < -100",
        "lines[*].qty != 7",
        "not lines[*].qty != 2",
        "exists(lines[*].price)",
        "$.lines[*].qty == 2",
        "len(lines) == 3",
        "len(customer) > 2",
        "len(status) == 4",
        "not len(total) >= 0",
        "len($) > 10",
        "$.len == 7",
        "'vip' in tags",
        "1 in tags",
        "'ai' in status",
        "'name' in customer",
        "not 4 in tags",
        "4 not in tags",
        "not 1 in status",
        "null in [1, null]",
        "not 1 in []",
        "status in [missing, status]",
        "same == same2",
        "tags == tags",
        "not same == tags",
        "customer == customer and customer != lines",
        "$['quote\"s'] == 1",
        '$["quote\\"s"] == 1',
        "$['quote\\\"s'] == 1",
        "umlaut\u00e4 == '\\u00e4'",
        "umlaut\u00e4 == 'ä'",
        "true",
        "not false",
        "false or (true and not (false))",
        "true or false and false",
        "not false and true",
        "  status=='paid'\n\tand\ncount==3  ",
        "'it\\'s' == \"it's\"",
        "'tab\\there' == \"tab\\there\"",
    ],
)
def test_what_holds(text: str) -> None:
    expression = parse_expression(text)
    assert expression(STATE) is True
    assert parse_expression(f"not ({text})")(STATE) is False
    assert expression.text == text


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("", 0, "a value or a path is missing"),
        ("status ==", 9, "a value or a path is missing"),
        ("status = 'x'", 7, "write '=='"),
        ("status == 'x", 10, "does not end"),
        ("status paid", 7, "'paid' does not belong here"),
        ("a == 1 b", 7, "'b' does not belong here"),
        ("a == 1 AND b", 7, "'AND' does not belong here; join conditions with 'and' or 'or'"),
        ("(a == 1", 7, "')' is missing to the '(' at character 1"),
        ("a and", 5, "is missing"),
        ("and a", 0, "in front of 'and'"),
        ("a in [1 2]", 8, "',' is missing"),
        ("a in [1", 7, "',' is missing"),
        ("a.", 2, "name is missing behind '.'"),
        ("a[", 2, "missing behind '['"),
        ("a[1.5]", 2, "missing behind '['"),
        ("a[x]", 2, "missing behind '['"),
        ("a[0", 3, "']' is missing"),
        ("len a", 4, "'(' is missing behind 'len'"),
        ("len(3) > 1", 4, "'len' wants a path"),
        ("len(len(a)) > 1", 4, "'len' wants a path"),
        ("exists('a')", 7, "'exists' wants a path"),
        ("exists(a", 8, "')' is missing to 'exists'"),
        ("len(a)", 0, "has to be compared"),
        ("a and 5", 6, "has to be compared"),
        ("'text'", 0, "has to be compared"),
        ("1 < 2 < 3", 6, "does not belong here"),
        ("a == 1; b", 6, "';' has no meaning here"),
        ("a + 1", 2, "'+' has no meaning here"),
        ("a == '\\q'", 5, "an escape that JSON does not know"),
        ("/a~2 == 1", 0, "neither '~0' nor '~1'"),
        ("a == 01", 6, "does not belong here"),
        (f"a == {'1' * 1001}", 5, "more than 1,000 characters"),
        ("a == 1e1000000000000000000000", 5, "too large"),
        ("__import__('os')", 10, "does not belong here"),
        ("(" * (MAX_DEPTH + 1), MAX_DEPTH, "nested deeper than 100"),
        ("not " * (MAX_DEPTH + 1), MAX_DEPTH * 4, "nested deeper than 100"),
        ("a" * (MAX_LENGTH + 1), MAX_LENGTH, "more than 10,000 characters"),
    ],
)
def test_what_is_not_understood(text: str, position: int, problem: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert (caught.value.position, caught.value.text) == (position, text)
    assert problem in caught.value.problem
    assert str(caught.value).endswith(f"{caught.value.problem}.")


def test_a_place_is_told_in_words() -> None:
    with pytest.raises(ExpressionError, match=r"^The expression 'a = 1' is not understood at character 3: "):
        parse_expression("a = 1")
    with pytest.raises(ExpressionError, match=r"is not understood at its end: "):
        parse_expression("a ==")


@pytest.mark.parametrize("state", [None, True, 0, "text", [], [1], {}, nested(5_000), {"a": nested(5_000)}])
def test_any_state_will_do(state: Any) -> None:
    for text in (
        "a",
        "$",
        "a.b[0].c == 1",
        "len($) > 0",
        "$ == $",
        "a == a",
        "a[*].x in $.*",
        "$ < 1",
        "'x' in $",
    ):
        assert parse_expression(text)(state) in (True, False)
    assert parse_expression("exists($)")(state) is True
    assert parse_expression("$ == $")(state) is True


_words = st.sampled_from(
    [
        "a",
        "b",
        "$",
        ".",
        "[",
        "]",
        "(",
        ")",
        "==",
        "!=",
        "<",
        "<=",
        "and",
        "or",
        "not",
        "in",
        "exists",
        "len",
        "true",
        "null",
        "0",
        "-1",
        "1.5",
        "'x'",
        '"y"',
        "/a/0",
        "*",
        ",",
        "&&",
        "||",
        "!",
    ]
)


@given(st.lists(_words, max_size=12).map(" ".join) | st.text(max_size=30), json_texts)
def test_nothing_but_refusals(text: str, state: str) -> None:
    try:
        expression = parse_expression(text)
    except ExpressionError:
        return
    assert expression(loads_exactly(state.encode())) in (True, False)


@given(json_texts, json_texts)
def test_equality_is_what_it_says(one: str, other: str) -> None:
    state = loads_exactly(f'{{"one":{one},"other":{other}}}'.encode())
    equal = parse_expression("one == other")(state)
    assert parse_expression("other == one")(state) == equal
    assert parse_expression("one != other")(state) != equal
    assert parse_expression("other in [one]")(state) == equal
    assert parse_expression("one == one")(state)
