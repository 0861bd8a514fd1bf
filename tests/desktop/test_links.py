"""Links: what is copied comes back, and what is hostile or malformed is refused with a reason."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_desktop.links import MAX_LENGTH, Link, LinkError, is_link, parse_link, portable_url

STORE = "sqlite:////srv/shop.aether"

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
numbers = st.integers(1, 2**63 - 1)


@settings(deadline=None)
@given(texts, numbers, numbers)
def test_what_is_written_is_read_again(text: str, sequence: int, version: int) -> None:
    for link in (
        Link(STORE, "shop.orders", sequence=sequence, event_id=text),
        Link("nats://one:4222,two:4222", "shop", actor_id=text, version=version),
        Link("tls://[::1]:4222", "shop", actor_id=text),
        Link("memory://", "shop"),
        Link(STORE),
    ):
        assert parse_link(str(link)) == link
        assert parse_link(f"  <{link}>\n") == link
        assert is_link(str(link))


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_text_does_harm(text: str) -> None:
    for candidate in (text, f"aether://open?{text}", f"aether://open?url={STORE}&{text}"):
        # Nothing but its own error may come out.
        with suppress(LinkError):
            assert parse_link(candidate).url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not begin with aether://open?"),
        ("https://example.org/", "does not begin with aether://open?"),
        ("aether://elsewhere?url=memory://", "does not begin with aether://open?"),
        ("aether://user@open?url=memory://", "does not begin with aether://open?"),
        ("aether://open/path?url=memory://", "does not begin with aether://open?"),
        ("aether://open?url=memory://#x", "does not begin with aether://open?"),
        ("aether://open", "names no store"),
        ("aether://open?nothing", "not a list of name=value"),
        ("aether://[open?url=memory://", "not a list of name=value"),
        (f"aether://open?url={STORE}&password=x", "'password' is not known here"),
        (f"aether://open?url={STORE}&namespace=", "namespace is empty"),
        (f"aether://open?url={STORE}&url={STORE}", "twice"),
        (f"aether://open?url={STORE}&sequence=1", "names no namespace"),
        (f"aether://open?url={STORE}&namespace=a..b", "namespace 'a..b' is none: it has an empty token"),
        (f"aether://open?url={STORE}&namespace=*", "namespace '*' is none"),
        (f"aether://open?url={STORE}&namespace=a&sequence=0", "not a number from 1"),
        (f"aether://open?url={STORE}&namespace=a&sequence=-1", "not a number from 1"),
        (f"aether://open?url={STORE}&namespace=a&sequence=9223372036854775808", "not a number from 1"),
        (f"aether://open?url={STORE}&namespace=a&sequence=١", "not a number from 1"),
        (f"aether://open?url={STORE}&namespace=a&version=1", "version needs actor"),
        (f"aether://open?url={STORE}&namespace=a&id=1", "id needs sequence"),
        (f"aether://open?url={STORE}&namespace=a&sequence=1&actor=b", "twice, by its sequence and by its actor"),
        (f"aether://open?url={STORE}&namespace=%FF", "not UTF-8"),
        (f"aether://open?url={STORE}\0", "U+0000"),
        (f"aether://open?url={STORE}&namespace=a\u2028b", "U+2028"),
        ("aether://open?url=file:///etc/passwd", "not the URL of a store"),
        ("aether://open?url=sqlite:///relative.aether", "not absolute"),
        ("aether://open?url=sqlite:////srv/../etc/x", "goes up again"),
        ("aether://open?url=sqlite:////%2Fhost/share/x.aether", "on another machine"),
        ("aether://open?url=sqlite:////srv/x?mode=rw", "options behind"),
        ("aether://open?url=sqlite:////srv/x%2500", "names no file"),
        ("aether://open?url=nats://name:hush@host", "carries a login"),
        ("aether://open?url=nats://host/path", "does not name hosts"),
        ("aether://open?url=nats://a,,b", "does not name hosts"),
        ("aether://open?url=memory://x", "has no address"),
        (f"aether://open?url={STORE}&namespace={'a' * MAX_LENGTH}", "characters, and 8,192 are the most"),
    ],
)
def test_a_bad_link_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(LinkError, match="This link cannot be followed: ") as refused:
        parse_link(text)
    assert reason in str(refused.value)


def test_no_secret_gets_into_a_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert portable_url("nats://name:hush@one:4222,name:hush@two/x?token=hush") == "nats://one:4222,two"
    monkeypatch.chdir(tmp_path)
    assert portable_url("sqlite:///shop.aether") == f"sqlite:///{tmp_path}/shop.aether"
    assert portable_url("memory://") == "memory://"
