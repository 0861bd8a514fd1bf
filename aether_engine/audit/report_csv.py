"""A report as CSV: what was audited in lines that begin with #, then a line for each finding."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any

from aether_engine.audit.report import PART, AuditReport
from aether_engine.audit.report_facts import facts_of
from aether_engine.audit.report_text import defused
from aether_engine.codec import format_timestamp

_COLUMNS = (
    *("severity", "check", "title", "namespace", "sequence", "last_sequence", "actor", "version"),
    *("recorded_at", "timestamp", "offset", "path", "explanation", "hint", "evidence"),
)


def csv_report(report: AuditReport) -> bytes:
    """The report as UTF-8 with a byte order mark, which spreadsheets need to see that it is."""
    return b"".join(csv_parts(report))


def csv_parts(report: AuditReport) -> Iterator[bytes]:
    """`csv_report` piece by piece, a few hundred findings in each."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for name, value in facts_of(report):
        writer.writerow([f"# {name}", defused(value)])
    writer.writerow(_COLUMNS)
    yield codecs.BOM_UTF8 + _taken(text)
    for number, one in enumerate(report.findings, 1):
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
        if number % PART == 0:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    written = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return written


def _number(value: Any) -> str:
    return "" if value is None else str(value)
