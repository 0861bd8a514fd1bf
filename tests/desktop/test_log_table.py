"""The log as a window over the store."""

from __future__ import annotations

from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from aether_desktop.models.events.event_pages import KEPT_PAGES, PAGE_ROWS
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.roles import Role, RowKind
from tests.desktop.stores import fill, memory_store, order_event
from tests.waiting import until


def text(model: LogTable, row: int, column: int) -> object:
    return model.data(model.index(row, column))


async def test_rows_are_placeholders_until_their_page_is_there(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=300, events_each=2)
        model = LogTable(store)
        await model.refresh()
        assert model.rowCount() == 600
        assert model.data(model.index(599, 1), Role.KIND) is RowKind.PLACEHOLDER
        await until(lambda: model.stored_at(599) is not None, what="the last page")
        assert text(model, 599, 1) == "600"
        assert text(model, 599, 4) == "order-00300"
        assert text(model, 599, 3) == "OrderPlaced"
        await model.close()


async def test_only_what_is_looked_at_is_kept(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        rows = (KEPT_PAGES + 4) * PAGE_ROWS
        await fill(store, actors=rows, events_each=1)
        model = LogTable(store)
        await model.refresh()
        for page in range(KEPT_PAGES + 4):
            assert (await model.load(page * PAGE_ROWS + 1)) is not None
        assert model.entry(0) is None
        assert model.entry(rows - 1) is not None
        await until(lambda: not model.busy, what="the pages asked for")
        await model.close()
        # A closed table may be held for long: by a view that waits to be deleted, or until garbage is looked for.
        assert all(model.entry(page * PAGE_ROWS) is None for page in range(KEPT_PAGES + 4))
        await model.close()


async def test_new_events_join_at_the_end(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        model = LogTable(store)
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        await model.refresh()
        assert model.rowCount() == 0
        await store.save_event(order_event(1, 1))
        await model.refresh()
        stored = await model.load(1)
        assert stored is not None
        await store.save_event(order_event(1, 2))
        await model.refresh()
        assert model.rowCount() == 2
        assert (await model.load(2)) is not None
        assert await model.load(3) is None
        assert model.row_of_sequence(2) == 1
        assert model.row_of_sequence(3) == -1
        await model.close()


async def test_a_date_that_repeats_is_said_to_repeat(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=1, events_each=2)
        model = LogTable(store)
        await model.refresh()
        await model.load(1)
        column = [c.title for c in model.columns].index("Timestamp")
        assert model.data(model.index(0, column), Role.SAME_DATE) is False
        assert model.data(model.index(1, column), Role.SAME_DATE) is True
        await model.close()
