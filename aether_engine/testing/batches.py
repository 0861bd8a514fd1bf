"""Saving many events: a batch, all or none, and a load of any length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

import pytest

from aether_engine.engine import Engine
from aether_engine.errors import AetherError, DuplicateEventError, InvalidEventError, VersionConflictError
from aether_engine.event import Event
from aether_engine.store.protocols import MAX_BATCH, BulkWriter, Store
from aether_engine.testing.harness import Contract, collect, soon, take_published
from aether_engine.testing.samples import NASTY_PAYLOADS, ForeignError, hand_over, make_event


class BatchContract(Contract):
    """What is saved together is stored together and in order, or not at all."""

    async def test_save_events_keeps_the_order(self, store: Store) -> None:
        """A batch of several actors is stored in its order and returns a sequence for each event."""
        batch = [make_event(version, actor) for version in (1, 2, 3) for actor in ("order-1", "order-2")]
        sequences = await store.save_events(batch)
        assert [(stored.sequence, stored.event) for stored in await collect(store.read())] == list(
            zip(sequences, batch, strict=True)
        )

    async def test_save_events_takes_none_and_a_thousand(self, store: Store) -> None:
        """From nothing to `MAX_BATCH` events; one more is an `InvalidEventError` and stores nothing."""
        assert await store.save_events([]) == []
        events = [make_event(number) for number in range(1, MAX_BATCH + 2)]
        with pytest.raises(InvalidEventError):
            await store.save_events(events)
        assert await store.last_sequence() == 0
        assert len(set(await store.save_events(events[:MAX_BATCH]))) == MAX_BATCH
        assert await store.get_latest_version("order-1") == MAX_BATCH

    @pytest.mark.parametrize(
        "mistake", ["invalid", "conflict", "conflict inside", "duplicate", "duplicate inside"]
    )
    async def test_save_events_is_all_or_none(self, store: Store, mistake: str) -> None:
        """One refused event refuses the batch, with the error its own save would have raised."""
        known = make_event(5)
        await store.save_event(known)
        last = await store.last_sequence()
        batch = [make_event(6), make_event(1, "order-2")]
        bad, error = {
            "invalid": (replace(make_event(7), event_type=""), InvalidEventError),
            "conflict": (make_event(5), VersionConflictError),
            "conflict inside": (make_event(6), VersionConflictError),
            "duplicate": (replace(make_event(7), id=known.id), DuplicateEventError),
            "duplicate inside": (replace(make_event(7), id=batch[0].id), DuplicateEventError),
        }[mistake]
        with pytest.raises(error) as caught:
            await store.save_events([*batch, bad, make_event(9)])
        if isinstance(caught.value, VersionConflictError):
            assert caught.value.attempted_version == bad.version
            assert caught.value.current_version >= bad.version
        assert await store.get_events("order-1") == [known]
        assert await store.get_events("order-2") == []
        assert await store.last_sequence() == last
        assert await store.save_events(batch)

    async def test_a_mistake_inside_a_batch_is_told_from_what_is_stored(self, store: Store) -> None:
        """What stands in the way within the batch is refused with it: no error may call it stored."""
        known = make_event(5)
        await store.save_event(known)
        first = make_event(6)
        for again in (first, make_event(6)):
            with pytest.raises(VersionConflictError) as inside:
                await store.save_events([first, again])
            assert (inside.value.attempted_version, inside.value.current_version) == (6, 6)
            assert (inside.value.stored, inside.value.is_duplicate, inside.value.in_batch) == (None, False, True)
            assert "stored there" not in str(inside.value)
        with pytest.raises(VersionConflictError) as outside:
            await store.save_events([first, known])
        assert (outside.value.attempted_version, outside.value.current_version) == (5, 5)
        assert (outside.value.stored, outside.value.is_duplicate, outside.value.in_batch) == (known, True, False)
        with pytest.raises(DuplicateEventError) as twice:
            await store.save_events([first, replace(make_event(7), id=first.id)])
        assert twice.value.in_batch
        assert "already stored" not in str(twice.value)
        with pytest.raises(DuplicateEventError) as stored:
            await store.save_events([first, replace(make_event(7), id=known.id)])
        assert not stored.value.in_batch
        assert [event.version for event in await store.get_events("order-1")] == [5]

    async def test_nasty_payloads_in_one_batch(self, store: Store) -> None:
        """The same through `save_events`."""
        events = [
            Event.from_json(raw).with_version(version) for version, raw in enumerate(NASTY_PAYLOADS.values(), 1)
        ]
        await store.save_events(events)
        assert [stored.raw for stored in await collect(store.read())] == [event.to_json() for event in events]

    async def test_save_all(self, engine: Engine, store: Store) -> None:
        """A load of any length is stored as one, in order, published, and progress is told."""
        bulk = _bulk_writer(store)
        subscription = engine.bus.subscribe("tenant-a")
        await store.save_event(make_event(1))
        events = [make_event(version) for version in range(2, 2501)]
        heard: list[int] = []
        assert await bulk.save_all(hand_over(events, 700), progress=heard.append) == len(events)
        assert heard == sorted(heard)
        assert heard[-1] == len(events)
        assert [stored.event for stored in await collect(store.read())][1:] == events
        assert len(await take_published(subscription, 2500)) == 2500

    async def test_save_all_of_nothing(self, engine: Engine, store: Store) -> None:
        """No events are no events, and no namespace comes of them."""
        assert await _bulk_writer(store).save_all(hand_over([])) == 0
        assert await engine.namespaces() == []

    @pytest.mark.parametrize("mistake", ["invalid", "conflict", "conflict inside", "duplicate", "source"])
    async def test_save_all_rolls_back(self, engine: Engine, store: Store, mistake: str) -> None:
        """A refused event, or a source that fails, leaves nothing of the load behind, nor on the bus."""
        bulk = _bulk_writer(store)
        known = make_event(5)
        sequence = await store.save_event(known)
        subscription = engine.bus.subscribe(">")
        good = [make_event(version, "order-2") for version in range(1, 11)]
        bad = {
            "invalid": replace(make_event(7), event_type=""),
            "conflict": make_event(5),
            "conflict inside": make_event(10, "order-2"),
            "duplicate": replace(make_event(7), id=good[0].id),
        }.get(mistake)

        def source() -> Iterable[Event]:
            yield from good
            if bad is None:
                raise ForeignError
            yield bad

        with pytest.raises((AetherError, ForeignError)) as caught:
            await bulk.save_all(hand_over(source()))
        assert type(caught.value) is {
            "invalid": InvalidEventError,
            "duplicate": DuplicateEventError,
            "source": ForeignError,
        }.get(mistake, VersionConflictError)
        assert [stored.event for stored in await collect(store.read())] == [known]
        assert [info.actor_id for info in await store.actors()] == ["order-1"]
        assert await store.last_sequence() == sequence
        if isinstance(caught.value, VersionConflictError):
            stored = (known if mistake == "conflict" else None, mistake == "conflict inside")
            assert (caught.value.stored, caught.value.in_batch) == stored
            assert caught.value.current_version == (5 if mistake == "conflict" else 10)
        if isinstance(caught.value, DuplicateEventError):
            assert caught.value.in_batch
        await store.save_event(make_event(6))
        assert [item.event.version for item in await take_published(subscription, 1)] == [6]

    async def test_save_all_cancelled(self, store: Store) -> None:
        """Cancelled while it waits for more, nothing is stored and the store goes on."""
        bulk = _bulk_writer(store)
        handed_over = asyncio.Event()

        async def source() -> AsyncIterator[Sequence[Event]]:
            yield [make_event(version) for version in range(1, 11)]
            handed_over.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(bulk.save_all(source()))
        await soon(handed_over.wait())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await soon(task)
        assert await store.last_sequence() == 0
        await soon(store.save_event(make_event(1)))

    async def test_reading_during_save_all(self, store: Store) -> None:
        """While a load is under way everybody still reads what was there before, and sees nothing of it."""
        bulk = _bulk_writer(store)
        await store.save_event(make_event(1))

        async def source() -> AsyncIterator[Sequence[Event]]:
            yield [make_event(version) for version in range(2, 11)]
            assert await soon(store.get_latest_version("order-1")) == 1
            assert len(await soon(collect(store.read()))) == 1

        await bulk.save_all(source())
        assert await store.get_latest_version("order-1") == 10


def _bulk_writer(store: Store) -> BulkWriter:
    if not isinstance(store, BulkWriter):
        pytest.skip("this store has no save_all")
    return store
