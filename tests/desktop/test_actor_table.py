"""The list of actors: search, pages, refresh."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from aether_desktop.models.events.actor_pages import KEPT_PAGES, PAGE_ACTORS
from aether_desktop.models.events.actor_table import ActorTable
from aether_desktop.models.events.roles import Role, RowKind
from aether_engine import ActorInfo, InMemoryEventStore
from aether_engine.engine import open_engine
from aether_engine.event import ActorOrder
from tests.desktop.stores import fill, memory_store, order_event
from tests.waiting import until


async def test_any_place_of_the_list_can_be_looked_at(qtbot: QtBot) -> None:
    """The first page is there at once; when the others are counted, each comes when it is looked at."""
    async with memory_store() as (_engine, store):
        count = (KEPT_PAGES + 3) * PAGE_ACTORS + 5
        await fill(store, actors=count, events_each=1)
        model = ActorTable()
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        model.show(store)
        await until(lambda: model.rowCount() == PAGE_ACTORS, what="the first page")
        assert (model.complete, model.found) == (False, None)
        await until(lambda: model.complete, what="they are counted")
        assert model.rowCount() == model.found == count
        last = model.index(count - 1, 0)
        assert last.data(Role.KIND) == RowKind.PLACEHOLDER
        await until(lambda: last.data() == f"order-{count:05}", what="the last page")
        for row in range(0, count, PAGE_ACTORS):
            await until(lambda: model.actor_at(row) is not None, what=f"row {row}")
            assert model.index(row, 0).data() == f"order-{row + 1:05}"
        assert len(model.loaded()) <= KEPT_PAGES * PAGE_ACTORS
        assert model.row_of_actor(f"order-{count:05}") == count - 1
        model.sort_by(ActorOrder.NAME, descending=True)
        await until(lambda: model.complete and model.index(0, 0).data() == f"order-{count:05}", what="backwards")
        await model.close()


async def test_sorted_by_a_number_the_first_are_shown_and_more_can_be_loaded(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=PAGE_ACTORS + 5, events_each=1)
        await store.save_events([order_event(7, version) for version in (2, 3)])
        await store.save_events([order_event(9, 2)])
        model = ActorTable()
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        model.show(store)
        model.sort_by(ActorOrder.EVENTS, descending=True)
        await until(lambda: model.found == PAGE_ACTORS + 5, what="counted")
        assert [model.index(row, 0).data() for row in range(3)] == ["order-00007", "order-00009", "order-00001"]
        assert [model.index(row, 1).data() for row in range(3)] == ["3", "2", "1"]
        assert model.rowCount() == PAGE_ACTORS
        assert model.canFetchMore()
        await until(lambda: not model.busy)
        model.load_more()
        await until(lambda: model.complete, what="the rest")
        assert model.rowCount() == PAGE_ACTORS + 5
        assert model.index(model.rowCount() - 1, 0).data() == f"order-{PAGE_ACTORS + 5:05}"
        await store.save_events([order_event(5, version) for version in range(2, 9)])
        model.reload()
        await until(lambda: model.index(0, 0).data() == "order-00005", what="the busiest now")
        assert model.rowCount() == PAGE_ACTORS + 5
        model.sort_by(ActorOrder.ACTIVITY, descending=True)
        await until(lambda: model.index(1, 0).data() != "order-00007", what="by activity")
        recorded = [model.index(row, 3).data() for row in range(20)]
        assert recorded == sorted(recorded, reverse=True)
        await model.close()


async def test_a_pattern_says_how_many_it_finds(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=12_000, events_each=1)
        model = ActorTable()
        model.show(store, "order-*1*")
        await until(lambda: model.rowCount() == PAGE_ACTORS, what="the first page")
        expected = sum("1" in f"{actor:05}" for actor in range(1, 12_001))
        await until(lambda: model.found == expected, what="they are counted")
        for _ in range(expected // PAGE_ACTORS):
            await until(lambda: not model.busy)
            model.load_more()
        await until(lambda: model.complete, what="all of them")
        assert model.rowCount() == expected
        await model.close()


class SlowStore:
    """Answers only when it may."""

    def __init__(self, store: InMemoryEventStore) -> None:
        self._store = store
        self.allowed = asyncio.Event()
        self.asked: list[str] = []

    async def actors(self, **wanted: object) -> list[ActorInfo]:
        self.asked.append(str(wanted["prefix"]))
        await self.allowed.wait()
        return await self._store.actors(**wanted)  # type: ignore[arg-type]  # handed on as they came

    async def actor_count(self, *, prefix: str = "", pattern: str = "") -> int:
        return await self._store.actor_count(prefix=prefix, pattern=pattern)


async def test_what_takes_long_is_told_and_can_be_cancelled(qtbot: QtBot) -> None:
    store = InMemoryEventStore()
    await fill(store, actors=20, events_each=1)
    slow = SlowStore(store)
    slow.allowed.set()
    model = ActorTable()
    model.show(slow)  # type: ignore[arg-type]  # a directory is all a list of actors needs
    await until(lambda: model.rowCount() == 20 and not model.busy)
    slow.allowed.clear()
    model.sort_by(ActorOrder.EVENTS, descending=True)
    assert model.working_text == ""
    await until(lambda: model.working_text == "Sorting…", what="it is told")
    assert model.rowCount() == 20, "the rows stay"
    told: list[str] = []
    model.counts_changed.connect(lambda: told.append(model.working_text))
    slow.allowed.set()
    await until(lambda: not model.busy)
    assert told[-1] == "", "whoever was told that it takes long is told that it is over"
    slow.allowed.clear()
    model.sort_by(ActorOrder.NAME, descending=False)
    await until(lambda: model.working_text == "Searching…", what="it is told")
    model.cancel()
    assert model.working_text == ""
    assert model.order is ActorOrder.EVENTS, "what is shown stays"
    await until(lambda: not model.busy)
    assert model.index(0, 0).data() == "order-00001"
    slow.allowed.set()
    model.search("order-0001")
    await until(lambda: model.shown_search == "order-0001")
    assert model.rowCount() == 10
    await model.close()


async def test_another_namespace_shows_nothing_of_the_one_before(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=3, events_each=1)
        model = ActorTable()
        model.show(store)
        await until(lambda: model.rowCount() == 3)
        slow = SlowStore(InMemoryEventStore())
        model.show(slow)  # type: ignore[arg-type]  # see above
        assert model.rowCount() == 0
        assert model.shown_search is None
        await model.close()


async def test_search_by_prefix_pattern_and_exact_name(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=120, events_each=1)
        model = ActorTable()
        for search, expected in (
            ("order-0001", 10),
            ("order-*5", 12),
            ("=order-00007", 1),
            ("=order-0000", 0),
            ("nobody", 0),
            ("", 120),
        ):
            model.show(store, search)
            await until(lambda: not model.busy, what=search)
            assert model.rowCount() == expected, search
            assert model.complete
        await model.close()


async def test_counts_follow_new_events(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await store.save_event(order_event(1, 1))
        model = ActorTable()
        model.show(store)
        await until(lambda: model.rowCount() == 1, what="the actor")
        await store.save_event(order_event(1, 2))
        model.reload()
        await until(lambda: model.data(model.index(0, 1)) == "2", what="the new count")
        assert model.row_of_actor("order-00001") == 0
        await model.close()


async def test_a_later_search_wins(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=50, events_each=1)
        model = ActorTable()
        model.show(store, "order-0001")
        model.show(store, "=order-00002")
        await until(lambda: not model.busy, what="both answers")
        assert [actor.actor_id for actor in model.loaded()] == ["order-00002"]
        await model.close()


async def test_letters_that_narrow_what_is_shown_ask_nobody(qtbot: QtBot) -> None:
    """A first page holds the first pages of most longer names, and only what it cannot tell is looked for."""
    store = InMemoryEventStore()
    await fill(store, actors=2 * PAGE_ACTORS + 50, events_each=1)
    slow = SlowStore(store)
    slow.allowed.set()
    model = ActorTable()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show(slow)  # type: ignore[arg-type]  # a directory is all a list of actors needs
    await until(lambda: model.found == 2 * PAGE_ACTORS + 50)
    slow.asked.clear()
    slow.allowed.clear()
    model.search("order-0")
    assert (model.shown_search, model.rowCount(), model.found) == ("order-0", PAGE_ACTORS, None)
    await until(lambda: model.found == 2 * PAGE_ACTORS + 50, what="the same ones are counted again")
    model.search("order-0099")
    assert [info.actor_id for info in model.loaded()] == [f"order-{number:05}" for number in range(990, 1000)]
    assert (model.complete, model.rowCount(), model.found) == (True, 10, 10)
    model.search("order-0099x")
    assert (model.complete, model.rowCount()) == (True, 0)
    model.search("order-0099xy")
    assert (model.shown_search, model.rowCount(), model.busy) == ("order-0099xy", 0, False)
    assert slow.asked == []
    # A wider search, and one whose end the page does not hold, have to be asked for.
    for number, text in enumerate(("order-00", "order-01"), 1):
        model.search(text)
        await until(lambda: len(slow.asked) == number, what=text)
        slow.allowed.set()
        await until(lambda: model.shown_search == text, what=text)
        slow.allowed.clear()
    assert slow.asked == ["order-00", "order-01"]
    await until(lambda: model.found == PAGE_ACTORS)
    await store.save_event(order_event(1001, 2))
    slow.allowed.set()
    model.search("order-01001")
    model.reload()
    await until(lambda: model.index(0, 1).data() == "2", what="what was stored meanwhile")
    await model.close()


async def test_letters_typed_in_a_row_over_a_file(qtbot: QtBot, tmp_path: Path) -> None:
    """What was asked for first is given up, begun or not; the last answer is shown, page and rest."""
    async with open_engine(str(tmp_path / "shop.aether")) as engine:
        store = await engine.store("shop")
        await fill(store, actors=PAGE_ACTORS + 200, events_each=1)
        failures: list[object] = []
        model = ActorTable()
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        model.failed.connect(failures.append)
        model.show(store)
        for text in ("order-00", "order-000", "=order-00007", "order-0", "order-"):
            model.search(text)
        await until(lambda: model.shown_search == "order-" and model.complete, what="the last one")
        assert model.index(0, 0).data() == "order-00001"
        assert model.index(PAGE_ACTORS - 1, 0).data() == f"order-{PAGE_ACTORS:05}"
        assert model.row_of_actor("order-00500") == 499
        last = model.index(PAGE_ACTORS + 199, 0)
        await until(lambda: last.data() == f"order-{PAGE_ACTORS + 200:05}", what="the second page")
        model.search("order-0002")
        await until(lambda: model.shown_search == "order-0002")
        assert model.rowCount() == 10
        assert [actor.latest_version for actor in model.loaded()] == [1] * 10
        model.search("order-0003")
        model.cancel()
        await until(lambda: not model.busy)
        assert model.shown_search == "order-0002"
        assert not failures
    model.search("order-0")
    await until(lambda: bool(failures), what="a closed store is told")
    assert model.shown_search == "order-0002"
    await model.close()
