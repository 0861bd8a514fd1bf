"""The contract of every bus."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from aether_engine.bus import Subscription
from aether_engine.engine import Engine
from aether_engine.errors import InvalidEventError, NamespaceNameError
from aether_engine.event import Event, Gap, Published, SubscriptionFilter
from aether_engine.testing.harness import Contract, collect, soon, take_published, until
from aether_engine.testing.samples import NASTY_PAYLOADS, ForeignError, make_event


class BusContract(Contract):
    """Sections 4 and 5 of the engine contract: what every bus does."""

    async def test_exact_subscriber_hears_its_namespace_only(self, engine: Engine) -> None:
        """An exact subscriber of X never sees Y, however alike the names are."""
        subscription = engine.bus.subscribe("tenant-a")
        for name in ("tenant-b", "tenant-a.b", "prod.tenant-a", "TENANT-A", "tenant-a"):
            await engine.bus.publish(name, make_event(data={"to": name}))
        [item] = await take_published(subscription, 1)
        assert (item.namespace, item.event.data) == ("tenant-a", {"to": "tenant-a"})

    @pytest.mark.parametrize(
        ("pattern", "heard"),
        [
            ("*", ["a", "a.b", "a.b.c", "b"]),
            (">", ["a", "a.b", "a.b.c", "b"]),
            ("a.*", ["a.b"]),
            ("a.>", ["a.b", "a.b.c"]),
            ("*.b", ["a.b"]),
            ("*.*.c", ["a.b.c"]),
        ],
    )
    async def test_wildcards(self, engine: Engine, pattern: str, heard: list[str]) -> None:
        """`*` is one token, a last `>` one or more, a lone `*` everything."""
        subscription = engine.bus.subscribe(pattern)
        for name in ("a", "a.b", "a.b.c", "b"):
            await engine.bus.publish(name, make_event())
        assert [item.namespace for item in await take_published(subscription, len(heard))] == heard

    @pytest.mark.parametrize("pattern", ["", "a..b", "a b", "or*", ">.a", "a.>.b", ".a", "a."])
    async def test_bad_patterns(self, engine: Engine, pattern: str) -> None:
        """A pattern that can match nothing is refused when it is given."""
        with pytest.raises(NamespaceNameError):
            engine.bus.subscribe(pattern)

    async def test_publish_checks_what_it_is_given(self, engine: Engine) -> None:
        """Neither a bad name nor an invalid event reaches a subscriber."""
        with pytest.raises(NamespaceNameError):
            await engine.bus.publish("a.*", make_event())
        with pytest.raises(InvalidEventError):
            await engine.bus.publish("a", replace(make_event(), event_type=""))

    async def test_published_without_a_store(self, engine: Engine) -> None:
        """`publish` announces: order and bytes are kept, nothing is stored, there is no sequence."""
        subscription = engine.bus.subscribe("a")
        events = [Event.from_json(raw) for raw in NASTY_PAYLOADS.values()]
        for event in events:
            await engine.bus.publish("a", event)
        items = await take_published(subscription, len(events))
        assert [item.event.to_json() for item in items] == list(NASTY_PAYLOADS.values())
        assert {item.sequence for item in items} == {None}
        assert await engine.namespaces() == []

    async def test_filters(self, engine: Engine) -> None:
        """A filter chooses by event type, by actor pattern, or both; what it leaves out is not `dropped`."""
        by_type = engine.bus.subscribe("a", SubscriptionFilter(frozenset({"Paid", "Sent"})))
        by_actor = engine.bus.subscribe("a", SubscriptionFilter(actor_pattern="order-*"))
        by_both = engine.bus.subscribe("a", SubscriptionFilter(frozenset({"Paid"}), "order-*"))
        for event_type, actor in (
            ("Paid", "order-1"),
            ("Paid", "cart-1"),
            ("Sent", "order-2"),
            ("Lost", "cart-2"),
        ):
            await engine.bus.publish("a", make_event(actor_id=actor, event_type=event_type))

        async def heard(subscription: Subscription, count: int) -> list[tuple[str, str]]:
            items = await take_published(subscription, count)
            return [(item.event.event_type, item.event.actor_id) for item in items]

        assert await heard(by_type, 3) == [("Paid", "order-1"), ("Paid", "cart-1"), ("Sent", "order-2")]
        assert await heard(by_actor, 2) == [("Paid", "order-1"), ("Sent", "order-2")]
        assert await heard(by_both, 1) == [("Paid", "order-1")]
        assert (by_type.dropped, by_actor.dropped, by_both.dropped) == (0, 0, 0)

    async def test_a_slow_subscriber_loses_and_is_told(self, engine: Engine) -> None:
        """Its queue is bounded; what it loses is counted, and one gap marker stands where that happened."""
        slow, quick = engine.bus.subscribe("a", max_pending=3), engine.bus.subscribe("a")
        store = await engine.store("a")
        sequences = [await store.save_event(make_event(version)) for version in range(1, 8)]
        assert len(await take_published(quick, 7)) == 7
        await until(lambda: slow.dropped == 4)
        batch = await soon(anext(slow))
        assert [item.sequence for item in batch[:3] if isinstance(item, Published)] == sequences[:3]
        [gap] = batch[3:]
        assert isinstance(gap, Gap)
        assert (gap.namespace, gap.missed, gap.after_sequence) == ("a", 4, sequences[2])
        assert gap.reason
        await store.save_event(make_event(8))
        [item] = await take_published(slow, 1)
        assert item.event.version == 8
        assert slow.dropped == 4

    async def test_unsubscribing_ends_the_iterator(self, engine: Engine) -> None:
        """Also one that is waiting; twice is once; nothing comes any more."""
        subscription = engine.bus.subscribe("a")
        waiting = asyncio.ensure_future(collect(subscription))
        await asyncio.sleep(0)
        subscription.unsubscribe()
        subscription.unsubscribe()
        assert await soon(waiting) == []
        await engine.bus.publish("a", make_event())
        assert await soon(collect(subscription)) == []

    async def test_subscription_as_context_manager(self, engine: Engine) -> None:
        """Leaving the block unsubscribes."""
        async with engine.bus.subscribe("a") as subscription:
            await engine.bus.publish("a", make_event())
            await take_published(subscription, 1)
        assert await soon(collect(subscription)) == []

    async def test_subscribers_do_not_disturb_each_other(self, engine: Engine) -> None:
        """One that raises, one that hangs and one that left harm neither the writer nor the others."""

        async def misbehave() -> None:
            async for _ in engine.bus.subscribe("a"):
                raise ForeignError

        raising = asyncio.create_task(misbehave())
        hanging, gone, good = (engine.bus.subscribe("*", max_pending=1000) for _ in range(3))
        await asyncio.sleep(0)
        gone.unsubscribe()
        for _ in range(20):
            await engine.bus.publish("a", make_event())
        assert len(await take_published(good, 20)) == 20
        with pytest.raises(ForeignError):
            await soon(raising)
        assert hanging.dropped == 0

    async def test_closing_ends_subscriptions(self, engine: Engine) -> None:
        """What waits is still read, then the iterator ends; later subscriptions are at their end at once."""
        subscription, waiting = engine.bus.subscribe("a"), engine.bus.subscribe("b")
        task = asyncio.ensure_future(collect(waiting))
        await asyncio.sleep(0)
        await (await engine.store("a")).save_event(make_event())
        await engine.close()
        assert await soon(task) == []
        assert len(await soon(collect(subscription))) <= 1
        assert await soon(collect(engine.bus.subscribe("a"))) == []
