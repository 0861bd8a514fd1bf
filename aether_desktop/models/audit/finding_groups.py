"""Findings with something in common: which they are, in which order they stand, and what their headings say."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from aether_desktop.models.events.roles import RowBanner
from aether_desktop.numbers import counted, number_text
from aether_engine.audit import CHECKS, Finding, Severity

_TONES: Final = {Severity.ERROR: "corrupted", Severity.WARNING: "gap", Severity.NOTE: ""}
#: Groups up to which those with the most findings stand first.
_SORTED: Final = 20_000
_ORDER: Final = {check: number for number, check in enumerate(CHECKS)}
_SEVERITIES: Final = {severity: number for number, severity in enumerate(Severity)}
_CHANGES: Final = {"new": "New", "gone": "Gone", "same": "The same", "": "Not compared"}

Key = tuple[Any, ...]


class GroupBy(StrEnum):
    """What findings of one group have in common. Without headings the worst stand first all the same."""

    CHECK = "check"
    ACTOR = "actor"
    NAMESPACE = "namespace"
    CHANGE = "change"
    NONE = "none"


@dataclass(slots=True)
class Group:
    """Findings with something in common; `rows` are the numbers of those that pass the filter."""

    key: Key
    title: str
    severity: Severity | None = None
    check: str = ""
    rows: array[int] = field(default_factory=lambda: array("q"))
    is_open: bool = True

    def heading(self, count: int | None, *, is_filtered: bool) -> RowBanner:
        """The heading's line; `count` findings of the check there are in all, listed or not."""
        icon = "chevron-down" if self.is_open else "chevron-right"
        tone = _TONES[self.severity] if self.severity is not None else ""
        return RowBanner(self.title, self.said(count, is_filtered=is_filtered), icon=icon, tone=tone)

    def said(self, count: int | None, *, is_filtered: bool) -> str:
        """How many findings are in it, of how many."""
        listed = len(self.rows)
        if self.severity is None:
            return counted(listed, "finding")
        said = counted(listed if count is None else count, self.severity.value)
        if is_filtered:
            return f"{number_text(listed)} pass the filter, of {said}"
        # Some findings are about several places, which are counted.
        return f"{said}, {counted(listed, 'row')} listed" if count is not None and listed != count else said


def key_of(group_by: GroupBy, finding: Finding, change: str) -> Key:
    """The group of a finding; `change` is how it stands to an earlier report."""
    match group_by:
        case GroupBy.ACTOR:
            return finding.namespace, finding.actor_id
        case GroupBy.NAMESPACE:
            return (finding.namespace,)
        case GroupBy.CHANGE:
            return (change,)
    return _SEVERITIES[finding.severity], _ORDER[finding.check], finding.check


def make_group(group_by: GroupBy, key: Key, *, is_open: bool) -> Group:
    """An empty group."""
    match group_by:
        case GroupBy.ACTOR:
            namespace, actor = key
            return Group(key, f"{actor or 'No actor'} in {namespace or 'no namespace'}", is_open=is_open)
        case GroupBy.NAMESPACE:
            return Group(key, key[0] or "No namespace", is_open=is_open)
        case GroupBy.CHANGE:
            return Group(key, _CHANGES[key[0]], is_open=is_open)
    check = CHECKS[key[2]]
    return Group(key, check.title, check.severity, check.id, is_open=is_open)


def in_order(group_by: GroupBy, groups: Iterable[Group]) -> list[Group]:
    """Groups as they stand below one another: the worst first, the fullest first, or as they were met."""
    ordered = list(groups)
    match group_by:
        case GroupBy.ACTOR | GroupBy.NAMESPACE:
            if len(ordered) <= _SORTED:
                ordered.sort(key=lambda group: -len(group.rows))
        case GroupBy.CHANGE:
            ordered.sort(key=lambda group: list(_CHANGES).index(group.key[0]))
        case _:
            ordered.sort(key=lambda group: group.key)
    return ordered
