"""From an event to its relatives in the window: links, the next of a correlation, and what is not found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu

from aether_desktop.models.trace import related_events
from aether_desktop.models.trace.related_events import Relatives
from aether_desktop.workspace import Place
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from aether_engine.trace_memory import STRETCH
from tests.desktop.driven_window import DrivenWindow, child_index, driven_file, save_elsewhere
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def event(
    event_id: str,
    actor: str,
    version: int,
    cause: str = "",
    correlation: str = "checkout-1",
    kind: str = "Happened",
) -> Event:
    metadata = {"CorrelationID": correlation} | ({"CausationID": cause} if cause else {})
    return Event(event_id, kind, actor, version, {"n": version}, metadata)


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    """A shop whose orders cause payments in another namespace, with the log of the orders in front."""
    path = tmp_path / "shop.aether"
    async with open_engine(sqlite_url(path)) as engine:
        orders, payments = await engine.store("orders"), await engine.store("payments")
        await orders.save_event(event("o1", "order-1", 1, kind="OrderPlaced"))
        await payments.save_event(event("p1", "payment-1", 1, "o1", kind="PaymentRequested"))
        await orders.save_event(event("x1", "order-2", 1, "e-17", "checkout-2"))
        await payments.save_event(event("p2", "payment-1", 2, "p1", kind="PaymentCaptured"))
        await orders.save_event(event("o2", "order-1", 2, "p2", kind="OrderPaid"))
    async with driven_file(path) as window:
        await window.at(1)
        yield window


async def known(seen: DrivenWindow) -> Relatives:
    """What is known about the relatives of the selected event, once nothing is looked for any more."""
    related = seen.panels.inspection.related
    await until(lambda: related.shown is not None and not related.shown.is_searching, what="the search ends")
    assert related.shown is not None
    assert related.shown.selection is seen.workspace.selection
    return related.shown


def links(seen: DrivenWindow) -> dict[str, QAbstractButton]:
    found = seen.panels.inspector.links.findChildren(QAbstractButton)
    return {each.accessibleName(): each for each in found if each.isVisible()}


def words(seen: DrivenWindow) -> str:
    labels = seen.panels.inspector.links.findChildren(QLabel)
    return " ".join(label.text() for label in labels if label.isVisible())


async def follow(seen: DrivenWindow, name: str, place: tuple[str, int]) -> None:
    await known(seen)
    QTest.mouseClick(links(seen)[name], Qt.MouseButton.LeftButton)
    await selected(seen, place)


async def selected(seen: DrivenWindow, place: tuple[str, int]) -> None:
    await until(lambda: selected_place(seen) == place, what=f"{place} is selected")
    await seen.settle()
    assert seen.row_sequence == place[1]


def selected_place(seen: DrivenWindow) -> tuple[str, int]:
    selection = seen.workspace.selection
    return (selection.place.namespace, selection.stored.sequence) if selection is not None else ("", 0)


async def test_links_lead_through_namespaces_and_back(seen: DrivenWindow) -> None:
    await known(seen)
    assert list(links(seen)) == ["Effect #1 in payments", "Correlation 4 events"]
    await follow(seen, "Effect #1 in payments", ("payments", 1))
    assert seen.tabs == ["Log orders", "Log payments"]
    assert seen.panels.inspector.detail_text == "#1  payment-1  v1"
    await follow(seen, "Effect #2", ("payments", 2))
    await follow(seen, "Effect #3 in orders", ("orders", 3))
    await follow(seen, "Cause #2 in payments", ("payments", 2))
    for place in (("orders", 3), ("payments", 2), ("payments", 1), ("orders", 1)):
        seen.key(Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
        await selected(seen, place)
    seen.key(Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    await selected(seen, ("payments", 1))


async def test_keys_step_through_a_correlation(seen: DrivenWindow) -> None:
    for place in (("payments", 1), ("payments", 2), ("orders", 3)):
        seen.control(Qt.Key.Key_Period)
        await selected(seen, place)
    seen.control(Qt.Key.Key_Period)
    await until(lambda: "last of 4 events of correlation checkout-1" in seen.banner)
    seen.control(Qt.Key.Key_Comma)
    await selected(seen, ("payments", 2))


async def test_a_list_leads_to_any_event_of_the_correlation(seen: DrivenWindow) -> None:
    await known(seen)
    QTest.mouseClick(links(seen)["Correlation 4 events"], Qt.MouseButton.LeftButton)
    menu = seen.panels.inspector.links.findChild(QMenu)
    assert menu is not None
    assert [action.text() for action in menu.actions()[1:5]] == [
        "#1  OrderPlaced  order-1 v1",
        "#1 in payments  PaymentRequested  payment-1 v1",
        "#2 in payments  PaymentCaptured  payment-1 v2",
        "#3  OrderPaid  order-1 v2",
    ]
    menu.actions()[3].trigger()
    menu.close()
    await selected(seen, ("payments", 2))


async def test_a_cause_that_is_nowhere_is_said(seen: DrivenWindow) -> None:
    await seen.click_row(1)
    await known(seen)
    assert "Cause e-17 is not in these namespaces." in words(seen)
    assert "only this event" in words(seen)


async def test_what_is_stored_later_is_found(seen: DrivenWindow, tmp_path: Path) -> None:
    await known(seen)
    await save_elsewhere(tmp_path / "shop.aether", event("late", "order-9", 1, "o1"), namespace="orders")
    await until(lambda: "Effects #4" in links(seen), what="the new effect is found")
    assert "Effects #1 in payments" in links(seen)


async def test_a_long_log_is_searched_as_far_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related_events, "BUDGET", 2 * STRETCH)
    path = tmp_path / "long.aether"
    count = 8 * STRETCH
    async with open_engine(sqlite_url(path), synchronous="OFF") as engine:
        log = await engine.store("log")
        for first in range(1, count + 1, 1000):
            numbers = range(first, min(first + 1000, count + 1))
            await log.save_events(
                [
                    event(f"e{n}", f"a-{n % 50}", n, correlation="far" if n in (1, count) else f"c-{n}")
                    for n in numbers
                ]
            )
    async with driven_file(path) as seen:
        await seen.at(1)
        shown = await known(seen)
        assert shown.related is not None
        assert (shown.related.searched, shown.related.total) == (2 * STRETCH, count)
        assert "2,048 of 8,192 searched." in words(seen)
        # The key looks on by itself, and shows that as a job.
        seen.control(Qt.Key.Key_Period)
        await selected(seen, ("log", count))
        shown = await known(seen)
        assert shown.related is not None
        assert shown.related.is_complete, "what the job has seen is remembered"
        assert "searched" not in words(seen)


async def test_nothing_is_left_of_a_closed_connection(seen: DrivenWindow, tmp_path: Path) -> None:
    workspace = seen.workspace
    first = workspace.connections[0]
    other = tmp_path / "other.aether"
    await save_elsewhere(other, event("a1", "a", 1), event("a2", "a", 2), namespace="other")
    second = await workspace.open_path(other)
    assert second is not None
    await seen.settle()
    await selected(seen, ("other", 1))
    await workspace.select_at(Place(first, "payments"), 2)
    await selected(seen, ("payments", 2))
    await workspace.select_at(Place(second, "other"), 2)
    await selected(seen, ("other", 2))
    await workspace.close_connection(second)
    await seen.settle()
    assert workspace.selection is None
    assert seen.panels.inspector.stored is None
    assert seen.panels.inspection.related.shown is None
    assert seen.can("back")
    assert not seen.can("forward")
    seen.run("back")
    await selected(seen, ("payments", 2))
    seen.run("back")
    await selected(seen, ("orders", 1))
    assert not seen.can("back")
    await workspace.close_connection(first)
    await seen.settle()
    assert not seen.can("back")
    assert not seen.can("forward")
    assert seen.tabs == []


async def test_values_and_correlations_become_filters(seen: DrivenWindow) -> None:
    await known(seen)
    QTest.mouseClick(links(seen)["Correlation 4 events"], Qt.MouseButton.LeftButton)
    menu = seen.panels.inspector.links.findChild(QMenu)
    assert menu is not None
    menu.actions()[-1].trigger()
    menu.close()
    await until(lambda: seen.view.model.total == 2, what="the log is filtered")
    assert seen.panels.filter_bar.edit.toPlainText() == 'correlation:"checkout-1"'
    tree = seen.panels.inspector.tree
    kind = child_index(QModelIndex(), "eventType", tree)
    row_menu = tree.copy_menu(kind)
    assert row_menu is not None
    next(action for action in row_menu.actions() if action.text() == "Filter by this value").trigger()
    await until(lambda: seen.view.model.total == 1)
    assert seen.panels.filter_bar.edit.toPlainText() == 'type:"OrderPlaced"'
    next(action for action in row_menu.actions() if action.text() == "Copy as filter").trigger()
    assert QApplication.clipboard().text() == 'type:"OrderPlaced"'


async def test_what_the_filter_leaves_out_is_said(seen: DrivenWindow) -> None:
    await seen.workspace.select_at(Place(seen.workspace.connections[0], "payments"), 1)
    await selected(seen, ("payments", 1))
    log = seen.panels.desk.filter_of(
        await seen.panels.desk.open_log(Place(seen.workspace.connections[0], "orders"))
    )
    assert log is not None
    log.set_text("type:OrderPaid", at_once=True)
    await until(lambda: seen.view.model.total == 1, what="the log of the orders is filtered")
    await known(seen)
    QTest.mouseClick(links(seen)["Cause #1 in orders"], Qt.MouseButton.LeftButton)
    await until(lambda: "the filter leaves it out" in seen.banner)
    assert selected_place(seen) == ("orders", 1)
    clear = next(
        each for each in seen.window.banner.findChildren(QAbstractButton) if each.text() == "Clear the filter"
    )
    QTest.mouseClick(clear, Qt.MouseButton.LeftButton)
    await selected(seen, ("orders", 1))
    assert seen.view.model.total == 3
