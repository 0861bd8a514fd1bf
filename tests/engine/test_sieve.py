"""A sieve picks exactly what the filter matches, whatever way an event is written."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError
from aether_engine.event import StoredEvent
from aether_engine.query import parse_filter
from aether_engine.query.sieve import FilterSieve

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RECORDED = 1_772_000_000_000_000

TEXTS = [
    "Order",
    "OrderPaid",
    "order-1",
    "u1",
    'a "b"',
    "a\\b",
    "a/b",
    "Größe",
    "<b>",
    "😀",
    "1",
    "1.0",
    "",
    "x\ny",
    "*",
]
NUMBERS = ["0", "1", "-1", "1.0", "1.5", "9007199254740993", "9007199254740992", "1e2", "100", "0.1", "1e400"]
TIMES = [
    "2026-02-27T00:00:00Z",
    "2026-02-28T12:00:00.5Z",
    "2026-02-28T13:00:00.5+01:00",
    "2026-02-28T12:00:00.000000001Z",
    "2016-12-31T23:59:60Z",
    "2026-02-28t12:00:00z",
]
KEYS = ["total", "a", "b", "a.b", "0", "Größe", 'q"', "data"]


def written(value: Any, style: str) -> str:
    """JSON in the manner of different encoders; `Exact` stays as it is."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=style == "ascii")
        if style == "go":
            text = text.replace("<", "\\u003c").replace(">", "\\u003e")
        if style == "escaped":
            text = '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in value) + '"'
        if style == "slashed":
            text = text.replace("/", "\\/")
        return text
    space = " " if style == "spaced" else ""
    if isinstance(value, dict):
        members = [f"{written(key, style)}{space}:{space}{written(item, style)}" for key, item in value.items()]
        return "{" + f",{space}".join(members) + "}"
    if isinstance(value, list):
        return "[" + f",{space}".join(written(item, style) for item in value) + "]"
    return value.text if isinstance(value, Exact) else json.dumps(value)


class Exact:
    def __init__(self, text: str) -> None:
        self.text = text


STYLES = ["plain", "ascii", "go", "escaped", "slashed", "spaced"]
texts = st.sampled_from(TEXTS)
scalars = st.one_of(texts, st.sampled_from(NUMBERS).map(Exact), st.sampled_from([True, False, None]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
data = st.one_of(st.none(), st.dictionaries(st.sampled_from(KEYS), values, max_size=4))


@st.composite
def raws(draw: st.DrawFn) -> bytes:
    style = draw(st.sampled_from(STYLES))
    event: dict[str, Any] = {
        "id": draw(texts) or "e",
        "eventType": draw(texts) or "t",
        "actorId": draw(texts) or "a",
        "version": draw(st.sampled_from([1, 2, 9, 2**63 - 1])),
    }
    if draw(st.booleans()):
        event["commandId"] = draw(st.one_of(texts, st.none()))
    if draw(st.booleans()):
        event["data"] = draw(data)
    if draw(st.booleans()):
        keys = st.sampled_from(["UserID", "CorrelationID", "CausationID", "x.y"])
        event["metadata"] = draw(st.one_of(st.none(), st.dictionaries(keys, texts, max_size=3)))
    if draw(st.booleans()):
        event["unknown"] = draw(values)
    event["timestamp"] = draw(st.sampled_from(TIMES))
    members = list(event.items())
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    text = ",".join(f"{written(key, style)}:{written(value, style)}" for key, value in members)
    if draw(st.integers(0, 9)) == 0:
        text += ',"data":{"total":1},"data":{"a":{"b":1},"a":"1"}'
    return ("{" + text + "}").encode()


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


patterns = st.one_of(
    texts.map(quoted),
    texts.map(lambda text: quoted(text) + "*"),
    texts.map(lambda text: "*" + quoted(text)),
    texts.map(lambda text: "*" + quoted(text[1:]) + "*"),
    st.just("Order*"),
    st.just("*"),
)
steps = st.one_of(st.sampled_from(KEYS).map(quoted), st.just("*"), st.just("0"))
operands = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS).map(lambda number: f"{number}.."),
    st.tuples(st.sampled_from([">", ">=", "<", "<=", "="]), st.sampled_from(NUMBERS)).map("".join),
    st.tuples(st.sampled_from([">", "<="]), texts.map(quoted)).map("".join),
    st.sampled_from(["true", "false", "null"]),
    patterns,
)


