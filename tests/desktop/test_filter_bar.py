"""The filter bar in the window: typing, marks, completion, progress, history, for every kind of document."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QTextCharFormat
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QListView, QToolButton

from aether_desktop.models.events.event_table import Column
from aether_desktop.models.events.filterable_table import FilterableTable
from aether_desktop.models.events.go_to import ToSequence
from aether_desktop.models.filter.document_filter import FilterState
from aether_desktop.models.filter.table_filter import TableFilter
from aether_desktop.ui.events.filter_bar import FilterBar, status_words, time_left
from aether_desktop.ui.events.filter_edit import FilterEdit
from aether_desktop.ui.tail.tail_view import TailView
from aether_engine.store.sqlite.store import SQLiteEventStore
from tests.desktop.driven_window import NAMESPACE, DrivenWindow, driven_file, import_into, save_elsewhere
from tests.desktop.stores import order_event
from tests.waiting import until

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
async def seen(tmp_path: Path, permits_extract: Path) -> AsyncIterator[DrivenWindow]:
    """The window with the permits' log in front."""
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    async with driven_file(path) as window:
        await window.at(1)
        yield window


def bar(seen: DrivenWindow) -> FilterBar:
    return seen.panels.filter_bar


def edit(seen: DrivenWindow) -> FilterEdit:
    return seen.child(FilterEdit, "filterBar")


def words(seen: DrivenWindow) -> str:
    """What the bar says on how far the filter is."""
    label = seen.child(QLabel, "filterStatus")
    return label.text() if label.isVisible() else ""


async def type_filter(seen: DrivenWindow, text: str, *, submit: bool = True) -> None:
    """Ctrl+F and type over what stands there."""
    seen.run("filter")
    await until(edit(seen).hasFocus, what="the field has the keyboard")
    QTest.keyClicks(edit(seen), text)
    if submit:
        popup = edit(seen).findChild(QListView) or edit(seen)._popup
        popup.hide()
        QTest.keyClick(edit(seen), Qt.Key.Key_Return)
        await done(seen)


async def done(seen: DrivenWindow) -> None:
    current = bar(seen).filter
    assert current is not None
    await until(lambda: current.status.state is FilterState.DONE, what="the search ends")
    await seen.settle()


def marked(seen: DrivenWindow) -> list[str]:
    """The parts of the text that are waved under."""
    text = edit(seen).toPlainText()
    formats = edit(seen).document().firstBlock().layout().formats()
    wave = QTextCharFormat.UnderlineStyle.WaveUnderline
    return [
        text[each.start : each.start + each.length] for each in formats if each.format.underlineStyle() == wave
    ]


async def test_a_filtered_log_is_stepped_through_and_inspected_like_any(seen: DrivenWindow) -> None:
    total = seen.view.model.event_count
    await type_filter(seen, "version:3")
    hits = seen.view.model.event_count
    assert 3 < hits < total
    assert words(seen) == f"{hits} of {total} events"
    assert f"Displayed {hits}" in [label.text() for label in seen.window.status.findChildren(QLabel)]
    assert {seen.cell(row, Column.VERSION) for row in range(hits)} == {"3"}
    assert seen.selected_sequence == 1, "the selection stays until another one is made"
    await seen.active()
    seen.key(Qt.Key.Key_Escape, target=edit(seen))
    await until(seen.table.hasFocus, what="Escape goes back to the table")
    first = seen.row_sequence
    await seen.at(first)
    assert seen.view.current_row == 0
    seen.run("next_event")
    await until(lambda: seen.selected_sequence > first)
    second = seen.selected_sequence
    await seen.at(second)
    assert seen.view.current_row == 1
    seen.run("clear_filter")
    await seen.settle()
    assert seen.view.model.event_count == total
    assert seen.row_sequence == second == seen.selected_sequence, "what was selected still is, and in sight"
    assert seen.table.viewport().rect().contains(seen.table.visualRect(seen.table.currentIndex()).center())


