"""The welcome page: its buttons, and the files opened lately."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QListWidget
from pytestqt.qtbot import QtBot

from aether_desktop.ui.widgets.theme import apply_theme
from aether_desktop.ui.window.welcome import StartButton, WelcomePage
from aether_engine.urls import sqlite_url


@pytest.fixture
def page(qtbot: QtBot, qapp: QApplication) -> WelcomePage:
    apply_theme(qapp, "light")
    page = WelcomePage()
    qtbot.addWidget(page)
    page.resize(1440, 800)
    page.show_recent([])
    page.show()
    qtbot.waitExposed(page)
    return page


def texts(page: WelcomePage) -> list[str]:
    return [label.text() for label in page.findChildren(QLabel) if label.isVisible()]


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("Open a file", "open_file"),
        ("Connect to a server", "connect_to_server"),
        ("Explore the demo", "open_demo"),
    ],
)
def test_a_click_on_its_words_is_one_on_the_button(
    qtbot: QtBot, page: WelcomePage, name: str, signal: str
) -> None:
    (button,) = [each for each in page.findChildren(StartButton) if each.accessibleName() == name]
    assert button.height() >= 56
    for label in button.findChildren(QLabel):
        assert button.rect().contains(label.geometry()), label.text()
        with qtbot.waitSignal(getattr(page, signal)):
            QTest.mouseClick(label, Qt.MouseButton.LeftButton)


def test_without_files_the_list_says_so_until_there_are_some(
    qtbot: QtBot, page: WelcomePage, tmp_path: Path
) -> None:
    assert "Recent  0" in texts(page)
    assert "No files yet. What you open is listed here." in texts(page)
    there, gone = tmp_path / "shop.aether", tmp_path / "gone.aether"
    there.write_bytes(b"12345")

    page.show_recent([sqlite_url(there), "not a URL of a file", sqlite_url(gone)])

    assert "Recent  2" in texts(page)
    assert "No files yet. What you open is listed here." not in texts(page)
    (recent,) = page.findChildren(QListWidget)
    qtbot.waitUntil(recent.isVisible)
    names = [recent.item(row).text().split("\n")[0] for row in range(recent.count())]
    assert names == ["shop.aether", "gone.aether"]
    assert recent.item(0).text().endswith(", 5 bytes")
    assert recent.item(1).text().endswith(", not found")
    with qtbot.waitSignal(page.recent_chosen) as chosen:
        recent.itemActivated.emit(recent.item(0))
    assert chosen.args == [sqlite_url(there)]
