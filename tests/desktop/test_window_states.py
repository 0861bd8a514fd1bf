"""Going through versions in the window, on every kind of store: who set it, since when, and without what."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QTableView,
    QTreeView,
)

from aether_desktop.models.state.snapshot_states import Standing
from aether_desktop.models.state.snapshot_table import SnapshotTable
from aether_desktop.models.state.state_export import DIFF_FORMATS
from aether_desktop.ui.state.version_marks import MarkKind
from aether_desktop.workspace import Place
from aether_engine.replay import apply_patch
from tests.desktop.driven_window import DrivenWindow
from tests.desktop.state_stories import (
    ACTOR,
    DRIFTED_SNAPSHOT,
    LAST,
    ORDERS,
    TRUE_SNAPSHOT,
    WRONG,
    at_version,
    state_at,
    story_on,
)
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    async with story_on("file", tmp_path) as window:
        yield window


def rows(view: QTreeView) -> dict[str, QModelIndex]:
    """The topmost rows of a tree by their first column."""
    model = view.model()
    return {str(model.index(row, 0).data()): model.index(row, 0) for row in range(model.rowCount())}


def cell(view: QTreeView, row: str, column: int) -> str:
    return str(rows(view)[row].siblingAtColumn(column).data())


def click(view: QTreeView, row: str, column: int) -> None:
    """Click a cell of a tree's topmost row."""
    index = rows(view)[row].siblingAtColumn(column)
    view.scrollTo(index)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())


def footer(seen: DrivenWindow) -> str:
    return seen.panels.state_panel.footer.origin.text()


def bisect_for(seen: DrivenWindow, expression: str) -> None:
    """Ask with the keyboard when something became so."""
    seen.run("bisect")
    edit = seen.child(QLineEdit, "bisectExpression")
    assert edit.hasFocus()
    edit.selectAll()
    QTest.keyClicks(edit, expression)
    QTest.keyClick(edit, Qt.Key.Key_Return)


async def test_a_state_that_takes_long_is_followed_at_once(seen: DrivenWindow) -> None:
    """The event is selected and one can move on from it before its state is there; a later wish is not lost."""
    panel, state = seen.panels.state_panel, seen.panels.state
    gate = threading.Event()
    slow = asyncio.create_task(state.run(gate.wait))
    await until(lambda: state.busy)
    try:
        panel.moves.go_to(6)
        await until(lambda: seen.selected_sequence == 6, what="the event is selected while its state is made")
        assert seen.shown_version == LAST
        panel.moves.step(-1)
        panel.moves.step(-1)
        await until(lambda: seen.selected_sequence == 4, what="steps go on from there")
        state.compare_with(2)
        assert (seen.shown_version, state.asked_version) == (LAST, 4)
        panel.moves.go_to(LAST)
        panel.moves.go_to(9)
        panel.moves.go_to(LAST)
        await until(lambda: seen.selected_sequence == LAST, what="the way back")
        panel.moves.go_to(6)
    finally:
        gate.set()
        await slow
    await at_version(seen, 6)


@pytest.mark.parametrize("kind", ["memory", "file", "server"])
async def test_the_wrong_event_is_found_by_bisect_and_by_blame(kind: str, tmp_path: Path) -> None:
    async with story_on(kind, tmp_path) as seen:
        panel = seen.panels.state_panel
        bisect_for(seen, "total < 0")
        await at_version(seen, WRONG)
        assert panel.bisect is not None
        assert "That is the first time" in panel.bisect.words.text()
        assert "Looked at" in panel.bisect.words.text()
        assert cell(panel.tree, "total", 1) == "-5"
        assert seen.panels.inspector.stored is not None
        assert seen.panels.inspector.stored.event is not None
        assert seen.panels.inspector.stored.event.event_type == "DiscountGiven"

        panel.moves.go_to_last()
        await at_version(seen, LAST)
        seen.run("show_blame")
        blame = seen.child(QTreeView, "stateBlame")
        await until(lambda: "total" in rows(blame))
        assert cell(blame, "total", 2) == f"v{WRONG}"
        assert f"Last changed in v{WRONG} by DiscountGiven" in str(
            rows(blame)["total"].data(Qt.ItemDataRole.ToolTipRole)
        )
        click(blame, "total", 2)
        await at_version(seen, WRONG)

        # Snapshots of every kind of store are listed and compared.
        table = seen.panels.state_panel.snapshots.model
        await until(lambda: all(entry.standing is not Standing.UNCHECKED for entry in seen.panels.state.snapshots))
        standings = [table.index(row, SnapshotTable.STANDING).data() for row in range(table.rowCount())]
        assert standings == [
            'differs from the replay, path customer.city: "Linz", the replay has "Graz"',
            "equals the replay",
        ]


