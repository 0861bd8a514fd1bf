"""What the window's first paint waits for is little, and stays so: nothing here is timed.

A process is started as `aether-desktop` starts, and says after its first paint what it has loaded by then.
"""

from __future__ import annotations

import gc
import json
import linecache
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from aether_desktop.app import NOTHING_ASKED, parse_arguments, spare_what_stays
from aether_desktop.settings import Settings
from aether_desktop.ui.window.main_window import MainWindow
from aether_desktop.ui.window.preparation import _FOR_A_CONNECTION, _FOR_COMMANDS
from aether_desktop.workspace import Workspace
from aether_engine.urls import sqlite_url

#: Modules of this repository that may be loaded before the first paint. What a new panel, document, command or
#: part of a bar needs is imported where it is made: by `panels`, or by the property of the window that makes it.
OWN = {
    "aether_desktop",
    "aether_desktop.app",
    "aether_desktop.assets",
    "aether_desktop.folders",
    "aether_desktop.frozen",
    "aether_desktop.jobs",
    "aether_desktop.numbers",
    "aether_desktop.profiles",
    "aether_desktop.selection_history",
    "aether_desktop.server_options",
    "aether_desktop.settings",
    "aether_desktop.single_instance",
    "aether_desktop.start_marker",
    "aether_desktop.tasks",
    "aether_desktop.ui",
    "aether_desktop.ui.widgets",
    "aether_desktop.ui.widgets.by_name",
    "aether_desktop.ui.widgets.icons",
    "aether_desktop.ui.widgets.safe_text",
    "aether_desktop.ui.widgets.theme",
    "aether_desktop.ui.widgets.theme_qss",
    "aether_desktop.ui.window",
    "aether_desktop.ui.window.actions",
    "aether_desktop.ui.window.main_window",
    "aether_desktop.ui.window.recent_list",
    "aether_desktop.ui.window.status_bar",
    "aether_desktop.ui.window.tool_bar",
    "aether_desktop.ui.window.welcome",
    "aether_desktop.urls",
    "aether_desktop.workspace",
    "aether_engine",
    "aether_engine.errors",
    "aether_engine.late_names",
    "aether_engine.urls",
}
#: Foreign modules that take long to load, unless PySide itself has loaded them.
HEAVY = {
    "asyncio",
    "concurrent.futures",
    "ctypes",
    "dataclasses",
    "datetime",
    "html",
    "keyring",
    "multiprocessing",
    "nats",
    "nkeys",
    "orjson",
    "qasync",
    "secrets",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "PySide6.QtNetwork",
}

_PROGRAM = """
import json, linecache, os, sys
at_first = set(sys.modules)
from aether_desktop import app
with_app = set(sys.modules)
import PySide6.QtSvg, PySide6.QtWidgets
with_qt = set(sys.modules)
paint_first = app._paint_first

def report(application, window):
    paint_first(application, window)
    print(json.dumps({
        "painted": window.painted,
        "size": [window.width(), window.height()],
        "recent": window.welcome.recent.count() if window.welcome.recent else 0,
        "modules": sorted(set(sys.modules) - with_qt | with_app - at_first),
        "core": sorted(vars(PySide6.QtCore)),
        "widgets": sorted(vars(PySide6.QtWidgets)),
        "sources": sorted(linecache.cache),
    }), flush=True)
    os._exit(0)

app._paint_first = report
app.main(sys.argv[1:])
"""

_UNPAINTED = """
import os, sys
from aether_desktop import app

async def report(window, arguments, marker):
    print(window.painted, window.actions_by_name["open_file"].shortcut().toString(), flush=True)
    os._exit(0)

app.PAINT_TIMEOUT = 0
app._run = report
app.main([])
"""


def _started(*arguments: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


@pytest.fixture(params=["first start", "usual start", "dark"])
def started(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "first start":
        return _started()
    (tmp_path / "shop.aether").write_bytes(b"")
    settings = Settings()
    settings.add_recent(sqlite_url(tmp_path / "shop.aether"))
    settings.add_recent(sqlite_url(tmp_path / "gone.aether"))
    if request.param == "dark":
        return _started("--theme", "dark")
    said = _started()
    assert said["recent"] == 2
    return said


def test_the_first_paint_waits_for_little(started: dict[str, Any]) -> None:
    assert started["painted"]
    assert started["size"] == [1440, 900]
    loaded = set(started["modules"])
    own = {name for name in loaded if name.partition(".")[0] in ("aether_desktop", "aether_engine")}
    # See "The first paint" in docs/architecture.md.
    assert own - OWN == set(), "imported before the first paint"
    assert loaded & HEAVY == set(), "imported before the first paint"


def test_the_first_paint_needs_no_enumerations_of_qt(started: dict[str, Any]) -> None:
    # Python makes them all when `Qt` is first used, also by a painter that is given a colour: see
    # ui/widgets/by_name.py.
    assert "Qt" not in started["core"]
    # They come with `QApplication.style` and `setStyle`.
    assert "QStyle" not in started["widgets"]
    # Every kind of widget is made when Qt returns a widget it has made itself, such as a viewport.
    assert "QWizard" not in started["widgets"]


def test_no_source_is_read(started: dict[str, Any]) -> None:
    assert [name for name in started["sources"] if Path(name).parent.name in ("aether_desktop", "ui")] == []


def test_an_empty_command_line_needs_no_parser() -> None:
    parsed = vars(parse_arguments([]))
    assert {name: value for name, value in parsed.items() if not name.startswith("server_")} == NOTHING_ASKED
    assert {value for name, value in parsed.items() if name.startswith("server_")} == {None}


def test_shortcuts_and_tips_come_after_the_first_paint(qtbot: QtBot, tmp_path: Path) -> None:
    window = MainWindow(Workspace(Settings(tmp_path / "settings.json")))
    qtbot.addWidget(window)
    window.show()
    action = window.actions_by_name["open_file"]
    qtbot.waitUntil(lambda: action.shortcut().toString() == "Ctrl+O")
    assert action.toolTip() == "Open an .aether store or NDJSON events (Ctrl+O)"
    assert not window.windowIcon().isNull()
    window._prepare.stop()


def test_the_first_key_finds_its_shortcut() -> None:
    # A window that has the keyboard may not be painted yet, where the screen is slow.
    ran = subprocess.run(
        [sys.executable, "-c", _UNPAINTED], env=os.environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == ["False", "Ctrl+O"]


def test_what_comes_after_the_first_paint_changes_nothing_in_sight(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = MainWindow(Workspace(Settings(tmp_path / "settings.json")))
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: window.painted)
    before = window.grab().toImage()

    spared: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: spared.append(True))
    spare_what_stays(window)
    assert linecache.getlines(source := str(Path(linecache.__file__)))
    window._prepare_rest()
    with qtbot.waitSignal(window.prepared, timeout=20_000):
        assert not spared
    assert spared == [True]
    assert source not in linecache.cache
    qtbot.waitUntil(lambda: window.status.facts.isVisible())
    assert set(_FOR_A_CONNECTION + _FOR_COMMANDS) <= set(sys.modules)

    assert window.grab().toImage() == before
    window._prepare.stop()
