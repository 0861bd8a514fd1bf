"""The timeline in the window: it counts what the store holds, goes there, filters, and follows."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QToolButton

from aether_desktop.models.events.event_table import Column
from aether_desktop.models.timeline import log_timeline
from aether_desktop.ui.timeline.bars_drawing import BarsDrawing
from aether_desktop.ui.timeline.steps_drawing import StepsDrawing
from aether_desktop.ui.timeline.timeline import Timeline
from aether_desktop.ui.timeline.timeline_pane import TimelinePane
from aether_engine import timeline as timeline_module
from aether_engine.engine import open_engine, sqlite_url
from aether_engine.event import ActorSnapshot, Event
from aether_engine.time_bars import Bars
from tests.desktop.driven_window import NAMESPACE, DrivenWindow, driven, driven_file, save_elsewhere
from tests.nats_servers import NatsServer, nats_server
from tests.waiting import until

START = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


def event_at(number: int, *, kind: str = "", actor: int | None = None, version: int = 1) -> Event:
    """Event `number` of one an hour, of one actor each if none is given."""
    return Event(
        f"e-{number}",
        kind or ("Placed" if number % 4 else "Paid"),
        f"order-{number if actor is None else actor}",
        version,
        {"number": number},
        timestamp=START + timedelta(hours=number),
    )


async def fill(url: str, count: int) -> None:
    async with open_engine(url) as engine:
        store = await engine.store(NAMESPACE)
        for start in range(0, count, 1000):
            await store.save_events([event_at(n) for n in range(start, min(start + 1000, count))])


@pytest.fixture
async def seen(tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    """A window over 240 hours of one event each."""
    path = tmp_path / "hours.aether"
    await fill(sqlite_url(path), 240)
    async with driven_file(path) as window:
        await drawn(window)
        yield window


def pane(seen: DrivenWindow) -> TimelinePane:
    found = seen.panels.timelines.timeline_of(seen.view)
    assert found is not None
    return found


def plot(seen: DrivenWindow) -> Timeline:
    return seen.child(Timeline, "timeline")


def bars(seen: DrivenWindow) -> Bars:
    drawing = plot(seen).drawing
    assert isinstance(drawing, BarsDrawing)
    return drawing.bars


def looked_up(seen: DrivenWindow) -> int:
    """The events of a stream whose types are drawn."""
    drawing = plot(seen).drawing
    return sum(sum(step.counts) for step in drawing.steps) if isinstance(drawing, StepsDrawing) else 0


async def drawn(seen: DrivenWindow) -> None:
    await until(lambda: plot(seen).drawing.places > 0, what="the timeline is drawn")
    await seen.settle()


def middle(seen: DrivenWindow, place: int) -> QPoint:
    return plot(seen).place_rect(place).center().toPoint()


async def drag(seen: DrivenWindow, first: int, last: int) -> None:
    QTest.mousePress(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, first))
    QTest.mouseMove(plot(seen), middle(seen, (first + last) // 2))
    QTest.mouseMove(plot(seen), middle(seen, last))
    QTest.mouseRelease(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, last))
    await seen.settle()


async def test_a_log_lies_in_time(seen: DrivenWindow) -> None:
    shown = bars(seen)
    assert sum(bar.total for bar in shown.bars) == 240
    assert shown.types == ("Placed", "Paid")
    assert pane(seen).title.startswith("240 events, one bar per ")
    assert plot(seen).accessibleName() == f"Timeline of {NAMESPACE}"
    assert "Placed 180, Paid 60" in plot(seen).accessibleDescription()


async def test_a_click_goes_to_the_first_event_of_a_bar(seen: DrivenWindow) -> None:
    place = 7
    first = bars(seen).bars[place].first_sequence
    assert first > 1
    QTest.mouseClick(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, place))
    await seen.at(first)


async def test_dragging_filters_and_escape_takes_it_back(seen: DrivenWindow) -> None:
    shown = bars(seen).bars
    await drag(seen, 3, 6)
    count = sum(bar.total for bar in shown[3:7])
    assert seen.view.filter is not None
    assert seen.view.filter.text.startswith("since:2024-03-0")
    await until(lambda: seen.view.model.total == count, what="the table has the events of the bars")
    await seen.settle()
    await until(lambda: bars(seen).hits == count, what="the hits are counted")
    assert [bar.hit_total for bar in bars(seen).bars] == [
        bar.total if 3 <= place <= 6 else 0 for place, bar in enumerate(shown)
    ]
    assert f"{count} match" in pane(seen).title
    # Another drag replaces the range; everything else in the filter stays.
    seen.view.filter.set_text("type:Placed " + seen.view.filter.text, at_once=True)
    await seen.settle()
    await drag(seen, 0, 1)
    assert seen.view.filter.text.startswith("type:Placed since:2024-03-01 before:")
    assert seen.view.filter.text.count("since:") == 1
    plot(seen).setFocus()
    seen.key(Qt.Key.Key_Escape)
    await seen.settle()
    assert seen.view.filter.text == "type:Placed"
    assert seen.view.model.total == 180


async def test_a_click_in_a_filtered_log_goes_to_the_first_match(seen: DrivenWindow) -> None:
    assert seen.view.filter is not None
    seen.view.filter.set_text("type:Paid", at_once=True)
    await until(lambda: bars(seen).hits == 60, what="the hits are counted")
    bar = bars(seen).bars[2]
    assert bar.first_hit >= bar.first_sequence
    QTest.mouseClick(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, 2))
    await seen.at(bar.first_hit)
    assert seen.cell(seen.view.current_row, Column.EVENT_TYPE) == "Paid"


async def test_of_very_many_hits_the_bars_are_an_estimate(
    seen: DrivenWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_timeline, "HITS_LOOKED_UP", 100)
    monkeypatch.setattr(log_timeline, "HIT_SAMPLE", 60)
    monkeypatch.setattr(log_timeline, "_SOON_LOOKED_UP", 10)
    assert seen.view.filter is not None
    seen.view.filter.set_text("type:Placed", at_once=True)
    await until(lambda: "180 match (their bars are an estimate)" in pane(seen).title, what=pane(seen).title)
    await until(lambda: abs(bars(seen).hits - 180) <= 1, what="as many are drawn")
    assert all(abs(bar.hit_total - bar.total * 3 / 4) <= 4 for bar in bars(seen).bars)
    # Few enough again: each of them.
    seen.view.filter.set_text("type:Paid", at_once=True)
    await until(lambda: "60 match," in pane(seen).title and bars(seen).hits == 60, what="each is looked up")


async def test_counting_rests_while_a_filter_searches(seen: DrivenWindow, tmp_path: Path) -> None:
    controller = seen.panels.timelines._of[seen.view]._controller
    assert controller is not None
    controller.rest(True)
    await save_elsewhere(tmp_path / "hours.aether", event_at(240))
    await until(lambda: seen.view.model.total == 241, what="the table has it")
    await seen.settle()
    assert bars(seen).total == 240
    controller.rest(False)
    await until(lambda: bars(seen).total == 241, what="it goes on")


async def test_it_follows_what_is_stored(seen: DrivenWindow, tmp_path: Path) -> None:
    await save_elsewhere(tmp_path / "hours.aether", *[event_at(n, kind="Late") for n in range(240, 250)])
    await until(lambda: bars(seen).total == 250, what="the new events are counted")
    assert "Late" in bars(seen).types


async def test_keys_reach_it_and_filter(seen: DrivenWindow) -> None:
    seen.table.setFocus()
    seen.run("next_pane")
    assert plot(seen).hasFocus()
    seen.key(Qt.Key.Key_Home)
    seen.key(Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    seen.key(Qt.Key.Key_Return)
    await seen.settle()
    assert seen.view.filter is not None
    assert seen.view.filter.text.startswith("since:2024-03-01 before:")
    seen.run("next_pane")
    assert not plot(seen).hasFocus()


async def test_it_can_be_put_away_and_stays_away(seen: DrivenWindow) -> None:
    seen.child(QToolButton, "", pane(seen)).click()
    assert not pane(seen).isVisible()
    await seen.panels.desk.open_stream(seen.place, "order-7")
    assert not pane(seen).isVisible()
    assert seen.workspace.settings.get("timeline") is False
    seen.run("toggle_timeline")
    assert pane(seen).isVisible()
    await drawn(seen)


async def test_a_stream_lies_in_versions_and_in_time(tmp_path: Path) -> None:
    path = tmp_path / "stream.aether"
    async with open_engine(sqlite_url(path)) as engine:
        store = await engine.store(NAMESPACE)
        versions = [version for version in range(1, 21) if version != 8]
        await store.save_events([event_at(n, actor=1, version=version) for n, version in enumerate(versions)])
        await store.save_snapshot(ActorSnapshot("order-1", 5, {"a": 1}, START))
    async with driven_file(path) as seen:
        place = seen.workspace.place
        assert place is not None
        await seen.panels.desk.open_stream(place, "order-1")
        await drawn(seen)
        drawing = plot(seen).drawing
        assert isinstance(drawing, StepsDrawing)
        await until(
            lambda: pane(seen).title == "19 events, versions 1 to 20, 1 gap, 1 snapshot", what="all is known"
        )
        assert plot(seen).words_at(middle(seen, 7)) == "Version 8 is missing"
        assert "Snapshot v5" in plot(seen).words_at(middle(seen, 4))
        # A click on a version, and on the gap: the event behind it.
        QTest.mouseClick(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, 2))
        await seen.at(3)
        QTest.mouseClick(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, 7))
        await seen.at(8)
        await drag(seen, 9, 12)
        assert seen.view.filter is not None
        assert seen.view.filter.text == "version:10..13"
        assert seen.view.model.total == 4
        await until(lambda: plot(seen).words_at(middle(seen, 0)).endswith("left out by the filter"), what="dimmed")
        by_time = next(link for link in pane(seen).findChildren(QPushButton) if link.text() == "By time")
        by_time.click()
        assert sum(bar.total for bar in bars(seen).bars) == 19


async def test_a_long_stream_is_a_strip_of_several_versions_each(tmp_path: Path) -> None:
    path = tmp_path / "long.aether"
    async with open_engine(sqlite_url(path)) as engine:
        store = await engine.store(NAMESPACE)
        await store.save_events([event_at(n, actor=1, version=n + 1) for n in range(1000)])
    async with driven_file(path) as seen:
        place = seen.workspace.place
        assert place is not None
        await seen.panels.desk.open_stream(place, "order-1")
        await drawn(seen)
        drawing = plot(seen).drawing
        assert isinstance(drawing, StepsDrawing)
        await until(lambda: looked_up(seen) == 1000, what="every event is looked up")
        steps = drawing.steps
        assert 1 < steps[0].events == steps[1].events
        assert [step.first_version for step in steps[:2]] == [1, 1 + steps[0].events]
        QTest.mouseClick(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, 5))
        await seen.at(steps[5].first_version)
        before = plot(seen).drawing
        QTest.mouseClick(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, 7))
        await seen.at(steps[7].first_version)
        after = plot(seen).drawing
        assert isinstance(before, StepsDrawing)
        assert isinstance(after, StepsDrawing)
        assert before is not after
        assert before.steps[7] is after.steps[7], "selecting counts nothing anew"
        await save_elsewhere(path, event_at(1000, actor=1, version=1001))
        await until(lambda: _last_version(seen) == 1001, what="the picture follows the stream")


def _last_version(seen: DrivenWindow) -> int:
    drawing = plot(seen).drawing
    assert isinstance(drawing, StepsDrawing)
    return drawing.steps[-1].last_version


async def test_an_estimate_is_drawn_before_all_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "SHORT", 100)
    monkeypatch.setattr(timeline_module, "READ_WHOLE", 100)
    monkeypatch.setattr(log_timeline, "COUNTING_INTERVAL", 0)
    monkeypatch.setattr(timeline_module, "SAMPLES", (60, 120))
    monkeypatch.setattr(timeline_module, "_LONGEST_STEP", 100)
    path = tmp_path / "many.aether"
    await fill(sqlite_url(path), 2000)
    titles: list[str] = []
    set_title = TimelinePane.set_title

    def note_title(pane: TimelinePane, text: str) -> None:
        titles.append(text)
        set_title(pane, text)

    monkeypatch.setattr(TimelinePane, "set_title", note_title)
    async with driven_file(path) as seen:
        await until(lambda: bool(titles) and titles[-1].startswith("2,000 events"), what="all is counted")
        assert any(title.startswith("About ") and "estimate" in title for title in titles)
        assert any("estimate, " in title and title.endswith(" counted") for title in titles)
        assert sum(bar.total for bar in bars(seen).bars) == 2000


async def test_a_servers_long_log_is_counted_when_asked(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_timeline, "COUNTED_UNASKED", 100)
    monkeypatch.setattr(timeline_module, "SHORT", 100)
    monkeypatch.setattr(timeline_module, "FEWER_SAMPLES", (50,))
    await fill(server.url, 300)
    async with driven(tmp_path / "settings.json") as seen:
        await seen.workspace.open(server.url, read_only=True)
        await seen.settle()
        await drawn(seen)
        assert pane(seen).title.startswith("About ")
        link = next(link for link in pane(seen).findChildren(QPushButton) if link.text() == "Count all")
        assert link.isVisible()
        # A bar of which no event is known for certain is gone to by its time.
        place, bar = next((place, bar) for place, bar in enumerate(bars(seen).bars) if place > 2 and bar.total)
        assert bar.first_sequence == 0
        QTest.mouseClick(plot(seen), Qt.MouseButton.LeftButton, pos=middle(seen, place))
        hours = (bar.start // 1000 - int(START.timestamp())) // 3600
        await seen.at(hours + 1)
        link.click()
        await until(lambda: pane(seen).title.startswith("300 events"), what="all is counted")
        assert not link.isVisible()


@pytest.mark.parametrize("read_whole", [0, 50_000])
async def test_damage_is_marked_where_it_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_whole: int
) -> None:
    """A short log is checked while it is counted; of a long one a filter's checking finds it."""
    monkeypatch.setattr(timeline_module, "READ_WHOLE", read_whole)
    path = tmp_path / "damaged.aether"
    await fill(sqlite_url(path), 240)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE events SET checksum = checksum + 1 WHERE position & 1048575 = 121")
    connection.commit()
    connection.close()
    async with driven_file(path, read_only=True) as seen:
        await drawn(seen)
        assert seen.view.filter is not None
        if not read_whole:
            assert "damaged" not in pane(seen).title
            seen.view.filter.set_text("type:Paid", at_once=True)
        await until(lambda: "1 damaged" in pane(seen).title, what=pane(seen).title)
        seen.view.filter.clear()
        await seen.settle()
        words = [plot(seen).words_at(middle(seen, place)) for place in range(plot(seen).drawing.places)]
        (damaged,) = [text for text in words if text.endswith("\n1 damaged")]
        assert damaged.startswith("2024-03-06")


async def test_an_empty_log_has_an_empty_timeline(tmp_path: Path) -> None:
    async with driven_file(tmp_path / "new.aether") as seen:
        await seen.settle()
        assert plot(seen).drawing.places == 0
        await save_elsewhere(tmp_path / "new.aether", event_at(1), namespace="default")
        await until(lambda: plot(seen).drawing.places == 1, what="the first event is drawn")
