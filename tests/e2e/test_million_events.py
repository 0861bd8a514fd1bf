"""A file of a million events in a real window: find an actor, filter, jump, inspect and copy."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.generate import actor_name, generate
from tests.e2e.real_window import MissingProgramsError, RealWindow, Screen, private_screen, real_window
from tests.waiting import until_sync

EVENTS, ACTORS = 1_000_000, 50_000
ACTOR = actor_name(31_234)
FILE = "million.aether"
MAIN = f"benchmark – {FILE} – Aether Desktop"


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    try:
        with private_screen() as made:
            yield made
    except MissingProgramsError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / FILE
    generate(path, EVENTS, ACTORS)
    return path


def stored(file: Path, sequence: int) -> bytes:
    """The bytes of an event, read past everything that is tested."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(
            "SELECT raw FROM events WHERE position & 0xffffffffff = ?", (sequence,)
        ).fetchone()
    assert isinstance(row[0], bytes)
    return row[0]


def copied(window: RealWindow, *keys: str) -> Any:
    """What Ctrl+C puts on the clipboard after `keys`."""
    window.keys(*keys, "ctrl+c")
    try:
        return json.loads(window.clipboard())
    except ValueError:
        return None


def wait_for_copy(window: RealWindow, expected: Any, what: str, *keys: str) -> None:
    """Press `keys` and copy until it is what is expected."""
    until_sync(lambda: copied(window, *keys) == expected, 30, what)


def test_search_filter_jump_inspect_copy(screen: Screen, file: Path, tmp_path: Path) -> None:
    with real_window(screen, tmp_path, "--read-only", file) as window:
        window.wait_for(MAIN)

        # Search: the stream of one of fifty thousand actors, at its last event.
        window.keys("ctrl+p")
        window.type(ACTOR)
        window.keys("Return")
        window.wait_for(f"{ACTOR} – benchmark")
        last = EVENTS - ACTORS + 31_234 + 1
        wait_for_copy(window, json.loads(stored(file, last)), "the last event of the actor")

        # Filter: ten events of a million, those that hold the number.
        window.keys("ctrl+w")
        window.wait_until_gone(f"{ACTOR} – benchmark")
        window.wait_for(MAIN)
        window.keys("ctrl+f")
        window.type("type:OrderPaid,OrderPlaced data.amount:71526")
        window.keys("Return", "Escape")
        hits = range(71_527, EVENTS, 100_000)
        wait_for_copy(window, json.loads(stored(file, hits[-1])), "the last hit", "End")
        wait_for_copy(window, json.loads(stored(file, hits[0])), "the first hit", "Home")

        # Jump: to one of them by its sequence, and on to the next, which is the next hit.
        window.keys("ctrl+g")
        window.wait_for("Go to")
        window.type(str(hits[6]))
        window.keys("Return")
        window.wait_until_gone("Go to")
        window.wait_for(MAIN)
        wait_for_copy(window, json.loads(stored(file, hits[6])), "the hit that was gone to")
        window.keys("F8")
        wait_for_copy(window, json.loads(stored(file, hits[7])), "the next hit")

        # Inspect: the tree of the same event, down to the value that was looked for; and copy it.
        event = json.loads(stored(file, hits[7]))
        window.keys("F6", "F6")
        down = list(event).index("data") + list(event["data"]).index("amount") + 1
        wait_for_copy(window, 71_526, "the value in the tree", "Home", *["Down"] * down)

        window.close()
        assert window.exit_code() == 0
        assert window.said() == ""
