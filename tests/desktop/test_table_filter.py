"""A filter fills the table while it searches, can be cancelled, and takes up what is stored later."""

from __future__ import annotations

import asyncio
import sqlite3
from array import array
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from aether_desktop.jobs import Jobs
from aether_desktop.models.events.filterable_table import FilterableTable
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.models.filter.document_filter import FilterState
from aether_desktop.models.filter.table_filter import TableFilter
from aether_desktop.ui.events.event_view import EventView
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.errors import StoreUnavailableError
from aether_engine.query import EventFilter, Hits
from aether_engine.store.protocols import Store
from tests.desktop.repeating_log import RepeatingLog
from tests.desktop.stores import fill, memory_store, order_event
from tests.waiting import until


class HeldLog(LogTable):
    """Searches as far as it is allowed to."""

    allowed: asyncio.Semaphore
    trouble: Exception | None = None
    #: Parts that were let through, and whether the next one waits for that.
    passed = 0
    is_waiting = False

    async def search(self, event_filter: EventFilter, first: int, last: int) -> AsyncGenerator[Hits, None]:
        async for hits in super().search(event_filter, first, last):
            self.is_waiting = True
            await self.allowed.acquire()
            self.is_waiting = False
            self.passed += 1
            if self.trouble is not None:
                raise self.trouble
            yield hits


@asynccontextmanager
async def filtered(table: FilterableTable) -> AsyncIterator[TableFilter]:
    tester = QAbstractItemModelTester(table, QAbstractItemModelTester.FailureReportingMode.Fatal)
    jobs = Jobs()
    table_filter = TableFilter(table, jobs)
    try:
        yield table_filter
    finally:
        await table_filter.close()
        await table.close()
        assert not jobs.running
        tester.deleteLater()


async def sequences(table: FilterableTable) -> list[int]:
    """The sequences of all events in the table, each looked at."""
    found = []
    for row in range(table.rowCount()):
        await until(lambda: table.entry(row) is not None, what=f"row {row}")
        stored = table.stored_at(row)
        assert stored is not None
        found.append(stored.sequence)
    return found


def state(table_filter: TableFilter) -> FilterState:
    return table_filter.status.state


async def done(table_filter: TableFilter) -> None:
    await until(lambda: table_filter.status.state is FilterState.DONE, what="the search ends")


async def test_a_log_shows_what_passes_and_everything_again(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=100, events_each=3)
        table = LogTable(store)
        await table.refresh()
        async with filtered(table) as table_filter:
            table_filter.set_text("actor:order-00007,order-00009 version:>=2", at_once=True)
            await done(table_filter)
            assert await sequences(table) == [107, 109, 207, 209]
            assert table.is_filtered
            assert table.event_count == 4
            assert (table_filter.status.hits, table_filter.status.searched, table_filter.status.total) == (
                4,
                300,
                300,
            )
            assert table.row_of_sequence(209) == 3
            assert table.row_of_sequence(208) == -1
            assert table.row_of_sequence(301) == -1
            found = await table.load(109)
            assert found is not None
            assert await table.load(108) is None
            table_filter.clear()
            assert table.rowCount() == 300
            assert state(table_filter) is FilterState.NONE
            assert table.row_of_sequence(208) == 207


async def test_a_filter_by_place_needs_no_search_elsewhere(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=100, events_each=3)
        table = LogTable(store)
        await table.refresh()
        async with filtered(table) as table_filter:
            for text, expected in (
                ("sequence:40..42", [40, 41, 42]),
                ("sequence:..2", [1, 2]),
                ("sequence:999", []),
            ):
                table_filter.set_text(text, at_once=True)
                await done(table_filter)
                assert await sequences(table) == expected
                status = table_filter.status
                assert (status.hits, status.searched, status.checked) == (len(expected), 300, 300)
            table_filter.set_text("sequence:299..", at_once=True)
            await done(table_filter)
            await store.save_event(order_event(1, 4))
            await table.refresh()
            await until(lambda: table.rowCount() == 3, what="the new one")


