"""The window over recorded events: browsing, inspecting, replaying, and moving about with keys."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QDockWidget,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QTableView,
    QTreeView,
    QWidget,
)

from aether_desktop.models.events.event_table import Column
from aether_desktop.models.events.stream_table import StreamTable
from aether_desktop.ui.events.go_to_dialog import GoToDialog
from aether_desktop.ui.inspector.hex_view import HexView
from aether_desktop.ui.inspector.raw_view import RawView
from aether_desktop.ui.window.command_palette import CommandPalette
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event, StoredEvent
from tests.desktop.driven_window import DrivenWindow, child_index, driven_file, import_into, save_elsewhere
from tests.desktop.state_stories import ACTOR, story_on
from tests.waiting import until

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def lines(permits_extract: Path) -> list[bytes]:
    return permits_extract.read_bytes().splitlines()


@pytest.fixture
def events(lines: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


@pytest.fixture
async def seen(tmp_path: Path, permits_extract: Path) -> AsyncIterator[DrivenWindow]:
    """The window with the permits' log in front."""
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    async with driven_file(path) as window:
        await window.at(1)
        yield window


def stream_of(events: list[dict[str, Any]], actor: str) -> list[int]:
    """The sequences of an actor's events by version."""
    return [sequence for sequence, event in enumerate(events, 1) if event["actorId"] == actor]


async def test_the_log_shows_every_event(seen: DrivenWindow, events: list[dict[str, Any]]) -> None:
    assert seen.tabs == ["Log permits"]
    assert seen.window.windowTitle() == "permits – permits.aether – Aether Desktop"
    assert seen.view.model.rowCount() == len(events)
    for row, event in enumerate(events):
        await until(lambda: seen.view.model.stored_at(row) is not None)
        assert seen.cell(row, Column.SEQUENCE) == str(row + 1)
        assert seen.cell(row, Column.VERSION) == str(event["version"])
        assert seen.cell(row, Column.EVENT_TYPE) == event["eventType"]
        assert seen.cell(row, Column.ACTOR) == event["actorId"]


async def test_the_bars_say_what_is_shown(seen: DrivenWindow, events: list[dict[str, Any]]) -> None:
    status = seen.window.status
    text = " ".join(label.text() for label in status.findChildren(type(status.dropped)) if label.isVisible())
    assert f"Events {len(events)} Displayed {len(events)}" in text
    assert "permits.aether, " in text
    actors = seen.child(QTableView, "actorTable")
    assert actors.model().rowCount() == len({event["actorId"] for event in events})
    assert not status.dropped.isVisible()


def displayed(seen: DrivenWindow) -> str:
    return seen.window.status.facts.displayed.text()


