"""The list of actors of real streams: many of them, changing under the list, and told by little traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import nats
import pytest

from aether_engine.engine import Engine
from aether_engine.event import ActorInfo, ActorOrder, ActorSnapshot, Event
from aether_engine.store.jetstream import last as jetstream_last
from aether_engine.store.jetstream.api import Api
from aether_engine.store.jetstream.link import Link
from aether_engine.store.jetstream.options import LinkOptions
from aether_engine.store.jetstream.pull import open_pull
from aether_engine.store.protocols import ActorDirectory, CountsActors, Store
from aether_engine.testing import make_event
from tests.nats_servers import NatsServer

MANY = 6000
ODD = ("user-a b", "user-a_b", "user-a.b", "user_a", "plain", "-x")


async def fill(store: Store) -> dict[str, Event]:
    """Many actors, some of odd ids, some of several events; the last event of each."""
    events = [make_event(1, f"order-{number:05d}") for number in range(MANY)]
    events += [make_event(2, f"order-{number:05d}", event_type="Second") for number in range(0, MANY, 7)]
    events += [make_event(version, actor_id) for actor_id in ODD for version in (3, 9)]
    for start in range(0, len(events), 1000):
        await store.save_events(events[start : start + 1000])
    await store.save_snapshot(ActorSnapshot("order-00001", 1, {}))
    return {event.actor_id: event for event in events}


async def listed(store: Store, limit: int = 1000) -> list[ActorInfo]:
    found: list[ActorInfo] = []
    while page := await store.actors(after=found[-1].actor_id if found else None, limit=limit):
        found += page
    return found


def check(infos: Sequence[ActorInfo], last: dict[str, Event], counts: dict[str, int] | None = None) -> None:
    assert [info.actor_id for info in infos] == sorted(last)
    for info in infos:
        event = last[info.actor_id]
        assert (info.latest_version, info.last_event_type) == (event.version, event.event_type), info
        assert info.last_recorded_at is not None
        expected = 2 if info.actor_id in ODD or event.event_type == "Second" else 1
        assert info.event_count == (counts or {}).get(info.actor_id, expected), info


class Traffic:
    """What is asked of the server for last events."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.runs = 0
        ask, run = Api.last_of_each, open_pull

        async def counted_ask(api: Api, stream: str, subjects: list[str], at_least: int) -> Any:
            self.asked += len(subjects)
            return await ask(api, stream, subjects, at_least)

        async def counted_run(*arguments: Any) -> Any:
            self.runs += 1
            return await run(*arguments)

        monkeypatch.setattr(Api, "last_of_each", counted_ask)
        monkeypatch.setattr(jetstream_last, "open_pull", counted_run)


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    # Loaded machines are slow: who asks at once is in a hurry however long that takes.
    monkeypatch.setattr("aether_engine.store.jetstream.actors._HURRY_SECONDS", 60.0)
    monkeypatch.setattr(jetstream_last, "_PATIENCE_SECONDS", 30.0)
    return Traffic(monkeypatch)


async def consumers(server: NatsServer, stream: str) -> int:
    connection = await nats.connect(server.url)
    try:
        return int((await connection.jetstream().stream_info(stream)).state.consumer_count)
    finally:
        await connection.close()


async def test_a_page_asks_for_what_it_shows(engine: Engine, other: Engine, traffic: Traffic) -> None:
    last = await fill(await engine.store("shop"))
    store = await other.store("shop")
    page = await store.actors(prefix="order-", limit=50)
    assert [info.actor_id for info in page] == sorted(last)[1:51]
    assert (traffic.asked, traffic.runs) == (50, 0)
    # Somewhere else, and few that are left: no run either.
    assert len(await store.actors(after="order-03000", limit=50)) == 50
    assert len(await store.actors(prefix="order-05", limit=300)) == 300
    assert len(await store.actors(prefix="order-05", after="order-05299", limit=300)) == 300
    assert (traffic.asked, traffic.runs) == (700, 0)


async def test_names_and_counts_are_told_without_reading_events(
    engine: Engine, other: Engine, traffic: Traffic
) -> None:
    last = await fill(await engine.store("shop"))
    store = await other.store("shop")
    assert isinstance(store, CountsActors)
    counts = [each async for part in store.actor_counts() for each in part]
    assert [name for name, _ in counts] == sorted(last)
    expected = {name: 2 if name in ODD or event.event_type == "Second" else 1 for name, event in last.items()}
    assert dict(counts) == expected
    assert (traffic.asked, traffic.runs) == (0, 0)


async def test_who_lists_everything_is_served_from_one_run(
    server: NatsServer, engine: Engine, other: Engine, traffic: Traffic
) -> None:
    last = await fill(await engine.store("shop"))
    store = await other.store("shop")
    check(await listed(store), last)
    assert traffic.runs == 1
    # The first page, before it was known that more would be asked for.
    assert traffic.asked <= 1000
    asked = traffic.asked
    check(await listed(store), last)
    check(await listed(store, MANY * 2), last)
    assert (traffic.asked, traffic.runs) == (asked, 1)
    assert await _none_left(server)


async def test_everything_in_one_page(server: NatsServer, engine: Engine, other: Engine, traffic: Traffic) -> None:
    last = await fill(await engine.store("shop"))
    check(await (await other.store("shop")).actors(limit=100_000), last)
    assert (traffic.asked, traffic.runs) == (0, 1)
    assert await _none_left(server)