async def test_corrupted_events_that_are_found_behind_the_others_pass(qtbot: QtBot, tmp_path: Path) -> None:
    """A file is searched at its word; only then is every event checked, and that can be left for later."""
    path = tmp_path / "store.aether"
    async with open_engine(sqlite_url(path)) as engine:
        await fill(await engine.store("shop"), actors=3000, events_each=1)
    with closing(sqlite3.connect(path)) as connection:
        for sequence in (100, 2500):
            connection.execute(
                "UPDATE events SET raw = replace(raw, 'OrderPlaced', 'OrderPlacex') "
                "WHERE position & 0xffffffffff = ?",
                (sequence,),
            )
        connection.commit()
    async with open_engine(sqlite_url(path), read_only=True) as engine:
        table = HeldLog(await engine.store("shop"))
        table.allowed = asyncio.Semaphore(0)
        await table.refresh()
        async with filtered(table) as table_filter:
            table_filter.set_text("actor:order-00007", at_once=True)
            parts = 0
            await until(lambda: table.is_waiting, what="the first part")
            while table_filter.status.searched < 3000:
                parts += 1
                table.allowed.release()
                await until(lambda: table.passed == parts and table.is_waiting, what="the next part")
            table_filter.cancel()
            assert state(table_filter) is FilterState.CANCELLED
            assert 7 in await sequences(table)
            for _ in range(50):
                table.allowed.release()
            table_filter.go_on()
            await done(table_filter)
            assert await sequences(table) == [7, 100, 2500]
            assert table_filter.status.hits == 3


