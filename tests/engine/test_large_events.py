"""Events of megabytes: as valid or invalid as small ones, and not taken apart before somebody asks."""

from __future__ import annotations

import dataclasses
import pickle

import msgspec
import pytest

from aether_engine.engine import open_engine
from aether_engine.errors import InvalidEventError
from aether_engine.event import Event
from aether_engine.large_events import LARGE, LargeEvent

ROWS = b",".join(b'{"sku":"A-%d","price":%d.50,"note":"\xc3\xa9\\u00e9"}' % (n, n) for n in range(LARGE // 30))


def large(data: bytes = b'{"rows":[' + ROWS + b"]}") -> bytes:
    return (
        b'{"id":"e1","eventType":"Imported","actorId":"a","version":7,"data":' + data + b',"metadata":'
        b'{"CorrelationID":"c-1"},"timestamp":"2026-01-02T03:04:05.123456789+02:00"}'
    )


def is_taken_apart(event: Event) -> bool:
    return type(Event.__dict__["data"].__get__(event)) is not msgspec.Raw


def test_data_are_taken_apart_when_they_are_asked_for() -> None:
    event = Event.from_json(large())
    assert isinstance(event, LargeEvent)
    assert (event.id, event.actor_id, event.version, event.correlation_id) == ("e1", "a", 7, "c-1")
    assert event.to_json() == large()
    assert not is_taken_apart(event)
    assert event.data["rows"][3] == {"sku": "A-3", "price": 3.5, "note": "éé"}
    assert is_taken_apart(event)
    assert event.data is event.data


def test_it_is_an_event_like_any_other() -> None:
    event, again = Event.from_json(large()), Event.from_json(large())
    assert event == again
    assert hash(event) == hash(again)
    plain = Event(
        event.id, event.event_type, event.actor_id, event.version, event.data, event.metadata, event.timestamp
    )
    assert plain == event
    assert event == plain
    assert pickle.loads(pickle.dumps(again)) == event
    assert dataclasses.replace(event, version=8).version == 8
    assert event.with_version(8).to_json() == large().replace(b'"version":7', b'"version":8')
    with pytest.raises(AttributeError):
        event.version = 8  # type: ignore[misc]  # what is tried
    with pytest.raises(AttributeError):
        event.data = {}  # type: ignore[misc]  # what is tried


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (large().replace(b'"A-100"', b'"A-100",'), "not JSON"),
        (large().replace(b'"A-100"', b'"A-\xff00"'), "UTF-8"),
        (large().replace(b'"A-100"', b'"A-\xed\xa0\x8000"'), "UTF-8"),
        (large().replace(b'"price":100.50', b'"price":1e999'), "not JSON"),
        (large().replace(b'"price":100.50', b'"price":%s.0' % (b"9" * 400)), "not JSON"),
        (large(b'"' + b"x" * LARGE + b'"'), "data"),
        (large()[:-20], "not JSON"),
        (large().replace(b'"version":7', b'"version":0'), "version"),
    ],
)
def test_what_is_invalid_is_refused_at_once(broken: bytes, reason: str) -> None:
    assert len(broken) > LARGE
    with pytest.raises(InvalidEventError, match=reason):
        Event.from_json(broken)


@pytest.mark.parametrize(
    "data", [b"null", b'{"huge":12345678901234567890123456789}', b'{"a":1.5e-7,"e":"deface12e345"}']
)
def test_odd_data_are_as_ever(data: bytes) -> None:
    padding = b',"pad":"' + b"x" * LARGE + b'"}'
    raw = large(data if data == b"null" else data[:-1] + padding)
    raw += b" " * (LARGE + 1 - len(raw))
    event, small = Event.from_json(raw), Event.from_json(large(data))
    assert {key: value for key, value in event.data.items() if key != "pad"} == small.data


def test_deep_data_are_read_from_a_deep_stack_too() -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    event = Event.from_json(large(deep[:-1] + b',"pad":"' + b"x" * LARGE + b'"}'))
    assert isinstance(event, LargeEvent)

    def ask(depth: int) -> object:
        return ask(depth - 1) if depth else event.data["pad"]

    assert ask(300) == "x" * LARGE


async def test_a_log_of_large_events_is_read_without_taking_them_apart() -> None:
    async with open_engine("memory://") as engine:
        log = await engine.store("log")
        await log.save_event(Event.from_json(large()))
        stored = [each async for batch in log.read() for each in batch]
        assert stored[0].event is not None
        assert not is_taken_apart(stored[0].event)
