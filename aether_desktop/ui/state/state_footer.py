"""The line under a state: where it comes from, what is left out of it, and what the version changed."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from aether_desktop.models.state.state_controller import StateController
from aether_desktop.models.state.state_view import StateView
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.links import IconLabel, LinkButton
from aether_desktop.ui.widgets.safe_text import plain_tooltip
from aether_desktop.ui.widgets.theme import grown
from aether_desktop.ui.widgets.tinted import Surface, ToneLabel

#: Damaged events that a tooltip names.
_LISTED: Final = 12


class StateFooter(Surface):
    """Follows the controller."""

    changes_requested = Signal()
    """The user wants to see what changed."""
    printed_requested = Signal()
    """The user wants to read what the reducer printed."""

    def __init__(self, controller: StateController, parent: QWidget | None = None) -> None:
        super().__init__("window", top="line", parent=parent)
        self._controller = controller
        self._icon = IconLabel("snapshot", "snapshot", 14, parent=self)
        self.origin = ToneLabel(elide=Qt.TextElideMode.ElideRight, parent=self)
        self._left_out = ToneLabel("", "corrupted", semibold=True, parent=self)
        self._changed = LinkButton("", self)
        self._printed = LinkButton("Printed", self)
        self._printed.setToolTip(plain_tooltip("What the reducer printed at this version"))
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 0, 8, 0)
        line.setSpacing(4)
        for one in (self._icon, self.origin, self._left_out, self._changed, self._printed):
            line.addWidget(one)
        line.addStretch(1)
        self.setFixedHeight(grown(32))
        self._changed.clicked.connect(self.changes_requested)
        self._printed.clicked.connect(self.printed_requested)

    def show_all(self) -> None:
        """Say what is so now."""
        controller, view = self._controller, self._controller.view
        self._icon.setVisible(view is not None and view.start_version > 0)
        if view is not None and view.start_version:
            self._icon.set_icon(*(("warning", "corrupted") if view.start_differs else ("snapshot", "snapshot")))
        self.origin.set_text(" ".join(self._parts()))
        troubles = controller.troubles
        self._left_out.setVisible(bool(troubles))
        self._left_out.set_text(f"{len(troubles):,} left out")
        self._left_out.setToolTip(
            plain_tooltip("\n".join(f"#{one.sequence:,}: {one.reason}" for one in troubles[:_LISTED]))
        )
        self._changed.setVisible(view is not None)
        self._printed.setVisible(controller.shown_version in controller.printed)
        if view is not None:
            count = len(view.changes)
            values = "nothing" if not count else f"{count:,} value" if count == 1 else f"{count:,} values"
            self._changed.set_text(f"{self._verb(view)}: {values}")

    def _verb(self, view: StateView) -> str:
        if self._controller.base is None:
            return f"Changed in v{view.version}"
        return f"Differs from v{view.previous_version}" if view.previous_version else "Differs from nothing"

    def _parts(self) -> list[str]:
        controller, view = self._controller, self._controller.view
        total = len(controller.versions)
        parts: list[str] = []
        if controller.is_loading:
            # First: the rest gives way where there is little room.
            parts.append(f"Reading, {total:,} so far…")
        if view is not None:
            parts.append(_origin(view))
        elif controller.error or controller.held_state or controller.broken_state:
            parts.append("Nothing is shown.")
        elif controller.is_looking:
            parts.append("Folding…")
        elif not controller.is_loading and controller.actor_id:
            parts.append("There is no event to fold.")
        return parts


def _origin(view: StateView) -> str:
    count = view.events_applied
    events = "1 event" if count == 1 else f"{number_text(count)} events"
    if not view.start_version:
        return f"From the beginning, {events}."
    snapshot = "drifted snapshot" if view.start_differs else "snapshot"
    return f"From {snapshot} v{view.start_version} + {events}."