async def test_a_term_that_is_none_is_marked_and_says_why(seen: DrivenWindow) -> None:
    await type_filter(seen, "version:3")
    hits = seen.view.model.event_count
    QTest.keyClicks(edit(seen), " verson:4")
    assert marked(seen) == ["verson"]
    reason = seen.child(QLabel, "filterReason")
    assert reason.isVisible()
    assert "Did you mean version?" in reason.text()
    assert bar(seen).trouble.isVisible()
    assert not bar(seen).sign.isVisible()
    assert words(seen).endswith("events, from the previous filter")
    assert seen.view.model.event_count == hits
    for _ in " verson:4":
        QTest.keyClick(edit(seen), Qt.Key.Key_Backspace)
    assert marked(seen) == []
    assert not reason.isVisible()
    assert bar(seen).sign.isVisible()


async def test_marks_stand_under_their_term_whatever_is_before_it(seen: DrivenWindow) -> None:
    """Characters beyond the first plane are two to Qt and one to the filter."""
    seen.run("filter")
    edit(seen).insertPlainText('"\U0001f600\U0001f600" verson:4')
    await until(lambda: (shown := bar(seen).filter) is not None and not shown.is_valid)
    block = edit(seen).toPlainText().encode("utf-16-le")
    [place] = [
        each
        for each in edit(seen).document().firstBlock().layout().formats()
        if each.format.underlineStyle() == QTextCharFormat.UnderlineStyle.WaveUnderline
    ]
    start, length = place.start, place.length
    assert block[2 * start : 2 * (start + length)].decode("utf-16-le") == "verson"


async def test_keys_and_event_types_are_completed(seen: DrivenWindow) -> None:
    await type_filter(seen, "ty", submit=False)
    popup = edit(seen)._popup
    await until(popup.isVisible, what="completions")
    assert popup.model().index(0, 0).data().startswith("type:")
    QTest.keyClick(popup, Qt.Key.Key_Down)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert edit(seen).toPlainText() == "type:"
    current = bar(seen).filter
    assert current is not None
    await until(lambda: current.known is not None, what="what the log is known to have")
    QTest.keyClicks(edit(seen), "T02")
    await until(popup.isVisible, what="event types")
    offered = popup.model().index(0, 0).data()
    assert offered.startswith("T02")
    QTest.keyClick(popup, Qt.Key.Key_Down)
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert edit(seen).toPlainText() == f"type:{offered}"
    await done(seen)
    assert {seen.cell(row, Column.EVENT_TYPE) for row in range(seen.view.model.event_count)} == {offered}


async def test_what_is_found_to_offer_comes_too_late_for_who_has_submitted(seen: DrivenWindow) -> None:
    await type_filter(seen, "ty", submit=False)
    current, popup = bar(seen).filter, edit(seen)._popup
    assert current is not None
    await until(popup.isVisible, what="it is still being written")
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert not popup.isVisible()
    assert edit(seen).toPlainText() == "ty", "nothing was chosen"
    current.more_known.emit()
    assert not popup.isVisible()
    await done(seen)


@pytest.mark.parametrize("text", ["zzzz", "zzzz ty"])
async def test_who_has_left_the_field_is_not_brought_back_by_a_table_without_rows(
    seen: DrivenWindow, text: str
) -> None:
    await type_filter(seen, text, submit=False)
    assert edit(seen).popup_is_open is (text != "zzzz")
    # As one types it: the search has not even begun when Escape comes.
    QTest.keyClick(edit(seen)._popup if edit(seen).popup_is_open else edit(seen), Qt.Key.Key_Return)
    QTest.keyClick(edit(seen), Qt.Key.Key_Escape)
    await done(seen)
    assert seen.view.model.event_count == 0
    assert not seen.view.table.isVisible()
    assert seen.window.focusWidget() is seen.view
    seen.run("clear_filter")
    await until(seen.view.table.isVisible, what="the rows are back")
    assert seen.window.focusWidget() is seen.view.table


async def test_a_file_is_ready_to_be_searched_once_the_field_has_the_keyboard(seen: DrivenWindow) -> None:
    store = await seen.workspace.connections[0].engine.store(NAMESPACE)
    assert isinstance(store, SQLiteEventStore)
    scanner = store._backend.scanner
    scanner.workers_from = 1
    assert not scanner.has_workers
    await type_filter(seen, "data.nothing:1", submit=False)
    await until(lambda: scanner.has_workers, what="processes that search")
    QTest.keyClick(edit(seen), Qt.Key.Key_Return)
    await done(seen)
    assert seen.view.model.event_count == 0


