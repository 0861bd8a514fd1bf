"""A timeline with its title line: what is shown, links to show it otherwise, and a way to put it away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from aether_desktop.ui.timeline.timeline import Timeline
from aether_desktop.ui.widgets.links import LinkButton, icon_button
from aether_desktop.ui.widgets.safe_text import short, visible
from aether_desktop.ui.widgets.theme import grown, theme_notifier
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel
from aether_desktop.ui.window.dock_title import ElidedLabel

_TITLE_HEIGHT = 32


class TimelinePane(QWidget):
    """The title line and the timeline under a table."""

    shown_changed = Signal(bool)
    """It came into sight or went."""
    closed = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = Timeline()
        self.plot.setAccessibleName(f"Timeline of {visible(short(name))}")
        self._line = Surface("window", top="line", bottom="line")
        title = ToneLabel("Timeline", "text", semibold=True)
        self.detail = ElidedLabel(elide=Qt.TextElideMode.ElideRight)
        self._title = ""
        self._choices: QButtonGroup | None = None
        row = QHBoxLayout(self._line)
        row.setContentsMargins(12, 0, 6, 0)
        row.setSpacing(2)
        row.addWidget(title)
        row.addSpacing(6)
        row.addWidget(self.detail, 1)
        self._links = QHBoxLayout()
        self._links.setSpacing(2)
        row.addLayout(self._links)
        close = icon_button("close", "Close timeline")
        close.clicked.connect(self.closed)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._line)
        column.addWidget(self.plot)
        self.plot.hinted.connect(self._hint)
        theme_notifier().changed.connect(self._reload)
        self._reload()

    def add_link(self, text: str) -> LinkButton:
        """Another link in the title line, hidden until it is wanted."""
        link = LinkButton(text)
        link.hide()
        self._links.addWidget(link)
        return link

    def add_choice(self, texts: Sequence[str], chosen: Callable[[int], object]) -> None:
        """Links of which one is in force, the first one at the beginning."""
        group = self._choices = QButtonGroup(self)
        for number, text in enumerate(texts):
            link = LinkButton(text)
            link.setProperty("choice", True)
            link.setCheckable(True)
            link.setChecked(number == 0)
            group.addButton(link, number)
            self._links.addWidget(link)
        group.idClicked.connect(chosen)

    @property
    def choice(self) -> int:
        """Which of the links of `add_choice` is in force, 0 without any."""
        return max(self._choices.checkedId(), 0) if self._choices is not None else 0

    def choose(self, number: int) -> None:
        """Put a link of `add_choice` in force, as a click does; a number that is none of them is passed over."""
        button = self._choices.button(number) if self._choices is not None else None
        if button is not None and not button.isChecked():
            button.click()

    def set_title(self, text: str) -> None:
        """What is shown, as long as nothing is pointed at."""
        self._title = text
        self.detail.set_text(text)

    @property
    def title(self) -> str:
        """What is said beside the name, also while something else stands there."""
        return self._title

    def minimumSizeHint(self) -> QSize:
        """Need no more width than the plot: the title line must not keep the window from becoming narrow."""
        return QSize(self.plot.minimumSizeHint().width(), super().minimumSizeHint().height())

    def _hint(self, words: str) -> None:
        first, *rest = words.split("\n")
        self.detail.set_text(f"{first}: {', '.join(rest)}" if rest else first or self._title)

    def _reload(self) -> None:
        self._line.setFixedHeight(grown(_TITLE_HEIGHT))

    def showEvent(self, event: QShowEvent) -> None:
        """Tell that it is looked at."""
        super().showEvent(event)
        self.shown_changed.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Tell that nobody looks any more."""
        super().hideEvent(event)
        self.shown_changed.emit(False)
