"""Tests of the desktop application share one QApplication; its coroutine tests run on qasync (../conftest.py)."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication


@pytest.fixture(autouse=True)
def _application(qapp: QApplication) -> None:
    """Every test here has the application, asked for or not, and closing its last window does not end the loop."""
    qapp.setQuitOnLastWindowClosed(False)
