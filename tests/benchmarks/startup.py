"""From starting the process to the first turn of the event loop after the first paint, beside a bare window."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.table import Row, interleaved

# Both programs get the same watcher; Python's own start and the import of Qt are in both.
_WATCH = """
import os, time
import PySide6.QtWidgets as widgets
from PySide6.QtCore import QEvent, QObject, QTimer

class Watcher(QObject):
    painted = False

    def eventFilter(self, watched, event):
        if not self.painted and event.type() == QEvent.Type.Paint:
            self.painted = True
            QTimer.singleShot(0, lambda: (print(time.time(), flush=True), os._exit(0)))
        return False

class Application(widgets.QApplication):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.watcher = Watcher()
        self.installEventFilter(self.watcher)

widgets.QApplication = Application
"""
_BARE = """
from PySide6.QtWidgets import QApplication, QMainWindow, QTableView
app = QApplication([])
window = QMainWindow()
window.setCentralWidget(QTableView())
window.resize(1440, 900)
window.show()
app.exec()
"""
_OURS = """
from aether_desktop.app import main
main([])
"""


def run(quick: bool) -> list[Row]:
    """Measure; milliseconds, medians of runs that take turns."""
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        # Byte code is cached, as it is for whoever installed the program.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPYCACHEPREFIX": home,
        }

        def start(program: str) -> float:
            begun = time.time()
            done = subprocess.run(
                [sys.executable, "-c", _WATCH + program],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=True,
            )
            return (float(done.stdout) - begun) * 1000

        for program in (_BARE, _OURS):
            start(program)
        ours, bare = interleaved(5 if quick else 15, lambda: start(_OURS), lambda: start(_BARE))
    return [Row("start to first paint", ours, "ms", "bare window with an empty table", bare, ours / bare, "≤ 1.6")]
