"""What was open when the window closed is open again at the next start, each tab when it is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTreeView, QWidget

from aether_desktop.models.audit.finding_groups import GroupBy
from aether_desktop.models.audit.kept_audit import kept_settings
from aether_desktop.models.events.event_table import Column
from aether_desktop.models.state.compared_state import SideChoice
from aether_desktop.session import FILE_NAME, Session, SessionFile
from aether_desktop.ui.audit.audit_view import AuditView
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.state.compare_view import CompareView
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.timeline.bars_drawing import BarsDrawing
from aether_desktop.ui.trace.trace_view import TraceView
from aether_desktop.ui.widgets.kept_layout import KeptSplitter
from aether_desktop.ui.window.waiting_view import WaitingView
from aether_desktop.workspace import Place
from aether_engine.audit import AuditScope, AuditSettings
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import ActorOrder, Event
from tests.desktop.driven_window import DrivenWindow, driven
from tests.desktop.state_stories import ACTOR, LAST, ORDERS, story_on
from tests.waiting import until

FIVE = [f"Log {ORDERS}", ACTOR, "Tail *", "Trace checkout", f"Compare {ACTOR}"]


async def restored(seen: DrivenWindow) -> Session:
    """Bring back what another window has kept, as a start does."""
    keeping = seen.panels.session
    session = keeping.file.read()
    keeping.restore(session)
    seen.window.show_start()
    keeping.open_front(session)
    await seen.settle()
    keeping.keep()
    return session


async def make_file(path: Path, namespace: str) -> None:
    """Make an event file with one event."""
    async with open_engine(sqlite_url(path)) as engine:
        await (await engine.store(namespace)).save_event(Event("e-1", "OrderPlaced", "order-1", 1, {}))


async def show(seen: DrivenWindow, title: str) -> None:
    """Bring a tab to the front and wait until it is there."""
    documents = seen.window.documents
    documents.setCurrentIndex(seen.tabs.index(title))
    await until(lambda: not isinstance(documents.currentWidget(), WaitingView), what=f"{title} is open")
    await seen.settle()


async def open_five(seen: DrivenWindow) -> None:
    place = Place(seen.workspace.connections[0], ORDERS)
    seen.panels.session.keep()
    log = await seen.panels.desk.open_log(place)
    await seen.settle()
    assert log.filter is not None
    await seen.workspace.select_at(place, 31)
    await seen.settle()
    log.table.setColumnWidth(log.model.columns.index(Column.ACTOR), 177)
    log.filter.set_text("type:OrderPlaced,StockReserved", at_once=True)
    await seen.settle()
    stream = await seen.panels.desk.open_stream(place, ACTOR, 9)
    await seen.settle()
    assert stream.selected is not None
    assert stream.selected.sequence == 9
    tail = seen.panels.desk.open_tail(place, "*")
    document_filter = seen.panels.desk.filter_of(tail)
    assert document_filter is not None
    document_filter.set_text("type:Order*", at_once=True)
    await seen.workspace.select_at(place, 31)
    seen.run("trace")
    seen.panels.travel.branching.open_compare(SideChoice(place, ACTOR, 3), SideChoice(place, ACTOR, 17))
    await seen.settle()
    seen.panels.state_panel.show_tab(2)
    await show(seen, ACTOR)
    await until(lambda: stream.position == 8, what="the ninth event is selected")


async def test_five_tabs_come_back_each_when_it_is_shown(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        await open_five(seen)
        assert sorted(seen.tabs) == sorted(FIVE)
        order = seen.tabs
    async with driven(tmp_path / "settings.json") as seen:
        await restored(seen)
        assert seen.tabs == order
        documents = seen.window.documents
        assert documents.tabText(documents.currentIndex()) == ACTOR
        assert len(documents.waiting()) == 4
        assert isinstance(seen.view, EventView)
        await until(lambda: seen.selected_sequence == 9, what="the event is selected everywhere")
        await until(lambda: seen.shown_version == 9, what="its state is shown")
        assert seen.panels.state_panel.tabs.currentIndex() == 2

        await show(seen, f"Log {ORDERS}")
        assert seen.view.filter is not None
        assert seen.view.filter.text == "type:OrderPlaced,StockReserved"
        await until(lambda: seen.view.model.rowCount() == 2, what="the filter is in force")
        await until(lambda: seen.view.selected_sequence == 31 == seen.row_sequence, what="the row is selected")
        assert seen.table.columnWidth(seen.view.model.columns.index(Column.ACTOR)) == 177

        await show(seen, "Tail *")
        tail = documents.currentWidget()
        assert isinstance(tail, TailView)
        assert tail.controller.running
        document_filter = seen.panels.desk.filter_of(tail)
        assert document_filter is not None
        assert document_filter.text == "type:Order*"

        await show(seen, "Trace checkout")
        trace = documents.currentWidget()
        assert isinstance(trace, TraceView)
        await until(lambda: trace.events.trace.is_complete, what="the trace is complete")
        assert trace.events.trace.count == 7

        await show(seen, f"Compare {ACTOR}")
        compare = documents.currentWidget()
        assert isinstance(compare, CompareView)
        assert (compare.left.choice.version, compare.right.choice.version) == (3, 17)
        assert seen.tabs == order
        assert documents.waiting() == []
    # Tabs that were never shown are kept as they were.
    async with driven(tmp_path / "settings.json") as seen:
        before = await restored(seen)
        after = seen.panels.session.session()
        assert [tab.title for tab in after.tabs] == [tab.title for tab in before.tabs] == order
        assert after.tabs[order.index("Tail *")] == before.tabs[order.index("Tail *")]


async def test_what_was_laid_out_and_searched_comes_back(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        seen.panels.session.keep()
        place = Place(seen.workspace.connections[0], ORDERS)
        # The stream: by time, narrowed to a range of it.
        pane = seen.panels.timelines.timeline_of(seen.view)
        assert pane is not None
        pane.choose(1)
        await seen.settle()
        pane.plot.range_chosen.emit(0, pane.plot.drawing.places // 2)
        await seen.settle()
        assert seen.view.filter is not None
        stream_range = seen.view.filter.text
        assert "since:" in stream_range
        # The log: columns in another order and of another width, and further down.
        log = await seen.panels.desk.open_log(place)
        await seen.settle()
        header = log.table.horizontalHeader()
        header.moveSection(header.visualIndex(log.model.columns.index(Column.ACTOR)), 1)
        log.select_none()
        log.table.verticalScrollBar().setValue(7)
        # The navigator: a search, the order, and the splitter above it.
        navigator = seen.panels.navigator
        navigator.search.setText("st*")
        navigator.table.sort_by(1)
        splitter = seen.child(KeptSplitter, "navigatorSplitter")
        _drag(splitter.handle(1), QPoint(2, 2), QPoint(2, 62))
        sizes = splitter.sizes()
        seen.panels.inspector.tabs.setCurrentIndex(2)
        columns = seen.panels.inspector.tree.header()
        _drag(columns.viewport(), QPoint(columns.sectionSize(0) - 1, 8), QPoint(columns.sectionSize(0) + 39, 8))
        width = columns.sectionSize(0)
        assert width > 150
        await seen.settle()
    async with driven(tmp_path / "settings.json") as seen:
        await restored(seen)
        navigator = seen.panels.navigator
        assert navigator.search.text() == "st*"
        assert seen.panels.actors.order is ActorOrder.EVENTS
        assert seen.panels.actors.descending
        assert seen.panels.actors.shown_search == "st*"
        assert seen.child(KeptSplitter, "navigatorSplitter").sizes() == sizes
        assert seen.panels.inspector.tabs.currentIndex() == 2
        assert seen.panels.inspector.tree.header().sectionSize(0) == width
        header = seen.table.horizontalHeader()
        assert header.visualIndex(seen.view.model.columns.index(Column.ACTOR)) == 1
        await until(lambda: seen.table.verticalScrollBar().value() == 7, what="the log is where it was")

        await show(seen, ACTOR)
        pane = seen.panels.timelines.timeline_of(seen.view)
        assert pane is not None
        assert pane.choice == 1
        assert seen.view.filter is not None
        assert seen.view.filter.text == stream_range
        drawing = pane.plot.drawing
        assert isinstance(drawing, BarsDrawing)
        assert drawing._span is not None, "the chosen range is shown in the bars"


def _drag(target: QWidget, start: QPoint, end: QPoint) -> None:
    """Press, move and release the mouse within a widget."""
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mousePress(target, left, none, start)
    QTest.mouseMove(target, end)
    QTest.mouseRelease(target, left, none, end)


async def test_a_filtered_log_is_scrolled_to_where_it_was(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        seen.panels.session.keep()
        log = await seen.panels.desk.open_log(Place(seen.workspace.connections[0], ORDERS))
        await seen.settle()
        assert log.filter is not None
        log.filter.set_text("-type:NoSuchType", at_once=True)
        await seen.settle()
        log.select_none()
        log.keep_selected(0)
        log.table.verticalScrollBar().setValue(5)
    async with driven(tmp_path / "settings.json") as seen:
        await restored(seen)
        await until(lambda: seen.table.verticalScrollBar().value() == 5, what="the log is where it was")
        assert seen.view.filter is not None
        assert seen.view.filter.text == "-type:NoSuchType"


async def test_audits_of_files_that_are_not_open_come_back(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        seen.panels.session.keep()
        view = seen.panels.auditing.audit_path(tmp_path / "story.aether")
        view.head.choose_scope(AuditScope(ORDERS, ACTOR))
        view.run.use_settings(AuditSettings(checks=frozenset({"checksum"}), limit=7, snapshots=True))
        view.set_group_by(GroupBy.ACTOR)
        document_filter = seen.panels.desk.filter_of(view)
        assert document_filter is not None
        document_filter.set_text("severity:error", at_once=True)
        await seen.settle()
        title = seen.tabs[-1]
    async with driven(tmp_path / "settings.json") as seen:
        await restored(seen)
        await show(seen, title)
        shown = seen.window.documents.currentWidget()
        assert isinstance(shown, AuditView)
        assert shown.head.scope() == AuditScope(ORDERS, ACTOR)
        assert shown.run.settings == AuditSettings(checks=frozenset({"checksum"}), limit=7, snapshots=True)
        assert shown.run.table.group_by is GroupBy.ACTOR
        assert shown.filter is not None
        assert shown.filter.text == "severity:error"
        assert not shown.run.is_running


async def test_a_log_opened_from_elsewhere_takes_its_tab(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        await open_five(seen)
        order = seen.tabs
    async with driven(tmp_path / "settings.json") as seen:
        await restored(seen)
        await seen.panels.desk.open_log(Place(seen.workspace.connections[0], ORDERS))
        await seen.settle()
        assert seen.tabs == order
        await until(lambda: seen.view.model.rowCount() == 2, what="its filter is in force")


async def test_what_is_gone_says_so_and_can_be_tried_again(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        seen.panels.session.keep()
    file = tmp_path / "story.aether"
    elsewhere = file.rename(tmp_path / "elsewhere")
    async with driven(tmp_path / "settings.json") as seen:
        await restored(seen)
        waiting = seen.window.documents.currentWidget()
        assert isinstance(waiting, WaitingView)
        said = " ".join(each.accessibleName() for each in waiting.children() if hasattr(each, "accessibleName"))
        assert f"{ACTOR} is not open. {file} is not there." in said
        assert not file.exists(), "nothing is made where it was"
        elsewhere.rename(file)
        waiting.tried_again.emit()
        await until(lambda: isinstance(seen.window.documents.currentWidget(), EventView), what="it opens")
        await until(lambda: seen.row_sequence == LAST, what="at its last event")
        await seen.settle()


async def test_connections_come_back_in_the_order_they_were_opened_in(tmp_path: Path) -> None:
    names = ["one", "two", "three", "four"]
    for name in names:
        await make_file(tmp_path / f"{name}.aether", f"{name}.orders")

    def opened(seen: DrivenWindow) -> list[str]:
        return [connection.title.removesuffix(".aether") for connection in seen.workspace.connections]

    def in_tree(seen: DrivenWindow) -> list[str]:
        model = seen.child(QTreeView, "namespaceTree").model()
        return [str(model.index(row, 0).data()).removesuffix(".aether") for row in range(model.rowCount())]

    async with driven(tmp_path / "settings.json") as seen:
        seen.panels.session.keep()
        for name in names[:3]:
            await seen.workspace.open_path(tmp_path / f"{name}.aether")
            await seen.settle()
        # Not the first one, which is opened before the others for that.
        await show(seen, "Log three.orders")
    async with driven(tmp_path / "settings.json") as seen:
        keeping = seen.panels.session
        session = keeping.file.read()
        assert len(session.connections) == 3
        keeping.restore(session)
        assert keeping.session().connections == session.connections, "also while tabs still wait for them"
        # Somebody opens another file meanwhile.
        await seen.workspace.open_path(tmp_path / "four.aether")
        seen.window.documents.setCurrentIndex(2)
        keeping.open_front(session)
        await until(lambda: len(seen.workspace.connections) == 4, what="all are open")
        await seen.settle()
        assert opened(seen) == in_tree(seen) == names
        assert seen.child(QTreeView, "namespaceTree").currentIndex().data() == "three.orders"
        keeping.keep()
        # What is closed and opened again is the newest.
        await seen.workspace.close_connection(seen.workspace.connections[0])
        await seen.workspace.open_path(tmp_path / "one.aether")
        await seen.settle()
        assert opened(seen) == in_tree(seen) == ["two", "three", "four", "one"]
    async with driven(tmp_path / "settings.json") as seen:
        await restored(seen)
        await until(lambda: len(seen.workspace.connections) == 4, what="all are open")
        assert opened(seen) == in_tree(seen) == ["two", "three", "four", "one"]


async def test_a_closed_tab_can_be_had_again(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        stream = seen.view
        assert stream.filter is not None
        stream.filter.set_text("type:DiscountGiven", at_once=True)
        await until(lambda: stream.model.rowCount() == 1, what="the filter is in force")
        assert not seen.can("reopen_tab")
        before = seen.tabs
        seen.run("close_tab")
        await seen.settle()
        assert seen.tabs != before
        seen.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        await until(lambda: seen.tabs == before, what="the tab is back in its place")
        await until(lambda: seen.view.model.rowCount() == 1, what="with its filter")
        assert seen.view.filter is not None
        assert seen.view.filter.text == "type:DiscountGiven"
        await seen.settle()
        assert not seen.can("reopen_tab")


async def test_the_tabs_of_a_closed_connection_can_be_had_again(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        before = seen.tabs
        await seen.workspace.close_connection(seen.workspace.connections[0])
        await until(lambda: not seen.tabs, what="its tabs are closed")
        seen.run("reopen_tab")
        seen.run("reopen_tab")
        await until(lambda: sorted(seen.tabs) == sorted(before), what="both are back")
        assert len(seen.workspace.connections) == 1
        await seen.settle()


@pytest.mark.parametrize(
    "content",
    [
        '{"version": 1, ',
        "[]",
        '{"version": 99, "tabs": []}',
    ],
)
def test_a_damaged_session_is_set_aside_and_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(content)
    file = SessionFile(path)
    assert file.read() == Session()
    assert "session.damaged.json" in file.problem
    assert (tmp_path / "session.damaged.json").read_text() == content


@pytest.mark.parametrize("values", [None, [], {"checks": 3, "limit": -1, "reducer": 7, "ahead_seconds": "soon"}])
def test_settings_of_an_audit_that_are_not_understood_are_the_usual_ones(values: object) -> None:
    assert kept_settings(values) == AuditSettings()


def test_what_is_not_understood_is_left_out(tmp_path: Path) -> None:
    good = {"kind": "log", "connection": 0, "namespace": "orders", "state": {"selected": 3}}
    tabs = [{"kind": 3}, {**good, "connection": 7}, {**good, "surprise": 1}, good, {**good, "title": "x" * 5000}]
    values = {
        "version": 1,
        "connections": [{"url": "sqlite:////shop.aether"}, {"url": 3}],
        "tabs": tabs,
        "front": 3,
    }
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps(values))
    session = SessionFile(path).read()
    assert [tab.namespace for tab in session.tabs] == ["orders"]
    assert session.front == 0
    assert session.tabs[0].state == {"selected": 3}
