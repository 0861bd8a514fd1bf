"""The colours, fonts and sizes of the application, and the one place that gives them to Qt.

`LIGHT` and `DARK` are the whole palette; nothing else in the application names a colour. `apply_theme` sets style,
palette, fonts and style sheet; painted widgets read `current_theme()` in their paint event and repaint on
`theme_notifier().changed`.
"""

from functools import lru_cache
from typing import Final, Literal, NamedTuple

from PySide6 import QtCore
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetrics, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from aether_desktop.ui.widgets.by_name import set_by_name
from aether_desktop.ui.widgets.theme_qss import style_sheet

Scheme = Literal["system", "light", "dark"]
Density = Literal["compact", "comfortable"]


#: The style, and properties of the application: it has that style, and its palette is one of ours.
_STYLE: Final = "Fusion"
_STYLED: Final = "aetherStyled"
_THEMED: Final = "aetherThemed"


class Meaning(NamedTuple):
    """A colour that says something: for text and icons, and as the tint behind them."""

    text: QColor
    tint: QColor


class Theme(NamedTuple):
    """Every colour of one scheme by its role. `chips` are the six hues of the event types."""

    name: Literal["light", "dark"]
    window: QColor
    base: QColor
    sunken: QColor
    raised: QColor
    text: QColor
    text2: QColor
    text3: QColor
    disabled: QColor
    line: QColor
    lineSoft: QColor
    lineStrong: QColor
    accent: QColor
    onAccent: QColor
    sel: QColor
    selInactive: QColor
    hover: QColor
    accentSoft: QColor
    string: QColor
    number: QColor
    literal: QColor
    bar: QColor
    barSel: QColor
    scroll: QColor
    corrupted: Meaning
    conflict: Meaning
    snapshot: Meaning
    gap: Meaning
    readOnly: Meaning
    live: Meaning
    production: Meaning
    productionEdge: QColor
    chips: tuple[QColor, ...]

    @property
    def is_dark(self) -> bool:
        """True for light text on dark ground."""
        return self.name == "dark"

    @property
    def added(self) -> Meaning:
        """Something that is there now and was not before."""
        return self.live

    @property
    def removed(self) -> Meaning:
        """Something that was there before."""
        return self.corrupted

    @property
    def changed(self) -> Meaning:
        """A value that another one replaced."""
        return Meaning(self.accent, self.accentSoft)

    def color(self, role: str) -> QColor:
        """Return the colour of a role by name; of a meaning its text colour. Raises `KeyError` if unknown."""
        value = getattr(self, role, None)
        if isinstance(value, Meaning):
            return value.text
        if isinstance(value, QColor):
            return value
        raise KeyError(f"The theme has no colour named {role!r}")


def _meaning(text: str, tint: str) -> Meaning:
    return Meaning(QColor(text), QColor(tint))


def _hues(*values: str) -> tuple[QColor, ...]:
    return tuple(QColor(value) for value in values)


LIGHT: Final = Theme(
    name="light",
    window=QColor("#F3F4F6"),
    base=QColor("#FFFFFF"),
    sunken=QColor("#F8F9FA"),
    raised=QColor("#FFFFFF"),
    text=QColor("#1B1F24"),
    text2=QColor("#4B5563"),
    text3=QColor("#656D78"),
    disabled=QColor("#8A919B"),
    line=QColor("#DCDFE4"),
    lineSoft=QColor("#EEF0F3"),
    lineStrong=QColor("#858D98"),
    accent=QColor("#0A5FB4"),
    onAccent=QColor("#FFFFFF"),
    sel=QColor("#D2E5FA"),
    selInactive=QColor("#E3E6EA"),
    hover=QColor("#F1F5F9"),
    accentSoft=QColor("#E8F1FB"),
    string=QColor("#00694D"),
    number=QColor("#0A5FB4"),
    literal=QColor("#95316B"),
    bar=QColor("#B9C6D6"),
    barSel=QColor("#4C87C4"),
    scroll=QColor("#B8BFC9"),
    corrupted=_meaning("#8C2006", "#FCEAE1"),
    conflict=_meaning("#6F0E4A", "#FAECF4"),
    snapshot=_meaning("#1569A4", "#E4F1FA"),
    gap=_meaning("#865C00", "#FFF5DB"),
    readOnly=_meaning("#4B5563", "#E7E9EC"),
    live=_meaning("#1D5E44", "#E2F4EE"),
    production=_meaning("#1B1300", "#E69F00"),
    productionEdge=QColor("#865C00"),
    chips=_hues("#1D85D3", "#C26A29", "#236E58", "#906089", "#574D0C", "#344551"),
)

