"""Marks: set, taken away, gone to, and still there at the next start."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from aether_desktop.connection import Connection
from aether_desktop.models.events.marks import MARKS_LIMIT, Marks, TooManyMarksError
from aether_desktop.models.events.roles import Role
from aether_desktop.settings import Settings
from aether_desktop.ui.tail.tail_view import TailView
from aether_desktop.workspace import Place
from aether_engine.engine import open_engine, sqlite_url
from tests.desktop.driven_window import DrivenWindow, driven, driven_file, import_into
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with open_engine(sqlite_url(tmp_path / "shop.aether")) as engine:
        yield Place(Connection(engine), "orders")


async def test_marks_are_toggled_and_gone_to(place: Place, tmp_path: Path) -> None:
    marks = Marks(Settings(tmp_path / "settings.json"))
    other = Place(place.connection, "stock")
    marks.toggle(place, [7, 3])
    marks.toggle(place, [3, 2**40])
    assert [marks.is_marked(place, sequence) for sequence in (2, 3, 7, 2**40)] == [False, True, True, True]
    assert not marks.is_marked(other, 3)
    assert [marks.next(place, sequence, 1) for sequence in (0, 3, 5, 2**40)] == [3, 7, 7, 3]
    assert [marks.next(place, sequence, -1) for sequence in (3, 4, 2**41)] == [2**40, 3, 2**40]
    assert marks.next(other, 1, 1) is None
    marks.toggle(place, [3, 7])
    assert marks.count(place) == 1
    cleared = marks.clear(place)
    assert (cleared, marks.count(place)) == ([2**40], 0)
    marks.restore(place, cleared)
    assert marks.count(place) == 1
    assert marks.count(None) == 0


async def test_there_are_only_so_many(place: Place, tmp_path: Path) -> None:
    marks = Marks(Settings(tmp_path / "settings.json"))
    marks.toggle(place, range(1, MARKS_LIMIT + 1))
    with pytest.raises(TooManyMarksError, match="10,002 marked events, and 10,000 are the most"):
        marks.toggle(place, [MARKS_LIMIT + 1, MARKS_LIMIT + 2])
    assert marks.count(place) == MARKS_LIMIT


async def test_marks_outlive_the_window_but_not_stores_in_memory(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    marks = Marks(Settings(path))
    marks.toggle(place, [5, 9])
    async with open_engine("memory://") as first, open_engine("memory://") as second:
        one, two = Place(Connection(first), "orders"), Place(Connection(second), "orders")
        marks.toggle(one, [1])
        assert marks.count(two) == 0, "two stores in memory are two"
    marks.close()
    saved = json.loads(path.read_text())["marks"]
    assert saved == [{"url": place.connection.engine.url, "namespace": "orders", "sequences": [5, 9]}]
    assert Marks(Settings(path)).count(place) == 2


@pytest.mark.parametrize(
    "value",
    [None, 3, "x", {}, [3, None, {"url": 1}, {"url": "u", "namespace": "n", "sequences": [0, -1, "a", True]}]],
)
def test_foreign_settings_are_no_marks(value: object, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "settings.json")
    settings.set("marks", value)
    marks = Marks(settings)
    assert marks._marks == {}


# -- in the window


@pytest.fixture
async def seen(tmp_path: Path, permits_extract: Path) -> AsyncIterator[DrivenWindow]:
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    async with driven_file(path) as window:
        await window.at(1)
        yield window


def marked_rows(seen: DrivenWindow) -> list[int]:
    model = seen.view.model
    return [row for row in range(40) if model.index(row, 0).data(Role.MARKED)]


def said(seen: DrivenWindow) -> str:
    label = seen.window.status.facts.marked
    return label.text() if label.isVisible() else ""


async def test_a_key_marks_and_others_go_from_mark_to_mark(seen: DrivenWindow) -> None:
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    assert said(seen) == ""
    await seen.click_row(4)
    seen.control(Qt.Key.Key_M)
    await seen.click_row(10)
    for _ in range(2):
        seen.key(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    await seen.at(13)
    seen.control(Qt.Key.Key_M)
    assert marked_rows(seen) == [4, 10, 11, 12]
    assert said(seen) == "Marked 4"
    model = seen.view.model
    assert model.index(4, 0).data(Qt.ItemDataRole.AccessibleTextRole) == "marked"
    for key, sequence in ((Qt.Key.Key_N, 5), (Qt.Key.Key_N, 11), (Qt.Key.Key_B, 5), (Qt.Key.Key_B, 13)):
        seen.key(key, both)
        await seen.at(sequence)
    # From the inspector it is the selected event that is marked, and in its stream the mark is seen too.
    seen.panels.inspector.tree.setFocus()
    seen.control(Qt.Key.Key_M)
    assert marked_rows(seen) == [4, 10, 11]
    seen.control(Qt.Key.Key_M)
    seen.run("open_stream")
    await until(lambda: len(seen.tabs) == 2, what="the stream opens")
    await seen.settle()
    assert seen.view.model.index(seen.view.current_row, 0).data(Role.MARKED)
    assert said(seen) == "Marked 4"


async def test_marks_are_cleared_and_taken_back(seen: DrivenWindow) -> None:
    seen.run("clear_marks")
    assert seen.banner == "No event is marked here."
    seen.run("next_mark")
    assert "No event of permits is marked" in seen.banner
    await seen.click_row(2)
    seen.control(Qt.Key.Key_M)
    seen.run("clear_marks")
    assert said(seen) == ""
    assert "1 mark of permits taken away" in seen.banner
    again = next(each for each in seen.window.banner.findChildren(QPushButton) if each.text() == "Mark them again")
    again.click()
    assert marked_rows(seen) == [2]
    assert seen.banner == ""


async def test_marks_are_there_at_the_next_start_and_in_tails(tmp_path: Path, permits_extract: Path) -> None:
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    async with driven_file(path) as seen:
        await seen.click_row(6)
        seen.control(Qt.Key.Key_M)
    async with driven_file(path, read_only=True) as seen:
        assert marked_rows(seen) == [6]
        assert said(seen) == "Marked 1"
        seen.run("new_tail")
        tail = seen.window.documents.currentWidget()
        assert isinstance(tail, TailView)
        assert tail.controller.table._is_marked is not None
        assert tail.controller.table._is_marked("permits", 7)
        assert not tail.controller.table._is_marked("other", 7)


async def test_too_many_rows_are_not_marked(seen: DrivenWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aether_desktop.ui.events.marking.MARKS_LIMIT", 10)
    seen.table.setFocus()
    seen.control(Qt.Key.Key_A)
    seen.control(Qt.Key.Key_M)
    assert "at most 10 events can be marked" in seen.banner
    assert marked_rows(seen) == []


async def test_nothing_selected_cannot_be_marked(tmp_path: Path) -> None:
    async with driven(tmp_path / "settings.json") as seen:
        assert not seen.can("toggle_mark")
        assert not seen.can("copy_link")
        seen.window.actions_by_name["next_mark"].trigger()
