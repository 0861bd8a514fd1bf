"""Appending through the window: the dialog, the conflict when somebody else was faster, and what is shown then."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
)

from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.append.conflict_panel import ConflictPanel
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.ui.trace.trace_view import TraceView
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from tests.desktop.driven_window import (
    NAMESPACE,
    DrivenWindow,
    driven_file,
    import_into,
    replace_text,
    save_elsewhere,
)
from tests.waiting import until

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

ACTOR = "permit-891"
LATEST = 17


@pytest.fixture
async def file(tmp_path: Path, permits_extract: Path) -> Path:
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    return path


@pytest.fixture
async def seen(file: Path) -> AsyncIterator[DrivenWindow]:
    """The window with the first event of `ACTOR` selected."""
    async with driven_file(file) as window:
        await window.click_row(0)
        await window.settle()
        yield window


async def stored(file: Path, from_version: int) -> list[Event]:
    """What another program reads of the actor."""
    async with open_engine(sqlite_url(file), read_only=True) as engine:
        return await (await engine.store(NAMESPACE)).get_events(ACTOR, from_version)


def somebody_elses(version: int, **data: Any) -> Event:
    return Event(f"elsewhere-{version}", "T02CheckConfirmationOfReceipt", ACTOR, version, data)


async def opened(seen: DrivenWindow) -> AppendDialog:
    """The dialog, with the next version filled in."""
    seen.control(Qt.Key.Key_N)
    dialog = await seen.dialog(AppendDialog)
    await until(lambda: dialog.controller.current_version is not None, what="the current version is known")
    return dialog


async def typed(seen: DrivenWindow, data: str = '{"resource": "Resource99", "fee": 12.50}') -> AppendDialog:
    """The dialog with an event typed in."""
    dialog = await opened(seen)
    box = seen.child(QComboBox, "appendEventType", dialog)
    box.setEditText("FeePaid")
    replace_text(seen.child(QPlainTextEdit, "appendData", dialog), data)
    replace_text(seen.child(QPlainTextEdit, "appendMetadata", dialog), '{"UserID": "Resource99"}')
    return dialog


async def conflicted(seen: DrivenWindow, file: Path, *landed: Event) -> tuple[AppendDialog, ConflictPanel]:
    """The dialog after another program has stored `landed` and the user has submitted."""
    dialog = await typed(seen)
    await save_elsewhere(file, *landed)
    press(seen, dialog, "appendSubmit")
    panel = seen.child(ConflictPanel, "conflictPanel", dialog)
    await until(panel.isVisible, what="the conflict panel")
    return dialog, panel


def press(seen: DrivenWindow, dialog: AppendDialog, name: str) -> None:
    button = seen.child(QAbstractButton, name, dialog)
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def type_of_event(seen: DrivenWindow, dialog: AppendDialog, text: str) -> None:
    line = seen.child(QComboBox, "appendEventType", dialog).lineEdit()
    assert line is not None
    QTest.keyClicks(line, text)


async def closed(seen: DrivenWindow) -> None:
    await until(lambda: not seen.window.findChildren(AppendDialog), what="the dialog is gone")
    await seen.settle()


async def test_an_event_is_typed_and_appended(seen: DrivenWindow, file: Path) -> None:
    dialog = await opened(seen)
    assert dialog.windowTitle() == f"Append event to {ACTOR}"
    assert seen.child(QAbstractSpinBox, "appendVersion", dialog).text() == str(LATEST + 1)
    assert not seen.child(QAbstractButton, "appendSubmit", dialog).isEnabled()
    type_of_event(seen, dialog, "FeePaid")
    replace_text(seen.child(QPlainTextEdit, "appendData", dialog), '{"fee": 12.50}')
    seen.key(
        Qt.Key.Key_Return,
        Qt.KeyboardModifier.ControlModifier,
        seen.child(QPlainTextEdit, "appendData", dialog),
    )
    await closed(seen)
    (event,) = await stored(file, LATEST + 1)
    assert (event.event_type, event.version) == ("FeePaid", LATEST + 1)
    assert b'"data":{"fee":12.50}' in event.to_json(), "numbers as they were typed"
    assert f"Appended version {LATEST + 1} of {ACTOR} at sequence 292." in seen.banner
    assert seen.tabs == ["Log permits", ACTOR]
    await seen.at(292)
    await until(lambda: seen.shown_version == LATEST + 1)


async def test_types_are_completed_while_they_are_typed(seen: DrivenWindow, file: Path) -> None:
    dialog = await opened(seen)
    await until(lambda: len(dialog.controller.suggestions.types) > 5, what="the types of the namespace")
    type_of_event(seen, dialog, "t02")
    completer = dialog.form.event_type.completer()
    assert completer is not None
    popup = completer.popup()
    assert popup is not None
    await until(popup.isVisible, what="the completions")
    assert "T02CheckConfirmationOfReceipt" in [popup.model().index(row, 0).data() for row in range(3)]
    QTest.keyClick(popup, Qt.Key.Key_Down)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert dialog.controller.draft.event_type.startswith("T02")
    # Its latest event as a template: type and data, and what caused it stays the selected event.
    await until(lambda: bool(dialog.controller.suggestions.templates), what="the templates")
    dialog.form.templates.fill()
    first = dialog.form.templates.menu_actions[0]
    assert first.text().startswith(dialog.controller.draft.event_type)
    first.trigger()
    data = dialog.form.data.text()
    assert '"activity"' in data
    assert '"CausationID"' in dialog.form.metadata.text()
    dialog.form.data.undo()
    assert dialog.form.data.text() == "{}"
    dialog.form.data.redo()
    press(seen, dialog, "appendSubmit")
    await closed(seen)
    (event,) = await stored(file, LATEST + 1)
    assert event.data == json.loads(data)
    selected = json.loads(event.to_json())["metadata"]["CausationID"]
    assert selected == (await stored(file, 1))[0].id


async def test_log_and_navigator_take_the_new_event_up(seen: DrivenWindow) -> None:
    dialog = await typed(seen)
    press(seen, dialog, "appendSubmit")
    await closed(seen)
    seen.window.documents.setCurrentIndex(0)
    await until(lambda: seen.view.model.rowCount() == 292, what="the log has the new row")
    actor = next(info for info in seen.panels.actors.loaded() if info.actor_id == ACTOR)
    await until(lambda: actor_version(seen) == LATEST + 1, what="the navigator counts it")
    assert actor.actor_id == ACTOR


def actor_version(seen: DrivenWindow) -> int:
    return next(info.latest_version for info in seen.panels.actors.loaded() if info.actor_id == ACTOR)


async def test_a_conflict_shows_what_landed_and_rebases(seen: DrivenWindow, file: Path) -> None:
    _, panel = await conflicted(
        seen, file, somebody_elses(LATEST + 1, resource="Resource01"), somebody_elses(LATEST + 2)
    )
    numbers = (panel.attempted.text(), panel.current.text(), panel.next_free.text())
    assert numbers == (str(LATEST + 1), str(LATEST + 2), str(LATEST + 3))
    report = panel.report
    assert report is not None
    assert [each.event.id for each in report.landed.shown if each.event] == [
        f"elsewhere-{LATEST + 1}",
        f"elsewhere-{LATEST + 2}",
    ]
    assert not report.is_duplicate
    dialog = await seen.dialog(AppendDialog)
    press(seen, dialog, "conflictRebase")
    await closed(seen)
    events = await stored(file, LATEST + 1)
    assert [event.version for event in events] == [LATEST + 1, LATEST + 2, LATEST + 3]
    assert events[-1].to_json() == report.yours.with_version(LATEST + 3).to_json()
    await seen.at(294)


async def test_a_duplicate_is_recognised_and_done(seen: DrivenWindow, file: Path) -> None:
    dialog = await typed(seen)
    # Stored, but the answer was lost on its way: the very same event is submitted again.
    stamped = dialog.controller.draft.stamped()
    dialog.controller._draft = stamped
    await save_elsewhere(file, stamped.event())
    press(seen, dialog, "appendSubmit")
    panel = seen.child(ConflictPanel, "conflictPanel", dialog)
    await until(panel.isVisible)
    assert panel.report is not None
    assert panel.report.is_duplicate
    assert not panel.rebase_button.isEnabled()
    press(seen, dialog, "conflictDuplicate")
    await closed(seen)
    assert len(await stored(file, LATEST + 1)) == 1


async def test_after_edit_everything_typed_is_there(seen: DrivenWindow, file: Path) -> None:
    dialog, panel = await conflicted(seen, file, somebody_elses(LATEST + 1))
    press(seen, dialog, "conflictEdit")
    await until(lambda: not panel.isVisible())
    editor = seen.child(QPlainTextEdit, "appendData", dialog)
    assert editor.toPlainText() == '{"resource": "Resource99", "fee": 12.50}'
    assert not editor.isReadOnly()
    press(seen, dialog, "appendUseNext")
    assert seen.child(QAbstractSpinBox, "appendVersion", dialog).text() == str(LATEST + 2)
    press(seen, dialog, "appendSubmit")
    await closed(seen)
    assert [event.version for event in await stored(file, LATEST + 1)] == [LATEST + 1, LATEST + 2]


async def test_discard_stores_nothing(seen: DrivenWindow, file: Path) -> None:
    dialog, _ = await conflicted(seen, file, somebody_elses(LATEST + 1))
    press(seen, dialog, "conflictDiscard")
    await closed(seen)
    assert [event.id for event in await stored(file, LATEST + 1)] == [f"elsewhere-{LATEST + 1}"]


async def test_escape_asks_before_it_loses_what_was_typed(seen: DrivenWindow, file: Path) -> None:
    dialog = await typed(seen)
    seen.key(Qt.Key.Key_Escape, target=dialog)
    assert dialog.question.isVisible()
    seen.key(Qt.Key.Key_Escape, target=dialog)
    assert not dialog.question.isVisible()
    assert dialog.controller.state is AppendState.EDITING
    press(seen, dialog, "appendSubmit")
    await closed(seen)
    assert len(await stored(file, LATEST + 1)) == 1


async def test_append_one_like_this(seen: DrivenWindow, permits_extract: Path, file: Path) -> None:
    like = json.loads(permits_extract.read_bytes().splitlines()[0])
    seen.run("append_like")
    dialog = await seen.dialog(AppendDialog)
    await until(lambda: dialog.controller.current_version is not None)
    assert seen.child(QComboBox, "appendEventType", dialog).currentText() == like["eventType"]
    assert json.loads(seen.child(QPlainTextEdit, "appendData", dialog).toPlainText()) == like["data"]
    press(seen, dialog, "appendSubmit")
    await closed(seen)
    (event,) = await stored(file, LATEST + 1)
    assert event.data == like["data"]
    assert event.id != like["id"]


async def test_every_row_and_the_inspector_offer_one_like_this(seen: DrivenWindow) -> None:
    like = seen.window.actions_by_name["append_like"]
    inspector = seen.panels.inspector
    assert all(like in view.actions() for view in (inspector.tree, inspector.raw, inspector.hex))
    views: list[QAbstractItemView] = [seen.table]
    seen.run("new_tail")
    tail = seen.window.documents.currentWidget()
    assert isinstance(tail, TailView)
    seen.window.documents.setCurrentIndex(0)
    await seen.settle()
    seen.run("trace")
    await until(lambda: isinstance(seen.window.documents.currentWidget(), TraceView), what="the trace")
    trace = seen.window.documents.currentWidget()
    assert isinstance(trace, TraceView)
    await seen.settle()
    for view in (*views, tail.table, trace.tree):
        assert view.contextMenuPolicy() is Qt.ContextMenuPolicy.CustomContextMenu
        menu = seen.panels._row_menu.menu_of(view)
        assert like in menu.actions()
        menu.close()


async def test_the_first_event_of_a_new_actor_in_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "new.aether"
    async with driven_file(path) as seen:
        assert not path.exists(), "looking makes no file"
        seen.control(Qt.Key.Key_N)
        dialog = await seen.dialog(AppendDialog)
        QTest.keyClicks(seen.child(QLineEdit, "appendActor", dialog), "order-1")
        type_of_event(seen, dialog, "OrderPlaced")
        await until(lambda: dialog.controller.current_version == 0)
        press(seen, dialog, "appendSubmit")
        await closed(seen)
        assert seen.tabs == ["Log default", "order-1"]
        await seen.at(1)


async def test_closing_the_connection_below_an_open_dialog_says_so(seen: DrivenWindow) -> None:
    dialog = await typed(seen)
    await seen.workspace.close_connection(seen.workspace.connections[0])
    press(seen, dialog, "appendSubmit")
    await until(lambda: dialog.controller.state is AppendState.FAILED)
    assert "Not appended" in dialog.failure.plain_text()
    assert seen.child(QPlainTextEdit, "appendData", dialog).toPlainText().startswith('{"resource"')


async def test_nothing_is_appended_through_a_read_only_connection(file: Path) -> None:
    before = file.read_bytes()
    async with driven_file(file, read_only=True) as seen:
        await seen.click_row(0)
        for command in ("append", "append_like", "import_events"):
            assert not seen.can(command), command
        assert seen.can("export_namespace")
        assert seen.window.status.mode.accessibleName().lower().startswith("read-only")
        seen.control(Qt.Key.Key_N)
        await seen.settle()
        assert not seen.window.findChildren(AppendDialog)
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.glob("permits*")] == [file.name], "no side files"
