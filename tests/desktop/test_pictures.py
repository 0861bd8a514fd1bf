"""Pictures are written in both themes; the scenes themselves test_accessibility goes through."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from aether_desktop.ui.widgets.theme import DARK, LIGHT, apply_theme, current_theme
from aether_desktop.ui.window import scenes
from aether_desktop.ui.window.pictures import take_pictures
from tests.desktop.driven_window import driven


async def test_a_picture_of_each_scene_in_both_themes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "SCENES", {name: scenes.SCENES[name] for name in ("log", "keys")})
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    before = current_theme().name
    try:
        async with driven(tmp_path / "settings.json") as seen:
            assert await take_pictures(seen.window, tmp_path) == 6
    finally:
        apply_theme(app, before)
    for theme in (LIGHT, DARK):
        for name in ("welcome", "log", "keys"):
            picture = QImage(str(tmp_path / theme.name / f"{name}.png"))
            assert picture.pixelColor(2, 2).lightness() == pytest.approx(theme.window.lightness(), abs=6), name
    assert not (tmp_path / "session.json").exists()