async def test_each_document_has_its_own_filter(seen: DrivenWindow) -> None:
    await type_filter(seen, "version:2")
    log_hits = seen.view.model.event_count
    seen.key(Qt.Key.Key_Escape, target=edit(seen))
    seen.run("next_event")
    await until(lambda: seen.selected_sequence > 1)
    seen.run("open_stream")
    await until(lambda: len(seen.tabs) == 2, what="the stream's tab")
    await seen.settle()
    assert edit(seen).toPlainText() == ""
    assert "this stream" in edit(seen).placeholderText()
    await type_filter(seen, "version:1,3")
    assert [seen.cell(row, Column.VERSION) for row in range(2)] == ["1", "3"]
    assert seen.view.model.event_count == 2
    seen.window.documents.setCurrentIndex(0)
    assert edit(seen).toPlainText() == "version:2"
    assert seen.view.model.event_count == log_hits


async def test_nothing_found_is_said_with_what_was_searched(seen: DrivenWindow) -> None:
    total = seen.view.model.event_count
    await type_filter(seen, "type:Nothing")
    assert seen.view.empty.isVisible()
    assert seen.view.empty.accessibleName() == f"No event matches. {total} of {total} searched."
    seen.view.empty.activated.emit()
    await seen.settle()
    assert seen.view.model.event_count == total
    assert not seen.view.empty.isVisible()


async def test_events_of_other_programs_are_filtered_as_they_come(seen: DrivenWindow, tmp_path: Path) -> None:
    await type_filter(seen, "type:OrderPaid")
    assert seen.view.model.event_count == 0
    await save_elsewhere(
        tmp_path / "permits.aether", order_event(1, 1), order_event(1, 2, kind="OrderPaid"), namespace=NAMESPACE
    )
    await until(lambda: seen.view.model.event_count == 1, what="the new event that passes")
    await until(lambda: seen.cell(0, Column.EVENT_TYPE) == "OrderPaid")


async def test_filters_are_remembered_and_saved(seen: DrivenWindow) -> None:
    await type_filter(seen, "version:2")
    await type_filter(seen, 'data.task:"task & more"')
    star = seen.child(QToolButton, "filterStar")
    QTest.mouseClick(star, Qt.MouseButton.LeftButton)
    assert "Saved" in star.toolTip()
    settings = seen.workspace.settings
    assert settings.get("recent_filters") == ['data.task:"task & more"', "version:2"]
    assert settings.get("saved_filters") == ['data.task:"task & more"']
    seen.run("clear_filter")
    QTest.mouseClick(seen.child(QToolButton, "filterHistory"), Qt.MouseButton.LeftButton)
    await until(bar(seen).menu.isVisible, what="the menu")
    texts = [action.text() for action in bar(seen).menu.actions()]
    assert texts.count('data.task:"task && more"') == 2, "once saved, once recent"
    chosen: QAction = next(action for action in bar(seen).menu.actions() if action.text() == "version:2")
    bar(seen).menu.hide()
    chosen.trigger()
    await done(seen)
    assert edit(seen).toPlainText() == "version:2"
    QTest.mouseClick(star, Qt.MouseButton.LeftButton)
    assert settings.get("saved_filters") == ["version:2", 'data.task:"task & more"']
    QTest.mouseClick(star, Qt.MouseButton.LeftButton)
    assert settings.get("saved_filters") == ['data.task:"task & more"']
    recent = settings.get("recent_filters")
    next(action for action in bar(seen).menu.actions() if action.text() == "Forget the recent ones").trigger()
    assert settings.get("recent_filters") == []
    await until(lambda: "2 recent filters are forgotten" in seen.banner)
    undo = next(each for each in seen.window.banner.findChildren(QAbstractButton) if each.text() == "Undo")
    QTest.mouseClick(undo, Qt.MouseButton.LeftButton)
    assert settings.get("recent_filters") == recent


