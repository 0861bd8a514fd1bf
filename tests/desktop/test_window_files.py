"""Files in the window: import and export, what cannot be opened, and how everything ends."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPushButton

from aether_desktop.app import CLOSE_TIMEOUT
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.events.copy_dialog import CopyDialog
from aether_engine.event import Event
from tests.desktop.driven_window import NAMESPACE, DrivenWindow, driven, driven_file, import_into, save_elsewhere
from tests.waiting import until

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
async def file(tmp_path: Path, permits_extract: Path) -> Path:
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, byte for byte."""
    return {
        str(entry.relative_to(folder)): entry.read_bytes()
        for entry in folder.rglob("*")
        if entry.is_file() and entry.name != "settings.json"
    }


# -- moving events


async def test_import_and_export_through_the_menu(tmp_path: Path, permits_extract: Path) -> None:
    async with driven_file(tmp_path / "new.aether") as seen:
        seen.run("import_events")
        await seen.answer_file_dialog(permits_extract)
        await until(lambda: "Imported 291 events" in seen.banner)
        await seen.settle()
        await until(lambda: seen.view.model.rowCount() == 291, what="the log has the events")
        target = tmp_path / "out.ndjson"
        seen.run("export_namespace")
        await seen.answer_file_dialog(target)
        await until(lambda: "Exported 291 events to out.ndjson" in seen.banner)
        assert target.read_bytes() == permits_extract.read_bytes()


async def test_an_actor_is_exported_alone(file: Path, permits_extract: Path) -> None:
    async with driven_file(file) as seen:
        await seen.click_row(0)
        target = file.parent / "actor.ndjson"
        seen.run("export_actor")
        await seen.answer_file_dialog(target)
        await until(lambda: "Exported 17 events" in seen.banner)
        lines = permits_extract.read_bytes().splitlines(keepends=True)
        assert target.read_bytes() == b"".join(line for line in lines if b'"actorId":"permit-891"' in line)


async def test_a_namespace_goes_to_a_spreadsheet(file: Path) -> None:
    async with driven_file(file) as seen:
        target = file.parent / "rows.csv"
        seen.run("export_namespace")
        await seen.answer_file_dialog(target)
        await until(lambda: "Exported 291 events to rows.csv" in seen.banner)
        with target.open(encoding="utf-8-sig", newline="") as text:
            assert len(list(csv.DictReader(text))) == 291


async def test_an_actor_is_copied_into_a_new_file(file: Path) -> None:
    async with driven_file(file) as seen:
        await seen.click_row(0)
        seen.run("copy_actor")
        dialog = await seen.dialog(CopyDialog, "copyDialog")
        namespace = seen.child(QLineEdit, "copyNamespace", dialog)
        submit = seen.child(QPushButton, "copySubmit", dialog)
        assert dialog.target.currentText() == "A file…", "not where they are"
        assert submit.isEnabled()
        dialog.target.setCurrentIndex(0)
        assert dialog.problem.text() == "That is where they are."
        assert not submit.isEnabled()
        namespace.setText("not a name")
        assert "not a name" in dialog.problem.text()
        namespace.setText("trial")
        dialog.target.setCurrentIndex(dialog.target.count() - 1)
        assert submit.isEnabled()
        QTest.mouseClick(submit, Qt.MouseButton.LeftButton)
        await seen.answer_file_dialog(file.parent / "trial.aether")
        await until(lambda: "Copied 17 events into trial" in seen.banner)
        assert [each.title for each in seen.workspace.connections] == [file.name, "trial.aether"]
        copied = await seen.workspace.connections[1].engine.store("trial")
        assert await copied.last_sequence() == 17
        # Back to where they came from: nothing is stored twice, and that is said.
        await seen.settle()
        await seen.click_row(0)
        seen.run("copy_actor")
        dialog = await seen.dialog(CopyDialog, "copyDialog")
        dialog.target.setCurrentIndex(0)
        seen.child(QLineEdit, "copyNamespace", dialog).setText(NAMESPACE)
        QTest.mouseClick(seen.child(QPushButton, "copySubmit", dialog), Qt.MouseButton.LeftButton)
        await until(lambda: "is at version" in seen.banner, what="the conflict is told")
        assert await (await seen.workspace.connections[0].engine.store(NAMESPACE)).last_sequence() == 291


async def test_a_bad_line_is_named_and_nothing_imported(file: Path) -> None:
    bad = file.parent / "bad.ndjson"
    good = Event("new-1", "OrderPlaced", "order-1", 1, {}).to_json()
    bad.write_bytes(good + b'\n{"id": "x", "version": "seven"}\n')
    async with driven_file(file) as seen:
        seen.run("import_events")
        await seen.answer_file_dialog(bad)
        await until(lambda: "Import bad.ndjson failed." in seen.banner)
        assert "line 2" in seen.banner
        await seen.settle()
        assert seen.view.model.rowCount() == 291
        store = await seen.workspace.store(seen.place)
        assert await store.last_sequence() == 291


