"""Damaged events: where the fault is, and what their bytes still say."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from aether_desktop.models.events.claims import claimed_event, claims_of
from aether_desktop.models.events.event_cells import cells_of
from aether_desktop.models.inspector.damage import Damage, damage_of, not_utf8_at
from aether_engine.errors import ChecksumMismatchError, EventLostError, InvalidEventError, MisplacedEventError
from aether_engine.event import Event, ReplayError, StoredEvent
from aether_engine.json_pieces import syntax_error

RAW = (
    b'{"id":"e1","eventType":"Paid","actorId":"order-1","version":7,"data":{"note":"caf\xc3\xa9"},'
    b'"timestamp":"2026-01-02T03:04:05.123456789+02:00"}'
)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def damage(raw: bytes, error: Exception | None = None) -> Damage:
    if error is None:
        with pytest.raises(InvalidEventError) as refused:
            Event.from_json(raw)
        error = refused.value
    found = damage_of(StoredEvent(3, NOW, raw, None, ReplayError(3, raw, error)))
    assert found is not None
    return found


def test_a_sound_event_has_no_damage() -> None:
    assert damage_of(StoredEvent(3, NOW, RAW, Event.from_json(RAW), None)) is None


@pytest.mark.parametrize("padding", [0, 1 << 19])
def test_the_first_byte_that_is_no_text_is_found(padding: int) -> None:
    raw = RAW.replace(b"caf\xc3\xa9", b"\xc3\xa9" * padding + b"caf\xe9!")
    place = raw.index(b"\xe9!")
    found = damage(raw)
    assert found.span == (place, place + 1)
    assert (found.reason, found.explanation) == ("Not UTF-8", "")
    assert found.place == f"Byte 0xE9 at offset {place:,} is followed by 0x21."


def test_text_that_ends_in_a_character_is_not_utf8() -> None:
    assert not_utf8_at(b"abc\xc3") == 3
    assert not_utf8_at(b"x" * (1 << 18) + b"\xc3") == 1 << 18
    # A character may lie across two of the pieces that are looked at.
    assert not_utf8_at(b"x" * ((1 << 18) - 1) + b"\xc3\xa9") is None
    assert not_utf8_at(b"x" * ((1 << 18) - 1) + b"\xc3(") == (1 << 18) - 1


@pytest.mark.parametrize(
    ("raw", "offset", "words"),
    [
        (RAW[:74], 70, "unterminated string"),
        (RAW.replace(b'"version":7', b'"version":7,'), 63, "property name"),
        (RAW + b"}", len(RAW), "extra data"),
        (b"{{", 1, "property name"),
        (RAW[:70] + b" " * 80, 70, "property name"),
    ],
)
def test_where_it_stops_being_json_is_found(raw: bytes, offset: int, words: str) -> None:
    found = damage(raw)
    assert found.span is not None
    assert abs(found.span[0] - offset) <= 1
    assert words in found.place


def test_a_field_at_fault_is_found() -> None:
    raw = RAW.replace(b'"version":7', b'"version":-7')
    start = raw.index(b"-7")
    found = damage(raw)
    assert (found.reason, found.span) == ("Invalid version", (start, start + 2))
    assert found.explanation.startswith("version is -7; it must lie between 1 and ")
    assert damage(RAW.replace(b'"id":"e1",', b"")).reason == "Missing id"
    assert damage(b"[1]").reason == "Not a JSON object"
    assert damage(RAW.replace(b"caf\xc3\xa9", b"\xa9")).place.endswith("begins no character.")
    assert damage(RAW[:-1] + b"\xc3").place.endswith("is the last one.")
    start = RAW.index(b'"order-1"')
    misplaced = damage(RAW, MisplacedEventError("actorId", "order-2", "order-1"))
    assert misplaced.span == (start, start + len(b'"order-1"'))
    assert misplaced.reason == "Payload and place disagree: actorId"
    assert misplaced.explanation == "Stored as actorId 'order-2', but the payload says 'order-1'."
    assert misplaced.place == f"The field actorId is at offset {start}."
    assert damage(RAW, MisplacedEventError("subject", "x", "order-1")).span == misplaced.span


def test_what_cannot_be_told_is_not_told() -> None:
    mismatch = damage(RAW, ChecksumMismatchError(1, 2))
    assert (mismatch.reason, mismatch.span) == ("Checksum mismatch", None)
    assert mismatch.explanation == "Stored 00000001, computed 00000002; the bytes changed after writing."
    lost = damage(b"", EventLostError(3, "its page is damaged"))
    assert (lost.reason, lost.span) == ("Lost", None)


def test_what_the_bytes_still_say() -> None:
    claims = claims_of(RAW[:80])
    assert claims.fields == {"id": "e1", "eventType": "Paid", "actorId": "order-1", "version": "7"}
    assert (claims.actor_id, claims.version, claims.moment) == ("order-1", 7, None)
    assert claims_of(RAW).fields["timestamp"] == "2026-01-02T03:04:05.123456789+02:00"
    for raw in (b"", b"\xff\xfe", b"[1,2]", b'"text"', b'{"version":1e3}', b'{"version":' + b"9" * 30 + b"}"):
        assert claims_of(raw).version is None
    assert claimed_event(RAW[:80]) is None
    whole = claimed_event(RAW)
    assert whole is not None
    assert whole.version == 7


def test_a_row_of_a_torn_event_says_whose_it_was() -> None:
    raw = RAW[:80]
    cells = cells_of(StoredEvent(3, NOW, raw, None, ReplayError(3, raw, InvalidEventError("", "is not JSON"))))
    assert (cells.actor, cells.version, cells.event_type) == ("order-1", "7", "Not JSON")
    cells = cells_of(StoredEvent(3, NOW, RAW, None, ReplayError(3, RAW, ChecksumMismatchError(1, 2))))
    assert cells.timestamp == "2026-01-02 03:04:05.123456789 +02:00"


def test_megabytes_of_damage_are_bounded_work() -> None:
    rows = b",".join(b'{"sku":"A-%d","note":"\xc3\xa9"}' % n for n in range(800_000))
    raw = RAW.replace(b'{"note":"caf\xc3\xa9"}', b'{"rows":[' + rows + b"]}")
    torn = raw[: len(raw) // 2]
    assert len(raw) > 20_000_000
    began = time.process_time()
    found = damage(torn, InvalidEventError("", "is not JSON"))
    assert found.span == (len(torn) - 1, len(torn))
    assert claims_of(torn).actor_id == "order-1"
    assert claimed_event(raw) is None
    # Of the processor; decoding it as a whole would take many times as long.
    assert time.process_time() - began < 3


def test_a_place_is_found_in_any_syntax_error() -> None:
    assert syntax_error(b'{"a":[1,2,{"b":null}]}') is None
    assert syntax_error(b'{"a":1,}') == 7
    assert syntax_error(b'{"a":') == 5
    assert syntax_error(b"") == 0