async def test_a_tail_is_filtered_and_what_is_left_out_counted(seen: DrivenWindow, tmp_path: Path) -> None:
    seen.run("new_tail")
    view = seen.window.documents.currentWidget()
    assert isinstance(view, TailView)
    assert "this tail" in edit(seen).placeholderText()
    seen.run("filter")
    QTest.keyClicks(edit(seen), "type:OrderPaid")
    QTest.keyClick(edit(seen), Qt.Key.Key_Return)
    paid = [order_event(1, 2 * version, kind="OrderPaid") for version in (1, 2, 3)]
    placed = [order_event(2, version) for version in (1, 2, 3, 4)]
    await save_elsewhere(tmp_path / "permits.aether", *paid, *placed, namespace=NAMESPACE)
    await until(lambda: view.controller.counters.received == 7, what="all seven arrive")
    await until(lambda: view.controller.counters.shown == 3, what="three are shown")
    assert view.controller.counters.filtered == 4
    await until(lambda: words(seen) == "3 of 7 events", what=words(seen))
    seen.run("clear_filter")
    await save_elsewhere(tmp_path / "permits.aether", order_event(3, 1), namespace=NAMESPACE)
    await until(lambda: view.controller.counters.shown == 4, what="everything is shown again")


async def test_what_passes_is_exported_byte_for_byte(
    seen: DrivenWindow, tmp_path: Path, permits_extract: Path
) -> None:
    lines = permits_extract.read_bytes().splitlines()
    await seen.settle()
    seen.run("export_filtered")
    await until(lambda: "Nothing is filtered" in seen.banner, what="it says what is missing")
    await type_filter(seen, "version:3")
    seen.run("export_filtered")
    await seen.answer_file_dialog(tmp_path / "third.ndjson")
    await until((tmp_path / "third.ndjson").exists, what="the export")
    await seen.settle()
    exported = (tmp_path / "third.ndjson").read_bytes().splitlines()
    assert exported == [line for line in lines if json.loads(line)["version"] == 3]
    await seen.active()
    await seen.click_row(0)
    seen.run("open_stream")
    await until(lambda: len(seen.tabs) == 2, what="the stream's tab")
    await seen.settle()
    await type_filter(seen, "version:1,2")
    seen.run("export_filtered")
    await seen.answer_file_dialog(tmp_path / "stream.ndjson")
    await until((tmp_path / "stream.ndjson").exists, what="the export")
    await seen.settle()
    assert len((tmp_path / "stream.ndjson").read_bytes().splitlines()) == 2


async def test_a_sequence_that_is_left_out_is_said_to_be_and_the_nearest_shown(seen: DrivenWindow) -> None:
    await type_filter(seen, "version:1")
    navigation, model = seen.panels.navigation, seen.view.model
    await until(lambda: isinstance(seen.view.filter, TableFilter) and not seen.view.filter.busy, what="searched")
    assert isinstance(model, FilterableTable)
    total = seen.place.connection.namespaces[0].event_count
    shown = [number for number in range(1, total + 1) if model.position_of_sequence(number) >= 0]
    hidden = next(number for number in range(shown[3], total) if number not in shown)
    nearest = min(shown, key=lambda number: (abs(number - hidden), -number))
    said = await navigation.go_to(ToSequence(hidden), seen.view)
    assert said == f"Sequence {hidden:,} is left out by the filter; the nearest match is {nearest:,}."
    await seen.at(nearest)
    assert await navigation.go_to(ToSequence(shown[5]), seen.view) == ""
    await seen.at(shown[5])
    said = await navigation.go_to(ToSequence(10**6), seen.view)
    assert said == f"There is no sequence {10**6:,} in {NAMESPACE}."


def test_words_on_how_far_a_filter_is() -> None:
    from aether_desktop.models.filter.document_filter import FilterStatus

    status = FilterStatus(FilterState.SEARCHING, 12, 3_120_000, 9_104_377, 41.2)
    assert status_words(status) == "12 found, 3,120,000 of 9,104,377 searched, 41 s left"
    status = FilterStatus(FilterState.CANCELLED, 12, 3_120_000, 9_104_377)
    assert status_words(status) == "12 found, cancelled: 3,120,000 of 9,104,377 searched"
    assert status_words(FilterStatus()) == ""
    assert [time_left(seconds) for seconds in (0.2, 89, 600, 7200)] == [
        "a moment left",
        "89 s left",
        "10 min left",
        "2 h left",
    ]
