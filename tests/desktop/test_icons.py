"""Every icon is there, draws something at every scale in both themes, and follows the theme by itself."""

import gc
import re
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

import aether_desktop.ui.widgets.theme as theme_module
from aether_desktop.assets import AssetMissingError, asset
from aether_desktop.ui.widgets.icons import app_icon, icon, pixmap
from aether_desktop.ui.widgets.theme import DARK, LIGHT, apply_theme

FOLDER = asset("icons/app.svg").parent
NAMES = sorted(
    path.stem for path in FOLDER.glob("*.svg") if path.stem != "app" and not path.stem.startswith("qss-")
)
SOURCES = Path(theme_module.__file__).parent.parent


def _ink(image: QImage) -> set[str]:
    """The colours of the opaque pixels."""
    return {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }


def test_the_set_is_complete() -> None:
    needed = """
        folder-open server braces filter file check close star clock go-to plus tail audit command log
        stream search copy detach link first previous play pause next last fork more snapshot corrupted
        conflict gap mark padlock shield pencil trash info warning reconnect no-link chevron-down
        chevron-right chevron-up import export memory bag stop refresh dot-live theme
    """
    assert set(needed.split()) <= set(NAMES)


def test_every_icon_that_the_code_names_exists() -> None:
    called = re.compile(r"\b(?:icon|icon_button|pixmap|IconLabel)\(\s*\"([a-z-]+)\"")
    for path in SOURCES.rglob("*.py"):
        for name in called.findall(path.read_text(encoding="utf-8")):
            assert name in NAMES, f"{path.name} names the icon {name!r}"


@pytest.mark.parametrize("name", NAMES)
def test_icon_is_drawn_on_the_grid_in_black(name: str) -> None:
    source = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert 'viewBox="0 0 16 16"' in source
    assert 'stroke="#000"' in source
    assert set(re.findall(r"#[0-9A-Fa-f]{3,8}", source)) == {"#000"}


@pytest.mark.parametrize("ratio", [1.0, 1.25, 2.0])
@pytest.mark.parametrize("name", NAMES)
def test_icon_renders_at_every_scale_in_both_themes(qapp: QApplication, name: str, ratio: float) -> None:
    for theme in (LIGHT, DARK):
        image = pixmap(name, 16, theme.text2, ratio).toImage()
        assert image.width() == round(16 * ratio)
        drawn = [
            (x, y)
            for x in range(image.width())
            for y in range(image.height())
            if image.pixelColor(x, y).alpha() > 40
        ]
        assert len(drawn) >= 6 * ratio
        edge = int(1 * ratio)
        assert all(edge <= x < image.width() - edge and edge <= y < image.height() - edge for x, y in drawn), (
            "an icon keeps a clear edge"
        )


def test_icon_takes_the_color_of_theme_and_state(qapp: QApplication) -> None:
    apply_theme(qapp, "light")
    shown = icon("stop", "corrupted")
    assert LIGHT.corrupted.text.name() in _ink(shown.pixmap(16, 16).toImage())
    apply_theme(qapp, "dark")
    assert DARK.corrupted.text.name() in _ink(shown.pixmap(16, 16).toImage())
    disabled = shown.pixmap(QSize(16, 16), QIcon.Mode.Disabled)
    assert DARK.disabled.name() in _ink(disabled.toImage())
    apply_theme(qapp, "light")


def test_icon_is_sharp_at_a_higher_ratio(qapp: QApplication) -> None:
    image = icon("log").pixmap(QSize(16, 16), 2.0)
    assert image.width() == 32
    assert image.devicePixelRatio() == 2.0
    assert image.toImage() == pixmap("log", 16, LIGHT.text2, 2.0).toImage()


def test_icons_outlive_the_engines_python_side(qapp: QApplication, qtbot: QtBot) -> None:
    button = QPushButton(icon("copy"), "Copy")
    qtbot.addWidget(button)
    copies = [QIcon(icon("copy")) for _ in range(50)]
    gc.collect()
    del copies
    gc.collect()
    assert not button.grab().isNull()
    assert not icon("copy").isNull()


def test_unknown_names_are_told(qapp: QApplication) -> None:
    with pytest.raises(AssetMissingError, match=r"icons/no-such\.svg"):
        icon("no-such")
    with pytest.raises(KeyError):
        icon("copy", "no such role")
    with pytest.raises(ValueError, match="relative"):
        asset("../pyproject.toml")


def test_app_icon_has_its_blue(qapp: QApplication) -> None:
    image = app_icon().pixmap(64, 64).toImage()
    assert QColor(image.pixel(10, 32)) == LIGHT.accent


def test_style_sheet_images_have_the_colors_of_their_theme() -> None:
    """A style sheet cannot recolour; these files repeat colours of the palette and must not drift from it."""
    for theme in (LIGHT, DARK):
        roles = {"chevron-up": "text2", "chevron-down": "text2", "close": "text2"}
        roles |= {"check": "onAccent", "minus": "onAccent", "dot": "onAccent"}
        for shape, role in roles.items():
            source = asset(f"icons/qss-{shape}-{theme.name}.svg").read_text(encoding="utf-8")
            assert f'"{theme.color(role).name().upper()}"' in source
            if shape != "close":
                off = asset(f"icons/qss-{shape}-{theme.name}-disabled.svg").read_text(encoding="utf-8")
                assert f'"{theme.disabled.name().upper()}"' in off
