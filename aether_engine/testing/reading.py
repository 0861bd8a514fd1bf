"""Reading the log and an actor's stream, by ranges and single places."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aether_engine.event import ActorSnapshot
from aether_engine.store.protocols import SequenceReader, Store, StreamIndex
from aether_engine.testing.harness import Contract, collect
from aether_engine.testing.samples import make_event


class ReadingContract(Contract):
    """What was stored is read back in order, in batches, from and to any place."""

    async def test_read_ranges(self, store: Store) -> None:
        """`from_sequence` and `to_sequence` are both inclusive; what lies outside the log is just empty."""
        sequences = await store.save_events([make_event(version) for version in range(1, 11)])

        async def between(first: int, last: int | None) -> list[int]:
            batches = store.read(from_sequence=first, to_sequence=last)
            return [stored.sequence for stored in await collect(batches)]

        assert await between(1, None) == sequences
        assert await between(0, None) == sequences
        assert await between(sequences[3], None) == sequences[3:]
        assert await between(sequences[3], sequences[6]) == sequences[3:7]
        assert await between(sequences[3], sequences[3]) == [sequences[3]]
        assert await between(sequences[6], sequences[3]) == []
        assert await between(1, 0) == []
        assert await between(sequences[8], sequences[9] + 1000) == sequences[8:]
        assert await between(sequences[9] + 1, None) == []

    @pytest.mark.parametrize("batch_size", [1, 3, 10, 11])
    async def test_batches_are_as_large_as_asked(self, store: Store, batch_size: int) -> None:
        """No batch is larger than `batch_size` and none is empty, whatever the size."""
        await store.save_events([make_event(version) for version in range(1, 11)])
        for batches in (store.read(batch_size=batch_size), store.read_actor("order-1", batch_size=batch_size)):
            sizes = [len(batch) async for batch in batches]
            assert sum(sizes) == 10
            assert 0 < max(sizes) <= batch_size

    async def test_read_ends_where_the_log_ended(self, store: Store) -> None:
        """Without `to_sequence` a read ends, also while somebody keeps writing."""
        await store.save_events([make_event(version) for version in range(1, 11)])
        seen = 0
        async for batch in store.read(batch_size=2):
            seen += len(batch)
            await store.save_event(make_event(100 + seen))
        assert seen == 10

    async def test_reading_may_be_left(self, store: Store) -> None:
        """Whoever leaves a read in the middle leaves nothing locked behind."""
        await store.save_events([make_event(version) for version in range(1, 11)])
        async for _ in store.read(batch_size=1):
            break
        async for _ in store.read_actor("order-1", batch_size=1):
            break
        await store.save_event(make_event(11))
        assert len(await collect(store.read())) == 11

    async def test_read_actor_in_version_order(self, store: Store) -> None:
        """An actor's stream holds its events only, by version, from any version on."""
        for version in (2, 5, 9):
            await store.save_events([make_event(version), make_event(version, "order-10")])

        async def versions(start: int) -> list[int]:
            found = await collect(store.read_actor("order-1", from_version=start, batch_size=2))
            assert all(stored.event is not None and stored.event.actor_id == "order-1" for stored in found)
            return [stored.event.version for stored in found if stored.event is not None]

        assert await versions(0) == [2, 5, 9]
        assert await versions(2) == [2, 5, 9]
        assert await versions(3) == [5, 9]
        assert await versions(9) == [9]
        assert await versions(10) == []

    async def test_get_events_from_version(self, store: Store) -> None:
        """`from_version` is inclusive, for both ways of getting events."""
        events = [make_event(version) for version in (2, 5, 9)]
        await store.save_events(events)
        for start, expected in ((0, events), (5, events[1:]), (6, events[2:]), (10, [])):
            assert await store.get_events("order-1", start) == expected
            assert await store.get_events("order-1", from_version=start) == expected
            result = await store.get_events_with_errors("order-1", start)
            assert (result.events, result.errors) == (expected, [])

    async def test_single_places_of_the_log(self, store: Store) -> None:
        """A store that reads single sequences gives them in the order asked for, and none where there is none."""
        if not isinstance(store, SequenceReader):
            pytest.skip("this store reads ranges only")
        assert await collect(store.read_sequences([1, 2])) == []
        sequences = await store.save_events([make_event(version, "order-1") for version in range(1, 8)])
        await store.save_snapshot(ActorSnapshot("order-1", 3, {}, datetime(2024, 1, 1, tzinfo=UTC)))
        sequences += await store.save_events([make_event(8, "order-1")])
        by_sequence = {stored.sequence: stored for stored in await collect(store.read())}
        last = sequences[-1]
        for wanted in ([], [last], [sequences[4], sequences[1], sequences[4]], range(-1, last + 3), [2**62]):
            expected = [by_sequence[sequence] for sequence in wanted if sequence in by_sequence]
            assert await collect(store.read_sequences(wanted)) == expected
            batches = [batch async for batch in store.read_sequences(wanted, batch_size=2)]
            assert [stored for batch in batches for stored in batch] == expected
            assert all(len(batch) <= 2 for batch in batches)

    async def test_places_of_an_actor(self, store: Store) -> None:
        """A store with an index over versions tells where each is, as reading the actor would."""
        if not isinstance(store, StreamIndex):
            pytest.skip("this store has no index over versions")
        assert await collect(store.places("order-1")) == []
        await store.save_events([make_event(version, f"order-{version % 2}") for version in range(1, 12)])
        stream = await collect(store.read_actor("order-1"))
        expected = [(stored.event.version, stored.sequence) for stored in stream if stored.event is not None]
        assert await collect(store.places("order-1")) == expected
        assert await collect(store.places("order-1", batch_size=2)) == expected
        assert await collect(store.places("order-1", from_version=4, batch_size=3)) == expected[2:]
        assert await collect(store.places("order-1", from_version=12)) == []
