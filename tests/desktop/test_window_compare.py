"""Forks and comparisons in the window, on every kind of store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QRadioButton

from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.state.compare_view import CompareView
from aether_desktop.ui.state.fork_dialog import ForkDialog
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox
from aether_desktop.workspace import Place
from aether_engine.event import Event
from tests.desktop.driven_window import DrivenWindow, replace_text
from tests.desktop.state_stories import (
    ACTOR,
    DRIFTED_SNAPSHOT,
    LAST,
    ORDERS,
    PAYMENTS,
    WRONG,
    at_version,
    story_on,
)
from tests.desktop.test_window_states import cell, rows
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    async with story_on("file", tmp_path) as window:
        yield window


def compared(seen: DrivenWindow) -> CompareView:
    view = seen.window.documents.currentWidget()
    assert isinstance(view, CompareView)
    return view


def words(seen: DrivenWindow) -> str:
    """What the comparison in front says, nothing while there is none."""
    if not isinstance(seen.window.documents.currentWidget(), CompareView):
        return ""
    return seen.child(QLabel, "compareWords").text()


@pytest.mark.parametrize("kind", ["memory", "file", "server"])
async def test_a_fork_is_tried_on_and_compared(kind: str, tmp_path: Path) -> None:
    async with story_on(kind, tmp_path) as seen:
        before = [info.event_count for info in seen.workspace.connections[0].namespaces]
        seen.panels.state_panel.moves.go_to(WRONG - 1)
        await at_version(seen, WRONG - 1)
        seen.run("fork")
        dialog = await seen.dialog(ForkDialog)
        assert seen.child(QRadioButton, "forkUpTo", dialog).isChecked()
        assert seen.child(Int64SpinBox, "forkVersion", dialog).value() == WRONG - 1
        QTest.mouseClick(seen.child(QPushButton, "forkSubmit", dialog), Qt.MouseButton.LeftButton)
        await until(lambda: words(seen) == "Both are the same.")
        await seen.settle()
        scratch = seen.workspace.connections[1]
        assert scratch.title == "Scratch (in memory)"
        assert [(info.name, info.event_count) for info in scratch.namespaces] == [(f"{ORDERS}.fork-1", WRONG - 1)]
        tree = seen.panels.navigator.tree.model()
        assert [tree.index(row, 0).data() for row in range(tree.rowCount())][-1] == scratch.title
        assert "Forked 16 events" in seen.banner

        # What is appended now goes into the fork, and into the comparison.
        assert seen.workspace.place == Place(scratch, f"{ORDERS}.fork-1")
        await seen.active()
        seen.run("append")
        append = await seen.dialog(AppendDialog)
        assert ACTOR in append.windowTitle()
        await until(append.isActiveWindow, what="the dialog hears its shortcuts")
        replace_text(seen.child(QPlainTextEdit, "appendData", append), '{"total": 77}')
        seen.child(QComboBox, "appendEventType", append).setEditText("WhatIf")
        QTest.keyClick(append, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        await until(lambda: scratch.namespaces[0].event_count == WRONG)
        seen.window.documents.setCurrentWidget(next(one for one in views(seen) if isinstance(one, CompareView)))
        await until(lambda: words(seen) == "1 value differs.")
        left, right = compared(seen).trees
        assert (cell(left, "total", 1), cell(right, "total", 1)) == ("100", "77")
        assert [info.event_count for info in seen.workspace.connections[0].namespaces] == before


def views(seen: DrivenWindow) -> list[object]:
    return list(seen.window.documents.views())


async def test_forks_have_names_of_their_own(seen: DrivenWindow) -> None:
    branching = seen.panels.travel.branching
    place = Place(seen.workspace.connections[0], ORDERS)
    made = [await branching.scratch.fork(place, ACTOR, None) for _ in range(2)]
    names = [fork[0].namespace for fork in made if fork is not None]
    assert names == [f"{ORDERS}.fork-1", f"{ORDERS}.fork-2"]
    assert made[0] is not None
    again = await branching.scratch.fork(made[0][0], ACTOR, 3)
    assert again is not None
    assert (again[0].namespace, again[1].events) == (f"{ORDERS}.fork-3", 3)
    assert len(seen.workspace.connections) == 2
    await seen.workspace.close_connection(seen.workspace.connections[1])
    once_more = await branching.scratch.fork(place, ACTOR, None)
    assert once_more is not None
    assert once_more[0].namespace == f"{ORDERS}.fork-1"


async def test_any_two_states_are_compared(seen: DrivenWindow) -> None:
    seen.panels.state_panel.moves.go_to(WRONG - 1)
    await at_version(seen, WRONG - 1)
    seen.run("compare")
    await until(lambda: words(seen) == "3 values differ.")
    view = compared(seen)
    assert seen.tabs[-1] == f"Compare {ACTOR}"
    left, right = view.trees
    assert [cell(tree, "status", 1) for tree in (left, right)] == ['"open"', '"paid"']

    # Another version of the right one.
    choose_kind(seen, "Right", "version")
    version = seen.child(Int64SpinBox, "compareRightVersion")
    version.setFocus()
    version.selectAll()
    QTest.keyClicks(version, str(WRONG))
    QTest.keyClick(version, Qt.Key.Key_Return)
    await until(lambda: words(seen) == "2 values differ.")
    assert [cell(tree, "total", 1) for tree in (left, right)] == ["100", "-5"]

    # A snapshot.
    version.selectAll()
    QTest.keyClicks(version, "25")
    choose_kind(seen, "Right", "snapshot")
    await until(lambda: view.right.found is not None and view.right.found.version == DRIFTED_SNAPSHOT)
    await until(lambda: cell(right, "step", 1) == str(DRIFTED_SNAPSHOT))

    # Another actor, of another namespace.
    places = seen.child(QComboBox, "compareLeftPlace")
    places.setCurrentIndex(places.findText(PAYMENTS))
    places.activated.emit(places.currentIndex())
    await until(
        lambda: view.left.found is not None and f"There are no events of {ACTOR}" in view.left.found.problem
    )
    actor = seen.child(QLineEdit, "compareLeftActor")
    actor.setFocus()
    actor.selectAll()
    QTest.keyClicks(actor, "payment")
    popup = actor.completer().popup()
    assert popup is not None
    await until(popup.isVisible, what="names are offered")
    assert actor.completer().model().index(0, 0).data() == "payment-2"
    popup.hide()
    QTest.keyClicks(actor, "-2")
    QTest.keyClick(actor, Qt.Key.Key_Return)
    await until(lambda: view.left.found is not None and not view.left.found.problem)
    assert seen.tabs[-1] == f"Compare payment-2 with {ACTOR}"


def choose_kind(seen: DrivenWindow, side: str, kind: str) -> None:
    combo = seen.child(QComboBox, f"compare{side}Kind")
    combo.setCurrentIndex(combo.findText(kind))
    combo.activated.emit(combo.currentIndex())


async def test_both_trees_open_scroll_and_go_together(seen: DrivenWindow) -> None:
    place = Place(seen.workspace.connections[0], ORDERS)
    store = await seen.workspace.store(place)
    many = {f"k{number:03}": {"n": number} for number in range(200)}
    await store.save_events(
        [Event("m1", "Made", "many", 1, many), Event("m2", "Made", "many", 2, {"k150": {"n": -1}})]
    )
    await seen.panels.desk.open_stream(place, "many", 1)
    await until(lambda: seen.panels.state.actor_id == "many" and seen.shown_version == 1)
    seen.run("compare")
    await until(lambda: words(seen) == "1 value differs.")
    left, right = compared(seen).trees
    top = left.model().index(3, 0)
    left.expand(top)
    assert right.isExpanded(right.model().index(3, 0))
    right.collapse(right.model().index(3, 0))
    assert not left.isExpanded(top)
    await until(lambda: all(tree.verticalScrollBar().maximum() >= 200 for tree in (left, right)))
    left.verticalScrollBar().setValue(200)
    assert right.verticalScrollBar().value() == left.verticalScrollBar().value() > 0
    QTest.mouseClick(compared(seen).next, Qt.MouseButton.LeftButton)
    assert words(seen) == "Difference 1 of 1."
    for tree in (left, right):
        assert tree.currentIndex().parent().data() == "k150"
        assert tree.visualRect(tree.currentIndex()).intersects(tree.viewport().rect())
    seen.child(QCheckBox, "compareOnly").setChecked(True)
    assert list(rows(left)) == list(rows(right)) == ["k150"]
    QTest.mouseClick(seen.child(QPushButton, "comparePatch"), Qt.MouseButton.LeftButton)
    patch = json.loads(QGuiApplication.clipboard().text())
    assert patch == [{"op": "replace", "path": "/k150/n", "value": -1}]


async def test_a_drifted_snapshot_beside_the_replay(seen: DrivenWindow) -> None:
    seen.run("show_snapshots")
    seen.panels.state_panel.snapshots.choose(DRIFTED_SNAPSHOT)
    QTest.mouseClick(seen.child(QPushButton, "snapshotCompare"), Qt.MouseButton.LeftButton)
    await until(lambda: words(seen) == "1 value differs.")
    view = compared(seen)
    QTest.mouseClick(view.next, Qt.MouseButton.LeftButton)
    texts = [tree.currentIndex().siblingAtColumn(1).data() for tree in view.trees]
    assert texts == ['"Graz"', '"Linz"']
    # Moving along the versions meanwhile is no reason to leave it.
    seen.panels.state_panel.moves.go_to(5)
    await at_version(seen, 5)
    assert seen.window.documents.currentWidget() is view


async def test_a_comparison_ends_with_either_connection(seen: DrivenWindow) -> None:
    seen.panels.state_panel.moves.go_to(LAST - 1)
    await at_version(seen, LAST - 1)
    seen.run("fork")
    QTest.mouseClick(
        seen.child(QPushButton, "forkSubmit", await seen.dialog(ForkDialog)), Qt.MouseButton.LeftButton
    )
    await until(lambda: any(isinstance(view, CompareView) for view in views(seen)))
    await seen.settle()
    await seen.workspace.close_connection(seen.workspace.connections[0])
    await seen.settle()
    assert not any(isinstance(view, CompareView) for view in views(seen))