DARK: Final = Theme(
    name="dark",
    window=QColor("#1F2328"),
    base=QColor("#17191D"),
    sunken=QColor("#1B1E23"),
    raised=QColor("#282D34"),
    text=QColor("#DDE1E6"),
    text2=QColor("#B1B8C2"),
    text3=QColor("#949CA7"),
    disabled=QColor("#6B737E"),
    line=QColor("#343A42"),
    lineSoft=QColor("#23272D"),
    lineStrong=QColor("#78818D"),
    accent=QColor("#6CB2F5"),
    onAccent=QColor("#0B1A2A"),
    sel=QColor("#1F4266"),
    selInactive=QColor("#30363E"),
    hover=QColor("#20242A"),
    accentSoft=QColor("#1C2C3E"),
    string=QColor("#7FD1B3"),
    number=QColor("#8CC4FA"),
    literal=QColor("#E9A0CB"),
    bar=QColor("#3F4C5C"),
    barSel=QColor("#5690C9"),
    scroll=QColor("#4C545F"),
    corrupted=_meaning("#F6965C", "#35211A"),
    conflict=_meaning("#E58ED5", "#33202D"),
    snapshot=_meaning("#69C4FE", "#182B38"),
    gap=_meaning("#FFC439", "#2F2818"),
    readOnly=_meaning("#B1B8C2", "#30363E"),
    live=_meaning("#73EBC0", "#16302A"),
    production=_meaning("#1B1300", "#E69F00"),
    productionEdge=QColor("#FFC439"),
    chips=_hues("#4999EC", "#D99240", "#62D5B1", "#B576A7", "#E2D37C", "#C2D3DF"),
)


class ThemeNotifier(QObject):
    """Tells painted widgets that colours or fonts are others now, after Qt has them."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.scheme: Scheme = "system"
        self.theme: Theme = LIGHT
        self.follows: QApplication | None = None
        """The application whose system scheme this object listens to."""

    def system_scheme_changed(self) -> None:
        """Apply the system's new scheme, if the user has not chosen one."""
        if self.follows is not None and self.scheme == "system":
            apply_theme(self.follows, "system")


_notifier = ThemeNotifier()


def theme_notifier() -> ThemeNotifier:
    """Return the object whose `changed` signal follows every change of colours or fonts."""
    return _notifier


def current_theme() -> Theme:
    """Return the theme in force; `LIGHT` before `apply_theme` was called."""
    return _notifier.theme


def palette_for(theme: Theme) -> QPalette:
    """Return the palette of a theme with its Active, Inactive and Disabled groups."""
    role = QPalette.ColorRole
    palette = QPalette()
    common = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.base,
        role.AlternateBase: theme.sunken,
        role.Text: theme.text,
        role.PlaceholderText: theme.text3,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.corrupted.text,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Accent: theme.accent,
        role.Highlight: theme.sel,
        role.HighlightedText: theme.text,
        role.Light: theme.raised,
        role.Midlight: theme.lineSoft,
        role.Mid: theme.line,
        role.Dark: theme.lineStrong,
        role.Shadow: theme.lineStrong if theme.is_dark else theme.text3,
    }
    for color_role, color in common.items():
        palette.setColor(color_role, color)
    palette.setColor(QPalette.ColorGroup.Inactive, role.Highlight, theme.selInactive)
    palette.setColor(QPalette.ColorGroup.Inactive, role.Accent, theme.text3)
    disabled = QPalette.ColorGroup.Disabled
    for color_role in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText, role.ToolTipText):
        palette.setColor(disabled, color_role, theme.disabled)
    palette.setColor(disabled, role.HighlightedText, theme.disabled)
    palette.setColor(disabled, role.Base, theme.window)
    palette.setColor(disabled, role.Button, theme.window)
    palette.setColor(disabled, role.Highlight, theme.selInactive)
    palette.setColor(disabled, role.Accent, theme.disabled)
    palette.setColor(disabled, role.Link, theme.disabled)
    return palette


