"""The append dialog with real widgets and a real store: typing, keys, closing."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
)

from aether_desktop.ui.append.conflict_panel import ConflictPanel
from aether_desktop.ui.widgets.banner import Banner
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.memory.store import InMemoryEventStore
from tests.desktop.append.dialogs import Open, child, closed, conflict, fill, press, replace
from tests.desktop.append.stories import ACTOR, event
from tests.waiting import until

# Qt's offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")


HOSTILE = "evil\u202e\x00<b>bold</b>"


async def test_an_event_is_typed_and_appended_with_ctrl_enter(
    open_dialog: Open, store: InMemoryEventStore
) -> None:
    dialog = open_dialog(event_types=["OrderPlaced", "T02Check"])
    assert dialog.windowTitle() == "Append event to permit-891"
    assert not child(dialog, QAbstractButton, "appendSubmit").isEnabled()
    assert dialog.reason.text() == "The event type is missing."
    await fill(dialog)
    version = child(dialog, QAbstractSpinBox, "appendVersion")
    assert isinstance(version, Int64SpinBox)
    assert version.value() == 6
    QTest.keyClick(dialog.form.data, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert await closed(dialog) == QDialog.DialogCode.Accepted
    (stored,) = await store.get_events(ACTOR, 6)
    assert (stored.event_type, stored.data, stored.user_id) == (
        "T02Check",
        {"resource": "Resource26"},
        "Resource26",
    )


async def test_who_is_faster_than_the_store_waits_for_the_version(
    open_dialog: Open, store: InMemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = asyncio.Event()
    ask = store.get_latest_version

    async def slow(actor_id: str) -> int:
        await answered.wait()
        return await ask(actor_id)

    monkeypatch.setattr(store, "get_latest_version", slow)
    dialog = open_dialog()
    await until(dialog.isActiveWindow)
    event_type = child(dialog, QComboBox, "appendEventType")
    event_type.setEditText("T02Check")
    QTest.keyClick(dialog.form.data, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert dialog.reason.text() == "Appending, once the actor’s version is known…"
    # What is typed now was not meant yet.
    event_type.setEditText("T02CheckCompl")
    assert dialog.reason.text() == "Ctrl+Enter appends."
    event_type.setEditText("T02CheckCompleted")
    QTest.keyClick(dialog.form.data, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    answered.set()
    assert await closed(dialog) == QDialog.DialogCode.Accepted
    (stored,) = await store.get_events(ACTOR, 6)
    assert (stored.event_type, stored.version) == ("T02CheckCompleted", 6)


async def test_a_version_that_cannot_be_known_is_not_appended_with(
    open_dialog: Open, store: InMemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = asyncio.Event()

    async def failing(_: str) -> int:
        await answered.wait()
        raise StoreUnavailableError("the store", "gone")

    monkeypatch.setattr(store, "get_latest_version", failing)
    dialog = open_dialog()
    child(dialog, QComboBox, "appendEventType").setEditText("T02Check")
    press(dialog, "appendSubmit")
    answered.set()
    await until(lambda: dialog.controller.version_problem)
    assert dialog.isVisible()
    assert dialog.reason.text() == "Ctrl+Enter appends."
    assert await store.get_events(ACTOR, 6) == []
    # A version that is typed is not waited for.
    child(dialog, QAbstractSpinBox, "appendVersion").setValue(9)  # type: ignore[attr-defined]  # of an Int64SpinBox
    press(dialog, "appendSubmit")
    assert await closed(dialog) == QDialog.DialogCode.Accepted
    (stored,) = await store.get_events(ACTOR, 6)
    assert stored.version == 9


async def test_typed_keys_reach_the_event_exactly(open_dialog: Open, store: InMemoryEventStore) -> None:
    dialog = open_dialog()
    await fill(dialog)
    editor = dialog.form.data
    editor.selectAll()
    QTest.keyClicks(editor, "{")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.keyClicks(editor, f'"a": 1.10, "b": {2**70},')
    QTest.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    editor.insertPlainText('"no\u00a0break": "\u2028"')
    QTest.keyClicks(editor, "}")
    assert editor.text().startswith('{\n  "a": 1.10'), "Enter indents"
    spin = dialog.form.version
    spin.selectAll()
    QTest.keyClicks(spin, str(MAX_VERSION))
    assert spin.value() == 2**63 - 1
    dialog.controller.submit()
    await closed(dialog)
    (stored,) = await store.get_events(ACTOR, 6)
    assert stored.version == 2**63 - 1
    assert f'"data":{{"a":1.10,"b":{2**70},"no\u00a0break":"\u2028"}}'.encode() in stored.to_json()


async def test_invalid_text_is_told_and_cannot_be_submitted(open_dialog: Open) -> None:
    dialog = open_dialog()
    await fill(dialog)
    submit = child(dialog, QAbstractButton, "appendSubmit")
    assert submit.isEnabled()
    assert dialog.form.data_status.text() == "Valid JSON"
    replace(dialog.form.data, '{"a": 1,\n "b"}')
    assert dialog.form.data_status.text() == "Line 2, column 5: ':' is expected here"
    assert not submit.isEnabled()
    assert dialog.reason.text() == "The data cannot be read as JSON."
    assert len(dialog.form.data.extraSelections()) == 1
    replace(dialog.form.data, '{"a": 1, "a": 2}')
    assert "stands twice" in dialog.form.data_status.text()
    replace(dialog.form.metadata, '{"UserID": 7}')
    assert "texts only" in dialog.form.metadata_status.text()
    assert not submit.isEnabled()


async def test_closing_with_unsaved_text_asks_inside_the_dialog(open_dialog: Open) -> None:
    dialog = open_dialog(keeps_drafts=True)
    await fill(dialog)
    drafts: list[object] = []
    dialog.controller.draft_changed.connect(drafts.append)
    question = child(dialog, Banner, "appendCloseQuestion")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert question.isVisible()
    assert dialog.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not question.isVisible()
    assert dialog.isVisible()
    dialog.close()
    assert dialog.isVisible(), "the window's own close button asks as well"
    keep = next(each for each in question.findChildren(QAbstractButton) if each.text().startswith("Keep as draft"))
    QTest.mouseClick(keep, Qt.MouseButton.LeftButton)
    assert await closed(dialog) == QDialog.DialogCode.Rejected
    assert None not in drafts, "the draft stays with whoever keeps it"


async def test_an_untouched_dialog_closes_at_once(open_dialog: Open) -> None:
    dialog = open_dialog()
    await until(lambda: dialog.controller.current_version is not None)
    press(dialog, "appendCancel")
    assert await closed(dialog) == QDialog.DialogCode.Rejected


async def test_closing_while_saving_asks_and_keeps_the_draft(
    open_dialog: Open, store: InMemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = open_dialog()
    await fill(dialog)
    forever = asyncio.Event()

    async def never(_: Event) -> int:
        await forever.wait()
        return 0

    monkeypatch.setattr(store, "save_event", never)
    press(dialog, "appendSubmit")
    assert dialog.reason.text() == "Appending…"
    dialog.reject()
    assert "still being saved" in dialog.question.plain_text()
    leave = next(each for each in dialog.question.findChildren(QAbstractButton) if each.text() == "Close")
    QTest.mouseClick(leave, Qt.MouseButton.LeftButton)
    assert await closed(dialog) == QDialog.DialogCode.Rejected
    assert dialog.controller.draft.id


async def test_an_error_is_shown_in_place_and_append_works_again(
    open_dialog: Open, store: InMemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = open_dialog()
    await fill(dialog)
    save = store.save_event

    async def unreachable(_: Event) -> int:
        raise StoreUnavailableError("nats://shop", f"no link {HOSTILE}")

    monkeypatch.setattr(store, "save_event", unreachable)
    press(dialog, "appendSubmit")
    await until(dialog.failure.isVisible)
    shown = dialog.failure.plain_text()
    assert "the store is not available" in shown
    assert "\u202e" not in shown
    copy = next(each for each in dialog.failure.findChildren(QAbstractButton) if each.text() == "Copy")
    QTest.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert "nats://shop" in QApplication.clipboard().text()
    monkeypatch.setattr(store, "save_event", save)
    press(dialog, "appendSubmit")
    assert await closed(dialog) == QDialog.DialogCode.Accepted


async def test_text_from_a_store_is_shown_as_what_it_is(open_dialog: Open, store: InMemoryEventStore) -> None:
    hostile_data = {HOSTILE: HOSTILE, "resource": HOSTILE}
    await store.save_event(event(1, id="x", actor_id=HOSTILE, data=hostile_data))
    (template,) = await store.get_events(HOSTILE)
    dialog = open_dialog(HOSTILE, template=template, event_types=["Good", HOSTILE])
    await fill(dialog)
    types = child(dialog, QComboBox, "appendEventType")
    assert [types.itemText(at) for at in range(types.count())] == ["Good"]
    await store.save_event(event(2, id=HOSTILE, actor_id=HOSTILE, data=hostile_data, metadata={HOSTILE: HOSTILE}))
    press(dialog, "appendSubmit")
    panel = child(dialog, ConflictPanel, "conflictPanel")
    await until(panel.isVisible)
    dialog.grab()
    shown = [panel.fact, panel.explanation, panel.verdict, dialog.windowTitle(), panel.accessibleDescription()]
    shown += [each.text() for each in dialog.findChildren(QLineEdit)]
    for text in shown:
        assert "\u202e" not in text
        assert "\x00" not in text
    assert "<b>bold</b>" in panel.fact
    assert dialog.controller.draft.actor_id == HOSTILE, "what is stored stays what it is"


async def test_a_type_with_hidden_characters_is_warned_about(open_dialog: Open) -> None:
    dialog = open_dialog()
    await fill(dialog)
    dialog.form.event_type.setEditText("Order\u200bPlaced")
    assert "Order⟨U+200B⟩Placed" in dialog.reason.text()


async def test_a_new_actor_is_typed(open_dialog: Open, store: InMemoryEventStore) -> None:
    dialog = open_dialog(None)
    actor = child(dialog, QLineEdit, "appendActor")
    assert not actor.isReadOnly()
    QTest.keyClicks(actor, "order-1")
    await fill(dialog)
    assert dialog.form.hint() == "First event of this actor"
    press(dialog, "appendSubmit")
    assert await closed(dialog) == QDialog.DialogCode.Accepted
    assert await store.get_latest_version("order-1") == 1


async def test_everything_that_takes_keys_has_a_name(open_dialog: Open, store: InMemoryEventStore) -> None:
    dialog = open_dialog()
    await conflict(dialog, store)
    dialog.reject()
    kinds = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QAbstractItemView)
    unnamed = [
        f"{type(widget).__name__} {widget.objectName()}"
        for kind in kinds
        for widget in dialog.findChildren(kind)
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not widget.accessibleName()
        and widget.objectName() != "qt_spinbox_lineedit"
        and widget.isVisible()
    ]
    assert unnamed == []


def test_the_spin_box_takes_whole_int64_and_nothing_else() -> None:
    spin = Int64SpinBox(1, MAX_VERSION, 3)
    heard: list[int] = []
    spin.valueChanged.connect(heard.append)
    spin.selectAll()
    QTest.keyClicks(spin, "9223372036854775808")
    assert spin.value() == 922337203685477580, "the digit too many is not taken"
    spin.setValue(MAX_VERSION)
    assert heard[-1] == MAX_VERSION
    QTest.keyClick(spin, Qt.Key.Key_Up)
    assert spin.value() == MAX_VERSION
    QTest.keyClick(spin, Qt.Key.Key_Down)
    assert spin.value() == MAX_VERSION - 1
    spin.selectAll()
    QTest.keyClicks(spin, "abc-")
    spin.selectAll()
    QTest.keyClick(spin, Qt.Key.Key_Delete)
    assert spin.value() == MAX_VERSION - 1, "an empty field is no number"
    QTest.keyClick(spin, Qt.Key.Key_Return)
    assert spin.text() == str(MAX_VERSION - 1)
    QApplication.clipboard().setText("1,234,567")
    spin.selectAll()
    spin.lineEdit().paste()
    assert spin.value() == 1234567
    spin.deleteLater()
