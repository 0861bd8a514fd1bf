"""Findings: what an audit says, each by itself, as values that can be kept, sorted, exported and compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aether_engine.audit.checks import CHECKS, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where.

    `explanation` is a sentence (what is wrong, with what was found), `hint` another one that goes further than the
    facts do. `sequence` to `last_sequence` is the place in the log (one number for a single event), None where
    there is none. `recorded_at` and `timestamp` (as written in the event) say when. `offset` is the first byte at
    fault within the event, `path` a JSON Pointer into it. `evidence` are named facts to be shown beside each
    other.
    """

    check: str
    explanation: str
    namespace: str = ""
    sequence: int | None = None
    last_sequence: int | None = None
    actor_id: str = ""
    version: int | None = None
    recorded_at: datetime | None = None
    timestamp: str = ""
    offset: int | None = None
    path: str = ""
    evidence: tuple[tuple[str, str], ...] = ()
    hint: str = ""

    @property
    def severity(self) -> Severity:
        return CHECKS[self.check].severity

    @property
    def title(self) -> str:
        """The check's name as a heading."""
        return CHECKS[self.check].title

    @property
    def identity(self) -> tuple[Any, ...]:
        """What makes this finding the same one in another report."""
        return (
            self.check,
            self.namespace,
            self.sequence,
            self.last_sequence,
            self.actor_id,
            self.version,
            self.path,
        )

    @property
    def count(self) -> int:
        """How many places of the log it speaks of."""
        if self.sequence is None or self.last_sequence is None:
            return 1
        return self.last_sequence - self.sequence + 1
