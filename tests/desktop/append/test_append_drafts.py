"""Unsent text: on disk soon after it is typed, private, back after a crash, gone once it is appended."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QPlainTextEdit

from aether_desktop.draft_files import DraftFiles, DraftKey, KeptDraft
from aether_desktop.models.append.append_draft import AppendDraft, draft_from_json
from aether_desktop.models.append.append_drafts import DraftSlot
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.append.batch_draft import BatchDraft, batch_from_json
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.append.appending_dialog import AppendingDialog
from aether_desktop.ui.append.batch_dialog import BatchDialog
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import Event
from tests.desktop.driven_window import DrivenWindow, driven_file, replace_text, save_elsewhere
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMESPACE = "shop.orders"
ACTOR = "order-1"
KEY = DraftKey("sqlite:////srv/shop.aether", NAMESPACE, ACTOR, "event")
PAYLOAD = "4111-1111-1111-1111"


def kept(key: DraftKey = KEY, **values: object) -> KeptDraft:
    return KeptDraft(key, "2026-11-26T14:02:00+00:00", dict(values))


# --- Files ----------------------------------------------------------------------------------------------------


def test_files_are_private_whole_and_say_nothing_by_their_names(tmp_path: Path) -> None:
    files = DraftFiles(tmp_path / "drafts")
    assert files.read(KEY) is None
    assert files.of_store(KEY.url) == []
    files.remove(KEY)
    files.write(kept(data='{"card": "\ud800"}'))
    files.write(kept(data='{"card": "\ud800 \u202e"}'))
    assert files.read(KEY) == kept(data='{"card": "\ud800 \u202e"}'), "half a surrogate pair too"
    (path,) = files.folder.iterdir()
    assert "order" not in path.name
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    for other in (
        KEY._replace(actor_id=None),
        KEY._replace(kind="batch"),
        KEY._replace(namespace="shop.payments"),
    ):
        assert files.read(other) is None
    newer = KEY._replace(actor_id="order-2")
    files.write(kept(newer))
    os.utime(path, (1, 1))
    files.write(kept(KEY._replace(url="nats://127.0.0.1:4222")))
    assert [each.key for each in files.of_store(KEY.url)] == [newer, KEY]
    files.remove(KEY)
    assert files.read(KEY) is None


def test_a_damaged_file_is_set_aside_and_its_content_logged_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = DraftFiles(tmp_path)
    for damage in (
        f'{{"data": "{PAYLOAD}"',
        f'["{PAYLOAD}"]',
        f'{{"url": "{PAYLOAD}", "actor": 7}}',
        "[" * 100_000,
    ):
        path = tmp_path / KEY.file_name
        path.write_text(damage)
        assert files.read(KEY) is None
        assert not path.exists()
        assert path.with_suffix(".damaged").read_text() == damage, "nobody throws it away"
    assert "set aside" in caplog.text
    assert PAYLOAD not in caplog.text


def test_drafts_come_back_as_they_were_or_not_at_all() -> None:
    draft = AppendDraft(NAMESPACE, ACTOR, "OrderPaid", 7, '{"a": 1.10', "{}").stamped()
    assert draft_from_json(json.loads(json.dumps(draft.to_json())), NAMESPACE) == draft
    batch = BatchDraft(NAMESPACE, ACTOR, 7, '[{"eventType": "A"}, {"eventType": "B"}]').stamped()
    assert batch_from_json(json.loads(json.dumps(batch.to_json())), NAMESPACE) == batch
    changes: list[dict[str, object]]
    changes = [{"version": 0}, {"version": True}, {"id": ""}, {"timestamp": "noon"}, {"data": None}]
    for change in changes:
        assert draft_from_json({**draft.to_json(), **change}, NAMESPACE) is None
    changes = [{"ids": ["x", 1]}, {"ids": []}, {"text": 1}, {"timestamp": "2026-01-01"}]
    for change in changes:
        assert batch_from_json({**batch.to_json(), **change}, NAMESPACE) is None


async def test_what_is_told_last_is_written_and_what_was_submitted_at_once(tmp_path: Path) -> None:
    files = DraftFiles(tmp_path / "drafts")
    slot = DraftSlot(KEY, files, {})
    draft = AppendDraft(NAMESPACE, ACTOR, "OrderPaid")
    for text in ("{", '{"a"', '{"a": 1}'):
        slot.keep(AppendDraft(NAMESPACE, ACTOR, "OrderPaid", data_text=text))
    assert files.read(KEY) is None, "not at every letter"
    await until(lambda: files.read(KEY) is not None)
    found = await slot.read()
    assert found is not None
    assert found.values["data"] == '{"a": 1}'
    slot.keep(draft.stamped())
    await slot.flush()
    found = await slot.read()
    assert found is not None
    assert found.values["id"]
    slot.keep(None)
    await slot.close()
    assert list(files.folder.iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "drafts").write_text("a file where the folder should be")
    slot = DraftSlot(KEY, DraftFiles(tmp_path / "drafts"), {})
    failures: list[str] = []
    slot.failed.connect(failures.append)
    for text in (f'{{"card": "{PAYLOAD}"}}', "{}"):
        slot.keep(AppendDraft(NAMESPACE, ACTOR, "OrderPaid", data_text=text))
        await slot.flush()
    await slot.close()
    assert len(failures) == 1
    assert PAYLOAD not in caplog.text


# --- In the window --------------------------------------------------------------------------------------------


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.aether"
    placed = Event("e-1", "OrderPlaced", ACTOR, 1, {"total": 5}, {"CorrelationID": "c-1", "UserID": "mara"})
    await save_elsewhere(path, placed, namespace=NAMESPACE)
    return path


@asynccontextmanager
async def crashing(file: Path) -> AsyncIterator[DrivenWindow]:
    """A window of which nothing that is typed from here on is written at its end: as after `kill -9`."""
    async with driven_file(file) as seen:
        await seen.click_row(0)
        yield seen
        for _, slot in seen.panels.commands.appending._open:
            slot._waiting = None
            slot.keep = lambda draft: None  # type: ignore[method-assign]  # nothing to keep


def drafts(file: Path) -> list[Path]:
    return list((file.parent / "drafts").glob("*.json"))


async def stored(file: Path) -> list[Event]:
    async with open_engine(sqlite_url(file), read_only=True) as engine:
        return await (await engine.store(NAMESPACE)).get_events(ACTOR)


def press(seen: DrivenWindow, dialog: AppendingDialog, text: str) -> None:
    """Click the button or link that says `text`."""
    buttons = [each for each in dialog.findChildren(QAbstractButton) if each.text() == text and each.isVisible()]
    assert len(buttons) == 1, text
    QTest.mouseClick(buttons[0], Qt.MouseButton.LeftButton)


async def test_unsent_text_survives_a_crash_and_is_said(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    for package in ("aether_desktop", "aether_engine"):
        caplog.set_level(logging.DEBUG, package)
    async with crashing(file) as seen:
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        assert not drafts(file), "nothing was typed"
        replace_text(dialog.form.data, f'{{"card": "{PAYLOAD}", ')
        dialog.form.event_type.setEditText("OrderPaid")
        await until(lambda: len(drafts(file)) == 1, what="the draft is on disk")
    assert PAYLOAD in drafts(file)[0].read_text()
    async with driven_file(file) as seen:
        await until(lambda: "Unsent text was kept for order-1 in shop.orders." in seen.banner, what="the news")
        press_banner(seen, "Go on with it")
        dialog = await seen.dialog(AppendDialog)
        assert dialog.news.plain_text().startswith("Your unsent text of 20")
        assert dialog.form.data.text() == f'{{"card": "{PAYLOAD}", ', "also what is not valid yet"
        assert dialog.form.event_type.currentText() == "OrderPaid"
        await until(lambda: dialog.form.version.value() == 2, what="nobody had typed a version")
        replace_text(dialog.form.data, f'{{"card": "{PAYLOAD}"}}')
        QTest.mouseClick(seen.child(QAbstractButton, "appendSubmit", dialog), Qt.MouseButton.LeftButton)
        await until(lambda: not seen.window.findChildren(AppendDialog), what="the dialog is gone")
        await until(lambda: not drafts(file), what="nothing is left to keep")
        await seen.settle()
    assert [event.event_type for event in await stored(file)] == ["OrderPlaced", "OrderPaid"]
    assert PAYLOAD not in caplog.text, "no log holds what was typed"
    async with driven_file(file) as seen:
        assert "Unsent" not in seen.banner


def press_banner(seen: DrivenWindow, text: str) -> None:
    link = next(each for each in seen.window.banner.findChildren(QAbstractButton) if each.text() == text)
    QTest.mouseClick(link, Qt.MouseButton.LeftButton)


async def test_a_crash_between_submitting_and_the_answer_ends_as_found(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with crashing(file) as seen:
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        await until(lambda: dialog.controller.current_version == 1)
        dialog.form.event_type.setEditText("OrderPaid")
        dialog.controller.submit()
        await until(lambda: dialog.controller.stored_count == 1 or not dialog.isVisible())
        # As if the program had ended right before it heard of that.
        kept_text = json.dumps(dialog.controller.draft.to_json())
    slot_key = DraftKey(sqlite_url(file), NAMESPACE, ACTOR, "event")
    DraftFiles(file.parent / "drafts").write(kept(slot_key, **json.loads(kept_text)))
    async with driven_file(file) as seen:
        await seen.click_row(0)
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        await until(lambda: "Found: version 2 of order-1" in dialog.news.plain_text(), what="it is found")
        assert dialog.controller.state is AppendState.EDITING
        assert dialog.form.version.value() == 3
        assert '"CausationID": "e-1"' in dialog.form.metadata.text()
        await until(lambda: not drafts(file))
        dialog.reject()
        await seen.settle()
    assert len(await stored(file)) == 2, "once"


async def test_a_draft_is_kept_on_closing_and_can_be_left(file: Path) -> None:
    async with driven_file(file) as seen:
        await seen.click_row(0)
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        replace_text(dialog.form.data, '{"a": 1}')
        seen.key(Qt.Key.Key_Escape, target=dialog)
        press(seen, dialog, "Keep as draft and close")
        await until(lambda: not seen.window.findChildren(AppendDialog))
        await seen.settle()
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        assert dialog.form.data.text() == '{"a": 1}'
        press(seen, dialog, "Start afresh")
        assert dialog.form.data.text() == "{}"
        assert '"CorrelationID": "c-1"' in dialog.form.metadata.text()
        await until(lambda: not drafts(file))
        # One like the selected has nothing to do with what is left for the actor.
        replace_text(dialog.form.data, '{"b": 2}')
        await until(lambda: len(drafts(file)) == 1)
        dialog.done(0)
        await until(lambda: not seen.window.findChildren(AppendDialog))
        seen.run("append_like")
        dialog = await seen.dialog(AppendDialog)
        assert json.loads(dialog.form.data.text()) == {"total": 5}
        replace_text(dialog.form.data, '{"total": 6}')
        await until(lambda: len(drafts(file)) == 2)
        dialog.controller.discard()
        await until(lambda: not seen.window.findChildren(AppendDialog))
        await seen.settle()
        (left,) = drafts(file)
        assert '{\\"b\\": 2}' in left.read_text()


async def test_a_batch_is_kept_too_and_what_was_typed_goes_along(file: Path) -> None:
    async with crashing(file) as seen:
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        dialog.form.event_type.setEditText("OrderPaid")
        replace_text(dialog.form.data, '{"fee": 12.50}')
        press(seen, dialog, "Several as a batch…")
        batch = await seen.dialog(BatchDialog)
        text = batch.form.events.text()
        assert '"eventType": "OrderPaid", "data": {"fee": 12.50}, "metadata": {"CorrelationID":"c-1"' in text
        replace_text(batch.form.events, text.replace("\n]", ',\n  {"eventType": "OrderShipped"}\n]'))
        await until(lambda: batch.form.preview.rowCount() == 2)
        await until(lambda: any("OrderShipped" in path.read_text() for path in drafts(file)))
    async with driven_file(file) as seen:
        await seen.click_row(0)
        seen.run("append_batch")
        other = await seen.dialog(BatchDialog)
        assert "OrderShipped" not in other.form.events.text(), "another batch than the one that was left"
        other.reject()
        await until(lambda: not seen.window.findChildren(BatchDialog))
        seen.workspace.connection_opened.emit(seen.workspace.connections[0])
        await until(lambda: "Unsent text was kept for order-1" in seen.banner, what="the news")
        press_banner(seen, "Go on with it")
        batch = await seen.dialog(BatchDialog)
        assert "OrderShipped" in batch.form.events.text()
        assert batch.news.isVisible()
        await until(lambda: batch.controller.current_version == 1)
        press(seen, batch, "Append")
        await until(lambda: not seen.window.findChildren(BatchDialog))
        await seen.settle()
        assert "Appended 2 events, the last for order-1, at sequences 2 to 3." in seen.banner
        assert not drafts(file)
    assert [(event.event_type, event.version) for event in await stored(file)] == [
        ("OrderPlaced", 1),
        ("OrderPaid", 2),
        ("OrderShipped", 3),
    ]


async def test_the_dialog_stays_open_for_several_in_a_row(file: Path) -> None:
    async with driven_file(file) as seen:
        await seen.click_row(0)
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        await until(lambda: dialog.controller.current_version == 1)
        QTest.mouseClick(dialog.stay_open, Qt.MouseButton.LeftButton, pos=dialog.stay_open.rect().center())
        dialog.stay_open.setChecked(True)
        seen.child(QComboBox, "appendEventType", dialog).setEditText("OrderPaid")
        for version in (2, 3):
            editor = seen.child(QPlainTextEdit, "appendData", dialog)
            replace_text(editor, f'{{"part": {version}}}')
            assert seen.child(QAbstractSpinBox, "appendVersion", dialog).text() == str(version)
            press(seen, dialog, "Append")
            await until(lambda: f"Appended version {version} of" in dialog.news.plain_text())
        assert dialog.isVisible()
        dialog.reject()
        await until(
            lambda: not seen.window.findChildren(AppendDialog), what="nothing is asked: all of it is stored"
        )
        await seen.settle()
        assert not drafts(file)
        assert seen.workspace.settings.get("append_stay_open") is True
    assert [event.data for event in await stored(file)] == [{"total": 5}, {"part": 2}, {"part": 3}]


async def test_what_was_submitted_and_is_stored_with_other_data_is_shown_as_a_duplicate(file: Path) -> None:
    draft = AppendDraft(NAMESPACE, ACTOR, "OrderPaid", 1, '{"other": 1}', id="e-1", timestamp=datetime.now(UTC))
    DraftFiles(file.parent / "drafts").write(
        kept(DraftKey(sqlite_url(file), NAMESPACE, ACTOR, "event"), **draft.to_json())
    )
    async with driven_file(file) as seen:
        await seen.click_row(0)
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        await until(dialog.panel.isVisible, what="the conflict panel")
        assert dialog.panel.verdict.startswith("Yours is already stored, it is a duplicate:")
        assert "v1 has the same id, but another event type" in dialog.panel.verdict
        QTest.mouseClick(dialog.panel.duplicate_button, Qt.MouseButton.LeftButton)
        await until(lambda: not seen.window.findChildren(AppendDialog))
        await seen.settle()
        assert not drafts(file)
