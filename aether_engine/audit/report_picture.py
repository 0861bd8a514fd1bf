"""The findings of a report as a picture: over time and by actor, as SVG that needs nothing beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from aether_engine.audit.checks import Severity
from aether_engine.audit.finding import Finding
from aether_engine.audit.report_text import escaped

_WIDTH: Final = 760
_BARS: Final = 48
_HEIGHT: Final = 120
_ACTORS: Final = 12
_ROW: Final = 20
_LABEL: Final = 220
COLOURS: Final = {Severity.ERROR: "#8c1a0f", Severity.WARNING: "#b27a00", Severity.NOTE: "#5b6b7b"}


def picture_over_time(findings: Sequence[Finding]) -> str:
    """How many findings there are in each of a few dozen spans of time; empty without any that has a time."""
    timed = [(one.recorded_at, one.severity, one.count) for one in findings if one.recorded_at is not None]
    if not timed:
        return ""
    first, last = min(one[0] for one in timed), max(one[0] for one in timed)
    span = max(last - first, timedelta(seconds=1)) / _BARS
    spans: list[Counter[Severity]] = [Counter() for _ in range(_BARS)]
    for moment, severity, count in timed:
        spans[min(int((moment - first) / span), _BARS - 1)][severity] += count
    highest = max(sum(one.values()) for one in spans)
    width = _WIDTH / _BARS
    parts: list[str] = []
    for index, counts in enumerate(spans):
        y = float(_HEIGHT)
        title = f"{_text(first + index * span)}: {sum(counts.values()):,}"
        for severity in Severity:
            height = counts[severity] / highest * (_HEIGHT - 16)
            if height:
                y -= height
                parts.append(
                    f'<rect x="{index * width + 1:.1f}" y="{y:.1f}" width="{width - 2:.1f}" height="{height:.1f}" '
                    f'fill="{COLOURS[severity]}"><title>{title}</title></rect>'
                )
    axis = f'<line x1="0" y1="{_HEIGHT}" x2="{_WIDTH}" y2="{_HEIGHT}" stroke="#8a8f98"/>'
    labels = (
        f'<text x="0" y="{_HEIGHT + 16}">{_text(first)}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 16}" text-anchor="end">{_text(last)}</text>'
        f'<text x="0" y="11">{highest:,} at most</text>'
    )
    return _svg(_HEIGHT + 22, "Findings over time", [*parts, axis, labels])


def picture_by_actor(findings: Sequence[Finding]) -> str:
    """The actors with the most findings; empty where no finding has an actor."""
    counts: dict[tuple[str, str], Counter[Severity]] = {}
    for one in findings:
        if one.actor_id:
            counts.setdefault((one.namespace, one.actor_id), Counter())[one.severity] += one.count
    if not counts:
        return ""
    ranked = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    shown, rest = ranked[:_ACTORS], ranked[_ACTORS:]
    highest = sum(shown[0][1].values())
    scale = (_WIDTH - _LABEL - 60) / highest
    parts: list[str] = []
    for row, ((_, actor), by_severity) in enumerate(shown):
        y = row * _ROW
        name = actor if len(actor) <= 30 else f"{actor[:29]}…"
        parts.append(f'<text x="{_LABEL - 8}" y="{y + 14}" text-anchor="end">{escaped(name)}</text>')
        x = float(_LABEL)
        for severity in Severity:
            width = by_severity[severity] * scale
            if width:
                parts.append(
                    f'<rect x="{x:.1f}" y="{y + 3}" width="{max(width, 1):.1f}" height="14" '
                    f'fill="{COLOURS[severity]}"/>'
                )
                x += width
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 14}">{sum(by_severity.values()):,}</text>')
    height = len(shown) * _ROW + 4
    if rest:
        more = sum(sum(one.values()) for _, one in rest)
        parts.append(f'<text x="{_LABEL}" y="{height + 12}">and {len(rest):,} more actors with {more:,}</text>')
        height += 18
    return _svg(height, "Findings by actor", parts)


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}" role="img" aria-label="{title}">{"".join(parts)}</svg>'
    )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
