"""What a start says of the one before, and of settings it could not take up."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PySide6.QtWidgets import QPushButton

from aether_desktop.app import NOTHING_ASKED, open_asked
from aether_desktop.start_marker import StartMarker
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.window.window_run import Run
from tests.desktop.driven_window import DrivenWindow, driven
from tests.desktop.state_stories import ACTOR, story_on
from tests.waiting import until


@asynccontextmanager
async def run_of(folder: Path, **asked: object) -> AsyncIterator[DrivenWindow]:
    """A start over the settings in `folder`, come to the point where everything is in the window."""
    marker = StartMarker(folder / "running")
    marker.start()
    async with driven(folder / "settings.json") as seen:
        run = Run(seen.window, Namespace(**{**NOTHING_ASKED, **asked}), marker, open_asked, NOTHING_ASKED)
        try:
            assert run.begin()
            await run.open()
            yield seen
        finally:
            await run.stop()
            await seen.window.close_documents()
            run.end()


def press(seen: DrivenWindow, name: str) -> None:
    buttons = {each.accessibleName(): each for each in seen.window.banner.findChildren(QPushButton)}
    buttons[name].click()


async def with_a_session(folder: Path) -> None:
    async with story_on("sqlite", folder) as seen:
        seen.panels.session.keep()


async def test_after_a_crash_the_tabs_are_back_and_can_be_closed_at_once(tmp_path: Path) -> None:
    await with_a_session(tmp_path)
    (tmp_path / "running").write_text("running 1\n")
    async with run_of(tmp_path) as seen:
        assert ACTOR in seen.tabs
        assert seen.banner.startswith("The program did not end properly the last time.")
        press(seen, "Start afresh")
        assert seen.tabs == []
        await seen.settle()
    assert not (tmp_path / "running").exists()
    async with run_of(tmp_path) as seen:
        assert seen.tabs == []
        assert seen.banner == ""


async def test_after_a_start_that_failed_nothing_is_opened_by_itself(tmp_path: Path) -> None:
    await with_a_session(tmp_path)
    (tmp_path / "running").write_text("starting 1\n")
    async with run_of(tmp_path) as seen:
        assert seen.tabs == []
        assert seen.banner.startswith("The last start did not come to its end.")
        press(seen, "Open it again")
        documents = seen.window.documents
        await until(lambda: isinstance(documents.currentWidget(), EventView), what="the tab in front is back")
        await until(lambda: ACTOR in seen.tabs and seen.row_sequence > 0, what="with its events")
        await seen.settle()


async def test_what_could_not_be_taken_up_is_said(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    (tmp_path / "session.json").write_text("{")
    async with run_of(tmp_path) as seen:
        assert "Not everything could be taken up." in seen.banner
        assert "settings.damaged.json" in seen.banner
        assert "session.damaged.json" in seen.banner
    assert (tmp_path / "settings.damaged.json").read_text() == "{"


async def test_a_safe_start_leaves_the_session_as_it_is(tmp_path: Path) -> None:
    await with_a_session(tmp_path)
    before = (tmp_path / "session.json").read_bytes()
    async with run_of(tmp_path, safe=True) as seen:
        assert seen.tabs == []
        assert seen.window.welcome.isVisible()
    assert (tmp_path / "session.json").read_bytes() == before
