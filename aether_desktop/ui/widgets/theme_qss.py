"""The small style sheet: only what a palette cannot say about bars, tabs, buttons, fields and scroll bars.

Properties that widgets may set before they are shown (`setProperty(name, value)`):
`primary` (push button filled with the accent), `link` (push button that looks like a link), `start` (large button
of the welcome page), `tone` (label: "second" for text that says the less important), `tabRole`
("document" or "panel", see `set_tab_role`), `field` (a frame or editor with the border of a field),
`invalid` (a field whose content is refused), `band` (a frame on window colour with a line below).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6 import QtCore
from PySide6.QtWidgets import QWidget

from aether_desktop.assets import asset

if TYPE_CHECKING:
    from PySide6.QtWidgets import QTabBar

    from aether_desktop.ui.widgets.theme import Theme


def set_tab_role(tabs: QTabBar, role: Literal["document", "panel"]) -> None:
    """Make a tab bar one of documents (accent line on top, 32 px) or of panels (line underneath, 28 px)."""
    tabs.setProperty("tabRole", role)
    tabs.setDrawBase(False)
    tabs.setExpanding(False)
    tabs.setUsesScrollButtons(True)
    elide = QtCore.Qt.TextElideMode
    tabs.setElideMode(elide.ElideMiddle if role == "document" else elide.ElideNone)
    restyle(tabs)


def restyle(widget: QWidget) -> None:
    """Make Qt look at the style sheet again after a property of `widget` has changed."""
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)
    widget.update()


def _image(shape: str, theme: Theme, *, disabled: bool = False) -> str:
    suffix = "-disabled" if disabled else ""
    return f'url("{asset(f"icons/qss-{shape}-{theme.name}{suffix}.svg").as_posix()}")'


def style_sheet(theme: Theme, font_height: int) -> str:
    """Return the application's style sheet for a theme; heights grow with the font's height in pixels."""
    c = {
        role: theme.color(role).name()
        for role in (
            *("window", "base", "raised", "sunken", "text", "text2", "text3", "disabled", "line", "lineSoft"),
            *("lineStrong", "accent", "onAccent", "sel", "selInactive", "hover", "scroll", "corrupted"),
        )
    }
    # Content heights: fields and buttons are 28 px, document tabs 32, with room for a larger font.
    field = max(20, font_height + 4)
    document = max(29, font_height + 13)
    panel = max(26, font_height + 10)
    down, up = _image("chevron-down", theme), _image("chevron-up", theme)
    down_off, up_off = _image("chevron-down", theme, disabled=True), _image("chevron-up", theme, disabled=True)
    left, right = _image("chevron-left", theme), _image("chevron-right", theme)
    left_off, right_off = (
        _image("chevron-left", theme, disabled=True),
        _image("chevron-right", theme, disabled=True),
    )
    pressed = theme.accent.darker(115).name()
    over = theme.accent.lighter(108).name() if theme.is_dark else theme.accent.darker(106).name()
    return f"""
QToolBar {{ background: {c["window"]}; border: none; border-bottom: 1px solid {c["line"]};
    padding: 4px 8px; spacing: 4px; }}
QToolBar::separator {{ background: {c["line"]}; width: 1px; margin: 6px 4px; }}
QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: 3px 5px; color: {c["text"]};
    background: transparent; }}
QToolButton:hover {{ background: {c["hover"]}; border-color: {c["line"]}; }}
QToolButton:pressed, QToolButton:checked {{ background: {c["sel"]}; border-color: transparent; }}
QToolButton:focus {{ border: 2px solid {c["accent"]}; padding: 2px 4px; }}
QToolButton:disabled {{ color: {c["disabled"]}; background: transparent; border-color: transparent; }}
QToolButton::menu-indicator {{ image: {down}; width: 12px; height: 12px;
    subcontrol-position: right center; subcontrol-origin: padding; right: 2px; }}
QToolButton[popupMode="2"] {{ padding-right: 18px; }}
QToolButton[popupMode="2"]:focus {{ padding-right: 17px; }}

QPushButton {{ border: 1px solid {c["lineStrong"]}; border-radius: 4px; padding: 3px 11px;
    min-height: {field}px; color: {c["text"]}; background: {c["raised"]}; }}
