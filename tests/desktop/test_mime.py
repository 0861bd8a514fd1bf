"""Data for the clipboard outlives Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PySide6.QtWidgets import QApplication

from aether_desktop.ui.widgets.mime import mime_data

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
from PySide6.QtWidgets import QApplication
from aether_desktop.ui.widgets.mime import mime_data
app = QApplication([])
data = mime_data()
data.setText("text")
data.setData("application/json", b"\\xff")
app.clipboard().setMimeData(data)
assert app.clipboard().mimeData().data("application/json").data() == b"\\xff"
"""


def test_a_program_ends_well_with_its_data_on_the_clipboard() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_it_begins_empty(qapp: QApplication) -> None:
    assert mime_data().formats() == []
