"""The range of time in a filter's text: read from its `since:` and `before:` terms, and written there."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from aether_desktop.models.timeline.time_axis import filter_time

#: A range of time in milliseconds since 1970, `[start, end)`; None: open at that side.
TimeSpan = tuple[int | None, int | None]


def moment_of(text: str) -> datetime:
    """The time that is typed as in filters: a date, a time, or a duration back from now; UTC without an offset.

    Raises `ValueError` with a sentence.
    """
    from aether_engine.query import parse_filter
    from aether_engine.query.conditions import TimestampIs

    # The filters' own reading of times: what one can type there is understood here too.
    text = re.sub(r"(?<=\d)\s+(?=\d)", "T", text.strip(), count=1)
    found = parse_filter(f"since:{text}", now=datetime.now(UTC))
    if found.is_valid and len(found.terms) == 1 and isinstance(found.terms[0].condition, TimestampIs):
        ranges = found.terms[0].condition.ranges
        if len(ranges) == 1 and ranges[0].low is not None:
            return ranges[0].low.time
    raise ValueError("That is no time: type 15m, 2d, 2026-01-31 or 2026-01-31 12:00.")


def time_range_of(text: str) -> TimeSpan | None:
    """The range that all `since:` and `before:` terms of `text` leave; None without any."""
    from aether_engine.moments import milliseconds
    from aether_engine.query import parse_filter
    from aether_engine.query.conditions import TimestampIs

    start: int | None = None
    end: int | None = None
    found = False
    for term in parse_filter(text).terms:
        # Alternatives and negated terms leave no single range.
        if term.is_negated or not isinstance(term.condition, TimestampIs) or len(term.condition.ranges) != 1:
            continue
        found = True
        (only,) = term.condition.ranges
        if only.low is not None:
            low = milliseconds(only.low.time)
            start = low if start is None else max(start, low)
        if only.high is not None:
            high = milliseconds(only.high.time)
            end = high if end is None else min(end, high)
    return (start, end) if found else None


def with_time_range(text: str, span: TimeSpan | None) -> str:
    """`text` with its `since:` and `before:` terms replaced by those of `span`; all else stays as it was typed."""
    from aether_engine.query.conditions import TimestampIs

    start, end = span or (None, None)
    terms = [f"since:{filter_time(start)}"] if start is not None else []
    if end is not None:
        terms.append(f"before:{filter_time(end)}")
    return " ".join([*_without(text, TimestampIs), *terms])


def version_range_of(text: str) -> bool:
    """Whether `text` has a `version:` term."""
    from aether_engine.query import parse_filter
    from aether_engine.query.conditions import VersionIs

    return any(isinstance(term.condition, VersionIs) for term in parse_filter(text).terms)


def with_version_range(text: str, span: tuple[int, int] | None) -> str:
    """`text` with its `version:` terms replaced by one for the versions of `span`, both included."""
    from aether_engine.query.conditions import VersionIs

    terms = (
        [] if span is None else [f"version:{span[0]}..{span[1]}" if span[0] < span[1] else f"version:{span[0]}"]
    )
    return " ".join([*_without(text, VersionIs), *terms])


def _without(text: str, kind: type) -> list[str]:
    """The parts of `text` between its terms of a kind; those that are negated stay."""
    from aether_engine.query import parse_filter

    kept: list[str] = []
    place = 0
    for term in parse_filter(text).terms:
        if not term.is_negated and isinstance(term.condition, kind):
            kept.append(text[place : term.start].strip())
            place = term.end
    kept.append(text[place:].strip())
    return [part for part in kept if part]
