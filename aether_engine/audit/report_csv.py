"""A report as CSV: what was audited in lines that begin with #, then a line for each finding."""

from __future__ import annotations

import csv
import io
from typing import Any

from aether_engine.audit.report import AuditReport
from aether_engine.audit.report_facts import facts_of
from aether_engine.audit.report_text import defused
from aether_engine.codec import format_timestamp

_COLUMNS = (
    *("severity", "check", "title", "namespace", "sequence", "last_sequence", "actor", "version"),
    *("recorded_at", "timestamp", "offset", "path", "explanation", "hint", "evidence"),
)


def csv_report(report: AuditReport) -> bytes:
    """The report as UTF-8 with a byte order mark, which spreadsheets need to see that it is."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for name, value in facts_of(report):
        writer.writerow([f"# {name}", defused(value)])
    writer.writerow(_COLUMNS)
    for one in report.findings:
        evidence = "; ".join(f"{name}: {value}" for name, value in one.evidence)
        writer.writerow(
            [
                one.severity.value,
                one.check,
                one.title,
                defused(one.namespace),
                _number(one.sequence),
                _number(one.last_sequence),
                defused(one.actor_id),
                _number(one.version),
                "" if one.recorded_at is None else format_timestamp(one.recorded_at),
                defused(one.timestamp),
                _number(one.offset),
                defused(one.path),
                defused(one.explanation),
                defused(one.hint),
                defused(evidence),
            ]
        )
    return text.getvalue().encode("utf-8-sig")


def _number(value: Any) -> str:
    return "" if value is None else str(value)
