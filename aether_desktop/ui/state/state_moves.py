"""Moving along an actor's versions: slider, buttons, number, keys, and playing them one after the other."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

from aether_desktop.models.state.state_controller import StateController
from aether_desktop.ui.state.state_controls import StateControls
from aether_desktop.ui.state.version_slider import VersionSlider

#: Versions a second that can be played.
SPEEDS: Final = (1, 2, 5, 10, 25)
_USUAL_SPEED: Final = 2


class StateMoves(QObject):
    """Turns what the user does into versions to show. Only moves of the user's are told by `moved`."""

    moved = Signal(object)
    """The user has gone to this version (int)."""
    speed_changed = Signal(int)

    def __init__(
        self, controller: StateController, controls: StateControls, slider: VersionSlider, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self._controls = controls
        self._slider = slider
        self._speed = _USUAL_SPEED
        self.timer = QTimer(self)
        self.timer.setInterval(1000 // _USUAL_SPEED)
        self.timer.timeout.connect(self._play_step)
        controls.first_requested.connect(self.go_to_first)
        controls.step_requested.connect(self.step)
        controls.version_typed.connect(self._typed)
        controls.play_requested.connect(self.set_playing)
        slider.valueChanged.connect(lambda place: self.go_to(slider.version_at(place)))

    @property
    def first(self) -> int:
        """The first version there is, 0 without any."""
        versions = self._controller.versions
        return versions[0] if versions else 0

    @property
    def last(self) -> int:
        """The last version there is, 0 without any."""
        versions = self._controller.versions
        return versions[-1] if versions else 0

    @property
    def speed(self) -> int:
        """Versions played a second."""
        return self._speed

    @property
    def is_playing(self) -> bool:
        return self.timer.isActive()

    def go_to(self, version: int) -> None:
        """Go to a version."""
        if version and version != self._controller.asked_version:
            self._controller.show_version(version)
            self.moved.emit(version)

    def go_to_first(self) -> None:
        """Begin again."""
        self.set_playing(False)
        self.go_to(self.first)

    def go_to_last(self) -> None:
        """Go to the end."""
        self.set_playing(False)
        self.go_to(self.last)

    def step(self, steps: int) -> None:
        """Go so many versions on, or back."""
        self.set_playing(False)
        self.go_to(self._controller.neighbour(self._controller.asked_version, steps))

    def show_place(self) -> None:
        """Let slider and number say which version is shown."""
        version = self._controller.shown_version
        blocked = self._slider.blockSignals(True)
        self._slider.set_version(version)
        self._slider.blockSignals(blocked)
        self._controls.set_version(version)

    # Playing

    def set_playing(self, playing: bool) -> None:
        """Play, or pause. From the last version it begins again with the first."""
        if playing and self.first < self.last:
            if self._controller.shown_version >= self.last:
                self.go_to(self.first)
            self.timer.start()
        else:
            self.timer.stop()
        self._controls.set_playing(self.is_playing)

    def set_speed(self, speed: int) -> None:
        """Play so many versions a second."""
        if speed in SPEEDS and speed != self._speed:
            self._speed = speed
            self.timer.setInterval(1000 // speed)
            self.speed_changed.emit(speed)

    def change_speed(self, by: int) -> None:
        """Play faster (1) or slower (-1)."""
        place = SPEEDS.index(self._speed) + by
        self.set_speed(SPEEDS[max(0, min(place, len(SPEEDS) - 1))])

    def _play_step(self) -> None:
        controller = self._controller
        if controller.is_looking:
            # What takes longer than a step is shown before the next one.
            return
        self.go_to(controller.neighbour(controller.shown_version, 1))
        if controller.shown_version >= self.last:
            self.set_playing(False)

    # Typing and keys

    def _typed(self, version: object) -> None:
        if isinstance(version, int) and version != self._controller.asked_version:
            versions = self._controller.versions
            target = self._controller.neighbour(version, 0) or self.first
            self.go_to(target)
            place = bisect_left(versions, version)
            if place == len(versions) or versions[place] != version:
                # The number that was typed is none of the versions: the one below it is shown.
                self._controls.set_version(target)

    def watch(self, widget: QWidget) -> None:
        """Let ← and → in `widget` move between versions; in trees + and − open and close rows."""
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """See `watch`."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self.moved_by(event):
            return True
        return bool(super().eventFilter(watched, event))

    def moved_by(self, event: QKeyEvent) -> bool:
        """Whether it was a key that moves, and did."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if steps is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        self.step(steps)
        return True
