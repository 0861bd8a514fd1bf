"""The demo's file and its simulator: what they promise to show is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aether_desktop.demo import (
    DRIFTED_ACTOR,
    DRIFTED_FIELD,
    STAGING,
    TENANT_A,
    TENANT_B,
    DemoSimulator,
    build_demo,
)
from aether_desktop.demo_world import world
from aether_engine.engine import Engine, open_engine
from aether_engine.errors import (
    AetherError,
    ChecksumMismatchError,
    InvalidEventError,
    MisplacedEventError,
    ReadOnlyError,
)
from aether_engine.event import Event, ReplayError, StoredEvent
from tests.waiting import until

NOW = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "shop.aether"
    # Not on the loop of a test: it outlives each of them.
    asyncio.run(build_demo(path, now=NOW))
    return path


@pytest.fixture
async def engine(demo: Path) -> AsyncIterator[Engine]:
    async with open_engine(str(demo), read_only=True) as engine:
        yield engine


async def stored(engine: Engine, namespace: str) -> list[StoredEvent]:
    store = await engine.store(namespace)
    return [each async for batch in store.read() for each in batch]


def test_the_file_is_alone_and_whole(demo: Path) -> None:
    assert [each.name for each in demo.parent.iterdir()] == ["shop.aether"]


async def test_it_does_not_overwrite(demo: Path) -> None:
    before = demo.read_bytes()
    with pytest.raises(FileExistsError):
        await build_demo(demo)
    assert demo.read_bytes() == before


async def test_namespaces_and_their_size(engine: Engine) -> None:
    counts = {each.name: each.event_count for each in await engine.namespaces()}
    assert counts.keys() == {TENANT_A, TENANT_B, STAGING}
    assert 2300 <= counts[TENANT_A] <= 2700
    assert 800 <= counts[TENANT_B] <= 1000
    assert 250 <= counts[STAGING] <= 350


def test_the_same_every_time_relative_to_now() -> None:
    today, tomorrow = world(NOW), world(NOW + timedelta(days=1))
    for namespace, events in today.items():
        assert [(each.id, each.version, each.data) for each in events] == [
            (each.id, each.version, each.data) for each in tomorrow[namespace]
        ]
        shift = {later.timestamp - each.timestamp for each, later in zip(events, tomorrow[namespace], strict=True)}
        assert shift == {timedelta(days=1)}


async def test_it_lies_in_the_last_days(engine: Engine) -> None:
    for namespace in (TENANT_A, TENANT_B, STAGING):
        found = await stored(engine, namespace)
        recorded = [each.recorded_at for each in found]
        assert recorded == sorted(recorded)
        assert NOW - timedelta(days=7) < recorded[0] < NOW - timedelta(days=5)
        assert recorded[-1] < NOW + timedelta(seconds=1)
        assert NOW - recorded[-1] < timedelta(hours=12)
    for info in await engine.namespaces():
        found = await stored(engine, info.name)
        assert info.first_recorded_at == found[0].recorded_at
        assert info.last_recorded_at == found[-1].recorded_at
        assert info.size_bytes == sum(len(each.raw) for each in found)


async def test_an_order_is_one_conversation_with_causes(engine: Engine) -> None:
    events = [each.event for each in await stored(engine, TENANT_B) if each.event is not None]
    by_id = {each.id: each for each in events}
    placed = next(each for each in events if each.event_type == "OrderPlaced")
    conversation = [each for each in events if each.correlation_id == placed.correlation_id]
    kinds = {each.actor_id.partition("-")[0] for each in conversation}
    assert kinds == {"cart", "order", "payment", "stock", "shipment"}
    assert sum(not each.causation_id for each in conversation) == 1
    for each in conversation:
        cause: Event | None = each
        while cause is not None and cause.causation_id:
            cause = by_id[cause.causation_id]
            assert cause.correlation_id == placed.correlation_id
        assert cause is not None
        assert cause.event_type == "CartOpened"
    # As a producer written in Go sends them.
    assert b'"timestamp":"' in placed.to_json()
    assert len(placed.to_json().rpartition(b'"timestamp":"')[2]) == len('2026-05-17T12:00:00.123456789Z"}')


async def test_amounts_keep_their_cents(engine: Engine) -> None:
    events = [each for each in await stored(engine, TENANT_A) if each.event is not None]
    assert any(b'"total":' in each.raw and b"0," in each.raw for each in events)
    received = next(each.raw for each in events if each.event and each.event.event_type == "StockReceived")
    assert b'"price":39.90' in received


def kind(error: ReplayError) -> str:
    assert isinstance(error.error, AetherError)
    if isinstance(error.error, InvalidEventError):
        return "UTF-8" if "UTF-8" in str(error.error) else "JSON" if "not JSON" in str(error.error) else "field"
    return type(error.error).__name__


async def test_four_damaged_events_of_different_kinds(engine: Engine) -> None:
    errors = [each.error for each in await stored(engine, TENANT_A) if each.error is not None]
    assert Counter(kind(each) for each in errors) == Counter(
        [ChecksumMismatchError.__name__, "UTF-8", "JSON", MisplacedEventError.__name__]
    )
    flipped = next(each for each in errors if isinstance(each.error, ChecksumMismatchError))
    assert Event.from_json(flipped.raw_data).event_type == "PaymentCaptured"
    for namespace in (TENANT_B, STAGING):
        assert all(each.error is None for each in await stored(engine, namespace))


async def test_oddities(engine: Engine) -> None:
    staging = await stored(engine, STAGING)
    twice = [each for each in staging if each.raw.count(b'"text":') == 2]
    assert len(twice) == 1
    assert twice[0].event is not None
    assert twice[0].event.data == {"text": "Works with another card."}
    case = await (await engine.store(STAGING)).get_events(twice[0].event.actor_id)
    assert [each.version for each in case] == [1, 2, 5]
    # The case in staging is about something that happened in production.
    production = [each.event for each in await stored(engine, TENANT_A) if each.event is not None]
    assert case[0].causation_id in {each.id for each in production}
    tray = await (await engine.store(TENANT_A)).get_events("stock-TRA-OAK-40")
    assert [each.version for each in tray][4:7] == [5, 7, 8]


async def test_one_snapshot_drifted(engine: Engine) -> None:
    store = await engine.store(TENANT_A)
    differing: list[tuple[str, int, list[str]]] = []
    count = 0
    for actor in await store.actors():
        for snapshot in await store.snapshots(actor.actor_id):
            count += 1
            state: dict[str, object] = {}
            for event in await store.get_events(actor.actor_id):
                if event.version <= snapshot.version:
                    # Orders and articles are flat enough for this; nothing in them is ever taken out.
                    state.update(event.data)
            assert state.keys() == snapshot.state.keys()
            if different := [key for key in state if state[key] != snapshot.state[key]]:
                differing.append((actor.actor_id, snapshot.version, different))
    assert count > 50
    latest = await store.get_latest_snapshot(DRIFTED_ACTOR)
    assert latest is not None
    assert differing == [(DRIFTED_ACTOR, latest.version, [DRIFTED_FIELD])]


# --- The simulator ----------------------------------------------------------------------------------------------


@dataclass
class Busy:
    engine: Engine
    simulator: DemoSimulator


@pytest.fixture
async def busy(demo: Path, tmp_path: Path) -> AsyncIterator[Busy]:
    copy = tmp_path / "busy.aether"
    copy.write_bytes(demo.read_bytes())
    async with open_engine(str(copy)) as engine:
        simulator = DemoSimulator(engine, rate=1000, seed=7)
        yield Busy(engine, simulator)
        await simulator.stop()


async def test_the_shop_goes_on(busy: Busy) -> None:
    before = {each.name: each.event_count for each in await busy.engine.namespaces()}
    busy.simulator.start()
    busy.simulator.start()
    await until(lambda: busy.simulator.running, what="the simulator to run")
    await until(lambda: busy.simulator.written >= 60, what="60 events of the simulator")
    await busy.simulator.stop()
    assert not busy.simulator.running
    assert busy.simulator.error is None
    after = {each.name: each.event_count for each in await busy.engine.namespaces()}
    assert after[TENANT_A] > before[TENANT_A]
    assert after[TENANT_B] > before[TENANT_B]
    assert after[STAGING] == before[STAGING]
    grown = sum(after.values()) - sum(before.values())
    assert busy.simulator.written <= grown <= busy.simulator.written + 1
    for namespace in (TENANT_A, TENANT_B):
        new = (await stored(busy.engine, namespace))[before[namespace] :]
        assert all(each.event is not None and each.event.correlation_id for each in new)


async def test_it_survives_others_that_write(busy: Busy) -> None:
    busy.simulator.start()
    store = await busy.engine.store(TENANT_A)
    taken = 0
    while busy.simulator.written < 40 or taken < 20:
        # The same actors as the simulator's, at the versions it is about to take.
        actor_id = "stock-KET-1700-BK"
        version = await store.get_latest_version(actor_id) + 1
        event = Event(f"other-{taken}", "StockCounted", actor_id, version, {"onHand": 100, "reserved": 0})
        try:
            await store.save_event(event)
            taken += 1
        except AetherError:
            continue
    assert busy.simulator.running
    assert busy.simulator.error is None


async def test_stopping_and_starting_again(busy: Busy) -> None:
    await busy.simulator.stop()
    busy.simulator.start()
    await until(lambda: busy.simulator.written > 0)
    await busy.simulator.stop()
    stopped_at = busy.simulator.written
    busy.simulator.start()
    await until(lambda: busy.simulator.written > stopped_at)


async def test_a_store_that_cannot_be_written_ends_it(engine: Engine) -> None:
    simulator = DemoSimulator(engine)
    simulator.start()
    await until(lambda: not simulator.running)
    assert isinstance(simulator.error, ReadOnlyError)
    await simulator.stop()