async def test_lines_of_json_dropped_on_the_window_open_in_memory(tmp_path: Path, permits_extract: Path) -> None:
    async with driven(tmp_path / "settings.json") as seen:
        drop(seen, permits_extract)
        await until(lambda: seen.tabs == ["Log permits-extract"], what="the log of what was dropped")
        await seen.settle()
        assert seen.view.model.rowCount() == 291


def drop(seen: DrivenWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    seen.window.dropEvent(
        QDropEvent(QPointF(QPoint(300, 300)), action, data, button, Qt.KeyboardModifier.NoModifier)
    )


# -- what cannot be opened


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.commit()


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.commit()


def text(path: Path) -> None:
    path.write_bytes(b"Dear diary, this is no event file at all.\n" * 40)


@pytest.mark.parametrize("spoil", [newer, foreign, text])
async def test_what_is_no_event_file_is_told_and_left_alone(file: Path, spoil: Callable[[Path], None]) -> None:
    spoil(file)
    before = contents(file.parent)
    async with driven(file.parent / "settings.json") as seen:
        for read_only in (False, True):
            assert await seen.workspace.open_path(file, read_only=read_only) is None
            assert "could not be opened" in seen.banner
            assert "permits.aether" in seen.banner
            assert seen.window.banner.isVisible()
        assert seen.window.welcome.isVisible()
        assert seen.workspace.settings.recent == []
    assert contents(file.parent) == before


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("length", [9_000, 200_000])
async def test_a_file_that_is_cut_off_is_told_and_left_alone(file: Path, length: int, read_only: bool) -> None:
    file.write_bytes(file.read_bytes()[:length])
    before = contents(file.parent)
    async with driven(file.parent / "settings.json") as seen:
        await seen.workspace.open_path(file, read_only=read_only)
        await seen.settle()
        await until(lambda: "permits.aether" in seen.banner and "cut off" in seen.banner, what=seen.banner)
    assert contents(file.parent) == before


async def test_what_is_left_of_a_file_that_is_cut_off_can_be_opened_read_only(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:200_000])
    async with driven(file.parent / "settings.json") as seen:
        await seen.workspace.open_path(file)
        await until(lambda: "could not be opened" in seen.banner, what="that it is damaged")
        buttons = seen.window.banner.findChildren(QPushButton)
        next(each for each in buttons if each.text() == "Open read-only").click()
        await until(lambda: len(seen.workspace.connections) == 1, what="it is opened")
        await seen.settle()
        assert seen.workspace.connections[0].engine.read_only
        assert "could not be opened" not in seen.banner, "that is over"


async def test_a_namespace_without_events_is_the_one_that_is_named(tmp_path: Path) -> None:
    async with driven_file(tmp_path / "new.aether") as seen:
        assert seen.tabs == ["Log default"]
        assert seen.window.namespace_combo.currentText() == "default"
        # Not the button that closes the tab, which a key would press.
        assert seen.view.hasFocus()
        assert not seen.panels.navigator.tree.currentIndex().isValid()


async def test_logs_of_one_name_are_told_apart_by_their_files(file: Path) -> None:
    other = file.with_name("copy.aether")
    other.write_bytes(file.read_bytes())
    async with driven_file(file) as seen:
        assert seen.tabs == [f"Log {NAMESPACE}"]
        await seen.workspace.open_path(other)
        await seen.settle()
        assert seen.tabs == [f"Log {NAMESPACE} (permits.aether)", f"Log {NAMESPACE} (copy.aether)"]
        seen.run("close_tab")
        await seen.settle()
        assert seen.tabs == [f"Log {NAMESPACE}"]


async def test_a_folder_dropped_on_the_window_is_told_and_left_alone(file: Path) -> None:
    before = contents(file.parent)
    folder = file.parent / "folder.aether"
    folder.mkdir()
    async with driven(file.parent / "settings.json") as seen:
        drop(seen, folder)
        # A folder of events may be audited; this one holds none.
        await until(lambda: seen.panels.auditing.in_front is not None)
        view = seen.panels.auditing.in_front
        assert view is not None
        await until(lambda: "folder.aether could not be audited" in view.banner.plain_text())
        assert "neither files of events" in view.banner.plain_text()
    assert contents(file.parent) == before
    assert list(folder.iterdir()) == []


async def test_a_file_opened_twice_is_one_connection(file: Path) -> None:
    async with driven_file(file) as seen:
        for _ in range(2):
            await seen.workspace.open_path(file)
            await seen.settle()
        assert len(seen.workspace.connections) == 1
        assert seen.tabs == ["Log permits"]


async def test_the_same_file_read_only_beside_itself(file: Path) -> None:
    async with driven_file(file) as seen:
        await seen.workspace.open_path(file, read_only=True)
        await seen.settle()
        assert len(seen.workspace.connections) == 2
        assert not seen.can("append")
        await save_elsewhere(file, Event("late", "T", "permit-891", 18, {}))
        await until(lambda: seen.view.model.rowCount() == 292)
        seen.window.documents.setCurrentIndex(0)
        assert seen.can("append")


