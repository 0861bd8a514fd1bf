"""The lines around a tail's table: what became of every event, and the bar below a frozen view."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QWidget

from aether_desktop.models.tail.tail_counters import TailCounters, TailState
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.badge import Badge, BadgeKind
from aether_desktop.ui.widgets.flow_layout import FlowLayout, group
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.links import IconLabel
from aether_desktop.ui.widgets.theme import current_theme, grown, theme_notifier, ui_font
from aether_desktop.ui.widgets.tinted import ToneLabel

#: Width of the bar below a frozen view from which on it explains itself.
_WORDS_FROM = 420
_CROSSES = "Crosses namespaces on purpose."


class TailStatus(QWidget):
    """State, link and counters of a tail. The counters add up to what was received; the tooltip shows the sum."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("band", True)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("tailStatus")
        self.state = Badge(BadgeKind.LIVE, self)
        self.stopped = _label("Stopped", self)
        self.link = Badge(BadgeKind.LINK_UP, self)
        self.received = _label("", self)
        self.shown = _label("", self)
        self.filtered = _label("", self)
        self.dropped_icon = IconLabel("gap", "gap", 14, self)
        self.dropped = _label("", self)
        self.dropped.setObjectName("tailDropped")
        self.left = _label("", self)
        self.crosses = _label(_CROSSES, self)
        row = FlowLayout(self, spacing=12)
        row.setContentsMargins(12, 4, 12, 4)
        row.addWidget(group(self, self.state, self.stopped, self.link))
        for parts in (
            (self.received,),
            (self.shown,),
            (self.filtered,),
            (self.dropped_icon, -4, self.dropped),
            (self.left,),
        ):
            row.addWidget(group(self, _divider(self), 4, *parts))
        row.addWidget(self.crosses)
        self._counters = TailCounters()
        #: Whether what is followed is reached over a link.
        self.has_link = True
        self.show_state(TailState.STOPPED, link_up=True, crosses=False)
        self.show_counters(self._counters)
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def show_state(self, state: TailState, *, link_up: bool, crosses: bool) -> None:
        """Show what the tail does; `crosses` is True for a pattern that means several namespaces."""
        running = state in (TailState.LIVE, TailState.PAUSED)
        self.state.setVisible(running)
        self.state.set_kind(BadgeKind.PAUSED if state is TailState.PAUSED else BadgeKind.LIVE)
        self.stopped.setVisible(not running)
        self.stopped.setText("Failed" if state is TailState.FAILED else "Stopped")
        self.link.setVisible(self.has_link and (running or not link_up))
        self.link.set_kind(BadgeKind.LINK_UP if link_up else BadgeKind.NO_LINK)
        self.crosses.setVisible(crosses)

    def show_counters(self, counters: TailCounters) -> None:
        """Show where every event went."""
        self._counters = counters
        self.received.setText(f"Received {number_text(counters.received)}")
        self.shown.setText(f"Shown {number_text(counters.shown)}")
        self.filtered.setText(f"Filtered out {number_text(counters.filtered)}")
        at_least = "at least " if counters.unknown_gaps else ""
        self.dropped.setText(f"Dropped {at_least}{number_text(counters.dropped)}")
        lossy = bool(counters.dropped or counters.unknown_gaps)
        self.dropped_icon.setVisible(lossy)
        if self.dropped.foregroundRole() != QPalette.ColorRole.WindowText or lossy != self._lossy:
            self._lossy = lossy
            self._reload()
        self.left.setText(f"Left the buffer {number_text(counters.left)}")
        parts = (
            f"{number_text(counters.shown)} shown",
            f"{number_text(counters.waiting)} waiting",
            f"{number_text(counters.filtered)} filtered out",
            f"{number_text(counters.dropped)} dropped",
            f"{number_text(counters.left)} left the buffer",
        )
        words = f"Received {number_text(counters.received)} = {' + '.join(parts)}"
        if counters.unknown_gaps:
            words += f"; besides, {number_text(counters.unknown_gaps)} gaps of unknown size"
        self.setToolTip(words)
        self.setAccessibleName(words)

    _lossy = False

    def _reload(self) -> None:
        theme = current_theme()
        for label in (
            self.received,
            self.shown,
            self.filtered,
            self.dropped,
            self.left,
            self.stopped,
            self.crosses,
        ):
            palette = label.palette()
            ink = theme.gap.text if label is self.dropped and self._lossy else theme.text2
            palette.setColor(QPalette.ColorRole.WindowText, ink)
            label.setPalette(palette)
        self.crosses.setFont(ui_font(-1))
        self.setMinimumHeight(grown(32))


