"""The user guide and the tutorial name the commands and keys that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from aether_desktop.ui.window.cheat_sheet import shortcuts_of
from tests.desktop.driven_window import driven_file

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: What stands in italics and is no command.
OTHER = {
    *(
        "Blocked",
        "Loaded X of Y",
        "Test",
        "Details",
        "It is a duplicate: done",
        "Diff v5 to v6",
        "Blame",
        "Set by",
        "Diff",
    ),
    *("Space", "End", "Enter"),
}
_ITALIC = re.compile(r"(?<!\*)\*([^*\n]+)\*(?!\*)")
_KEY_ROW = re.compile(r"^\| (\w+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def _texts(actions: list[QAction]) -> Iterator[str]:
    for action in actions:
        yield action.text().replace("&", "")
        menu = action.menu()
        if isinstance(menu, QMenu):  # declared as any object
            yield from _texts(menu.actions())


async def test_commands_and_keys_are_those_of_the_window(tmp_path: Path) -> None:
    async with driven_file(tmp_path / "shop.aether") as seen:
        commands = set(_texts(seen.window.menuBar().actions()))
        keys = [(menu, text, keys) for menu, rows in shortcuts_of(seen.window) for text, keys in rows]
    guide = (DOCS / "user-guide.md").read_text("utf-8")
    assert _KEY_ROW.findall(guide.partition("## Keys")[2])[1:] == keys
    for text in (guide, (DOCS / "tutorial.md").read_text("utf-8")):
        named = {name for name in _ITALIC.findall(text) if len(name) < 60} - OTHER
        assert named <= commands, named - commands
