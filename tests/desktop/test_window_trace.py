"""A correlation as a tree of causes in the window, on every kind of store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QLabel, QPushButton, QTreeView

from aether_desktop.models.trace import trace_events
from aether_desktop.models.trace.trace_tree import TraceRole, TraceTree
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.trace.trace_view import TraceView
from aether_desktop.ui.widgets.theme import current_theme
from aether_desktop.workspace import Place
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import Event, StoredEvent
from aether_engine.store.sqlite.store import SQLiteEventStore
from aether_engine.trace import Related, find_related
from tests.desktop.driven_window import DrivenWindow
from tests.desktop.state_stories import ORDERS, PAYMENTS, START, checkout, story_on
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    async with story_on("file", tmp_path) as window:
        yield window


async def traced(seen: DrivenWindow, event_id: str = "p3", *, to_its_end: bool = True) -> QTreeView:
    """Open the trace of an event of the checkout, all of it found."""
    namespace, event = next((name, one) for name, one in checkout() if one.id == event_id)
    place = Place(seen.workspace.connections[0], namespace)
    await seen.panels.desk.open_stream(place, event.actor_id, event.version)
    await seen.settle()
    await until(lambda: selected(seen) == event_id)
    seen.run("trace")
    tree = seen.child(QTreeView, "traceTree")
    view = seen.window.documents.currentWidget()
    assert isinstance(view, TraceView)
    if to_its_end:
        await until(lambda: view.events.trace.is_complete, what="all is found")
    return tree


def selected(seen: DrivenWindow) -> str:
    selection = seen.workspace.selection
    return selection.event.id if selection is not None and selection.event is not None else ""


def shown(tree: QTreeView, parent: QModelIndex | None = None, depth: int = 0) -> list[str]:
    """Every row: how deep, type, place, after its cause, and what is said of it."""
    model, lines = tree.model(), []
    parent = parent or QModelIndex()
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        texts = [str(index.siblingAtColumn(column).data() or "") for column in range(TraceTree.AXIS)]
        note = str(index.data(TraceRole.STRAY) or "")
        lines.append(" | ".join([f"{'  ' * depth}{texts[0]}", *texts[1:], note]).rstrip(" |"))
        lines += shown(tree, index, depth + 1)
    return lines


@pytest.mark.parametrize("kind", ["memory", "file", "server"])
async def test_causes_orphans_and_circles(kind: str, tmp_path: Path) -> None:
    async with story_on(kind, tmp_path) as seen:
        tree = await traced(seen)
        assert {name for name, _ in checkout()} == {ORDERS, PAYMENTS}
        lines = shown(tree)
        without_places = [
            " | ".join(part for part in line.split(" | ") if not part.startswith("#")) for line in lines
        ]
        assert without_places == [
            "OrderPlaced | order-2 v1",
            "  PaymentRequested | payment-2 v1 | 00:02.000",
            "  PaymentCaptured | payment-2 v2 | 00:03.000",
            "  StockReserved | order-2 v2 | 00:03.000",
            "Reminded | order-2 v3 |  | cause missing",
            "Looped | order-3 v1 |  | circle of causes",
            "LoopedBack | order-3 v2 | 00:01.000 | circle of causes",
        ]
        orphan, looped, back = (tree.model().index(row, 0) for row in (1, 2, 3))
        for index, words in (
            (orphan, "Its cause gone is not in this correlation."),
            (looped, "Its causes lead back to it."),
            (back, "It is in a circle of causes."),
        ):
            assert words in index.data(Qt.ItemDataRole.ToolTipRole)
        assert orphan.data(Qt.ItemDataRole.AccessibleTextRole) == "Reminded, cause missing"
        # On the axis, too: a line from nowhere, and a ring.
        gap, seen_at = current_theme().gap.text, {}
        for name, index in (("orphan", orphan), ("circle", back), ("first", tree.model().index(0, 0))):
            cell = tree.visualRect(index.siblingAtColumn(TraceTree.AXIS))
            image = tree.viewport().grab(cell).toImage()
            colors = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
            # Lines are smoothed: it is the tone that tells.
            seen_at[name] = any(color.saturation() > 150 and abs(color.hue() - gap.hue()) < 8 for color in colors)
        assert seen_at == {"orphan": True, "circle": True, "first": False}
        QAbstractItemModelTester(tree.model(), QAbstractItemModelTester.FailureReportingMode.Fatal)
        tree.grab()
        assert "7 events of checkout." in seen.child(QLabel, "traceWords").text()
        assert tree.currentIndex().data(TraceRole.EVENT).event.id == "p3"


async def test_a_search_can_be_ended_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server has no index: what was seen of its logs is remembered, the rest is looked through when asked."""
    gate = asyncio.Event()

    async def slow(*arguments: Any, **options: Any) -> AsyncGenerator[Related, None]:
        async for related in find_related(*arguments, **options):
            yield related
            if related.searched >= related.total // 2:
                await gate.wait()

    async with story_on("server", tmp_path) as seen:
        await seen.panels.desk.open_stream(Place(seen.workspace.connections[0], ORDERS), "order-2", 1)
        await until(lambda: selected(seen) == "p1")
        monkeypatch.setattr(trace_events, "find_related", slow)
        seen.run("trace")
        view = seen.window.documents.currentWidget()
        assert isinstance(view, TraceView)
        await until(lambda: view.events.trace.searched, what="a part is searched")
        assert view.action.text() == "Cancel"
        QTest.mouseClick(view.action, Qt.MouseButton.LeftButton)
        await until(lambda: not view.events.trace.is_searching)
        assert seen.workspace.jobs.running == []
        gate.set()
        assert view.action.text() == "Search on"
        QTest.mouseClick(view.action, Qt.MouseButton.LeftButton)
        await until(lambda: view.events.trace.is_complete)
        assert len(shown(view.tree)) == 7