class PauseBar(QWidget):
    """Says below the table that it does not show everything, how much is missing, and which keys help."""

    show_requested = Signal()
    """Show what has arrived and stay paused."""
    follow_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tailPauseBar")
        self._offers_end = False
        self.icon = IconLabel("pause", "accent", 16, self)
        self.fact = _label("", self)
        self.text = ToneLabel(elide=Qt.TextElideMode.ElideRight, parent=self)
        self.space = _label("", self)
        self.end = _label("End follows again", self)
        self.enter = _label("Enter: state at this version", self)
        self.button = QPushButton("Show them, stay paused", self)
        self.button.setObjectName("tailShowNew")
        self.button.setAutoDefault(False)
        self.button.setIcon(icon("chevron-down"))
        self.button.setAccessibleName("Show them, stay paused")
        self.button.setToolTip("Show the events that have arrived, and keep the view frozen for later ones")
        self.button.clicked.connect(self.show_requested)
        self.follow = QPushButton("Follow", self)
        self.follow.setAutoDefault(False)
        self.follow.setIcon(icon("last"))
        self.follow.setAccessibleName("Follow again")
        self.follow.setToolTip("Keep the newest event in view again (End)")
        self.follow.clicked.connect(self.follow_requested)
        row = FlowLayout(self, spacing=16)
        row.setContentsMargins(12, 3, 12, 3)
        row.addWidget(group(self, self.icon, self.fact))
        for label in (self.text, self.space, self.end, self.enter):
            row.addWidget(label)
        row.addWidget(group(self, self.button, self.follow))
        self._reload()
        theme_notifier().changed.connect(self._reload)

    def show_state(self, *, paused: bool, following: bool, new: int) -> None:
        """Show how many events are not in view; hidden while everything is."""
        self.setVisible(paused or not following)
        if paused:
            self.fact.setText(f"Paused, {number_text(new)} new")
            self.text.set_text("The view is frozen; events keep arriving below.")
        else:
            self.fact.setText("Not following")
            self.text.set_text("The view stays where it is; events keep arriving below.")
        self.icon.set_icon("pause" if paused else "info", "accent")
        self.space.setText("Space resumes" if paused else "Space pauses")
        self._offers_end = not following
        self._fit()
        self.button.setVisible(paused)
        self.button.setEnabled(new > 0)
        self.follow.setVisible(not paused)
        self.setAccessibleName(f"{self.fact.text()}. {self.text.text()}")
        self.setToolTip(f"{self.text.text()} {self.space.text()}. {self.end.text()}. {self.enter.text()}.")

    def _fit(self) -> None:
        # In a narrow bar explanation and keys stand in the tooltip, and the table keeps its room.
        wide = self.width() >= _WORDS_FROM
        for label in (self.text, self.space, self.enter):
            label.setVisible(wide)
        self.end.setVisible(wide and self._offers_end)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many words as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def _reload(self) -> None:
        self.fact.setFont(ui_font(semibold=True))
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, current_theme().text2)
        for label in (self.text, self.space, self.end, self.enter):
            label.setPalette(palette)
        self.setMinimumHeight(grown(36))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill with the soft accent, under a hairline."""
        theme = current_theme()
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.accentSoft)
        painter.fillRect(0, 0, self.width(), 1, theme.line)
        painter.end()


def _label(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def _divider(parent: QWidget) -> QFrame:
    line = QFrame(parent)
    line.setFrameShape(QFrame.Shape.NoFrame)
    line.setFixedSize(1, 14)
    line.setAutoFillBackground(True)
    line.setBackgroundRole(QPalette.ColorRole.Mid)
    return line