def alternatives(one: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(one, min_size=1, max_size=2).map(",".join)


terms = st.tuples(
    st.sampled_from(["", "-"]),
    st.one_of(
        st.tuples(
            st.sampled_from(["type:", "actor:", "id:", "command:", "correlation:", "causation:", "meta.UserID:"]),
            alternatives(patterns),
        ).map("".join),
        st.tuples(
            st.just("data."), st.lists(steps, min_size=1, max_size=3).map(".".join), st.just(":"), operands
        ).map("".join),
        st.sampled_from(["version:1", "version:>=2", "version:2..9", "version:<9223372036854775807"]),
        st.sampled_from(["sequence:..11", "sequence:10", "recorded:>2026-02-25T06:13:20", "recorded:<=2020"]),
        st.sampled_from(["since:", "before:"]).flatmap(
            lambda key: st.sampled_from([time for time in TIMES if "t" not in time]).map(lambda time: key + time)
        ),
        texts.filter(bool).map(quoted),
        st.sampled_from(["total", "Order", "Gr*e", "corrupted:no", "corrupted:yes,no", '"u003c"', "a*b"]),
    ),
).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(terms, min_size=1, max_size=3).map(" ".join), st.lists(raws(), min_size=1, max_size=12))
def test_a_sieve_agrees_with_its_filter(text: str, written_events: list[bytes]) -> None:
    event_filter = parse_filter(text, now=NOW)
    if event_filter.problems:
        assert "between" in event_filter.problems[0].reason or "is no time" in event_filter.problems[0].reason
        return
    sieve = pickle.loads(pickle.dumps(FilterSieve(event_filter)))
    times = [RECORDED + index for index in range(len(written_events))]
    expected: list[int] = []
    readable: list[int] = []
    for index, raw in enumerate(written_events):
        try:
            event = decode_event(raw)
        except InvalidEventError:
            continue
        readable.append(index)
        recorded = datetime.fromtimestamp(times[index] / 1e6, UTC)
        if event_filter.matches(StoredEvent(10 + index, recorded, raw, event, None)):
            expected.append(index)
    for repeated in (1, 40):  # The second time there are enough of one kind to change the way they are looked at.
        many = sieve.select(written_events * repeated, range(10, 10 + len(times) * repeated), times * repeated)
        first = [index for index in many if index < len(written_events)]
        assert [index for index in first if index in readable] == expected


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b'{"id":1}', b'{"data":5}', b"[" * 5000])
def test_what_is_no_event_is_never_picked(raw: bytes) -> None:
    sieve = FilterSieve(parse_filter("type:X -data.x:1 version:>0"))
    assert sieve.select([raw] * 3, range(1, 4), []) == []


def test_events_hiding_a_needle_are_looked_at() -> None:
    rest = b'"actorId":"a","version":1,"timestamp":"2026-01-01T00:00:00Z"}'
    hidden = b'{"id":"1","eventType":"\\u004frder\\u0050aid",' + rest
    other = b'{"id":"2","eventType":"Other",' + rest
    for text in ("type:OrderPaid", "type:Order*", "OrderPaid", "rderP*d"):
        assert FilterSieve(parse_filter(text)).select([other, hidden, other] * 30, range(1, 91), []) == list(
            range(1, 90, 3)
        )


def test_a_number_is_no_array_of_one() -> None:
    raw = b'{"id":"1","eventType":"A","actorId":"a","version":1,"data":{"a":7},"timestamp":"2026-01-01T00:00:00Z"}'
    stored = StoredEvent(1, NOW, raw, decode_event(raw), None)
    for text, passes in (
        ("data.a.0:>5", False),
        ("-data.a.0:>5", True),
        ("data.a:>5", True),
        ("data.a.b:>5", False),
    ):
        event_filter = parse_filter(text)
        assert event_filter.matches(stored) is passes
        assert bool(FilterSieve(event_filter).select([raw], [1], [])) is passes, text
