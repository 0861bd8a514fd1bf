"""The timelines under the window's tables: one for each, and all of them shown or hidden together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from aether_desktop.models.events.log_table import LogTable
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.timeline.timeline_pane import TimelinePane
from aether_desktop.ui.timeline.view_timelines import LogViewTimeline, StreamViewTimeline, ViewTimeline

if TYPE_CHECKING:
    from aether_desktop.ui.window.desk import Desk
    from aether_desktop.ui.window.documents import Document
    from aether_desktop.ui.window.navigation import Navigation
    from aether_desktop.workspace import Workspace
    from aether_engine.timeline import Zone

_SETTING = "timeline"


class Timelines(QObject):
    """Gives every table of events its timeline, and all of them the same place in the settings: shown or not."""

    def __init__(self, workspace: Workspace, desk: Desk, navigation: Navigation, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._desk = desk
        self._navigation = navigation
        self._of: dict[EventView, ViewTimeline] = {}
        self._shown = workspace.settings.get(_SETTING) is not False
        desk.view_added.connect(self._add)

    @property
    def busy(self) -> bool:
        """Whether one that is in sight has nothing to show yet, or will be done soon."""
        return any(each.busy for each in self._of.values())

    @property
    def are_shown(self) -> bool:
        return self._shown

    def set_shown(self, shown: bool) -> None:
        """Show or hide the timelines of all tabs, now and at the next start."""
        self._shown = shown
        self._workspace.settings.set(_SETTING, shown)
        for each in self._of.values():
            each.pane.setVisible(shown)

    def toggle(self) -> None:
        """Show the timelines if they are hidden, and the other way round."""
        self.set_shown(not self._shown)

    def refresh(self) -> None:
        """More may have been stored."""
        for each in self._of.values():
            each.look()

    def zones_of(self, view: EventView) -> list[Zone]:
        """What the timeline of a tab knows about where times are."""
        timeline = self._of.get(view)
        return timeline.zones if timeline is not None else []

    def timeline_of(self, view: object) -> TimelinePane | None:
        """The pane under a tab's table."""
        timeline = self._of.get(view) if isinstance(view, EventView) else None
        return timeline.pane if timeline is not None else None

    def session_state(self, view: EventView) -> int:
        """How the timeline of a tab is laid out: 1 by time where it is by version at first, else 0."""
        pane = self.timeline_of(view)
        return pane.choice if pane is not None else 0

    def restore_session(self, view: EventView, state: object) -> None:
        """Lay the timeline of a tab out as `session_state` said."""
        pane = self.timeline_of(view)
        if pane is not None and isinstance(state, int):
            pane.choose(state)

    def _add(self, document: Document, view: object) -> None:
        if not isinstance(view, EventView):
            return
        kind = LogViewTimeline if isinstance(view.model, LogTable) else StreamViewTimeline
        timeline = kind(self._workspace, self._navigation, document, view)
        self._of[view] = timeline
        self._desk.before_closing(view, lambda: self._close(view))
        timeline.pane.setVisible(self._shown)
        timeline.pane.closed.connect(lambda: self.set_shown(False))

    async def _close(self, view: EventView) -> None:
        timeline = self._of.pop(view, None)
        if timeline is not None:
            await timeline.close()
