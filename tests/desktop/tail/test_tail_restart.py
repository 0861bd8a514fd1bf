"""Tails in the window while a real server is killed and comes back: rows say so, and nothing is missing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from aether_desktop.models.events.roles import RowKind
from aether_desktop.models.tail.tail_feed import TailSource
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.widgets.badge import BadgeKind
from aether_desktop.workspace import Place
from aether_engine.engine import Engine, open_engine
from aether_engine.event import Event
from aether_engine.nats_bus import NATSEventBus
from tests.desktop.driven_window import DrivenWindow, driven
from tests.nats_servers import NatsServer, nats_server, wipe
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMESPACES = ("prod.a", "prod.b")
#: Namespaces that come and go.
BORN = 1000 if "AETHER_SOAK" in os.environ else 40
PATIENCE = 300.0


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest.fixture
async def seen(server: NatsServer, tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    async with driven(tmp_path / "settings.json") as window:
        assert await window.workspace.open(server.url) is not None
        await window.settle()
        yield window


async def save(engine: Engine, first: int, last: int) -> None:
    for namespace in NAMESPACES:
        store = await engine.store(namespace)
        events = [Event(f"{namespace}-{n}", "Placed", "order-1", n, {"n": n}) for n in range(first, last + 1)]
        await store.save_events(events)


def tailed(view: TailView) -> dict[str, list[int]]:
    """The versions that are shown, by namespace, in the order of the rows."""
    found: dict[str, list[int]] = {}
    table = view.controller.table
    for row in range(table.rowCount()):
        entry = table.row_at(row)
        assert entry is not None
        if entry.event is not None:
            found.setdefault(entry.namespace, []).append(entry.event.version)
    return found


def banners(view: TailView, kind: RowKind) -> list[str]:
    table = view.controller.table
    rows = (table.row_at(row) for row in range(table.rowCount()))
    return [row.banner.title for row in rows if row is not None and row.kind is kind and row.banner is not None]


def complete(versions: list[int]) -> bool:
    """Whether nothing is missing; the first event may have been told before a bus was listened to."""
    return versions == list(range(versions[0], 401)) and versions[0] in (1, 2)


async def test_nothing_is_missing_when_a_server_is_killed_and_comes_back(
    seen: DrivenWindow, server: NatsServer
) -> None:
    place = Place(seen.workspace.connections[0], "prod.a")
    logged, heard, exact = (
        seen.panels.desk.open_tail(place, pattern) for pattern in ("prod.>", "prod.>", "prod.a")
    )
    heard.start("prod.>", TailSource.BUS)
    exact.start("prod.a", TailSource.BUS)
    views = (logged, heard, exact)
    async with open_engine(server.url) as engine:
        await save(engine, 1, 1)
        await until(lambda: len(tailed(logged)) == 2)
        # A bus tells only what is said after it listens.
        heard_by, said_by = place.connection.engine.bus, engine.bus
        assert isinstance(heard_by, NATSEventBus)
        assert isinstance(said_by, NATSEventBus)
        await said_by.flush()
        await heard_by.ready()
        await save(engine, 2, 200)
        for view in views:
            await until(lambda: tailed(view).get("prod.a", [0])[-1] == 200, what="before")

    server.kill()
    for view in views:
        await until(lambda: view.status.link.kind is BadgeKind.NO_LINK, what="the loss is seen")
        assert view.controller.running
        assert 200 in tailed(view)["prod.a"], "what was seen stays"
    server.start()
    # Before the window is back: the bus does not say this again.
    async with open_engine(server.url) as engine:
        await save(engine, 201, 300)
        for view in views:
            await until(lambda: view.status.link.kind is BadgeKind.LINK_UP, what="the link is back")
        await heard_by.ready()
        await save(engine, 301, 400)

    everything = list(range(1, 401))
    await until(
        lambda: tailed(logged) == dict.fromkeys(NAMESPACES, everything), what=str(logged.controller.counters)
    )
    assert logged.controller.counters.dropped == 0
    assert banners(logged, RowKind.GAP) == []
    [lost] = banners(logged, RowKind.NOTE)
    assert lost.startswith("Connection lost at ")

    for view in (heard, exact):
        await until(lambda: tailed(view)["prod.a"][-1] == 400, what=str(view.controller.counters))
        assert banners(view, RowKind.NOTE)[0].startswith("Connection lost at ")
        assert banners(view, RowKind.GAP)
        # What the log has of the gaps is loaded into their places.
        table = view.controller.table
        for row in reversed(range(table.rowCount())):
            view.controller.load_gap(row)
    for view in (heard, exact):
        await until(lambda: all(map(complete, tailed(view).values())), what=str(tailed(view)))
    for view in views:
        counters = view.controller.counters
        assert counters.adds_up
        assert counters.received == counters.shown
        assert counters.filtered == counters.dropped == 0


async def test_namespaces_appear_and_vanish_under_a_tail(seen: DrivenWindow, server: NatsServer) -> None:
    connection = seen.workspace.connections[0]
    view = seen.panels.desk.open_tail(Place(connection, "prod.a"), "*")
    await until(lambda: view.controller.running)
    told = 0
    names: set[str] = set()

    def is_there() -> bool:
        return {info.name for info in connection.namespaces} == names

    def is_told() -> bool:
        return view.controller.counters.received == told

    async with open_engine(server.url) as engine:
        for turn in range(2):
            names = {f"born-{turn}.{number}" for number in range(BORN)}
            for name in sorted(names):
                await (await engine.store(name)).save_event(Event(f"{name}-1", "Born", "thing-1", 1, {}))
            told += len(names)
            await until(is_told, PATIENCE, "the tail has them")
            await until(is_there, PATIENCE, "the navigator has them")
            await wipe(server)
            names = set()
            await until(is_there, PATIENCE, "the navigator forgets what is gone")
    assert view.controller.running
    assert view.controller.counters.adds_up
    assert view.controller.counters.shown == told
