"""Saving one event: what is refused and why, and what is stored, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from aether_engine.errors import DuplicateEventError, InvalidEventError, VersionConflictError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.protocols import Store
from aether_engine.testing.harness import Contract, collect, take
from aether_engine.testing.samples import NASTY_PAYLOADS, make_event, nested


class SavingContract(Contract):
    """One event is stored once, as it is, or refused with an error that names the mistake."""

    async def test_save_and_read_back(self, store: Store) -> None:
        """A saved event is read back equal, by actor and from the log, with its sequence and when it came."""
        before = datetime.now(UTC)
        event = make_event(
            data={"total": 12, "items": [{"sku": "a"}]},
            metadata={"CorrelationID": "c-1"},
            command_id="command-1",
            timestamp=datetime(2024, 5, 6, 7, 8, 9, 123456, timezone(timedelta(hours=2))),
        )
        sequence = await store.save_event(event)
        assert sequence >= 1
        assert await store.get_events("order-1") == [event]
        [stored] = await collect(store.read())
        assert stored.sequence == sequence
        assert stored.event == event
        assert stored.error is None
        assert stored.raw == event.to_json()
        assert stored.recorded_at.utcoffset() == timedelta(0)
        assert before - timedelta(seconds=5) <= stored.recorded_at <= datetime.now(UTC) + timedelta(seconds=5)

    async def test_sequences_rise_strictly(self, store: Store) -> None:
        """Sequences rise over all actors and `last_sequence` is the highest of them."""
        sequences = [await store.save_event(make_event(1, f"order-{number}")) for number in range(5)]
        sequences += await store.save_events([make_event(2, f"order-{number}") for number in range(5)])
        assert sequences == sorted(set(sequences))
        assert await store.last_sequence() == sequences[-1]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"id": ""}, "id"),
            ({"id": None}, "id"),
            ({"event_type": ""}, "eventType"),
            ({"actor_id": ""}, "actorId"),
            ({"version": 0}, "version"),
            ({"version": -1}, "version"),
            ({"version": MAX_VERSION + 1}, "version"),
            ({"version": 1.0}, "version"),
            ({"version": True}, "version"),
            ({"data": []}, "data"),
            ({"data": {"x": float("nan")}}, "data"),
            ({"data": {"x": object()}}, "data"),
            ({"data": {1: "x"}}, "data"),
            ({"data": {"x": 10**400}}, "data"),
            ({"data": nested(2000)}, "data"),
            ({"metadata": {"a": 1}}, "metadata"),
            ({"timestamp": datetime(2024, 1, 1)}, "timestamp"),  # noqa: DTZ001 (naive on purpose)
            ({"command_id": 7}, "commandId"),
        ],
    )
    async def test_invalid_events_are_refused(self, store: Store, changes: dict[str, Any], field: str) -> None:
        """Checked first: the event is valid, and the error names the field. Nothing is stored."""
        event = replace(make_event(), **changes)
        with pytest.raises(InvalidEventError) as caught:
            await store.save_event(event)
        assert caught.value.field == field
        with pytest.raises(InvalidEventError):
            await store.save_events([make_event(), event])
        assert await store.last_sequence() == 0

    async def test_versions_need_not_be_contiguous(self, store: Store) -> None:
        """Gaps are the caller's business; the current version is the highest one."""
        for version in (3, 4, 90, MAX_VERSION):
            await store.save_event(make_event(version))
            assert await store.get_latest_version("order-1") == version
        assert [event.version for event in await store.get_events("order-1")] == [3, 4, 90, MAX_VERSION]

    @pytest.mark.parametrize("attempted", [1, 3, 4, 5])
    async def test_version_must_exceed_the_current_one(self, store: Store, attempted: int) -> None:
        """`VersionConflictError` says what was tried, where the actor is, and who holds that version."""
        held = {version: make_event(version) for version in (1, 3, 5)}
        for event in held.values():
            await store.save_event(event)
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(make_event(attempted))
        conflict = caught.value
        assert (conflict.actor_id, conflict.attempted_version, conflict.current_version) == (
            "order-1",
            attempted,
            5,
        )
        assert conflict.stored == held.get(attempted)
        assert not conflict.is_duplicate
        assert len(await store.get_events("order-1")) == 3

    async def test_duplicate_command_is_told_from_a_concurrent_write(self, store: Store) -> None:
        """Saving the very same event again is a conflict that says so: the caller can be content."""
        event = make_event(2)
        await store.save_event(event)
        await store.save_event(make_event(3))
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(event)
        assert caught.value.is_duplicate
        assert caught.value.stored == event
        assert len(await store.get_events("order-1")) == 2

    @pytest.mark.parametrize("actor_id", ["order-1", "order-2"])
    async def test_an_id_is_stored_once(self, store: Store, actor_id: str) -> None:
        """An id held at another version or actor is refused, naming where it is; never a second copy."""
        first = make_event(1)
        sequence = await store.save_event(first)
        again = replace(make_event(7, actor_id), id=first.id)
        with pytest.raises(DuplicateEventError) as caught:
            await store.save_event(again)
        assert (caught.value.event_id, caught.value.sequence) == (first.id, sequence)
        with pytest.raises(DuplicateEventError):
            await store.save_events([again])
        assert [stored.event for stored in await collect(store.read())] == [first]

    async def test_version_is_checked_before_the_id(self, store: Store) -> None:
        """A known id at a version that is too low is a version conflict."""
        first, second = make_event(1), make_event(2)
        await store.save_events([first, second])
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(replace(second, version=1))
        assert caught.value.stored == first
        assert not caught.value.is_duplicate

    async def test_a_stored_event_is_nobodys_to_change(self, store: Store) -> None:
        """Neither the caller's dict nor a returned one reaches what is stored."""
        data = {"list": [1]}
        await store.save_event(make_event(data=data))
        data["list"].append(2)
        [event] = await store.get_events("order-1")
        assert event.data == {"list": [1]}
        event.data["list"].append(3)
        assert [event.data for event in await store.get_events("order-1")] == [{"list": [1]}]

    @pytest.mark.parametrize("name", NASTY_PAYLOADS)
    async def test_bytes_are_the_truth(self, store: Store, name: str) -> None:
        """What goes in comes out, byte for byte, on every way of reading."""
        raw = NASTY_PAYLOADS[name]
        tail = store.tail(after_sequence=0)
        event = Event.from_json(raw)
        await store.save_event(event)
        [stored] = await collect(store.read())
        [of_actor] = await collect(store.read_actor("nasty-1"))
        [tailed] = await take(tail, 1)
        [read] = await store.get_events("nasty-1")
        assert stored.raw == of_actor.raw == tailed.raw == read.to_json() == raw
        assert read == event
