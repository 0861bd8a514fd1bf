"""Tails and the bus over real servers: nothing missing, or a gap that says so."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nats
import pytest

from aether_engine.engine import Engine, EngineTail, open_engine
from aether_engine.errors import LogGapError, StoreUnavailableError
from aether_engine.event import ActorSnapshot, Gap, StoredEvent, Tailed
from aether_engine.nats_bus import NATSEventBus
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.testing import make_event, soon, take, take_published
from tests.nats_servers import NatsServer, nats_server, wipe
from tests.waiting import until


async def api(server: NatsServer, question: str, body: object = None) -> dict[str, Any]:
    """Ask JetStream something that the engine never does."""
    connection = await nats.connect(server.url)
    try:
        payload = b"" if body is None else json.dumps(body).encode()
        answer: dict[str, Any] = json.loads(
            (await connection.request(f"$JS.API.{question}", payload, timeout=20)).data
        )
        assert "error" not in answer, answer
        return answer
    finally:
        await connection.close()


async def consumers(server: NatsServer, stream: str) -> list[dict[str, Any]]:
    return list((await api(server, f"CONSUMER.LIST.{stream}", {"offset": 0}))["consumers"] or [])


async def items(tail: EngineTail, count: int) -> list[Tailed | Gap]:
    found: list[Tailed | Gap] = []
    while len(found) < count:
        found += await soon(anext(tail))
    assert len(found) == count
    return found


async def test_a_deleted_consumer_leaves_no_gap(server: NatsServer, engine: Engine, other: Engine) -> None:
    store = await other.store("a")
    await store.save_event(make_event(1))
    tail = engine.tail("a", after_sequence=0)
    assert len(await items(tail, 1)) == 1
    [consumer] = await consumers(server, "a_events")
    assert "durable_name" not in consumer["config"]
    await api(server, f"CONSUMER.DELETE.a_events.{consumer['name']}")
    sequences = [await store.save_event(make_event(version)) for version in range(2, 12)]
    found = await items(tail, 10)
    assert [item.stored.sequence for item in found if isinstance(item, Tailed)] == sequences
    await tail.aclose()


async def test_a_closed_tail_leaves_no_consumer(server: NatsServer, engine: Engine) -> None:
    store = await engine.store("a")
    await store.save_event(make_event(1))
    tail = engine.tail("a", after_sequence=0)
    await items(tail, 1)
    await tail.aclose()
    await until_no_consumer(server)
    forgotten = store.tail(after_sequence=0)
    await take(forgotten, 1)
    del forgotten
    await until_no_consumer(server)


async def until_no_consumer(server: NatsServer) -> None:
    async with asyncio.timeout(30):
        while await consumers(server, "a_events"):
            await asyncio.sleep(0.01)


async def test_a_recreated_stream_is_a_gap(server: NatsServer, engine: Engine, other: Engine) -> None:
    store = await other.store("a")
    for version in (1, 2, 3):
        await store.save_event(make_event(version))
    tail = engine.tail("a", after_sequence=0)
    await items(tail, 3)
    await wipe(server)
    event = make_event(1)
    sequence = await store.save_event(event)
    gap, first = await items(tail, 2)
    assert isinstance(gap, Gap)
    assert (gap.namespace, gap.after_sequence, gap.missed) == ("a", 3, None)
    assert "made again" in gap.reason
    assert isinstance(first, Tailed)
    assert (first.stored.sequence, first.stored.event) == (sequence, event)
    # The engine that only followed knows the new stream, too.
    assert await (await engine.store("a")).get_latest_version("order-1") == 1
    await tail.aclose()


async def test_deleted_events_are_a_gap(server: NatsServer, engine: Engine) -> None:
    """A stream whose settings allow deleting is warned about, and what a tail misses is told."""
    config = {"name": "a_events", "subjects": ["a_events.events.>", "a_events.snapshots.>"], "allow_direct": True}
    await api(server, "STREAM.CREATE.a_events", config)
    store = await engine.store("a")
    assert {"deny_delete", "deny_purge", "allow_atomic"} <= {warning.setting for warning in engine.warnings}
    sequences = [await store.save_event(make_event(version)) for version in range(1, 11)]
    await api(server, "STREAM.PURGE.a_events", {"seq": 6})
    tail = engine.tail("a", after_sequence=sequences[1])
    found = await items(tail, 6)
    gap = found[0]
    assert isinstance(gap, Gap)
    assert (gap.after_sequence, gap.missed) == (2, 3)
    assert [item.stored.sequence for item in found[1:] if isinstance(item, Tailed)] == sequences[5:]
    await tail.aclose()


async def test_events_deleted_under_a_slow_tail_are_a_gap(server: NatsServer, engine: Engine) -> None:
    config = {"name": "a_events", "subjects": ["a_events.events.>", "a_events.snapshots.>"], "allow_direct": True}
    await api(server, "STREAM.CREATE.a_events", config)
    store = await engine.store("a")
    await store.save_event(make_event(1))
    tail = store.tail(after_sequence=0)
    await take(tail, 1)
    big = "x" * 100_000
    for version in range(2, 202):  # more than is asked for ahead
        await store.save_event(make_event(version, data={"x": big}))
    await api(server, "STREAM.PURGE.a_events", {"seq": 200})
    found: list[StoredEvent] = []
    while not found or found[-1].sequence < 201:
        found += await soon(anext(tail))
    sequences = [stored.sequence for stored in found if stored.event is not None]
    assert sequences == sorted(set(sequences))
    missing = 200 - len(sequences)
    told = [stored for stored in found if stored.event is None]
    assert missing == 0 or told, "events are missing and nobody says so"


async def test_a_tail_comes_through_where_events_are_deleted_all_the_time(
    server: NatsServer, engine: Engine
) -> None:
    """It begins behind what is left, and before it has asked for that, that is gone too."""
    subjects = ["a_events.events.>", "a_events.snapshots.>"]
    config = {"name": "a_events", "subjects": subjects, "allow_direct": True, "max_msgs": 50, "discard": "old"}
    await api(server, "STREAM.CREATE.a_events", config)
    layout, written = JetStreamLayout(), 0
    subject = layout.event_subject(layout.stream("a"), "order-1")
    connection = await nats.connect(server.url)
    stopping = asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not stopping.is_set():
            for _ in range(20):
                written += 1
                await connection.publish(subject, make_event(written).to_json())
            await connection.flush()
            await asyncio.sleep(0.001)

    writing = asyncio.create_task(write())
    await until(lambda: written > 200)
    tail = (await engine.store("a")).tail(after_sequence=1)
    position, events = 1, 0
    async with asyncio.timeout(30):
        while events < 300:
            for stored in await anext(tail):
                error = None if stored.error is None else stored.error.error
                if isinstance(error, LogGapError):
                    assert (error.after_sequence, error.missed) == (position, stored.sequence - position)
                else:
                    assert stored.sequence == position + 1
                    events += 1
                position = stored.sequence
    stopping.set()
    await writing
    await connection.close()


async def test_giving_up_waiting_loses_nothing(server: NatsServer, engine: Engine, other: Engine) -> None:
    """Also where the servers have to be asked whether what is missing between two events was deleted."""
    config = {"name": "a_events", "subjects": ["a_events.events.>", "a_events.snapshots.>"], "allow_direct": True}
    await api(server, "STREAM.CREATE.a_events", config)
    store = await other.store("a")
    tail = (await engine.store("a")).tail(after_sequence=0)
    found: list[StoredEvent] = []
    given_up = 0

    async def write() -> None:
        for version in range(1, 201):
            await store.save_event(make_event(version))
            await store.save_snapshot(ActorSnapshot("order-1", version, {}))

    writing = asyncio.create_task(write())
    async with asyncio.timeout(30):
        while len(found) < 200:
            waiting = asyncio.ensure_future(anext(tail))
            # After any number of turns of the loop, wherever that is.
            for _ in range(given_up % 23):
                await asyncio.sleep(0)
            waiting.cancel()
            try:
                found += await waiting
            except asyncio.CancelledError:
                given_up += 1
    await writing
    assert given_up > 100
    assert [stored.sequence for stored in found] == list(range(1, 400, 2))


async def test_snapshots_are_no_gap(engine: Engine) -> None:
    store = await engine.store("a")
    tail = engine.tail("a")
    await store.save_event(make_event(1))
    for version in (1, 2, 3):
        await store.save_snapshot(ActorSnapshot("order-1", version, {}))
    await store.save_event(make_event(2))
    found = await items(tail, 2)
    assert [item.stored.sequence for item in found if isinstance(item, Tailed)] == [1, 5]
    await tail.aclose()


async def test_namespaces_of_other_processes_join_within_a_second(engine: Engine, other: Engine) -> None:
    tail = engine.tail("prod.>")
    await asyncio.wait_for(engine.namespaces(), 20)
    loop = asyncio.get_running_loop()
    for number in range(3):
        store = await other.store(f"prod.tenant-{number}")
        event = make_event(1)
        begun = loop.time()
        await store.save_event(event)
        [item] = await items(tail, 1)
        assert isinstance(item, Tailed)
        assert item.stored.event == event
        assert loop.time() - begun < 3
    await tail.aclose()


@pytest.mark.parametrize("pattern", ["*", "prod.a"])
async def test_a_tail_outlasts_servers_that_stay_away(pattern: str) -> None:
    """Longer than any answer is waited for, from before it found its namespaces; the list is asked for again."""
    with nats_server() as server:
        async with open_engine(server.url, request_timeout=0.3) as engine, open_engine(server.url) as other:
            link = engine.link
            assert link is not None
            store = await other.store("prod.a")
            await store.save_event(make_event(1))
            begun = engine.tail(pattern, after_sequence=0)
            assert len(await items(begun, 1)) == 1
            server.kill()
            await until(lambda: link.state == "down")
            late = engine.tail(pattern, after_sequence=0)
            # Not a time but a number of questions that nobody answers.
            waiting = asyncio.ensure_future(anext(late))
            for _ in range(3):
                with pytest.raises(StoreUnavailableError):
                    await engine.namespaces()
            assert not waiting.done()
            await asyncio.to_thread(server.start)
            await store.save_event(make_event(2))
            assert len(await items(begun, 1)) == 1
            found = await soon(waiting)
            while len(found) < 2:
                found += await soon(anext(late))
            assert [item.stored.sequence for item in found if isinstance(item, Tailed)] == [1, 2]
            if pattern == "*":
                await (await other.store("prod.b")).save_event(make_event(1))
                assert len(await items(begun, 1)) == 1
            await begun.aclose()
            await late.aclose()


async def test_changes_of_other_processes_are_noticed(engine: Engine, other: Engine) -> None:
    store = await other.store("a")
    for version in (1, 2, 3):
        count = engine.change_count()
        waiting = asyncio.ensure_future(engine.wait_for_change(count))
        await store.save_event(make_event(version))
        await soon(waiting)


async def test_the_bus_spans_engines(engine: Engine, other: Engine) -> None:
    assert isinstance(engine.bus, NATSEventBus)
    exact, everything = engine.bus.subscribe("prod.a"), engine.bus.subscribe("*")
    await engine.bus.ready()
    store = await other.store("prod.a")
    sequences = [await store.save_event(make_event(version)) for version in (1, 2)]
    sequences += await store.save_events([make_event(3), make_event(4)])
    for subscription in (exact, everything):
        published = await take_published(subscription, 4)
        assert [item.sequence for item in published] == sequences
        assert [item.event.version for item in published] == [1, 2, 3, 4]
        assert {item.namespace for item in published} == {"prod.a"}


async def test_foreign_messages_on_the_bus(server: NatsServer, engine: Engine) -> None:
    """Other programs' events arrive, without a sequence; what is none leaves a gap of one."""
    assert isinstance(engine.bus, NATSEventBus)
    subscription = engine.bus.subscribe("a")
    await engine.bus.ready()
    event = make_event(1)
    connection = await nats.connect(server.url)
    await connection.publish("aether.events.a", b"\xff no event")
    await connection.publish("aether.events.a", event.to_json())
    await connection.flush()
    await connection.close()
    found: list[Any] = []
    while len(found) < 2:
        found += await soon(anext(subscription))
    assert isinstance(found[0], Gap)
    assert found[0].missed == 1
    assert (found[1].event, found[1].sequence) == (event, None)


async def test_a_lost_connection_is_a_gap_on_the_bus_and_none_in_the_tail() -> None:
    with nats_server() as server:
        async with open_engine(server.url) as engine, open_engine(server.url) as other:
            assert isinstance(engine.bus, NATSEventBus)
            assert engine.link is not None
            states: list[str] = []
            engine.link.on_change(lambda link: states.append(link.state))
            store = await other.store("a")
            await store.save_event(make_event(1))
            assert isinstance(other.bus, NATSEventBus)
            await other.bus.flush()
            subscription = engine.bus.subscribe("a")
            await engine.bus.ready()
            tail = engine.tail("a", after_sequence=0)
            await items(tail, 1)
            server.kill()
            await until(lambda: engine.link is not None and engine.link.state == "down")
            assert engine.link.reason
            await asyncio.to_thread(server.start)
            await store.save_event(make_event(2))
            assert len(await items(tail, 1)) == 1
            await until(lambda: engine.link is not None and engine.link.state == "up")
            [gap, *_] = await soon(anext(subscription))
            assert isinstance(gap, Gap)
            assert (gap.after_sequence, gap.missed) == (None, None)
            await until(lambda: states[-1] == "up")
            await store.save_event(make_event(3))
            await tail.aclose()
