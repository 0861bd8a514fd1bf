"""One event of 30 MB, and one nested 900 levels deep, in the window: how late the main loop is meanwhile.

The 99th percentile of the lateness of a timer that fires every five milliseconds, while an event is selected and
read, opened, scrolled, shown as text and bytes, compared with the one before, and copied; the longest beside it.
"""

from __future__ import annotations

from statistics import quantiles

from tests.benchmarks.driven import measured_by
from tests.benchmarks.table import Row

_FRAME = 33.0
_WORDS = {
    "many": "30 MB of small values",
    "text": "30 MB of text",
    "deep": "900 levels",
}


def run(quick: bool) -> list[Row]:
    """Measure, in a process of its own; milliseconds."""
    found: dict[str, dict[str, list[float]]] = measured_by("inspect", 3 if quick else 30)
    rows: list[Row] = []
    for kind, steps in found.items():
        words = _WORDS[kind]
        late = [each for values in steps.values() for each in values]
        p99 = quantiles(late, n=100)[98]
        rows.append(Row(f"{words}: loop latency, p99", p99, "ms", "a frame", _FRAME, p99 / _FRAME, "≤ 1"))
        for step, values in steps.items():
            longest = max(values)
            rows.append(Row(f"{words}, {step}: longest", longest, "ms", "a frame", _FRAME, longest / _FRAME, ""))
    return rows
