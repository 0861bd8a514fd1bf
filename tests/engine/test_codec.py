"""The wire form: what is refused and how that reads, what is accepted, and that no byte is lost."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_engine import Event, InvalidEventError
from aether_engine.codec import (
    ExactNumber,
    _decode_carefully,
    decode_event,
    decode_snapshot,
    dumps,
    encode_event,
    exact_state,
    format_timestamp,
    loads_exactly,
    parse_timestamp,
    with_exact_data,
)
from aether_engine.event import MAX_VERSION
from aether_engine.large_events import decode_large
from aether_engine.testing import NASTY_PAYLOADS, make_event, nested

GOOD: dict[str, Any] = {
    "id": "e-1",
    "eventType": "T",
    "actorId": "a-1",
    "version": 1,
    "data": {},
    "metadata": {},
    "timestamp": "2024-01-01T00:00:00Z",
}


def wire(**changes: Any) -> bytes:
    """A valid event with some fields changed; `...` leaves one out."""
    document = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return json.dumps(document, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("raw", "field", "sentence"),
    [
        (b"", "", "Not a valid event: is not JSON: there are no bytes at all."),
        (b"\xff{}", "", "Not a valid event: is not UTF-8: byte 0xFF at offset 0 is followed by 0x7B."),
        (b'{"id":"\xc3', "", "Not a valid event: is not UTF-8: byte 0xC3 at offset 7 is at the very end."),
        (b"[1,2]", "", "Not a valid event: is not a JSON object, it is [1,2]."),
        (b"null", "", "Not a valid event: is not a JSON object, it is null."),
        (wire(id=...), "id", "Not a valid event: id is missing."),
        (wire(id=None), "id", "Not a valid event: id is missing."),
        (wire(id=""), "id", "Not a valid event: id is empty."),
        (wire(id=7), "id", "Not a valid event: id is 7; it must be text."),
        (wire(actorId=...), "actorId", "Not a valid event: actorId is missing."),
        (wire(actorId=""), "actorId", "Not a valid event: actorId is empty."),
        (wire(eventType=...), "eventType", "Not a valid event: eventType is missing."),
        (wire(eventType=""), "eventType", "Not a valid event: eventType is empty."),
        (wire(eventType=["T"]), "eventType", 'Not a valid event: eventType is ["T"]; it must be text.'),
        (wire(version=...), "version", "Not a valid event: version is missing."),
        (wire(version="1"), "version", 'Not a valid event: version is "1"; it must be an integer.'),
        (wire(version=1.0), "version", "Not a valid event: version is 1.0; it must be an integer."),
        (wire(version=True), "version", "Not a valid event: version is true; it must be an integer."),
        (wire(version=0), "version", f"version is 0; it must lie between 1 and {MAX_VERSION}."),
        (wire(version=-5), "version", f"version is -5; it must lie between 1 and {MAX_VERSION}."),
        (wire(version=2**63), "version", f"version is {2**63}; it must lie between 1 and {MAX_VERSION}."),
        (wire(version=2**64), "version", f"version is {2**64}; it must lie between 1 and {MAX_VERSION}."),
        (wire(data=[1]), "data", "Not a valid event: data is [1]; it must be an object."),
        (wire(data="x"), "data", 'Not a valid event: data is "x"; it must be an object.'),
        (wire(metadata=[]), "metadata", "Not a valid event: metadata is []; it must be an object of texts."),
        (wire(metadata={"a": 1}), "metadata", "metadata holds 1 under 'a'; values must be text."),
        (wire(metadata={"a": None}), "metadata", "metadata holds None under 'a'; values must be text."),
        (wire(commandId=3), "commandId", "Not a valid event: commandId is 3; it must be text."),
        (wire(commandId=[]), "commandId", "Not a valid event: commandId is []; it must be text."),
        (wire(commandId=False), "commandId", "Not a valid event: commandId is false; it must be text."),
        (wire(timestamp=...), "timestamp", "Not a valid event: timestamp is missing."),
        (wire(timestamp="9999-12-31T23:59:60Z"), "timestamp", 'timestamp is "9999-12-31T23:59:60Z"; it must be'),
        (wire(timestamp="yesterday"), "timestamp", 'timestamp is "yesterday"; it must be an RFC 3339 time'),
        (wire(timestamp=1700000000), "timestamp", "timestamp is 1700000000; it must be an RFC 3339 time"),
    ],
)
def test_what_is_refused(raw: bytes, field: str, sentence: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        decode_event(raw)
    assert caught.value.field == field
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("raw", [b"{", b'{"id":}', b'{"a":1} x', b"\xef\xbb\xbf{}", b"{'id':1}", b'{"a":NaN}'])
def test_not_json(raw: bytes) -> None:
    with pytest.raises(InvalidEventError, match="is not JSON: "):
        decode_event(raw)


def test_long_values_are_cut_in_the_sentence() -> None:
    with pytest.raises(InvalidEventError, match="characters") as caught:
        decode_event(wire(version="9" * 100_000))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", NASTY_PAYLOADS)
def test_nasty_payloads_keep_their_bytes(name: str) -> None:
    raw = NASTY_PAYLOADS[name]
    assert encode_event(decode_event(raw)) == raw


def test_go_producers() -> None:
    event = decode_event(NASTY_PAYLOADS["null maps"])
    assert (event.data, event.metadata, event.command_id) == ({}, {}, "")
    assert event.timestamp == datetime(1, 1, 1, tzinfo=UTC)
    assert decode_event(NASTY_PAYLOADS["missing data"]).data == {}
    assert decode_event(wire(commandId=None)).command_id == ""


def test_the_last_of_duplicate_keys_counts() -> None:
    raw = b'{"version":1,' + wire(version=2)[1:]
    assert decode_event(raw).version == 2


def test_highest_version() -> None:
    assert decode_event(wire(version=MAX_VERSION)).version == MAX_VERSION


_texts = st.text(st.characters(exclude_categories=["Cs"]))
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda children: st.lists(children) | st.dictionaries(_texts, children),
    max_leaves=20,
)


@st.composite
def _wire_forms(draw: st.DrawFn) -> bytes:
    document: dict[str, Any] = {
        **draw(st.dictionaries(_texts, _json, max_size=3)),
        "id": draw(_texts.filter(bool)),
        "eventType": draw(_texts.filter(bool)),
        "actorId": draw(_texts.filter(bool)),
        "version": draw(st.integers(1, MAX_VERSION)),
        "data": draw(st.none() | st.dictionaries(_texts, _json)),
        "metadata": draw(st.none() | st.dictionaries(_texts, _texts)),
        "timestamp": draw(st.datetimes()).isoformat() + draw(st.sampled_from(["Z", "+00:00", "-11:30"])),
    }
    document.pop("commandId", None)
    keys = draw(st.permutations(list(document)))
    indent = draw(st.sampled_from([None, 1]))
    text = json.dumps({key: document[key] for key in keys}, ensure_ascii=draw(st.booleans()), indent=indent)
    return text.encode()


@settings(max_examples=60)
@given(_wire_forms())
def test_any_decoded_bytes_encode_to_themselves(raw: bytes) -> None:
    try:
        event = decode_event(raw)
    except InvalidEventError as error:
        # A random integer too large for a double is all that may be refused here.
        if "infinity" not in error.problem:
            raise
        return
    assert encode_event(event) == raw
    assert event.version == json.loads(raw)["version"]


@settings(max_examples=60)
@given(
    data=st.dictionaries(_texts, _json),
    metadata=st.dictionaries(_texts, _texts),
    version=st.integers(1, MAX_VERSION),
    command_id=_texts,
    moment=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))])),
)
def test_new_events_survive(
    data: dict[str, Any], metadata: dict[str, str], version: int, command_id: str, moment: datetime
) -> None:
    event = make_event(version, data=data, metadata=metadata, command_id=command_id, timestamp=moment)
    decoded = with_exact_data(decode_event(encode_event(event)))
    assert decoded == event


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"x": float("nan")}, "nan is not a JSON number"),
        ({"x": [float("inf")]}, "inf is not a JSON number"),
        ({"x": {1: 2}}, "the key 1 is not text"),
        ({"x": {1, 2}}, "which JSON cannot hold"),
        ({"x": datetime(2024, 1, 1, tzinfo=UTC)}, "which JSON cannot hold"),
        ({"x": "\ud800"}, "surrogates"),
        ({"x": 10**400}, "too large to be read back"),
        (nested(1100), "nested deeper than 1,024 levels"),
    ],
)
def test_what_cannot_be_encoded(data: dict[Any, Any], problem: str) -> None:
    with pytest.raises(InvalidEventError, match=problem) as caught:
        encode_event(make_event(data=data))
    assert caught.value.field == "data"


def test_data_that_contains_itself() -> None:
    data: dict[str, Any] = {"list": []}
    data["list"].append(data)
    with pytest.raises(InvalidEventError, match="contains itself"):
        encode_event(make_event(data=data))


@pytest.mark.parametrize("depth", [100, 250, 300, 900, 1000, 1022, 1023])
def test_what_can_be_encoded_can_be_decoded(depth: int) -> None:
    event = make_event(data=nested(depth))
    try:
        raw = encode_event(event)
    except InvalidEventError:
        assert depth >= 1023
        return
    assert dumps(decode_event(raw).data) == dumps(event.data)


def test_the_same_value_twice_is_no_cycle() -> None:
    shared = {"n": 2**70}
    assert dumps([shared, shared]) == b'[{"n":%d},{"n":%d}]' % (2**70, 2**70)


# --- Exact numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"1.10",
        b"-0",
        b"-0.0",
        b"1e2",
        b"1E+2",
        b"0.10000000000000000000001",
        b"18446744073709551616",
        b"-9223372036854775809",
        b'{"a":[1.10,{"b":-0}],"c":"1.10","d":null}',
        b"[" * 1000 + b"1.10" + b"]" * 1000,
        b'{"a":' * 1000 + b"123456789012345678901234567890" + b"}" * 1000,
    ],
)
def test_numbers_survive_as_written(text: bytes) -> None:
    assert dumps(loads_exactly(text)) == text


@given(_json)
def test_exact_decoding_agrees_with_the_usual_one(value: Any) -> None:
    assert loads_exactly(json.dumps(value).encode()) == value or "-0.0" in repr(value)


@pytest.mark.parametrize("raw", [b"", b"[1.10", b"1.10.1", b"[NaN, 1.10]", b'"\xff1.10"', b"[1.10]]"])
def test_exact_decoding_refuses_what_is_not_json(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads_exactly(raw)


def test_exact_numbers_are_floats_that_travel() -> None:
    number = ExactNumber("1.10")
    assert number == 1.1
    assert str(number) == repr(number) == f"{number!s}" == "1.10"
    for travelled in (pickle.loads(pickle.dumps(number)), copy.deepcopy(number)):
        assert isinstance(travelled, ExactNumber)
        assert travelled.text == "1.10"


def test_exact_data_of_an_event() -> None:
    event = Event.from_json(NASTY_PAYLOADS["decimals as written"])
    exact = with_exact_data(event)
    assert dumps(exact.data) == b'{"a":1.10,"b":1e2,"c":-0,"d":-0.0,"e":0.1000000000000000055511151231257827}'
    assert exact.to_json() == event.to_json()
    plain = Event.from_json(wire(data={"a": 1}))
    assert with_exact_data(plain) is plain


def test_exact_state_of_a_snapshot() -> None:
    raw = b'{"actorId":"a","version":1,"state":{"n":1.10},"timestamp":"2024-01-01T00:00:00Z"}'
    assert dumps(exact_state(decode_snapshot(raw))) == b'{"n":1.10}'


# --- Time -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-02-29T12:30:45Z", datetime(2024, 2, 29, 12, 30, 45, tzinfo=UTC)),
        ("2024-02-29t12:30:45z", datetime(2024, 2, 29, 12, 30, 45, tzinfo=UTC)),
        ("2024-02-29T12:30:45.1Z", datetime(2024, 2, 29, 12, 30, 45, 100_000, tzinfo=UTC)),
        ("2024-02-29T12:30:45.123456789Z", datetime(2024, 2, 29, 12, 30, 45, 123_456, tzinfo=UTC)),
        ("2024-02-29T12:30:45+02:00", datetime(2024, 2, 29, 10, 30, 45, tzinfo=UTC)),
        ("2024-02-29T12:30:45.5-00:30", datetime(2024, 2, 29, 13, 0, 45, 500_000, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_timestamps(text: str, moment: datetime) -> None:
    assert parse_timestamp(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-02-29",
        "2024-02-29T12:30:45",
        "2024-02-29 12:30:45Z",
        "2024-02-29T12:30Z",
        "20240229T123045Z",
        "2024-02-30T12:30:45Z",
        "2023-02-29T12:30:45Z",
        "2024-02-29T24:00:00Z",
        "2024-02-29T12:60:00Z",
        "2024-02-29T12:30:61Z",
        "2024-02-29T12:30:45.Z",
        "2024-02-29T12:30:45,5Z",
        "2024-02-29T12:30:45.1234567890Z",
        "2024-02-29T12:30:45+0200",
        "2024-02-29T12:30:45+02",
        "2024-02-29T12:30:45+02:00:30",
        "2024-02-29T12:30:45+02:60",
        "2024-02-29t12:30:45+02:60",
        "9999-12-31T23:59:60Z",
        "2024-02-29T12:30:45 Z",
        "2024-W09-4T12:30:45Z",
        " 2024-02-29T12:30:45Z",
        "２０２４-02-29T12:30:45Z",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_timestamp(text)


@settings(max_examples=200)
@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])))
def test_formatted_times_are_read_back(moment: datetime) -> None:
    assert parse_timestamp(format_timestamp(moment)) == moment


_TOKENS = [
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc3",
    b"\xc3\xa4",
    b"\x00",
    b"\n",
    b",",
    b"}",
    b"{",
    b"[",
    b"]",
    b":",
]
_TOKENS += [
    b"-",
    b"0",
    b"1.5",
    b"1e999",
    b"18446744073709551616",
    b"null",
    b"NaN",
    b'"x":1,',
    b'"version":2,',
    b"\xef\xbb\xbf",
]
_TOKENS += [b"Z", b"z", b" ", b".1234567", b"+00:00", b"-23:59", b":60"]


@given(
    st.sampled_from([*NASTY_PAYLOADS.values(), wire(), wire(metadata={"a": "ä"}, commandId="c", extra=1)]),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 4), st.sampled_from([*_TOKENS, b""])),
        min_size=1,
        max_size=3,
    ),
)
@settings(max_examples=1500, deadline=None)
def test_the_fast_decoder_and_the_careful_one_agree_on_every_input(
    raw: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    for place, cut, token in changes:
        at = place % (len(raw) + 1)
        raw = raw[:at] + token + raw[at + cut :]

    outcomes = []
    for decode in (decode_event, _decode_carefully):
        try:
            event = decode(raw)
        except InvalidEventError as error:
            outcomes.append(str(error))
        else:
            assert event.to_json() == raw
            outcomes.append(repr(event))

    assert outcomes[0] == outcomes[1]
    # The decoder of large events may refuse what the others take: they look again. What it takes, they take alike.
    late = decode_large(raw, parse_timestamp)
    if late is not None:
        assert repr(late) == outcomes[0]
        assert late.to_json() == raw


@pytest.mark.parametrize(
    "text", ["2024-01-01T00:00Z", "2024-01-01T00+00:00", "2024-01-01T00Z", "20240101T000000Z"]
)
def test_a_time_that_is_too_short_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an RFC 3339 time"):
        parse_timestamp(text)
