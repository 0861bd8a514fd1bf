"""The first page: open a file, explore the demo, or take up a recent one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.numbers import number_text
from aether_desktop.ui.by_name import set_by_name
from aether_desktop.ui.icons import app_pixmap, icon
from aether_desktop.ui.safe_text import plain_tooltip, visible
from aether_desktop.ui.theme import ui_font
from aether_desktop.urls import file_of, title_of
from aether_engine.errors import StoreUnavailableError

_COLUMN_WIDTH = 452
#: Where the items of the recent ones keep their URL: the first role that is not Qt's.
_URL_ROLE = 0x0100
_NO_RECENT = "No files yet. What you open is listed here."
_KEYS = (
    ("Ctrl+Shift+P", "Every command, by name"),
    ("Ctrl+P", "Open an actor by name"),
    ("F7, F8", "Previous and next event, from any pane"),
    ("Left, Right", "One version back or forward, in State"),
)


class StartButton(QPushButton):
    """A large button: icon, what it does, what that means, and its shortcut.

    It is made of labels: the colours of a painter written in Python are enumerations' business (see `by_name`).
    """

    def __init__(self, icon_name: str, title: str, text: str, keys: str = "") -> None:
        super().__init__()
        self.setProperty("start", True)
        self.setIcon(icon(icon_name, "accent"))
        self.setIconSize(QSize(20, 20))
        shortcut = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setToolTip(plain_tooltip(f"{title} ({shortcut})" if keys else title))
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addStretch()
        words.addWidget(_label(title, semibold=True))
        words.addWidget(_label(text, tone="second"))
        words.addStretch()
        row = QHBoxLayout(self)
        # The icon is at the left of them.
        row.setContentsMargins(54, 0, 16, 0)
        row.addLayout(words, 1)
        if keys:
            row.addWidget(_label(shortcut, tone="second"))

    def sizeHint(self) -> QSize:
        return QSize(_COLUMN_WIDTH, super().sizeHint().height())


class RecentList(QListWidget):
    """Files opened lately; while there are none it says so."""

    url_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Recent files")
        self.setMinimumHeight(220)
        self._none = QLabel(_NO_RECENT, self)
        self._none.move(4, 1)
        self._none.setEnabled(False)
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
        self._none.setVisible(not self.count())

    def _chosen(self, item: QListWidgetItem) -> None:
        self.url_chosen.emit(item.data(_URL_ROLE))


class WelcomePage(QScrollArea):
    """What one can begin with; files can also be dropped anywhere on the window."""

    open_file = Signal()
    connect_to_server = Signal()
    open_demo = Signal()
    recent_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcomePage")
        self._open = StartButton("folder-open", "Open a file", "An .aether store, or .ndjson events", "Ctrl+O")
        self._open.clicked.connect(self.open_file)
        self._connect = StartButton(
            "server", "Connect to a server", "NATS JetStream. Other machines open read-only", "Ctrl+Shift+O"
        )
        self._connect.clicked.connect(self.connect_to_server)
        self._demo = StartButton(
            "bag", "Explore the demo", "A shop with orders, payments, stock and damaged events"
        )
        self._demo.clicked.connect(self.open_demo)
        self._recent_title = _label("", semibold=True)
        self.recent = RecentList()
        self.recent.url_chosen.connect(self.recent_chosen)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setSpacing(56)
        row.addStretch(1)
        row.addLayout(self._left(), 0)
        row.addLayout(self._right(), 0)
        row.addStretch(1)
        # A page that scrolls leaves the window free to be small.
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(page)

    def show_recent(self, urls: list[str]) -> None:
        """List files opened lately; those that are gone say so."""
        self.recent.show_urls(urls)
        self._recent_title.setText(f"Recent  {self.recent.count()}")

    def _left(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(10)
        column.addStretch(1)
        head = QHBoxLayout()
        logo = QLabel()
        logo.setPixmap(app_pixmap(40, logo.devicePixelRatioF()))
        words = QVBoxLayout()
        words.setSpacing(0)
        name = QLabel("Aether Desktop")
        name.setFont(ui_font(8, semibold=True))
        words.addWidget(name)
        words.addWidget(QLabel("Read, replay and check event streams"))
        head.addWidget(logo)
        head.addSpacing(8)
        head.addLayout(words)
        head.addStretch()
        column.addLayout(head)
        column.addSpacing(16)
        column.addWidget(_label("Start", semibold=True))
        column.addWidget(self._open)
        column.addWidget(self._connect)
        column.addWidget(self._demo)
        column.addSpacing(16)
        column.addWidget(_label("Good to know", semibold=True))
        for keys, meaning in _KEYS:
            line = QHBoxLayout()
            label = _label(keys, semibold=True)
            label.setFixedWidth(120)
            line.addWidget(label)
            line.addWidget(QLabel(meaning), 1)
            column.addLayout(line)
        column.addStretch(2)
        return column

    def _right(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(10)
        column.addStretch(1)
        column.addWidget(self._recent_title)
        self.recent.setFixedWidth(_COLUMN_WIDTH + 100)
        column.addWidget(self.recent)
        drop = QLabel("Drop an .aether or .ndjson file anywhere here. Looking never changes it.")
        drop.setWordWrap(True)
        set_by_name(drop, alignment="AlignCenter", textInteractionFlags="TextSelectableByMouse")
        column.addWidget(drop)
        column.addStretch(2)
        return column


def _label(text: str, *, semibold: bool = False, tone: str = "") -> QLabel:
    label = QLabel(text)
    if semibold:
        label.setFont(ui_font(semibold=True))
    if tone:
        label.setProperty("tone", tone)
    return label


def _detail(path: Path) -> str:
    try:
        return f"{number_text(path.stat().st_size)} bytes"
    except OSError:
        return "not found"
