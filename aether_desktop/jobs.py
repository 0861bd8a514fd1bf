"""Work that takes time and shows it: a name, a progress in counts, a Cancel, and an end that is always told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject, Signal

# asyncio is loaded by the loop that runs the first job: the first paint does not wait for it.
if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from aether_engine.transfer import TransferProgress

log = logging.getLogger(__name__)

#: Jobs that are over sooner are not worth the attention of a progress bar, in seconds.
VISIBLE_AFTER = 0.2


class JobProgress(NamedTuple):
    """What a running job can say: how much is done, of how much (None = not known), of what.

    `fraction` (0 to 1) is how far a job is that knows its end only in other units, such as bytes of a file.
    """

    name: str
    done: int
    total: int | None
    unit: str
    fraction: float | None = None


class Job(QObject):
    """One piece of work. `report` may be called as often as one likes, views repaint in their own time."""

    def __init__(self, name: str, unit: str, total: int | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.progress = JobProgress(name, 0, total, unit)
        self.started_at = monotonic()
        self.task: asyncio.Task[Any] | None = None
        #: Whether the window tells when it was cancelled; not where it is told elsewhere, or nobody's business.
        self.tells_cancelling = True
        #: The file that could not be read if it fails, where that is for the window to say.
        self.path: Path | None = None

    def report(self, done: int, total: int | None = None, *, fraction: float | None = None) -> None:
        """So much is done; of a total if it is known, else perhaps a fraction of the whole."""
        known = total if total is not None else self.progress.total
        self.progress = JobProgress(self.progress.name, done, known, self.progress.unit, fraction)

    def report_transfer(self, progress: TransferProgress) -> None:
        """As `report`, for an import or export."""
        self.report(progress.events, fraction=progress.fraction)

    def cancel(self) -> None:
        """Ask the job to end; what it wrote is taken back by whoever wrote it."""
        if self.task is not None:
            self.task.cancel()


class Jobs(QObject):
    """All running jobs of the window. `finished` carries the job and its exception, None when it went well."""

    changed = Signal()
    finished = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.running: list[Job] = []

    def start(
        self,
        name: str,
        work: Callable[[Job], Coroutine[Any, Any, Any]],
        *,
        unit: str = "events",
        total: int | None = None,
    ) -> Job:
        """Run `work`, which gets the job to report to."""
        import asyncio

        job = Job(name, unit, total, self)
        job.task = asyncio.get_running_loop().create_task(work(job), name=name)
        job.task.add_done_callback(lambda task: self._ended(job, task))
        self.running.append(job)
        self.changed.emit()
        return job

    async def wait(self, job: Job) -> bool:
        """Wait for a job's end; returns whether it went well. Its failure is told through `finished` alone."""
        import asyncio

        assert job.task is not None
        await asyncio.wait([job.task])
        return not job.task.cancelled() and job.task.exception() is None

    async def run(
        self, name: str, work: Callable[[Job], Coroutine[Any, Any, Any]], *, unit: str = "events"
    ) -> bool:
        """Start a job and wait for its end, as `wait` does."""
        return await self.wait(self.start(name, work, unit=unit))

    async def cancel_all(self) -> None:
        """Cancel every job and wait until each has cleaned up."""
        import asyncio

        tasks = [job.task for job in self.running if job.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ended(self, job: Job, task: asyncio.Task[Any]) -> None:
        import asyncio

        self.running.remove(job)
        error: BaseException | None
        try:
            error = task.exception()
        except asyncio.CancelledError:
            # The task lets go of it here; it holds all that the job had in hand, and so the job and its task.
            error = asyncio.CancelledError()
        if error is not None and not isinstance(error, asyncio.CancelledError):
            log.info("job %s failed: %s", job.progress.name, type(error).__name__)
        self.changed.emit()
        self.finished.emit(job, error)
        job.deleteLater()
