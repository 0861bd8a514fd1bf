"""A check of snapshots against the replay: how far it is, and what it found, as a table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QObject, Qt, Signal

from aether_desktop.jobs import Job
from aether_desktop.models.events.roles import CellIcon, ColumnKind, Role
from aether_desktop.models.events.titled_table import FoundTable, Index
from aether_desktop.models.state.state_values import path_text, preview_value
from aether_desktop.numbers import number_text
from aether_desktop.workspace import Place, Workspace
from aether_engine.errors import AetherError
from aether_engine.replay import Reducer, UserReducer
from aether_engine.replay.snapshot_check import SnapshotFinding, SnapshotProblem, check_snapshots

KINDS: Final = (
    ColumnKind.GUTTER,
    ColumnKind.ID,
    ColumnKind.NUMBER,
    ColumnKind.TEXT,
    ColumnKind.ID,
    ColumnKind.MONO,
    ColumnKind.MONO,
    ColumnKind.NUMBER,
)
#: Findings that are listed; more are counted.
MOST_FINDINGS: Final = 100_000


class SnapshotFindings(FoundTable[SnapshotFinding]):
    """What a check has found so far, in the order it was found."""

    GUTTER, ACTOR, VERSION, NAMESPACE, PATH, SNAPSHOT, REPLAY, SET_BY = range(8)
    HEADERS = ("", "Actor", "Version", "Namespace", "Difference", "Snapshot has", "Replay has", "Set by")
    MOST = MOST_FINDINGS

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        finding = self.found(index.row()) if index.isValid() else None
        if finding is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _text(finding, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return finding.message
            case Role.GUTTER if index.column() == self.GUTTER:
                unreadable = finding.problem is SnapshotProblem.UNDECODABLE
                return CellIcon("corrupted" if unreadable else "warning", "corrupted")
        return None


def _text(finding: SnapshotFinding, column: int) -> str:
    change = finding.change
    match column:
        case SnapshotFindings.ACTOR:
            return finding.actor_id or "(not known)"
        case SnapshotFindings.VERSION:
            return number_text(finding.version)
        case SnapshotFindings.NAMESPACE:
            return finding.namespace
        case SnapshotFindings.PATH:
            return _difference(finding)
        case SnapshotFindings.SNAPSHOT if change is not None and change.kind != "removed":
            return preview_value(change.new)
        case SnapshotFindings.REPLAY if change is not None and change.kind != "added":
            return preview_value(change.old)
        case SnapshotFindings.SET_BY if finding.set_by:
            return number_text(finding.set_by)
    return ""


def _difference(finding: SnapshotFinding) -> str:
    match finding.problem:
        case SnapshotProblem.AHEAD:
            return f"ahead of the stream, which ends at v{finding.latest_version}"
        case SnapshotProblem.UNDECODABLE:
            return f"cannot be read: {finding.error}"
        case SnapshotProblem.NO_REPLAY:
            return f"cannot be checked: {finding.error}"
    return path_text(finding.change.path) if finding.change is not None and finding.change.path else "as a whole"


@dataclass(frozen=True, slots=True)
class CheckScope:
    """What is checked: one actor, a namespace, or (namespace "") a whole connection."""

    place: Place
    namespaces: tuple[str, ...]
    actor_id: str = ""

    @property
    def words(self) -> str:
        """What it is, in a few words."""
        if self.actor_id:
            return f"{self.actor_id} in {self.place.namespace}"
        if len(self.namespaces) == 1:
            return self.namespaces[0]
        return f"{number_text(len(self.namespaces))} namespaces of {self.place.connection.title}"


class SnapshotCheck(QObject):
    """Runs a check as a job; what it found fills `findings`."""

    changed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        scope: CheckScope,
        reducer_of: Callable[[Place], tuple[Reducer, str]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._reducer_of = reducer_of
        self.scope = scope
        self.findings = SnapshotFindings(self)
        self.found = self.snapshots = 0
        self.is_complete = False
        self.problem = ""
        self.reducer_name = ""
        self._job: Job | None = None

    @property
    def is_running(self) -> bool:
        return self._job is not None

    @property
    def busy(self) -> bool:
        return self._job is not None

    def start(self) -> None:
        """Check, from the beginning."""
        if self._job is not None:
            return
        self.findings.clear()
        self.found = self.snapshots = 0
        self.is_complete, self.problem = False, ""

        async def work(job: Job) -> None:
            try:
                await self._check(job)
                self.is_complete = True
            except AetherError as error:
                self.problem = str(error)

        job = self._job = self._workspace.jobs.start(f"Snapshot check of {self.scope.words}", work)
        job.tells_cancelling = False
        assert job.task is not None
        job.task.add_done_callback(lambda _task: self._ended())
        self.changed.emit()

    def cancel(self) -> None:
        """Stop; what was found stays, and it is said that not all was looked at."""
        if self._job is not None:
            self._job.cancel()

    async def close(self) -> None:
        """End the check."""
        job = self._job
        self.cancel()
        if job is not None:
            await self._workspace.jobs.wait(job)

    async def _check(self, job: Job) -> None:
        done = seen = 0
        for name in self.scope.namespaces:
            place = Place(self.scope.place.connection, name)
            reducer, self.reducer_name = self._reducer_of(place)
            try:
                store = await self._workspace.store(place)
                events = total = snapshots = 0
                checking = check_snapshots([store], actor_id=self.scope.actor_id or None, reducer=reducer)
                async with aclosing(checking) as steps:
                    async for step in steps:
                        events, total, snapshots = step.events, step.total, step.snapshots
                        self.snapshots = seen + snapshots
                        self.found += len(step.findings)
                        self.findings.add(step.findings)
                        job.report(done + events, done + total)
                        self.changed.emit()
                done, seen = done + total, seen + snapshots
            finally:
                if isinstance(reducer, UserReducer):
                    await asyncio.to_thread(reducer.close)

    def _ended(self) -> None:
        self._job = None
        self.changed.emit()
