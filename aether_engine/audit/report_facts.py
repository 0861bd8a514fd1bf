"""What stands above the findings of a report, whatever its form: scope, settings, hashes, totals."""

from __future__ import annotations

from aether_engine.audit.checks import CHECKS
from aether_engine.audit.finding import Finding
from aether_engine.audit.report import AuditReport
from aether_engine.codec import format_timestamp


def facts_of(report: AuditReport) -> list[tuple[str, str]]:
    """Names and values, in the order in which they are shown."""
    scope = report.scope
    settings = report.settings
    facts = [
        ("Audited", report.url),
        ("Scope", _scope(scope.get("namespaces", ""), scope.get("actors", ""))),
        ("Tool", f"{report.tool} on {report.system}"),
        ("Report written", format_timestamp(report.written_at)),
    ]
    if report.started_at is not None:
        facts.append(("Audit started", f"{format_timestamp(report.started_at)}, took {report.seconds:,.3f} s"))
    if not report.is_complete:
        facts.append(("Complete", "No: the audit was ended before it had seen everything"))
    for one in report.files:
        facts.append(("File", f"{one['path']}, {one['bytes']:,} bytes"))
        facts.append(("SHA-256 before", one["sha256Before"] or "not taken"))
        unchanged = {True: " (unchanged)", False: " (CHANGED)"}.get(one["isUnchanged"], "")
        facts.append(("SHA-256 after", (one["sha256After"] or "not taken") + unchanged))
    facts += [("Note", note) for note in report.notes]
    facts += [
        ("Events", f"{report.events:,}"),
        ("Namespaces", ", ".join(f"{name} ({count:,})" for name, count in sorted(report.namespaces.items()))),
        ("Actors", f"{report.actors:,}"),
        ("Snapshots compared", f"{report.snapshots:,}" if settings.get("snapshots") else "none"),
        ("Findings", _findings(report)),
        ("First occurrence", _occurrence(report.first)),
        ("Last occurrence", _occurrence(report.last)),
        ("Checks made", ", ".join(one for one in settings.get("checks", ()) if one not in report.left_out)),
        ("Checks not made", ", ".join(report.left_out) or "none"),
        ("Clock ahead by more than", f"{settings.get('ahead_seconds', 0):,.0f} s"),
        ("Clock behind by more than", f"{settings.get('behind_seconds', 0):,.0f} s"),
        ("Listed of each check", f"{settings.get('limit', 0):,} at most"),
    ]
    return facts


def _scope(namespaces: str, actors: str) -> str:
    where = "all namespaces" if namespaces in ("*", ">") else f"namespaces {namespaces}"
    return f"{where}, all actors" if not actors else f"{where}, actors {actors}"


def _findings(report: AuditReport) -> str:
    counts = report.by_severity()
    parts = ", ".join(f"{count:,} {severity.value}s" for severity, count in counts.items())
    listed = "" if len(report.findings) == report.total else f"; {len(report.findings):,} entries are listed"
    return f"{report.total:,} ({parts}){listed}"


def _occurrence(finding: Finding | None) -> str:
    if finding is None or finding.recorded_at is None:
        return "none with a time"
    place = "" if finding.sequence is None else f" at sequence {finding.sequence:,}"
    return f"{format_timestamp(finding.recorded_at)}, {CHECKS[finding.check].title} in {finding.namespace}{place}"
