"""The command that checks what is stored. Each check is a function here, and an option of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final

from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Output
from aether_desktop.commands.reducing import chosen_reducer
from aether_desktop.commands.running import opened, shown
from aether_engine.replay import pointer
from aether_engine.replay.snapshot_check import SnapshotFinding, check_snapshots
from aether_engine.store.protocols import Store


@dataclass(slots=True)
class _Tally:
    """What the checks looked at, by its name, and how much they found."""

    looked_at: dict[str, int] = field(default_factory=dict)
    findings: int = 0


Check = Callable[[argparse.Namespace, Output, Sequence[Store], _Tally], Awaitable[None]]


async def audit(args: argparse.Namespace, output: Output) -> int:
    """Print each finding, and at the end what was checked."""
    wanted = [check for name, check in _CHECKS.items() if getattr(args, name)]
    if not wanted:
        options = ", ".join(f"--{name}" for name in _CHECKS)
        raise UsageError(f"Say what to check: {options}.")
    tally = _Tally()
    async with opened(args, output) as engine:
        names = [namespace.name for namespace in await engine.namespaces()]
        if args.namespace is not None:
            if args.namespace not in names:
                listed = ", ".join(names) or "none"
                raise FindingError(
                    f"There is no namespace {args.namespace!r} in {shown(engine.url)}; it has: {listed}."
                )
            names = [args.namespace]
        stores = [await engine.store(name) for name in names]
        for check in wanted:
            await check(args, output, stores, tally)
        output.json({"checked": {"namespaces": len(names), **tally.looked_at}, "findings": tally.findings})
    return Exit.FINDINGS if tally.findings else Exit.DONE


async def _snapshots(args: argparse.Namespace, output: Output, stores: Sequence[Store], tally: _Tally) -> None:
    """Every snapshot against the replay."""
    counts: dict[str, int] = {}
    with chosen_reducer(args, output) as reducer:
        async with aclosing(check_snapshots(stores, actor_id=args.actor, reducer=reducer)) as steps:
            async for step in steps:
                for finding in step.findings:
                    output.json(_snapshot_json(finding))
                    output.say(finding.message)
                counts[step.namespace] = step.snapshots
                tally.findings += len(step.findings)
                share = f", {step.events / step.total:.0%}" if step.total else ""
                output.progress(f"{step.namespace}: {step.snapshots:,} snapshots{share} …")
    tally.looked_at["snapshots"] = sum(counts.values())


def _snapshot_json(finding: SnapshotFinding) -> dict[str, Any]:
    document: dict[str, Any] = {
        "check": "snapshots",
        "problem": finding.problem.value,
        "namespace": finding.namespace,
        "actorId": finding.actor_id,
        "version": finding.version,
    }
    if finding.change is not None:
        document["path"] = pointer(finding.change.path)
        if finding.change.kind != "removed":
            document["snapshot"] = finding.change.new
        if finding.change.kind != "added":
            document["replay"] = finding.change.old
        document["setBy"] = finding.set_by or None
        document["damaged"] = list(finding.damaged)
    return {**document, "message": finding.message}


#: The checks there are, by the option that asks for them.
_CHECKS: Final[dict[str, Check]] = {"snapshots": _snapshots}
