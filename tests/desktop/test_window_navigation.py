"""Going somewhere in the window: by what is typed, and to neighbours of the same type or actor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QDialogButtonBox, QLabel, QLineEdit

from aether_desktop.models.events.go_to import ToTime
from aether_desktop.ui.events.go_to_dialog import GoToDialog
from aether_engine.engine import open_engine
from aether_engine.event import Event
from aether_engine.urls import sqlite_url
from tests.desktop.driven_window import NAMESPACE, DrivenWindow, driven, driven_file
from tests.waiting import until

START = datetime(2024, 3, 1, tzinfo=UTC)
#: Sequences of the events of the rare type.
RARE = (3, 40, 41, 97)
#: Of every event but the late one the timestamp is so many minutes after the start.
LATE = 10
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def events() -> list[Event]:
    return [
        Event(
            f"e-{n}",
            "Rare" if n in RARE else 'Us"ual\\',
            f"actor-{n % 7}",
            n,
            {"n": n},
            timestamp=START + timedelta(minutes=5000 if n == LATE else n),
        )
        for n in range(1, 101)
    ]


@pytest.fixture(params=["memory", "sqlite"])
async def seen(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DrivenWindow]:
    """A window over a hundred events of seven actors."""
    if request.param == "sqlite":
        path = tmp_path / "steps.aether"
        async with open_engine(sqlite_url(path)) as engine:
            await (await engine.store(NAMESPACE)).save_events(events())
        async with driven_file(path) as window:
            yield window
        return
    async with driven(tmp_path / "settings.json") as window:
        connection = await window.workspace.open("memory://", announce=False)
        assert connection is not None
        await (await connection.engine.store(NAMESPACE)).save_events(events())
        await connection.refresh()
        window.workspace.connection_opened.emit(connection)
        await window.settle()
        yield window


async def type_place(seen: DrivenWindow, text: str) -> GoToDialog:
    await seen.active()
    seen.control(Qt.Key.Key_G)
    dialog = await seen.dialog(GoToDialog)
    QTest.keyClicks(dialog.input, text)
    return dialog


async def go_to(seen: DrivenWindow, text: str, sequence: int) -> None:
    dialog = await type_place(seen, text)
    seen.key(Qt.Key.Key_Return, target=dialog.input)
    await seen.at(sequence)


async def filter_by(seen: DrivenWindow, text: str, hits: int) -> None:
    assert seen.view.filter is not None
    seen.view.filter.set_text(text, at_once=True)
    await until(lambda: seen.view.model.total == hits, what=f"{hits} events pass {text}")
    await seen.settle()


async def test_rows_shares_ends_and_times(seen: DrivenWindow) -> None:
    await go_to(seen, "50%", 50)
    await go_to(seen, "+7", 57)
    await go_to(seen, "-20", 37)
    await go_to(seen, "end", 100)
    await go_to(seen, "start", 1)
    # A clock that ran ahead: the first event as late as that.
    await go_to(seen, "2024-03-01 00:30", LATE)
    await go_to(seen, "2024-03-01 00:07", 7)
    await go_to(seen, "recorded 2024-01-01", 1)


async def test_the_dialog_says_where_it_leads_before_one_goes(seen: DrivenWindow) -> None:
    dialog = await type_place(seen, "#40")
    go = seen.child(QDialogButtonBox, "", dialog).button(QDialogButtonBox.StandardButton.Ok)
    assert dialog.answer.text() == "Sequence 40 of 100"
    assert go.isEnabled()
    QTest.keyClicks(dialog.input, "0")
    assert dialog.answer.text() == "There is no sequence 400: they go from 1 to 100."
    assert dialog.input.accessibleDescription() == dialog.answer.text()
    assert not go.isEnabled()
    seen.key(Qt.Key.Key_Return, target=dialog.input)
    assert dialog.isVisible()
    dialog.reject()


async def test_in_a_filtered_log_the_nearest_match_is_shown_and_said(seen: DrivenWindow) -> None:
    await filter_by(seen, "type:Rare", len(RARE))
    await go_to(seen, "#60", 41)
    assert seen.banner == "Sequence 60 is left out by the filter; the nearest match is 41."
    await go_to(seen, "+1", 97)
    await go_to(seen, "start", 3)
    await filter_by(seen, "type:Never", 0)
    assert seen.workspace.place is not None
    said = await seen.panels.navigation.go_to(ToTime(START), seen.view)
    assert said == "No event matches the filter."


async def test_a_time_that_none_is_as_late_as(seen: DrivenWindow) -> None:
    dialog = await type_place(seen, "2030-01-01")
    seen.key(Qt.Key.Key_Return, target=dialog.input)
    await until(lambda: seen.banner == "No event has a timestamp as late as that.", what=seen.banner)


async def test_next_and_previous_of_the_same_type(seen: DrivenWindow) -> None:
    await seen.click_row(2)
    for modifier, key, sequence in (
        (SHIFT, Qt.Key.Key_F8, 40),
        (SHIFT, Qt.Key.Key_F8, 41),
        (SHIFT, Qt.Key.Key_F8, 97),
        (SHIFT, Qt.Key.Key_F7, 41),
    ):
        seen.key(key, modifier)
        await seen.at(sequence)
    seen.key(Qt.Key.Key_F8, SHIFT)
    await seen.at(97)
    seen.key(Qt.Key.Key_F8, SHIFT)
    await until(lambda: bool(seen.banner), what="it is said that there is none")
    assert seen.banner == f"No later Rare in {NAMESPACE}: 3 events searched."
    assert seen.selected_sequence == 97
    # A type's name may hold what means something in a filter.
    await seen.click_row(4)
    seen.key(Qt.Key.Key_F8, SHIFT)
    await seen.at(6)


async def test_next_and_previous_of_the_same_actor(seen: DrivenWindow) -> None:
    await seen.click_row(8)
    seen.key(Qt.Key.Key_F8, CONTROL)
    await seen.at(16)
    seen.key(Qt.Key.Key_F7, CONTROL)
    await seen.at(9)
    seen.key(Qt.Key.Key_F7, CONTROL)
    await seen.at(2)
    seen.key(Qt.Key.Key_F7, CONTROL)
    await until(lambda: seen.banner.startswith(f"No earlier event of actor-2 in {NAMESPACE}"), what=seen.banner)


async def test_neighbours_stay_within_filter_and_stream(seen: DrivenWindow) -> None:
    await filter_by(seen, "version:>=41", 60)
    await seen.click_row(0)
    seen.key(Qt.Key.Key_F8, SHIFT)
    await seen.at(97)
    seen.key(Qt.Key.Key_F7, SHIFT)
    await seen.at(41)
    seen.key(Qt.Key.Key_F7, SHIFT)
    await until(lambda: f"No earlier Rare in {NAMESPACE} matches the filter" in seen.banner, what=seen.banner)
    seen.run("open_stream")
    await until(lambda: len(seen.tabs) == 2, what="the stream opens")
    await seen.at(41)
    # Of actor-6 these two are rare, and only its events are here.
    seen.key(Qt.Key.Key_F8, SHIFT)
    await seen.at(97)
    seen.key(Qt.Key.Key_F8, SHIFT)
    await until(lambda: seen.banner.startswith("No later Rare in"), what=seen.banner)
    seen.key(Qt.Key.Key_F7, SHIFT)
    await seen.at(41)
    assert seen.tabs[1] == "actor-6"


async def test_actors_are_opened_by_typing_alone(seen: DrivenWindow) -> None:
    await seen.active()
    seen.control(Qt.Key.Key_P)
    search = seen.child(QLineEdit, "actorSearch")
    assert search.hasFocus()
    QTest.keyClicks(search, "actor-*")
    await until(lambda: seen.panels.actors.shown_search == "actor-*", what="the actors are found")
    for _ in range(3):
        seen.key(Qt.Key.Key_Down)
    assert search.hasFocus()
    seen.key(Qt.Key.Key_Return)
    await until(lambda: len(seen.tabs) == 2 and seen.tabs[1] == "actor-2", what="the third one opens")
    seen.control(Qt.Key.Key_P)
    seen.key(Qt.Key.Key_Escape)
    assert search.text() == ""
    QTest.keyClicks(search, "nobody")
    seen.key(Qt.Key.Key_Return)
    await until(lambda: seen.banner == f"No actor of {NAMESPACE} begins with nobody.", what=seen.banner)
    nothing = seen.child(QLabel, "noMatch", seen.panels.navigator.table)
    assert "No actor matches nobody. Type how its id begins" in nothing.text()
    seen.child(QAbstractButton, "actorsMore").click()
    await until(lambda: not nothing.isVisible(), what="all of them again")
    assert seen.panels.navigator.search.text() == ""
    seen.panels.navigator.search.setText("nobody")
    await until(nothing.isVisible, what="none again")
    seen.key(Qt.Key.Key_Escape)
    seen.key(Qt.Key.Key_Escape)
    assert seen.table.hasFocus()
