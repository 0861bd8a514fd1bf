"""The list of actors: any ids, in pages, by prefix and pattern, counted and sorted."""

from __future__ import annotations

import pytest

from aether_engine.event import ActorOrder
from aether_engine.patterns import match_actor_pattern
from aether_engine.store.protocols import ActorDirectory, CountsActors, Store
from aether_engine.testing.harness import Contract, collect
from aether_engine.testing.samples import ODD_ACTOR_IDS, make_event


class ActorContract(Contract):
    """Every actor is found, each apart from all others, however odd its id is."""

    async def test_odd_actor_ids_stay_apart(self, store: Store) -> None:
        """Ids are texts: nothing is trimmed, folded, normalised or taken for a pattern."""
        for number, actor_id in enumerate(ODD_ACTOR_IDS, 1):
            await store.save_event(make_event(number, actor_id))
        for number, actor_id in enumerate(ODD_ACTOR_IDS, 1):
            assert await store.get_latest_version(actor_id) == number, repr(actor_id)
            assert [event.actor_id for event in await store.get_events(actor_id)] == [actor_id]
        assert [info.actor_id for info in await store.actors()] == list(ODD_ACTOR_IDS)

    async def test_actors_in_pages(self, store: Store) -> None:
        """`after` and `limit` page through the actors in code point order; each comes exactly once."""
        await store.save_events([make_event(1, actor_id) for actor_id in ODD_ACTOR_IDS])
        for limit in (1, 5, len(ODD_ACTOR_IDS), 1000):
            found: list[str] = []
            while page := await store.actors(after=found[-1] if found else None, limit=limit):
                assert len(page) <= limit
                found += [info.actor_id for info in page]
            assert found == list(ODD_ACTOR_IDS)
        assert [info.actor_id for info in await store.actors(after="order-0", limit=2)] == ["order-1", "order-10"]
        assert await store.actors(after=ODD_ACTOR_IDS[-1]) == []

    @pytest.mark.parametrize(
        "prefix", ["a", "a.", "a%", "a*", "a_", "a\x00", "cafe", "order-1", "\U0010ffff", "zz"]
    )
    async def test_actors_by_prefix(self, store: Store, prefix: str) -> None:
        """A prefix is text too; with `after` both hold."""
        await store.save_events([make_event(1, actor_id) for actor_id in ODD_ACTOR_IDS])
        expected = [actor_id for actor_id in ODD_ACTOR_IDS if actor_id.startswith(prefix)]
        assert [info.actor_id for info in await store.actors(prefix=prefix)] == expected
        for place, actor_id in enumerate(expected):
            page = await store.actors(prefix=prefix, after=actor_id, limit=2)
            assert [info.actor_id for info in page] == expected[place + 1 : place + 3]

    async def test_no_limit_is_too_high(self, store: Store) -> None:
        """Limits and sizes beyond 64 bits mean "all", as every number beyond what is there does."""
        event = make_event()
        await store.save_event(event)
        for huge in (2**63 - 1, 2**63, 2**100):
            assert [info.actor_id for info in await store.actors(limit=huge)] == ["order-1"]
            reads = (
                store.read(to_sequence=huge, batch_size=huge),
                store.read_actor("order-1", batch_size=huge),
                store.read_actor("order-1", from_version=-huge),
            )
            for read in reads:
                assert [stored.event for stored in await collect(read)] == [event]
            assert await collect(store.read(from_sequence=huge)) == []
            assert await store.get_events("order-1", huge) == []

    async def test_actor_infos(self, store: Store) -> None:
        """Each info tells count, latest version, last event type and when it came; new actors join the list."""
        await store.save_event(make_event(1, "b", event_type="First"))
        await store.actors()
        await store.save_events([make_event(4, "b", event_type="Last"), make_event(2, "a", event_type="Only")])
        a, b = await store.actors()
        assert (a.actor_id, a.event_count, a.latest_version, a.last_event_type) == ("a", 1, 2, "Only")
        assert (b.actor_id, b.event_count, b.latest_version, b.last_event_type) == ("b", 2, 4, "Last")
        recorded = [stored.recorded_at for stored in await collect(store.read())]
        assert b.last_recorded_at == recorded[1]

    async def test_actors_can_be_counted_and_entered_anywhere(self, store: Store) -> None:
        """A store with a directory counts its actors and gives any page of them, forwards and backwards."""
        if not isinstance(store, ActorDirectory):
            pytest.skip("this store lists actors from the first on")
        assert await store.actor_count() == 0
        assert await store.actors(order=ActorOrder.EVENTS, descending=True) == []
        await store.save_events([make_event(1, actor_id) for actor_id in ODD_ACTOR_IDS])
        ids = list(ODD_ACTOR_IDS)
        for prefix in ("", "a", "cafe", "order-1", "nobody", "\U0010ffff"):
            expected = [actor_id for actor_id in ids if actor_id.startswith(prefix)]
            assert await store.actor_count(prefix=prefix) == len(expected)
            for offset in (0, 1, len(expected) - 1, len(expected), 2**70):
                page = await store.actors(prefix=prefix, offset=max(offset, 0), limit=3)
                assert [info.actor_id for info in page] == expected[max(offset, 0) :][:3]
                page = await store.actors(prefix=prefix, offset=max(offset, 0), limit=3, descending=True)
                assert [info.actor_id for info in page] == expected[::-1][max(offset, 0) :][:3]
        page = await store.actors(after=ids[5], descending=True, limit=2)
        assert [info.actor_id for info in page] == [ids[4], ids[3]]
        page = await store.actors(after=ids[5], offset=1, limit=2)
        assert [info.actor_id for info in page] == ids[7:9]

    @pytest.mark.parametrize(
        "pattern", ["*", "a*", "*1", "o*-1*", "*.*", "a.>", ">", "*[*", "*?*", "*%*", "a*a*", "café*", "order-1"]
    )
    async def test_actors_by_pattern(self, store: Store, pattern: str) -> None:
        """A pattern means what it means everywhere; signs that databases know are signs like others."""
        if not isinstance(store, ActorDirectory):
            pytest.skip("this store lists actors by prefix")
        odd = [*ODD_ACTOR_IDS, "a[1]", "a?b", "a.b.c"]
        await store.save_events([make_event(1, actor_id) for actor_id in dict.fromkeys(odd)])
        expected = sorted(actor_id for actor_id in set(odd) if match_actor_pattern(pattern, actor_id))
        assert [info.actor_id for info in await store.actors(pattern=pattern)] == expected
        assert await store.actor_count(pattern=pattern) == len(expected)
        page = await store.actors(pattern=pattern, offset=1, limit=2, descending=True)
        assert [info.actor_id for info in page] == expected[::-1][1:3]
        with_prefix = [actor_id for actor_id in expected if actor_id.startswith("o")]
        assert [info.actor_id for info in await store.actors(pattern=pattern, prefix="o")] == with_prefix
        assert await store.actor_count(pattern=pattern, prefix="o") == len(with_prefix)

    @pytest.mark.parametrize(("prefix", "pattern"), [("", ""), ("", "a*"), ("order", ""), ("o", "*1"), ("no", "")])
    async def test_the_counts_of_all_actors(self, store: Store, prefix: str, pattern: str) -> None:
        """Ids and counts are those of the list, without the rest of it; nothing comes twice."""
        if not isinstance(store, CountsActors):
            pytest.skip("this store counts one actor at a time")
        assert await collect(store.actor_counts()) == []
        await store.save_events([make_event(1, actor_id) for actor_id in ODD_ACTOR_IDS])
        await store.save_events([make_event(version, "order-1") for version in (5, 7)])
        infos = [
            info
            for info in await store.actors(prefix=prefix)
            if not pattern or match_actor_pattern(pattern, info.actor_id)
        ]
        expected = [(info.actor_id, info.event_count) for info in infos]
        assert await collect(store.actor_counts(prefix=prefix, pattern=pattern)) == expected
        for after in (actor_id for actor_id, _ in expected[:1]):
            counts = store.actor_counts(prefix=prefix, pattern=pattern, after=after)
            assert await collect(counts) == expected[1:]

    async def test_actors_by_events_and_activity(self, store: Store) -> None:
        """Sorted by a number, equal ones by id; the infos are those of every other list."""
        if not isinstance(store, ActorDirectory):
            pytest.skip("this store lists actors by id")
        for version, names in ((1, "cab_"), (2, "ba_"), (3, "b")):
            for name in names:
                await store.save_event(make_event(version, name))
        infos = {info.actor_id: info for info in await store.actors()}
        for descending, expected in ((True, "b_ac"), (False, "c_ab")):
            found = await store.actors(order=ActorOrder.EVENTS, descending=descending)
            assert found == [infos[name] for name in expected]
            page = await store.actors(order=ActorOrder.EVENTS, descending=descending, offset=1, limit=2)
            assert page == found[1:3]
        found = await store.actors(order=ActorOrder.ACTIVITY, descending=True)
        moments = [info.last_recorded_at for info in found]
        assert sorted(infos) == sorted(info.actor_id for info in found)
        assert moments == sorted((moment for moment in moments if moment is not None), reverse=True)
        assert await store.actors(order=ActorOrder.ACTIVITY, descending=True, offset=1, limit=2) == found[1:3]
        assert [
            info.actor_id for info in await store.actors(order=ActorOrder.EVENTS, prefix="a", pattern="*")
        ] == ["a"]

    async def test_very_long_actor_id(self, store: Store) -> None:
        """The longest id the store has to take works like any other."""
        actor_id = "long-" + "x" * (self.longest_actor_id - 5)
        await store.save_event(make_event(1, actor_id))
        await store.save_event(make_event(1, actor_id[:-1]))
        assert [event.actor_id for event in await store.get_events(actor_id)] == [actor_id]
        assert [info.actor_id for info in await store.actors(prefix=actor_id)] == [actor_id]
