"""Many writers at once, and writers that are cancelled."""

from __future__ import annotations

import asyncio

import pytest

from aether_engine.errors import VersionConflictError
from aether_engine.store.protocols import Store
from aether_engine.testing.harness import Contract
from aether_engine.testing.samples import make_event


class ConcurrencyContract(Contract):
    """Of those that race for a version one wins, and nobody loses or doubles an event."""

    async def test_one_winner_for_a_version(self, store: Store) -> None:
        """Of many that race for a version exactly one wins; the others learn who."""
        events = [make_event(1) for _ in range(20)]
        results = await asyncio.gather(*map(store.save_event, events), return_exceptions=True)
        [winner] = await store.get_events("order-1")
        losers = [result for result in results if not isinstance(result, int)]
        assert len(losers) == 19
        for loser in losers:
            assert isinstance(loser, VersionConflictError)
            assert loser.current_version == 1
            assert loser.stored == winner
            assert not loser.is_duplicate

    async def test_one_event_saved_many_times_at_once(self, store: Store) -> None:
        """The same event from many savers is stored once; the others learn that it is there already."""
        event = make_event(1)
        results = await asyncio.gather(*(store.save_event(event) for _ in range(10)), return_exceptions=True)
        assert await store.get_events("order-1") == [event]
        assert sum(isinstance(result, int) for result in results) == 1
        assert sum(isinstance(result, VersionConflictError) and result.is_duplicate for result in results) == 9

    async def test_optimistic_writers(self, store: Store) -> None:
        """Writers that read, decide and try again on a conflict lose nothing and store nothing twice."""

        async def write(count: int) -> None:
            for _ in range(count):
                while True:
                    try:
                        await store.save_event(make_event(await store.get_latest_version("order-1") + 1))
                        break
                    except VersionConflictError:
                        await asyncio.sleep(0)

        await asyncio.gather(*(write(10) for _ in range(5)))
        assert [event.version for event in await store.get_events("order-1")] == list(range(1, 51))

    async def test_different_actors_do_not_conflict(self, store: Store) -> None:
        """Whoever writes another actor never gets a conflict, however many write at once."""
        await asyncio.gather(*(store.save_event(make_event(1, f"order-{number}")) for number in range(100)))
        assert len(await store.actors()) == 100

    @pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
    async def test_a_cancelled_saver(self, store: Store, turns: int) -> None:
        """Whenever a saver is cancelled, its event is stored once or not at all, and saving again is safe."""
        event = make_event(1)
        task = asyncio.create_task(store.save_event(event))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        [again] = await asyncio.gather(store.save_event(event), return_exceptions=True)
        assert isinstance(again, int) or (isinstance(again, VersionConflictError) and again.is_duplicate)
        assert await store.get_events("order-1") == [event]
        await store.save_event(make_event(2))
        assert await store.get_latest_version("order-1") == 2
