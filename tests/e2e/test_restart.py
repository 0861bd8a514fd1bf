"""The real program: a second start hands over, what was open survives a kill, the end leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aether_desktop.folders import socket_address, state_folder
from aether_desktop.settings import default_path
from aether_engine.urls import sqlite_url
from tests.e2e.real_window import PROMPT, ROOT, aether
from tests.waiting import until_sync

_PATIENCE = 30


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "aether_desktop", *arguments]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    try:
        until_sync(lambda: Path(socket_address()).exists(), _PATIENCE, "the window listens")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PROMPT)


def tabs() -> list[str]:
    """The titles of the tabs that are kept."""
    path = default_path().with_name("session.json")
    kept: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    return [tab["title"] for tab in kept.get("tabs", [])]


def handed_over(*arguments: str) -> int:
    command = [sys.executable, "-m", "aether_desktop", *arguments]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=_PATIENCE, check=False)
    return done.returncode


def test_one_window_that_comes_back(tmp_path: Path, permits_extract: Path) -> None:
    file = tmp_path / "permits.aether"
    assert aether("import", file, permits_extract, "--namespace", "permits").code == 0
    link = f"aether://open?url={sqlite_url(file)}&namespace=permits&actor=permit-891"
    marker = default_path().with_name("running")
    with started(str(file)) as first:
        assert handed_over(link) == 0
        until_sync(lambda: tabs() == ["Log permits", "permit-891"], _PATIENCE, "what was handed over is kept")
        assert first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.wait(PROMPT)
    assert Path(socket_address()).exists(), "it had no time to take it away"
    assert marker.read_text().startswith("running ")

    with started() as second:
        until_sync(lambda: marker.read_text().startswith(f"running {second.pid}"), _PATIENCE, "all is back")
        assert handed_over() == 0
        second.send_signal(signal.SIGTERM)
        assert second.wait(_PATIENCE) == 0
    assert tabs() == ["Log permits", "permit-891"]
    assert not marker.exists()
    assert not Path(socket_address()).exists()
    said = (state_folder() / "aether-desktop.log").read_text()
    assert said.count(": started") == 2
    assert "permit-891" not in said
