"""A thousand namespaces on a server come and go, again and again, while navigator and wildcard tail look on.

`AETHER_SOAK=1` runs it, and prints what it used as a table. With forty `tests/desktop/test_tail_restart.py` does
it always.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.nats_servers import nats_server
from tests.soak.memory_curve import GROWTH
from tests.soak.test_window_soak import ROOT

pytestmark = pytest.mark.skipif("AETHER_SOAK" not in os.environ, reason="AETHER_SOAK is not set")

TURNS: Final = 5
NAMESPACES: Final = 1000
#: Tasks and handles that one turn may have more than another.
_SLACK: Final = 6


def table(turns: list[dict[str, Any]]) -> str:
    """A line for each turn."""
    head = (
        "turn | shown after s | gone after s | memory MB | handles | tasks | idle % | worked p99 ms | late p99 ms"
    )
    lines = [head, "---|---:|---:|---:|---:|---:|---:|---:|---:"]
    for turn in turns:
        times = f"{turn['making'] + turn['behind']:.1f} | {turn['deleting'] + turn['behind_deleting']:.1f}"
        used = f"{turn['resident']:.0f} | {turn['handles']} | {turn['tasks']} | {100 * turn['idle_cpu']:.0f}"
        late = f"{turn['worked'] * 1000:.1f} | {turn['late'] * 1000:.1f}"
        lines.append(f"{turn['turn'] + 1} | {times} | {used} | {late}")
    return "\n".join(lines)


def test_namespaces_come_and_go_by_the_thousand(tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    with nats_server() as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.soak.namespaces_driver"),
                *(str(tmp_path), server.url, str(TURNS), str(NAMESPACES)),
            ],
            cwd=ROOT,
            env=environment | {"QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            timeout=900,
            check=False,
        )
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    print(f"\n{table(turns)}")
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert [turn["received"] for turn in turns] == [NAMESPACES * (turn + 1) for turn in range(TURNS)]
    assert all(turn["adds_up"] and turn["running"] and not turn["dropped"] for turn in turns)
    first, last = turns[1], turns[-1]
    assert last["tasks"] <= first["tasks"] + _SLACK
    assert last["handles"] <= first["handles"] + _SLACK
    growth = last["resident"] / first["resident"]
    print(f"memory behind the second turn: {100 * (growth - 1):+.1f} %")
    assert growth <= GROWTH, f"memory grew by {100 * (growth - 1):.1f} %"
