"""A log in which each event has a type of its own, more than are counted one by one; a million in `tests/soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from aether_desktop.models.log_timeline import LogTimelineController
from aether_desktop.models.timeline_words import other_types_text
from tests.desktop.driven_window import driven
from tests.soak.test_types_soak import fill
from tests.soak.types_driver import Steps
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

TYPES = 12_000


async def test_more_types_than_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "types.aether"
    await fill(path, TYPES)
    async with driven(tmp_path / "settings.json") as seen:
        await Steps(seen.window, TYPES).take(path)
        await until(lambda: not seen.panels.desk.busy)
        [timeline] = seen.window.findChildren(LogTimelineController)
        bars = timeline.bars(50)
        assert bars.total == TYPES
        assert "more than" in other_types_text(bars), "how many there are is not known"
    assert len(capsys.readouterr().out.splitlines()) == 11
