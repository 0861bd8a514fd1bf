"""One event of 30 MB, and one nested 900 levels deep, in the window: how late the main loop is meanwhile.

The 99th percentile of the lateness of a timer that fires every five milliseconds, while an event is selected and
read, opened, scrolled, shown as text and bytes, compared with the one before, and copied; the longest beside it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import quantiles
from typing import Any

from tests.benchmarks.table import Row

_FRAME = 33.0
_WORDS = {
    "many": "30 MB of small values",
    "text": "30 MB of text",
    "deep": "900 levels",
}


def run(quick: bool) -> list[Row]:
    """Measure, in a process of its own; milliseconds."""
    found: dict[str, dict[str, list[float]]] = _drive(3 if quick else 30)
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


def _drive(megabytes: int) -> Any:
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        environment = os.environ | {"HOME": home, "XDG_CONFIG_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.inspect_driver", str(megabytes)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=900,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])