async def test_blame_tells_the_last_identical_write(seen: DrivenWindow) -> None:
    seen.run("show_blame")
    blame = seen.child(QTreeView, "stateBlame")
    await until(lambda: "customer.city" in rows(blame))
    tip = str(rows(blame)["status"].data(Qt.ItemDataRole.ToolTipRole))
    assert "Last changed in v25" in tip
    assert f"Last written, unchanged, in v{LAST}" in tip
    assert [cell(blame, row, 2) for row in ("customer.name", "step")] == ["v1", f"v{LAST}"]
    panel = seen.panels.state_panel.blame_page
    QTest.mouseClick(panel._order, Qt.MouseButton.LeftButton)
    assert list(rows(blame))[:2] == ["step", "status"], "the latest change first"
    # Enter on a row goes there, too.
    blame.setCurrentIndex(rows(blame)["customer.name"])
    QTest.keyClick(blame, Qt.Key.Key_Return)
    await at_version(seen, 1)


async def test_set_by_in_the_state_leads_to_its_version(seen: DrivenWindow) -> None:
    tree = seen.child(QTreeView, "stateTree")
    assert cell(tree, "total", 2) == f"v{WRONG}"
    click(tree, "total", 2)
    await at_version(seen, WRONG)
    seen.run("back")
    await at_version(seen, LAST)


async def test_an_expression_is_checked_while_it_is_typed(seen: DrivenWindow) -> None:
    seen.run("bisect")
    bar = seen.panels.state_panel.bisect
    assert bar is not None
    QTest.keyClicks(bar.edit, "total <")
    assert "Not understood at its end" in bar.words.text()
    assert not bar.run_button.isEnabled()
    QTest.keyClicks(bar.edit, " 0")
    assert bar.words.text() == ""
    assert bar.run_button.isEnabled()
    assert bar.now.text() == "holds here"
    QTest.keyClick(bar.edit, Qt.Key.Key_Escape)
    assert not bar.isVisible()


async def test_what_comes_and_goes_is_told_and_listed(seen: DrivenWindow) -> None:
    bisect_for(seen, "step == 3 or step == 9 or step >= 28")
    await at_version(seen, 28)
    bar = seen.panels.state_panel.bisect
    assert bar is not None
    QTest.mouseClick(bar.all_button, Qt.MouseButton.LeftButton)
    await at_version(seen, 3)
    assert "comes and goes: 5 changes" in bar.words.text()
    QTest.mouseClick(bar.turns_button, Qt.MouseButton.LeftButton)
    assert [action.text() for action in bar.menu.actions()][:2] == ["v3 begins to hold", "v4 ceases to hold"]
    bar.menu.actions()[2].trigger()
    await at_version(seen, 9)
    bar.menu.close()


