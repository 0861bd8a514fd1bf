"""The append dialog with real widgets and a real store: typing, keys, the conflict panel, closing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from aether_desktop.models.append.append_controller import AppendController
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.append.conflict_table import ConflictTableModel
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.append.conflict_panel import ConflictPanel
from aether_desktop.ui.widgets.banner import Banner
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox
from aether_desktop.ui.widgets.theme import DARK, apply_theme
from aether_engine.errors import OutcomeUnknownError, StoreUnavailableError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.memory.store import InMemoryEventStore
from tests.waiting import until

# Qt's offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")

ACTOR = "permit-891"
HOSTILE = "evil\u202e\x00<b>bold</b>"


def event(version: int, **fields: Any) -> Event:
    values: dict[str, Any] = {
        "id": f"stored-{version}",
        "event_type": "T02Check",
        "actor_id": ACTOR,
        "version": version,
        "data": {"resource": "Resource21"},
        "metadata": {"UserID": "Resource21"},
        "timestamp": datetime(2010, 11, 9, 13, 14, tzinfo=UTC),
    }
    return Event(**{**values, **fields})


@pytest.fixture
async def store() -> AsyncIterator[InMemoryEventStore]:
    store = InMemoryEventStore("city.permits")
    for version in range(1, 6):
        await store.save_event(event(version))
    yield store
    store.close()


Open = Callable[..., AppendDialog]


@pytest.fixture
async def open_dialog(store: InMemoryEventStore) -> AsyncIterator[Open]:
    opened: list[AppendDialog] = []

    def open_it(actor_id: str | None = ACTOR, *, keeps_drafts: bool = False, **options: Any) -> AppendDialog:
        controller = AppendController(store, actor_id, **options)
        dialog = AppendDialog(controller, keeps_drafts=keeps_drafts)
        opened.append(dialog)
        dialog.open()
        return dialog

    yield open_it
    for dialog in opened:
        dialog.done(0)
        await dialog.controller.close()
        dialog.deleteLater()


T = TypeVar("T", bound=QWidget)


def child(dialog: QWidget, kind: type[T], name: str) -> T:
    found = dialog.findChild(kind, name)
    assert found is not None, name
    assert isinstance(found, kind)
    return found


async def fill(dialog: AppendDialog) -> None:
    """Type an event as a user would."""
    await until(lambda: dialog.controller.current_version is not None)
    child(dialog, QComboBox, "appendEventType").setEditText("T02Check")
    replace(child(dialog, QPlainTextEdit, "appendData"), '{"resource": "Resource26"}')
    replace(child(dialog, QPlainTextEdit, "appendMetadata"), '{"UserID": "Resource26"}')


def replace(editor: QPlainTextEdit, text: str) -> None:
    editor.selectAll()
    editor.insertPlainText(text)


def press(dialog: AppendDialog, name: str) -> None:
    button = child(dialog, QAbstractButton, name)
    assert button.isEnabled(), name
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


async def conflict(dialog: AppendDialog, store: InMemoryEventStore, **fields: Any) -> ConflictPanel:
    """Fill in an event, let somebody else be faster, and submit."""
    await fill(dialog)
    await store.save_event(event(6, **fields))
    press(dialog, "appendSubmit")
    panel = child(dialog, ConflictPanel, "conflictPanel")
    await until(panel.isVisible)
    return panel


async def closed(dialog: AppendDialog) -> int:
    await until(lambda: not dialog.isVisible())
    return dialog.result()


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


async def test_the_conflict_panel_says_what_happened(open_dialog: Open, store: InMemoryEventStore) -> None:
    dialog = open_dialog()
    panel = await conflict(dialog, store)
    assert panel.fact == "Not appended: version 6 of permit-891 is already taken"
    assert (panel.attempted.text(), panel.current.text(), panel.next_free.text()) == ("6", "6", "7")
    assert "v6 has another id, another resource and another user than yours." in panel.verdict
    assert panel.refusal == "Not offered: the ids differ"
    assert dialog.form.hint() == "6 is taken, the stream is at 6"
    assert child(dialog, QAbstractButton, "conflictRebase").text() == "Rebase to version 7 and append"
    assert not child(dialog, QAbstractButton, "conflictDuplicate").isEnabled()
    assert not child(dialog, QAbstractButton, "appendSubmit").isVisible()
    assert dialog.form.data.isReadOnly()
    assert dialog.form.data.text() == '{"resource": "Resource26"}', "untouched"
    model = panel.table.model()
    assert isinstance(model, ConflictTableModel)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    titles = [model.headerData(column, Qt.Orientation.Horizontal) for column in range(model.columnCount())]
    assert titles == ["Field", "Yours, v6, not stored", "Stored v6, #6"]
    spoken = model.index(2, 2).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == 'data.resource, Stored v6, #6: "Resource21", differs from yours'


async def test_enter_presses_nothing_in_the_conflict_panel(open_dialog: Open, store: InMemoryEventStore) -> None:
    dialog = open_dialog()
    panel = await conflict(dialog, store)
    stops: list[QWidget] = [dialog, panel, panel.table, dialog.form.version, dialog.form.data]
    stops += panel.findChildren(QAbstractButton)
    for widget in stops:
        widget.setFocus()
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            for modifier in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier):
                QTest.keyClick(widget, key, modifier)
    assert dialog.isVisible()
    assert dialog.controller.state is AppendState.CONFLICT
    assert await store.last_sequence() == 6


async def test_rebase_appends_and_a_further_conflict_shows_the_panel_again(
    open_dialog: Open, store: InMemoryEventStore
) -> None:
    dialog = open_dialog()
    panel = await conflict(dialog, store)
    await store.save_event(event(7))
    press(dialog, "conflictRebase")
    await until(lambda: panel.attempted.text() == "7")
    await until(lambda: dialog.controller.state is AppendState.CONFLICT)
    assert panel.isVisible()
    assert dialog.form.version.value() == 7
    assert child(dialog, QAbstractButton, "conflictRebase").text() == "Rebase to version 8 and append"
    press(dialog, "conflictRebase")
    assert await closed(dialog) == QDialog.DialogCode.Accepted
    assert (await store.get_events(ACTOR, 8))[0].data == {"resource": "Resource26"}


async def test_a_duplicate_is_done(
    open_dialog: Open, store: InMemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = open_dialog()
    await fill(dialog)
    save = store.save_event

    async def lose_the_answer(event: Event) -> int:
        await save(event)
        raise OutcomeUnknownError(event, "no answer")

    monkeypatch.setattr(store, "save_event", lose_the_answer)
    press(dialog, "appendSubmit")
    failure = child(dialog, Banner, "appendFailure")
    await until(failure.isVisible)
    assert "not known whether the event was stored" in failure.plain_text()
    monkeypatch.setattr(store, "save_event", save)
    again = next(each for each in failure.findChildren(QAbstractButton) if each.text().startswith("Save the same"))
    QTest.mouseClick(again, Qt.MouseButton.LeftButton)
    panel = child(dialog, ConflictPanel, "conflictPanel")
    await until(panel.isVisible)
    assert panel.verdict.startswith("Yours is already stored")
    assert panel.refusal == "Not offered: yours is already stored"
    assert not child(dialog, QAbstractButton, "conflictRebase").isEnabled()
    assert panel.explanation.startswith("The same event was saved before.")
    assert panel.table.model().headerData(1, Qt.Orientation.Horizontal) == "Yours, v6"
    press(dialog, "conflictDuplicate")
    assert await closed(dialog) == QDialog.DialogCode.Accepted
    assert await store.last_sequence() == 6


async def test_looking_in_vain_is_said_and_the_form_keeps_its_room(
    open_dialog: Open, store: InMemoryEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = open_dialog()
    await fill(dialog)
    form = dialog.form.height()
    save = store.save_event

    async def lose_it(event: Event) -> int:
        raise OutcomeUnknownError(event, "no answer came in time")

    monkeypatch.setattr(store, "save_event", lose_it)
    press(dialog, "appendSubmit")
    failure = child(dialog, Banner, "appendFailure")
    await until(failure.isVisible)
    assert failure.fact == "It is not known whether the event was stored."
    assert "No answer came in time. Look for it, or save the same again" in failure.plain_text()
    for _ in range(2):
        QTest.keyClick(dialog, Qt.Key.Key_F5)
        await until(lambda: failure.fact == "It is not stored, as of now.")
        assert dialog.form.height() >= form - 24
        assert dialog.height() < 480
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.question.fact == "It is not known whether this is stored."
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.question.isVisible()
    monkeypatch.setattr(store, "save_event", save)
    again = next(each for each in failure.findChildren(QAbstractButton) if each.text().startswith("Save the same"))
    QTest.mouseClick(again, Qt.MouseButton.LeftButton)
    assert await closed(dialog) == QDialog.DialogCode.Accepted
    assert await store.last_sequence() == 6


async def test_edit_gives_the_text_back_and_offers_the_next_version(
    open_dialog: Open, store: InMemoryEventStore
) -> None:
    dialog = open_dialog()
    panel = await conflict(dialog, store)
    press(dialog, "conflictEdit")
    assert not panel.isVisible()
    assert not dialog.form.data.isReadOnly()
    assert dialog.form.data.text() == '{"resource": "Resource26"}'
    assert dialog.form.version.value() == 6, "no version is chosen for the user"
    assert dialog.form.use_next.text() == "Use 7"
    QTest.mouseClick(dialog.form.use_next, Qt.MouseButton.LeftButton)
    assert dialog.controller.draft.version == 7
    press(dialog, "appendSubmit")
    assert await closed(dialog) == QDialog.DialogCode.Accepted


async def test_discard_closes(open_dialog: Open, store: InMemoryEventStore) -> None:
    dialog = open_dialog()
    drafts: list[object] = []
    dialog.controller.draft_changed.connect(drafts.append)
    await conflict(dialog, store)
    press(dialog, "conflictDiscard")
    assert await closed(dialog) == QDialog.DialogCode.Rejected
    assert drafts[-1] is None
    assert await store.last_sequence() == 6


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


async def test_the_theme_can_change_while_the_panel_is_open(
    open_dialog: Open, store: InMemoryEventStore, qapp: QApplication
) -> None:
    apply_theme(qapp, "light")
    dialog = open_dialog()
    panel = await conflict(dialog, store)
    try:
        apply_theme(qapp, "dark")
        image = dialog.grab().toImage()
        ratio = image.devicePixelRatio()
        at = panel.mapTo(dialog, panel.rect().topLeft())
        assert image.pixelColor(round((at.x() + 4) * ratio), round((at.y() + 4) * ratio)) == DARK.conflict.tint
    finally:
        apply_theme(qapp, "light")


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
