"""What the window keeps or hands on holds no secret: drafts, tails, bundles, reports, sessions, diagnostics."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit, QPushButton

from aether_desktop.app import open_asked, parse_arguments
from aether_desktop.folders import state_folder
from aether_desktop.log_file import keep_log
from aether_desktop.ui.append.append_dialog import AppendDialog
from aether_desktop.ui.audit.bundle_dialog import BundleDialog
from aether_desktop.workspace import Place
from aether_engine.engine import open_engine
from aether_engine.event import Event
from tests.desktop.driven_window import DrivenWindow, replace_text
from tests.desktop.test_window_audit import audited
from tests.desktop.test_window_secrets import PASSWORD, Kind, Search, fill, kind_called, searched
from tests.nats_servers import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

NAMESPACE = "city.permits"
REPORTS = ("report.html", "report.csv", "report.json")


@pytest.fixture
def log_file() -> Iterator[Path]:
    """The log as the application keeps it."""
    handler = keep_log(state_folder())
    assert handler is not None
    yield state_folder()
    logging.getLogger().removeHandler(handler)
    handler.close()


async def connect(window: DrivenWindow, server: NatsServer, kind: Kind) -> None:
    """As a profile with a secret, or by a URL with a login, after a refusal."""
    if kind.name == "url":
        host = server.url.removeprefix("nats://")
        for secret in (kind.wrong["password"], PASSWORD):
            url = f"nats://mara:{quote(secret, safe='')}@{host}"
            await open_asked(window.window, parse_arguments([url]))
            await window.settle()
    else:
        dialog = await fill(window, server, kind, kind.options)
        dialog.read_only.setChecked(False)
        dialog.connect_button.click()
    await until(lambda: bool(window.tabs), what="the log")
    await window.settle()
    await window.active()


async def save_tail(window: DrivenWindow, server: NatsServer, kind: Kind, target: Path) -> None:
    tail = window.panels.desk.open_tail(Place(window.workspace.connections[0], NAMESPACE), NAMESPACE)
    await until(lambda: tail.controller.running)
    async with open_engine(server.url, **kind.options) as engine:
        await (await engine.store(NAMESPACE)).save_event(Event("e-2", "T", "permit-1", 2, {"fee": 8}))
    await until(lambda: tail.controller.counters.shown == 1)
    window.run("save_tail")
    await window.answer_file_dialog(target)
    await until(target.exists)


async def make_bundle(window: DrivenWindow, target: Path) -> None:
    await window.workspace.select_at(Place(window.workspace.connections[0], NAMESPACE), 1)
    await window.settle()
    window.run("bundle")
    dialog = await window.dialog(BundleDialog)
    dialog.target.setText(str(target))
    dialog.ndjson.setChecked(True)
    QTest.mouseClick(dialog.submit, Qt.MouseButton.LeftButton)
    await until(lambda: dialog.open_button.isVisible(), what="it is written")
    dialog.reject()
    await window.active()


async def audit(window: DrivenWindow, folder: Path) -> None:
    await audited(window)
    for name in REPORTS:
        QTest.mouseClick(window.child(QPushButton, "auditExport"), Qt.MouseButton.LeftButton)
        await window.answer_file_dialog(folder / name)
        await until((folder / name).exists, what=name)
        await window.active()


async def leave_a_draft(window: DrivenWindow, search: Search, folder: Path) -> None:
    await window.panels.desk.open_log(Place(window.workspace.connections[0], NAMESPACE))
    await window.settle()
    window.run("append")
    dialog = await window.dialog(AppendDialog)
    replace_text(window.child(QPlainTextEdit, "appendData"), '{"fee": 9}')
    await until(lambda: list(folder.rglob("drafts/*.json")), what="the draft is kept")
    search.look()
    dialog.reject()
    await window.active()


@pytest.mark.parametrize("name", ["password", "url"])
async def test_what_is_kept_and_handed_on_holds_no_secret(
    name: str, tmp_path: Path, log_file: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    kind = kind_called(name, tmp_path)
    with kind.server() as server:
        async with open_engine(server.url, **kind.options) as engine:
            await (await engine.store(NAMESPACE)).save_event(Event("e-1", "T", "permit-1", 1, {"fee": 7}))
        async with searched(kind, tmp_path, caplog, capfd) as search:
            window = search.window
            await connect(window, server, kind)
            await save_tail(window, server, kind, tmp_path / "seen.ndjson")
            await make_bundle(window, tmp_path / "bundle.aether")
            search.look()
            await audit(window, tmp_path)
            search.look()
            await leave_a_draft(window, search, tmp_path)
            window.panels.session.keep()
            await until((tmp_path / "session.json").exists, what="the session is kept")
            window.run("copy_diagnostics")
            search.look()
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"seen.ndjson", "bundle.aether", "bundle.ndjson", "session.json"} <= written
    assert set(REPORTS) <= written
    # Its drafts and files were looked through at the end of the search; the log is elsewhere.
    search.check_files(log_file, ())
    assert (log_file / "aether-desktop.log").exists()
