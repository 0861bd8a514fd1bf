"""Snapshots against the replay in the window: of an actor, a namespace, everything; as a job that can be ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QTableView

from aether_desktop.models.state import snapshot_findings
from aether_engine.event import ActorSnapshot
from aether_engine.replay.snapshot_check import CheckStep, check_snapshots
from tests.desktop.driven_window import DrivenWindow
from tests.desktop.state_stories import ACTOR, PAYMENTS, START, story_on
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def said(seen: DrivenWindow) -> str:
    return seen.child(QLabel, "snapshotCheckWords", seen.window.documents.currentWidget()).text()


def action(seen: DrivenWindow) -> QAbstractButton:
    return seen.child(QAbstractButton, "snapshotCheckAction", seen.window.documents.currentWidget())


def found(seen: DrivenWindow) -> list[list[str]]:
    model = seen.child(QTableView, "snapshotFindings", seen.window.documents.currentWidget()).model()
    return [[str(model.index(row, column).data()) for column in (1, 2, 3, 4)] for row in range(model.rowCount())]


@pytest.mark.parametrize("kind", ["memory", "file", "server"])
async def test_an_actor_a_namespace_and_all_are_checked(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with story_on(kind, tmp_path) as seen:
        payments = await seen.workspace.connections[0].engine.store(PAYMENTS)
        await payments.save_snapshot(ActorSnapshot("payment-2", 9, {}, START))
        drifted = [ACTOR, "20", "orders", "customer.city"]
        ahead = ["payment-2", "9", "payments", "ahead of the stream, which ends at v2"]
        for command, words, expected in (
            ("check_actor", f"2 snapshots of {ACTOR} in orders checked by JSON merge: 1 finding.", [drifted]),
            ("check_namespace", "2 snapshots of orders checked by JSON merge: 1 finding.", [drifted]),
            ("check_all", "3 snapshots of 2 namespaces of ", [drifted, ahead]),
        ):
            seen.run(command)
            await until(lambda: said(seen).startswith(words), what=words)
            assert found(seen) == expected
            assert seen.workspace.jobs.running == []

        # One that takes long is a job, says how far it is, and can be ended; what it found stays.
        gate = asyncio.Event()

        async def slow(*arguments: Any, **options: Any) -> AsyncGenerator[CheckStep, None]:
            async for step in check_snapshots(*arguments, **options):
                yield step
                await gate.wait()

        monkeypatch.setattr(snapshot_findings, "check_snapshots", slow)
        QTest.mouseClick(action(seen), Qt.MouseButton.LeftButton)
        await until(lambda: said(seen).startswith("Checking…") and seen.workspace.jobs.running)
        [job] = seen.workspace.jobs.running
        await until(lambda: job.progress.total, what="it says how far it is")
        assert job.progress.name.startswith("Snapshot check of 2 namespaces")
        assert action(seen).text() == "Cancel"
        QTest.mouseClick(action(seen), Qt.MouseButton.LeftButton)
        await until(lambda: said(seen).startswith("Not complete: ") and not seen.workspace.jobs.running)
        gate.set()
        QTest.mouseClick(action(seen), Qt.MouseButton.LeftButton)
        await until(lambda: said(seen).startswith("3 snapshots of 2 namespaces of "))
        assert found(seen) == [drifted, ahead]
