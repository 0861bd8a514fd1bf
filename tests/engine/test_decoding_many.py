"""Many events decoded together: they come out as each by itself, whatever else is among them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from aether_engine import codec
from aether_engine.codec import decode_event, decode_events
from aether_engine.errors import InvalidEventError
from aether_engine.event import Event
from aether_engine.large_events import LARGE

_TIMES = (
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.5Z",
    "2026-01-01T00:00:00.123Z",
    "2026-01-01T00:00:00.123456Z",
    "2026-01-01T00:00:00.123456789Z",
    "2026-01-01T00:00:00.123456+02:00",
    "2026-01-01t00:00:00.123456z",
    "2026-01-01 00:00:00.123456Z",
    "2026-01-01T00:00:60.123456Z",
    "2026-02-30T00:00:00.123456Z",
    "2026-01-01T00:00:00,123456Z",
)


def _raw(dice: random.Random, time: str) -> bytes:
    document: dict[str, Any] = {
        "id": f"e-{dice.randrange(99)}",
        "eventType": "T",
        "actorId": "a",
        "version": dice.randrange(1, 9),
        "data": {"n": [1.5, {"k": None}]},
        "metadata": {"UserID": "u"},
        "commandId": "c",
    }
    for name in ("data", "metadata", "commandId"):
        chance = dice.random()
        # Without data an event goes its own way.
        left_out = 0.02 if name == "data" else 0.2
        if chance < left_out:
            del document[name]
        elif chance < left_out + 0.02:
            document[name] = None
    if dice.random() < 0.02:
        document[dice.choice(["id", " raw", "extra", "version"])] = dice.choice(["aGVsbG8=", 0, {}])
    if dice.random() < 0.97:
        document["timestamp"] = time
    else:
        # What ends as a time does and is none.
        document = {"timestamp": time, **document, "data": {"p": dice.choice(_TIMES)}}
    return json.dumps(document, separators=(",", ":")).encode()


def _each(raws: list[bytes]) -> list[Event] | str:
    try:
        return list(map(decode_event, raws))
    except InvalidEventError as error:
        return str(error)


def _together(raws: list[bytes]) -> list[Event] | str:
    try:
        return decode_events(raws)
    except InvalidEventError as error:
        return str(error)


def test_events_decoded_together_are_those_decoded_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(4)
    whole = 0
    one_by_one = 0

    def counted(raw: bytes) -> Event:
        nonlocal one_by_one
        one_by_one += 1
        return decode_event(raw)

    monkeypatch.setattr(codec, "decode_event", counted)
    for _ in range(1500):
        time = dice.choice(_TIMES)
        raws = [_raw(dice, time if dice.random() < 0.98 else dice.choice(_TIMES)) for _ in range(6)]
        before = one_by_one
        together = _together(raws)
        whole += one_by_one == before
        apart = _each(raws)
        assert together == apart
        if isinstance(together, list):
            for one, other in zip(together, apart, strict=True):
                assert type(one) is Event
                assert isinstance(other, Event)
                assert repr(one) == repr(other)
                assert one.to_json() == other.to_json()
                assert one._raw is other._raw
            assert len({id(event.data) for event in together}) == len(together)
            assert len({id(event.metadata) for event in together}) == len(together)
    # Both ways were gone.
    assert whole > 100
    assert one_by_one > 1000


def test_what_is_no_bytes_and_what_is_large_goes_the_way_of_single_events() -> None:
    raw = _raw(random.Random(1), _TIMES[3])
    for odd in (raw.decode(), None, 5):
        with pytest.raises(TypeError):
            decode_events([raw, odd])  # type: ignore[list-item]  # on purpose
        with pytest.raises(TypeError):
            decode_events([odd, raw])  # type: ignore[list-item]  # on purpose
    assert decode_events([]) == []
    large = raw.replace(b'"version"', b'"x":"' + b"y" * LARGE + b'","version"')
    assert decode_events([large, raw]) == [decode_event(large), decode_event(raw)]
    whole = json.loads(raw) | {"data": {"text": "y" * LARGE}}
    text = json.dumps(whole, separators=(",", ":")).encode()
    assert decode_events([text, raw]) == [decode_event(text), decode_event(raw)]
