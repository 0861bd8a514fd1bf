"""A report of an audit: everything that is needed to defend it later, to be written and read back."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from aether_engine.audit.checks import CHECKS, Severity
from aether_engine.audit.finding import Finding
from aether_engine.audit.running import Audit
from aether_engine.codec import dumps, format_timestamp, loads, parse_timestamp
from aether_engine.errors import TransferError

#: What a report says it is, and in which form.
FORMAT: Final = "aether-audit-report"
VERSION: Final = 1
#: Findings in one piece of a report that is written piece by piece.
PART: Final = 250
_MEMBERS: Final = (
    "explanation namespace sequence last_sequence actor_id version timestamp offset path hint".split()  # noqa: SIM905 (a list of names)
)
_ORDER: Final = {check: number for number, check in enumerate(CHECKS)}
_SEVERITIES: Final = {severity: number for number, severity in enumerate(Severity)}


class ReportFormatError(TransferError):
    """A file that should be a report is none, or one that a newer program wrote."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, f"it is no report of an audit that this program reads: {reason}")


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What was audited, how, and what was found. `counts` are all findings by check, also those not listed."""

    tool: str
    system: str
    written_at: datetime
    url: str
    source: str
    scope: dict[str, str]
    settings: dict[str, Any]
    left_out: list[str]
    files: list[dict[str, Any]]
    notes: list[str]
    started_at: datetime | None
    seconds: float
    is_complete: bool
    namespaces: dict[str, int]
    events: int
    actors: int
    snapshots: int
    counts: dict[str, int]
    findings: list[Finding] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many findings there are in all."""
        return sum(self.counts.values())

    def by_severity(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        found = dict.fromkeys(Severity, 0)
        for check, count in self.counts.items():
            found[CHECKS[check].severity] += count
        return found

    @property
    def first(self) -> Finding | None:
        """The finding that was recorded first, of those whose time is known."""
        return min(self._timed(), key=_moment, default=None)

    @property
    def last(self) -> Finding | None:
        """The finding that was recorded last."""
        return max(self._timed(), key=_moment, default=None)

    def _timed(self) -> list[Finding]:
        return [one for one in self.findings if one.recorded_at is not None]

    def to_json(self) -> bytes:
        """The report as a JSON document."""
        return b"".join(self.json_parts())

    def json_parts(self) -> Iterator[bytes]:
        """`to_json` piece by piece, a few hundred findings in each."""
        head = dumps(
            {
                "format": FORMAT,
                "formatVersion": VERSION,
                "tool": self.tool,
                "system": self.system,
                "writtenAt": format_timestamp(self.written_at),
                "url": self.url,
                "source": self.source,
                "scope": self.scope,
                "settings": self.settings,
                "leftOut": self.left_out,
                "files": self.files,
                "notes": self.notes,
                "startedAt": None if self.started_at is None else format_timestamp(self.started_at),
                "seconds": self.seconds,
                "isComplete": self.is_complete,
                "totals": {
                    "namespaces": self.namespaces,
                    "events": self.events,
                    "actors": self.actors,
                    "snapshots": self.snapshots,
                    "findings": self.total,
                    "bySeverity": {severity.value: count for severity, count in self.by_severity().items()},
                    "byCheck": self.counts,
                    "listed": len(self.findings),
                    "first": _place(self.first),
                    "last": _place(self.last),
                },
            }
        )
        yield head.removesuffix(b"}") + b',"findings":['
        for start in range(0, len(self.findings), PART):
            part = self.findings[start : start + PART]
            yield (b"," if start else b"") + b",".join(dumps(finding_json(one)) for one in part)
        yield b"]}"


def _moment(finding: Finding) -> datetime:
    assert finding.recorded_at is not None
    return finding.recorded_at


def _place(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None or finding.recorded_at is None:
        return None
    return {
        "recordedAt": format_timestamp(finding.recorded_at),
        "namespace": finding.namespace,
        "sequence": finding.sequence,
    }


def report_of(audit: Audit, findings: Iterable[Finding], *, tool: str) -> AuditReport:
    """The report of an audit and of the findings that it came to. `tool` names the program and its version."""
    totals = audit.totals
    target = audit.target
    return AuditReport(
        tool,
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        datetime.now(UTC),
        target.url,
        target.source.value,
        {"namespaces": audit.scope.namespaces, "actors": audit.scope.actors},
        audit.settings.to_json(),
        audit.left_out,
        [
            {
                "path": one.path,
                "bytes": one.size,
                "sha256Before": one.before,
                "sha256After": one.after,
                "isUnchanged": one.is_unchanged,
            }
            for one in target.evidence.files
        ],
        list(target.evidence.notes),
        totals.started_at,
        round(totals.seconds, 3),
        totals.is_complete,
        dict(totals.namespaces),
        totals.events,
        totals.actors,
        totals.snapshots,
        {check: totals.tallies[check].count for check in CHECKS if check in totals.tallies},
        sorted(findings, key=order_of),
    )


def order_of(finding: Finding) -> tuple[int, int, str, int, str]:
    """How findings are listed: the worst first, then by check, then as they stand in the logs."""
    return (
        _SEVERITIES[finding.severity],
        _ORDER[finding.check],
        finding.namespace,
        finding.sequence or 0,
        finding.actor_id,
    )


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as a report and the command line have it; what it does not have is left out."""
    document: dict[str, Any] = {
        "check": finding.check,
        "severity": finding.severity.value,
        "title": finding.title,
    }
    for member in _MEMBERS:
        value = getattr(finding, member)
        if value not in (None, ""):
            document[_camel(member)] = value
    if finding.recorded_at is not None:
        document["recordedAt"] = format_timestamp(finding.recorded_at)
    if finding.evidence:
        document["evidence"] = [{"name": name, "value": value} for name, value in finding.evidence]
    return document


def _camel(member: str) -> str:
    first, *rest = member.split("_")
    return first + "".join(part.capitalize() for part in rest)


def read_report(raw: bytes, source: str) -> AuditReport:
    """A report from its JSON document; `source` names it. Raises `ReportFormatError`."""
    try:
        document = loads(raw)
    except ValueError as error:
        raise ReportFormatError(source, "it is not JSON") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ReportFormatError(source, f'it does not say "format": "{FORMAT}"')
    if document.get("formatVersion") != VERSION:
        raise ReportFormatError(
            source, f"it has form {document.get('formatVersion')}, and form {VERSION} is known"
        )
    try:
        totals = document["totals"]
        started = document["startedAt"]
        return AuditReport(
            str(document["tool"]),
            str(document["system"]),
            parse_timestamp(document["writtenAt"]),
            str(document["url"]),
            str(document["source"]),
            dict(document["scope"]),
            dict(document["settings"]),
            list(document["leftOut"]),
            list(document["files"]),
            list(document["notes"]),
            None if started is None else parse_timestamp(started),
            float(document["seconds"]),
            bool(document["isComplete"]),
            dict(totals["namespaces"]),
            int(totals["events"]),
            int(totals["actors"]),
            int(totals["snapshots"]),
            {check: int(count) for check, count in totals["byCheck"].items() if check in CHECKS},
            [_finding(one) for one in document["findings"] if one["check"] in CHECKS],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportFormatError(source, f"a part of it is missing or not what it should be ({error})") from error


def _finding(document: Mapping[str, Any]) -> Finding:
    members = {member: document[_camel(member)] for member in _MEMBERS if _camel(member) in document}
    recorded = document.get("recordedAt")
    return Finding(
        document["check"],
        **members,
        recorded_at=None if recorded is None else parse_timestamp(recorded),
        evidence=tuple((str(one["name"]), str(one["value"])) for one in document.get("evidence", ())),
    )
