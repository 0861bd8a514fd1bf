"""The commands that say which events are damaged, lost or do not fit together, and compare what was said."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final

from aether_desktop import __version__
from aether_desktop.audit_subjects import target_of
from aether_desktop.commands.outcome import Exit, FindingError, UsageError
from aether_desktop.commands.output import Output, to_line
from aether_desktop.commands.reducing import chosen_reducer
from aether_desktop.commands.running import opened, shown
from aether_desktop.report_files import FORMS, load_report, write_report
from aether_desktop.server_options import check_server_options
from aether_engine.audit import (
    CHECKS,
    Audit,
    AuditProgress,
    AuditReport,
    AuditScope,
    AuditSettings,
    Comparison,
    FileTarget,
    Finding,
    Target,
    UnknownCheckError,
    audit_target,
    compare,
    finding_json,
    report_of,
)
from aether_engine.errors import CorruptStoreError, UnsupportedFormatError
from aether_engine.replay import Reducer
from aether_engine.urls import sqlite_path

_SNAPSHOTS: Final = frozenset(check for check in CHECKS if check.startswith("snapshot-"))


async def audit(args: argparse.Namespace, output: Output) -> int:
    """Print each finding as it is found, write the reports, and at the end what was checked."""
    _check_reports(args)
    settings = _settings(args)
    scope = AuditScope(args.namespace or args.pattern or "*", args.actor)
    before = None if args.compare is None else await asyncio.to_thread(load_report, Path(args.compare))
    with chosen_reducer(args, output) as reducer:
        async with _target(args, output) as target:
            try:
                return await _run(args, output, target, scope, settings, reducer, before)
            except (CorruptStoreError, UnsupportedFormatError):
                if isinstance(target, FileTarget):
                    output.say("If it is a damaged event file, 'aether recover' may find its events all the same.")
                raise


async def _run(
    args: argparse.Namespace,
    output: Output,
    target: Target,
    scope: AuditScope,
    settings: AuditSettings,
    reducer: Reducer,
    before: AuditReport | None,
) -> int:
    audit = Audit(target, scope, settings, reducer=reducer)
    findings: list[Finding] = []
    keeps = bool(args.report) or args.json or before is not None
    try:
        async with aclosing(audit.steps()) as steps:
            async for step in steps:
                if not args.json:
                    output.lines(output_line(one) for one in step.findings)
                if keeps:
                    findings += step.findings
                _show(output, step.progress, audit.totals.findings)
        if args.namespace is not None and args.namespace not in audit.totals.namespaces:
            listed = ", ".join(target.names) or "none"
            raise FindingError(f"There is no namespace {args.namespace!r} in {shown(args.url)}; it has: {listed}.")
        report = report_of(audit, findings, tool=f"Aether Desktop {__version__}")
        comparison = None if before is None else compare(before, report)
        for name in args.report:
            await asyncio.to_thread(write_report, Path(name), report, comparison, overwrite=args.overwrite)
        if args.json:
            output.lines([report.to_json()])
        else:
            output.json(_summary(report, comparison))
        _say(output, report, comparison)
    finally:
        await audit.close()
    return Exit.FINDINGS if report.total else Exit.DONE


async def compare_reports(args: argparse.Namespace, output: Output) -> int:
    """Print what is new, gone and the same in the later of two reports."""
    _check_reports(args)
    before, after = [await asyncio.to_thread(load_report, Path(name)) for name in (args.before, args.after)]
    comparison = compare(before, after)
    for name in args.report:
        await asyncio.to_thread(write_report, Path(name), after, comparison, overwrite=args.overwrite)
    output.json(comparison.to_json())
    for remark in comparison.remarks:
        output.say(remark)
    output.say(_compared(comparison))
    return Exit.FINDINGS if comparison.new else Exit.DONE


@asynccontextmanager
async def _target(args: argparse.Namespace, output: Output) -> AsyncIterator[Target]:
    url: str = args.url
    if "://" not in url or url.startswith("sqlite:"):
        if problem := check_server_options(url, args):
            raise UsageError(f"{problem[0].upper()}{problem[1:]}.")
        # Not opened as a store: an audit has its own, more careful ways.
        path = sqlite_path(url) if "://" in url else Path(url)
        columns = _columns(args)
        shown_as = url if "://" in url else os.fsencode(url).decode("utf-8", "replace")
        yield await asyncio.to_thread(target_of, path, url=shown_as, columns=columns)
        return
    async with opened(args, output) as engine:
        yield audit_target(engine)


def _columns(args: argparse.Namespace) -> dict[str, str]:
    """Fields and the columns they are in, as `id=Event Id,actorId=Actor`."""
    found: dict[str, str] = {}
    for part in args.columns.split(",") if args.columns else ():
        field, separator, column = part.partition("=")
        if not separator or not field.strip() or not column:
            raise UsageError(f"--columns: {part!r} is not FIELD=COLUMN.")
        found[field.strip()] = column
    return found


def _settings(args: argparse.Namespace) -> AuditSettings:
    checks = frozenset(CHECKS)
    if args.checks is not None:
        named = {name.strip() for name in args.checks.split(",")} - {""}
        checks = frozenset(named - {"snapshots"}) | (_SNAPSHOTS if "snapshots" in named else frozenset())
        if not checks:
            raise UsageError(f"--checks names none; there are: {', '.join(CHECKS)}.")
    reducer = args.reducer or (args.reducer_file and f"file {args.reducer_file}") or "json-merge"
    limit = args.limit or AuditSettings().limit
    snapshots = args.snapshots or (args.checks is not None and bool(checks & _SNAPSHOTS))
    try:
        return AuditSettings(checks, limit=limit, snapshots=snapshots, reducer=reducer)
    except UnknownCheckError as error:
        raise UsageError(str(error)) from error


def output_line(finding: Finding) -> bytes:
    """A finding as a line of the output."""
    return to_line(finding_json(finding))


def _show(output: Output, progress: AuditProgress, found: int) -> None:
    share = f", {progress.checked / progress.total:.0%}" if progress.total else ""
    left = "" if not progress.seconds_left else f", {progress.seconds_left:,.0f} s left"
    output.progress(f"{progress.phase or 'done'}: {progress.checked:,} events{share}{left}, {found:,} findings …")


def _summary(report: AuditReport, comparison: Comparison | None) -> dict[str, object]:
    summary: dict[str, object] = {
        "checked": {
            "namespaces": len(report.namespaces),
            "events": report.events,
            "actors": report.actors,
            "snapshots": report.snapshots,
        },
        "findings": report.total,
        "bySeverity": {severity.value: count for severity, count in report.by_severity().items()},
        "files": report.files,
        "leftOut": report.left_out,
    }
    if comparison is not None:
        summary["compared"] = {
            "new": len(comparison.new),
            "gone": len(comparison.gone),
            "same": len(comparison.same),
        }
    return summary


def _say(output: Output, report: AuditReport, comparison: Comparison | None) -> None:
    for note in report.notes:
        output.say(note)
    for one in report.files:
        if one["isUnchanged"] is False:
            output.say(f"{one['path']} changed while it was read.")
    for check, count in report.counts.items():
        output.say(f"{CHECKS[check].title}: {count:,}. {CHECKS[check].meaning}")
    if comparison is not None:
        for remark in comparison.remarks:
            output.say(remark)
        output.say(_compared(comparison))


def _compared(comparison: Comparison) -> str:
    counts = len(comparison.new), len(comparison.gone), len(comparison.same)
    return "Since the earlier report: {:,} new, {:,} gone, {:,} the same.".format(*counts)


def _check_reports(args: argparse.Namespace) -> None:
    for name in args.report:
        if Path(name).suffix.lower() not in FORMS:
            raise UsageError(f"{name}: a report is named .html, .csv or .json.")
        if Path(name).exists() and not args.overwrite:
            raise UsageError(f"{name} exists and was left as it is; choose another name, or say --overwrite.")
