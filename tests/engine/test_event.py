"""Values: frozen, compared by content, and edited without touching any other byte."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest

from aether_engine import (
    ActorSnapshot,
    AetherError,
    DuplicateEventError,
    Event,
    InvalidEventError,
    OutcomeUnknownError,
    ReadOnlyError,
    StoreUnavailableError,
    UnsupportedFormatError,
    VersionConflictError,
)
from aether_engine.testing import NASTY_PAYLOADS, make_event

MOMENT = datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)


def test_defaults() -> None:
    before = datetime.now(UTC)
    event = Event("e-1", "Placed", "order-1", 1, {})
    assert (event.metadata, event.command_id) == ({}, "")
    assert before <= event.timestamp <= datetime.now(UTC)
    assert event.timestamp.utcoffset() is not None


def test_wire_form() -> None:
    event = Event("e-1", "Placed", "order-1", 7, {"total": 12}, {"UserID": "u-1"}, MOMENT, "c-1")
    assert event.to_json() == (
        b'{"id":"e-1","eventType":"Placed","actorId":"order-1","commandId":"c-1","version":7,'
        b'"data":{"total":12},"metadata":{"UserID":"u-1"},"timestamp":"2024-01-02T03:04:05.678901Z"}'
    )
    assert Event.from_json(event.to_json()) == event


def test_empty_optional_fields_are_left_out() -> None:
    event = Event("e-1", "Placed", "order-1", 7, {}, timestamp=MOMENT)
    assert b"commandId" not in event.to_json()
    assert b"metadata" not in event.to_json()


def test_values_are_frozen_and_compared_by_content() -> None:
    event = make_event()
    with pytest.raises(FrozenInstanceError):
        event.version = 2  # type: ignore[misc]  # what is tried
    assert Event.from_json(event.to_json()) == event
    assert hash(Event.from_json(event.to_json())) == hash(event)
    assert replace(event, version=2) != event


@pytest.mark.parametrize("name", NASTY_PAYLOADS)
def test_copies_keep_the_bytes(name: str) -> None:
    event = Event.from_json(NASTY_PAYLOADS[name])
    for copied in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert copied == event
        assert copied.to_json() == NASTY_PAYLOADS[name]


@pytest.mark.parametrize(
    "error",
    [
        InvalidEventError("id", "is empty", kind="snapshot"),
        VersionConflictError("a", 1, 2, stored=make_event(), is_duplicate=True),
        DuplicateEventError("e-1", 3, in_batch=True),
        OutcomeUnknownError(make_event(), "the task was cancelled"),
        ReadOnlyError("memory://"),
        StoreUnavailableError("memory://", "it was closed"),
        UnsupportedFormatError("a", "b", "c"),
    ],
)
def test_errors_travel_with_their_fields(error: AetherError) -> None:
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert vars(copied) == vars(error)


def test_a_conflict_at_the_highest_version_advises_nothing_impossible() -> None:
    stored = make_event(event_type="T" * 1000)
    for error in (
        VersionConflictError("a", 2**63 - 1, 2**63 - 1, stored=stored),
        VersionConflictError("a", 2**63 - 1, 2**63 - 1, in_batch=True),
        VersionConflictError("a", 5, 2**63 - 1),
    ):
        assert str(2**63) not in str(error)
        assert "there is no higher version" in str(error)
        assert len(str(error)) < 500


def test_metadata_helpers() -> None:
    plain = make_event()
    event = (
        plain.with_correlation_id("c")
        .with_causation_id("a")
        .with_user_id("u")
        .with_trace_id("t")
        .with_span_id("s")
        .with_metadata(Region="eu", UserID="u2")
    )
    assert plain.metadata == {}
    assert event.metadata == {
        "CorrelationID": "c",
        "CausationID": "a",
        "UserID": "u2",
        "TraceID": "t",
        "SpanID": "s",
        "Region": "eu",
    }
    assert (event.correlation_id, event.causation_id, event.user_id) == ("c", "a", "u2")
    assert (event.trace_id, event.span_id) == ("t", "s")
    assert event.get_metadata("Nothing") == ""
    assert event.get_metadata("Nothing", "x") == "x"
    assert make_event().with_metadata_from(event).metadata == event.metadata


def test_edits_leave_every_other_byte() -> None:
    raw = NASTY_PAYLOADS["another key order and unknown keys"]
    event = Event.from_json(raw)
    assert event.with_version(12).to_json() == raw.replace(b'"version":1,', b'"version":12,')
    assert event.with_user_id("u").to_json() == raw.replace(
        b'"metadata":{"Z":"1","A":"2"}', b'"metadata":{"Z":"1","A":"2","UserID":"u"}'
    )


def test_an_edit_adds_a_field_that_was_left_out() -> None:
    raw = NASTY_PAYLOADS["missing data"]
    event = Event.from_json(raw).with_user_id("u")
    assert event.to_json() == raw[:-1] + b',"metadata":{"UserID":"u"}}'
    assert event.user_id == "u"


def test_replaced_fields_are_encoded_anew() -> None:
    event = replace(Event.from_json(NASTY_PAYLOADS["white space"]), data={"a": 1})
    assert Event.from_json(event.to_json()).data == {"a": 1}


def test_snapshots_keep_their_bytes() -> None:
    raw = b'{ "state":{"a":1.10}, "version":3,"actorId":"a","timestamp":"2024-01-01T00:00:00.123456789+01:00"}'
    snapshot = ActorSnapshot.from_json(raw)
    assert (snapshot.actor_id, snapshot.version) == ("a", 3)
    assert snapshot.to_json() == raw
    new = ActorSnapshot("a", 1, {}, MOMENT)
    assert ActorSnapshot.from_json(new.to_json()) == new
