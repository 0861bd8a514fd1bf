"""Snapshots in an audit: the check of the replay, with its findings among the others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from aether_engine.audit.finding import Finding
from aether_engine.audit.settings import AuditScope
from aether_engine.errors import excerpt
from aether_engine.patterns import is_wildcard_pattern, match_actor_pattern
from aether_engine.replay.patches import pointer
from aether_engine.replay.reducers import Reducer
from aether_engine.replay.replaying import ReplayableStore
from aether_engine.replay.snapshot_check import SnapshotFinding, SnapshotProblem, check_snapshots

_CHECKS: Final = {
    SnapshotProblem.DIFFERS: "snapshot-differs",
    SnapshotProblem.AHEAD: "snapshot-ahead",
    SnapshotProblem.UNDECODABLE: "snapshot-damaged",
    SnapshotProblem.NO_REPLAY: "snapshot-differs",
}


async def audit_snapshots(
    stores: Sequence[ReplayableStore], scope: AuditScope, reducer: Reducer
) -> AsyncGenerator[tuple[list[Finding], int], None]:
    """Findings about snapshots as they are found, and how many snapshots were looked at so far."""
    pattern = scope.actors
    actor_id = pattern if pattern and not is_wildcard_pattern(pattern) else None
    done = 0
    for store in stores:
        seen = 0
        async with aclosing(check_snapshots([store], actor_id=actor_id, reducer=reducer)) as steps:
            async for step in steps:
                seen = step.snapshots
                found = [one for one in step.findings if not pattern or match_actor_pattern(pattern, one.actor_id)]
                yield [_finding(one) for one in found], done + seen
        done += seen


def _finding(found: SnapshotFinding) -> Finding:
    evidence: list[tuple[str, str]] = []
    path = ""
    if found.change is not None:
        path = f"/state{pointer(found.change.path)}"
        evidence = [("Replay", excerpt(found.change.old)), ("Snapshot", excerpt(found.change.new))]
        if found.set_by:
            evidence.append(("Set by", f"v{found.set_by:,}"))
    if found.problem is SnapshotProblem.AHEAD:
        said = f"The snapshot is at v{found.version}, the stream ends at v{found.latest_version}."
    else:
        said = found.message
    return Finding(
        _CHECKS[found.problem],
        said,
        namespace=found.namespace,
        actor_id=found.actor_id,
        version=found.version,
        path=path,
        evidence=tuple(evidence),
    )
