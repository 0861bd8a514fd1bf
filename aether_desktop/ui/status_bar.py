"""The status bar: connection, mode, counts, and the jobs under way with their progress and Cancel."""

from __future__ import annotations

from time import monotonic

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QStatusBar, QWidget

from aether_desktop.jobs import VISIBLE_AFTER, Job, Jobs
from aether_desktop.numbers import number_text
from aether_desktop.ui.badge import Badge, BadgeKind
from aether_desktop.ui.links import IconLabel
from aether_desktop.ui.safe_text import plain_tooltip, visible

#: Progress is repainted at most so often, in milliseconds.
REPAINT_INTERVAL = 100
#: Longest name of a connection in the bar, in pixels; the tooltip has the whole.
_CONNECTION_WIDTH = 400


class JobsPanel(QWidget):
    """The job that runs: name, bar, counts and Cancel; with several of them the oldest, and how many there are."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("jobsPanel")
        self.setAccessibleName("Jobs")
        self._jobs = jobs
        self._name = QLabel()
        self._name.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = QProgressBar()
        self._bar.setFixedSize(96, 4)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._counts = QLabel()
        self._cancel = QPushButton("Cancel")
        self._cancel.setAccessibleName("Cancel the job")
        self._cancel.clicked.connect(self._cancel_shown)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(8)
        for widget in (self._name, self._bar, self._counts, self._cancel):
            row.addWidget(widget)
        self._timer = QTimer(self, interval=REPAINT_INTERVAL)
        self._timer.timeout.connect(self._show)
        jobs.changed.connect(self._jobs_changed)
        self._show()

    def _jobs_changed(self) -> None:
        if self._jobs.running:
            self._timer.start()
        else:
            self._timer.stop()
        self._show()

    def _shown_job(self) -> Job | None:
        now = monotonic()
        return next((job for job in self._jobs.running if now - job.started_at >= VISIBLE_AFTER), None)

    def _show(self) -> None:
        job = self._shown_job()
        for widget in (self._bar, self._counts, self._cancel):
            widget.setVisible(job is not None)
        if job is None:
            self._name.setText("No jobs running")
            return
        progress = job.progress
        more = f" (1 of {len(self._jobs.running)} jobs)" if len(self._jobs.running) > 1 else ""
        self._name.setText(visible(progress.name) + more)
        fraction = progress.done / progress.total if progress.total else progress.fraction
        # Counts pass 32 bits, a progress bar's range does not.
        self._bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self._bar.setValue(min(1000, int(fraction * 1000)))
        of_total = f" of {number_text(progress.total)}" if progress.total else ""
        self._counts.setText(f"{number_text(progress.done)}{of_total} {progress.unit}")

    def _cancel_shown(self) -> None:
        job = self._shown_job()
        if job is not None:
            job.cancel()


class StatusBar(QStatusBar):
    """Facts at the left, jobs at the right; counters that are nought are not shown."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._icon = IconLabel("file")
        self._connection = QLabel("Not connected")
        self._connection.setTextFormat(Qt.TextFormat.PlainText)
        self.mode = Badge(BadgeKind.READ_ONLY)
        self.mode.setObjectName("statusMode")
        self.link = Badge(BadgeKind.LINK_UP)
        self.link.setObjectName("statusLink")
        self._events = QLabel()
        self._displayed = QLabel()
        self.dropped = QLabel()
        self.dropped.setObjectName("statusDropped")
        self.dropped.setAccessibleName("Dropped events")
        left = QWidget()
        row = QHBoxLayout(left)
        row.setContentsMargins(8, 0, 0, 0)
        row.setSpacing(12)
        for widget in (
            self._icon,
            self._connection,
            self.mode,
            self.link,
            self._events,
            self._displayed,
            self.dropped,
        ):
            row.addWidget(widget)
        row.addStretch()
        self._left = row
        self.addWidget(left, 1)
        self.addPermanentWidget(JobsPanel(jobs))
        self.show_connection(None)
        self.show_link(None)
        self.show_counts(None, None)
        self.show_dropped(0)

    def show_connection(self, text: str | None, *, icon_name: str = "file", read_only: bool = False) -> None:
        """Show what is connected, None for nothing."""
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
        for label, name, count in ((self._events, "Events", events), (self._displayed, "Displayed", displayed)):
            label.setVisible(count is not None)
            label.setText("" if count is None else f"{name} {number_text(count)}")

    def show_dropped(self, count: int) -> None:
        """Show how many events live tails have lost; hidden while none."""
        self.dropped.setVisible(count > 0)
        self.dropped.setText(f"Dropped {number_text(count)}")
