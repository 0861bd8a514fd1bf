"""One step of looking for what stands in the way of a connection, and the words it is told in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One thing that was looked at: its name, what was found, and what to do where that is not well."""

    name: str
    outcome: Outcome
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.name}: {self.outcome}. {self.found}", self.remedy) if part)


def milliseconds(since: float) -> str:
    """How long it took since a time of the running loop, in words."""
    return f"{(asyncio.get_running_loop().time() - since) * 1000:,.1f} ms"


def sentence(reason: str) -> str:
    """A reason as a sentence of its own."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
