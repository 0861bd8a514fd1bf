"""Colours of connection profiles: hues of the theme, each beside a name and never alone."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from aether_desktop.profiles import COLORS
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier

#: Width of the mark of a colour, in pixels.
WIDTH = 3


def profile_color(name: str) -> QColor | None:
    """The colour of that name in the theme in force; None for none."""
    return current_theme().chips[COLORS.index(name)] if name in COLORS else None


def color_icon(name: str) -> QIcon:
    """A square of a colour, empty for none, for a list to choose from."""
    image = QPixmap(12, 12)
    image.fill(profile_color(name) or QColor(0, 0, 0, 0))
    return QIcon(image)


class ColorMark(QWidget):
    """An upright bar beside the name of a connection; hidden where there is no colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(QSize(WIDTH, 16))
        self.color = ""
        self.hide()
        theme_notifier().changed.connect(self.update)

    def set_color(self, name: str) -> None:
        """Show a colour by its name, nothing for ""."""
        self.color = name
        self.setVisible(bool(name))
        self.setAccessibleName(f"Colour of the connection: {name}" if name else "")
        self.setToolTip(self.accessibleName())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill it."""
        color = profile_color(self.color)
        if color is not None:
            painter = QPainter(self)
            painter.fillRect(self.rect(), color)
            painter.end()
