"""Writing what can be read of a damaged file into a new one: how far it is, and what had to be left."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from aether_desktop.jobs import Job
from aether_desktop.models.events.roles import ColumnKind
from aether_desktop.models.events.titled_table import FoundTable, Index
from aether_desktop.numbers import counted, number_text
from aether_desktop.workspace import Workspace
from aether_engine.codec import dumps
from aether_engine.errors import AetherError
from aether_engine.recovery import Item, RecoveryProgress, RecoveryResult, recover_file

KINDS: Final = (ColumnKind.TEXT, ColumnKind.TEXT, ColumnKind.NUMBER, ColumnKind.NUMBER, ColumnKind.TEXT)
_WHAT: Final = {"lost": "Lost events", "damaged": "Damaged event", "page": "Unreadable page"}
#: Items that are listed; more are counted.
MOST_LISTED: Final = 20_000
#: What is listed is taken over this often, in milliseconds.
_TAKE_EVERY: Final = 100


class LeftItems(FoundTable[Item]):
    """What could not be recovered, in the order it was met: lost ranges, damaged events, unreadable pages."""

    HEADERS = ("What", "Namespace", "Sequence", "Page", "Reason")
    MOST = MOST_LISTED

    def lines(self) -> str:
        """All that is listed as lines of JSON, as the command line prints them."""
        return "".join(f"{dumps(item).decode()}\n" for item in self._found)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or role != Qt.ItemDataRole.DisplayRole:
            return None
        item = self._found[index.row()]
        match index.column():
            case 0:
                return _WHAT.get(str(item["kind"]), str(item["kind"]))
            case 1:
                return str(item.get("namespace", ""))
            case 2:
                first = item.get("sequence", item.get("first"))
                return first if item.get("last", first) == first else f"{first:,} to {item['last']:,}"
            case 3:
                return item.get("page")
        return str(item.get("reason", ""))


class RecoveryRun(QObject):
    """One recovery at a time, as a job. `counts` are all items by kind, also those not listed."""

    changed = Signal()
    done = Signal()
    """It is over: with a `result`, a `problem`, or cancelled (neither)."""

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.items = LeftItems(self)
        self.counts: Counter[str] = Counter()
        self.progress = RecoveryProgress(0, 0, 0)
        self.result: RecoveryResult | None = None
        self.problem = ""
        self.target: Path | None = None
        self._job: Job | None = None
        self._waiting: list[Item] = []
        self._take = QTimer(self, interval=_TAKE_EVERY)
        self._take.timeout.connect(self._take_waiting)

    @property
    def is_running(self) -> bool:
        return self._job is not None

    def start(self, source: Path, target: Path) -> None:
        """Recover `source` into the new file `target`."""
        if self._job is not None:
            return
        self.items.clear()
        self.counts.clear()
        self._waiting.clear()
        self.result, self.problem, self.target = None, "", target
        self.progress = RecoveryProgress(0, 0, 0)

        async def work(job: Job) -> None:
            loop = asyncio.get_running_loop()

            def show(progress: RecoveryProgress) -> None:
                loop.call_soon_threadsafe(self._progressed, job, progress)

            try:
                # Appending to a list is one step, whichever thread does it.
                self.result = await recover_file(source, target, on_item=self._waiting.append, progress=show)
            except AetherError as error:
                self.problem = str(error)

        self._job = self._workspace.jobs.start(f"Recover {source.name}", work, unit="events")
        self._job.tells_cancelling = False
        assert self._job.task is not None
        self._job.task.add_done_callback(lambda _task: self._ended())
        self._take.start()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop; there will be no new file."""
        if self._job is not None:
            self._job.cancel()

    async def close(self) -> None:
        """Stop, and wait until it is over."""
        job = self._job
        if job is not None:
            job.cancel()
            await self._workspace.jobs.wait(job)

    def _progressed(self, job: Job, progress: RecoveryProgress) -> None:
        self.progress = progress
        fraction = progress.pages / progress.total if progress.total else None
        job.report(progress.events, fraction=fraction)

    def _take_waiting(self) -> None:
        items = self._waiting[:]
        del self._waiting[: len(items)]
        self.counts.update(str(item["kind"]) for item in items)
        self.items.add(items)
        self.changed.emit()

    def _ended(self) -> None:
        self._take.stop()
        self._job = None
        self._take_waiting()
        self.done.emit()

    @property
    def words(self) -> str:
        """How far it is, or what came of it."""
        result, progress = self.result, self.progress
        if self.problem:
            return self.problem
        if self.is_running:
            share = f", {progress.pages / progress.total:.0%} of the pages" if progress.total else ""
            return f"{number_text(progress.events)} events recovered so far{share}."
        if result is None:
            return "Cancelled; nothing was written." if self.target is not None else ""
        written = f"{counted(result.events, 'event')} of {counted(result.actors, 'actor')} were written"
        if result.is_whole:
            return f"All of it: {written}."
        lost, damaged = number_text(result.lost), number_text(result.damaged)
        pages = counted(result.pages, "page")
        return f"{written}. Lost: {lost}. Damaged and left out: {damaged}. Not readable: {pages}."
