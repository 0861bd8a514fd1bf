"""Pictures of every panel, document and dialog in both themes: to see whether all is well, and for the manual."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QApplication

from aether_desktop.ui.widgets.theme import Scheme, apply_theme
from aether_desktop.ui.window.scenes import scenes

if TYPE_CHECKING:
    from aether_desktop.ui.window.main_window import MainWindow

THEMES: Final[tuple[Scheme, ...]] = ("light", "dark")


async def take_pictures(window: MainWindow, folder: Path) -> int:
    """Write `folder`/light and `folder`/dark; returns how many pictures there are. Raises `OSError`."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    for theme in THEMES:
        await asyncio.to_thread((folder / theme).mkdir, parents=True, exist_ok=True)
    count = 0
    with TemporaryDirectory(prefix="aether-pictures-") as own:
        async for name, widget in scenes(window, Path(own)):
            for theme in THEMES:
                apply_theme(app, theme)
                await window.settle()
                path = folder / theme / f"{name}.png"
                if not widget.grab().save(str(path)):
                    raise OSError(f"{path} could not be written")
                count += 1
            print(name, file=sys.stderr)  # noqa: T201 (said to whoever started it)
    return count
