"""The table of a tail: a bounded ring that Qt's own checker accepts, with gaps and damaged events in place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from aether_desktop.models.events.roles import ColumnKind, Role, RowKind
from aether_desktop.models.tail.tail_rows import LOAD_GAP, TailRow, note, reconnect_note, row_of
from aether_desktop.models.tail.tail_table import TailColumn, TailTableModel
from aether_engine import Event
from aether_engine.errors import ChecksumMismatchError
from aether_engine.event import Gap, Published, ReplayError, StoredEvent, Tailed

NOON = datetime(2025, 11, 23, 12, 0, 0, 132000, tzinfo=UTC)


def logged(sequence: int, *, namespace: str = "prod.a", raw: bytes | None = None, at: datetime = NOON) -> TailRow:
    if raw is None:
        raw = Event(
            f"id-{sequence}", "OrderPlaced", "order-1", sequence, {"n": sequence}, timestamp=NOON
        ).to_json()
    stored = StoredEvent(sequence, at, raw, Event.from_json(raw), None)
    return row_of(Tailed(namespace, stored), NOON)


def damaged(sequence: int) -> TailRow:
    raw = b'{"id":"x","broken'
    error = ReplayError(sequence, raw, ChecksumMismatchError(1, 2))
    return row_of(Tailed("prod.a", StoredEvent(sequence, NOON, raw, None, error)), NOON)


def text(model: TailTableModel, row: int, column: TailColumn, role: int = Qt.ItemDataRole.DisplayRole) -> object:
    return model.data(model.index(row, column), role)


def checked(qtbot: QtBot, capacity: int = 10) -> tuple[TailTableModel, QAbstractItemModelTester]:
    model = TailTableModel(capacity)
    return model, QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)


def test_a_batch_is_one_insertion(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot)
    inserted: list[tuple[int, int]] = []
    model.rowsInserted.connect(lambda _parent, first, last: inserted.append((first, last)))
    assert model.append([logged(number) for number in range(1, 5)]) == 0
    assert model.append([logged(5)]) == 0
    assert model.append([]) == 0
    assert inserted == [(0, 3), (4, 4)]
    assert model.rowCount() == model.event_count == 5


def test_the_ring_keeps_the_newest_and_counts_events_that_leave(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot, capacity=4)
    removed: list[tuple[int, int]] = []
    model.rowsRemoved.connect(lambda _parent, first, last: removed.append((first, last)))
    model.append([logged(1), note("Filter changed", "", NOON), logged(2)])
    assert model.append([logged(3), logged(4), logged(5)]) == 1  # the note is a row and no event
    assert removed == [(0, 1)]
    assert [text(model, row, TailColumn.SEQUENCE) for row in range(4)] == [2, 3, 4, 5]
    assert model.append([logged(number) for number in range(6, 106)]) == 100
    assert [text(model, row, TailColumn.SEQUENCE) for row in range(4)] == [102, 103, 104, 105]
    assert model.event_count == 4
    assert model.set_capacity(1) == 3
    assert model.rowCount() == 1
    model.clear()
    assert model.rowCount() == model.event_count == 0


def test_cells_are_exact(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot)
    raw = (
        b'{"id":"x","eventType":"Paid","actorId":"order-9","version":9223372036854775807,'
        b'"data":{"n":1.10,\n   "a":"two  spaces","a":2},"timestamp":"2025-11-23T12:00:00.000000001Z"}'
    )
    model.append([logged(12345678, raw=raw)])
    assert text(model, 0, TailColumn.NAMESPACE) == "prod.a"
    assert text(model, 0, TailColumn.SEQUENCE) == 12345678
    assert text(model, 0, TailColumn.VERSION) == 2**63 - 1
    assert text(model, 0, TailColumn.EVENT_TYPE) == "Paid"
    assert text(model, 0, TailColumn.ACTOR) == "order-9"
    assert text(model, 0, TailColumn.RECORDED) == "2025-11-23 12:00:00.132 +00:00"
    preview = text(model, 0, TailColumn.DATA)
    assert isinstance(preview, str)
    assert preview.startswith('{"n":1.10, "a":"two')
    assert "\n" not in preview
    whole = '{"n":1.10,\n   "a":"two  spaces","a":2}'
    assert text(model, 0, TailColumn.DATA, Role.FULL_TEXT) == whole
    assert text(model, 0, TailColumn.DATA, Role.COPY_TEXT) == whole
    assert text(model, 0, TailColumn.VERSION, Role.COPY_TEXT) == "9223372036854775807"
    found = model.stored_at(0)
    assert found is not None
    assert found[0] == "prod.a"
    assert isinstance(found[1], StoredEvent)
    assert found[1].raw == raw


def test_a_long_payload_is_cut_only_for_painting(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot)
    data = {"text": "x" * 100_000}
    model.append([logged(1, raw=Event("i", "T", "a-1", 1, data, timestamp=NOON).to_json())])
    assert len(str(text(model, 0, TailColumn.DATA))) < 1000
    assert len(str(text(model, 0, TailColumn.DATA, Role.FULL_TEXT))) > 100_000


def test_a_damaged_event_keeps_its_place(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot)
    model.append([logged(1), damaged(2)])
    assert model.event_count == 2
    assert text(model, 1, TailColumn.GUTTER, Role.KIND) is RowKind.CORRUPTED
    assert text(model, 1, TailColumn.EVENT_TYPE) == "Checksum mismatch"
    assert text(model, 1, TailColumn.DATA) == "not trusted"
    assert text(model, 1, TailColumn.SEQUENCE) == 2
    assert "Checksum mismatch: stored 00000001" in str(text(model, 1, TailColumn.EVENT_TYPE, Role.FULL_TEXT))
    assert text(model, 1, TailColumn.GUTTER, Qt.ItemDataRole.AccessibleTextRole) == "corrupted"


def test_gaps_and_notes_are_rows_in_place(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot)
    later = NOON + timedelta(seconds=9, milliseconds=268)
    model.append(
        [
            logged(1),
            row_of(Gap("prod.a", 1, 37, "the bus does not replay"), NOON),
            row_of(Gap("prod.a", None, None, ""), NOON),
            reconnect_note(NOON, later, "eu-1.shop.example"),
            logged(39),
        ]
    )
    assert model.event_count == 2
    kinds = [text(model, row, TailColumn.DATA, Role.KIND) for row in range(5)]
    assert kinds == [RowKind.EVENT, RowKind.GAP, RowKind.GAP, RowKind.NOTE, RowKind.EVENT]
    known = text(model, 1, TailColumn.ACTOR, Role.BANNER)
    assert known == ("37 events not shown here", "The bus does not replay. prod.a 2 to 38.", LOAD_GAP, "", "")
    unknown = text(model, 2, TailColumn.ACTOR, Role.BANNER)
    assert unknown == ("Events not shown here, how many is not known", "prod.a.", "", "", "")
    link = text(model, 3, TailColumn.ACTOR, Role.BANNER)
    assert isinstance(link, tuple)
    assert link[:2] == (
        "Connection lost at 12:00:00.132, back at 12:00:09.400",
        "9.268 s without a link to eu-1.shop.example.",
    )
    assert str(text(model, 1, TailColumn.NAMESPACE)).startswith("37 events not shown here")
    assert text(model, 1, TailColumn.SEQUENCE) is None
    assert model.stored_at(1) is None
    assert text(model, 4, TailColumn.RECORDED, Role.SAME_DATE) is False  # too far below the last date
    assert text(model, 0, TailColumn.RECORDED, Role.SAME_DATE) is False


def test_a_filled_gap_is_replaced_in_place(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot, capacity=5)
    gap = row_of(Gap("prod.a", 1, 3, ""), NOON)
    model.append([logged(1), gap, logged(5), logged(6)])
    row = model.index_of(gap)
    assert model.replace(row, [logged(2), logged(3), logged(4)]) == 1
    assert [text(model, row, TailColumn.SEQUENCE) for row in range(5)] == [2, 3, 4, 5, 6]
    assert model.event_count == 5
    assert model.index_of(gap) == -1
    assert model.find("prod.a", 4) == 2
    assert model.find("prod.b", 4) == -1


def test_an_event_of_the_bus_says_that_it_only_arrived(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot)
    event = Event("i", "T", "a-1", 1, {"x": 1}, timestamp=NOON)
    published = Published("prod.a", event, None)
    row = row_of(published, NOON)
    model.append([row, logged(2)])
    assert model.stored_at(0) == ("prod.a", published)
    assert text(model, 0, TailColumn.SEQUENCE) is None
    assert text(model, 0, TailColumn.DATA) == '{"x":1}'
    assert str(text(model, 0, TailColumn.RECORDED, Qt.ItemDataRole.ToolTipRole)).startswith("Arrived here")
    assert str(text(model, 1, TailColumn.RECORDED, Qt.ItemDataRole.ToolTipRole)).startswith(
        "Recorded by the store"
    )
    assert text(model, 1, TailColumn.RECORDED, Role.SAME_DATE) is True
    stored = row.as_stored()
    assert stored is not None
    assert (stored.sequence, stored.recorded_at, stored.event) == (0, NOON, event)


def test_header_and_marks(qtbot: QtBot) -> None:
    model, _tester = checked(qtbot)
    titles = [model.headerData(column, Qt.Orientation.Horizontal) for column in TailColumn]
    assert titles == ["", "Namespace", "Sequence", "Version", "Event type", "Actor", "Recorded", "Data"]
    kinds = [model.headerData(column, Qt.Orientation.Horizontal, Role.COLUMN_KIND) for column in TailColumn]
    assert kinds[0] is ColumnKind.GUTTER
    assert kinds[-1] is ColumnKind.MONO
    with qtbot.waitSignal(model.headerDataChanged, timeout=20_000):
        model.set_recorded_title("Recorded or arrived")
    model.append([logged(1), logged(2)])
    with qtbot.waitSignal(model.dataChanged, timeout=20_000):
        model.set_marks(lambda namespace, sequence: (namespace, sequence) == ("prod.a", 2))
    assert [text(model, row, TailColumn.GUTTER, Role.MARKED) for row in range(2)] == [False, True]
    assert text(model, 1, TailColumn.GUTTER, Qt.ItemDataRole.AccessibleTextRole) == "marked"
