"""Files that are no store, or a damaged one, in the window: audited as evidence, reported on, and recovered."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from aether_desktop.app import open_asked, parse_arguments
from aether_desktop.audit_subjects import kind_of, proposed_columns, target_of
from aether_desktop.models.audit.audit_run import AuditState
from aether_desktop.models.audit.finding_groups import GroupBy
from aether_desktop.report_files import load_report
from aether_desktop.ui.audit.audit_view import AuditView
from aether_desktop.ui.audit.csv_columns_dialog import CsvColumnsDialog
from aether_desktop.ui.audit.recover_dialog import RecoverDialog
from aether_desktop.ui.widgets.banner import Banner
from aether_engine.audit import AuditScope, AuditSettings, SourceTarget
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.errors import TransferError
from tests.desktop.driven_window import DrivenWindow, driven
from tests.desktop.stores import order_event
from tests.desktop.test_window_audit import over, row_of
from tests.engine.audit.corpus import build
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    async with driven(tmp_path / "settings.json") as window:
        yield window


def lines(count: int) -> list[bytes]:
    return [order_event(1, version).to_json() for version in range(1, count + 1)]


async def evidence(seen: DrivenWindow) -> AuditView:
    await until(lambda: seen.panels.auditing.in_front is not None, what="the audit's tab")
    view = seen.panels.auditing.in_front
    assert view is not None
    await until(lambda: view.run.kind is not None or view.run.state is AuditState.FAILED, what="what it is")
    return view


async def press(seen: DrivenWindow, words: str) -> None:
    """Press an action of the banner that is shown."""

    def found() -> list[QPushButton]:
        banners = seen.window.findChildren(Banner)
        buttons = [button for banner in banners for button in banner.findChildren(QPushButton)]
        return [button for button in buttons if button.isVisible() and button.text() == words]

    await until(lambda: len(found()) == 1, what=words)
    QTest.mouseClick(found()[0], Qt.MouseButton.LeftButton)


async def test_packed_lines_are_audited_where_they_are(seen: DrivenWindow, tmp_path: Path) -> None:
    path = tmp_path / "orders.ndjson.gz"
    raws = lines(6)
    raws[3] = raws[3].replace(b'"version":4', b'"version":"four"')
    path.write_bytes(gzip.compress(b"\n".join(raws) + b"\n"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    seen.run("audit_file")
    await seen.answer_file_dialog(path)
    view = await evidence(seen)
    assert "Lines of JSON, compressed (gzip)" in seen.child(QLabel, "auditFacts").text()
    assert "read-only" in seen.child(QLabel, "auditFacts").text()
    QTest.keyClick(seen.child(QPushButton, "auditRun"), Qt.Key.Key_Space)
    await over(view.run)
    assert digest in seen.child(QLabel, "auditHash").text()
    view.select_row(row_of(view, "invalid-field"))
    await until(lambda: view.detail.hex.raw == raws[3], what="the line's bytes")
    assert view.current is not None
    assert ("Place", "orders.ndjson.gz, line 4") in view.current.evidence
    await seen.active()
    QTest.keyClick(view.table, Qt.Key.Key_Return)
    assert view.detail.hex.hasFocus(), "there is no log to go to: the bytes are here"
    QTest.mouseClick(view.detail.neighbours["after"], Qt.MouseButton.LeftButton)
    await until(lambda: view.detail.hex.raw == raws[4], what="the next line")
    assert not seen.workspace.connections

    # Again is the same tab; a filter is offered though nothing is connected.
    seen.panels.auditing.audit_path(path)
    assert seen.tabs == ["Audit orders.ndjson.gz"]
    assert seen.panels.filter_bar.isVisible()
    seen.run("close_tab")
    await seen.settle()
    assert seen.tabs == []


async def test_csv_asks_for_its_columns(seen: DrivenWindow, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(
        "Event Id,Order,Rev,When,Kind,Amount\n"
        "e1,order-1,1,2026-01-01T00:00:00Z,Placed,10\n"
        "e2,order-1,1,2026-01-02T00:00:00Z,Paid,10\n"
    )
    drop(seen, path)
    dialog = await seen.dialog(CsvColumnsDialog)
    assert dialog.fields["id"].currentText() == "Event Id"
    assert dialog.fields["eventType"].currentText() == "Kind"
    dialog.fields["actorId"].setCurrentText("Order")
    dialog.fields["timestamp"].setCurrentText("When")
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    view = await evidence(seen)
    seen.run("audit_run")
    await over(view.run)
    assert [one.check for one in view.run.found] == ["version-order"]
    view.select_row(1)
    await until(lambda: b'"Amount":"10"' in view.detail.hex.raw, what="the row as an event")


def drop(seen: DrivenWindow, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    event = QDropEvent(QPointF(10, 10), copy, mime, left, Qt.KeyboardModifier.NoModifier)
    seen.window.dropEvent(event)


async def test_a_folder_is_one_log(seen: DrivenWindow, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    raws = lines(4)
    (folder / "a.ndjson").write_bytes(b"\n".join(raws[:2]))
    (folder / "b.json").write_bytes(b"[" + b",".join(raws[1:]) + b"]")
    # As from the command line; dropped is the same.
    await open_asked(seen.window, parse_arguments([str(folder)]))
    drop(seen, folder)
    view = await evidence(seen)
    assert seen.tabs == ["Audit export"]
    assert "Folder with 2 files of events" in seen.child(QLabel, "auditFacts").text()
    seen.run("audit_run")
    await over(view.run)
    assert {one.check for one in view.run.found} == {"version-order", "duplicate-id"}
    assert "and 1 more file" in seen.child(QLabel, "auditHash").text()


async def test_what_cannot_be_opened_is_offered_to_be_audited_and_recovered(
    seen: DrivenWindow, tmp_path: Path
) -> None:
    path = tmp_path / "shop.aether"
    async with open_engine(sqlite_url(path)) as engine:
        await (await engine.store("shop")).save_events([order_event(1, version) for version in range(1, 200)])
    damaged = bytearray(path.read_bytes())
    damaged[:100] = bytes(100)
    damaged[-8192:] = bytes(8192)
    path.write_bytes(damaged)
    await seen.workspace.open_path(path)
    assert "could not be opened" in seen.banner
    await press(seen, "Audit it")
    view = await evidence(seen)
    assert "File without the head of an event file" in seen.child(QLabel, "auditFacts").text()
    seen.run("audit_run")
    await over(view.run)
    assert view.run.state is AuditState.FAILED
    assert view.banner.isVisible()
    seen.window.banner.hide()
    await press(seen, "Recover into a new file…")
    dialog = await seen.dialog(RecoverDialog)
    assert dialog.source.text() == str(path)
    dialog.target.setText(str(path))
    assert not dialog.start.isEnabled(), "nothing is overwritten"
    target = tmp_path / "new.aether"
    dialog.target.setText(str(target))
    QTest.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    await until(lambda: dialog.open_button.isVisible(), 10, "it is recovered")
    said = re.match(r"(\d+) events of 1 actor were written\. Lost: (\d+)\.", dialog.words.text())
    assert said is not None
    assert sum(map(int, said.groups())) == 199
    kinds = {dialog.table.model().index(row, 0).data() for row in range(dialog.table.model().rowCount())}
    assert kinds == {"Lost events", "Unreadable page"}
    dialog.grab()
    QTest.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    await until(lambda: any(one.is_file for one in seen.workspace.connections), what="the new file is open")
    await seen.settle()
    assert bytes(damaged) == path.read_bytes()


async def test_a_log_beside_the_file_is_copied_first_and_said(seen: DrivenWindow, tmp_path: Path) -> None:
    path, folder = tmp_path / "live.aether", tmp_path / "left by a crash"
    folder.mkdir()
    async with open_engine(sqlite_url(path)) as engine:
        await (await engine.store("shop")).save_events([order_event(1, version) for version in range(1, 5)])
        for name in ("live.aether", "live.aether-wal"):
            (folder / name).write_bytes((tmp_path / name).read_bytes())
    view = seen.panels.auditing.audit_path(folder / "live.aether")
    await evidence(seen)
    assert view.run.kind is not None
    assert "both are copied first" in view.run.kind.notes[0]
    seen.run("audit_run")
    await over(view.run)
    assert "the copy was read" in seen.child(QLabel, "auditNotes").text()
    assert view.run.totals.events == 4
    assert sorted(one.name for one in folder.iterdir()) == ["live.aether", "live.aether-wal"]


async def test_an_import_that_fails_is_offered_to_be_audited(seen: DrivenWindow, tmp_path: Path) -> None:
    path = tmp_path / "broken.ndjson"
    path.write_bytes(b"\n".join([*lines(2), b"{nothing"]))
    await seen.workspace.open_path(path)
    await press(seen, "Audit it")
    view = await evidence(seen)
    seen.run("audit_run")
    await over(view.run)
    assert [one.check for one in view.run.found] == ["undecodable"]


@pytest.mark.parametrize("form", ["html", "csv", "json"])
async def test_reports_are_written(form: str, seen: DrivenWindow, tmp_path: Path) -> None:
    view = await corpus(seen, tmp_path)
    path = tmp_path / f"out.{form}"
    seen.run("audit_export")
    await seen.answer_file_dialog(path)
    await until(lambda: str(path) in seen.banner, 10, "it is written")
    text = path.read_text("utf-8-sig")
    assert view.run.target is not None
    assert view.run.target.evidence.files[0].before in text
    assert "Checksum mismatch" in text
    shown: list[Path] = []
    seen.panels.auditing.handover.show_folder = shown.append
    await press(seen, "Open the folder")
    assert shown == [tmp_path]
    if form == "json":
        assert load_report(path).total == view.run.totals.findings
        assert json.loads(text)["isComplete"] is True
    assert not list(tmp_path.glob(".out*")), "nothing half done stays"


async def corpus(seen: DrivenWindow, folder: Path) -> AuditView:
    """The audit of a damaged file, over."""
    (folder / "c").mkdir()
    build(folder / "c" / "shop.aether", 1)
    view = seen.panels.auditing.audit_path(folder / "c" / "shop.aether")
    seen.run("audit_run")
    await over(view.run)
    assert view.run.state is AuditState.DONE
    return view


async def test_two_reports_are_compared_in_the_table(seen: DrivenWindow, tmp_path: Path) -> None:
    view = await corpus(seen, tmp_path)
    report = view.run.report()
    report.findings.pop()
    earlier = tmp_path / "earlier.json"
    other = report.findings[0].__class__("checksum", "repaired since", namespace="shop.orders", sequence=999_999)
    report.findings.append(other)
    earlier.write_bytes(report.to_json())
    seen.run("audit_compare")
    await seen.answer_file_dialog(earlier)
    await until(lambda: view.run.comparison is not None and view.run.is_shown, what="they are compared")
    same = len(view.run.found) - 1
    assert f"1 new, 1 gone, {same} the same" in seen.child(QLabel, "auditChecked").text()
    view.set_group_by(GroupBy.CHANGE)
    table = view.run.table
    headings = [table.data_at(row, 0, 0) for row in range(table.rowCount()) if table.is_heading(row)]
    assert headings == ["New: 1 finding", "Gone: 1 finding", f"The same: {same} findings"]
    assert view.filter is not None
    view.filter.set_text("change:gone", at_once=True)
    assert [one.explanation for row in range(table.rowCount()) if (one := table.finding(row))] == [
        "repaired since"
    ]
    view.filter.clear()
    seen.run("audit_end_comparison")
    assert table.group_by is GroupBy.CHECK
    await until(lambda: view.run.is_shown)
    assert table.shown == len(view.run.found)

    # What is no report is said.
    seen.run("audit_compare")
    await seen.answer_file_dialog(tmp_path / "c" / "shop.aether")
    await until(lambda: "no report" in seen.banner, what="it is said")


# -- what things are


def test_what_lies_at_a_path(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b'\n {"id":"1"}\n')
    assert kind_of(tmp_path / "log.txt").words == "Lines of JSON"
    (tmp_path / "array.json").write_bytes(b'[{"id":"1"}]')
    assert kind_of(tmp_path / "array.json").words == "JSON array"
    (tmp_path / "table.csv").write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert kind_of(tmp_path / "table.csv").columns == ("a", "b")
    (tmp_path / "diary.aether").write_bytes(b"Dear diary")
    assert kind_of(tmp_path / "diary.aether").can_recover
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "backup.json").write_text("{}")
    (tmp_path / "backup" / "stream.tar.s2").write_bytes(b"")
    assert kind_of(tmp_path / "backup").words == "Backup of a JetStream stream"
    (tmp_path / "empty").mkdir()
    for name in ("empty", "missing.aether"):
        with pytest.raises(TransferError):
            kind_of(tmp_path / name)


async def test_how_much_of_a_text_was_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.ndjson"
    path.write_bytes(b"\n".join(lines(600)) + b"\n")
    target = target_of(path)
    assert isinstance(target, SourceTarget)
    await target.open(AuditScope(), AuditSettings())
    [log] = await target.logs()
    shares = [target.share async for _ in target.parts(log, 0)]
    await target.close()
    assert shares == [pytest.approx(512 / 600, abs=0.01), 1.0]


def test_columns_are_proposed_by_their_names() -> None:
    columns = ["Event-ID", "Type", "Stream", "Revision", "Occurred At", "Payload"]
    assert proposed_columns(columns) == {
        "id": "Event-ID",
        "eventType": "Type",
        "actorId": "Stream",
        "version": "Revision",
        "timestamp": "Occurred At",
        "data": "Payload",
    }