async def test_a_difference_to_any_version(seen: DrivenWindow) -> None:
    panel = seen.panels.state_panel
    panel.moves.go_to(20)
    await at_version(seen, 20)
    seen.run("show_difference")
    seen.run("compare_with_this")
    panel.moves.go_to(26)
    await at_version(seen, 26)
    assert panel.tabs.tabText(1) == "Diff v20 to v26 (2)"
    diff = seen.child(QTreeView, "stateDiff")
    assert list(rows(diff)) == ["step", "status"]
    group = rows(diff)["status"]
    model = diff.model()
    sides = [(model.index(row, 1, group).data(), model.index(row, 2, group).data()) for row in range(2)]
    assert sides == [('"open"', "v1"), ('"paid"', "v25")]
    assert "Differs from v20: 2 values" in panel.footer._changed.text()
    seen.run("compare_with_previous")
    await until(lambda: panel.tabs.tabText(1) == "Diff v25 to v26 (1)")


async def test_replay_begins_with_the_best_snapshot_and_says_so(seen: DrivenWindow) -> None:
    panel, moves = seen.panels.state_panel, seen.panels.state_panel.moves
    assert footer(seen) == f"From snapshot v{TRUE_SNAPSHOT} + 20 events.", "a drifted one is not the best"
    moves.go_to(22)
    await at_version(seen, 22)
    panel.snapshots.choose(DRIFTED_SNAPSHOT)
    panel.snapshots.replay.click()
    await until(lambda: footer(seen) == f"From drifted snapshot v{DRIFTED_SNAPSHOT} + 2 events.")
    city = panel.tree.model().index(1, 0, rows(panel.tree)["customer"])
    assert [city.siblingAtColumn(column).data() for column in (1, 2)] == ['"Linz"', f"v{DRIFTED_SNAPSHOT}"]
    seen.run("begin_with_best")
    moves.go_to(TRUE_SNAPSHOT + 1)
    await at_version(seen, TRUE_SNAPSHOT + 1)
    assert footer(seen) == f"From snapshot v{TRUE_SNAPSHOT} + 1 event."
    assert cell(panel.tree, "customer", 2) == "v1"
    moves.go_to(22)
    await at_version(seen, 22)
    seen.run("begin_with_first")
    await until(lambda: footer(seen) == "From the beginning, 22 events.")
    city = panel.tree.model().index(1, 0, rows(panel.tree)["customer"])
    assert [city.siblingAtColumn(column).data() for column in (1, 2)] == ['"Graz"', "v1"]
    marks = {mark.version: mark.kind for _, mark in panel.slider._placed}
    assert marks == {TRUE_SNAPSHOT: MarkKind.SNAPSHOT, DRIFTED_SNAPSHOT: MarkKind.DRIFTED}


async def test_quarantine_from_the_table_and_back(seen: DrivenWindow) -> None:
    panel = seen.panels.state_panel
    moves = panel.moves
    seen.run("begin_with_first")
    table = seen.table
    stream = seen.view.model
    await seen.click_row(stream.row_of_version(WRONG))  # type: ignore[attr-defined]  # the stream's
    menu = seen.panels._row_menu.menu_of(table)
    next(action for action in menu.actions() if action.text() == "Leave the event out of the state").trigger()
    menu.close()
    await until(lambda: panel.notices.quarantine.isVisible())
    assert "Quarantine: 1 event is left out." in panel.notices.quarantine.plain_text()
    await until(lambda: panel.detail_text == f"{ACTOR} at v{WRONG}, without 1 event")
    assert cell(panel.tree, "total", 1) == "100"
    assert [mark.version for _, mark in panel.slider._placed if mark.kind is MarkKind.LEFT_OUT] == [WRONG]
    moves.go_to_last()
    await at_version(seen, LAST)
    assert cell(panel.tree, "total", 1) == "100"
    # It stays with the actor.
    await seen.panels.desk.open_stream(Place(seen.workspace.connections[0], ORDERS), "order-2")
    await until(lambda: seen.panels.state.actor_id == "order-2" and not seen.panels.state.busy)
    assert not panel.notices.quarantine.isVisible()
    seen.run("back")
    await until(lambda: panel.notices.quarantine.isVisible())
    take_back = next(
        button for button in panel.notices.quarantine.findChildren(QAbstractButton) if button.text() == "Take back"
    )
    QTest.mouseClick(take_back, Qt.MouseButton.LeftButton)
    await until(lambda: not panel.notices.quarantine.isVisible() and not seen.panels.state.busy)
    assert cell(panel.tree, "total", 1) == "-5"