async def test_the_latest_actors_are_found_in_one_run(engine: Engine, other: Engine, traffic: Traffic) -> None:
    await fill(await engine.store("shop"))
    store = await other.store("shop")
    assert isinstance(store, ActorDirectory)
    for order, descending in ((ActorOrder.ACTIVITY, True), (ActorOrder.ACTIVITY, False)):
        page = await store.actors(order=order, descending=descending, limit=20)
        times = [info.last_recorded_at for info in page]
        assert times == sorted(times, key=lambda time: time or datetime.max, reverse=descending)
        assert (page[0].actor_id in ODD) == descending
    assert (traffic.asked, traffic.runs) == (0, 1)
    # Going on from an offset is going on, too.
    assert len(await store.actors(offset=3000, limit=500)) == 500
    assert (traffic.asked, traffic.runs) == (0, 1)


async def test_a_slow_run_is_not_waited_for(
    engine: Engine, other: Engine, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_last, "_PATIENCE_SECONDS", 0.0)
    last = await fill(await engine.store("shop"))
    check(await listed(await other.store("shop")), last)
    assert traffic.asked >= MANY


async def test_actors_that_change_while_they_are_listed(
    server: NatsServer, engine: Engine, other: Engine, traffic: Traffic
) -> None:
    """What another process saves between two pages is in the pages that follow, however the heads are read."""
    writing, store = await engine.store("shop"), await other.store("shop")
    last = await fill(writing)
    names = sorted(last)
    found = await store.actors(limit=1000)
    found += await store.actors(after=found[-1].actor_id, limit=1000)
    changed = {names[2500]: 3, names[5999]: 3, "zebra-1": 1}
    counts = {name: version for name, version in changed.items() if name == "zebra-1"}
    for name, version in changed.items():
        last[name] = make_event(version, name, event_type="Changed")
        await writing.save_event(last[name])
        if name != "zebra-1":
            counts[name] = 3 if int(name[-5:]) % 7 == 0 else 2
    while page := await store.actors(after=found[-1].actor_id, limit=1000):
        found += page
    check(found, last, counts)
    check(await listed(store), last, counts)
    assert await _none_left(server)


async def test_a_list_is_brought_up_to_date_by_what_is_new(
    engine: Engine, other: Engine, traffic: Traffic
) -> None:
    writing, store = await engine.store("shop"), await other.store("shop")
    last = await fill(writing)
    check(await listed(store), last)
    asked, runs = traffic.asked, traffic.runs
    events = [make_event(3, f"order-{number:05d}", event_type="Third") for number in range(2000)]
    events += [make_event(1, f"new-{number:05d}") for number in range(500)]
    for start in range(0, len(events), 1000):
        await writing.save_events(events[start : start + 1000])
    last |= {event.actor_id: event for event in events}
    counts = {event.actor_id: 3 if int(event.actor_id[-5:]) % 7 == 0 else 2 for event in events[:2000]}
    # Several ask at once, and each new event is counted once.
    both = await asyncio.gather(listed(store, MANY * 2), listed(store, MANY * 2))
    for infos in both:
        check(infos, last, counts)
    assert (traffic.asked, traffic.runs) == (asked, runs)


async def test_last_messages_that_are_no_events(
    server: NatsServer, engine: Engine, other: Engine, traffic: Traffic
) -> None:
    """Behind a damaged or misplaced last message the event before it counts, also in a run."""
    last = await fill(await engine.store("shop"))
    connection = await nats.connect(server.url)
    context = connection.jetstream()
    subject = "shop_events.events.order.order-"
    await context.publish(f"{subject}00003", b"\xff no event")
    await context.publish(f"{subject}00004", make_event(5, "order-00005").to_json())
    # An id under another type than its own is no actor's subject.
    await context.publish("shop_events.events.wrong.order-00006", make_event(7, "order-00006").to_json())
    await connection.close()
    infos = await listed(await other.store("shop"))
    check(infos, last, {"order-00003": 2, "order-00004": 2})
    assert traffic.runs == 1


async def test_more_subjects_were_expected_than_there_are(server: NatsServer, engine: Engine) -> None:
    """A stream that had hundreds of thousands of subjects a moment ago."""
    await (await engine.store("shop")).save_events([make_event(1, f"order-{number}") for number in range(20)])
    link = Link(LinkOptions.from_url(server.url, {}))
    await link.open()
    try:
        for expected in (0, 20, 100_000, 100_001, 900_000):
            info = await Api(link).stream_info("shop_events", subjects="shop_events.events.>", expected=expected)
            assert info is not None
            assert info.subjects == {f"shop_events.events.order.order-{number}": 1 for number in range(20)}
            assert (info.subject_count, info.last_sequence) == (20, 20)
        assert (
            await Api(link).stream_info("none_events", subjects="none_events.events.>", expected=300_000) is None
        )
    finally:
        await link.close()


async def test_lists_that_are_left_let_go(
    server: NatsServer, engine: Engine, other: Engine, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jetstream_last, "_IDLE_SECONDS", 0.05)
    monkeypatch.setattr(jetstream_last, "_PATIENCE_SECONDS", 0.0)
    await fill(await engine.store("shop"))
    store = await other.store("shop")
    page = await store.actors(limit=1000)
    await store.actors(after=page[-1].actor_id, limit=1000)
    assert traffic.runs == 1
    assert await _none_left(server)


async def _none_left(server: NatsServer) -> bool:
    async with asyncio.timeout(30):
        while await consumers(server, "shop_events"):
            await asyncio.sleep(0.01)
    return True
