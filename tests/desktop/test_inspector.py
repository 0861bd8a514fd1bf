"""The inspector: one event in all its views, linked with each other, honest about damage, and never in the way."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QMenu, QTreeView, QWidget
from pytestqt.qtbot import QtBot

from aether_desktop.connection import Connection
from aether_desktop.models.inspector.event_facts import EventFacts
from aether_desktop.models.inspector.json_tree import JsonTreeModel
from aether_desktop.models.inspector.tree_roles import TreeRole
from aether_desktop.models.trace.related_events import Relatives
from aether_desktop.ui.inspector.hex_view import HexView
from aether_desktop.ui.inspector.inspector import Inspector
from aether_desktop.ui.inspector.raw_view import RawView
from aether_desktop.workspace import Place, Selection
from aether_engine.errors import ChecksumMismatchError, EventLostError, InvalidEventError
from aether_engine.event import Event, ReplayError, StoredEvent
from aether_engine.trace import Related, RelatedEvent

RAW = (
    b'{"id":"e1","eventType":"Paid","actorId":"order-1","version":%d,"data":{"total":%s,"note":"a\\u0001b"},'
    b'"metadata":{"CorrelationID":"c-1"},"timestamp":"2026-01-02T03:04:05.123456789+02:00"}'
)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def stored(version: int = 2, total: bytes = b"1.10", sequence: int = 6344) -> StoredEvent:
    raw = RAW % (version, total)
    return StoredEvent(sequence, NOW, raw, Event.from_json(raw), None)


def damaged(raw: bytes, error: Exception | None = None) -> StoredEvent:
    return StoredEvent(7, NOW, raw, None, ReplayError(7, raw, error or ChecksumMismatchError(1, 2)))


@pytest.fixture
def inspector(qtbot: QtBot) -> Inspector:
    widget = Inspector()
    qtbot.addWidget(widget)
    widget.resize(430, 460)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def test_the_names_that_others_rely_on(inspector: Inspector) -> None:
    assert inspector.objectName() == "inspector"
    inspector.show_event(stored(), namespace="shop", previous=stored(1))
    for name, kind in (
        ("eventTree", QTreeView),
        ("eventRaw", RawView),
        ("eventHex", HexView),
        ("eventDiff", QTreeView),
    ):
        found = inspector.findChild(kind, name)
        assert found is not None
        assert found.accessibleName()


def test_nothing_selected_says_what_to_do(inspector: Inspector) -> None:
    texts = [each.accessibleName() for each in inspector.findChildren(QWidget) if each.isVisible()]
    assert "Select an event (F8 takes the next)." in texts
    inspector.show_event(stored(), namespace="shop")
    inspector.show_event(None, namespace="")
    assert inspector.detail_text == ""


def test_the_title_names_sequence_actor_and_version(inspector: Inspector, qtbot: QtBot) -> None:
    with qtbot.waitSignal(inspector.title_changed) as told:
        inspector.show_event(stored(11), namespace="shop")
    assert told.args == ["#6,344  order-1  v11"]
    assert inspector.detail_text == "#6,344  order-1  v11"


def test_a_row_of_the_tree_marks_its_bytes_everywhere(inspector: Inspector) -> None:
    event = stored()
    inspector.show_event(event, namespace="shop")
    index = inspector.tree.model().index(4, 0)
    total = inspector.tree.model().index(0, 0, index)
    assert total.data(TreeRole.PATH) == "data.total"
    inspector.tree.setCurrentIndex(total)
    start = event.raw.index(b"1.10")
    assert inspector.raw.highlighted() == (start, start + 4)
    assert inspector.hex.highlighted() == (start, start + 4)


def test_bytes_and_text_lead_to_their_row(inspector: Inspector, qtbot: QtBot) -> None:
    event = stored()
    inspector.show_event(event, namespace="shop")
    inspector.tabs.setCurrentIndex(2)
    place = event.raw.index(b"c-1")
    inspector.hex.select(place, place + 2)
    assert inspector.tree.currentIndex().data(TreeRole.PATH) == "metadata.CorrelationID"
    assert inspector.raw.highlighted() == (place, place + 2)
    cursor = inspector.raw.textCursor()
    cursor.setPosition(inspector.raw.position_of(event.raw.index(b"1.10") + 1))
    inspector.raw.setTextCursor(cursor)
    assert inspector.tree.currentIndex().data(TreeRole.PATH) == "data.total"
    start = event.raw.index(b"1.10")
    assert inspector.hex.highlighted() == (start, start + 4)


def test_the_selection_stays_on_its_path_from_event_to_event(inspector: Inspector) -> None:
    inspector.show_event(stored(1, b"5"), namespace="shop")
    data = inspector.tree.model().index(4, 0)
    inspector.tree.setCurrentIndex(inspector.tree.model().index(0, 0, data))
    second = stored(2, b"123456789012345678901")
    inspector.show_event(second, namespace="shop")
    assert inspector.tree.currentIndex().data(TreeRole.PATH) == "data.total"
    start = second.raw.index(b"123456789012345678901")
    assert inspector.hex.highlighted() == (start, start + 21)


def test_the_difference_to_the_event_before(inspector: Inspector) -> None:
    inspector.show_event(stored(12, b"1.1"), namespace="shop", previous=stored(10, b"1.10"))
    place = inspector.tabs.count() - 1
    assert inspector.tabs.tabText(place) == "Diff to v10"
    model = inspector.diff.model()
    headings = [model.index(row, 0).data() for row in range(model.rowCount())]
    assert headings == ["version", "data.total"]
    values = [model.index(row, 1, model.index(1, 0)).data() for row in range(2)]
    assert values == ["1.10", "1.1"]
    inspector.show_event(stored(1), namespace="shop")
    assert not inspector.tabs.isTabVisible(place)


def test_a_damaged_event_gives_its_reason_and_its_bytes(inspector: Inspector) -> None:
    inspector.show_event(damaged(b'{"id":"x",\xc3(\x00'), namespace="shop")
    assert inspector.banner.isVisible()
    assert "Checksum mismatch" in inspector.banner.plain_text()
    assert "00000001" in inspector.banner.plain_text()
    assert inspector.raw.toPlainText() == '{"id":"x",⟨0xC3⟩(␀'
    assert inspector.hex.raw == b'{"id":"x",\xc3(\x00'
    assert inspector.detail_text == "#7  damaged"
    inspector.show_event(stored(), namespace="shop")
    assert not inspector.banner.isVisible()


def current_tab(inspector: Inspector) -> str:
    return inspector.tabs.tabText(inspector.tabs.currentIndex())


def test_of_damaged_events_the_bytes_come_first(inspector: Inspector) -> None:
    inspector.show_event(stored(), namespace="shop")
    assert current_tab(inspector) == "Event"
    raw = RAW % (2, b"1.10")
    broken = raw.replace(b"order-1", b"order-\xfc")
    inspector.show_event(damaged(broken, InvalidEventError("", "is not UTF-8")), namespace="shop")
    assert current_tab(inspector) == "Hex"
    place = broken.index(b"\xfc")
    assert inspector.hex.suspects() == frozenset({place})
    assert inspector.banner.plain_text() == f"Not UTF-8 Byte 0xFC at offset {place:,} begins no character."
    # Whoever prefers another tab gets it for the next damaged event, and sound ones have theirs again.
    inspector.tabs.setCurrentIndex(3)
    inspector.show_event(stored(3), namespace="shop")
    assert current_tab(inspector) == "Event"
    assert inspector.hex.suspects() == frozenset()
    inspector.show_event(damaged(broken[:-1], InvalidEventError("", "is not UTF-8")), namespace="shop")
    assert current_tab(inspector) == "Metadata"
    facts = inspector.facts.model()
    shown = {facts.index(row, 0).data(): facts.index(row, 1).data() for row in range(facts.rowCount())}
    assert shown["Not trusted"] == "what the bytes still say:"
    assert shown["actorId"].startswith('"order-')
    assert shown["version"] == "2"
    show = next(each for each in inspector.banner.findChildren(QAbstractButton) if each.text() == "Show the byte")
    QTest.mouseClick(show, Qt.MouseButton.LeftButton)
    assert current_tab(inspector) == "Hex"
    assert inspector.hex.highlighted() == (place, place + 1)
    assert inspector.detail_text == "#7  damaged"


def test_lost_bytes_are_said_to_be_lost(inspector: Inspector) -> None:
    inspector.show_event(damaged(b"", EventLostError(7, "its page is damaged")), namespace="shop")
    assert "its page is damaged" in inspector.banner.plain_text()
    assert "lost" in inspector.tree.model().index(0, 1).data()


def test_what_is_copied_is_whole_and_exact(inspector: Inspector) -> None:
    event = stored(2, b'"' + b"x" * 5000 + b'"')
    inspector.show_event(event, namespace="shop")
    copied: list[object] = []
    inspector.copy_requested.connect(copied.append)
    menu = inspector.bytes_menu(inspector.raw)
    assert menu is not None
    next(action for action in menu.actions() if action.text() == "Copy exact JSON").trigger()
    tree_menu = inspector.tree.copy_menu(inspector.tree.model().index(0, 0, inspector.tree.model().index(4, 0)))
    assert tree_menu is not None
    for action in tree_menu.actions():
        action.trigger()
    assert copied == [event.raw.decode(), f'"{"x" * 5000}"', "x" * 5000, "data.total"]


def test_hostile_text_stays_text(inspector: Inspector) -> None:
    raw = RAW % (2, '"<b>bold</b>\u202e"'.encode())
    inspector.show_event(StoredEvent(1, NOW, raw, Event.from_json(raw), None), namespace="<i>shop</i>")
    assert "<b>bold</b>⟨U+202E⟩" in inspector.raw.toPlainText()
    inspector.tabs.setCurrentIndex(0)
    inspector.grab()


def relatives(inspector: Inspector, related: Related | None, **fields: Any) -> Relatives:
    """What is known about the relatives of the event that is shown; nobody asks for its connection."""
    assert inspector.stored is not None
    selection = Selection(Place(cast(Connection, None), "shop"), inspector.stored)
    defaults: dict[str, Any] = {"cause_id": "e0", "correlation_id": "c-1", "is_searching": False}
    return Relatives(selection, related=related, **(defaults | fields))


def relative(sequence: int, namespace: str = "shop") -> RelatedEvent:
    return RelatedEvent(namespace, sequence, "Paid", "order-1", sequence, NOW)


def visible_buttons(inspector: Inspector) -> list[QAbstractButton]:
    return [each for each in inspector.links.findChildren(QAbstractButton) if each.isVisible()]


def said(inspector: Inspector) -> list[str]:
    """The words in the lines below the event, what is said about the search last."""
    links = inspector.links
    labels = [each.text() for each in links.findChildren(QLabel) if each.isVisible() and each.text() != "|"]
    return sorted(labels, key=lambda text: text == links.note)


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_links_lead_where_they_say(inspector: Inspector, qtbot: QtBot) -> None:
    inspector.show_event(stored(), namespace="shop")
    assert not inspector.links.isVisible()
    cause, effects = relative(3, "stock"), tuple(relative(n) for n in range(6345, 6349))
    correlated = (cause, relative(6344), *effects)
    inspector.show_relatives(relatives(inspector, Related(cause, effects, 1200, correlated, 25, 99, 99)))
    assert inspector.links.isVisible()
    gone: list[object] = []
    inspector.relative_chosen.connect(gone.append)
    buttons = visible_buttons(inspector)
    assert [each.accessibleName() for each in buttons] == [
        "Cause #3 in stock",
        "Effects #6,345",
        "Effects #6,346",
        "Effects and 1,198 more",
        "Correlation 25 events",
    ]
    for button in buttons[:3]:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert gone == [cause, *effects[:2]]
    QTest.mouseClick(buttons[4], Qt.MouseButton.LeftButton)
    menu = inspector.links.findChild(QMenu)
    assert menu is not None
    texts = [action.text() for action in menu.actions()]
    assert texts[0] == "Correlation c-1: the nearest 6 of 25"
    assert texts[1:3] == ["#3 in stock  Paid  order-1 v3", "#6,344  Paid  order-1 v6344"]
    assert [action.isChecked() for action in menu.actions()[1:3]] == [False, True]
    assert texts[-1] == "Filter the log by this correlation"
    menu.actions()[-3].trigger()
    assert gone[-1] == effects[-1]
    terms: list[str] = []
    inspector.filter_requested.connect(terms.append)
    menu.actions()[-1].trigger()
    menu.close()
    assert terms == ['correlation:"c-1"']


def test_what_is_not_known_of_relatives_is_said(inspector: Inspector) -> None:
    inspector.show_event(stored(), namespace="shop")
    inspector.show_relatives(relatives(inspector, None, is_searching=True))
    assert said(inspector) == ["Cause", "…", "Correlation", "…"]
    none = Related(None, (), 0, (relative(6344),), 1, 50_000, 9_104_377)
    inspector.show_relatives(relatives(inspector, none, is_searching=True))
    assert said(inspector)[-1] == "50,000 of 9,104,377 searched…"
    assert "Search all" not in [each.text() for each in visible_buttons(inspector)]
    inspector.show_relatives(relatives(inspector, none))
    assert said(inspector)[-1] == "Cause e0 is not among what was looked at. 50,000 of 9,104,377 searched."
    asked: list[bool] = []
    inspector.search_requested.connect(lambda: asked.append(True))
    search = next(each for each in visible_buttons(inspector) if each.text() == "Search all")
    QTest.mouseClick(search, Qt.MouseButton.LeftButton)
    assert asked == [True]
    whole = Related(None, (), 0, (relative(6344),), 1, 9, 9)
    inspector.show_relatives(relatives(inspector, whole))
    assert said(inspector) == ["Correlation:", "only this event", "Cause e0 is not in these namespaces."]
    inspector.show_relatives(relatives(inspector, whole, cause_id="", correlation_id="", problem="No link."))
    assert said(inspector) == ["No related events", "No link."]
    inspector.show_event(None, namespace="")
    inspector.show_relatives(None)
    assert not inspector.links.isVisibleTo(inspector)


def test_thirty_megabytes_do_not_freeze_it(inspector: Inspector, qtbot: QtBot) -> None:
    raw = RAW % (2, b'"' + b"x" * 30_000_000 + b'"')
    event = StoredEvent(1, NOW, raw, Event.from_json(raw), None)
    began = time.process_time()
    inspector.show_event(event, namespace="shop", previous=stored(1))
    for tab in (1, 2, 0):
        inspector.tabs.setCurrentIndex(tab)
        inspector.grab()
    # Of the processor; read as a whole, this event takes many times as long.
    assert time.process_time() - began < 3
    model = inspector.tree.model()
    qtbot.waitUntil(lambda: model.rowCount() == 7, timeout=20_000)
    assert not inspector.raw.is_whole
    inspector.tabs.setCurrentIndex(inspector.tabs.count() - 1)
    qtbot.waitUntil(lambda: inspector.diff.model().rowCount() == 2, timeout=20_000)


def test_a_byte_of_megabytes_leads_to_its_row_once_that_is_read(inspector: Inspector, qtbot: QtBot) -> None:
    rows = b",".join(b'{"n":%d,"text":"abc"}' % number for number in range(120_000))
    raw = RAW % (2, b'{"rows":[' + rows + b"]}")
    inspector.show_event(StoredEvent(1, NOW, raw, Event.from_json(raw), None), namespace="shop")
    inspector.tabs.setCurrentIndex(2)
    place = raw.index(b'{"n":100000,') + 7
    inspector.hex.select(place, place + 1)
    qtbot.waitUntil(
        lambda: inspector.tree.currentIndex().data(TreeRole.PATH) == "data.total.rows[100000].n", timeout=20_000
    )
    assert inspector.hex.selected_span() == (place, place + 1)
    start = raw.index(b"100000", place - 3)
    qtbot.waitUntil(lambda: inspector.raw.highlighted() in (None, (start, start + 6)))
    # Another choice meanwhile counts, not the one before.
    inspector.show_event(StoredEvent(2, NOW, raw, Event.from_json(raw), None), namespace="shop")
    inspector.hex.select(place, place + 1)
    inspector.hex.select(3, 4)
    qtbot.waitUntil(lambda: not cast(JsonTreeModel, inspector.tree.model()).is_reading, timeout=20_000)
    assert inspector.tree.currentIndex().data(TreeRole.PATH) == "id"


def test_facts_are_a_proper_model(qtbot: QtBot) -> None:
    model = EventFacts()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show_event(stored(), "shop")
    facts = {model.index(row, 0).data(): model.index(row, 1).data() for row in range(model.rowCount())}
    assert facts["Sequence"] == "6344"
    assert facts["CorrelationID"] == '"c-1"'
    del tester


def test_every_control_has_a_name(inspector: Inspector) -> None:
    inspector.show_event(stored(), namespace="shop", previous=stored(1))
    inspector.show_relatives(relatives(inspector, Related(relative(1), (), 0, (), 0, 5, 10)))
    for control in inspector.findChildren(QAbstractButton):
        if control.isVisibleTo(inspector):
            assert control.accessibleName() or control.text(), control
            assert control.text() or control.toolTip(), control
