"""Which versions of which parts are running: for the about box and for reports."""

from __future__ import annotations

import platform
import sqlite3

from PySide6.QtCore import qVersion

from aether_desktop import __version__


def versions() -> dict[str, str]:
    """The parts by name, in the order people ask for them."""
    return {
        "Aether Desktop": __version__,
        "Python": platform.python_version(),
        "Qt": qVersion(),
        "SQLite": sqlite3.sqlite_version,
        "System": platform.platform(),
    }