async def test_a_stream_counts_while_it_is_read(
    tmp_path: Path, permits_extract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.aether"
    gate = asyncio.Event()
    async with open_engine(sqlite_url(path)) as engine:
        store = await engine.store("permits")
        versions = [version for version in range(1, 42) if version != 2]
        await store.save_events([Event(f"e{n}", "Seen", "a", n, {"n": n}) for n in versions])
    refresh = StreamTable.refresh

    async def slowly(self: StreamTable) -> None:
        read = self._store.read_actor

        async def gated(actor_id: str, *, from_version: int = 0) -> AsyncIterator[list[StoredEvent]]:
            async for batch in read(actor_id, from_version=from_version, batch_size=10):
                yield batch
                await gate.wait()

        with monkeypatch.context() as patch:
            patch.setattr(self._store, "read_actor", gated)
            await refresh(self)

    monkeypatch.setattr(StreamTable, "refresh", slowly)
    async with driven_file(path) as window:
        await window.at(1)
        window.run("open_stream")
        await until(lambda: displayed(window) == "Displayed 10", what="the first batch is counted, its gap is not")
        gate.set()
        await until(lambda: displayed(window) == "Displayed 40")


async def test_a_row_fills_inspector_and_state(
    seen: DrivenWindow, lines: list[bytes], events: list[dict[str, Any]]
) -> None:
    for row in (0, 40, len(lines) - 1):
        await seen.click_row(row)
        await until(lambda: seen.shown_version == events[row]["version"])
        await seen.settle()
        raw = lines[row]
        tree = seen.child(QTreeView, "eventTree")
        fields = [tree.model().index(each, 0).data() for each in range(tree.model().rowCount())]
        assert fields == list(json.loads(raw))
        actor = child_index(QModelIndex(), "actorId", tree)
        assert actor.siblingAtColumn(1).data() == json.dumps(events[row]["actorId"])
        tabs = seen.panels.inspector.tabs
        tabs.setCurrentIndex(1)
        text = seen.child(RawView, "eventRaw")
        assert text.raw == raw
        assert text.toPlainText() == raw.decode()
        tabs.setCurrentIndex(2)
        hexadecimal = seen.child(HexView, "eventHex")
        assert hexadecimal.raw == raw
        assert bytes.fromhex(hexadecimal.hex_text().replace(" ", "")) == raw
        tabs.setCurrentIndex(0)
        state = seen.child(QTreeView, "stateTree")
        resource = child_index(QModelIndex(), "resource", state)
        assert resource.siblingAtColumn(1).data() == json.dumps(events[row]["data"]["resource"])
        assert seen.panels.inspector.detail_text.startswith(f"#{row + 1}  ")


async def test_f8_and_f7_step_from_any_pane(seen: DrivenWindow) -> None:
    for expected in (2, 3):
        seen.key(Qt.Key.Key_F8)
        await seen.at(expected)
    seen.child(QTreeView, "eventTree").setFocus()
    seen.key(Qt.Key.Key_F8)
    await seen.at(4)
    seen.child(QTreeView, "stateTree").setFocus()
    seen.key(Qt.Key.Key_F7)
    await seen.at(3)
    seen.control(Qt.Key.Key_Up)
    await seen.at(2)
    seen.key(Qt.Key.Key_F7)
    seen.key(Qt.Key.Key_F7)
    await seen.at(1)


async def test_an_actor_opens_from_the_navigator(seen: DrivenWindow, events: list[dict[str, Any]]) -> None:
    actor = events[60]["actorId"]
    seen.control(Qt.Key.Key_P)
    search = seen.child(QLineEdit, "actorSearch")
    assert search.hasFocus()
    QTest.keyClicks(search, f"={actor}")
    # Enter comes before the search is even begun: it opens what is found, not what is shown still.
    assert seen.child(QTableView, "actorTable").model().rowCount() == 51
    seen.key(Qt.Key.Key_Return)
    await until(lambda: seen.tabs == ["Log permits", actor], what="the stream opens")
    assert seen.window.windowTitle() == f"{actor} – permits – permits.aether – Aether Desktop"
    sequences = stream_of(events, actor)
    await seen.at(sequences[-1])
    assert [seen.cell(row, Column.SEQUENCE) for row in range(seen.view.model.rowCount())] == [
        str(sequence) for sequence in sequences
    ]
    search.setFocus()
    seen.key(Qt.Key.Key_Return)
    await seen.settle()
    assert seen.tabs == ["Log permits", actor], "the open tab is used again"


async def test_the_state_panel_moves_selection_and_table(seen: DrivenWindow, events: list[dict[str, Any]]) -> None:
    await seen.click_row(0)
    seen.control(Qt.Key.Key_Return)
    actor = events[0]["actorId"]
    await until(lambda: actor in seen.tabs, what="the stream opens")
    await seen.at(1)
    sequences = stream_of(events, actor)
    slider, spin = seen.child(QSlider, "versionSlider"), seen.child(QAbstractSpinBox, "versionSpin")
    slider.setValue(len(sequences) - 1)
    await seen.at(sequences[-1])
    assert seen.shown_version == len(sequences)
    spin.setFocus()
    spin.selectAll()
    QTest.keyClicks(spin, "3")
    seen.key(Qt.Key.Key_Return)
    await seen.at(sequences[2])
    assert seen.shown_version == 3
    seen.child(QTreeView, "stateTree").setFocus()
    seen.key(Qt.Key.Key_Right)
    await seen.at(sequences[3])
    seen.key(Qt.Key.Key_Left)
    seen.key(Qt.Key.Key_Left)
    await seen.at(sequences[1])
    assert (seen.shown_version, slider.value(), spin.text()) == (2, 1, "2")


async def test_the_state_panel_moves_the_log_too(seen: DrivenWindow, events: list[dict[str, Any]]) -> None:
    await seen.click_row(4)
    actor = events[4]["actorId"]
    await until(lambda: seen.shown_version == 5)
    await seen.settle()
    seen.child(QTreeView, "stateTree").setFocus()
    seen.key(Qt.Key.Key_Right)
    await seen.at(stream_of(events, actor)[5])
    assert seen.tabs == ["Log permits"]


async def test_ctrl_c_copies_the_event_as_stored(seen: DrivenWindow, lines: list[bytes]) -> None:
    clipboard = QApplication.clipboard()
    await seen.click_row(7)
    seen.control(Qt.Key.Key_C)
    assert clipboard.text().encode() == lines[7]
    assert clipboard.mimeData().data("application/json").data() == lines[7]
    assert seen.banner == ""
    seen.key(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    await seen.at(9)
    seen.key(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    await seen.at(10)
    seen.control(Qt.Key.Key_C)
    several = b"".join(line + b"\n" for line in lines[7:10])
    await until(lambda: clipboard.text().encode() == several, what="the selected events are copied as lines")
    assert clipboard.mimeData().data("application/x-ndjson").data() == several
    assert seen.banner == ""


async def test_ctrl_c_elsewhere_copies_what_is_selected_there(seen: DrivenWindow) -> None:
    clipboard = QApplication.clipboard()
    search = seen.child(QLineEdit, "actorSearch")
    search.setFocus()
    QTest.keyClicks(search, "some text")
    search.selectAll()
    seen.control(Qt.Key.Key_C)
    assert clipboard.text() == "some text"
    tree = seen.child(QTreeView, "eventTree")
    tree.setFocus()
    tree.setCurrentIndex(child_index(QModelIndex(), "actorId", tree))
    seen.control(Qt.Key.Key_C)
    assert clipboard.text() == tree.currentIndex().siblingAtColumn(1).data(), "the value's JSON, not its name"


async def test_bytes_that_are_no_text_are_copied_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "damaged.aether"
    raw = b'{"id":"e1","note":"\xff\xfe"}'
    await save_elsewhere(path, Event("e1", "Seen", "a", 1, {}), Event("e2", "Seen", "a", 2, {}))
    with closing(sqlite3.connect(path)) as connection, connection:
        for version, changed in ((1, raw), (2, b"")):
            connection.execute("UPDATE events SET raw = ? WHERE version = ?", (changed, version))
    async with driven_file(path) as window:
        await window.at(1)
        window.table.setFocus()
        window.control(Qt.Key.Key_C)
        data = QApplication.clipboard().mimeData()
        assert data.data("application/json").data() == raw
        assert data.text() == '{"id":"e1","note":"⟨0xFF⟩⟨0xFE⟩"}'
        assert window.banner.startswith("#1 is not UTF-8 at byte 19: ")
        assert "application/json" in window.banner
        await window.click_row(1)
        window.control(Qt.Key.Key_C)
        assert QApplication.clipboard().mimeData().data("application/json").data() == raw
        assert window.banner == "Nothing was copied: the selected row has no event's bytes."


async def test_f6_goes_round_the_panes(seen: DrivenWindow, qapp: QApplication) -> None:
    round_trip = []
    for _ in range(5):
        seen.key(Qt.Key.Key_F6)
        focus = qapp.focusWidget()
        assert focus is not None
        round_trip.append(focus.objectName())
    assert round_trip == ["timeline", "eventTree", "stateTree", "actorTable", "eventTable"]


async def test_the_diff_tab_says_what_a_version_changed(seen: DrivenWindow, events: list[dict[str, Any]]) -> None:
    await seen.click_row(1)
    await until(lambda: seen.shown_version == 2)
    await seen.settle()
    panel = seen.panels.state_panel
    panel.tabs.setCurrentIndex(1)
    assert panel.tabs.tabText(1) == "Diff v1 to v2 (3)"
    before, after = events[0]["data"], events[1]["data"]
    changed = [key for key in after if before.get(key) != after[key]]
    diff = seen.child(QTreeView, "stateDiff")
    paths = {diff.model().index(row, 0).data() for row in range(diff.model().rowCount())}
    assert set(changed) <= paths
    inspector = seen.panels.inspector
    await until(lambda: inspector.tabs.isTabVisible(4) and inspector.tabs.tabText(4) == "Diff to v1")


async def test_go_to_a_sequence_a_version_and_a_time(seen: DrivenWindow, events: list[dict[str, Any]]) -> None:
    async def go_to(text: str) -> None:
        await seen.active()
        seen.control(Qt.Key.Key_G)
        dialog = await seen.dialog(GoToDialog)
        QTest.keyClicks(dialog.input, text)
        seen.key(Qt.Key.Key_Return, target=dialog.input)

    await go_to("#200")
    await seen.at(200)
    await go_to("137")
    await seen.at(137)
    moment = datetime.fromisoformat(events[99]["timestamp"])
    await go_to(events[99]["timestamp"])
    first = next(n for n, event in enumerate(events, 1) if datetime.fromisoformat(event["timestamp"]) >= moment)
    await seen.at(first)
    await go_to("#9999")
    dialog = await seen.dialog(GoToDialog)
    assert dialog.answer.text().startswith("There is no sequence 9,999: they go from 1 to ")
    dialog.reject()
    assert seen.row_sequence == first
    await seen.click_row(0)
    seen.run("open_stream")
    await until(lambda: len(seen.tabs) == 2)
    await seen.at(1)
    await go_to("4")
    await seen.at(stream_of(events, events[0]["actorId"])[3])


async def test_a_place_that_is_none_is_told_while_typing(seen: DrivenWindow) -> None:
    seen.run("go_to")
    dialog = await seen.dialog(GoToDialog)
    QTest.keyClicks(dialog.input, "nowhere")
    seen.key(Qt.Key.Key_Return, target=dialog.input)
    assert dialog.isVisible()
    seen.key(Qt.Key.Key_Escape, target=dialog.input)
    await seen.settle()
    assert seen.selected_sequence == 1


async def test_the_selection_has_a_history(seen: DrivenWindow) -> None:
    assert not seen.can("back")
    for row in (2, 20, 12):
        await seen.click_row(row)
    for expected in (21, 3, 1):
        seen.key(Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
        await seen.at(expected)
    assert not seen.can("back")
    seen.key(Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    await seen.at(3)
    seen.key(Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    await seen.at(21)
    assert seen.can("forward")


async def test_the_palette_runs_a_command(seen: DrivenWindow) -> None:
    seen.key(Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    palette = await seen.dialog(CommandPalette)
    QTest.keyClicks(palette.input, "tail new")
    assert palette.list.model().rowCount() == 1
    seen.key(Qt.Key.Key_Return, target=palette.input)
    await until(lambda: seen.tabs == ["Log permits", "Tail permits"])
    seen.control(Qt.Key.Key_W)
    await until(lambda: seen.tabs == ["Log permits"])
    await seen.settle()


async def test_every_menu_command_stands_in_the_palette(seen: DrivenWindow) -> None:
    seen.run("command_palette")
    palette = await seen.dialog(CommandPalette)
    model = palette.list.model()
    listed = {model.index(row, 0).data() for row in range(model.rowCount())}
    assert {action.text() for action in seen.window.actions()} <= listed
    icons = [model.index(row, 0).data(Qt.ItemDataRole.DecorationRole) for row in range(model.rowCount())]
    assert not any(each.isNull() for each in icons), "all names start at the same place"
    seen.key(Qt.Key.Key_Escape, target=palette.input)


async def test_tabs_close_down_to_the_welcome_page(seen: DrivenWindow) -> None:
    await seen.click_row(0)
    seen.run("open_stream")
    await until(lambda: len(seen.tabs) == 2)
    while seen.tabs:
        seen.run("close_tab")
    await seen.settle()
    assert seen.window.welcome.isVisible()
    assert not seen.can("close_tab")


async def test_the_layout_comes_back_after_a_reset(seen: DrivenWindow) -> None:
    panels = (seen.panels.navigator, seen.panels.inspector, seen.panels.state_panel)
    for dock in ("dockNavigator", "dockInspector", "dockState"):
        seen.child(QDockWidget, dock).close()
    await until(lambda: not any(panel.isVisible() for panel in panels))
    seen.run("reset_layout")
    await until(lambda: all(panel.isVisible() for panel in panels))


async def test_the_window_fits_into_800_pixels(seen: DrivenWindow) -> None:
    for command in ("open_stream", "new_tail"):
        seen.window.resize(800, 600)
        await until(lambda: (seen.window.width(), seen.window.height()) == (800, 600))
        count = len(seen.tabs)
        seen.run(command)
        await until(lambda: len(seen.tabs) == count + 1)
        await seen.settle()
        assert seen.window.minimumSizeHint().width() <= 800, command
        assert (seen.window.width(), seen.window.height()) == (800, 600), command
    seen.child(QPushButton, "tailPause").click()
    await until(seen.child(QWidget, "tailPauseBar").isVisible)
    await seen.settle()
    for name in ("tailStart", "tailPause", "tailShowNew"):
        button = seen.child(QPushButton, name)
        corner = button.mapTo(seen.window.documents, button.rect().bottomRight())
        assert seen.window.documents.rect().contains(corner), name
        assert button.visibleRegion().boundingRect() == button.rect(), name


async def test_nothing_flashes_up_as_a_window_of_its_own(seen: DrivenWindow, qapp: QApplication) -> None:
    windows: list[str] = []

    class Watch(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
            if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
                windows.append(f"{type(watched).__name__} {watched.objectName()}")
            return False

    watch = Watch()
    qapp.installEventFilter(watch)
    try:
        await seen.click_row(0)
        seen.run("open_stream")
        seen.run("new_tail")
        await until(lambda: len(seen.tabs) == 3)
        await seen.settle()
    finally:
        qapp.removeEventFilter(watch)
    assert windows == []


async def test_the_keyboard_begins_in_the_table_at_an_event(seen: DrivenWindow) -> None:
    assert seen.table.hasFocus()
    assert [index.row() for index in seen.table.selectionModel().selectedRows()] == [0]


async def test_tabs_and_actors_have_menus(tmp_path: Path) -> None:
    async with story_on("sqlite", tmp_path) as seen:
        documents, actors = seen.window.documents, seen.panels.navigator.table
        before = seen.tabs
        assert len(before) == 2
        second = documents.widget(1)
        assert second is not None
        menu = documents.menu_of(second)
        assert [each.text() for each in menu.actions()] == ["Close tab", "Close the other tabs"]
        menu.actions()[1].trigger()
        await until(lambda: seen.tabs == before[1:], what="only this one is left")
        assert not documents.menu_of(second).actions()[1].isEnabled()
        order = documents.cornerWidget(Qt.Corner.TopRightCorner)
        assert isinstance(order, QLabel)
        assert order.text() == "Order: version, oldest first"
        seen.window.resize(1000, 700)
        await until(lambda: documents.width() < 440, what="a narrow window")
        assert order.text() == "", "the room is for the tabs"

        await until(lambda: actors.model().rowCount() > 0, what="the actors")
        menu = actors.menu_of(ACTOR)
        menu.actions()[1].trigger()
        assert QApplication.clipboard().text() == ACTOR
        menu.actions()[0].trigger()
        await until(lambda: ACTOR in seen.tabs, what="its stream")
        await seen.settle()

        bar = documents.tabBar()
        QTest.mouseClick(bar, Qt.MouseButton.MiddleButton, pos=bar.tabRect(seen.tabs.index(ACTOR)).center())
        await until(lambda: ACTOR not in seen.tabs, what="the middle button closes it")
