"""Auditing a store: which events are damaged, lost or do not fit together, said so that it can be defended.

`Audit` goes through a target (`audit_target` of an open engine, `FileTarget` of a file) and yields findings as it
finds them. What is looked for is the table `CHECKS`; nothing is ever changed.

Names are loaded when they are first used: a process that examines events needs few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aether_engine.late_names import late_names

if TYPE_CHECKING:
    from aether_engine.audit.checks import CHECKS, Check, Severity, Source
    from aether_engine.audit.comparing import Comparison, compare
    from aether_engine.audit.file.target import FileTarget
    from aether_engine.audit.finding import Finding
    from aether_engine.audit.log_target import Auditee, LogTarget
    from aether_engine.audit.report import AuditReport, ReportFormatError, finding_json, read_report, report_of
    from aether_engine.audit.report_csv import csv_report
    from aether_engine.audit.report_html import html_report
    from aether_engine.audit.running import Audit, audit_target
    from aether_engine.audit.settings import AuditScope, AuditSettings, UnknownCheckError
    from aether_engine.audit.source_target import SourceTarget
    from aether_engine.audit.target import Target
    from aether_engine.audit.totals import AuditProgress, AuditStep, AuditTotals, Tally

_NAMES = {
    "checks": (
        "CHECKS",
        "Check",
        "Severity",
        "Source",
    ),
    "comparing": (
        "Comparison",
        "compare",
    ),
    "file.target": ("FileTarget",),
    "finding": ("Finding",),
    "log_target": (
        "Auditee",
        "LogTarget",
    ),
    "report": (
        "AuditReport",
        "ReportFormatError",
        "finding_json",
        "read_report",
        "report_of",
    ),
    "report_csv": ("csv_report",),
    "report_html": ("html_report",),
    "running": (
        "Audit",
        "audit_target",
    ),
    "settings": (
        "AuditScope",
        "AuditSettings",
        "UnknownCheckError",
    ),
    "source_target": ("SourceTarget",),
    "target": ("Target",),
    "totals": (
        "AuditProgress",
        "AuditStep",
        "AuditTotals",
        "Tally",
    ),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}

__all__ = [
    "CHECKS",
    "Audit",
    "AuditProgress",
    "AuditReport",
    "AuditScope",
    "AuditSettings",
    "AuditStep",
    "AuditTotals",
    "Auditee",
    "Check",
    "Comparison",
    "FileTarget",
    "Finding",
    "LogTarget",
    "ReportFormatError",
    "Severity",
    "Source",
    "SourceTarget",
    "Tally",
    "Target",
    "UnknownCheckError",
    "audit_target",
    "compare",
    "csv_report",
    "finding_json",
    "html_report",
    "read_report",
    "report_of",
]

__getattr__, __dir__ = late_names(__name__, _MODULES)
