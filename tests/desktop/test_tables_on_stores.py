"""Logs, streams and lists of actors mean the same on every kind of store, filtered or not."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from aether_desktop.jobs import Jobs
from aether_desktop.models.events.actor_table import ActorTable
from aether_desktop.models.events.event_table import EventTable
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.roles import Role, RowKind
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.models.filter.document_filter import FilterState
from aether_desktop.models.filter.table_filter import TableFilter
from aether_engine import ActorSnapshot
from aether_engine.engine import Engine
from aether_engine.event import ActorOrder
from aether_engine.store.protocols import Store
from tests.desktop.stores import order_event
from tests.engine.engines_of_all_kinds import engine, is_server, server
from tests.waiting import until

__all__ = ["engine", "server"]
# Longer than a page, so that a hole need not be near an end.
BEFORE, BEHIND = 300, 20


@pytest.fixture
async def store(engine: Engine) -> Store:
    """A namespace whose snapshot, on a server, takes a place of the log."""
    made = await engine.store("shop")
    await made.save_events([order_event(actor, 1) for actor in range(1, BEFORE + 1)])
    await made.save_snapshot(ActorSnapshot("order-00005", 1, {"total": 10}))
    await made.save_events([order_event(5, version, kind="OrderPaid") for version in range(2, BEHIND + 2)])
    return made


async def texts(table: EventTable, column: int) -> list[str]:
    """The texts of a column in every row, each looked at; what is no event says its kind."""
    found = []
    for row in range(table.rowCount()):
        await until(lambda: table.entry(row) is not None, what=f"row {row}")
        kind = table.index(row, 0).data(Role.KIND)
        found.append(str(table.index(row, column).data()) if kind == RowKind.EVENT else str(kind))
    return found


async def test_a_log_with_its_hole_and_a_filter(qtbot: QtBot, engine: Engine, store: Store) -> None:
    table = LogTable(store)
    await table.refresh()
    last = BEFORE + BEHIND + is_server(engine)
    shown = await texts(table, 1)
    expected = [f"{sequence:,}" for sequence in range(1, last + 1)]
    if is_server(engine):
        expected[BEFORE] = "note"
    assert shown == expected
    table_filter = TableFilter(table, Jobs())
    table_filter.set_text("type:OrderPaid version:>=20", at_once=True)
    await until(lambda: table_filter.status.state is FilterState.DONE, what="the search")
    assert await texts(table, 2) == ["20", "21"]
    assert table_filter.status.hits == 2
    assert table.row_of_sequence(last) == 1
    await store.save_event(order_event(5, 22, kind="OrderPaid"))
    await table.refresh()
    await until(lambda: table.rowCount() == 3, what="the new one")
    assert await texts(table, 2) == ["20", "21", "22"]
    await table_filter.close()
    await table.close()


async def test_a_stream_with_its_snapshot_and_a_filter(qtbot: QtBot, store: Store) -> None:
    table = StreamTable(store, "order-00005")
    await table.refresh()
    versions = [str(version) for version in range(1, BEHIND + 2)]
    assert await texts(table, 1) == [versions[0], "snapshot", *versions[1:]]
    table_filter = TableFilter(table, Jobs())
    table_filter.set_text("version:1,19..20", at_once=True)
    await until(lambda: table_filter.status.state is FilterState.DONE, what="the search")
    assert await texts(table, 1) == ["1", "19", "20"]
    table_filter.clear()
    assert table.rowCount() == len(versions) + 1
    await table_filter.close()
    await table.close()


async def test_the_list_of_actors(qtbot: QtBot, store: Store) -> None:
    table = ActorTable()
    table.show(store)
    await until(lambda: table.complete and not table.busy, what="all of them")
    assert table.found == BEFORE
    for search, expected in (("order-0029", 10), ("*7", 30), ("=order-00005", 1), ("nobody", 0)):
        table.search(search)
        await until(lambda: table.shown_search == search and not table.busy)
        assert table.found == expected
    table.search("")
    for order in (ActorOrder.EVENTS, ActorOrder.ACTIVITY):
        table.sort_by(order, descending=True)
        await until(lambda: table.index(0, 0).data() == "order-00005" and not table.busy, what=str(order))
    assert table.index(0, 1).data() == str(BEHIND + 1)
    table.sort_by(ActorOrder.NAME, descending=True)
    await until(lambda: table.index(0, 0).data() == f"order-{BEFORE:05}" and not table.busy, what="by name")
    await table.close()
