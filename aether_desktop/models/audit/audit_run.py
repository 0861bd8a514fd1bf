"""An audit in the window: what is audited, how far it is, what it found, and the bytes of what it found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from aether_desktop import __version__
from aether_desktop.audit_subjects import EvidenceKind, kind_of, target_of
from aether_desktop.connection import Connection
from aether_desktop.jobs import Job
from aether_desktop.models.audit.finding_table import FindingTable
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Workspace
from aether_engine.audit import (
    Audit,
    AuditProgress,
    AuditReport,
    AuditScope,
    AuditSettings,
    AuditTotals,
    Comparison,
    FileTarget,
    Finding,
    SourceTarget,
    Target,
    audit_target,
    report_of,
)
from aether_engine.audit.judging import Place as StoredPlace
from aether_engine.errors import AetherError

#: Findings are shown this often, in milliseconds, and at most so many at a time.
_SHOW_EVERY: Final = 100
_SHOWN_AT_ONCE: Final = 2000
#: How far to look for events in front of and behind one, in sequences.
_AROUND: Final = 8


@dataclass(frozen=True)
class AuditSubject:
    """What is audited: an open connection, or a file or folder that is none, as evidence.

    `columns` maps the fields of events to columns of CSV.
    """

    title: str
    connection: Connection | None = None
    path: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path | None:
        """The file or folder that is read, None where there is none."""
        return self.path if self.connection is None else self.connection.file_path

    async def target(self) -> Target:
        """A target of its own for a run."""
        if self.connection is not None:
            return audit_target(self.connection.engine)
        assert self.path is not None
        path = self.path
        return await asyncio.to_thread(lambda: target_of(path, columns=self.columns))


class AuditState(StrEnum):
    """What an audit is doing."""

    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FindingBytes:
    """The event of a finding as it is stored, None if it is not there, and those in front of and behind it."""

    stored: StoredPlace | None = None
    before: StoredPlace | None = None
    after: StoredPlace | None = None


class AuditRun(QObject):
    """Runs audits of one subject, one after the other; each as a job, which can be paused and gone on with."""

    changed = Signal()
    """State, progress or totals."""
    looked = Signal()
    """What the evidence is, `kind`, is known."""
    compared = Signal()
    """Another comparison, or none any more."""

    def __init__(self, workspace: Workspace, subject: AuditSubject, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.subject = subject
        self.table = FindingTable(self)
        self.scope = AuditScope()
        self.settings = AuditSettings()
        self.state = AuditState.READY
        #: Why the last run ended early; `error` is what it failed with.
        self.problem = ""
        self.error: AetherError | None = None
        self.kind: EvidenceKind | None = None
        self.comparison: Comparison | None = None
        self.found: list[Finding] = []
        self._audit: Audit | None = None
        self._target: Target | None = None
        self._job: Job | None = None
        self._pausing = False
        # When it began to read from the beginning; of one that was gone on with nothing is guessed.
        self._began = 0.0
        self._waiting: list[Finding] = []
        self._tasks = TaskOwner(lambda error: workspace.fail(f"The audit of {subject.title} stopped", error))
        self._show = QTimer(self, singleShot=True, interval=_SHOW_EVERY)
        self._show.timeout.connect(self._show_waiting)

    # -- what is known

    @property
    def busy(self) -> bool:
        return self._tasks.busy

    @property
    def is_running(self) -> bool:
        return self.state is AuditState.RUNNING

    @property
    def has_job(self) -> bool:
        """Whether the last run still has something to end, or to say."""
        return self._job is not None

    @property
    def is_paused(self) -> bool:
        return self.state is AuditState.PAUSED

    @property
    def progress(self) -> AuditProgress:
        return self._audit.progress if self._audit is not None else AuditProgress()

    @property
    def share(self) -> float | None:
        """How much was read, 0 to 1; None where that cannot be told."""
        progress, target = self.progress, self._target
        if progress.total:
            return progress.checked / progress.total
        return target.share if isinstance(target, SourceTarget) else None

    @property
    def seconds_left(self) -> float | None:
        """A guess, None while there is none."""
        share = self.share
        if self.progress.seconds_left is None and share and self._began and not self.progress.total:
            return (monotonic() - self._began) * (1 - share) / share
        return self.progress.seconds_left

    @property
    def totals(self) -> AuditTotals:
        """Of the last run."""
        return self._audit.totals if self._audit is not None else AuditTotals()

    @property
    def target(self) -> Target | None:
        """What the last run reads, with its evidence; None before the first."""
        return self._target

    @property
    def has_run(self) -> bool:
        """Whether there is anything to report."""
        return self._audit is not None and self.totals.started_at is not None

    @property
    def left_out(self) -> list[str]:
        """Checks that were asked for and are not made on this kind of store, or in this scope."""
        return self._audit.left_out if self._audit is not None else []

    def look(self) -> None:
        """Find out what evidence is, before it is audited."""
        if self.subject.path is not None and self.subject.connection is None:
            self._tasks.start(self._look(self.subject.path), "look at evidence")

    async def _look(self, path: Path) -> None:
        try:
            self.kind = await asyncio.to_thread(kind_of, path)
        except AetherError as error:
            self._fail(error)
        self.changed.emit()
        self.looked.emit()

    def use_columns(self, columns: Mapping[str, str]) -> None:
        """Read CSV by these columns the next time."""
        self.subject = replace(self.subject, columns=columns)
        self.changed.emit()

    # -- running

    def start(self, scope: AuditScope, settings: AuditSettings) -> None:
        """Audit from the beginning."""
        if self.is_running:
            return
        self.scope, self.settings = scope, settings
        self._show.stop()
        self._waiting.clear()
        self.found = []
        self.comparison = None
        self.table.clear()
        self.compared.emit()
        old, self._audit = self._audit, None
        self._began = monotonic()
        self._run(old)

    def use_settings(self, settings: AuditSettings) -> None:
        """Audit with other checks and limits the next time."""
        if not self.is_running:
            self.settings = settings
            self.changed.emit()

    def go_on(self) -> None:
        """Go on where it was paused."""
        if self.state is AuditState.PAUSED:
            self._began = 0.0
            self._run(None)

    def pause(self) -> None:
        """Stop reading, so that one can go on later."""
        if self._job is not None:
            self._pausing = True
            self._job.cancel()

    def cancel(self) -> None:
        """End the run; what was found stays, and the report says that it did not see everything."""
        if self._job is not None:
            self._job.cancel()
        elif self.state is AuditState.PAUSED:
            self.state = AuditState.CANCELLED
            self.changed.emit()

    def _run(self, old: Audit | None) -> None:
        self.state, self.problem, self.error, self._pausing = AuditState.RUNNING, "", None, False

        async def work(job: Job) -> None:
            try:
                if old is not None:
                    await old.close()
                await self._work(job)
            except AetherError as error:
                self._fail(error)

        self._job = self._workspace.jobs.start(f"Audit of {self.subject.title}", work)
        self._job.tells_cancelling = False
        assert self._job.task is not None
        self._job.task.add_done_callback(self._ended)
        self.changed.emit()

    async def _work(self, job: Job) -> None:
        if self._audit is None:
            self._target = await self.subject.target()
            self._audit = Audit(self._target, self.scope, self.settings)
        async with aclosing(self._audit.steps()) as steps:
            async for step in steps:
                if step.findings:
                    self.found += step.findings
                    self._waiting += step.findings
                progress = step.progress
                job.report(progress.checked, progress.total or None)
                if not self._show.isActive():
                    self._show.start()
        if isinstance(self._target, FileTarget):
            await self._target.end_workers()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._job = None
        if self.state is AuditState.RUNNING:
            if not task.cancelled() and task.exception() is None:
                self.state = AuditState.DONE
            elif self._pausing:
                self.state = AuditState.PAUSED
            elif task.cancelled():
                self.state = AuditState.CANCELLED
            else:
                self.state, self.problem = AuditState.FAILED, str(task.exception())
        self._show_waiting()

    def _fail(self, error: AetherError) -> None:
        self.state, self.problem, self.error = AuditState.FAILED, str(error), error

    def _show_waiting(self) -> None:
        """Show a part of what was found; the rest follows."""
        part = self._waiting[:_SHOWN_AT_ONCE]
        del self._waiting[: len(part)]
        self.table.set_counts({check: tally.count for check, tally in self.totals.tallies.items()})
        if part:
            self.table.add(part)
        if self._waiting:
            self._show.start()
        self.changed.emit()

    @property
    def is_shown(self) -> bool:
        """Whether all that was found is in the table."""
        return not self._waiting and not self.table.is_filtering

    async def close(self) -> None:
        """End everything and let go of the evidence."""
        self._show.stop()
        job = self._job
        if job is not None:
            job.cancel()
            await self._workspace.jobs.wait(job)
        await self._tasks.cancel_all()
        await self.table.close()
        if self._audit is not None:
            await self._audit.close()

    # -- looking at findings

    async def bytes_of(self, finding: Finding) -> FindingBytes:
        """The event that a finding is about, read as the audit reads, and its neighbours."""
        target, sequence = self._target, finding.sequence
        if target is None or sequence is None or self._audit is None:
            return FindingBytes()
        around = range(max(sequence - _AROUND, 1), sequence + _AROUND + 1)
        places = await target.places(finding.namespace, list(around))
        before = max((one for one in places if one < sequence), default=None)
        after = min((one for one in places if one > sequence), default=None)
        return FindingBytes(
            places.get(sequence),
            None if before is None else places[before],
            None if after is None else places[after],
        )

    # -- reporting

    def report(self) -> AuditReport:
        """What was found, to be handed on; blocks, and may be called in a thread once the run is over."""
        assert self._audit is not None
        return report_of(self._audit, self.found, tool=f"Aether Desktop {__version__}")

    def show_comparison(self, comparison: Comparison | None) -> None:
        """Show how the findings stand to an earlier report; what is gone joins the table."""
        self.comparison = comparison
        self.table.clear()
        self.table.set_counts({check: tally.count for check, tally in self.totals.tallies.items()})
        if comparison is not None:
            changes = {id(one): "same" for one in comparison.same}
            changes |= {id(one): "new" for one in comparison.new}
            changes |= {id(one): "gone" for one in comparison.gone}
            self.table.set_changes(changes)
            self._waiting = [*self.found, *comparison.gone]
        else:
            self._waiting = list(self.found)
        self._show_waiting()
        self.compared.emit()
