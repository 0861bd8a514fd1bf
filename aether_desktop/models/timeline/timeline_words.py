"""What a timeline says in words and numbers: in its title, in a tooltip, to a screen reader."""

from __future__ import annotations

from aether_desktop.models.timeline.time_axis import range_text, time_text, width_text
from aether_desktop.numbers import number_text
from aether_engine.time_bars import Bar, Bars, Outliers


def events_text(count: int) -> str:
    """So many events."""
    return f"{number_text(count)} {'event' if count == 1 else 'events'}"


def bars_title(
    bars: Bars, *, is_exact: bool, counted: int, hits: int = 0, hits_are_exact: bool = True, known_damage: int = 0
) -> str:
    """The line beside the title: how many events, how wide a bar, what is outside or only estimated.

    `hits` of a filter are known exactly also while their bars are not; `known_damage` are damaged events that were
    found otherwise than by counting.
    """
    parts = [events_text(bars.total) if is_exact else f"About {events_text(bars.total)}"]
    if bars.has_hits:
        parts.append(f"{number_text(hits)} match{'' if hits_are_exact else ' (their bars are an estimate)'}")
    if bars.bars:
        parts.append(f"one bar per {width_text(bars.width).removeprefix('1 ')}")
    outside = sum(each.count for each in (bars.before, bars.behind) if each is not None)
    if outside:
        parts.append(f"{number_text(outside)} far outside")
    if bars.damaged + known_damage:
        parts.append(f"{number_text(bars.damaged + known_damage)} damaged")
    if bars.untimed:
        parts.append(f"{number_text(bars.untimed)} of these without a time")
    if not is_exact:
        parts.append(f"estimate, {number_text(counted)} counted" if counted else "estimate")
    return ", ".join(parts)


def bar_words(bars: Bars, bar: Bar, *, is_estimate: bool, known_damage: int = 0) -> str:
    """What one bar holds, line by line: when, how many, of which types, and what matches a filter."""
    lines = [range_text(bar.start, bar.end, bars.width)]
    total = events_text(bar.total)
    lines.append(f"about {total} (estimate)" if is_estimate else total)
    if bars.has_hits:
        lines.append(f"{number_text(bar.hit_total)} match the filter")
    counts, damaged = (bar.hits, bar.damaged_hits) if bars.has_hits else (bar.counts, bar.damaged)
    lines += [
        f"{number_text(count)} {name}"
        for name, count in zip((*bars.types, other_types_text(bars)), counts, strict=True)
        if count
    ]
    if damaged + known_damage:
        lines.append(f"{number_text(damaged + known_damage)} damaged")
    return "\n".join(lines)


def other_types_text(bars: Bars) -> str:
    """What the types that are not told apart are called."""
    if bars.has_more_types:
        return f"of more than {number_text(bars.other_types)} other types"
    if bars.other_types == 1:
        return "of 1 other type"
    return f"of {number_text(bars.other_types)} other types" if bars.other_types else "other"


def range_words(bars: Bars, first: int, last: int) -> str:
    """What the bars from the first to the last hold together."""
    chosen = bars.bars[first : last + 1]
    when = range_text(chosen[0].start, chosen[-1].end, bars.width)
    words = f"{when}: {events_text(sum(bar.total for bar in chosen))}"
    if bars.has_hits:
        words += f", {number_text(sum(bar.hit_total for bar in chosen))} match"
    return words


def outlier_words(outliers: Outliers, width: int, *, before: bool) -> str:
    """What lies far before or behind the bars."""
    side = "before" if before else "after"
    nearest = time_text(outliers.start, max(width, 1))
    verb = "is" if outliers.count == 1 else "are"
    return f"{events_text(outliers.count)} {verb} far {side} these, the nearest at {nearest} UTC"


def summary(bars: Bars, title: str) -> str:
    """All of it in a few sentences, for those who cannot see it."""
    if not bars.bars:
        return f"{title}."
    first, last = bars.bars[0], bars.bars[-1]
    peak = max(bars.bars, key=lambda bar: bar.total)
    sentences = [
        f"{title}, from {range_text(first.start, last.end, bars.width)}.",
        f"The most in one bar are {number_text(peak.total)}, {range_text(peak.start, peak.end, bars.width)}.",
    ]
    totals = [sum(bar.counts[index] for bar in bars.bars) for index in range(len(bars.types))]
    named = ", ".join(f"{name} {number_text(count)}" for name, count in zip(bars.types, totals, strict=True))
    if named:
        sentences.append(f"Most frequent: {named}.")
    if bars.damaged:
        sentences.append(f"{events_text(bars.damaged)} damaged.")
    return " ".join(sentences)