def apply_theme(app: QApplication, scheme: Scheme = "system") -> Theme:
    """Give the application the style, palette, fonts and style sheet of `scheme` and return the theme chosen.

    "system" follows the system's light or dark setting from then on. May be called at any time.
    """
    theme = begin_theme(app, scheme)
    finish_theme(app)
    return theme


def begin_theme(app: QApplication, scheme: Scheme = "system") -> Theme:
    """Do what `apply_theme` does first; the style sheet comes with `finish_theme`.

    In between the first window is built: Qt matches a style sheet against a widget each time it is put into
    another one, and against all of them once if it comes when they are there.
    """
    hints = app.styleHints()
    if _notifier.follows is not app:
        _notifier.follows = app
        hints.colorSchemeChanged.connect(_notifier.system_scheme_changed)
    _notifier.scheme = scheme
    # Native dialogs and title bars follow the hint, our own widgets the palette.
    if scheme == "system":
        hints.unsetColorScheme()
        theme = DARK if _system_is_dark(app) else LIGHT
    else:
        set_by_name(hints, colorScheme=scheme.capitalize())
        theme = DARK if scheme == "dark" else LIGHT
    _notifier.theme = theme
    _fonts.cache_clear()
    if not app.property(_STYLED):
        app.setStyle(_STYLE)
        app.setProperty(_STYLED, True)
    app.setProperty(_THEMED, True)
    app.setFont(_with_features(app.font()))
    app.setPalette(palette_for(theme))
    return theme


def finish_theme(app: QApplication) -> None:
    """Give the application the style sheet of the theme begun, and tell the painted widgets."""
    app.setStyleSheet(style_sheet(current_theme(), QFontMetrics(app.font()).height()))
    _notifier.changed.emit()


def make_application(program: str) -> QApplication:
    """Return a new application, called `program`, in the style that the themes are made for."""
    # As an argument: `setStyle` returns a style, for which Python makes every enumeration of QStyle.
    app = QApplication([program, "-style", _STYLE])
    app.setProperty(_STYLED, True)
    return app


def _system_is_dark(app: QApplication) -> bool:
    """Whether the system wants light text on dark ground."""
    if not app.property(_THEMED):
        # The palette still is the system's, and spares the first paint the enumerations of Qt.
        palette = app.palette()
        text, ground = palette.windowText().color(), palette.window().color()
        return text.lightness() > ground.lightness()
    return app.styleHints().colorScheme() is QtCore.Qt.ColorScheme.Dark


def _with_features(font: QFont) -> QFont:
    """Return `font` with digits of one width, and without ligatures that would turn 0x10 into 0×10."""
    result = QFont(font)
    result.setFeature(QFont.Tag("tnum"), 1)
    result.setFeature(QFont.Tag("calt"), 0)
    return result


@lru_cache(maxsize=32)
def _fonts(family: Literal["ui", "fixed"], delta: int, semibold: bool) -> QFont:
    size = QFontInfo(QGuiApplication.font()).pixelSize() + delta
    if family == "fixed":
        from PySide6.QtGui import QFontDatabase

        font = _with_features(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    else:
        font = _with_features(QGuiApplication.font())
    font.setPixelSize(max(size, 6))
    if semibold:
        font.setWeight(QFont.Weight.DemiBold)
    return font


def ui_font(delta: int = 0, *, semibold: bool = False) -> QFont:
    """Return the application's font, `delta` pixels larger, in weight 400 or 600."""
    return QFont(_fonts("ui", delta, semibold))


def fixed_font(delta: int = 0) -> QFont:
    """Return the system's fixed-width font in the size of the application's font plus `delta` pixels."""
    return QFont(_fonts("fixed", delta, False))


def row_height(density: Density = "comfortable", font: QFont | None = None) -> int:
    """Return the height in pixels of a table row: the font's height with its margins, rounded up to 4."""
    height = QFontMetrics(font or QGuiApplication.font()).height()
    return -(-(height + (4 if density == "compact" else 8)) // 4) * 4


def grown(pixels: int) -> int:
    """Return a height that is `pixels` for the usual font and grows with a larger one."""
    return max(pixels, QFontMetrics(QGuiApplication.font()).height() + pixels - 16)
