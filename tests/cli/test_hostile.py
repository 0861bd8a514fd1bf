"""Hostile events through the commands: lines of JSON with the bytes as stored, and messages that hide nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from aether_desktop.ui.widgets.safe_text import visible
from aether_engine.engine import open_engine, sqlite_url
from tests.cli.conftest import Aether
from tests.hostile import hostile_events


def test_hostile_events_stay_data(aether: Aether, tmp_path: Path) -> None:
    path, copy, exported = (tmp_path / name for name in ("hostile.aether", "copy.aether", "hostile.ndjson"))
    events = hostile_events()

    async def fill() -> None:
        async with open_engine(sqlite_url(path), synchronous="OFF") as engine:
            await (await engine.store("hostile")).save_events(events)

    asyncio.run(fill())
    asked = ("--namespace", "hostile")
    runs = [
        aether("namespaces", path),
        aether("actors", path, *asked),
        aether("events", path, *asked),
        aether("tail", path, *asked, "--after-sequence", 0, "--limit", len(events)),
        aether("state", path, *asked, "--actor", events[0].actor_id),
        aether("state", path, *asked, "--actor", events[4].actor_id),
        aether("audit", path),
        aether("export", path, exported, *asked),
        aether("import", copy, exported, *asked),
        aether("events", path, *asked, "--filter", "type:<b>\u202e\x1b[31m"),
        aether("state", path, *asked, "--actor", "none\u202e\x1b[31m<b>"),
    ]
    for run in runs:
        assert visible(run.err, keep_lines=True) == run.err, "a message hides something"
        assert "Traceback" not in run.err
        assert max(map(len, run.err.splitlines()), default=0) < 5000
        for line in run.lines:
            json.loads(line)
            assert not any(byte < 0x20 for byte in line), "a line moves the terminal's cursor"
    assert len(runs[2].lines) == len(runs[3].lines) == len(events)
    assert exported.read_bytes().splitlines() == [event.to_json() for event in events]
    assert runs[-1].code != 0
