"""From starting the process to the first turn of the event loop after the first paint, beside a bare window.

Both are whole processes of the same interpreter, with the same flags and environment, that take turns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.table import Row, interleaved

# Nothing watches from outside: a filter of all events would cost both of them more than what is measured.
_BARE = """
import os, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMainWindow, QTableView

class Window(QMainWindow):
    painted = False

    def paintEvent(self, event):
        super().paintEvent(event)
        if not self.painted:
            self.painted = True
            QTimer.singleShot(0, lambda: (print(time.time(), flush=True), os._exit(0)))

app = QApplication([])
window = Window()
window.setCentralWidget(QTableView())
window.resize(1440, 900)
window.show()
app.exec()
"""
_OURS = """
import os, time
from aether_desktop import app

paint_first = app._paint_first

def painted(application, window):
    paint_first(application, window)
    assert window.painted
    print(time.time(), flush=True)
    os._exit(0)

app._paint_first = painted
app.main([])
"""


def run(quick: bool) -> list[Row]:
    """Measure; milliseconds, medians of runs that take turns."""
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as folder:
        new, used = Path(folder, "new"), Path(folder, "used")
        new.mkdir()
        use(used)
        # Byte code is cached, as it is for whoever installed the program.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            "PYTHONPYCACHEPREFIX": folder
        }
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")

        def start(program: str, home: Path) -> float:
            begun = time.time()
            done = subprocess.run(
                [sys.executable, "-c", program],
                env=environment | {"HOME": str(home), "XDG_CONFIG_HOME": str(home)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=True,
            )
            return (float(done.stdout) - begun) * 1000

        for program in (_BARE, _OURS):
            start(program, new)
        bare, first, usual = interleaved(
            5 if quick else 15, lambda: start(_BARE, new), lambda: start(_OURS, new), lambda: start(_OURS, used)
        )
    floor = "bare window with an empty table"
    return [
        Row("start to first paint", first, "ms", floor, bare, first / bare, "≤ 1.6"),
        Row("the same with settings and recent files", usual, "ms", floor, bare, usual / bare, "≤ 1.6"),
    ]


def use(home: Path) -> None:
    """Leave in `home` what somebody has who started the program before."""
    folder = home / "aether-desktop"
    folder.mkdir(parents=True)
    files = [home / f"shop-{number}.aether" for number in range(8)]
    for file in files:
        file.write_bytes(b"")
    settings = {"theme": "dark", "recent": [f"sqlite:///{file}" for file in files]}
    (folder / "settings.json").write_text(json.dumps(settings))
