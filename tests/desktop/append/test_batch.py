"""Batches by hand: checked event by event while typed, stored as a whole or not at all; errors name the event."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QAbstractButton

from aether_desktop.models.append.append_draft import AppendDraft
from aether_desktop.models.append.append_flow import AppendState
from aether_desktop.models.append.batch_controller import BatchController
from aether_desktop.models.append.batch_draft import batch_of
from aether_desktop.models.append.batch_text import read_batch
from aether_desktop.ui.append.batch_dialog import BatchDialog
from aether_engine.errors import OutcomeUnknownError
from aether_engine.event import MAX_VERSION, Event
from aether_engine.store.memory.store import InMemoryEventStore
from tests.desktop.driven_window import replace_text
from tests.waiting import until

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")

ACTOR = "order-1"
THREE = (
    '[{"eventType": "A", "data": {"n": 1.10}}, {"eventType": "B"}, '
    '{"eventType": "C", "metadata": {"UserID": "u"}}]'
)


def event(version: int, actor: str = ACTOR, **fields: Any) -> Event:
    values = {"id": f"{actor}-{version}", "event_type": "Stored", "data": {}, **fields}
    return Event(actor_id=actor, version=version, **values)


# --- What is typed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '[{"eventType": "A"}, {"eventType": "B", "version": 9}, {"eventType": "C"}]',
        '{"eventType": "A"}\n{"eventType": "B", "version": 9}\r\n{"eventType": "C"}\n',
        '{"eventType":\n "A"} {"eventType": "B", "version": 9}{"eventType": "C"}',
    ],
)
def test_arrays_and_lines_are_read_alike(text: str) -> None:
    read = read_batch(text, ACTOR, 6)
    assert read.problem is None
    assert [entry.event_type for entry in read.entries] == ["A", "B", "C"]
    assert read.versions(ACTOR, 6) == [6, 9, 10]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('[{"eventType": "A"},\n {"eventType": "B", }]', (2, 21), "event 2: a key in double quotes"),
        ('[{"eventType": "A"}\n {"eventType": "B"}]', (2, 2), "',' or the closing ] is expected behind event 1"),
        ('[{"eventType": "A"},]', (1, 21), "no comma may stand before"),
        ('[{"eventType": "A"}', (1, 20), "the closing ] is missing"),
        ('[{"eventType": "A"}] x', (1, 22), "nothing may follow"),
        ('{"eventType": "A"}, {"eventType": "B"}', (1, 19), "events with commas between them stand in [ and ]"),
        ("[7]", (1, 2), "event 1 is expected here, a JSON object"),
        ('[{"eventType": "A"}, {"data": {}}]', (1, 22), "event 2 has no type"),
        ('{"eventType": "A"}\n{"eventType": "B", "data": []}', (2, 28), "event 2: data"),
        ('{"eventType": ""}', (1, 15), "event 1: eventType"),
        ('{"eventType": "A", "version": 1.5}', (1, 31), "event 1: version"),
        ('{"eventType": "A", "metadata": {"n": 1}}', (1, 32), "event 1: metadata"),
        ('{"eventType": "A", "data": {"n": NaN}}', (1, 1), "event 1: NaN is not a JSON number"),
        (
            '{"eventType": "A", "version": 7} {"eventType": "B", "version": 7}',
            (1, 34),
            "event 2 has version 7, and",
        ),
        ('{"eventType": "A"} {"eventType": "B", "version": 6}', (1, 20), "event 2 has version 6, and event 1"),
        ('{"eventType": "A", "actorId": "order-2"}', (1, 1), "event 1 is for another actor and needs a version"),
        ('{"eventType": "A", "id": "x"} {"eventType": "B", "id": "x"}', (1, 31), "event 2 has the id of event 1"),
        (f'{{"eventType": "A", "version": {MAX_VERSION}}} {{"eventType": "B"}}', (1, 52), "beyond the highest"),
        ('{"eventType": "A"}' * 1001, (1, 18_001), "more than 1,000 events"),
    ],
)
def test_a_problem_names_the_event_and_the_place(text: str, place: tuple[int, int], words: str) -> None:
    problem = read_batch(text, ACTOR, 6).problem
    assert problem is not None
    assert words in problem.message
    assert (problem.line, problem.column) == place


def test_unknown_members_are_stored_and_warned_about() -> None:
    read = read_batch('[{"eventType": "A", "type": "B"}]', ACTOR, 1)
    assert read.problem is None
    assert read.warnings == ('Event 1: "type" is no member of events; it is stored as it is',)


def test_huge_and_deep_texts_do_no_harm() -> None:
    assert read_batch("[" * 200_000, ACTOR, 1).problem is not None
    assert read_batch('{"eventType":"A","data":' + '{"a":' * 100_000, ACTOR, 1).problem is not None
    long = read_batch(" " * 5_000_000, ACTOR, 1)
    assert long.problem is not None
    assert "Import NDJSON" in long.problem.message


# --- Saving ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def store() -> AsyncIterator[InMemoryEventStore]:
    store = InMemoryEventStore("shop.orders")
    for version in range(1, 6):
        await store.save_event(event(version))
    yield store
    store.close()


Make = Callable[..., BatchController]


@pytest.fixture
async def make(store: InMemoryEventStore) -> AsyncIterator[Make]:
    made: list[BatchController] = []

    def make(text: str = THREE, actor_id: str | None = ACTOR, **options: Any) -> BatchController:
        controller = BatchController(store, actor_id, **options)
        made.append(controller)
        if not controller.restored:
            controller.set_text(text)
        controller.start()
        return controller

    yield make
    for controller in made:
        await controller.close()


async def submitted(controller: BatchController) -> AppendState:
    await until(lambda: controller.current_version is not None)
    assert controller.submit()
    await until(lambda: controller.state is not AppendState.SAVING)
    return controller.state


async def test_all_are_stored_with_rising_versions_as_typed(make: Make, store: InMemoryEventStore) -> None:
    whole = (
        '{"id":"w","actorId":"order-2","version":3,"eventType":"W","data":{"n":1.0},"x":1,'
        '"timestamp":"2020-01-01T00:00:00.123456789Z"}'
    )
    controller = make(THREE.replace("]", f", {whole}]"))
    heard: list[tuple[Any, Any]] = []
    controller.stored.connect(lambda sequences, events: heard.append((sequences, events)))
    assert await submitted(controller) is AppendState.DONE
    ((sequences, events),) = heard
    assert sequences == [6, 7, 8, 9]
    stored = await store.get_events(ACTOR, 6)
    assert [(each.event_type, each.version) for each in stored] == [("A", 6), ("B", 7), ("C", 8)]
    assert b'"data":{"n":1.10}' in stored[0].to_json(), "numbers as typed"
    assert stored[2].user_id == "u"
    (copied,) = await store.get_events("order-2")
    assert copied.to_json() == whole.encode(), "a whole event is stored byte for byte"
    assert len({each.id for each in events}) == 4


async def test_a_conflict_stores_nothing_and_is_rebased_as_a_whole(make: Make, store: InMemoryEventStore) -> None:
    text = '[{"eventType": "A"}, {"eventType": "B", "version":  9}, {"eventType": "C"}]'
    controller = make(text)
    await until(lambda: controller.current_version == 5)
    await store.save_events([event(6), event(7)])
    assert await submitted(controller) is AppendState.CONFLICT
    report = controller.report
    assert report is not None
    assert await store.last_sequence() == 7, "none of them"
    assert report.fact == "None of 3 appended, for event 1: version 6 of order-1 is already taken"
    assert report.rebase_words == "Rebase to versions 8 to 12 and append"
    assert controller.rebase()
    await until(lambda: controller.state is AppendState.DONE)
    assert [(e.event_type, e.version) for e in await store.get_events(ACTOR, 8)] == [
        ("A", 8),
        ("B", 11),
        ("C", 12),
    ]
    assert controller.draft.text == text.replace(" 9", " 11"), "the text says what was stored"


async def test_a_conflict_in_the_middle_names_its_event(make: Make, store: InMemoryEventStore) -> None:
    controller = make(
        '{"eventType": "A"} {"eventType": "B", "actorId": "order-2", "version": 1} {"eventType": "C"}'
    )
    await store.save_event(event(1, "order-2"))
    assert await submitted(controller) is AppendState.CONFLICT
    assert controller.report is not None
    assert controller.report.fact == "None of 3 appended, for event 2: version 1 of order-2 is already taken"
    assert controller.rebase()
    await until(lambda: controller.state is AppendState.DONE)
    assert [each.version for each in await store.get_events("order-2")] == [1, 2]
    assert [each.version for each in await store.get_events(ACTOR, 6)] == [6, 7]


async def test_an_id_that_is_stored_names_its_event(make: Make, store: InMemoryEventStore) -> None:
    controller = make('[{"eventType": "A"}, {"eventType": "B", "id": "order-1-3"}]')
    assert await submitted(controller) is AppendState.FAILED
    assert controller.error is not None
    assert controller.culprit(controller.error) == "Event 2 of 2 (B, v7): "
    assert await store.last_sequence() == 5


@pytest.mark.parametrize("stored", [True, False])
async def test_an_unknown_outcome_of_a_batch_is_found_out(
    make: Make, store: InMemoryEventStore, monkeypatch: pytest.MonkeyPatch, stored: bool
) -> None:
    controller = make()
    save = store.save_events

    async def lose_the_answer(events: Any) -> list[int]:
        if stored:
            await save(events)
        raise OutcomeUnknownError(events[0], "no answer came in time")

    monkeypatch.setattr(store, "save_events", lose_the_answer)
    looks: list[Any] = []
    controller.looked.connect(looks.append)
    assert await submitted(controller) is AppendState.UNKNOWN
    monkeypatch.setattr(store, "save_events", save)
    assert controller.look_again()
    if stored:
        await until(lambda: controller.state is AppendState.DONE)
    else:
        await until(lambda: bool(looks))
        assert controller.save_again()
        await until(lambda: controller.state is AppendState.DONE)
    assert [each.id for each in await store.get_events(ACTOR, 6)] == list(controller.draft.ids)


async def test_the_same_batch_again_is_a_duplicate(make: Make, store: InMemoryEventStore) -> None:
    first = make()
    assert await submitted(first) is AppendState.DONE
    again = make(THREE, draft=first.draft)
    await until(lambda: again.stored_count == 3, what="what was submitted before is found")
    assert again.state is AppendState.EDITING
    part = make(draft=replace(first.draft, text=THREE[:-1] + ', {"eventType": "D"}]'))
    await until(lambda: part.state is AppendState.CONFLICT)
    report = part.report
    assert report is not None
    assert report.verdict == "A part of it is already stored:"
    assert report.duplicate_refusal == "Not offered: only 3 of 4 are stored"
    assert report.rebase_refusal == "Not offered: 3 of 4 are stored; take out what is stored"
    assert not part.mark_duplicate_done()
    assert not part.rebase()


async def test_what_is_missing_is_said(make: Make) -> None:
    controller = make("", None)
    assert controller.missing() == "No event is typed yet"
    controller.set_text('{"eventType": "A"')
    assert controller.missing() == "The events cannot be read"
    controller.set_text('{"eventType": "A"}')
    assert controller.missing() == "The actor’s id is missing"
    assert not controller.submit()
    controller.set_actor_id("order-9")
    await until(lambda: controller.current_version == 0)
    assert controller.missing() == ""
    assert controller.hint == "First event of this actor"
    controller.set_version(5)
    assert controller.hint == "Leaves a gap: 1 is next"


# --- The dialog -----------------------------------------------------------------------------------------------


async def test_nothing_is_wrong_before_somebody_types(store: InMemoryEventStore) -> None:
    begun = batch_of(AppendDraft(store.namespace, ACTOR))
    controller = BatchController(store, ACTOR, text=begun)
    dialog = BatchDialog(controller)
    status, editor = dialog.form.status, dialog.form.events
    try:
        dialog.open()
        await until(lambda: dialog.form.place.version.value() == 6)
        assert controller.draft.text == begun
        assert (status.text(), dialog.reason.text()) == ("No event yet", "No event is typed yet.")
        assert editor.extraSelections() == []
        assert not dialog.submit_button.isEnabled()
        QTest.keyClicks(editor, "OrderPaid")
        assert '"eventType": "OrderPaid"' in controller.draft.text, "the cursor stands where the type belongs"
        assert status.text() == "1 event, version 6"
        for _ in "OrderPaid":
            QTest.keyClick(editor, Qt.Key.Key_Backspace)
        assert (controller.draft.text, status.text()) == (begun, "No event yet"), "as it began"
        QTest.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        assert "event 1: eventType is empty" in status.text(), "once it was tried, it is said what is wrong"
        assert len(editor.extraSelections()) == 1
        assert await store.last_sequence() == 5
    finally:
        dialog.done(0)
        await controller.close()
        dialog.deleteLater()


async def test_the_dialog_shows_the_versions_the_place_of_a_problem_and_the_conflict(
    make: Make, store: InMemoryEventStore
) -> None:
    controller = make("")
    dialog = BatchDialog(controller)
    try:
        dialog.open()
        QAbstractItemModelTester(dialog.form.preview, QAbstractItemModelTester.FailureReportingMode.Fatal)
        await until(lambda: dialog.form.place.version.value() == 6)
        submit = dialog.submit_button
        assert not submit.isEnabled()
        replace_text(dialog.form.events, THREE)
        assert dialog.form.status.text() == "3 events, versions 6 to 8"
        preview = dialog.form.preview
        shown = [[preview.index(row, column).data() for column in range(4)] for row in range(3)]
        assert shown == [["1", "6", "A", ACTOR], ["2", "7", "B", ACTOR], ["3", "8", "C", ACTOR]]
        dialog.form.place.version.setValue(8)
        assert dialog.form.status.text() == "3 events, versions 8 to 10"
        dialog.form.place.version.setValue(6)
        replace_text(dialog.form.events, THREE[:-1])
        assert "the closing ] is missing" in dialog.form.status.text()
        assert not submit.isEnabled()
        replace_text(dialog.form.events, THREE)
        await store.save_event(event(6))
        QTest.keyClick(dialog.form.events, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
        await until(dialog.panel.isVisible, what="the conflict panel")
        assert dialog.panel.fact.startswith("None of 3 appended, for event 1")
        assert dialog.panel.table.model().headerData(2, Qt.Orientation.Horizontal) == "Stored v6, #6"
        assert dialog.form.events.isReadOnly()
        buttons = dialog.panel.findChildren(QAbstractButton, "conflictRebase")
        assert buttons[0].text() == "Rebase to versions 7 to 9 and append"
        QTest.mouseClick(buttons[0], Qt.MouseButton.LeftButton)
        await until(lambda: not dialog.isVisible())
        assert [json.loads(each.to_json())["version"] for each in await store.get_events(ACTOR, 7)] == [7, 8, 9]
    finally:
        dialog.done(0)
        await controller.close()
        dialog.deleteLater()
