"""Notifications of the desktop, for who looks elsewhere; without a desktop that has them, the window calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from aether_desktop.ui.widgets.icons import app_icon, icon
from aether_desktop.ui.widgets.safe_text import visible

# Some desktops read markup in notifications, others show it: these signs are neither, on none of them.
_NO_MARKUP: Final = str.maketrans({"<": "‹", ">": "›", "&": "＆"})
#: Milliseconds that a notification asks to be shown.
_SHOWN: Final = 8000

#: Shows a title and a text, both plain; False where that is not possible.
Show = Callable[[str, str], bool]


class Notifications:
    """Shows notifications of a window; clicking one brings the window to the front."""

    def __init__(self, window: QWidget, show: Show | None = None) -> None:
        self._window = window
        self._show = show or self._by_tray
        self._tray: QSystemTrayIcon | None = None

    def notify(self, title: str, text: str) -> bool:
        """Show both as plain text; where the desktop cannot, call for attention and return False."""
        if self._show(plain(title), plain(text)):
            return True
        QApplication.alert(self._window)
        return False

    def close(self) -> None:
        """Take the icon away that notifications come from."""
        if self._tray is not None:
            self._tray.hide()
            self._tray.deleteLater()
            self._tray = None

    def _by_tray(self, title: str, text: str) -> bool:
        if not QSystemTrayIcon.isSystemTrayAvailable() or not QSystemTrayIcon.supportsMessages():
            return False
        if self._tray is None:
            self._tray = QSystemTrayIcon(app_icon(), self._window)
            self._tray.setToolTip("Aether Desktop")
            self._tray.messageClicked.connect(self._come_forward)
            self._tray.activated.connect(self._come_forward)
            self._tray.show()
        self._tray.showMessage(title, text, icon("tail"), _SHOWN)
        return True

    def _come_forward(self) -> None:
        self._window.showNormal() if self._window.isMinimized() else self._window.show()
        self._window.raise_()
        self._window.activateWindow()


def plain(text: str) -> str:
    """`text` with nothing hidden in it and nothing that a desktop could take for markup."""
    return visible(text).translate(_NO_MARKUP)
