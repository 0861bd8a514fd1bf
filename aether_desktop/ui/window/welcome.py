"""The first page: open a file, explore the demo, or take up a recent one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from aether_desktop.ui.widgets.by_name import set_by_name
from aether_desktop.ui.widgets.icons import app_pixmap, icon
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.theme import ui_font
from aether_desktop.ui.window.actions import keys_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aether_desktop.profiles import Profile
    from aether_desktop.ui.window.recent_list import RecentList

#: Widths of the columns, and least height of the recent ones, in pixels.
_COLUMN_WIDTH = 452
_RECENT_WIDTH, _RECENT_LEAST = 552, 320
_RECENT_HEIGHT = 220
_KEYS = (
    ("Ctrl+Shift+P", "Every command, by name"),
    ("Ctrl+P", "Open an actor by name"),
    ("F7, F8", "Previous and next event, from any pane"),
    ("Left, Right", "One version back or forward, in State"),
    ("F1", "Every key"),
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
        shortcut = keys_text(keys)
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


class _NoRecent(QFrame):
    """An empty list that says so. The list itself is made when there is something in it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setProperty("card", True)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.addWidget(_label("No files yet. What you open is listed here.", tone="second"))
        column.addStretch(1)


class _Right(QWidget):
    """The column at the right: as wide as it would be, and less in a narrow window."""

    def sizeHint(self) -> QSize:
        return QSize(_RECENT_WIDTH, super().sizeHint().height())


class WelcomePage(QScrollArea):
    """What one can begin with; files can also be dropped anywhere on the window."""

    open_file = Signal()
    connect_to_server = Signal()
    open_demo = Signal()
    audit_file = Signal()
    recent_chosen = Signal(str)
    recent_removed = Signal(str)
    profile_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcomePage")
        self.setAccessibleName("Welcome")
        # Its buttons scroll it when the keyboard comes to them.
        set_by_name(self, focusPolicy="NoFocus")
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
        self._audit = StartButton("audit", "Audit a file", "Damaged or foreign: read-only, hashed, never changed")
        self._audit.clicked.connect(self.audit_file)
        self._recent_title = _label("", semibold=True)
        self.recent: RecentList | None = None
        self._no_recent: _NoRecent | None = None
        page = QWidget()
        row = QHBoxLayout()
        row.setSpacing(56)
        row.addStretch(1)
        row.addLayout(self._build_left(), 0)
        row.addWidget(self._build_right(), 0)
        row.addStretch(1)
        column = QVBoxLayout(page)
        column.addStretch(1)
        column.addLayout(row)
        column.addStretch(2)
        # A page that scrolls leaves the window free to be small.
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(page)

    def show_recent(self, urls: list[str], profiles: Sequence[Profile] = ()) -> None:
        """List the connections that are kept and files opened lately; those that are gone say so."""
        if (urls or profiles) and self.recent is None:
            from aether_desktop.ui.window.recent_list import RecentList

            self.recent = RecentList()
            self.recent.url_chosen.connect(self.recent_chosen)
            self.recent.url_removed.connect(self.recent_removed)
            self.recent.profile_chosen.connect(self.profile_chosen)
            if self._no_recent is not None:
                self._right.removeWidget(self._no_recent)
                self._no_recent.hide()
                self._no_recent.deleteLater()
            self._put_recent(self.recent)
        if self.recent is not None:
            self.recent.show_all(urls, profiles)
        elif self._no_recent is None:
            self._no_recent = _NoRecent()
            self._put_recent(self._no_recent)
        self._recent_title.setText(f"Recent  {self.recent.count() if self.recent is not None else 0}")

    def _put_recent(self, widget: QWidget) -> None:
        widget.setMinimumWidth(_RECENT_LEAST)
        widget.setMinimumHeight(_RECENT_HEIGHT)
        # Below the title.
        self._right.insertWidget(1, widget)

    def _build_left(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(10)
        head = QHBoxLayout()
        logo = QLabel()
        logo.setPixmap(app_pixmap(40, logo.devicePixelRatioF()))
        words = QVBoxLayout()
        words.setSpacing(0)
        name = QLabel("Aether Desktop")
        name.setFont(ui_font(8, semibold=True))
        words.addWidget(name)
        words.addWidget(_label("Read, replay and check event streams", tone="second"))
        head.addWidget(logo)
        head.addSpacing(8)
        head.addLayout(words)
        head.addStretch()
        column.addLayout(head)
        column.addSpacing(16)
        column.addWidget(_label("Start", semibold=True))
        column.addWidget(self._open)
        column.addWidget(self._connect)
        column.addWidget(self._audit)
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
        column.addStretch(1)
        return column

    def _build_right(self) -> QWidget:
        part = _Right()
        part.setMaximumWidth(_RECENT_WIDTH)
        self._right = column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self._recent_title)
        drop = QLabel("Drop a store, a file of events or a folder anywhere here. Looking never changes it.")
        drop.setProperty("drop", True)
        drop.setWordWrap(True)
        set_by_name(drop, alignment="AlignCenter")
        column.addWidget(drop)
        column.addStretch(1)
        return part


def _label(text: str, *, semibold: bool = False, tone: str = "") -> QLabel:
    label = QLabel(text)
    if semibold:
        label.setFont(ui_font(semibold=True))
    if tone:
        label.setProperty("tone", tone)
    return label
