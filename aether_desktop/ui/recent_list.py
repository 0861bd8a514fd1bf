"""The files opened lately, on the welcome page of whoever has opened any."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from aether_desktop.numbers import number_text
from aether_desktop.ui.icons import icon
from aether_desktop.ui.safe_text import plain_tooltip, visible
from aether_desktop.urls import file_of, title_of
from aether_engine.errors import StoreUnavailableError

#: Where the items keep their URL: the first role that is not Qt's.
_URL_ROLE = 0x0100


class RecentList(QListWidget):
    """Name, folder and size of each file; `url_chosen` says which of them is to be opened."""

    url_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Recent files")
        self.itemActivated.connect(self._chosen)
        self.itemClicked.connect(self._chosen)

    def show_urls(self, urls: list[str]) -> None:
        """List the files that `urls` name; those that are gone say so."""
        self.clear()
        for url in urls:
            try:
                path = file_of(url)
            except StoreUnavailableError:
                # Settings can be written by hand.
                continue
            place = f"{visible(str(path.parent))}, {_detail(path)}"
            item = QListWidgetItem(icon("file"), f"{visible(title_of(url))}\n{place}")
            item.setData(_URL_ROLE, url)
            item.setToolTip(plain_tooltip(str(path)))
            self.addItem(item)

    def _chosen(self, item: QListWidgetItem) -> None:
        self.url_chosen.emit(item.data(_URL_ROLE))


def _detail(path: Path) -> str:
    try:
        return f"{number_text(path.stat().st_size)} bytes"
    except OSError:
        return "not found"
