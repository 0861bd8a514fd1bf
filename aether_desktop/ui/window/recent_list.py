"""The connections that are kept and the files opened lately, on the welcome page of whoever has any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMenu

from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.by_name import set_by_name
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible
from aether_desktop.urls import file_of, title_of
from aether_engine.errors import StoreUnavailableError

if TYPE_CHECKING:
    from aether_desktop.profiles import Profile

#: Where the items keep their URL: the first role that is not Qt's.
_URL_ROLE = 0x0100
_PROFILE_ROLE = 0x0105


class RecentList(QListWidget):
    """Name and place of each; `url_chosen` and `profile_chosen` (with its id) say which is to be opened."""

    url_chosen = Signal(str)
    url_removed = Signal(str)
    """This one is not to be listed any more."""
    profile_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Connections and recent files")
        self.setProperty("card", True)
        self.setSpacing(4)
        self._has_badges = False
        set_by_name(self, horizontalScrollBarPolicy="ScrollBarAlwaysOff")
        self.itemActivated.connect(self._chosen)
        self.itemClicked.connect(self._chosen)

    def show_all(self, urls: list[str], profiles: Sequence[Profile] = ()) -> None:
        """List connections, and the files that `urls` name; those that are gone say so."""
        self.clear()
        for profile in profiles:
            # Badges are drawn for whoever keeps connections only.
            from aether_desktop.ui.connection.profile_list import ProfileDelegate, fill_item

            if not self._has_badges:
                self._has_badges = True
                self.setItemDelegate(ProfileDelegate(self))
            item = QListWidgetItem()
            fill_item(item, profile)
            item.setData(_PROFILE_ROLE, profile.id)
            self.addItem(item)
        for url in urls:
            try:
                path = file_of(url)
            except StoreUnavailableError:
                # Settings can be written by hand.
                continue
            place = f"{visible(str(path.parent))}, {_detail(path)}"
            sign = icon("file") if path.exists() else icon("warning", "corrupted")
            item = QListWidgetItem(sign, f"{visible(title_of(url))}\n{place}")
            item.setData(_URL_ROLE, url)
            item.setToolTip(plain_tooltip(str(path)))
            self.addItem(item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete takes a file from the list."""
        if event.matches(QKeySequence.StandardKey.Delete):
            self._remove(self.currentItem())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to take a file from the list."""
        item = self.itemAt(event.pos())
        if item is not None and item.data(_URL_ROLE) is not None:
            menu = QMenu(self)
            menu.aboutToHide.connect(menu.deleteLater)
            menu.addAction("Remove from the list", lambda: self._remove(item))
            menu.popup(event.globalPos())

    def _remove(self, item: QListWidgetItem | None) -> None:
        url = item.data(_URL_ROLE) if item is not None else None
        if url is not None:
            self.url_removed.emit(url)

    def _chosen(self, item: QListWidgetItem) -> None:
        profile_id = item.data(_PROFILE_ROLE)
        if profile_id is None:
            self.url_chosen.emit(item.data(_URL_ROLE))
        else:
            self.profile_chosen.emit(profile_id)


def _detail(path: Path) -> str:
    try:
        return f"{number_text(path.stat().st_size)} bytes"
    except OSError:
        return "not found"
