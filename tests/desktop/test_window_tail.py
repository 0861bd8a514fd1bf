"""A live tail in the window: what other engines and other processes write, pausing, and going on to the state."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QTableView, QTreeView

from aether_desktop.models.tail.tail_counters import TailState
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.window.notifications import Notifications
from aether_engine.event import Event, StoredEvent
from tests.desktop.driven_window import DrivenWindow, driven_file, save_elsewhere
from tests.waiting import until

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

ROOT = Path(__file__).resolve().parents[2]


def placed(actor: str, version: int, **data: object) -> Event:
    return Event(f"{actor}-{version}", "OrderPlaced", actor, version, data)


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.aether"
    await save_elsewhere(path, placed("order-1", 1, total=1), namespace="prod.a")
    return path


@pytest.fixture
async def seen(file: Path) -> AsyncIterator[DrivenWindow]:
    async with driven_file(file) as window:
        yield window


async def tail(seen: DrivenWindow, pattern: str) -> TailView:
    """Open a tail with Ctrl+T and give it a pattern."""
    seen.control(Qt.Key.Key_T)
    await until(lambda: isinstance(seen.window.documents.currentWidget(), TailView), what="the tail opens")
    view = seen.window.documents.currentWidget()
    assert isinstance(view, TailView)
    field = seen.child(QLineEdit, "tailPattern", view)
    field.selectAll()
    QTest.keyClicks(field, pattern)
    QTest.keyClick(field, Qt.Key.Key_Return)
    await until(lambda: view.controller.pattern == pattern and view.controller.state is TailState.LIVE)
    return view


def rows(view: TailView) -> list[str]:
    """Namespace and actor of each row that is shown."""
    model = view.controller.table
    entries = (model.row_at(row) for row in range(model.rowCount()))
    return [f"{entry.namespace} {entry.event.actor_id}" for entry in entries if entry and entry.event]


async def append_by_command(file: Path, namespace: str, actor: str) -> None:
    """Append an event with the command line, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aether_desktop.cli", "append", str(file), "--namespace", namespace),
        *("--actor", actor, "--type", "OrderPlaced", "--next"),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert await process.wait() == 0


async def test_a_wildcard_tail_sees_other_engines_and_processes(seen: DrivenWindow, file: Path) -> None:
    view = await tail(seen, "prod.>")
    assert rows(view) == []
    said = [label.text() for label in seen.window.findChildren(QLabel) if label.isVisible()]
    assert [text for text in said if "Order:" in text] == ["Order: arrival, newest last"]
    assert "Crosses namespaces on purpose." in said
    await save_elsewhere(file, placed("order-1", 2), placed("order-2", 1), namespace="prod.a")
    await save_elsewhere(file, placed("order-9", 1), namespace="staging")
    await until(lambda: len(rows(view)) == 2)
    await append_by_command(file, "prod.b", "cart-1")
    await until(lambda: len(rows(view)) == 3)
    assert rows(view) == ["prod.a order-1", "prod.a order-2", "prod.b cart-1"]
    assert view.controller.counters.dropped == 0
    names = [info.name for info in seen.workspace.connections[0].namespaces]
    await until(lambda: len(seen.workspace.connections[0].namespaces) == 3, what=f"the new namespaces: {names}")


async def test_pausing_counts_and_resuming_shows(seen: DrivenWindow, file: Path) -> None:
    view = await tail(seen, "*.a")
    view.setFocus()
    seen.key(Qt.Key.Key_Space)
    await until(lambda: view.controller.state is TailState.PAUSED)
    await save_elsewhere(file, *(placed("order-1", version) for version in (2, 3, 4)), namespace="prod.a")
    await until(lambda: view.controller.new_count == 3)
    assert rows(view) == []
    button = seen.child(QPushButton, "tailShowNew", view)
    assert button.isVisible()
    await until(lambda: view.pause_bar.fact.text() == "Paused, 3 new")
    seen.key(Qt.Key.Key_Space, target=view)
    await until(lambda: len(rows(view)) == 3)
    assert view.controller.state is TailState.LIVE
    assert not button.isVisible()


async def test_a_row_of_the_tail_leads_to_the_state_at_its_version(seen: DrivenWindow, file: Path) -> None:
    view = await tail(seen, "prod.a")
    await save_elsewhere(file, *(placed("order-1", n, total=n) for n in (2, 3)), namespace="prod.a")
    await until(lambda: len(rows(view)) == 2)
    table = seen.child(QTableView, "tailTable", view)
    QTest.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.model().index(0, 1)).center()
    )
    await until(lambda: seen.selected_sequence == 2)
    await until(lambda: seen.shown_version == 2)
    assert seen.window.documents.currentWidget() is view, "selecting leaves the tail in front"
    assert not view.following
    seen.key(Qt.Key.Key_Return, target=table)
    await until(lambda: seen.tabs[-1] == "order-1")
    await seen.at(2)
    await until(lambda: seen.shown_version == 2)


async def test_what_a_tail_shows_is_saved_byte_for_byte(seen: DrivenWindow, file: Path, tmp_path: Path) -> None:
    view = await tail(seen, "prod.a")
    raw = (
        b'{"version": 7,"id":"x","actorId":"order-2","eventType":"Odd","data":{"n":1.50,"n":2},'
        b'"timestamp":"0001-01-01T00:00:00Z"}'
    )
    await save_elsewhere(file, placed("order-1", 2), Event.from_json(raw), namespace="prod.a")
    await until(lambda: len(rows(view)) == 2)
    told: list[str] = []
    seen.workspace.told.connect(told.append)
    seen.run("save_tail")
    target = tmp_path / "seen.ndjson"
    await seen.answer_file_dialog(target)
    await until(target.exists, what="the file is written")
    entries = view.controller.table
    first = entries.stored_at(0)
    assert first is not None
    assert isinstance(first[1], StoredEvent)
    assert target.read_bytes().splitlines() == [first[1].raw, raw]
    await until(lambda: told == ["Saved 2 events of the tail to seen.ndjson."])
    seen.run("close_tab")
    await seen.settle()
    seen.run("save_tail")
    assert told[1:] == ["There is no tail in front: Ctrl+T opens one."]


