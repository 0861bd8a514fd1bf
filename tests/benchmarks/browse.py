"""The window over a log of ten million events beside one of ten thousand, and a search among a million actors."""

from __future__ import annotations

from statistics import median, quantiles

from tests.benchmarks.driven import measured_by
from tests.benchmarks.generate import cached_file
from tests.benchmarks.table import Row

_SMALL = (10_000, 1_000)


def run(quick: bool) -> list[Row]:
    """Measure, in processes of their own; a paint after a jump in milliseconds against what is asked for."""
    small = cached_file(*_SMALL)
    events, actors = (1_000_000, 100_000) if quick else (10_000_000, 1_000_000)
    large = cached_file(events, actors)
    opened = measured_by("browse", "open", small, large, 3 if quick else 9)
    ours, theirs = median(opened["large"]) * 1000, median(opened["small"]) * 1000
    jumps = 200 if quick else 1000
    few, many = measured_by("browse", "jump", small, jumps), measured_by("browse", "jump", large, jumps)
    painted, filled = _p99(many["painted"]) * 1000, _p99(many["filled"]) * 1000
    found = measured_by("browse", "search", large, 140 if quick else 700, actors)
    search, plain = _p99(found["ours"]) * 1000, _p99(found["theirs"]) * 1000
    return [
        Row(f"open {events:,} events to first page", ours, "ms", "10,000 events", theirs, ours / theirs, "≤ 1.5"),
        Row(
            f"memory after {jumps:,} jumps, {events:,}",
            many["resident"],
            "MB",
            "10,000 events",
            few["resident"],
            many["resident"] - few["resident"],
            "≤ 60",
        ),
        Row("paint after a jump, p99", painted, "ms", "a thirtieth of a second", 33, painted / 33, "≤ 1"),
        Row("page filled after a jump, p99", filled, "ms", "a tenth of a second", 100, filled / 100, "≤ 1"),
        Row(f"search {actors:,} actors, p99", search, "ms", "plain indexed SQL", plain, search / plain, "≤ 2"),
        Row(
            f"search {actors:,} actors, median",
            median(found["ours"]) * 1000,
            "ms",
            "plain indexed SQL",
            median(found["theirs"]) * 1000,
            median(found["ours"]) / median(found["theirs"]),
            "",
        ),
    ]


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]
