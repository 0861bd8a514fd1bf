"""An audit in the window: run, paused and gone on with, grouped and filtered, and from a finding to its event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QPushButton

from aether_desktop.models.audit.audit_run import AuditRun, AuditState, AuditSubject
from aether_desktop.models.audit.finding_filter import FindingFilter, parse_finding_filter, passing
from aether_desktop.models.audit.finding_groups import GroupBy
from aether_desktop.models.audit.finding_table import FindingTable
from aether_desktop.ui.audit.audit_settings_dialog import AuditSettingsDialog
from aether_desktop.ui.audit.audit_view import AuditView
from aether_desktop.ui.audit.findings_view import FindingsView
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.events.filter_edit import FilterEdit
from aether_desktop.ui.window.documents import Document
from aether_engine.audit import CHECKS, AuditScope, Finding, LogTarget, Target
from aether_engine.audit.examining import Examined
from aether_engine.audit.target import AuditLog
from tests.desktop.driven_window import DrivenWindow, driven_file
from tests.desktop.state_stories import ORDERS, story_on
from tests.engine.audit.corpus import build
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


async def audited(seen: DrivenWindow) -> AuditView:
    """Open the audit of what is shown and run it to its end."""
    seen.run("audit")
    view = seen.panels.auditing.in_front
    assert view is not None
    QTest.mouseClick(seen.child(QPushButton, "auditRun"), Qt.MouseButton.LeftButton)
    await over(view.run)
    return view


async def over(run: AuditRun) -> None:
    await until(
        lambda: run.state not in (AuditState.READY, AuditState.RUNNING) and run.is_shown and not run.has_job,
        20,
        "the audit is over",
    )


def state_of(run: AuditRun) -> AuditState:
    return run.state


def rows(view: AuditView) -> list[str]:
    """Every row: headings as they read, findings by check and sequence."""
    table = view.run.table
    lines = []
    for row in range(table.rowCount()):
        finding = table.finding(row)
        lines.append(table.data_at(row, 0, 0) if finding is None else f"{finding.check} {finding.sequence}")
    return lines


def row_of(view: AuditView, check: str) -> int:
    table = view.run.table
    return next(
        row
        for row in range(table.rowCount())
        if (finding := table.finding(row)) is not None and finding.check == check
    )


@pytest.fixture
async def damaged(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    build(tmp_path / "shop.aether", 2)
    async with driven_file(tmp_path / "shop.aether", read_only=True) as seen:
        yield seen


async def test_an_audit_fits_a_small_window(damaged: DrivenWindow) -> None:
    seen = damaged
    seen.run("audit")
    view = seen.panels.auditing.in_front
    assert view is not None
    seen.run("audit_run")
    await over(view.run)
    seen.window.resize(1024, 700)
    await until(lambda: seen.window.width() == 1024, what="the window is as small as wanted")
    await seen.settle()
    checked, totals = seen.child(QLabel, "auditChecked"), view.totals
    await until(lambda: checked.width() >= checked.sizeHint().width(), what="what was checked is said whole")
    await until(lambda: checked.mapTo(totals, checked.rect().bottomRight()).x() <= totals.width(), what="within")
    assert view.table.isColumnHidden(FindingTable.TIME)
    seen.window.resize(1920, 1200)
    await until(lambda: not view.table.isColumnHidden(FindingTable.TIME), what="there is room for times")
    view.step(1)
    for key, row in ((Qt.Key.Key_End, view.run.table.rowCount() - 1), (Qt.Key.Key_Home, 0)):
        seen.key(key, target=view.table)
        assert view.table.currentIndex().row() == row


@pytest.mark.parametrize("kind", ["memory", "file", "server"])
async def test_from_a_finding_to_its_event_on_every_kind_of_store(kind: str, tmp_path: Path) -> None:
    async with story_on(kind, tmp_path) as seen:
        seen.run("audit")
        view = seen.panels.auditing.in_front
        assert view is not None
        seen.run("audit_settings")
        dialog = await seen.dialog(AuditSettingsDialog)
        dialog.snapshots.setChecked(True)
        assert dialog.reducer.currentText() == "JSON merge", "called as everywhere"
        assert dialog.reducer.currentData() == view.run.settings.reducer == "json-merge"
        QTest.keyClick(dialog, Qt.Key.Key_Return)
        seen.key(Qt.Key.Key_F5)
        await over(view.run)
        assert view.run.state is AuditState.DONE
        found = [one.check for one in view.run.found if one.check != "stream-setting"]
        assert sorted(found) == ["cause-missing", "snapshot-differs"]

        # The finding says what it is, and its event is selected everywhere, while it stays in front.
        table = seen.child(FindingsView, "auditTable")
        table.setFocus()
        view.select_row(row_of(view, "cause-missing"))
        finding = view.current
        assert finding is not None
        await until(lambda: seen.selected_sequence == finding.sequence, what="the event is selected")
        assert seen.panels.auditing.in_front is view
        raw = view.detail.hex.raw
        assert b'"p5"' in raw
        assert seen.panels.inspector.stored is not None
        assert seen.panels.inspector.stored.raw == raw
        assert "gone" in seen.child(QLabel, "findingExplanation").text()
        assert "ids" in seen.child(QLabel, "findingRemedy").text()
        assert view.detail.neighbours["before"].isEnabled()
        QTest.mouseClick(view.detail.neighbours["before"], Qt.MouseButton.LeftButton)
        await until(lambda: view.detail.hex.raw not in (b"", raw), what="the bytes of the event before")

        # Enter: the log at that sequence.
        seen.key(Qt.Key.Key_Return, target=table)
        await until(lambda: isinstance(seen.window.documents.currentWidget(), EventView))
        await seen.at(finding.sequence or 0)
        assert seen.tabs[seen.window.documents.currentIndex()] == f"Log {ORDERS}"

        # What is about a snapshot leads to its actor.
        seen.window.documents.setCurrentWidget(view)
        view.select_row(row_of(view, "snapshot-differs"))
        QTest.mouseClick(seen.child(QPushButton, "findingOpen"), Qt.MouseButton.LeftButton)
        await until(lambda: seen.shown_version == 20, what="the actor at the snapshot's version")


async def test_findings_are_grouped_filtered_and_gone_through(damaged: DrivenWindow) -> None:
    seen = damaged
    view = await audited(seen)
    table = view.run.table
    QAbstractItemModelTester(table, QAbstractItemModelTester.FailureReportingMode.Fatal)
    assert view.run.target is not None
    assert view.run.target.evidence.files[0].is_unchanged
    assert "unchanged after the audit" in seen.child(QLabel, "auditHash").text()
    total = view.run.totals.findings
    assert seen.child(QLabel, "auditTotals").text() == f"{total} findings"
    headings = [line for line in rows(view) if ": " in line]
    assert headings[0].startswith("Undecodable bytes: ")
    assert headings[-1].startswith("Version gap: ")
    assert "errors" in headings[0]
    assert headings[-1].endswith("notes")
    assert seen.window.status.facts.displayed.text().endswith(str(table.shown))
    view.table.grab()

    # Keys: through findings, past headings; left closes a group, Enter on its heading opens it.
    view.select_row(0)
    view.table.setFocus()
    seen.key(Qt.Key.Key_F8)
    assert view.table.currentIndex().row() == 1
    seen.key(Qt.Key.Key_F8)
    seen.key(Qt.Key.Key_F7)
    assert view.table.currentIndex().row() == 1
    assert seen.child(QLabel, "findingNumber").text() == f"Finding 1 of {total}"
    before = table.rowCount()
    seen.key(Qt.Key.Key_Left)
    assert table.rowCount() < before
    assert table.is_heading(view.table.currentIndex().row())
    seen.key(Qt.Key.Key_Return)
    assert table.rowCount() == before

    # A bit that was flipped is framed among the bytes.
    flipped = next(
        row for row in range(before) if (one := table.finding(row)) and one.check == "checksum" and one.offset
    )
    view.select_row(flipped)
    await until(lambda: bool(view.detail.hex.suspects()), what="the byte at fault is framed")
    assert view.current is not None
    assert view.detail.hex.suspects() == {view.current.offset}
    assert "Flipping one bit" in seen.child(QLabel, "findingHint").text()

    # What is selected can be copied, and the first damage be gone to.
    seen.control(Qt.Key.Key_C)
    assert QApplication.clipboard().text().startswith(f"Error\tChecksum mismatch\t{view.current.namespace}\t#")
    first = next(button for button in view.banner.findChildren(QPushButton) if button.text().startswith("Go to"))
    QTest.mouseClick(first, Qt.MouseButton.LeftButton)
    assert view.current is not None
    assert first.text() == f"Go to {view.current.sequence}"
    view.select_row(flipped)

    # The filter of the window and the choices beside the totals are one.
    seen.run("filter")
    editor = seen.child(FilterEdit, "filterBar")
    QTest.keyClicks(editor, "severity:note")
    seen.key(Qt.Key.Key_Return, target=editor)
    assert {line.split(" ")[0] for line in rows(view) if ": " not in line} == {"version-gap"}
    assert seen.child(QPushButton, "auditOnlyNotes").isChecked()
    QTest.mouseClick(seen.child(QPushButton, "auditOnlyWarnings"), Qt.MouseButton.LeftButton)
    assert editor.toPlainText() == "severity:warning,note"
    assert seen.child(QLabel, "findingTitle").text() == "", "it is left out"
    seen.run("clear_filter")
    assert table.shown == len(table.findings)
    assert view.detail.finding is view.current is not None
    assert len(table.numbers_in([range(table.rowCount())])) == len(table.findings)
    QTest.keyClicks(editor, "severity:bad")
    await until(lambda: view.filter is not None and not view.filter.is_valid)
    seen.run("clear_filter")

    # Other groups.
    for command, group_by in (("audit_by_actor", GroupBy.ACTOR), ("audit_by_namespace", GroupBy.NAMESPACE)):
        seen.run(command)
        assert table.group_by is group_by
        assert table.shown == len(table.findings)
    assert {line.partition(":")[0] for line in rows(view) if ": " in line} >= {"shop.orders", "shop.stock"}
    seen.run("audit_in_one_list")
    assert table.rowCount() == len(table.findings)
    assert view.current is not None, "the finding stays the current one"
    assert view.current.check == "checksum"


async def test_scopes_and_checks(damaged: DrivenWindow) -> None:
    seen = damaged
    seen.run("audit_namespace")
    view = seen.panels.auditing.in_front
    assert view is not None
    assert seen.child(QComboBox, "auditScope").currentText() == "Namespace"
    seen.run("audit_run")
    await over(view.run)
    assert set(view.run.totals.namespaces) == {"shop.orders"}

    seen.child(QComboBox, "auditScope").setCurrentText("Pattern")
    seen.child(QComboBox, "auditNamespaces").setEditText("shop.*")
    seen.child(QLineEdit, "auditActors").setText("bit-flip*")
    seen.run("audit_settings")
    dialog = await seen.dialog(AuditSettingsDialog)
    checks = dialog.list
    for row in range(checks.count()):
        if checks.item(row).text().startswith("Version gap"):
            checks.item(row).setCheckState(Qt.CheckState.Unchecked)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert "version-gap" not in view.run.settings.checks
    assert f"of {len(CHECKS)}" in seen.child(QPushButton, "auditSettings").text()
    seen.run("audit_run")
    await over(view.run)
    assert view.run.scope == AuditScope("shop.*", "bit-flip*")
    checksums = [one for one in view.run.found if one.check == "checksum"]
    assert any(one.actor_id.startswith("bit-flip") for one in checksums)
    assert not [one for one in view.run.found if one.check == "version-gap"]

    # What is no pattern is said, and nothing runs.
    seen.child(QComboBox, "auditNamespaces").setEditText("shop..x")
    seen.run("audit_run")
    assert "scope" in seen.banner
    assert not view.run.is_running


class _Gated(LogTarget):
    """Reads one batch whenever it is let."""

    def __init__(self, engine: Any, gate: asyncio.Semaphore) -> None:
        super().__init__(engine)
        self._gate = gate

    async def parts(self, log: AuditLog, after: int) -> AsyncGenerator[list[Examined], None]:
        async for parts in super().parts(log, after):
            await self._gate.acquire()
            yield parts


class _GatedSubject(AuditSubject):
    gate: asyncio.Semaphore

    async def target(self) -> Target:
        assert self.connection is not None
        return _Gated(self.connection.engine, self.gate)


async def test_paused_gone_on_with_and_cancelled(tmp_path: Path) -> None:
    async with story_on("memory", tmp_path) as seen:
        subject = _GatedSubject("memory", seen.workspace.connections[0])
        gate = asyncio.Semaphore(0)
        object.__setattr__(subject, "gate", gate)
        view = seen.panels.auditing.open_subject(Document("audit", None, "gated"), subject)
        run = view.run
        assert not seen.can("audit_pause")
        seen.run("audit_run")
        await until(lambda: run.totals.started_at is not None)
        gate.release()
        await until(lambda: run.totals.events > 0, what="the first log was read")
        words = seen.child(QLabel, "auditProgress")
        await until(lambda: words.text().startswith("Reading events: "), what="how far it is")
        assert not seen.can("audit_run")
        assert not seen.can("audit_export")
        read = run.totals.events
        QTest.mouseClick(seen.child(QPushButton, "auditPause"), Qt.MouseButton.LeftButton)
        await until(lambda: state_of(run) is AuditState.PAUSED)
        assert words.text().startswith("Paused. ")
        assert seen.child(QPushButton, "auditPause").text() == "Go on"
        gate.release()
        seen.run("audit_pause")
        await over(run)
        assert state_of(run) is AuditState.DONE
        assert read < run.totals.events == 37
        assert [one.check for one in run.found] == ["cause-missing"]

        seen.run("audit_run")
        await until(lambda: run.is_running and run.totals.started_at is not None)
        QTest.mouseClick(seen.child(QPushButton, "auditCancel"), Qt.MouseButton.LeftButton)
        await over(run)
        assert state_of(run) is AuditState.CANCELLED
        assert "cancelled" in view.banner.plain_text()
        assert not run.report().is_complete
        # The tab goes with what it audits, also while it runs.
        seen.run("audit_run")
        await until(lambda: run.is_running)
        await seen.workspace.close_connection(seen.workspace.connections[0])
        seen.panels.desk.close_view(view)
        await until(lambda: seen.tabs == [], what="the tab is closed")


# -- parts by themselves


def finding(number: int, check: str = "checksum", actor: str = "") -> Finding:
    return Finding(check, f"wrong {number}", namespace="n", sequence=number, actor_id=actor or f"a-{number % 50}")


async def test_a_table_of_very_many_findings_is_filled_and_grouped_in_pieces() -> None:
    table = FindingTable()
    QAbstractItemModelTester(table, QAbstractItemModelTester.FailureReportingMode.Fatal)
    table.add([finding(number) for number in range(1, 1500)])
    table.add([finding(number, "version-gap") for number in range(1500, 6001)])
    table.set_group_by(GroupBy.ACTOR)
    table.add([finding(6001)])
    await until(lambda: not table.is_filtering)
    assert table.rowCount() == 6001 + 50
    assert table.shown == 6001
    assert table.number(table.row_of(6000)) == 6000
    assert table.numbers_in([range(2)]) == [number for number in range(6001) if (number + 1) % 50 == 1]
    assert table.numbers_in([range(1, 3), range(2, 4)]) == [0, 50, 100]
    table.show_passing(passing(parse_finding_filter('actor:a-7 -check:version-gap "wrong 7"')))
    await until(lambda: not table.is_filtering)
    shown = [one.sequence for row in range(table.rowCount()) if (one := table.finding(row)) is not None]
    assert shown == [7, 707, 757]
    table.clear()
    assert table.rowCount() == 0
    await table.close()


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", [1, 2, 3]),
        ("severity:error", [1, 2]),
        ("-severity:error", [3]),
        ("check:version-gap,checksum", [1, 3]),
        ("actor:A-*", [1, 2, 3]),
        ('actor:"a-*"', []),
        ("sequence:2..3", [2, 3]),
        ("sequence:>=3", [3]),
        ("namespace:n sequence:<2", [1]),
        ("wrong", [1, 2, 3]),
        ('"wrong 2"', [2]),
    ],
)
def test_filters_of_findings(text: str, passes: list[int]) -> None:
    findings = [finding(1), finding(2, "duplicate-id"), finding(3, "version-gap")]
    parsed = parse_finding_filter(text)
    assert parsed.is_valid, parsed.problems
    assert [one.sequence for one in findings if passing(parsed)(one)] == passes


def test_one_term_of_a_filter_is_replaced() -> None:
    finding_filter = FindingFilter(FindingTable())
    finding_filter.set_text('severity:error -severity:note actor:"a b" wrong', at_once=True)
    finding_filter.replace_term("severity", "warning")
    assert finding_filter.text == '-severity:note actor:"a b" wrong severity:warning'
    finding_filter.replace_term("severity", "")
    finding_filter.replace_term("check", "lost")
    assert finding_filter.text == '-severity:note actor:"a b" wrong check:lost'
    assert [one.text for one in finding_filter.complete("sev", 3)] == ["severity:"]
    assert [one.text for one in finding_filter.complete("severity:error,w", 16)] == ["warning"]


@pytest.mark.parametrize("text", ["severity:bad", "kind:x", "check:", 'actor:"open', "sequence:x"])
def test_what_is_no_filter_of_findings_says_why(text: str) -> None:
    [problem] = parse_finding_filter(text).problems
    assert problem.reason.endswith(".")
