"""Reports of an audit to files, and earlier ones back beside it; in threads, as jobs."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from aether_desktop.jobs import Job
from aether_desktop.models.audit.audit_run import AuditRun
from aether_desktop.report_files import WritingStoppedError, load_report, write_report
from aether_desktop.workspace import Workspace
from aether_engine.audit import AuditReport, Comparison, compare


class ReportExchange(QObject):
    """Writes and reads for the audits of a window."""

    written = Signal(object)
    """A report was written to this `Path`."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace

    def write(self, run: AuditRun, path: Path) -> Job:
        """Write what a run has found, in the form that the name tells; what was there is replaced at the end."""
        comparison = run.comparison
        loop = asyncio.get_running_loop()
        stop = threading.Event()

        async def work(job: Job) -> None:
            def tell(count: int) -> bool:
                loop.call_soon_threadsafe(job.report, count)
                return not stop.is_set()

            def write() -> None:
                report = run.report()
                write_report(path, report, comparison, overwrite=True, progress=tell)

            writing = asyncio.ensure_future(asyncio.to_thread(write))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                stop.set()
                # The thread takes back what it wrote before anybody goes on.
                await asyncio.wait([writing])
                if not writing.cancelled() and not isinstance(writing.exception(), WritingStoppedError):
                    writing.exception()
                raise
            self.written.emit(path)

        return self._workspace.jobs.start(f"Report {path.name}", work, unit="bytes")

    def compare_with(self, run: AuditRun, path: Path) -> Job:
        """Show how what a run has found stands to the report in a file."""

        async def work(job: Job) -> None:
            def look() -> tuple[AuditReport, Comparison]:
                before = load_report(path)
                return before, compare(before, run.report())

            before, comparison = await asyncio.to_thread(look)
            job.report(len(before.findings))
            run.show_comparison(comparison)

        return self._workspace.jobs.start(f"Compare with {path.name}", work, unit="findings")