async def test_a_file_deleted_underneath_does_not_take_the_window_with_it(file: Path) -> None:
    async with driven_file(file) as seen:
        await seen.click_row(3)
        for entry in file.parent.glob("permits.aether*"):
            entry.unlink()
        seen.key(Qt.Key.Key_F8)
        await seen.at(5)
        assert seen.window.isVisible()


# -- hostile and huge events


async def test_hostile_ids_are_shown_as_what_they_are(tmp_path: Path) -> None:
    actor = "order-\u202egnp.exe\u2066<b>&amp;\n"
    path = tmp_path / "hostile.aether"
    await save_elsewhere(path, Event("id\u200b", "Type\u202e<i>", actor, 1, {"<b>": "\u202e"}), namespace="x")
    async with driven_file(path) as seen:
        await seen.click_row(0)
        seen.run("open_stream")
        await until(lambda: len(seen.tabs) == 2)
        await seen.settle()
        titles = [*seen.tabs, seen.window.windowTitle(), seen.panels._inspector_dock.windowTitle()]
        assert not any(character in title for title in titles for character in "\u202e\u2066\n")
        seen.run("append")
        dialog = await seen.dialog(AppendDialog)
        assert not set("\u202e\u2066\n") & set(dialog.windowTitle())
        dialog.reject()
        await seen.settle()


async def test_five_megabytes_and_twenty_thousand_versions_stay_usable(tmp_path: Path) -> None:
    path = tmp_path / "huge.aether"
    big = Event("big", "Big", "big-1", 1, {"text": "x" * 5_000_000, "list": list(range(1000))})
    await save_elsewhere(path, big, namespace="x")
    versions = range(1, 20_001)
    many = [Event(f"many-{version}", "Ticked", "many-1", version, {"n": version}) for version in versions]
    for first in range(0, 20_000, 1000):
        await save_elsewhere(path, *many[first : first + 1000], namespace="x")
    async with driven_file(path) as seen:
        await seen.click_row(0)
        await seen.settle()
        tabs = seen.panels.inspector.tabs
        for index in range(tabs.count()):
            tabs.setCurrentIndex(index)
            await seen.settle()
        assert seen.panels.inspector.stored is not None
        assert seen.panels.inspector.stored.raw == big.to_json()
        await seen.click_row(1)
        seen.run("open_stream")
        await until(lambda: seen.tabs[-1] == "many-1")
        await until(lambda: seen.view.model.rowCount() == 20_000)
        await seen.settle()
        seen.panels.state_panel.slider.setValue(19_999)
        await until(lambda: seen.shown_version == 20_000)
        await seen.at(20_001)


# -- ending


def open_files(folder: Path) -> list[str]:
    """The files of a folder that this process has open."""
    if not Path("/proc/self/fd").is_dir():
        return []
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(target)
    return found


async def test_closing_ends_everything_promptly(file: Path) -> None:
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    async with driven_file(file) as seen:
        seen.run("new_tail")
        seen.window.documents.setCurrentIndex(0)
        await seen.click_row(1)
        seen.run("append")
        await seen.dialog(AppendDialog)
        seen.run("open_stream")
        asked: list[None] = []
        seen.window.close_asked.connect(lambda: asked.append(None))
        seen.window.close()
        await until(lambda: bool(asked), what="the window asks the application to end")
        assert not seen.window.isVisible()
        began = monotonic()
        await seen.close()
        assert monotonic() - began < CLOSE_TIMEOUT, "nothing is waited for until it is given up"
        assert asyncio.all_tasks() == tasks
        assert open_files(file.parent) == []
        await until(lambda: not [t for t in threading.enumerate() if t not in threads and not t.daemon])
    assert [entry.name for entry in file.parent.glob("permits.aether*")] == [file.name], "no side files stay"


async def test_closing_while_an_import_runs_takes_it_back(file: Path, permits_extract: Path) -> None:
    big = file.parent / "big.ndjson"
    with big.open("wb") as lines:
        for number in range(60_000):
            lines.write(Event(f"e{number}", "T", f"a-{number}", 1, {}).to_json() + b"\n")
    async with driven_file(file) as seen:
        place = seen.workspace.place
        assert place is not None
        job = seen.workspace.transfers.import_file(place, big)
        await until(lambda: job.progress.done > 0 or job.progress.fraction, what="the import runs")
    async with driven_file(file) as seen:
        assert seen.view.model.rowCount() == 291
        assert [info.name for info in seen.workspace.connections[0].namespaces] == [NAMESPACE]


async def test_tabs_closed_while_they_load_leave_nothing(file: Path) -> None:
    async with driven_file(file) as seen:
        for row in (0, 6, 14, 30):
            await seen.click_row(row)
            seen.run("open_stream")
            await asyncio.sleep(0)
            while seen.window.documents.count() > 1:
                seen.window.documents.setCurrentIndex(1)
                seen.run("close_tab")
            await seen.settle()
            seen.window.documents.setCurrentIndex(0)
            while seen.window.documents.count() > 1:
                seen.window.documents.setCurrentIndex(1)
                seen.run("close_tab")
        await seen.settle()
        assert seen.tabs == ["Log permits"]
