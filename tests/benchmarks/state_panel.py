"""The window over a stream of 100,000 events: any version at once, and a reducer that never returns."""

from __future__ import annotations

from statistics import quantiles

from tests.benchmarks.driven import measured_by
from tests.benchmarks.table import Row

_FRAME = 16.0
_LATENCY = 33.0


def run(quick: bool) -> list[Row]:
    """Measure, in a process of its own; times in milliseconds."""
    count, moves = (20_000, 300) if quick else (100_000, 1_000)
    measured = measured_by("state", count, moves)
    moved, stuck = (_p99(measured[name]) * 1000 for name in ("moved", "stuck"))
    folding = _p99(measured["folding"]) * 1000
    frame, latency = "a frame of a window", "two frames of a window"
    return [
        Row(
            f"slider in the window, painted, {count:,} events, p99",
            moved,
            "ms",
            frame,
            _FRAME,
            moved / _FRAME,
            "≤ 1",
        ),
        Row("loop latency, all folded anew, p99", folding, "ms", latency, _LATENCY, folding / _LATENCY, "≤ 1"),
        Row("loop latency, a reducer never returns, p99", stuck, "ms", latency, _LATENCY, stuck / _LATENCY, "≤ 1"),
    ]


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100)[98]
