"""Audits a file in the window, offscreen, and prints how the event loop fared as JSON. Started by `audit`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter, thread_time

from PySide6.QtWidgets import QApplication

from aether_desktop.app import favour_the_loop
from aether_desktop.models.audit_run import AuditState
from aether_desktop.models.finding_groups import GroupBy
from aether_desktop.ui.theme import apply_theme
from aether_engine.audit import AuditScope, AuditSettings
from tests.benchmarks.browse_driver import Driver

_TICK = 0.001
#: Turns of the loop that are watched before the audit.
_IDLE = 1000
#: Findings of each check that are listed, as is usual.
_LIMIT = 5_000


async def main(path: Path) -> dict[str, float]:
    """Seconds of the audit; latencies of the loop meanwhile, and while findings are grouped and filtered."""
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        driver = Driver(home)
        try:
            await driver.window.settle()
            view = driver.window.panels.auditing.audit_path(path)
            run = view.run
            await driver.window.settle()
            # A busy machine makes any loop late: what this one does while nothing goes on is told beside it.
            idle = [await _late() for _ in range(_IDLE)]
            began = perf_counter()
            run.start(AuditScope(), AuditSettings(limit=_LIMIT))
            latencies, work = [], []
            while run.state is AuditState.RUNNING or not run.is_shown:
                used = thread_time()
                latencies.append(await _late())
                work.append(thread_time() - used)
            taken = perf_counter() - began
            looking = []
            for group_by in (GroupBy.ACTOR, GroupBy.NAMESPACE, GroupBy.CHECK):
                view.set_group_by(group_by)
                looking.append(await _late())
                while run.table.is_filtering:
                    looking.append(await _late())
                looking += [await _late() for _ in range(20)]
            return {
                "seconds": taken,
                "p99": quantiles(latencies, n=100)[98],
                "work": quantiles(work, n=100)[98],
                "idle": quantiles(idle, n=100)[98],
                "worst": max(latencies),
                "looking": quantiles(looking, n=100)[98],
                "findings": float(run.totals.findings),
                "listed": float(len(run.table.findings)),
            }
        finally:
            await driver.window.close_documents()
            await driver.workspace.close()


async def _late() -> float:
    asked = perf_counter()
    await asyncio.sleep(_TICK)
    return perf_counter() - asked - _TICK


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import qasync

    favour_the_loop()

    application = QApplication([])
    apply_theme(application)
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(application)) as runner:
        print(json.dumps(runner.run(main(Path(sys.argv[1])))))
