"""The first page: open a file, explore the demo, or take up a recent one."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from aether_desktop.numbers import number_text
from aether_desktop.ui.empty_state import plain_label
from aether_desktop.ui.icons import app_icon, icon, pixmap
from aether_desktop.ui.safe_text import plain_tooltip, visible
from aether_desktop.ui.theme import current_theme, theme_notifier, ui_font

_COLUMN_WIDTH = 452
_KEYS = (
    ("Ctrl+Shift+P", "Every command, by name"),
    ("Ctrl+P", "Open an actor by name"),
    ("F7, F8", "Previous and next event, from any pane"),
    ("Left, Right", "One version back or forward, in State"),
)


class StartButton(QAbstractButton):
    """A large button: icon, what it does, what that means, and its shortcut."""

    def __init__(self, icon_name: str, title: str, text: str, keys: str = "") -> None:
        super().__init__()
        self._icon_name = icon_name
        self._title = title
        self._text = text
        self._keys = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setToolTip(plain_tooltip(f"{title} ({self._keys})" if keys else title))
        self.setMinimumHeight(max(56, self.fontMetrics().height() * 2 + 24))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme_notifier().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(_COLUMN_WIDTH, self.minimumHeight())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pressed, focused = self.isDown(), self.hasFocus()
        edge = theme.accent if focused else theme.lineStrong if self.underMouse() else theme.line
        width = 2 if focused else 1
        painter.setPen(QPen(edge, width))
        painter.setBrush(theme.sel if pressed else theme.base)
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 4, 4)
        image = pixmap(self._icon_name, 20, theme.accent, self.devicePixelRatioF())
        painter.drawPixmap(QRectF(18, self.height() / 2 - 10, 20, 20), image, QRectF(image.rect()))
        metrics = self.fontMetrics()
        top = (self.height() - 2 * metrics.height() - 4) // 2 + metrics.ascent()
        painter.setPen(theme.text)
        painter.setFont(ui_font(semibold=True))
        painter.drawText(54, top, self._title)
        painter.setPen(theme.text2)
        painter.setFont(ui_font())
        painter.drawText(54, top + metrics.height() + 4, self._text)
        right = self.rect().adjusted(0, 0, -16, 0)
        painter.drawText(right, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), self._keys)
        painter.end()


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
        self._recent_title = QLabel()
        self._recent_title.setFont(ui_font(semibold=True))
        self.recent = QListWidget()
        self.recent.setAccessibleName("Recent files")
        self.recent.setMinimumHeight(220)
        self.recent.itemActivated.connect(
            lambda item: self.recent_chosen.emit(item.data(Qt.ItemDataRole.UserRole))
        )
        self.recent.itemClicked.connect(lambda item: self.recent_chosen.emit(item.data(Qt.ItemDataRole.UserRole)))
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
        # The engine knows URLs; it is not loaded for a first start, which has none.
        if urls:
            from aether_desktop.connection import file_of, title_of
        self.recent.clear()
        self._recent_title.setText(f"Recent  {len(urls)}")
        for url in urls:
            path = file_of(url)
            detail = _detail(path)
            item = QListWidgetItem(
                icon("file"), f"{visible(title_of(url))}\n{visible(str(path.parent))}, {detail}"
            )
            item.setData(Qt.ItemDataRole.UserRole, url)
            item.setToolTip(plain_tooltip(str(path)))
            self.recent.addItem(item)
        if not urls:
            item = QListWidgetItem("No files yet. What you open is listed here.")
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.recent.addItem(item)

    def _left(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(10)
        column.addStretch(1)
        head = QHBoxLayout()
        logo = QLabel()
        logo.setPixmap(app_icon().pixmap(QSize(40, 40)))
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
        column.addWidget(_heading("Start"))
        column.addWidget(self._open)
        column.addWidget(self._connect)
        column.addWidget(self._demo)
        column.addSpacing(16)
        column.addWidget(_heading("Good to know"))
        for keys, meaning in _KEYS:
            line = QHBoxLayout()
            label = QLabel(keys)
            label.setFont(ui_font(semibold=True))
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
        drop = plain_label("Drop an .aether or .ndjson file anywhere here. Looking never changes it.")
        drop.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column.addWidget(drop)
        column.addStretch(2)
        return column


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setFont(ui_font(semibold=True))
    return label


def _detail(path: Path) -> str:
    try:
        return f"{number_text(path.stat().st_size)} bytes"
    except OSError:
        return "not found"
