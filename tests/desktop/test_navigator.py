"""The navigator in the window: actors searched while typing, sorted by their columns, counted truthfully."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton

from aether_desktop.models.events.actor_pages import PAGE_ACTORS
from aether_desktop.ui.events.actor_view import ActorView
from aether_engine.engine import open_engine, sqlite_url
from tests.desktop.driven_window import DrivenWindow, driven_file
from tests.desktop.stores import fill, order_event
from tests.waiting import until

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

COUNT = PAGE_ACTORS + 500


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    """The window over some more actors than a page holds."""
    path = tmp_path / "orders.aether"
    async with open_engine(sqlite_url(path)) as engine:
        store = await engine.store("shop.orders")
        await fill(store, actors=COUNT, events_each=1)
        await store.save_events([order_event(77, version) for version in (2, 3, 4)])
    async with driven_file(path) as window:
        yield window


def actors(seen: DrivenWindow) -> ActorView:
    return seen.child(ActorView, "actorTable")


def first(seen: DrivenWindow) -> str:
    return str(actors(seen).model().index(0, 0).data())


def footer(seen: DrivenWindow) -> str:
    return seen.child(QLabel, "actorCount").text()


def click_title(seen: DrivenWindow, column: int) -> None:
    header = actors(seen).horizontalHeader()
    place = header.rect().center()
    place.setX(header.sectionViewportPosition(column) + 12)
    QTest.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)


async def test_each_typed_letter_searches_and_enter_opens_the_first(seen: DrivenWindow) -> None:
    await until(lambda: footer(seen) == f"Loaded {COUNT:,} of {COUNT:,}", what="all are counted")
    search = seen.child(QLineEdit, "actorSearch")
    seen.run("quick_open")
    for typed, found in (("order-", COUNT), ("0", COUNT), ("12", 100), ("3", 10)):
        QTest.keyClicks(search, typed)
        await until(lambda: footer(seen) == f"Loaded {found:,} of {found:,}", what=typed)
    assert first(seen) == "order-01230"
    QTest.keyClick(search, Qt.Key.Key_Return)
    await until(lambda: len(seen.tabs) == 2, what="its stream opens")
    assert seen.tabs[1] == "order-01230"


async def test_titles_sort_and_say_what_is_not_loaded(seen: DrivenWindow) -> None:
    header = actors(seen).horizontalHeader()
    click_title(seen, 1)
    await until(lambda: first(seen) == "order-00077", what="most events first")
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (1, Qt.SortOrder.DescendingOrder)
    await until(lambda: footer(seen) == f"{PAGE_ACTORS:,} of {COUNT:,}", what="what is loaded of how many")
    more = seen.child(QPushButton, "actorsMore")
    assert more.text() == "Load more"
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    await until(lambda: footer(seen) == f"Loaded {COUNT:,} of {COUNT:,}", what="the rest")
    assert not more.isVisible()
    click_title(seen, 1)
    await until(lambda: first(seen) == "order-00001", what="fewest events first")
    click_title(seen, 2)
    assert header.sortIndicatorSection() == 1, "versions are no order"
    seen.run("actors_by_activity")
    await until(lambda: first(seen) == "order-00077", what="the latest first")
    click_title(seen, 0)
    await until(lambda: first(seen) == "order-00001", what="by name")
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (0, Qt.SortOrder.AscendingOrder)


async def test_the_current_actor_stays_it_when_others_join_before(seen: DrivenWindow) -> None:
    view = actors(seen)
    await until(lambda: footer(seen) == f"Loaded {COUNT:,} of {COUNT:,}", what="all are counted")
    view.selectRow(3)
    connection = seen.workspace.connections[0]
    store = await connection.engine.store("shop.orders")
    await store.save_event(order_event(0, 1))
    await until(lambda: first(seen) == "order-00000", what="the new one")
    assert view.currentIndex().data() == "order-00004"
    assert view.currentIndex().row() == 4


async def test_a_connection_that_was_closed_stays_closed(seen: DrivenWindow) -> None:
    tree = seen.panels.navigator.tree
    root = tree.model().index(0, 0)
    assert tree.isExpanded(root), "at first its namespaces are seen"
    tree.collapse(root)
    store = await seen.workspace.connections[0].engine.store("shop.orders")
    await store.save_event(order_event(0, 1))
    counted = f"{COUNT + 4:,}"
    await until(lambda: tree.model().index(0, 1, root).data() == counted, what="the new one is counted")
    assert not tree.isExpanded(root)
