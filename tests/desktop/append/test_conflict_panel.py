"""The conflict panel in the append dialog: what it says, and each way out of it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QWidget,
)

from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.append.conflict_table import ConflictTableModel
from aether_desktop.ui.append.conflict_panel import ConflictPanel
from aether_desktop.ui.widgets.banner import Banner
from aether_desktop.ui.widgets.theme import DARK, apply_theme
from aether_engine.errors import OutcomeUnknownError
from aether_engine.event import Event
from aether_engine.store.memory.store import InMemoryEventStore
from tests.desktop.append.dialogs import Open, child, closed, conflict, fill, press
from tests.desktop.append.stories import ACTOR, event
from tests.waiting import until

# Qt's offscreen platform says so of every window that has a least size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")


async def test_the_conflict_panel_says_what_happened(open_dialog: Open, store: InMemoryEventStore) -> None:
    dialog = open_dialog()
    panel = await conflict(dialog, store, data={"resource": "Resource21"})
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
