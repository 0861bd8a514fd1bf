"""The row over a state: which reducer, moving and playing along the versions, and the version as a number."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from aether_desktop.ui.state.reducer_combo import ReducerCombo
from aether_desktop.ui.widgets.icons import icon
from aether_desktop.ui.widgets.int64_spin import Int64SpinBox
from aether_desktop.ui.widgets.links import icon_button
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.tinted import ToneLabel

_MARGIN: Final = 8
_GAP: Final = 4
#: Pixels that the reducer can do without.
_SPARE: Final = 24


class VersionSpinBox(Int64SpinBox):
    """A spin box whose steps lead to the next stored version, which need not be the next number."""

    step_requested = Signal(int)
    """So many versions forward, or back."""

    def stepBy(self, steps: int) -> None:
        """Leave to the owner what the next version is."""
        self.step_requested.emit(steps)
        self.selectAll()


class StateControls(QWidget):
    """Reducer, buttons and the version, in one row or, in a narrow panel, in two."""

    first_requested = Signal()
    step_requested = Signal(int)
    play_requested = Signal(bool)
    version_typed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._playing = False
        self._first_version = self._last_version = 0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.reducer = ReducerCombo(self)
        self._buttons = QWidget(self)
        row = QHBoxLayout(self._buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.first = icon_button("first", "Restart: go to the first version", self._buttons)
        self.previous = icon_button("previous", "One version back (←)", self._buttons)
        self.play = icon_button("play", "Play the versions", self._buttons)
        self.next = icon_button("next", "One version forward (→)", self._buttons)
        for button in (self.first, self.previous, self.play, self.next):
            button.setFixedWidth(24)
            row.addWidget(button)
        self.first.clicked.connect(self.first_requested)
        self.previous.clicked.connect(lambda: self.step_requested.emit(-1))
        self.play.clicked.connect(lambda: self.play_requested.emit(not self._playing))
        self.next.clicked.connect(lambda: self.step_requested.emit(1))
        self._place = QWidget(self)
        numbers = QHBoxLayout(self._place)
        numbers.setContentsMargins(0, 0, 0, 0)
        numbers.setSpacing(4)
        self._title = title = ToneLabel("Version", parent=self._place)
        self.spin = VersionSpinBox(parent=self._place)
        self.spin.setObjectName("versionSpin")
        self.spin.setAccessibleName("Version")
        self.spin.setToolTip(plain_tooltip("Version to show (← → one version)"))
        title.setBuddy(self.spin)
        self._of = ToneLabel(parent=self._place)
        numbers.addWidget(title)
        numbers.addWidget(self.spin)
        numbers.addWidget(self._of)
        self._more = QWidget(self)
        self._more_row = QHBoxLayout(self._more)
        self._more_row.setContentsMargins(0, 0, 0, 0)
        self._more_row.setSpacing(0)
        self.spin.step_requested.connect(self.step_requested)
        self.spin.editingFinished.connect(lambda: self.version_typed.emit(self.spin.value()))
        self._arrange()

    def add_commands(self, fork: QAction, menu: QMenu) -> None:
        """Offer to fork, and the menu of everything else."""
        button = QToolButton(self._more)
        button.setDefaultAction(fork)
        more = icon_button("more", "More to do with this state", self._more)
        # A menu of its own would put an arrow into the button.
        more.clicked.connect(lambda: menu.popup(more.mapToGlobal(more.rect().bottomLeft())))
        for one in (button, more):
            one.setAutoRaise(True)
            one.setFixedSize(24, 26)
            self._more_row.addWidget(one)
        self._arrange()

    def set_limits(self, first: int, last: int, *, complete: bool = True) -> None:
        """Let versions from `first` to `last` be chosen; there may be more unless the stream is `complete`."""
        self._first_version, self._last_version = first, last
        blocked = self.spin.blockSignals(True)
        self.spin.setRange(first, max(last, first))
        self.spin.blockSignals(blocked)
        known = f"{last:,}" if last < 10**15 else str(last)
        if complete:
            self._of.set_text(f"of {known}")
            self._of.setToolTip("")
        else:
            self._of.set_text(f"of {known}+" if last else "of …")
            self._of.setToolTip(plain_tooltip("Not read to its end yet: there may be later versions."))
        self._arrange()

    def set_version(self, version: int) -> None:
        """Show a version, and offer only what leads somewhere from it."""
        blocked = self.spin.blockSignals(True)
        self.spin.setValue(version)
        self.spin.blockSignals(blocked)
        for button in (self.first, self.previous):
            button.setEnabled(version > self._first_version)
        self.next.setEnabled(version < self._last_version)
        self.play.setEnabled(self._first_version < self._last_version)
        self._arrange()

    def set_playing(self, playing: bool) -> None:
        """Show the button to pause while versions are played."""
        if playing == self._playing:
            return
        self._playing = playing
        words = "Pause" if playing else "Play the versions"
        self.play.setIcon(icon("pause" if playing else "play"))
        self.play.setToolTip(plain_tooltip(words))
        self.play.setAccessibleName(words)

    def sizeHint(self) -> QSize:
        """Return the size of one row."""
        return QSize(380, self.height())

    def minimumSizeHint(self) -> QSize:
        """Need no more width than the widest part."""
        return QSize(160, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the parts where they fit."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        parts = (self.reducer, self._buttons, self._place, self._more)
        room = max(self.width() - 2 * _MARGIN, 1)
        self._title.show()
        widths = [part.sizeHint().width() for part in parts]
        missing = sum(widths) + 3 * _GAP - room
        # A word and some of the reducer's name give way before the row is broken.
        label = self._title.sizeHint().width() + _GAP
        if 0 < missing <= label + _SPARE:
            self._title.hide()
            widths[2] -= label
            missing -= label
        if 0 < missing <= _SPARE:
            widths[0] -= missing
        rows: list[list[tuple[QWidget, int]]] = [[]]
        used = 0
        for part, width in zip(parts, widths, strict=True):
            if rows[-1] and used + width > room:
                rows.append([])
                used = 0
            rows[-1].append((part, width))
            used += width + _GAP
        y = 4
        for row in rows:
            height = max(part.sizeHint().height() for part, _ in row)
            x = _MARGIN
            for part, width in row:
                if part is self._more:
                    # At the right end of its row.
                    x = max(x, self.width() - _MARGIN - width)
                part_height = part.sizeHint().height()
                part.setGeometry(x, y + (height - part_height) // 2, min(width, room), part_height)
                x += width + _GAP
            y += height + 4
        self.setFixedHeight(y - 2)