async def test_selecting_in_the_trace_selects_everywhere(seen: DrivenWindow) -> None:
    tree = await traced(seen)
    view = seen.window.documents.currentWidget()
    tree.setFocus()
    QTest.keyClick(tree, Qt.Key.Key_Up)
    await until(lambda: selected(seen) == "p2")
    assert seen.panels.inspector.stored is not None
    assert seen.panels.state.actor_id == "payment-2"
    await until(lambda: seen.shown_version == 1)
    assert seen.window.documents.currentWidget() is view, "it stays in front"
    # The keys that walk a correlation walk the trace.
    await seen.panels.inspection.related.first_answer()
    seen.control(Qt.Key.Key_Period)
    await until(lambda: selected(seen) != "p2")
    await until(lambda: tree.currentIndex().data(TraceRole.EVENT).event.id == selected(seen))
    assert seen.window.documents.currentWidget() is view
    # Enter leads to the actor.
    QTest.keyClick(tree, Qt.Key.Key_Return)
    await until(lambda: isinstance(seen.window.documents.currentWidget(), EventView))


async def test_the_same_correlation_has_one_tab(seen: DrivenWindow) -> None:
    await traced(seen)
    await traced(seen, "p1")
    assert [tab for tab in seen.tabs if tab.startswith("Trace")] == ["Trace checkout"]


async def test_what_is_stored_later_joins(seen: DrivenWindow) -> None:
    tree = await traced(seen)
    orders = await seen.workspace.store(Place(seen.workspace.connections[0], ORDERS))
    metadata = {"CorrelationID": "checkout", "CausationID": "p3"}
    await orders.save_event(Event("p8", "OrderPaid", "order-2", 4, {}, metadata, START))
    await until(lambda: any("OrderPaid" in line for line in shown(tree)), what="the new effect")


async def test_what_could_not_be_read_is_read_by_the_next_search(
    seen: DrivenWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = SQLiteEventStore.read_sequences
    lost: list[str] = []

    def read(
        store: SQLiteEventStore, sequences: Sequence[int], **options: int
    ) -> AsyncIterator[list[StoredEvent]]:
        if store.namespace == PAYMENTS and not lost:
            lost.append(store.namespace)
            raise StoreUnavailableError("the payments", "the link was lost")
        return reads(store, sequences, **options)

    monkeypatch.setattr(SQLiteEventStore, "read_sequences", read)
    tree = await traced(seen, to_its_end=False)
    words, again = seen.child(QLabel, "traceWords"), seen.child(QPushButton, "traceAction")
    await until(lambda: "the link was lost" in words.text())
    await until(lambda: again.text() == "Search on")
    QTest.mouseClick(again, Qt.MouseButton.LeftButton)
    await until(lambda: words.text() == "7 events of checkout.", what="the rest is read")
    assert len(shown(tree)) == 7


async def test_an_event_without_a_correlation_has_no_trace(seen: DrivenWindow) -> None:
    orders = await seen.workspace.store(Place(seen.workspace.connections[0], ORDERS))
    await orders.save_event(Event("alone", "Alone", "order-9", 1, {}, {}, START))
    await seen.panels.desk.open_stream(Place(seen.workspace.connections[0], ORDERS), "order-9", 1)
    await until(lambda: selected(seen) == "alone")
    assert not seen.can("trace")


async def test_times_and_order_on_the_axis(seen: DrivenWindow) -> None:
    tree = await traced(seen)
    view = seen.window.documents.currentWidget()
    assert isinstance(view, TraceView)
    axis = view.tree.axis
    times = view.model.times
    assert len(times) == 7
    assert axis.x_of(times[0], 0, 220) == 10
    assert axis.x_of(times[-1], 0, 220) == 210
    assert axis.x_of(times[1], 0, 220) < 20
    QTest.mouseClick(view.in_order, Qt.MouseButton.LeftButton)
    assert axis.x_of(times[1], 0, 220) == pytest.approx(10 + 200 / 6)
    assert axis.ticks(0, 400) == []
    tree.grab()
    QTest.mouseClick(view.by_time, Qt.MouseButton.LeftButton)
    assert axis.ticks(0, 400)
