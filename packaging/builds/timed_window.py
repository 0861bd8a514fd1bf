"""`aether-desktop` that prints the time of its first paint and ends: for the benchmarks, never installed."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from aether_desktop import app as aether_desktop_app

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from aether_desktop.ui.window.main_window import MainWindow

paint_first = aether_desktop_app._paint_first


def tell(app: QApplication, window: MainWindow) -> None:
    """Paint, say when that was done, and end."""
    paint_first(app, window)
    if not window.painted:
        sys.exit("the window was not painted")
    print(time.time(), flush=True)
    os._exit(0)


aether_desktop_app._paint_first = tell
sys.exit(aether_desktop_app.main([]))
