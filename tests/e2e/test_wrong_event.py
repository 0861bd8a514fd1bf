"""The one wrong event among five thousand, found with the keyboard in the real program: bisect, then blame."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.real_window import PATIENCE, RealWindow, Screen, aether
from tests.e2e.real_window import real_window as opened
from tests.e2e.test_real_window import MAIN, screen
from tests.waiting import until_sync

__all__ = ["screen"]

ACTOR, NAMESPACE = "account-7", "bank"
COUNT, WRONG = 5_000, 3_217
_CLIPBOARD = "from PySide6.QtGui import QGuiApplication as A; a = A([]); print(a.clipboard().text())"


def write_stream(path: Path) -> None:
    """Lines of JSON: an account of which one event, among many, changes the limit to what nobody can have."""
    with path.open("w") as out:
        for version in range(1, COUNT + 1):
            data: dict[str, Any] = {"step": version}
            if version == 1:
                data |= {"limit": 500, "owner": {"name": "Ada"}}
            if version == WRONG:
                data["limit"] = -1
            event = {
                "id": f"e{version}",
                "eventType": "LimitChanged" if version in (1, WRONG) else "Booked",
                "actorId": ACTOR,
                "version": version,
                "data": data,
                "timestamp": "2026-03-01T12:00:00Z",
            }
            out.write(f"{json.dumps(event)}\n")


def selected(window: RealWindow) -> str:
    """The id of the selected event, as a link to it has it."""
    window.keys("ctrl+shift+c")
    environment = {**window.screen.environment, "QT_QPA_PLATFORM": "xcb"}
    read = subprocess.run(
        [sys.executable, "-c", _CLIPBOARD], capture_output=True, env=environment, timeout=30, check=False
    )
    return read.stdout.decode().strip().rpartition("&id=")[2]


def wait_for_event(window: RealWindow, event_id: str, what: str) -> None:
    until_sync(lambda: selected(window) == event_id, PATIENCE, what)


def run_command(window: RealWindow, words: str) -> None:
    """Choose a command in the palette."""
    window.keys("ctrl+shift+p")
    window.type(words)
    window.keys("Return")
    window.wait_for(MAIN)


def test_bisect_and_blame_find_the_wrong_event(screen: Screen, tmp_path: Path) -> None:
    write_stream(tmp_path / "account.ndjson")
    path = tmp_path / "bank.aether"
    assert aether("import", path, tmp_path / "account.ndjson", "--namespace", NAMESPACE).code == 0
    with opened(screen, tmp_path, path, "--read-only", "--namespace", NAMESPACE, "--actor", ACTOR) as window:
        window.wait_for(f"{ACTOR} – {NAMESPACE} – bank.aether {MAIN}")
        wait_for_event(window, f"e{COUNT}", "the actor's last event is selected")

        # When did it become so?
        window.keys("ctrl+b")
        window.type("limit < 0")
        window.keys("Return")
        wait_for_event(window, f"e{WRONG}", "bisect leads to the wrong event")

        # Who set it? In the list of values the limit stands behind the step.
        window.keys("Escape")
        run_command(window, "last version")
        wait_for_event(window, f"e{COUNT}", "the last version again")
        window.keys("ctrl+shift+l", "Home", "Down", "Return")
        wait_for_event(window, f"e{WRONG}", "blame leads to the wrong event")

        window.close()
        assert window.exit_code() == 0
        assert window.said() == ""
