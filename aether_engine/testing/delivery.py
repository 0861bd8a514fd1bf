"""What is stored is told: on the bus, and to whoever follows the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from aether_engine.engine import Engine
from aether_engine.errors import AetherError
from aether_engine.event import StoredEvent
from aether_engine.store.protocols import Store
from aether_engine.testing.harness import Contract, collect, soon, take, take_published
from aether_engine.testing.samples import make_event


class DeliveryContract(Contract):
    """Every save is published in order; a tail misses nothing and sees nothing twice."""

    async def test_saves_are_published_in_order(self, engine: Engine, store: Store) -> None:
        """What is stored is on the bus, in order, with its sequence, by the time it can be read."""
        with_own = engine.bus.subscribe("tenant-a")
        first = make_event(1)
        batch = [make_event(2), make_event(1, "order-2")]
        sequences = [await store.save_event(first), *await store.save_events(batch)]
        published = await take_published(with_own, 3)
        assert [item.event for item in published] == [first, *batch]
        assert [item.sequence for item in published] == sequences
        assert {item.namespace for item in published} == {"tenant-a"}

    async def test_refused_saves_are_not_published(self, engine: Engine, store: Store) -> None:
        """The bus never hears of what was not stored."""
        subscription = engine.bus.subscribe(">")
        await store.save_event(make_event(2))
        for bad in (make_event(1), replace(make_event(3), event_type="")):
            with pytest.raises(AetherError):
                await store.save_events([make_event(5), bad])
        last = make_event(3)
        await store.save_event(last)
        assert [item.event.version for item in await take_published(subscription, 2)] == [2, 3]

    async def test_concurrent_saves_are_published_by_sequence(self, engine: Engine, store: Store) -> None:
        """However many save at once, the bus tells of them in the order of the log."""
        subscription = engine.bus.subscribe("tenant-a")
        sequences = await asyncio.gather(
            *(store.save_event(make_event(1, f"order-{number}")) for number in range(50))
        )
        published = await take_published(subscription, 50)
        assert [item.sequence for item in published] == sorted(sequences)

    async def test_tail_from_now(self, store: Store) -> None:
        """`None` is what comes after the call, beginning with a save right behind it."""
        await store.save_event(make_event(1))
        tail = store.tail()
        event = make_event(2)
        await store.save_event(event)
        assert [stored.event for stored in await take(tail, 1)] == [event]

    async def test_tail_from_a_sequence(self, store: Store) -> None:
        """A number is what lies behind it, and then what comes."""
        sequences = await store.save_events([make_event(version) for version in range(1, 6)])
        from_start, from_third = store.tail(after_sequence=0), store.tail(after_sequence=sequences[2])
        assert [stored.sequence for stored in await take(from_start, 5)] == sequences
        assert [stored.sequence for stored in await take(from_third, 2)] == sequences[3:]
        sequences.append(await store.save_event(make_event(6)))
        assert [stored.sequence for stored in await take(from_third, 1)] == sequences[5:]
        assert [stored.sequence for stored in await take(from_start, 1)] == sequences[5:]

    async def test_tail_waits_without_a_namespace(self, store: Store) -> None:
        """A tail of a namespace that does not exist yet waits for its first event."""
        waiting = asyncio.ensure_future(anext(store.tail()))
        await asyncio.sleep(0)
        event = make_event()
        await store.save_event(event)
        assert [stored.event for stored in await soon(waiting)] == [event]

    async def test_tail_misses_nothing_under_writers(self, store: Store) -> None:
        """Tails opened anywhere among concurrent writers see every event behind their start, once, in order."""

        async def write(actor_id: str) -> None:
            for version in range(1, 41):
                await store.save_event(make_event(version, actor_id))

        writers = [asyncio.create_task(write(f"order-{number}")) for number in range(5)]
        tails: list[tuple[int, AsyncIterator[list[StoredEvent]]]] = []
        for _ in range(3):
            after = await store.last_sequence()
            tails.append((after, store.tail(after_sequence=after)))
            await asyncio.sleep(0)
        await asyncio.gather(*writers)
        log = [stored.sequence for stored in await collect(store.read())]
        assert len(log) == 200
        for after, tail in tails:
            expected = [sequence for sequence in log if sequence > after]
            assert [stored.sequence for stored in await take(tail, len(expected))] == expected

    async def test_tail_ends_with_the_engine(self, engine: Engine, store: Store) -> None:
        """Closing ends a tail, also one that is waiting."""
        waiting = asyncio.ensure_future(collect(store.tail()))
        await asyncio.sleep(0)
        await engine.close()
        assert await soon(waiting) == []