async def test_commands_act_on_the_tail_in_front(seen: DrivenWindow, file: Path) -> None:
    view = await tail(seen, "prod.a")
    called: list[tuple[str, str]] = []
    tailing = seen.panels.commands.tailing

    def show(title: str, text: str) -> bool:
        called.append((title, text))
        return True

    tailing.notifications = Notifications(seen.window, show)
    states: list[TailState] = []
    for command in ("pause_tail", "pause_tail", "stop_tail", "stop_tail"):
        seen.run(command)
        states.append(view.controller.state)
    assert states == [TailState.PAUSED, TailState.LIVE, TailState.STOPPED, TailState.LIVE]
    seen.control(Qt.Key.Key_F)
    editor = seen.child(QPlainTextEdit, "filterBar")
    QTest.keyClicks(editor, "type:*Placed*")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    await until(lambda: view.controller.is_filtered)
    seen.run("notify_tail")
    hostile = Event("h", "<b>Placed</b>\u202e", "order-1\n<img src=x>&", 1, {"secret": "payload"})
    await save_elsewhere(file, hostile, namespace="prod.a")
    await until(lambda: called)
    assert called == [("Tail prod.a", "‹b›Placed‹/b›⟨U+202E⟩ · order-1␊‹img src=x›＆")]
    view.select_row(0)
    assert not view.following
    seen.run("follow_tail")
    assert view.following


async def test_f7_and_f8_step_in_the_tail_in_front(seen: DrivenWindow, file: Path) -> None:
    view = await tail(seen, "prod.a")
    await save_elsewhere(file, *(placed("order-1", n, total=n) for n in (2, 3, 4)), namespace="prod.a")
    await until(lambda: len(rows(view)) == 3)
    for key, sequence in (
        (Qt.Key.Key_F8, 4),  # Nothing is selected yet: the newest.
        (Qt.Key.Key_F7, 3),
        (Qt.Key.Key_F7, 2),
        (Qt.Key.Key_F7, 2),
        (Qt.Key.Key_F8, 3),
    ):
        seen.key(key)
        await until(lambda: seen.selected_sequence == sequence)
        assert view.selected is not None
        assert view.selected[1].sequence == sequence
    assert not view.following
    await until(lambda: seen.shown_version == 3)
    seen.child(QTreeView, "stateTree").setFocus()
    seen.key(Qt.Key.Key_F8)
    await until(lambda: seen.selected_sequence == 4)
    assert seen.window.documents.currentWidget() is view


async def test_another_version_in_the_state_leaves_the_tail_in_front(seen: DrivenWindow, file: Path) -> None:
    view = await tail(seen, "prod.a")
    await save_elsewhere(file, *(placed("order-1", n, total=n) for n in (2, 3)), namespace="prod.a")
    await until(lambda: len(rows(view)) == 2)
    seen.key(Qt.Key.Key_F8)
    await until(lambda: seen.shown_version == 3 == seen.selected_sequence)
    await seen.settle()
    tabs = seen.tabs
    seen.child(QTreeView, "stateTree").setFocus()
    for version in (2, 1):
        seen.key(Qt.Key.Key_Left)
        await until(lambda: seen.shown_version == version)
        await seen.settle()
        assert seen.panels.inspector.detail_text.startswith(f"#{version}  ")
        assert seen.window.documents.currentWidget() is view
        assert seen.tabs == tabs
    table = seen.child(QTableView, "tailTable", view)
    table.setFocus()
    seen.control(Qt.Key.Key_C)
    assert '"version":3' in QApplication.clipboard().text(), "the row that is seen to be selected"
    middle = table.visualRect(table.currentIndex()).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    await until(lambda: seen.selected_sequence == 3, what="a click on the selected row shows it again")
    seen.run("back")
    await seen.settle()
    assert seen.selected_sequence == 1
    assert seen.tabs[seen.window.documents.currentIndex()] == "Log prod.a", "back leads to where the event is"


async def test_a_wrong_pattern_is_told_in_place(seen: DrivenWindow) -> None:
    view = await tail(seen, "prod.a")
    field = seen.child(QLineEdit, "tailPattern", view)
    field.selectAll()
    QTest.keyClicks(field, "prod..a")
    assert field.property("invalid")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert view.controller.pattern == "prod.a"


async def test_closing_the_tab_ends_the_tail(seen: DrivenWindow, file: Path) -> None:
    view = await tail(seen, "prod.a")
    controller = view.controller
    seen.run("close_tab")
    await until(lambda: not any(title.startswith("Tail") for title in seen.tabs))
    await seen.settle()
    assert controller.state is TailState.STOPPED
    await save_elsewhere(file, placed("order-1", 2), namespace="prod.a")
    await until(lambda: seen.view.model.rowCount() == 2, what="the log goes on being fresh")


async def test_closing_the_connection_closes_its_tails_and_tables(seen: DrivenWindow) -> None:
    await tail(seen, "prod.>")
    await seen.workspace.close_connection(seen.workspace.connections[0])
    await seen.settle()
    assert seen.tabs == []
    assert seen.window.welcome.isVisible()
    assert seen.window.windowTitle() == "Aether Desktop"
    for command in ("append", "new_tail", "copy_event", "open_stream", "back"):
        assert not seen.can(command), command