QPushButton:hover {{ background: {c["hover"]}; }}
QPushButton:pressed, QPushButton:checked {{ background: {c["sel"]}; }}
QPushButton:focus {{ border: 2px solid {c["accent"]}; padding: 2px 10px; }}
QPushButton:disabled {{ color: {c["disabled"]}; background: {c["window"]}; border-color: {c["line"]}; }}
QPushButton[primary="true"] {{ color: {c["onAccent"]}; background: {c["accent"]};
    border-color: {c["accent"]}; font-weight: 600; }}
QPushButton[primary="true"]:hover {{ background: {over}; }}
QPushButton[primary="true"]:pressed {{ background: {pressed}; }}
QPushButton[primary="true"]:focus {{ border: 2px solid {c["text"]}; }}
QPushButton[primary="true"]:disabled {{ color: {c["disabled"]}; background: {c["selInactive"]};
    border-color: {c["selInactive"]}; }}
QPushButton[link="true"] {{ border: 2px solid transparent; background: transparent; color: {c["accent"]};
    padding: 0 4px; text-align: left; font-weight: 600; min-height: {field}px; }}
QPushButton[link="true"]:hover {{ text-decoration: underline; }}
QPushButton[link="true"]:focus {{ border-color: {c["accent"]}; padding: 0 4px; }}
QPushButton[choice="true"]:!checked {{ color: {c["text2"]}; }}
QPushButton[link="true"]:disabled {{ color: {c["disabled"]}; }}
QPushButton[start="true"] {{ border-color: {c["line"]}; background: {c["base"]}; padding: 0 17px;
    text-align: left; min-height: {max(54, 2 * font_height + 22)}px; }}
QPushButton[start="true"]:hover {{ border-color: {c["lineStrong"]}; background: {c["base"]}; }}
QPushButton[start="true"]:pressed {{ background: {c["sel"]}; }}
QPushButton[start="true"]:focus {{ border-color: {c["accent"]}; padding: 0 16px; }}
QLabel[drop="true"] {{ border: 1px dashed {c["lineStrong"]}; border-radius: 4px; padding: 20px;
    color: {c["text2"]}; }}
QFrame[card="true"] {{ border: 1px solid {c["line"]}; border-radius: 4px; background: {c["base"]}; }}
QLabel[tone="second"] {{ color: {c["text2"]}; }}

QLineEdit, QAbstractSpinBox, QComboBox, *[field="true"] {{ border: 1px solid {c["lineStrong"]};
    border-radius: 4px; background: {c["base"]}; color: {c["text"]};
    selection-background-color: {c["sel"]}; selection-color: {c["text"]}; }}
QLineEdit, QAbstractSpinBox, QComboBox {{ padding: 3px 7px; min-height: {field}px; }}
QLineEdit:focus, QAbstractSpinBox:focus, QComboBox:focus {{ border: 2px solid {c["accent"]}; padding: 2px 6px; }}
*[field="true"]:focus {{ border: 2px solid {c["accent"]}; }}
*[invalid="true"] {{ border-color: {c["corrupted"]}; }}
QLineEdit:disabled, QLineEdit:read-only, QAbstractSpinBox:disabled, QComboBox:disabled {{
    background: {c["window"]}; border-color: {c["line"]}; }}
QLineEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {{ color: {c["disabled"]}; }}
QLineEdit QToolButton {{ border: none; padding: 0; background: transparent; }}
QAbstractSpinBox QLineEdit, QComboBox QLineEdit {{ border: none; padding: 0; min-height: 0;
    background: transparent; }}

QComboBox {{ background: {c["raised"] if theme.is_dark else c["base"]}; padding-right: 22px; }}
QComboBox:focus {{ padding-right: 21px; }}
QComboBox:hover {{ background: {c["hover"]}; }}
QComboBox::drop-down {{ border: none; width: 20px; subcontrol-origin: padding;
    subcontrol-position: right center; }}
QComboBox::down-arrow {{ image: {down}; width: 12px; height: 12px; }}
QComboBox::down-arrow:disabled {{ image: {down_off}; }}
QComboBox QAbstractItemView {{ background: {c["base"]}; border: 1px solid {c["lineStrong"]}; outline: 0;
    selection-background-color: {c["sel"]}; selection-color: {c["text"]}; }}

