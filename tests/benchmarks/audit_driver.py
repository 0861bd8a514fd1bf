"""Audits a file in the window, offscreen, and prints how the event loop fared as JSON. Started by `audit`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from statistics import quantiles
from time import perf_counter, thread_time

from aether_desktop.models.audit.audit_run import AuditState
from aether_desktop.models.audit.finding_groups import GroupBy
from aether_engine.audit import AuditScope, AuditSettings
from tests.benchmarks.browse_driver import Driver
from tests.benchmarks.driven import drive

_TICK = 0.001
#: Turns of the loop that are watched before the audit.
_IDLE = 1000
#: Findings of each check that are listed, as is usual.
_LIMIT = 5_000


async def main(arguments: list[str]) -> dict[str, float]:
    """Seconds of the audit; latencies of the loop meanwhile, and while findings are grouped and filtered."""
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        driver, path = Driver(home), Path(arguments[0])
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
    drive(main)
