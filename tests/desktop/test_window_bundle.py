"""Repro bundles from the window: of findings and of selected events, with values taken away by rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from aether_desktop.ui.audit.audit_handover import places_of
from aether_desktop.ui.audit.bundle_dialog import BundleDialog
from aether_engine.audit import Finding
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.redaction import Method
from tests.desktop.driven_window import driven
from tests.desktop.state_stories import ORDERS, PAYMENTS, story_on
from tests.desktop.stores import order_event
from tests.desktop.test_window_audit import audited, over, row_of
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.mark.parametrize("kind", ["memory", "file", "server"])
async def test_a_bundle_of_findings_with_causes_and_rules(kind: str, tmp_path: Path) -> None:
    async with story_on(kind, tmp_path) as seen:
        view = await audited(seen)
        view.select_row(row_of(view, "cause-missing"))
        QTest.mouseClick(seen.child(QPushButton, "auditBundle"), Qt.MouseButton.LeftButton)
        dialog = await seen.dialog(BundleDialog)
        await until(lambda: b'"p5"' in dialog.before.raw, what="the event is shown")
        assert dialog.after.raw == dialog.before.raw

        # A rule is understood or explained while it is typed, and shown at once.
        QTest.mouseClick(seen.child(QPushButton, "bundleAddRule", dialog), Qt.MouseButton.LeftButton)
        [row] = dialog.rows
        row.method.setCurrentIndex(row.method.findData(Method.MASK))
        QTest.keyClicks(row.path, "metadata")
        assert "path" in row.said.text()
        assert not dialog.submit.isEnabled()
        row.path.setText("/metadata/CorrelationID")
        await until(lambda: b'"xxxxxxxx"' in dialog.after.raw, what="what is masked")
        assert b"checkout" in dialog.before.raw
        assert row.said.text() == "1 value in 1 event"
        target = tmp_path / "out.aether"
        dialog.target.setText(str(target))
        dialog.ndjson.setChecked(True)
        QTest.mouseClick(dialog.submit, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.open_button.isVisible(), 10, "it is written")
        words = dialog.words.text()
        assert "In it: 1 event and 0 causes." in words
        assert "mask:/metadata/CorrelationID took away 1 value." in words
        assert "Not in this store: 1 cause." in words
        dialog.grab()
        QTest.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
        await until(lambda: len(seen.workspace.connections) == 2, what="the bundle is open")
        await seen.settle()
        [line] = (tmp_path / "out.ndjson").read_bytes().splitlines()
        assert json.loads(line)["metadata"]["CorrelationID"] == "xxxxxxxx"


async def test_a_bundle_of_selected_events(tmp_path: Path) -> None:
    async with story_on("file", tmp_path) as seen:
        place = seen.panels.travel.place
        assert place is not None
        await seen.workspace.select_at(place, 35)
        await seen.settle()
        seen.run("bundle")
        dialog = await seen.dialog(BundleDialog)
        target = tmp_path / "story.aether"
        assert not dialog.target.text().endswith("story.aether"), "nothing is overwritten"
        dialog.target.setText(str(target))
        assert not dialog.submit.isEnabled()
        other = tmp_path / "b.aether"
        dialog.target.setText(str(other))
        QTest.mouseClick(dialog.submit, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.open_button.isVisible(), 10, "it is written")
        dialog.reject()
        async with open_engine(sqlite_url(other), read_only=True) as engine:
            names = {info.name for info in await engine.namespaces()}
        assert ORDERS in names
        assert names <= {ORDERS, PAYMENTS}


async def test_a_bundle_of_lines_that_are_no_store(tmp_path: Path) -> None:
    path = tmp_path / "orders.ndjson"
    raws = [order_event(1, version).to_json() for version in (1, 2, 2, 3)]
    path.write_bytes(b"\n".join(raws))
    async with driven(tmp_path / "settings.json") as seen:
        view = seen.panels.auditing.audit_path(path)
        await until(lambda: view.run.kind is not None)
        seen.run("audit_run")
        await over(view.run)
        seen.run("bundle")
        dialog = await seen.dialog(BundleDialog)
        await until(lambda: dialog.before.raw == raws[2], what="the line is shown")
        dialog.target.setText(str(tmp_path / "out.aether"))
        QTest.mouseClick(dialog.submit, Qt.MouseButton.LeftButton)
        await until(lambda: dialog.open_button.isVisible(), 10, "it is written")
        assert seen.child(QLabel, "bundleWords", dialog).text().startswith("In it: 1 event and 0 causes.")
        dialog.reject()


def test_findings_as_places() -> None:
    findings = [
        Finding("lost", "", namespace="n", sequence=5, last_sequence=7),
        Finding("checksum", "", namespace="n", sequence=6),
        Finding("page", ""),
    ]
    assert places_of(findings) == [("n", 5), ("n", 6), ("n", 7)]
