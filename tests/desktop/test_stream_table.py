"""The stream of an actor with its gaps and snapshots."""

from __future__ import annotations

from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from aether_desktop.models.events.event_pages import KEPT_PAGES, PAGE_ROWS
from aether_desktop.models.events.roles import Role, RowBanner, RowKind
from aether_desktop.models.events.stream_table import StreamTable
from aether_engine import ActorSnapshot
from tests.desktop.stores import memory_store, order_event
from tests.waiting import until


async def test_gaps_and_snapshots_stand_in_their_places(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        for version in (1, 2, 5):
            await store.save_event(order_event(1, version))
        await store.save_snapshot(ActorSnapshot("order-00001", 2, {"total": 10}))
        model = StreamTable(store, "order-00001")
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        await model.refresh()
        kinds = [model.data(model.index(row, 0), Role.KIND) for row in range(model.rowCount())]
        assert kinds == [RowKind.EVENT, RowKind.EVENT, RowKind.SNAPSHOT, RowKind.GAP, RowKind.EVENT]
        gap = model.data(model.index(3, 0), Role.BANNER)
        assert isinstance(gap, RowBanner)
        assert gap.title == "Versions 3 to 4 are missing"
        assert "v2 is followed by v5" in gap.text
        assert model.row_of_version(5) == 4
        assert model.row_of_version(4) == -1
        assert model.event_count == 3


async def test_refresh_goes_on_where_it_ended(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await store.save_event(order_event(1, 1))
        model = StreamTable(store, "order-00001")
        await model.refresh()
        await model.refresh()
        assert model.rowCount() == 1
        await store.save_event(order_event(1, 2))
        await model.refresh()
        assert model.rowCount() == 2
        assert model.latest_version == 2
        assert model.row_of_sequence(2) == 1


async def test_since_previous_is_exact(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        times = (
            "2011-08-31T14:16:45.403+02:00",
            "2011-09-01T15:16:46.404+02:00",
            "2011-09-01T13:16:46.404000001Z",
        )
        for version, time in enumerate(times, 1):
            event = order_event(1, version)
            raw = event.to_json()
            head, _, _ = raw.rpartition(b'"timestamp"')
            await store.save_event(type(event).from_json(head + f'"timestamp":"{time}"}}'.encode()))
        model = StreamTable(store, "order-00001")
        await model.refresh()
        column = [c.title for c in model.columns].index("Since previous")
        assert model.data(model.index(0, column)) == ""
        assert model.data(model.index(1, column)) == "25:00:01.001"
        assert model.data(model.index(2, column)) == "00:00.000000001"
        time_column = [c.title for c in model.columns].index("Timestamp")
        assert model.data(model.index(0, time_column)) == "2011-08-31 14:16:45.403 +02:00"


async def test_a_long_stream_keeps_only_what_is_looked_at(qtbot: QtBot) -> None:
    """Its places are known, its events come when they are looked at; what was stored since joins."""
    async with memory_store() as (_engine, store):
        count = 15_000
        for first in range(1, count + 1, 1000):
            await store.save_events([order_event(1, 2 * version) for version in range(first, first + 1000)])
        await store.save_snapshot(ActorSnapshot("order-00001", 20_000, {}))
        model = StreamTable(store, "order-00001")
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        await model.refresh()
        assert model.event_count == count
        assert model.rowCount() == 2 * count + 1
        assert model.latest_version == 2 * count
        row = model.row_of_version(22_222)
        assert model.stored_at(row) is None
        assert model.data(model.index(row, 0), Role.KIND) is RowKind.PLACEHOLDER
        await until(lambda: model.stored_at(row) is not None, what="the page")
        stored = model.stored_at(row)
        assert stored is not None
        assert stored.event is not None
        assert (stored.event.version, stored.sequence) == (22_222, 11_111)
        assert model.data(model.index(row - 1, 0), Role.BANNER).title == "Version 22,221 is missing"
        assert model.row_of_sequence(11_111) == row
        snapshot = model.row_of_version(20_000) + 1
        model.entry(snapshot)
        await until(lambda: model.entry(snapshot) is not None, what="the snapshot's row")
        assert model.data(model.index(snapshot, 0), Role.KIND) is RowKind.SNAPSHOT
        assert model._pages.row_count <= KEPT_PAGES * PAGE_ROWS
        await store.save_event(order_event(1, 2 * count + 1))
        await model.refresh()
        assert model.row_of_version(2 * count + 1) == model.rowCount() - 1
        await model.close()