async def test_a_stream_shows_what_passes_in_its_order(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await store.save_events([order_event(1, version, total=version) for version in (1, 2, 4, 7, 8)])
        table = StreamTable(store, "order-00001")
        await table.refresh()
        rows = table.rowCount()
        async with filtered(table) as table_filter:
            table_filter.set_text("data.total:>=4", at_once=True)
            await done(table_filter)
            assert await sequences(table) == [3, 4, 5]
            assert table.row_of_version(7) == 1
            assert table.row_of_version(2) == -1
            assert table.has_version(2)
            assert not table.has_version(3)
            await store.save_events([order_event(1, 9, total=1), order_event(1, 12, total=12)])
            await table.refresh()
            await until(lambda: table.rowCount() == 4, what="the new one that passes")
            assert table.row_of_version(12) == 3
            await done(table_filter)
            table_filter.clear()
            assert table.rowCount() == rows + 3, "two events and the gap before the second"


async def test_what_is_stored_later_is_filtered_too(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=10, events_each=1)
        table = LogTable(store)
        await table.refresh()
        async with filtered(table) as table_filter:
            table_filter.set_text("type:OrderPaid", at_once=True)
            await done(table_filter)
            assert table.rowCount() == 0
            await store.save_events([order_event(1, 2), order_event(2, 2, kind="OrderPaid")])
            await table.refresh()
            await until(lambda: table.rowCount() == 1, what="the paid one")
            await done(table_filter)
            assert (table_filter.status.searched, table_filter.status.total) == (12, 12)
            assert await sequences(table) == [12]


async def test_an_invalid_text_leaves_the_last_valid_filter_in_force(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=10, events_each=1)
        table = LogTable(store)
        await table.refresh()
        async with filtered(table) as table_filter:
            table_filter.set_text("actor:order-00003", at_once=True)
            await done(table_filter)
            table_filter.set_text("actor:order-00003 verson:2", at_once=True)
            assert not table_filter.is_valid
            assert table_filter.is_outdated
            [problem] = table_filter.problems
            assert table_filter.text[problem.start : problem.end] == "verson"
            assert await sequences(table) == [3]
            table_filter.set_text("")
            assert not table_filter.problems
            assert table.rowCount() == 10


async def test_typing_comes_into_force_after_a_rest_and_only_the_last_counts(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=10, events_each=1)
        table = LogTable(store)
        await table.refresh()
        applied = []
        async with filtered(table) as table_filter:
            table_filter.applied.connect(lambda wanted: applied.append(wanted.text))
            for text in ("actor:order-00001", "actor:order-00002", "actor:order-00003"):
                table_filter.set_text(text)
            assert table_filter.in_force is None
            await done(table_filter)
            assert applied == ["actor:order-00003"]
            assert await sequences(table) == [3]


async def held_table(store: Store, qtbot: QtBot) -> HeldLog:
    await fill(store, actors=4000, events_each=1)
    table = HeldLog(store)
    table.allowed = asyncio.Semaphore(0)
    await table.refresh()
    return table


async def test_cancelling_keeps_what_was_found_and_it_can_go_on(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aether_engine.query.searching.REPORT_INTERVAL", 0.0)
    async with memory_store() as (_engine, store):
        table = await held_table(store, qtbot)
        async with filtered(table) as table_filter:
            table_filter.set_text("actor:order-*5", at_once=True)
            assert state(table_filter) is FilterState.SEARCHING
            assert table.rowCount() == 4000, "the rows from before stay until there is something to show"
            table.allowed.release()
            table.allowed.release()
            await until(lambda: table.rowCount() == 100, what="the first hits")
            assert table_filter.status.searched == 1000
            table_filter.cancel()
            assert state(table_filter) is FilterState.CANCELLED
            assert not table_filter.busy
            await store.save_event(order_event(5, 2))
            await table.refresh()
            assert table.rowCount() == 100, "cancelled is cancelled, also for what comes"
            for _ in range(10):
                table.allowed.release()
            table_filter.go_on()
            await done(table_filter)
            assert table.rowCount() == 401
            assert (table_filter.status.searched, table_filter.status.total) == (4001, 4001)


async def test_a_filter_that_replaces_another_is_the_only_one(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        table = await held_table(store, qtbot)
        async with filtered(table) as table_filter:
            table_filter.set_text("actor:order-*5", at_once=True)
            table_filter.set_text("actor:order-00077", at_once=True)
            for _ in range(20):
                table.allowed.release()
            await done(table_filter)
            assert await sequences(table) == [77]
            assert table_filter.status.hits == 1


async def test_cancelling_before_anything_was_found_shows_nothing_of_before(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        table = await held_table(store, qtbot)
        async with filtered(table) as table_filter:
            table_filter.set_text("type:Nothing", at_once=True)
            table_filter.cancel()
            assert table.rowCount() == 0
            assert table_filter.status.hits == 0


async def test_a_store_that_fails_is_told_and_can_be_tried_again(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        table = await held_table(store, qtbot)
        table.trouble = StoreUnavailableError("memory://", "it is a test")
        async with filtered(table) as table_filter:
            table_filter.set_text("actor:order-00042", at_once=True)
            table.allowed.release()
            await until(lambda: table_filter.status.state is FilterState.FAILED, what="the failure")
            assert "it is a test" in table_filter.status.reason
            table.trouble = None
            for _ in range(10):
                table.allowed.release()
            table_filter.go_on()
            await done(table_filter)
            assert await sequences(table) == [42]


async def test_a_log_that_only_reads_ranges_shows_the_same(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=50, events_each=1)
        log = RepeatingLog(store, 500)
        table = LogTable(log)  # type: ignore[arg-type]  # it reads, and that is all a table does
        await table.refresh()
        async with filtered(table) as table_filter:
            table_filter.set_text("id:id-1-1,id-3-1,id-30-1", at_once=True)
            await done(table_filter)
            expected = [start + place for start in range(0, 500, 50) for place in (1, 3, 30)]
            assert await sequences(table) == expected


async def test_hits_that_come_late_stand_in_their_places(qtbot: QtBot) -> None:
    """Corrupted events are found behind the others; what is selected and in sight stays so."""
    async with memory_store() as (_engine, store):
        await fill(store, actors=2000, events_each=1)
        table = LogTable(store)
        tester = QAbstractItemModelTester(table, QAbstractItemModelTester.FailureReportingMode.Fatal)
        view = EventView(table, title="Log", order="")
        qtbot.addWidget(view)
        view.resize(900, 500)
        view.show()
        told: list[int] = []
        view.event_selected.connect(lambda stored: told.append(stored.sequence))
        await table.refresh()
        table.start_filter()
        table.add_hits(Hits(array("q", range(10, 2000, 10)), 2000, 2000))
        assert (await sequences(table))[:3] == [10, 20, 30]
        view.select_row(table.row_of_sequence(600))
        await until(lambda: told[-1:] == [600], what="it is selected")
        told.clear()
        view.table.verticalScrollBar().setValue(100)
        top = table.sequence_at(view.table.rowAt(0))
        assert top is not None
        table.add_hits(Hits(array("q", [5, 600, 611, 1500, 1501]), 2000, 2000, late=True))
        assert (await sequences(table))[:3] == [5, 10, 20]
        assert table.row_of_sequence(611) == 62
        assert view.selected is not None
        assert view.selected.sequence == 600
        assert view.position == 60
        await until(lambda: table.sequence_at(view.table.rowAt(0)) == top, what="the same is at the top")
        table.add_hits(Hits(array("q", [5, 611]), 2000, 2000, late=True))
        assert table.rowCount() == 202
        assert told == []
        await table.close()
        tester.deleteLater()
        table.setParent(view)
