"""What a finding says in the cells of a table, and how its severity looks."""

from __future__ import annotations

from typing import Final

from aether_desktop.models.events.roles import CellIcon
from aether_desktop.numbers import number_text
from aether_engine.audit import Finding, Severity
from aether_engine.codec import format_timestamp

#: How each severity looks: its icon and colour.
LOOKS: Final = {
    Severity.ERROR: CellIcon("corrupted", "corrupted"),
    Severity.WARNING: CellIcon("warning", "gap"),
    Severity.NOTE: CellIcon("info", "text2"),
}
#: The words for how a finding stands to an earlier report.
CHANGES: Final = {"new": "New", "gone": "Gone", "same": "Same"}


def place_text(finding: Finding) -> str:
    """Actor and version of a finding, or how many places it is about."""
    if finding.last_sequence is not None and finding.sequence is not None and finding.count > 1:
        return f"{number_text(finding.count)} places, to {number_text(finding.last_sequence)}"
    if finding.actor_id and finding.version is not None:
        return f"{finding.actor_id} v{finding.version}"
    return finding.actor_id


def time_text(finding: Finding) -> str:
    """When it happened as written in the event, else when it was recorded."""
    if finding.timestamp or finding.recorded_at is None:
        return finding.timestamp
    return format_timestamp(finding.recorded_at)


def line_of(finding: Finding) -> str:
    """A finding as a line of text, as it is copied."""
    where = "" if finding.sequence is None else f"#{finding.sequence}"
    parts = (
        finding.severity.value.capitalize(),
        finding.title,
        finding.namespace,
        where,
        place_text(finding),
        time_text(finding),
        finding.explanation,
        finding.hint,
    )
    return "\t".join(parts)
