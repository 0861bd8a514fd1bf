"""A log of more rows than a view of Qt can have: every place of it is reached, by bar, keys and number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QScrollBar
from pytestqt.qtbot import QtBot

from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.paged_table import MAX_ROWS
from aether_desktop.ui.events.event_view import EventView
from aether_engine.testing import collect
from tests.desktop.repeating_log import RepeatingLog
from tests.desktop.stores import fill, memory_store
from tests.waiting import until

HUGE = 200_000_000

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@asynccontextmanager
async def view_of(total: int, qtbot: QtBot, *, max_rows: int = MAX_ROWS) -> AsyncIterator[EventView]:
    async with memory_store() as (_engine, store):
        await fill(store, actors=500, events_each=2)
        log = RepeatingLog(store, total)
        model = LogTable(log, max_rows=max_rows)  # type: ignore[arg-type]  # it reads, and that is all a table does
        view = EventView(model, title="Log", order="")
        qtbot.addWidget(view)
        view.resize(1000, 600)
        view.show()
        await model.refresh()
        try:
            yield view
        finally:
            await model.close()
            model.setParent(view)


def bar(view: EventView) -> QScrollBar:
    """The scroll bar that is shown."""
    assert view.position_bar is not None
    inner = view.table.verticalScrollBar()
    assert view.position_bar.isVisible() is not inner.isVisible()
    return view.position_bar if view.position_bar.isVisible() else inner


def shown(view: EventView) -> list[str]:
    """The sequences in sight, from the first to the last whole row; empty texts while they are loaded."""
    table, model = view.table, view.model
    first = table.rowAt(0)
    last = min(first + table.verticalScrollBar().pageStep(), model.rowCount())
    return [str(model.index(row, 1).data() or "") for row in range(first, last)]


async def test_as_long_as_its_store_it_answers_as_its_store() -> None:
    async with memory_store() as (_engine, store):
        await fill(store, actors=10, events_each=3)
        log = RepeatingLog(store, 30)
        assert await log.last_sequence() == await store.last_sequence()
        for first, last, size in ((1, None, 99), (4, 17, 5), (-3, 100, 7), (30, 30, 1), (31, None, 10), (9, 8, 3)):
            wanted = [part async for part in store.read(from_sequence=first, to_sequence=last, batch_size=size)]
            found = [part async for part in log.read(from_sequence=first, to_sequence=last, batch_size=size)]
            assert found == wanted
        [stored] = await collect(RepeatingLog(store, 90).read(from_sequence=65, to_sequence=65))
        assert stored.sequence == 65
        assert stored.event == (await collect(store.read(from_sequence=5, to_sequence=5)))[0].event


@pytest.mark.parametrize("total", [HUGE, 5_000_000_000])
async def test_the_bar_reaches_first_middle_and_last(qtbot: QtBot, total: int) -> None:
    """Also where positions pass 32 bits, and a value of the bar stands for several of them."""
    unit = total // 2**30 + 1
    async with view_of(total, qtbot) as view:
        await until(lambda: shown(view)[0] == "1", what="the first page")
        for position in (total // 2, total // 3, total * 9 // 10, 10):
            bar(view).setValue(position // unit)
            first = position // unit * unit + 1
            await until(lambda: shown(view)[0] == f"{first:,}")
            assert abs(bar(view).value() - position // unit) <= 1
        bar(view).setValue(bar(view).maximum())
        await until(lambda: shown(view)[-1] == f"{total:,}", what="the last row")
        bar(view).setValue(0)
        await until(lambda: shown(view)[0] == "1", what="the first row again")


async def test_keys_reach_the_ends_and_cross_the_edges_of_the_rows(qtbot: QtBot) -> None:
    async with view_of(HUGE, qtbot) as view:
        view.table.setFocus()
        QTest.keyClick(view.table, Qt.Key.Key_End)
        await until(lambda: view.selected is not None and view.selected.sequence == HUGE, what="the last one")
        QTest.keyClick(view.table, Qt.Key.Key_Up)
        await until(lambda: view.selected is not None and view.selected.sequence == HUGE - 1, what="one up")
        QTest.keyClick(view.table, Qt.Key.Key_Home)
        await until(lambda: view.selected is not None and view.selected.sequence == 1, what="the first one")
        assert view.table.selectionModel().selectedRows()


async def test_paging_never_meets_an_end_that_is_none(qtbot: QtBot) -> None:
    """With few rows at a time, so that they are moved on often."""
    async with view_of(2_000, qtbot, max_rows=400) as view:
        tester = QAbstractItemModelTester(view.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        view.table.setFocus()
        view.select_row(0)
        step = view.table.verticalScrollBar().pageStep()
        sequence = 1
        while sequence < 2_000:
            QTest.keyClick(view.table, Qt.Key.Key_PageDown)
            await until(lambda: view.selected is not None, what="the row is loaded")
            assert view.selected is not None
            assert sequence < view.selected.sequence <= sequence + step + 1
            sequence = view.selected.sequence
        view.step(1)
        assert view.model.first_position + view.current_row == 1_999
        while sequence > 1:
            QTest.keyClick(view.table, Qt.Key.Key_PageUp)
            await until(lambda: view.selected is not None, what="the row is loaded")
            assert view.selected is not None
            assert sequence > view.selected.sequence >= sequence - step - 1
            sequence = view.selected.sequence
        tester.deleteLater()


@pytest.mark.parametrize("total", [HUGE, 5_000_000_000])
async def test_a_sequence_is_gone_to_and_stepping_goes_on_from_there(qtbot: QtBot, total: int) -> None:
    async with view_of(total, qtbot) as view:
        model = view.model
        assert isinstance(model, LogTable)
        told: list[int] = []
        view.event_selected.connect(lambda stored: told.append(stored.sequence))
        for sequence in (total - 5_000, 123_456_789, 77):
            view.select_row(model.row_of_sequence(sequence))
            await until(lambda: told[-1:] == [sequence])
            assert f"{sequence:,}" in shown(view)
        assert view.position_bar is not None
        view.position_bar.show_top(total // 2)
        await until(lambda: shown(view)[0] == f"{total // 2 + 1:,}")
        assert view.current_row == -1
        view.step(1)
        await until(lambda: told[-1] == 78, what="the next one, although it was not among the rows")
        assert model.row_of_sequence(total + 1) == -1
        assert model.row_of_sequence(0) == -1


async def test_the_selection_comes_back_with_its_row(qtbot: QtBot) -> None:
    async with view_of(9_000, qtbot, max_rows=1_000) as view:
        model = view.model
        assert isinstance(model, LogTable)
        view.select_row(model.row_of_sequence(4_000))
        await until(lambda: view.selected is not None)
        for position in (3_600, 8_000, 4_000):
            bar(view).setValue(position)
        assert view.selected is not None
        assert view.selected.sequence == 4_000
        [row] = view.table.selectionModel().selectedRows()
        assert model.first_position + row.row() == 3_999


async def test_what_is_stored_later_is_reached(qtbot: QtBot) -> None:
    async with view_of(3_000, qtbot, max_rows=1_000) as view:
        model = view.model
        assert isinstance(model, LogTable)
        bar(view).setValue(bar(view).maximum())
        await until(lambda: shown(view)[-1] == "3,000")
        log = model._log
        assert isinstance(log, RepeatingLog)
        log._last = 3_500
        await model.refresh()
        bar(view).setValue(bar(view).maximum())
        await until(lambda: shown(view)[-1] == "3,500")


async def test_a_log_of_few_rows_has_the_views_own_bar(qtbot: QtBot) -> None:
    async with view_of(MAX_ROWS, qtbot) as view:
        assert bar(view) is view.table.verticalScrollBar()
        bar(view).setValue(bar(view).maximum())
        await until(lambda: shown(view)[-1] == f"{MAX_ROWS:,}")


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_row_that_is_loaded_later_is_told_unless_another_event_was_selected(
    qtbot: QtBot, is_late: bool
) -> None:
    async with view_of(HUGE, qtbot) as view:
        told: list[int] = []
        view.event_selected.connect(lambda stored: told.append(stored.sequence))
        row = view.model.bring(HUGE // 2)
        view.select_row(row)
        assert view.model.entry(row) is None
        if is_late:
            view.await_nothing()
        await until(lambda: view.model.entry(row) is not None, what="the row is loaded")
        assert told == ([] if is_late else [HUGE // 2 + 1])
        assert view.current_row == row
