"""A restart with five tabs on a large file beside an empty start: until the first paint, and until it is ready.

Ready is, with a session, when the rows in sight of the tab in front are painted; without one, when what a first
connection needs is loaded and made, without the rests that the window takes for its user in between.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from aether_engine.urls import sqlite_url
from tests.benchmarks.generate import actor_name, cached_file
from tests.benchmarks.table import Row

_NAMESPACE = "benchmark"
_PROGRAM = """
import os, sys, time
from aether_desktop import app

paint_first = app._paint_first

def end(painted):
    print(painted, time.time(), flush=True)
    os._exit(0)

def painted(application, window):
    paint_first(application, window)
    assert window.painted
    now = time.time()
    if "empty" in sys.argv:
        from aether_desktop.ui.window.preparation import _steps
        window._prepare.stop()
        for step in _steps(window):
            step()
        end(now)
    from aether_desktop.ui.events.event_view import EventTableView
    paint = EventTableView.paintEvent

    def watched(table, event):
        paint(table, event)
        model, top = table.model(), table.rowAt(0)
        bottom = table.rowAt(table.viewport().height() - 1)
        if top > 0 and bottom > top and all(model.entry(row) is not None for row in range(top, bottom + 1)):
            end(now)

    EventTableView.paintEvent = watched

app._paint_first = painted
app.main([])
"""


def run(quick: bool) -> list[Row]:
    """Measure whole processes that take turns; milliseconds, medians."""
    events, actors = (1_000_000, 100_000) if quick else (10_000_000, 1_000_000)
    file = cached_file(events, actors)
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as folder:
        empty, used = Path(folder, "empty"), Path(folder, "used")
        empty.mkdir()
        _use(used, file, events)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPYCACHEPREFIX": folder}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")

        def start(home: Path) -> tuple[float, float]:
            own = {f"XDG_{name}": str(home) for name in ("CONFIG_HOME", "STATE_HOME", "RUNTIME_DIR")}
            command = [sys.executable, "-c", _PROGRAM, home.name]
            begun = time.time()
            done = subprocess.run(
                command,
                env=environment | own | {"HOME": str(home)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=120,
                check=True,
            )
            painted, ready = map(float, done.stdout.split())
            for marker in home.glob("aether-desktop/running"):
                # It was ended in the middle, which is not what the next one is to look at.
                marker.unlink()
            return (painted - begun) * 1000, (ready - begun) * 1000

        for home in (empty, used):
            start(home)
        runs = [(start(empty), start(used)) for _ in range(3 if quick else 11)]
    figures = [[median(each[which][moment] for each in runs) for which in (0, 1)] for moment in (0, 1)]
    (paint, paint_used), (ready, ready_used) = figures
    what = f"restart, 5 tabs on {events:,} events"
    return [
        Row(f"{what}: first paint", paint_used, "ms", "empty start", paint, paint_used / paint, "≤ 1.5"),
        Row(f"{what}: rows in front", ready_used, "ms", "empty start, ready", ready, ready_used / ready, "≤ 1.5"),
    ]


def _use(home: Path, file: Path, events: int) -> None:
    """Leave in `home` a session of five tabs, the log in front and in the middle of the file."""
    folder = home / "aether-desktop"
    folder.mkdir(parents=True)
    home.chmod(0o700)
    log = {"kind": "log", "connection": 0, "namespace": _NAMESPACE, "title": "Log"}
    middle = {"selected": events // 2, "top": events // 2 - 5}
    streams = [
        log | {"kind": "stream", "name": actor_name(number), "title": actor_name(number)}
        for number in (1, 500, 900)
    ]
    tail = log | {"kind": "tail", "title": "Tail", "state": {"pattern": "*"}}
    session = {
        "version": 1,
        "connections": [{"url": sqlite_url(file.absolute()), "read_only": True}],
        "tabs": [*streams, log | {"state": middle}, tail],
        "front": 3,
    }
    (folder / "session.json").write_text(json.dumps(session))
    (folder / "settings.json").write_text(json.dumps({"version": 1, "recent": [sqlite_url(file.absolute())]}))
