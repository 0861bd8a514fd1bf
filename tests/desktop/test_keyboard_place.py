"""What is opened takes the keyboard, but not from somebody who has gone on meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.widgets.focus_ring import FocusRing
from aether_desktop.workspace import Place
from aether_engine import EventStore
from aether_engine.engine import open_engine
from aether_engine.event import Event
from aether_engine.urls import sqlite_url
from tests.desktop.driven_window import NAMESPACE, DrivenWindow, driven
from tests.waiting import until


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.aether"
    async with open_engine(sqlite_url(path)) as engine:
        events = [Event(f"e-{n}", "OrderPlaced", f"order-{n}", 1, {"n": n}) for n in range(1, 21)]
        await (await engine.store(NAMESPACE)).save_events(events)
    return path


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    async with driven(tmp_path / "settings.json") as window:
        yield window


def with_keyboard(seen: DrivenWindow) -> QWidget | None:
    return seen.window.focusWidget()


def front(seen: DrivenWindow) -> EventView:
    view = seen.window.documents.currentWidget()
    assert isinstance(view, EventView)
    return view


async def test_a_log_that_is_opened_has_the_keyboard(seen: DrivenWindow, file: Path) -> None:
    assert await seen.workspace.open_path(file) is not None
    await seen.settle()
    assert with_keyboard(seen) is front(seen).table


@pytest.mark.parametrize("has_tab", [False, True])
async def test_a_search_that_was_begun_meanwhile_goes_on(
    seen: DrivenWindow, file: Path, has_tab: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    panels, workspace = seen.window.panels, seen.workspace
    search = panels.navigator.search
    if has_tab:
        once = Qt.ConnectionType.SingleShotConnection
        panels.desk.view_added.connect(lambda _document, _view: panels.quick_open(), once)
    else:
        stores = workspace.store

        async def store(place: Place) -> EventStore:
            monkeypatch.undo()
            panels.quick_open()
            return await stores(place)

        monkeypatch.setattr(workspace, "store", store)
    assert await workspace.open_path(file) is not None
    await seen.settle()
    assert with_keyboard(seen) is search
    QTest.keyClicks(search, "order-17")
    QTest.keyClick(search, Qt.Key.Key_Return)
    # Whoever asked for it and waited has the keyboard there.
    await until(lambda: seen.window.windowTitle().startswith("order-17 "))
    await seen.settle()
    assert with_keyboard(seen) is front(seen).table


async def test_a_filter_that_is_written_meanwhile_is_not_left(seen: DrivenWindow, file: Path) -> None:
    assert await seen.workspace.open_path(file) is not None
    await seen.settle()
    panels, place = seen.window.panels, seen.workspace.place
    assert place is not None
    panels.desk.view_added.connect(lambda _document, _view: panels.focus_filter())
    await panels.desk.open_stream(place, "order-3")
    edit = panels.filter_bar.edit
    assert with_keyboard(seen) is edit
    QTest.keyClicks(edit, "n:3")
    assert edit.toPlainText() == "n:3"


def rings(seen: DrivenWindow) -> list[FocusRing]:
    return [each for each in seen.window.findChildren(FocusRing) if each.isVisible()]


async def test_a_frame_says_where_the_keyboard_is_only_while_no_row_does(seen: DrivenWindow, file: Path) -> None:
    assert await seen.workspace.open_path(file) is not None
    await seen.settle()
    place = seen.workspace.place
    assert place is not None
    # It gets the keyboard before its last row is selected.
    view = await seen.window.panels.desk.open_stream(place, "order-3")
    await seen.settle()
    assert with_keyboard(seen) is view.table
    assert view.table.selectionModel().hasSelection()
    assert rings(seen) == []
    view.select_none()
    assert [each.parent() for each in rings(seen)] == [view.table]
    view.select_row(0)
    assert rings(seen) == []
