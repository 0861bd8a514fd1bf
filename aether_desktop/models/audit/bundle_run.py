"""A repro bundle in the making: chosen events, rules that take values away, what they would take, and the file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.jobs import Job
from aether_desktop.models.audit.evidence_log import EvidenceLog
from aether_desktop.numbers import counted, number_text
from aether_desktop.tasks import TaskOwner
from aether_desktop.workspace import Workspace
from aether_engine.bundle import BundleReport, BundleSource, Place, write_bundle
from aether_engine.engine import open_engine
from aether_engine.errors import AetherError
from aether_engine.lossless import ScanError
from aether_engine.redaction import RedactionRule, Redactor
from aether_engine.store.protocols import SequenceReader
from aether_engine.urls import sqlite_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aether_desktop.connection import Connection
    from aether_engine.audit import Target

#: Events that one bundle may hold: it is meant to be small.
MOST_EVENTS: Final = 100_000
#: Events that the preview looks at.
PREVIEWED: Final = 200


@dataclass(frozen=True)
class BundleOrigin:
    """Where the events are: an open connection, a file that can be opened, or evidence as an audit keeps it."""

    title: str
    connection: Connection | None = None
    file: Path | None = None
    target: Target | None = None
    lasts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """An event before and after the rules; `problem` says why there is no after.

    `counts` says how many values each rule meets in all events that were looked at.
    """

    place: Place
    before: bytes
    after: bytes
    problem: str
    counts: Mapping[str, int]


class BundleRun(QObject):
    """Belongs to one dialog."""

    previewed = Signal(object)
    """A `Preview`."""
    done = Signal()
    """It was written: `report`; or not: `problem`."""

    def __init__(
        self, workspace: Workspace, origin: BundleOrigin, places: Sequence[Place], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.origin = origin
        self.places = list(places)
        self.report: BundleReport | None = None
        self.problem = ""
        self.written: Path | None = None
        self._raws: dict[Place, bytes] | None = None
        self._tasks = TaskOwner(lambda error: workspace.fail("The events could not be read", error))
        self._job: Job | None = None
        self._looks = 0

    @property
    def is_running(self) -> bool:
        return self._job is not None

    @asynccontextmanager
    async def _sources(self) -> AsyncIterator[Mapping[str, BundleSource]]:
        origin = self.origin
        if origin.connection is not None:
            engine = origin.connection.engine
            yield {info.name: await engine.store(info.name) for info in await engine.namespaces()}
        elif origin.file is not None:
            async with open_engine(sqlite_url(origin.file), read_only=True) as engine:
                yield {info.name: await engine.store(info.name) for info in await engine.namespaces()}
        else:
            assert origin.target is not None
            yield {name: EvidenceLog(origin.target, name, last) for name, last in origin.lasts.items()}

    # -- what the rules take away

    def preview(self, rules: Sequence[RedactionRule], index: int) -> None:
        """Show what becomes of the chosen event at `index`, and how many values each rule meets."""
        self._looks += 1
        self._tasks.start(self._preview(list(rules), index, self._looks), "preview of a bundle")

    async def _preview(self, rules: Sequence[RedactionRule], index: int, look: int) -> None:
        if self._raws is None:
            self._raws = await self._read()
        if look != self._looks or not self._raws:
            return
        raws = self._raws
        place = list(raws)[min(index, len(raws) - 1)]
        preview = await asyncio.to_thread(_look, raws, place, rules)
        if look == self._looks:
            self.previewed.emit(preview)

    async def _read(self) -> dict[Place, bytes]:
        wanted = self.places[:PREVIEWED]
        found: dict[Place, bytes] = {}
        async with self._sources() as sources:
            for namespace in dict.fromkeys(name for name, _ in wanted):
                source = sources.get(namespace)
                if source is None:
                    continue
                if isinstance(source, SequenceReader):
                    sequences = [sequence for name, sequence in wanted if name == namespace]
                    async for batch in source.read_sequences(sequences):
                        found |= {(namespace, stored.sequence): stored.raw for stored in batch if stored.raw}
        return found

    # -- writing

    def write(self, target: Path, rules: Sequence[RedactionRule], *, ndjson: bool, with_causes: bool) -> None:
        """Write the bundle, and beside it the same as lines of JSON."""
        if self._job is not None:
            return
        self.report, self.problem, self.written = None, "", None

        async def work(job: Job) -> None:
            try:
                async with self._sources() as sources:
                    self.report = await write_bundle(
                        sources,
                        self.places,
                        target,
                        ndjson=target.with_suffix(".ndjson") if ndjson else None,
                        rules=rules,
                        with_causes=with_causes,
                    )
                job.report(self.report.events + self.report.causes)
                self.written = target
            except AetherError as error:
                self.problem = str(error)

        self._job = self._workspace.jobs.start(f"Repro bundle {target.name}", work)
        assert self._job.task is not None
        self._job.task.add_done_callback(lambda _task: self._ended())

    def _ended(self) -> None:
        self._job = None
        self.done.emit()

    async def close(self) -> None:
        """End what is running."""
        job = self._job
        if job is not None:
            job.cancel()
            await self._workspace.jobs.wait(job)
        await self._tasks.cancel_all()

    @property
    def words(self) -> str:
        """What came of it."""
        report = self.report
        if report is None:
            return self.problem
        parts = [f"In it: {counted(report.events, 'event')} and {counted(report.causes, 'cause')}."]
        parts += [f"{rule} took away {counted(count, 'value')}." for rule, count in report.redacted.items()]
        for one in report.left_out[:3]:
            parts.append(f"{one['namespace']} #{number_text(int(one['sequence']))} was left out: {one['reason']}.")
        if len(report.left_out) > 3:
            parts.append(f"{number_text(len(report.left_out) - 3)} more were left out.")
        if report.missing_causes:
            parts.append(f"Not in this store: {counted(len(report.missing_causes), 'cause')}.")
        return " ".join(parts)


def _look(raws: Mapping[Place, bytes], shown: Place, rules: Sequence[RedactionRule]) -> Preview:
    redactor = Redactor(rules)
    after, problem = b"", ""
    for place, raw in raws.items():
        try:
            redacted = redactor.redact(raw)
        except ScanError as error:
            if place == shown and rules:
                problem = f"It cannot be read, and so it cannot be redacted: it is left out ({error})."
            redacted = raw
        if place == shown:
            after = b"" if problem else redacted
    counts = {str(rule): redactor.counts[rule] for rule in rules}
    return Preview(shown, raws[shown], after, problem, counts)
