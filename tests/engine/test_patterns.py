"""Names and patterns of namespaces and actors."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_engine import (
    NamespaceNameError,
    is_wildcard_pattern,
    match_actor_pattern,
    match_namespace_pattern,
    sanitize_namespace,
)
from aether_engine.patterns import MAX_NAMESPACE_LENGTH, check_namespace, check_namespace_pattern, stream_name


@pytest.mark.parametrize("name", ["a", "A-b_9", "prod.tenant-a", "1.2.3", "_", "-", "a" * MAX_NAMESPACE_LENGTH])
def test_good_names(name: str) -> None:
    assert check_namespace(name) == name
    assert check_namespace_pattern(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", ".a", "a..b", "a b", "a*", "*", ">", "a.>", "ä", "a/b", "a\n", "a\x00", "a" * 1000, "٣"],
)
def test_bad_names(name: str) -> None:
    with pytest.raises(NamespaceNameError) as caught:
        check_namespace(name)
    assert caught.value.name == name
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("pattern", ["*", ">", "a.*", "a.>", "*.*", "*.b", "a.*.>"])
def test_good_patterns(pattern: str) -> None:
    assert check_namespace_pattern(pattern) == pattern
    assert is_wildcard_pattern(pattern)


@pytest.mark.parametrize("pattern", ["", "a*", "a..*", ">.a", "a.>.b", "a b", "**", "*.", ".>"])
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(NamespaceNameError):
        check_namespace_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("a", "a.b", False),
        ("a.b", "a.b", True),
        ("*", "a", True),
        ("*", "a.b.c", True),
        (">", "a.b.c", True),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.>", "a", False),
        ("a.>", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "ab.c", False),
        ("*.b", "a.b", True),
        ("*.b", "a.c", False),
        ("*.*", "a", False),
        ("*.*", "a.b", True),
        ("*.>", "a", False),
    ],
)
def test_namespace_patterns(pattern: str, name: str, matches: bool) -> None:
    assert match_namespace_pattern(pattern, name) is matches


@pytest.mark.parametrize(
    ("pattern", "actor_id", "matches"),
    [
        ("order-1", "order-1", True),
        ("order-1", "order-10", False),
        ("order-*", "order-1", True),
        ("order-*", "order-", True),
        ("order-*", "cart-1", False),
        ("*-1", "order-1", True),
        ("o*r-*1", "order-21", True),
        ("*", "anything at all.\n", True),
        ("*", "", True),
        ("order-*", "order-a.b", False),
        ("order-*.>", "order-a.b.c", True),
        ("order-*.*", "order-a.b", True),
        ("order-(1)*", "order-(1)x", True),
        ("order-[1]*", "order-1", False),
    ],
)
def test_actor_patterns(pattern: str, actor_id: str, matches: bool) -> None:
    assert match_actor_pattern(pattern, actor_id) is matches


@pytest.mark.parametrize(
    ("pattern", "actor_id", "matches"),
    [
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ab", "abab", True),
        ("*ab*ab", "ab", False),
        ("*ab*b", "ab", False),
        ("*aab*", "aaab", True),
        ("a*b*c", "abbcbc", True),
        ("a*b*c", "ab.c", False),
        ("*a*.*b*", "xax.xbx", True),
        ("*a*.*b*", "xax.xcx", False),
        ("a**b", "ab", True),
        ("a*\n*b", "a\n\nb", True),
    ],
)
def test_several_stars_in_a_token(pattern: str, actor_id: str, matches: bool) -> None:
    assert match_actor_pattern(pattern, actor_id) is matches


def test_hostile_patterns_do_not_take_long() -> None:
    started = time.process_time()
    assert not match_actor_pattern("*a" * 8 + "*b", "a" * 60)
    assert not match_actor_pattern("*a" * 500 + "*b", "a" * 10_000)
    assert not match_actor_pattern(".".join(["*a*a*b"] * 20), ".".join(["a" * 500] * 20))
    assert not match_actor_pattern("*" * 500 + "b", "a" * 10_000)
    assert time.process_time() - started < 0.5


@given(st.text("ab*.", max_size=8), st.text("ab.", max_size=12))
def test_stars_mean_what_their_plain_expression_means(pattern: str, actor_id: str) -> None:
    tokens = (
        "[^.]+" if token == "*" else "[^.]*".join(map(re.escape, token.split("*"))) for token in pattern.split(".")
    )
    plain = ".*" if pattern == "*" else r"\.".join(tokens)
    assert match_actor_pattern(pattern, actor_id) is (re.fullmatch(plain, actor_id) is not None)


@pytest.mark.parametrize(
    ("text", "sanitised"),
    [("a.b", "a_b"), ("a b*c>d", "a_b_c_d"), ("a\tb\rc\nd\x00e\x7ff", "a_b_c_d_e_f"), ("ä-1", "ä-1"), ("", "")],
)
def test_sanitising(text: str, sanitised: str) -> None:
    assert sanitize_namespace(text) == sanitised


def test_stream_names() -> None:
    assert stream_name("tenant-a") == "tenant-a_events"
    assert stream_name("prod.tenant-a") == "prod_tenant-a_events"


_names = st.lists(st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True), min_size=1, max_size=4).map(".".join)


@given(_names)
def test_what_matches_a_name(name: str) -> None:
    tokens = name.split(".")
    assert match_namespace_pattern(name, name)
    assert match_namespace_pattern("*", name)
    assert match_namespace_pattern(">", name)
    assert match_namespace_pattern(".".join("*" for _ in tokens), name)
    assert match_namespace_pattern(".".join([*tokens[:-1], ">"]), name)
    assert not match_namespace_pattern(f"{name}.>", name)
    assert match_actor_pattern(f"{name}*", name)
