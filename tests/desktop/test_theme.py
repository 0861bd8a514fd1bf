"""The palette keeps its contrasts, chips are the same everywhere, and Qt gets what the theme says."""

import sys

import pytest
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from aether_desktop.ui.widgets.badge import Badge, BadgeKind, HazardStripe
from aether_desktop.ui.widgets.banner import Banner, BannerKind
from aether_desktop.ui.widgets.chips import ChipShape, chip_for, chip_index
from aether_desktop.ui.widgets.theme import (
    DARK,
    LIGHT,
    Meaning,
    Scheme,
    Theme,
    apply_theme,
    current_theme,
    fixed_font,
    palette_for,
    row_height,
    theme_notifier,
    ui_font,
)

THEMES = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]


def luminance(color: QColor) -> float:
    """Relative luminance of WCAG 2."""

    def channel(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF()) + 0.0722 * channel(color.blueF())


def contrast(one: QColor, other: QColor) -> float:
    """Contrast ratio of WCAG 2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_formula() -> None:
    assert contrast(QColor("#000"), QColor("#fff")) == pytest.approx(21)
    assert contrast(QColor("#767676"), QColor("#fff")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_text_roles_can_be_read(theme: Theme) -> None:
    grounds = ("window", "base", "sunken", "raised", "sel", "selInactive", "hover", "accentSoft")
    for ground in grounds:
        for role in ("text", "text2"):
            assert contrast(theme.color(role), theme.color(ground)) >= 4.5, (role, ground)
    for role in ("text3", "accent", "string", "number", "literal"):
        assert contrast(theme.color(role), theme.base) >= 4.5, role
    for ground in ("window", "sunken", "raised"):
        assert contrast(theme.text3, theme.color(ground)) >= 4.5, ground
    assert contrast(theme.accent, theme.sel) >= 4.5
    assert contrast(theme.onAccent, theme.accent) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_meanings_can_be_read(theme: Theme) -> None:
    for name in ("corrupted", "conflict", "snapshot", "gap", "readOnly", "live"):
        meaning: Meaning = getattr(theme, name)
        for ground in (theme.base, meaning.tint, theme.sel):
            assert contrast(meaning.text, ground) >= 4.5, name
    for meaning in (theme.corrupted, theme.gap, theme.changed, theme.added, theme.removed):
        assert contrast(theme.text2, meaning.tint) >= 4.5
    assert contrast(theme.production.text, theme.production.tint) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_borders_and_chips_can_be_seen(theme: Theme) -> None:
    for color in (theme.lineStrong, *theme.chips):
        assert contrast(color, theme.base) >= 3.0
    for color in theme.chips:
        assert contrast(color, theme.sel) >= 3.0 or theme.is_dark


def test_every_role_is_a_valid_color() -> None:
    for theme in (LIGHT, DARK):
        for name, value in zip(theme._fields, theme, strict=True):
            if isinstance(value, QColor):
                assert value.isValid(), name
    with pytest.raises(KeyError):
        LIGHT.color("name")
    with pytest.raises(KeyError):
        LIGHT.color("no such role")


@pytest.mark.parametrize(
    ("event_type", "hue", "shape"),
    [
        # crc32: 0x61D8A6FF, 0xCBF43926, 0; "123456789" is the check value of the CRC-32 catalogue.
        ("123456789", 0xCBF43926 % 6, 0xCBF43926 // 6 % 4),
        ("", 0, 0),
        ("OrderPlaced", 4, 1),
        ("T02CheckConfirmationOfReceipt", 2, 3),
        ("T072DraftInternAdviceAspect2", 0, 0),
    ],
)
def test_chip_of_a_type_never_changes(event_type: str, hue: int, shape: int) -> None:
    assert chip_index(event_type) == (hue, ChipShape(shape))
    assert chip_for(event_type, DARK) == (DARK.chips[hue], ChipShape(shape))


def test_chip_of_a_type_with_a_lone_surrogate() -> None:
    assert chip_index("\ud800")[0] in range(6)


def test_apply_theme_gives_qt_the_palette(qapp: QApplication) -> None:
    schemes: tuple[tuple[Scheme, Theme], ...] = (("dark", DARK), ("light", LIGHT))
    for scheme, theme in schemes:
        assert apply_theme(qapp, scheme) is theme
        assert current_theme() is theme
        assert qapp.palette().color(QPalette.ColorRole.Base) == theme.base
        for group, color in (("Active", theme.sel), ("Inactive", theme.selInactive)):
            highlight = qapp.palette().color(QPalette.ColorGroup[group], QPalette.ColorRole.Highlight)
            assert highlight == color


def test_palette_sets_all_groups() -> None:
    palette = palette_for(DARK)
    text = QPalette.ColorRole.WindowText
    assert palette.color(QPalette.ColorGroup.Disabled, text) == DARK.disabled
    assert palette.color(QPalette.ColorGroup.Inactive, text) == DARK.text
    assert palette.color(QPalette.ColorGroup.Active, text) == DARK.text


def test_change_of_theme_is_told(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, "light")
    with qtbot.waitSignal(theme_notifier().changed):
        apply_theme(qapp, "dark")
    apply_theme(qapp, "light")


def test_system_scheme_is_ignored_once_chosen(qapp: QApplication) -> None:
    apply_theme(qapp, "dark")
    theme_notifier().system_scheme_changed()
    assert current_theme() is DARK
    apply_theme(qapp, "light")


def test_fonts_and_rows(qapp: QApplication) -> None:
    apply_theme(qapp, "light")
    assert fixed_font(-1).pixelSize() == fixed_font().pixelSize() - 1
    assert ui_font(semibold=True).weight() > ui_font().weight()
    digits = QFontMetrics(ui_font())
    assert len({digits.horizontalAdvance(digit) for digit in "0123456789"}) == 1
    assert row_height("comfortable") % 4 == 0
    assert row_height("compact") < row_height("comfortable")
    assert row_height("comfortable") >= digits.height() + 8


def test_pen_calls_do_not_lose_references_to_none(qapp: QApplication) -> None:
    """PySide6 6.12.0 on CPython 3.11 loses one reference to None per call and aborts at the end."""
    image = QImage(8, 8, QImage.Format.Format_ARGB32_Premultiplied)
    painter = QPainter(image)
    before = sys.getrefcount(None)
    for _ in range(1000):
        painter.setPen(LIGHT.text)
        painter.setBrush(LIGHT.base)
        painter.fillRect(0, 0, 2, 2, LIGHT.accent)
    after = sys.getrefcount(None)
    painter.end()
    assert after >= before - 100


def _painted(widget: QWidget) -> QImage:
    return widget.grab().toImage()


@pytest.mark.parametrize("theme", THEMES)
def test_banner_and_badges_paint_in_their_colors(qapp: QApplication, qtbot: QtBot, theme: Theme) -> None:
    apply_theme(qapp, theme.name)
    for kind in BannerKind:
        banner = Banner(kind, "5 events are damaged", "<b>Everything</b> up to 6,333 is intact.")
        qtbot.addWidget(banner)
        banner.resize(900, banner.sizeHint().height())
        assert banner.height() >= 36
        assert banner.plain_text() == "5 events are damaged <b>Everything</b> up to 6,333 is intact."
        image = _painted(banner)
        if kind is BannerKind.CORRUPTED:
            assert image.pixelColor(1, 10) == theme.corrupted.text
            assert image.pixelColor(6, 4) == theme.corrupted.tint
    for badge_kind in BadgeKind:
        badge = Badge(badge_kind)
        qtbot.addWidget(badge)
        assert badge.accessibleName() == badge_kind.value
        assert not _painted(badge).isNull()
    stripe = HazardStripe()
    qtbot.addWidget(stripe)
    stripe.resize(200, 4)
    colors = {_painted(stripe).pixelColor(x, 2).name() for x in range(200)}
    assert theme.production.tint.name() in colors
    assert theme.production.text.name() in colors
    apply_theme(qapp, "light")


def test_banner_wraps_instead_of_cutting(qapp: QApplication, qtbot: QtBot) -> None:
    banner = Banner("gap", "37 events not shown here", "The bus does not replay. " * 6)
    qtbot.addWidget(banner)
    banner.resize(1600, 36)
    _painted(banner)
    wide = banner.minimumHeight()
    banner.resize(420, 36)
    _painted(banner)
    assert banner.minimumHeight() > wide


def test_banner_actions_and_closing(qapp: QApplication, qtbot: QtBot) -> None:
    said: list[str] = []
    banner = Banner("corrupted", "Damaged")
    qtbot.addWidget(banner)
    action = banner.add_action("Go to 6,334 & back", lambda: said.append("go"))
    assert action.accessibleName() == "Go to 6,334 & back"
    action.click()
    assert said == ["go"]
    close = banner.findChild(QToolButton)
    assert close is not None
    with qtbot.waitSignal(banner.closed):
        close.click()
    assert banner.isHidden()
