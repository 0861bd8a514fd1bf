"""A link with a small menu below it, which is filled when it is opened."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from aether_desktop.ui.widgets.links import LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible

_LONGEST = 90  # characters of an entry; the whole of it is in the tooltip


class LinkMenu(LinkButton):
    """Whoever fills it listens to `about_to_show` and calls `add`."""

    about_to_show = Signal()

    def __init__(self, text: str, name: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(f"{text} ▾", parent)
        self.setObjectName(name)
        self.setAccessibleName(f"{text}: {tooltip}")
        self.setToolTip(plain_tooltip(tooltip))
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self.clicked.connect(self.open_menu)

    @property
    def menu_actions(self) -> list[QAction]:
        """What can be chosen now."""
        return self._menu.actions()

    def open_menu(self) -> None:
        """Fill the menu and show it below the link."""
        self.fill()
        self._menu.popup(self.mapToGlobal(QPoint(0, self.height())))

    def fill(self) -> None:
        """Ask anew for what can be chosen."""
        self._menu.clear()
        self.about_to_show.emit()

    def add(self, text: str, run: Callable[[], object]) -> None:
        """Add an entry that calls `run`; `text` is shown as it is."""
        shown = visible(text)
        short = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
        action = self._menu.addAction(short.replace("&", "&&"))
        action.setToolTip(plain_tooltip(text))
        action.triggered.connect(lambda _checked=False: run())

    def add_note(self, text: str) -> None:
        """Add a line that cannot be chosen."""
        self._menu.addAction(visible(text).replace("&", "&&")).setEnabled(False)