QAbstractSpinBox {{ padding-right: 20px; min-height: {field - 3}px; }}
QAbstractSpinBox:focus {{ padding-right: 19px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; background: transparent; width: 18px;
    subcontrol-origin: border; right: 2px; }}
QAbstractSpinBox::up-button {{ subcontrol-position: top right; top: 2px; }}
QAbstractSpinBox::down-button {{ subcontrol-position: bottom right; bottom: 2px; }}
QAbstractSpinBox::up-button:hover, QAbstractSpinBox::down-button:hover {{ background: {c["hover"]}; }}
QAbstractSpinBox::up-button:pressed, QAbstractSpinBox::down-button:pressed {{ background: {c["sel"]}; }}
QAbstractSpinBox::up-arrow {{ image: {up}; width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ image: {down}; width: 10px; height: 10px; }}
QAbstractSpinBox::up-arrow:off, QAbstractSpinBox::up-arrow:disabled {{ image: {up_off}; }}
QAbstractSpinBox::down-arrow:off, QAbstractSpinBox::down-arrow:disabled {{ image: {down_off}; }}

QListView {{ outline: 0; }}
QListView::item {{ background: transparent; }}
QListView::item:hover {{ background: {c["hover"]}; }}
QListView::item:selected {{ background: {c["sel"]}; color: {c["text"]}; }}
QListView::item:selected:!active {{ background: {c["selInactive"]}; }}

QCheckBox, QRadioButton {{ spacing: 6px; }}
QCheckBox::indicator, QRadioButton::indicator, QAbstractItemView::indicator, QGroupBox::indicator {{
    width: 14px; height: 14px; border: 1px solid {c["lineStrong"]}; background: {c["base"]}; }}
QCheckBox::indicator, QAbstractItemView::indicator, QGroupBox::indicator {{ border-radius: 3px; }}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:hover, QRadioButton::indicator:hover {{ border-color: {c["accent"]}; }}
QCheckBox::indicator:focus, QRadioButton::indicator:focus {{ border: 2px solid {c["accent"]};
    width: 12px; height: 12px; }}
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked, QGroupBox::indicator:checked {{
    background: {c["accent"]}; border-color: {c["accent"]}; image: {_image("check", theme)}; }}
QCheckBox::indicator:indeterminate, QAbstractItemView::indicator:indeterminate {{
    background: {c["accent"]}; border-color: {c["accent"]}; image: {_image("minus", theme)}; }}
QRadioButton::indicator:checked {{ background: {c["accent"]}; border-color: {c["accent"]};
    image: {_image("dot", theme)}; }}
QCheckBox::indicator:checked:focus, QRadioButton::indicator:checked:focus {{ border-color: {c["text"]}; }}
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled, QGroupBox::indicator:disabled {{
    background: {c["window"]}; border-color: {c["line"]}; }}
QCheckBox::indicator:checked:disabled, QGroupBox::indicator:checked:disabled {{
    image: {_image("check", theme, disabled=True)}; }}
QCheckBox::indicator:indeterminate:disabled {{ image: {_image("minus", theme, disabled=True)}; }}
QRadioButton::indicator:checked:disabled {{ image: {_image("dot", theme, disabled=True)}; }}

QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {c["selInactive"]}; }}
QSlider::sub-page:horizontal {{ border-radius: 2px; background: {c["accent"]}; }}
QSlider::handle:horizontal {{ width: 10px; height: 10px; margin: -5px 0; border: 2px solid {c["accent"]};
    border-radius: 7px; background: {c["base"]}; }}
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{ background: {c["sel"]}; }}
QSlider::sub-page:horizontal:disabled {{ background: {c["disabled"]}; }}
QSlider::handle:horizontal:disabled {{ border-color: {c["disabled"]}; background: {c["window"]}; }}

QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}

QTabWidget::pane {{ border: none; border-top: 1px solid {c["line"]}; }}
QTabBar {{ background: {c["window"]}; }}
QTabBar::tab {{ background: transparent; color: {c["text2"]}; border: none;
    border-bottom: 2px solid transparent; padding: 0 12px; height: {panel}px; }}
