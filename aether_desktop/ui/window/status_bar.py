"""The status bar: facts of the connection at the left, at the right the jobs with their progress and Cancel."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QStatusBar, QWidget

from aether_desktop.jobs import VISIBLE_AFTER, Job, JobProgress, Jobs
from aether_desktop.numbers import number_text
from aether_desktop.ui.widgets.by_name import set_by_name
from aether_desktop.ui.widgets.safe_text import visible

# Badges and counters come with the first connection, and the first paint does not wait for them.
if TYPE_CHECKING:
    from aether_desktop.ui.widgets.badge import Badge
    from aether_desktop.ui.window.status_facts import StatusFacts

#: Progress is repainted at most so often, in milliseconds.
REPAINT_INTERVAL = 100


class JobsPanel(QWidget):
    """The job that runs: name, bar, counts and Cancel; with several of them the oldest, and how many there are."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("jobsPanel")
        self.setAccessibleName("Jobs")
        self._jobs = jobs
        self._name = QLabel("No jobs running")
        set_by_name(self._name, textFormat="PlainText")
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 8, 0)
        self._row.setSpacing(8)
        self._row.addWidget(self._name)
        self._running: _RunningJob | None = None
        self._timer = QTimer(self, interval=REPAINT_INTERVAL)
        self._timer.timeout.connect(self._show)
        jobs.changed.connect(self._jobs_changed)

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
        if self._running is not None:
            self._running.setVisible(job is not None)
        if job is None:
            self._name.setText("No jobs running")
            return
        more = f" (1 of {len(self._jobs.running)} jobs)" if len(self._jobs.running) > 1 else ""
        self._name.setText(visible(job.progress.name) + more)
        if self._running is None:
            self._running = _RunningJob()
            self._running.cancel.clicked.connect(self._cancel_shown)
            self._row.addWidget(self._running)
        self._running.show_progress(job.progress)

    def _cancel_shown(self) -> None:
        job = self._shown_job()
        if job is not None:
            job.cancel()


class _RunningJob(QWidget):
    """Bar, counts and Cancel of a job."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = QProgressBar()
        self._bar.setFixedSize(96, 4)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress")
        self._counts = QLabel()
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName("Cancel the job")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for widget in (self._bar, self._counts, self.cancel):
            row.addWidget(widget)

    def show_progress(self, progress: JobProgress) -> None:
        """Show how far a job is."""
        fraction = progress.done / progress.total if progress.total else progress.fraction
        # Counts pass 32 bits, a progress bar's range does not.
        self._bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self._bar.setValue(min(1000, int(fraction * 1000)))
        of_total = f" of {number_text(progress.total)}" if progress.total else ""
        # What has no unit is one thing that is done or not.
        self._counts.setVisible(bool(progress.unit))
        self._counts.setText(f"{number_text(progress.done)}{of_total} {progress.unit}")


class StatusBar(QStatusBar):
    """Facts at the left, jobs at the right."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._facts: StatusFacts | None = None
        # Stands where the facts will, until there are any.
        self._none = QLabel("Not connected")
        self._none.setContentsMargins(8, 0, 0, 0)
        self.addWidget(self._none, 1)
        self.addPermanentWidget(JobsPanel(jobs))

    @property
    def facts(self) -> StatusFacts:
        """Connection, mode, link and counts, made on first use."""
        if self._facts is None:
            from aether_desktop.ui.window.status_facts import StatusFacts

            self._facts = StatusFacts()
            self.removeWidget(self._none)
            self._none.deleteLater()
            self.insertWidget(0, self._facts, 1)
        return self._facts

    @property
    def mode(self) -> Badge:
        """What may be done: READ-ONLY or WRITABLE."""
        return self.facts.mode

    @property
    def link(self) -> Badge:
        """Whether the server can be reached."""
        return self.facts.link

    @property
    def dropped(self) -> QLabel:
        """How many events live tails have lost."""
        return self.facts.dropped
