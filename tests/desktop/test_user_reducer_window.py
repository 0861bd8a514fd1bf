"""A reducer of the user's in the window: trusted on purpose, followed while it is edited, harmless when bad."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from time import monotonic

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox, QLabel, QPlainTextEdit, QPushButton

from aether_desktop.ui.state.trust_dialog import TrustDialog
from aether_desktop.ui.state.version_marks import MarkKind
from aether_desktop.ui.widgets.banner import Banner
from aether_desktop.ui.widgets.text_dialog import TextDialog
from aether_engine.replay import ReducerLimits, UserReducer, user_reducer
from tests.desktop.driven_window import DrivenWindow
from tests.desktop.state_stories import LAST, at_version, story_on
from tests.desktop.test_window_states import cell, rows
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

COUNTING = "def apply(state, event):\n    return {'events': state.get('events', 0) + 1}\n"
FAILING = """def apply(state, event):
    if event.version == 7:
        raise ValueError('no price')
    return event.data
"""
ENDLESS = "def apply(state, event):\n    while event.version == 7: pass\n    return event.data\n"


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    async with story_on("file", tmp_path) as window:
        yield window


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "counting.py"
    path.write_text(COUNTING)
    return path


async def ask_for(seen: DrivenWindow, file: Path) -> TrustDialog:
    """Choose a file as the reducer, up to the question whether it is trusted."""
    seen.run("reducer_file")
    await seen.answer_file_dialog(file)
    return await seen.dialog(TrustDialog, "trustDialog")


async def trust(seen: DrivenWindow, dialog: TrustDialog, *, later: bool = False) -> None:
    """Say that it may run."""
    if later:
        seen.child(QCheckBox, "trustLater", dialog).setChecked(True)
    QTest.mouseClick(seen.child(QPushButton, "trustSubmit", dialog), Qt.MouseButton.LeftButton)
    await seen.active()


def action(banner: Banner, text: str) -> QAbstractButton:
    return next(button for button in banner.findChildren(QAbstractButton) if button.text() == text)


async def test_a_file_runs_once_it_is_trusted(seen: DrivenWindow, file: Path) -> None:
    panel = seen.panels.state_panel
    dialog = await ask_for(seen, file)
    assert seen.child(QLabel, "trustPath", dialog).text() == str(file)
    assert seen.child(QLabel, "trustHash", dialog).text() == hashlib.sha256(COUNTING.encode()).hexdigest()
    assert seen.child(QPlainTextEdit, "trustSource", dialog).toPlainText() == COUNTING
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    await until(lambda: not seen.window.findChildren(TrustDialog), what="Enter declines")
    assert "total" in rows(panel.tree)
    await trust(seen, await ask_for(seen, file))
    await until(lambda: list(rows(panel.tree)) == ["events"])
    assert cell(panel.tree, "events", 1) == str(LAST)
    assert seen.child(QComboBox, "reducerCombo").currentText() == "counting.py"
    panel.moves.go_to(3)
    await at_version(seen, 3)
    await until(lambda: cell(panel.tree, "events", 1) == "3")
    assert cell(panel.tree, "events", 2) == "v3"


async def test_a_file_is_taken_again_when_it_changes(seen: DrivenWindow, file: Path) -> None:
    panel = seen.panels.state_panel
    await trust(seen, await ask_for(seen, file))
    await until(lambda: list(rows(panel.tree)) == ["events"])
    file.write_text(COUNTING.replace("'events'", "'count'"))
    await until(lambda: panel.notices.reducer.isVisible())
    assert "counting.py has changed." in panel.notices.reducer.plain_text()
    assert list(rows(panel.tree)) == ["events"], "what was trusted is still what is shown"
    QTest.mouseClick(action(panel.notices.reducer, "Look at it…"), Qt.MouseButton.LeftButton)
    await trust(seen, await seen.dialog(TrustDialog, "trustDialog"), later=True)
    await until(lambda: list(rows(panel.tree)) == ["count"])
    file.write_text(COUNTING.replace("'events'", "'number'"))
    await until(lambda: list(rows(panel.tree)) == ["number"], what="nobody is asked any more")
    assert not panel.notices.reducer.isVisible()
    file.write_text("def apply(state, event)\n")
    await until(lambda: panel.banner.isVisible())
    assert "is no reducer" in panel.banner.plain_text()
    file.write_text(COUNTING)
    await until(lambda: list(rows(panel.tree)) == ["events"])
    assert not panel.banner.isVisible()


async def test_what_fails_is_shown_at_its_event(seen: DrivenWindow, file: Path) -> None:
    panel = seen.panels.state_panel
    file.write_text(FAILING)
    await trust(seen, await ask_for(seen, file))
    await until(lambda: panel.banner.isVisible())
    words = panel.banner.plain_text()
    assert "The reducer failed at v7 (#7)." in words
    assert "ValueError: no price" in words
    assert f"There is no state at v{LAST} either" in words
    assert [mark.version for _, mark in panel.slider._placed if mark.kind is MarkKind.FAILURE] == [7]
    assert panel.version == LAST
    QTest.mouseClick(action(panel.banner, "Details"), Qt.MouseButton.LeftButton)
    details = await seen.dialog(TextDialog)
    assert "raise ValueError('no price')" in details.text.toPlainText()
    details.reject()
    await seen.active()
    QTest.mouseClick(action(panel.banner, "Go to v6"), Qt.MouseButton.LeftButton)
    await at_version(seen, 6)
    await until(lambda: cell(panel.tree, "step", 1) == "6")
    panel.moves.step(1)
    await until(lambda: panel.banner.isVisible() and panel.version == 7)
    QTest.mouseClick(action(panel.banner, "Leave it out"), Qt.MouseButton.LeftButton)
    panel.moves.go_to_last()
    await until(lambda: "step" in rows(panel.tree) and cell(panel.tree, "step", 1) == str(LAST))
    assert "1 event is left out" in panel.notices.quarantine.plain_text()


async def test_a_reducer_that_never_returns_is_not_felt(seen: DrivenWindow, file: Path) -> None:
    panel = seen.panels.state_panel
    file.write_text(ENDLESS)
    await trust(seen, await ask_for(seen, file))
    reducer = seen.panels.state.reducer
    await until(lambda: isinstance(seen.panels.state.reducer, UserReducer))
    reducer = seen.panels.state.reducer
    assert isinstance(reducer, UserReducer)
    await until(lambda: reducer.process_id is not None)
    began, turns = monotonic(), 0
    while not panel.banner.isVisible():
        assert monotonic() - began < 20
        turns += 1
        # Everything else goes on meanwhile: versions can be gone to, tabs be looked at.
        panel.moves.go_to(1 + turns % LAST)
        panel.tabs.setCurrentIndex(turns % 4)
        await asyncio.sleep(0.01)
    # The two seconds it may take would be one turn if they were felt; on a busy machine a turn takes its time.
    assert turns > 5
    panel.tabs.setCurrentIndex(0)
    panel.moves.go_to(LAST)
    await until(lambda: panel.banner.isVisible() and "v7" in panel.banner.plain_text())
    assert "took longer than 2 seconds" in panel.banner.plain_text()
    panel.moves.go_to(6)
    await until(lambda: "step" in rows(panel.tree) and cell(panel.tree, "step", 1) == "6")


async def test_another_reducer_is_not_kept_waiting_by_one_that_hangs(
    seen: DrivenWindow, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who waited for its end would wait for longer than this test does.
    monkeypatch.setattr(user_reducer, "ReducerLimits", partial(ReducerLimits, event_seconds=300.0))
    panel = seen.panels.state_panel
    file.write_text(ENDLESS.replace("event.version == 7", "True"))
    await trust(seen, await ask_for(seen, file))
    await until(lambda: isinstance(seen.panels.state.reducer, UserReducer))
    reducer = seen.panels.state.reducer
    assert isinstance(reducer, UserReducer)
    assert reducer.limits.event_seconds == 300
    await until(lambda: reducer.process_id is not None)
    seen.run("reducer_shallow_merge")
    await until(lambda: "total" in rows(panel.tree))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit for the address space")
async def test_a_memory_bomb_is_shown_at_its_event(seen: DrivenWindow, file: Path) -> None:
    panel = seen.panels.state_panel
    file.write_text(
        "def apply(state, event):\n"
        "    hoard = [bytearray(1 << 24) for _ in range(1 << 12)] if event.version == 7 else []\n"
        "    return {'version': event.version, 'hoarded': len(hoard)}\n"
    )
    await trust(seen, await ask_for(seen, file))
    await until(lambda: panel.banner.isVisible())
    words = panel.banner.plain_text()
    assert "v7 (#7)" in words
    assert "memory" in words
    panel.moves.go_to(6)
    await until(lambda: "version" in rows(panel.tree), what="the state before it is there")
    await until(lambda: cell(panel.tree, "version", 1) == "6")
