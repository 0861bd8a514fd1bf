"""Two reports side by side: what is new, what is gone, what is the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from aether_engine.audit.finding import Finding
from aether_engine.audit.report import AuditReport, finding_json
from aether_engine.codec import format_timestamp


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the later of two reports says beside the earlier one. `remarks` say what makes them hard to compare."""

    before: AuditReport
    after: AuditReport
    new: list[Finding]
    gone: list[Finding]
    same: list[Finding]
    remarks: list[str]

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "before": format_timestamp(self.before.written_at),
            "after": format_timestamp(self.after.written_at),
            "new": [finding_json(one) for one in self.new],
            "gone": [finding_json(one) for one in self.gone],
            "same": len(self.same),
            "remarks": self.remarks,
        }


def compare(before: AuditReport, after: AuditReport) -> Comparison:
    """Compare two reports, finding by finding: the same check at the same place is the same finding."""
    known = Counter(one.identity for one in before.findings)
    new: list[Finding] = []
    same: list[Finding] = []
    for one in after.findings:
        if known[one.identity] > 0:
            known[one.identity] -= 1
            same.append(one)
        else:
            new.append(one)
    gone: list[Finding] = []
    for one in reversed(before.findings):
        if known[one.identity] > 0:
            known[one.identity] -= 1
            gone.append(one)
    return Comparison(before, after, new, gone[::-1], same, _remarks(before, after))


def _remarks(before: AuditReport, after: AuditReport) -> list[str]:
    remarks: list[str] = []
    if before.url != after.url:
        remarks.append(f"They are of different stores: {before.url} and {after.url}.")
    if before.scope != after.scope:
        remarks.append("They have different scopes.")
    if before.settings != after.settings:
        remarks.append("They were made with different settings.")
    for name, report in (("earlier", before), ("later", after)):
        if not report.is_complete:
            remarks.append(f"The {name} audit was ended before it had seen everything.")
        if len(report.findings) < sum(report.counts.values()) and sum(one.count for one in report.findings) < sum(
            report.counts.values()
        ):
            remarks.append(f"The {name} report does not list all of its findings.")
    return remarks
