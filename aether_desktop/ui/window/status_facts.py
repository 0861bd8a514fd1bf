"""The left side of the status bar while something is or was connected: connection, mode, link and counts."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from aether_desktop.numbers import number_text
from aether_desktop.ui.connection.profile_colors import ColorMark
from aether_desktop.ui.widgets.badge import Badge, BadgeKind
from aether_desktop.ui.widgets.flow_layout import group
from aether_desktop.ui.widgets.links import IconLabel
from aether_desktop.ui.widgets.safe_text import plain_tooltip, visible

#: Longest name of a connection in the bar, in pixels; the tooltip has the whole.
_CONNECTION_WIDTH = 400


class StatusFacts(QWidget):
    """Facts from left to right; counters that are nought are not shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = IconLabel("file")
        self._connection = QLabel()
        self._connection.setTextFormat(Qt.TextFormat.PlainText)
        self.color = ColorMark()
        self.color.setObjectName("statusColor")
        self.production = Badge(BadgeKind.PRODUCTION)
        self.production.setObjectName("statusProduction")
        self.mode = Badge(BadgeKind.READ_ONLY)
        self.mode.setObjectName("statusMode")
        self.link = Badge(BadgeKind.LINK_UP)
        self.link.setObjectName("statusLink")
        self._events = QLabel()
        self.displayed = QLabel()
        self.marked = QLabel()
        self._marked_group = group(self, IconLabel("mark", "accent", 14), self.marked, spacing=4)
        self.dropped = QLabel()
        self.dropped.setObjectName("statusDropped")
        self.dropped.setAccessibleName("Dropped events")
        self._named = group(self, self.color, self._icon, self._connection, spacing=8)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 0, 0)
        row.setSpacing(12)
        for widget in (
            self._named,
            self.production,
            self.mode,
            self.link,
            self._events,
            self.displayed,
            self._marked_group,
            self.dropped,
        ):
            row.addWidget(widget)
        row.addStretch()
        self.show_connection(None)
        self.show_link(None)
        self.show_counts(None, None)
        self.show_marked(0)
        self.show_dropped(0)

    def show_connection(
        self,
        text: str | None,
        *,
        icon_name: str = "file",
        read_only: bool = False,
        production: bool = False,
        color: str = "",
    ) -> None:
        """Show what is connected, None for nothing; `color` is that of its profile, by name."""
        self.color.set_color(color)
        self.production.setVisible(text is not None and production)
        self._icon.setVisible(text is not None)
        self._icon.set_icon(icon_name)
        shown = visible(text or "Not connected")
        metrics = self._connection.fontMetrics()
        self._connection.setText(metrics.elidedText(shown, Qt.TextElideMode.ElideMiddle, _CONNECTION_WIDTH))
        self._connection.setToolTip(plain_tooltip(text or ""))
        self.mode.setVisible(text is not None)
        self.mode.set_kind(BadgeKind.READ_ONLY if read_only else BadgeKind.WRITABLE)

    def show_link(self, up: bool | None) -> None:
        """Show whether the server can be reached, None for a store that is no server."""
        self.link.setVisible(up is not None)
        self.link.set_kind(BadgeKind.LINK_UP if up else BadgeKind.NO_LINK)

    def show_counts(self, events: int | None, displayed: int | None) -> None:
        """Show how many events the namespace has and how many of them the current table."""
        for label, name, count in ((self._events, "Events", events), (self.displayed, "Displayed", displayed)):
            label.setVisible(count is not None)
            label.setText("" if count is None else f"{name} {number_text(count)}")

    def show_marked(self, count: int) -> None:
        """Show how many events of the namespace are marked; hidden while none."""
        self._marked_group.setVisible(count > 0)
        self.marked.setText(f"Marked {number_text(count)}")

    def show_dropped(self, count: int) -> None:
        """Show how many events live tails have lost; hidden while none."""
        self.dropped.setVisible(count > 0)
        self.dropped.setText(f"Dropped {number_text(count)}")
