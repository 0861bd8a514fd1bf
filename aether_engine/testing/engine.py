"""The contract of every engine: what it adds to its stores, above all tails over namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from aether_engine.engine import Engine
from aether_engine.errors import AetherError, NamespaceCollisionError, NamespaceNameError, StoreUnavailableError
from aether_engine.event import Gap, SubscriptionFilter, Tailed
from aether_engine.testing.harness import Contract, EngineFactory, collect, soon, take, until
from aether_engine.testing.samples import make_event


class EngineContract(Contract):
    """Sections 3 to 5 of the engine contract: what an engine adds to its stores."""

    async def test_a_store_is_one_object(self, engine: Engine) -> None:
        """The same namespace gives the same object, also when asked for at once."""
        stores = await asyncio.gather(*(engine.store("tenant-a") for _ in range(5)))
        assert all(store is stores[0] for store in stores)
        assert await engine.store("tenant-b") is not stores[0]

    @pytest.mark.parametrize("name", ["", "a b", "a..b", ".a", "a.", "*", "a.>", "ä", "a/b", "a\x00", "a" * 1000])
    async def test_bad_names(self, engine: Engine, name: str) -> None:
        """A name outside the rules is refused before anything is touched."""
        with pytest.raises(NamespaceNameError) as caught:
            await engine.store(name)
        assert caught.value.name == name

    async def test_names_that_sanitise_alike(self, engine: Engine) -> None:
        """`a.b` and `a_b` never share data: both work, or the second is refused."""
        one = await engine.store("a.b")
        await one.save_event(make_event(1))
        with suppress(NamespaceCollisionError):  # it is one of the two answers
            other = await engine.store("a_b")
            assert await other.get_events("order-1") == []
            await other.save_event(make_event(1))
        assert len(await one.get_events("order-1")) == 1

    async def test_closing(self, engine: Engine) -> None:
        """Closing twice is closing once; a closed engine and its stores refuse with a readable error."""
        store = await engine.store("tenant-a")
        await store.save_event(make_event())
        await asyncio.gather(engine.close(), engine.close())
        await engine.close()
        for attempt in (
            engine.store("tenant-a"),
            engine.namespaces(),
            store.save_event(make_event(2)),
            store.get_events("order-1"),
            store.last_sequence(),
            collect(store.read()),
        ):
            with pytest.raises(StoreUnavailableError):
                await soon(attempt)
        with pytest.raises(StoreUnavailableError):
            engine.tail("*")

    async def test_closing_while_saving(self, engine: Engine) -> None:
        """A save that was under way when the engine closed is stored or refused; nobody hangs."""
        store = await engine.store("tenant-a")
        saves = [asyncio.create_task(store.save_event(make_event(1, f"order-{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        await soon(engine.close())
        for result in await soon(asyncio.gather(*saves, return_exceptions=True)):
            assert isinstance(result, int | AetherError), repr(result)

    # --- Tail ---------------------------------------------------------------------------------------------

    async def test_tail_from_now_sees_the_next_save(self, engine: Engine) -> None:
        """A save right behind the call, without any await in between, is seen; what was there is not."""
        store = await engine.store("tenant-a")
        await store.save_event(make_event(1))
        tails = [engine.tail(pattern) for pattern in ("tenant-a", "*", ">")]
        event = make_event(2)
        await store.save_event(event)
        for tail in tails:
            assert _described(await take(tail, 1)) == [("tenant-a", 2)]
            await tail.aclose()

    async def test_tail_of_namespaces_born_later(self, engine: Engine) -> None:
        """A namespace born after the call joins with its first event, if it matches."""
        tail = engine.tail("prod.*")
        for name in ("prod.a", "staging", "prod.b"):
            store = await engine.store(name)
            await store.save_events([make_event(version) for version in (1, 2, 3)])
        found = _described(await take(tail, 6))
        assert [item for item in found if item[0] == "prod.a"] == [("prod.a", version) for version in (1, 2, 3)]
        assert [item for item in found if item[0] == "prod.b"] == [("prod.b", version) for version in (1, 2, 3)]
        await tail.aclose()

    async def test_tail_sees_other_engines(self, open_engine_for_test: EngineFactory) -> None:
        """Namespaces that another engine brings into being, and its events, are seen as well."""
        if not self.shared:
            pytest.skip("each engine of this kind has a storage of its own")
        reader, writer = await open_engine_for_test(), await open_engine_for_test()
        await (await writer.store("old")).save_event(make_event(1))
        tail = reader.tail("*", after_sequence=0)
        assert _described(await take(tail, 1)) == [("old", 1)]
        new = await writer.store("new")
        for version in (1, 2, 3):
            await new.save_event(make_event(version))
        assert _described(await take(tail, 3)) == [("new", 1), ("new", 2), ("new", 3)]
        await (await writer.store("old")).save_event(make_event(2))
        assert _described(await take(tail, 1)) == [("old", 2)]
        # The reader's own handle on a namespace that joined by itself changes nothing.
        assert await (await reader.store("new")).get_latest_version("order-1") == 3
        await tail.aclose()

    async def test_tail_from_a_sequence(self, engine: Engine) -> None:
        """`after_sequence` counts in each namespace; 0 is everything."""
        sequences = {}
        for name in ("a", "b"):
            store = await engine.store(name)
            sequences[name] = [await store.save_event(make_event(version)) for version in (1, 2, 3)]
        everything = engine.tail("*", after_sequence=0)
        found = _described(await take(everything, 6))
        assert [version for name, version in found if name == "a"] == [1, 2, 3]
        rest = engine.tail("b", after_sequence=sequences["b"][1])
        assert _described(await take(rest, 1)) == [("b", 3)]
        for tail in (everything, rest):
            await tail.aclose()

    async def test_tail_filters(self, engine: Engine) -> None:
        """A filter chooses by the saved event's own type and actor."""
        store = await engine.store("a")
        tail = engine.tail("*", SubscriptionFilter(frozenset({"Paid"}), "order-*"))
        await store.save_event(make_event(1, "order-1", event_type="Placed"))
        await store.save_event(make_event(1, "cart-1", event_type="Paid"))
        await store.save_event(make_event(2, "order-1", event_type="Paid"))
        assert _described(await take(tail, 1)) == [("a", 2)]
        await tail.aclose()

    async def test_tail_misses_nothing_for_a_slow_reader(self, engine: Engine) -> None:
        """However slow the reader is: every event of every namespace, once, in order within each."""
        names = [f"tenant-{number}" for number in range(5)]
        tail = engine.tail("*")

        async def write(name: str) -> None:
            store = await engine.store(name)
            for version in range(1, 61):
                await store.save_event(make_event(version))

        await asyncio.gather(*map(write, names))
        found: list[tuple[str, int]] = []
        while len(found) < 300:
            await asyncio.sleep(0)
            found += _described(await soon(anext(tail)))
        for name in names:
            assert [version for other, version in found if other == name] == list(range(1, 61))
        await tail.aclose()

    @pytest.mark.parametrize("pattern", ["", "a b", "or*"])
    async def test_tail_refuses_bad_patterns(self, engine: Engine, pattern: str) -> None:
        """At the call, as the bus does."""
        with pytest.raises(NamespaceNameError):
            engine.tail(pattern)

    async def test_tail_can_be_closed(self, engine: Engine) -> None:
        """`aclose` ends the iterator, also one that is waiting, and leaves no task behind."""
        before = asyncio.all_tasks()
        tail = engine.tail("*")
        waiting = asyncio.ensure_future(collect(tail))
        await asyncio.sleep(0)
        await tail.aclose()
        await tail.aclose()
        assert await soon(waiting) == []
        await until(lambda: asyncio.all_tasks() <= before)

    async def test_tail_ends_with_the_engine(self, engine: Engine) -> None:
        """Closing the engine ends its tails, waiting or forgotten, and their tasks."""
        before = asyncio.all_tasks()
        engine.tail("forgotten")
        waiting = asyncio.ensure_future(collect(engine.tail("*")))
        await asyncio.sleep(0)
        await engine.close()
        assert await soon(waiting) == []
        await until(lambda: asyncio.all_tasks() <= before)


def _described(items: Sequence[Tailed | Gap]) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for item in items:
        assert isinstance(item, Tailed)
        assert item.stored.event is not None
        found.append((item.namespace, item.stored.event.version))
    return found