async def test_several_events_are_left_out_at_once(seen: DrivenWindow) -> None:
    seen.run("begin_with_first")
    table = seen.table
    await seen.click_row(4)
    target = table.visualRect(table.model().index(6, 1)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, target)
    seen.run("leave_out")
    await until(lambda: len(seen.panels.state.quarantine) == 3)
    assert "3 events are left out" in seen.panels.state_panel.notices.quarantine.plain_text()
    seen.run("take_back_all")
    await until(lambda: not seen.panels.state.quarantine)


async def test_state_and_difference_are_copied_as_others_read_them(seen: DrivenWindow) -> None:
    seen.run("begin_with_first")
    panel = seen.panels.state_panel
    panel.moves.go_to(WRONG)
    await at_version(seen, WRONG)
    view = seen.panels.state.view
    assert view is not None
    clipboard = QGuiApplication.clipboard()

    async def copied(command: str) -> str:
        clipboard.clear()
        seen.run(command)
        await until(lambda: bool(clipboard.text()), what=command)
        return clipboard.text()

    assert json.loads(await copied("copy_state_json")) == state_at(WRONG)
    assert '/customer/name: "Ada"\n' in await copied("copy_state_text")
    patch = json.loads(await copied("copy_difference_patch"))
    assert apply_patch(state_at(WRONG - 1), patch) == state_at(WRONG)
    difference = json.loads(await copied("copy_difference_json"))
    assert (difference["fromVersion"], difference["toVersion"]) == (WRONG - 1, WRONG)
    assert {change["path"] for change in difference["changes"]} == {"/step", "/total"}
    assert "- /total: 100\n+ /total: -5\n" in await copied("copy_difference_text")
    assert {way.key for way in DIFF_FORMATS} == {"patch", "json", "text"}


async def test_state_and_difference_are_saved(seen: DrivenWindow, tmp_path: Path) -> None:
    seen.run("save_state")
    await seen.answer_file_dialog(tmp_path / "state.json")
    await until((tmp_path / "state.json").exists)
    await until(lambda: "Saved the state" in seen.banner)
    assert json.loads((tmp_path / "state.json").read_text())["total"] == -5
    seen.run("save_difference")
    await seen.answer_file_dialog(tmp_path / "patch.json")
    await until(lambda: "Saved the difference" in seen.banner)
    assert json.loads((tmp_path / "patch.json").read_text()) == [{"op": "replace", "path": "/step", "value": LAST}]


async def test_a_snapshot_is_saved_when_that_is_confirmed(seen: DrivenWindow) -> None:
    seen.run("begin_with_first")
    panel = seen.panels.state_panel
    panel.moves.go_to(12)
    await at_version(seen, 12)
    seen.run("show_snapshots")
    save = seen.child(QPushButton, "snapshotSave")
    assert save.text() == "Save one at v12…"
    QTest.mouseClick(save, Qt.MouseButton.LeftButton)
    box = await seen.dialog(QMessageBox, "saveSnapshot")
    assert f"{ACTOR} at version 12 in {ORDERS}" in box.text()
    assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
    accept = next(button for button in box.buttons() if button.text() == "Save snapshot")
    QTest.mouseClick(accept, Qt.MouseButton.LeftButton)
    await until(lambda: [entry.version for entry in seen.panels.state.snapshots] == [10, 12, 20])
    await until(lambda: seen.panels.state.snapshots[1].standing is Standing.EQUAL)
    store = await seen.workspace.store(Place(seen.workspace.connections[0], ORDERS))
    assert {one.version: one.state for one in await store.snapshots(ACTOR)}[12] == state_at(12)


