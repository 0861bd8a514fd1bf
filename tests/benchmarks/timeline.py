"""The timeline of ten million events in the window: how soon there is an estimate, how fast all is counted."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from statistics import median
from time import perf_counter

from tests.benchmarks.driven import measured_by
from tests.benchmarks.generate import cached_file
from tests.benchmarks.table import Row, interleaved

#: What one would write by hand for the same bars.
_BY_HAND = (
    "SELECT event_type, substr(json_extract(CAST(raw AS TEXT), '$.timestamp'), 1, 16), count(*) "
    "FROM events GROUP BY 1, 2"
)
#: The least one can ask: how many there are of each type, at whatever time.
_LEAST = "SELECT event_type, count(*) FROM events GROUP BY event_type"


def run(quick: bool) -> list[Row]:
    """Measure, the window in processes of its own."""
    count, actors = (1_000_000, 100_000) if quick else (10_000_000, 1_000_000)
    path = cached_file(count, actors)
    measured: list[dict[str, float]] = []

    def window() -> float:
        measured.append(measured_by("timeline", path))
        return measured[-1]["whole"]

    whole, by_hand, least = interleaved(
        1 if quick else 3, window, lambda: _query(path, _BY_HAND), lambda: _query(path, _LEAST)
    )
    page, first, p99, grown = (median(each[key] for each in measured) for key in ("page", "first", "p99", "grown"))
    name, late = f"timeline of {count:,}", p99 * 1000
    return [
        Row(f"{name}: estimate drawn after opening", first * 1000, "ms", "first page", page * 1000,
            first / page, ""),
        Row(f"{name}: all counted", count / whole, "events/s", "GROUP BY of json_extract", count / by_hand,
            by_hand / whole, "≥ 1"),
        Row(f"{name}: all counted", count / whole, "events/s", "GROUP BY event_type alone", count / least,
            least / whole, ""),
        Row(f"{name}: loop's latency meanwhile, p99", late, "ms", "a thirtieth of a second", 33, late / 33, "≤ 1"),
        Row(f"{name}: memory for it", grown, "MB", "", 30, grown / 30, "≤ 1"),
    ]  # fmt: skip


def _query(path: Path, sql: str) -> float:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        began = perf_counter()
        connection.execute(sql).fetchall()
        return perf_counter() - began
    finally:
        connection.close()
