"""The language of filters: what each term means, and what is said about what is no term."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from aether_engine.codec import decode_event
from aether_engine.errors import ChecksumMismatchError
from aether_engine.event import ReplayError, StoredEvent
from aether_engine.query import EventFilter, parse_filter

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RAW = (
    b'{"id":"e-7","eventType":"OrderPaid","actorId":"order-12","commandId":"c-1","version":5,'
    b'"data":{"total":100.10,"count":9007199254740993,"amount":"39.90","paid":true,'
    b'"note":"a \\u003cb\\u003e \\"c\\"",'
    b'"none":null,"day":"2026-02-03","city":"Delft, NL","huge":123456789012345678901234567890,"tiny":1e-2,'
    b'"lines":[{"sku":"A-7","n":2},{"sku":"B-8","n":3}],"a.b":{"*":1}},'
    b'"metadata":{"UserID":"u1","CorrelationID":"k-1","CausationID":"e-6","x.y":"z"},'
    b'"timestamp":"2026-02-28T23:00:00.123456789+01:00"}'
)
STORED = StoredEvent(7, datetime(2026, 2, 28, 22, 30, tzinfo=UTC), RAW, decode_event(RAW), None)
BROKEN = StoredEvent(9, NOW, RAW, None, ReplayError(9, RAW, ChecksumMismatchError(1, 2)))


def filter_of(text: str) -> EventFilter:
    parsed = parse_filter(text, now=NOW)
    assert parsed.problems == (), parsed.problems
    return parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "type:OrderPaid",
        "type:Order*",
        "type:*Paid",
        "type:*der*a*",
        "type:=OrderPaid",
        'type:"OrderPaid"',
        "type:Noise,OrderPaid",
        "actor:order-12 version:5 sequence:7 id:e-7 command:c-1",
        "correlation:k-1 causation:e-* meta.UserID:u1 meta.x.y:z",
        "version:>=5 version:<=5 version:>4 version:<6 version:=5 version:3..7",
        "version:5.. version:..5 version:1,5",
        "-type:Noise -version:>5 -data.missing:*",
        "data.total:100.10 data.total:100.1 data.total:1001e-1 data.total:>100",
        "data.total:>100.09999999999999999999",
        "data.total:<=100.1 data.total:>=100.1 data.total:100..101",
        "data.count:9007199254740993 data.count:>9007199254740992 data.count:<9007199254740994",
        "data.huge:123456789012345678901234567890 data.huge:>123456789012345678901234567889",
        "data.huge:<123456789012345678901234567891 data.huge:<1e400 data.huge:>-1e400",
        "data.tiny:0.01 data.tiny:>0.00999999999999999999999999",
        "data.amount:39.90 data.amount:39.9 data.amount:>39 data.amount:39..40",
        'data.amount:"39.90"',
        "data.paid:true data.none:null data.none:* data.lines:*",
        "data.day:>2026-01-01 data.day:2026-02..2026-03 data.day:<2027-01",
        'data.city:"Delft, NL" data.city:Delft*',
        "data.lines.0.sku:A-7 data.lines.*.sku:B-8 data.lines.*.n:>2",
        'data."a.b"."*":1 data."a.b".*:1',
        "since:2d since:24h since:1d12h before:1h since:2026-02 since:2026-02-28 before:2026-03-01",
        "since:2026-02-28T22:00 before:2026-02-28T22:00:01 since:2026-02-28T22:00:00.123456789Z",
        "since:2026-02-28T23:00:00.123456+01:00 before:2026-02-28T22:00:00.12345679Z",
        "recorded:>=2026-02-28T22:30 recorded:<=2026-02-28T22:30 recorded:2026-02-28..2026-03-01",
        "corrupted:no -corrupted:yes corrupted:yes,no",
        'OrderPaid "Delft, NL" order-12 "\\"total\\":100.10"',
        '"a <b>" "u003cb" "<b> \\"c\\"" nothing,Delft Del*NL',
    ],
)
def test_what_passes(text: str) -> None:
    for term in filter_of(text).terms:
        single = filter_of(text[term.start : term.end])
        assert single.matches(STORED), text[term.start : term.end]
    assert filter_of(text).matches(STORED)
    assert pickle.loads(pickle.dumps(filter_of(text))) == filter_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "type:orderpaid",
        "type:Order",
        "-type:Order*",
        "type:=Order*",
        'type:"Order*"',
        "actor:order-1",
        "version:>5",
        "version:6..",
        "sequence:1..6",
        "command:c-2",
        "meta.userid:u1",
        "meta.missing:*",
        "data.total:100.1000000000000000001",
        "data.total:>100.1",
        "data.count:9007199254740992",
        "data.count:9007199254740994",
        "data.count:<9007199254740993",
        "data.huge:123456789012345678901234567891",
        "data.huge:>123456789012345678901234567890",
        'data.amount:"39.9"',
        "data.total:=100.1*",
        "data.paid:false",
        "data.missing:null",
        "data.missing:*",
        "data.lines.2.sku:*",
        "data.lines.sku:A-7",
        "data.a.b:*",
        "data.day:>2026-02-03",
        "since:1h",
        "before:2d",
        "since:2026-02-28T22:00:00.12345679Z",
        "before:2026-02-28T22:00:00.123456789Z",
        "recorded:>2026-02-28T22:30",
        "recorded:2026-02-28..2026-02-28T22:30",
        "corrupted:yes",
        "-corrupted:no",
        "nothing",
        "delft",
        "-Delft",
        "NL*Delft",
        'type:OrderPaid "nothing"',
    ],
)
def test_what_does_not_pass(text: str) -> None:
    assert not filter_of(text).matches(STORED)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("type:Nothing actor:nobody version:>=99 data.x:1 -data.y:* since:1d nothing -Delft", True),
        ("corrupted:yes", True),
        ("corrupted:yes,no", True),
        ("-corrupted:no", True),
        ("corrupted:no", False),
        ("-corrupted:yes", False),
        ("type:Nothing corrupted:no", False),
        ("sequence:9", True),
        ("-sequence:1..8", True),
        ("sequence:1..8", False),
        ("-sequence:9", False),
    ],
)
def test_a_corrupted_event_passes_all_but_what_speaks_of_it(text: str, passes: bool) -> None:
    assert filter_of(text).matches(BROKEN) is passes


@pytest.mark.parametrize(
    ("text", "marked", "reason"),
    [
        ("type:A typ:x", "typ", "There is no key 'typ'. Did you mean type?"),
        ("http://x", "http", "Text with a colon in it goes into quotes."),
        ("type:", "type:", "has no value"),
        ("type:a,,b", "type:a,,b", "empty one between commas"),
        ("type:>a", ">a", "Text is compared by = and *"),
        ("version:abc", "abc", "no whole number"),
        ("version:1.5", "1.5", "no whole number"),
        ("version:1,x", "x", "no whole number"),
        ("version:9..3", "9..3", "swap the ends"),
        ("version:..", "..", "at least one end"),
        ("version:>", ">", "no whole number"),
        ("since:yesterday", "yesterday", "is no time"),
        ("since:2026-13-01", "2026-13-01", "is no time"),
        ("since:99999999w", "99999999w", "is no time"),
        ("recorded:2026-01-01", "2026-01-01", "A time is compared by"),
        ("recorded:2026-02-01..2026-01-01", "2026-02-01..2026-01-01", "swap the ends"),
        ("corrupted:maybe", "maybe", "neither yes nor no"),
        ("data.:1", "data.", "without empty steps"),
        ("data.a..b:1", "data.a..b", "without empty steps"),
        ("data.a:>", ">", "what to compare with"),
        ("meta.:x", "meta.", "meta.UserID:u1"),
        ('type:A "open type:B', '"open type:B', "The quote is not closed."),
        ('""', '""', "An empty text is found everywhere."),
    ],
)
def test_a_bad_term_is_marked_in_place(text: str, marked: str, reason: str) -> None:
    parsed = parse_filter(text, now=NOW)
    assert not parsed.is_valid
    assert not parsed.is_empty
    (problem,) = parsed.problems
    assert text[problem.start : problem.end] == marked
    assert reason in problem.reason


def test_good_terms_of_a_bad_filter_are_there() -> None:
    parsed = parse_filter("type:OrderPaid version:x corrupted:y", now=NOW)
    assert [term.key for term in parsed.terms] == ["type"]
    assert [(problem.start, problem.end) for problem in parsed.problems] == [(23, 24), (35, 36)]
    assert parsed.matches(STORED)


def test_places_of_terms() -> None:
    text = '  -type:"a b"  data.x:1 '
    parsed = filter_of(text)
    assert [text[term.start : term.end] for term in parsed.terms] == ['-type:"a b"', "data.x:1"]
    assert [term.is_negated for term in parsed.terms] == [True, False]
    assert filter_of("   ").is_empty
