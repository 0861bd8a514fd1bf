"""An actor's stream, folded: any version, what it changed, who set what, and what is missing or damaged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from aether_desktop.models.state import folded_stream
from aether_desktop.models.state.actor_states import Loader
from aether_desktop.models.state.snapshot_states import FROM_BEST
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_view import HeldState, StateView
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import ActorSnapshot, Event, ReplayError, StoredEvent
from aether_engine.replay import VersionGap, merge_patch
from aether_engine.store.protocols import StoredSnapshot
from tests.waiting import until

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def stored(version: int, data: dict[str, Any] | bytes, sequence: int | None = None) -> StoredEvent:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    raw = (
        b'{"id":"e%d","eventType":"T%d","actorId":"a","version":%d,"data":%s,"timestamp":"2026-01-02T03:04:05Z"}'
        % (version, version % 3, version, body)
    )
    return StoredEvent(sequence or version, NOW, raw, Event.from_json(raw), None)


def damaged(sequence: int) -> StoredEvent:
    return StoredEvent(sequence, NOW, b"x", None, ReplayError(sequence, b"x", ValueError("Checksum mismatch")))


def loader(events: Sequence[StoredEvent], batch: int = 1000, gate: asyncio.Event | None = None) -> Loader:
    async def read(_actor: str, _from_version: int) -> AsyncIterator[list[StoredEvent]]:
        for start in range(0, len(events), batch):
            if gate is not None and start:
                await gate.wait()
            yield list(events[start : start + batch])

    return read


@pytest.fixture
async def controller() -> AsyncIterator[StateController]:
    one = StateController()
    yield one
    await one.close()


async def shown(controller: StateController, version: int) -> StateView:
    await until(lambda: controller.view is not None and controller.view.version == version and not controller.busy)
    assert controller.view is not None
    return controller.view


async def test_it_shows_the_version_asked_for_and_what_it_changed(
    controller: StateController, qtbot: QtBot
) -> None:
    events = [stored(1, {"a": 1, "b": 1}), stored(2, {"b": 2}), stored(3, {"b": 2, "c": None, "a": None})]
    controller.show("k", "a", loader(events), 2)
    view = await shown(controller, 2)
    assert (view.state, view.previous_version, view.events_applied) == ({"a": 1, "b": 2}, 1, 2)
    assert [(change.path, change.kind, change.old, change.new) for change in view.changes] == [
        (("b",), "changed", 1, 2)
    ]
    controller.show_version(None)
    view = await shown(controller, 3)
    assert view.state == {"b": 2}
    assert controller.event_types == {"T0", "T1", "T2"}
    assert controller.actor_id == "a"


async def test_set_by_is_the_last_change_and_not_the_last_write(controller: StateController) -> None:
    events = [
        stored(1, {"a": 1, "case": {"x": 1, "y": 1}}),
        stored(2, {"a": 1}),
        stored(4, {"case": {"x": 2}}),
        stored(9, {"a": 1, "case": {"y": 1}}),
    ]
    controller.show("k", "a", loader(events))
    await shown(controller, 9)
    assert controller.set_by(("a",)) == 1
    assert controller.last_write(("a",)) == 9
    assert controller.set_by(("case", "x")) == 4
    assert controller.last_write(("case", "x")) == 4
    assert controller.set_by(("case",)) == 4
    assert controller.set_by(("case", "y")) == 1
    assert controller.last_write(("case", "y")) == 9
    controller.show_version(4)
    await shown(controller, 4)
    assert controller.last_write(("a",)) == 2
    controller.show_version(2)
    await shown(controller, 2)
    assert controller.set_by(("case", "x")) == 1


async def test_gaps_and_damage_are_told(controller: StateController) -> None:
    events = [
        stored(1, {"a": 1}),
        damaged(2),
        stored(5, {"a": 2}, 3),
        stored(4, {"a": 9}, 4),
        stored(6, {"b": 1}, 5),
    ]
    controller.show("k", "a", loader(events))
    view = await shown(controller, 6)
    assert view.state == {"a": 2, "b": 1}
    assert list(controller.gaps) == [VersionGap(2, 4)]
    assert [(one.after_version, one.sequence) for one in controller.troubles] == [(1, 2), (5, 4)]
    assert "Checksum mismatch" in controller.troubles[0].reason
    assert "does not follow" in controller.troubles[1].reason


async def test_numbers_are_exact(controller: StateController) -> None:
    controller.show("k", "a", loader([stored(2**63 - 1, b'{"n":1.10,"big":123456789012345678901234567890}')]))
    view = await shown(controller, 2**63 - 1)
    assert repr(view.state["n"]) == "1.10"
    assert view.state["big"] == 123456789012345678901234567890


async def test_moving_along_versions_with_gaps(controller: StateController) -> None:
    events = [stored(version, {"v": version}) for version in (1, 2, 7, 100)]
    controller.show("k", "a", loader(events), 7)
    await shown(controller, 7)
    assert controller.neighbour(7, 1) == 100
    assert controller.neighbour(7, -1) == 2
    assert controller.neighbour(50, 0) == 7
    assert controller.neighbour(1, -1) == 1
    found = controller.stored_at(7)
    assert found is not None
    assert found.sequence == 7
    assert controller.stored_at(8) is None
    previous = controller.previous_of(7)
    assert previous is not None
    assert previous.event is not None
    assert previous.event.version == 2
    controller.show_version(50)
    await asyncio.sleep(0)
    assert controller.view is not None
    assert controller.view.version == 7


async def test_another_actor_replaces_the_one_being_read(controller: StateController) -> None:
    gate = asyncio.Event()
    controller.show("first", "a", loader([stored(1, {"a": 1}), stored(2, {"a": 2})], 1, gate))
    await until(lambda: len(controller.versions) == 1)
    controller.show("second", "b", loader([stored(1, {"b": 1})]))
    view = await shown(controller, 1)
    gate.set()
    assert view.state == {"b": 1}
    assert list(controller.versions) == [1]


async def test_the_same_stream_is_not_read_again(controller: StateController) -> None:
    reads = 0

    async def read(_actor: str, _from_version: int) -> AsyncIterator[list[StoredEvent]]:
        nonlocal reads
        reads += 1
        yield [stored(1, {"a": 1}), stored(2, {"a": 2})]

    controller.show("k", "a", read, 1)
    await shown(controller, 1)
    controller.show("k", "a", read, 2)
    await shown(controller, 2)
    assert reads == 1


async def test_live_events_are_added_and_the_view_stays(controller: StateController, qtbot: QtBot) -> None:
    controller.show("k", "a", loader([stored(1, {"a": 1})]))
    await shown(controller, 1)
    controller.append([stored(1, {"a": 1}), stored(2, {"a": 2})])
    await until(lambda: not controller.busy)
    assert list(controller.versions) == [1, 2]
    assert controller.view is not None
    assert controller.view.version == 1
    controller.show_version(2)
    assert controller.set_by(("a",)) == 2


async def test_refreshing_reads_what_is_new(controller: StateController) -> None:
    events = [stored(1, {"a": 1})]
    controller.show("k", "a", loader(events), 1)
    await shown(controller, 1)
    events.append(stored(2, {"a": 2}))
    controller.refresh()
    await until(lambda: not controller.busy)
    assert list(controller.versions) == [1, 2]


async def test_errors_are_told(controller: StateController, qtbot: QtBot) -> None:
    async def read(_actor: str, _from_version: int) -> AsyncIterator[list[StoredEvent]]:
        yield [stored(1, {"a": 1})]
        raise StoreUnavailableError("nats://host", "no link")

    told: list[object] = []
    controller.failed.connect(told.append)
    controller.show("k", "a", read)
    await until(lambda: bool(told))
    assert isinstance(told[0], StoreUnavailableError)
    assert controller.error is told[0]
    controller.show("k", "a", loader([stored(1, {"a": 1})]))
    await shown(controller, 1)
    assert controller.error is None


async def test_large_streams_leave_the_loop_free(controller: StateController) -> None:
    big = {f"k{number}": "x" * 100 for number in range(3000)}
    events = [stored(1, big)] + [stored(version, {"k1": version, **big}) for version in range(2, 40)]
    loop = asyncio.get_running_loop()
    worst = 0.0
    controller.show("k", "a", loader(events), 39)
    last = loop.time()

    def looked() -> bool:
        nonlocal worst, last
        now = loop.time()
        worst, last = max(worst, now - last), now
        return controller.view is not None and not controller.busy

    await until(looked, timeout=30)
    assert controller.view is not None
    assert controller.view.version == 39
    # Folded on the loop it would stand still for a second and more.
    assert worst < 0.5


async def test_clearing_ends_what_is_running(controller: StateController) -> None:
    gate = asyncio.Event()
    controller.show("k", "a", loader([stored(1, {"a": 1}), stored(2, {"a": 2})], 1, gate))
    await until(lambda: len(controller.versions) == 1)
    controller.clear()
    await until(lambda: not controller.busy)
    assert controller.actor_id == ""
    assert controller.view is None


async def test_large_events_are_folded_only_when_asked(
    controller: StateController, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folded_stream, "HEAVY", 1000)
    events = [stored(1, {"a": 1}), stored(2, {"b": "x" * 2000}), stored(3, {"c": 3})]
    held: list[HeldState] = []
    controller.held.connect(held.append)
    controller.show("s", "a", loader(events))
    await until(lambda: bool(held) and not controller.busy, what="the state is held back")
    sizes = [len(event.raw) for event in events]
    assert held[-1] == controller.held_state == HeldState(3, sum(sizes))
    assert not controller.view
    previous = controller.previous_of(3)
    assert previous is not None
    assert previous.sequence == 2, "the events are known all the same"
    controller.show_version(1)
    assert (await shown(controller, 1)).state == {"a": 1}
    assert not controller.held_state
    controller.show_version(2)
    assert controller.held_state == HeldState(2, sum(sizes[:2]))
    controller.fold_anyway()
    view = await shown(controller, 2)
    assert view.state == {"a": 1, "b": "x" * 2000}
    controller.show_version(3)
    assert (await shown(controller, 3)).state["c"] == 3
    assert controller.set_by(("b",)) == 2
    controller.append([stored(4, {"d": "y" * 2000})])
    controller.show_version(4)
    assert (await shown(controller, 4)).state["d"] == "y" * 2000
    # Another actor is another matter.
    controller.show("t", "a", loader(events[:2]))
    await until(lambda: controller.held_state is not None and not controller.busy)


async def test_a_long_stream_is_shown_from_its_snapshot_before_it_is_read(controller: StateController) -> None:
    count = 5_000
    events = [stored(version, {"n": version, f"k{version % 7}": version}) for version in range(1, count + 1)]
    state: dict[str, Any] = {}
    for event in events[: count - 10]:
        assert event.event is not None
        state = merge_patch(state, event.event.data)
    raw = json.dumps({"actorId": "a", "version": count - 10, "state": state, "timestamp": "2026-01-02T03:04:05Z"})
    snapshot = ActorSnapshot.from_json(raw.encode())
    gate = asyncio.Event()

    async def read(_actor: str, from_version: int) -> AsyncIterator[list[StoredEvent]]:
        if from_version <= 1:
            await gate.wait()
        yield events[max(from_version - 1, 0) :]

    async def snapshots(_actor: str) -> list[StoredSnapshot]:
        return [StoredSnapshot("a", snapshot.version, raw.encode(), snapshot, None)]

    controller.begin_with(FROM_BEST)
    controller.show("k", "a", read, count - 3, snapshots=snapshots)
    await until(lambda: controller.view is not None, what="a state, with nothing read from the beginning")
    assert controller.view is not None
    assert len(controller.versions) == 0
    early = controller.view
    assert (early.version, early.start_version, early.events_applied) == (count - 3, count - 10, 7)
    gate.set()
    await until(lambda: controller.is_complete and not controller.busy)
    late = controller.view
    assert late is not early
    assert (late.version, late.state, late.events_applied) == (early.version, early.state, 7)
    assert late.blame is not None
    assert controller.set_by(("n",)) == count - 3
