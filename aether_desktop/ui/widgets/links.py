"""Buttons as the pictures have them: links, icon buttons and icon labels that follow the theme."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from aether_desktop.ui.widgets.icons import icon, pixmap
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.ui.widgets.theme import current_theme, theme_notifier


class LinkButton(QPushButton):
    """A button that looks like a link; keyboard focus comes by Tab only, so that a click leaves no frame."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("link", True)
        self.setFlat(True)
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Show `text` as it is: an ampersand in a name is no shortcut."""
        shown = visible(text)
        self.setText(shown.replace("&", "&&"))
        self.setAccessibleName(shown)


def icon_button(name: str, tooltip: str, parent: QWidget | None = None, *, accessible: str = "") -> QToolButton:
    """Return a flat 24 px button with an icon; `tooltip` names it, with its shortcut where there is one."""
    button = QToolButton(parent)
    button.setIcon(icon(name))
    button.setIconSize(QSize(16, 16))
    button.setFixedSize(26, 26)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setToolTip(plain_tooltip(tooltip))
    button.setAccessibleName(accessible or tooltip)
    return button


class IconLabel(QWidget):
    """An icon that is no button. It is decoration: the text beside it says the same."""

    def __init__(self, name: str, role: str = "text2", size: int = 16, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._role = role
        self._size = size
        self.setFixedSize(size, size)
        theme_notifier().changed.connect(self.update)

    def set_icon(self, name: str, role: str = "text2") -> None:
        """Show another icon or the same in another colour."""
        self._name = name
        self._role = role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the icon in the colour of its role."""
        painter = QPainter(self)
        color = current_theme().color(self._role if self.isEnabled() else "disabled")
        image = pixmap(self._name, self._size, color, self.devicePixelRatioF())
        painter.drawPixmap(QRectF(0, 0, self._size, self._size), image, QRectF(image.rect()))
        painter.end()