QTabBar::tab:hover {{ color: {c["text"]}; }}
QTabBar::tab:selected {{ color: {c["text"]}; border-bottom-color: {c["accent"]}; }}
QTabBar::tab:disabled {{ color: {c["disabled"]}; }}
QTabBar::tab:selected:focus {{ color: {c["accent"]}; text-decoration: underline; }}
QTabBar[tabRole="document"]::tab {{ background: {c["window"]}; height: {document}px; padding: 0 10px;
    min-width: {11 * font_height}px;
    border: none; border-top: 2px solid transparent; border-right: 1px solid {c["line"]};
    border-bottom: 1px solid {c["line"]}; }}
QTabBar[tabRole="document"]::tab:hover {{ background: {c["hover"]}; }}
QTabBar[tabRole="document"]::tab:selected {{ background: {c["base"]}; border-top-color: {c["accent"]};
    border-bottom-color: {c["base"]}; }}
QTabBar::tear {{ width: 0; image: none; border: none; }}
QTabBar::scroller {{ width: 40px; }}
QTabBar QToolButton::left-arrow {{ image: {left}; width: 12px; height: 12px; }}
QTabBar QToolButton::left-arrow:disabled {{ image: {left_off}; }}
QTabBar QToolButton::right-arrow {{ image: {right}; width: 12px; height: 12px; }}
QTabBar QToolButton::right-arrow:disabled {{ image: {right_off}; }}
QTabBar::close-button {{ image: {_image("close", theme)}; subcontrol-position: right; width: 14px;
    height: 14px; padding: 1px; margin: 0 2px; border-radius: 3px; }}
QTabBar::close-button:hover {{ background: {c["selInactive"]}; }}
QTabBar QToolButton {{ background: {c["window"]}; border: none; border-radius: 0; padding: 2px; }}

QHeaderView {{ background: {c["window"]}; border: none; border-bottom: 1px solid {c["line"]}; }}
QHeaderView::section {{ background: {c["window"]}; color: {c["text2"]}; border: none; padding: 0 8px;
    border-right: 1px solid {c["line"]}; margin: 5px 0; }}
QTableCornerButton::section {{ background: {c["window"]}; border: none; }}

QScrollBar {{ background: {c["base"]}; border: none; margin: 0; }}
QScrollBar:vertical {{ width: 12px; }}
QScrollBar:horizontal {{ height: 12px; }}
QScrollBar::handle {{ background: {c["scroll"]}; border-radius: 3px; }}
QScrollBar::handle:vertical {{ min-height: 28px; margin: 2px 3px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; margin: 3px 2px; }}
QScrollBar::handle:hover, QScrollBar::handle:pressed {{ background: {c["lineStrong"]}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; border: none; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QAbstractScrollArea::corner {{ background: {c["base"]}; border: none; }}

QStatusBar {{ background: {c["window"]}; border-top: 1px solid {c["line"]}; min-height: {field + 7}px; }}
QStatusBar::item {{ border: none; }}
QMainWindow::separator {{ background: {c["line"]}; width: 1px; height: 1px; }}
QMainWindow::separator:hover {{ background: {c["accent"]}; }}
QSplitter::handle {{ background: {c["line"]}; }}
QSplitter::handle:hover {{ background: {c["accent"]}; }}
QMenuBar {{ background: {c["window"]}; border: none; padding: 2px 8px; }}
QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {c["sel"]}; }}
QMenu {{ background: {c["base"]}; border: 1px solid {c["lineStrong"]}; }}
QMenu::item:selected {{ background: {c["sel"]}; }}
QMenu::separator {{ background: {c["line"]}; height: 1px; margin: 3px 8px; }}
QToolTip {{ background: {c["raised"]}; color: {c["text"]}; border: 1px solid {c["lineStrong"]};
    padding: 4px 6px; }}
QProgressBar {{ background: {c["selInactive"]}; border: none; border-radius: 2px; max-height: 4px; }}
QProgressBar::chunk {{ background: {c["accent"]}; border-radius: 2px; }}
*[band="true"] {{ background: {c["window"]}; border: none; border-bottom: 1px solid {c["line"]}; }}
"""
