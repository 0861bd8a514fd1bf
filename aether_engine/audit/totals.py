"""How far an audit is, and what it has come to so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from aether_engine.audit.checks import CHECKS, Severity
from aether_engine.audit.finding import Finding


@dataclass(frozen=True, slots=True)
class AuditProgress:
    """How far an audit is: `checked` of `total` places (0: not known), in which phase, for how long yet."""

    checked: int = 0
    total: int = 0
    phase: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class AuditStep:
    """What an audit found since it last said something, and how far it is."""

    findings: tuple[Finding, ...]
    progress: AuditProgress


@dataclass(slots=True)
class Tally:
    """How many findings of one check there are, and the first and the last of them in the log's order of time."""

    count: int = 0
    explained: int = 0
    first: Finding | None = None
    last: Finding | None = None

    def add(self, finding: Finding) -> None:
        """Count a finding in."""
        self.count += finding.count
        self.explained += 1
        if self.first is None or _order(finding) < _order(self.first):
            self.first = finding
        if self.last is None or _order(finding) >= _order(self.last):
            self.last = finding


def _order(finding: Finding) -> tuple[str, int]:
    return finding.namespace, finding.sequence or 0


@dataclass(slots=True)
class AuditTotals:
    """What was looked at, and what was found by check."""

    namespaces: dict[str, int] = field(default_factory=dict)
    events: int = 0
    actors: int = 0
    snapshots: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    started_at: datetime | None = None
    seconds: float = 0.0
    is_complete: bool = False

    @property
    def findings(self) -> int:
        """How many findings there are in all."""
        return sum(tally.count for tally in self.tallies.values())

    def by_severity(self) -> dict[Severity, int]:
        """How many findings there are of each severity."""
        counts = dict.fromkeys(Severity, 0)
        for check, tally in self.tallies.items():
            counts[CHECKS[check].severity] += tally.count
        return counts
