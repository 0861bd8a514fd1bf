"""The list of actors: search, pages, refresh."""

from __future__ import annotations

from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from aether_desktop.models.actor_table import PAGE_ACTORS, ActorTable
from tests.desktop.stores import fill, memory_store, order_event
from tests.waiting import until


async def test_pages_are_loaded_when_asked_for(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=PAGE_ACTORS + 5, events_each=1)
        model = ActorTable()
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        model.show(store)
        await until(lambda: model.rowCount() == PAGE_ACTORS, what="the first page")
        assert not model.complete
        model.load_more()
        await until(lambda: model.complete, what="the rest")
        assert model.rowCount() == PAGE_ACTORS + 5
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
            await until(lambda expected=expected: not model.busy, what=search)  # type: ignore[misc]
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