async def test_replay_from_a_chosen_snapshot(seen: DrivenWindow) -> None:
    seen.run("show_snapshots")
    panel = seen.panels.state_panel
    panel.snapshots.choose(TRUE_SNAPSHOT)
    view = panel.snapshots.view
    assert cell(view, "total", 1) == "100", "what the snapshot holds"
    QTest.mouseClick(seen.child(QPushButton, "snapshotReplay"), Qt.MouseButton.LeftButton)
    await until(lambda: footer(seen) == f"From snapshot v{TRUE_SNAPSHOT} + 20 events.")


async def test_read_only_saves_no_snapshot(tmp_path: Path) -> None:
    async with story_on("file", tmp_path, read_only=True) as seen:
        seen.run("show_snapshots")
        save = seen.child(QPushButton, "snapshotSave")
        assert not save.isEnabled()
        assert "read-only" in save.toolTip()
        assert not seen.can("save_snapshot")


async def test_playing_has_a_speed_that_is_remembered(seen: DrivenWindow) -> None:
    moves = seen.panels.state_panel.moves
    assert moves.speed == 2
    seen.run("play_faster")
    seen.run("play_faster")
    assert moves.speed == 10
    assert seen.workspace.settings.get("play_speed") == 10
    seen.run("state_first")
    await at_version(seen, 1)
    seen.run("play")
    await until(lambda: seen.shown_version >= 3)
    seen.run("play")
    assert not moves.is_playing
    seen.run("state_last")
    await at_version(seen, LAST)


async def test_reducers_are_chosen_and_remembered(seen: DrivenWindow) -> None:
    panel = seen.panels.state_panel
    combo = seen.child(QComboBox, "reducerCombo")
    assert combo.currentText() == "JSON merge"
    choose(combo, "Last event")
    await until(lambda: "customer" not in rows(panel.tree) and seen.panels.state.view is not None)
    assert footer(seen) == f"From the beginning, {LAST} events.", "a snapshot holds another kind of state"
    assert combo.currentText() == "Last event"
    seen.run("reducer_by_event_type")
    await until(lambda: list(rows(panel.tree)) == ["OrderChanged", "DiscountGiven"])
    await seen.panels.desk.open_stream(Place(seen.workspace.connections[0], "payments"), "payment-2")
    await until(lambda: combo.currentText() == "JSON merge")
    seen.run("back")
    await until(lambda: combo.currentText() == "Per event type")


def choose(combo: QComboBox, text: str) -> None:
    """Choose an entry as the user does: with the keyboard, in the list."""
    combo.showPopup()
    index = combo.findText(text)
    view = combo.view()
    view.setCurrentIndex(combo.model().index(index, 0))
    QTest.keyClick(view, Qt.Key.Key_Return)


async def test_every_command_has_a_row_in_menu_and_palette(seen: DrivenWindow) -> None:
    from aether_desktop.ui.state.state_actions import STATE_COMMANDS, STATE_MENU

    names = {command.name for command in STATE_COMMANDS}
    in_menu: set[str] = set()
    for entry in STATE_MENU:
        in_menu |= set(entry[1]) if isinstance(entry, tuple) else {entry}
    assert in_menu - {""} == names
    actions = {action.objectName() for action in seen.window.actions()}
    assert names <= actions
    for command in STATE_COMMANDS:
        assert seen.window.actions_by_name[command.name].toolTip()


async def test_the_table_of_findings_leads_to_the_actor(seen: DrivenWindow) -> None:
    seen.run("check_namespace")
    table = seen.child(QTableView, "snapshotFindings")
    await until(lambda: table.model().rowCount() == 1)
    texts = [table.model().index(0, column).data() for column in range(1, 8)]
    assert texts == [ACTOR, "20", ORDERS, "customer.city", '"Linz"', '"Graz"', "1"]
    table.setCurrentIndex(table.model().index(0, 1))
    QTest.keyClick(table, Qt.Key.Key_Return)
    await at_version(seen, DRIFTED_SNAPSHOT)
