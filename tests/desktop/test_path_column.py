"""Values at a path as columns: exactly as written, in every log and stream, kept for the next start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QLineEdit, QMenu
from pytestqt.qtbot import QtBot

from aether_desktop.models.events.event_table import Column
from aether_desktop.models.events.log_table import LogTable
from aether_desktop.models.events.path_column import LARGEST, path_column
from aether_desktop.models.events.roles import ColumnKind, Role
from aether_desktop.ui.events.column_dialog import ColumnDialog
from aether_desktop.ui.events.event_view import EventView
from aether_desktop.ui.widgets.event_delegate import EventDelegate
from aether_engine import Event
from tests.desktop.driven_window import DrivenWindow, driven_file, import_into
from tests.desktop.stores import memory_store
from tests.waiting import until

# Qt's offscreen platform says so of every window with a least size and of every popup.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

RAW = (
    b'{"id":"1","eventType":"T","actorId":"a","version":1,"metadata":{"UserID":"u1","a.b":"dotted"},'
    b'"data":{"total":12.50,"big":90071992547409930,"twice":1,"items":[{"sku": "A-7"},{"sku":null}],"twice":2,'
    b'"deep":{"x.y": {"z": [1,\n2]}}},"timestamp":"2024-01-01T00:00:00Z"}'
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.total", b"12.50"),
        ("data.big", b"90071992547409930"),
        ("data.twice", b"2"),
        ("data.items.0.sku", b'"A-7"'),
        ("data.items.1.sku", b"null"),
        ("data.items.2.sku", b""),
        ("data.items.x", b""),
        ("data.total.0", b""),
        ('data.deep."x.y".z', b"[1,\n2]"),
        ("data.nothing", b""),
        ("meta.UserID", b'"u1"'),
    ],
)
def test_a_value_is_what_is_written(path: str, value: bytes) -> None:
    column = path_column(f" {path} ")
    assert column.title == path
    assert column.value(RAW) == value


@pytest.mark.parametrize("text", ["", "total", "data.", "data.*.sku", "type", "data.a data.b", '"data.a', "meta."])
def test_what_is_no_path_says_why(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ .*\."):
        path_column(text)


async def test_columns_come_and_go_before_the_data(qtbot: QtBot) -> None:
    async with memory_store() as (_engine, store):
        await store.save_event(Event.from_json(RAW))
        large = RAW.replace(b'"id":"1"', b'"id":"2"').replace(b'"actorId":"a"', b'"actorId":"b"')
        await store.save_event(Event.from_json(large.replace(b"12.50", b'"' + b"x" * LARGEST + b'"')))
        model = LogTable(store)
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        await model.refresh()
        assert await model.load(1) is not None
        total, deep = path_column("data.total"), path_column('data.deep."x.y".z')
        model.show_columns([total])
        model.show_columns([total, deep])
        assert model.columns[-3:] == (total, deep, Column.DATA)
        place = model.columns.index(deep)
        assert model.headerData(place, Qt.Orientation.Horizontal) == 'data.deep."x.y".z'
        assert model.headerData(place, Qt.Orientation.Horizontal, Role.COLUMN_KIND) is ColumnKind.MONO
        assert model.index(0, place).data() == "[1, 2]"
        assert model.index(0, place).data(Role.COPY_TEXT) == "[1,\n2]"
        assert model.index(0, model.columns.index(total)).data() == "12.50"
        assert model.index(1, model.columns.index(total)).data() == "…"
        assert "inspector" in model.index(1, model.columns.index(total)).data(Role.FULL_TEXT)
        model.show_columns([deep])
        assert model.columns[-2:] == (deep, Column.DATA)
        model.show_columns([])
        assert model.columns == LogTable.columns
        await model.close()


@pytest.fixture
async def seen(tmp_path: Path, permits_extract: Path) -> AsyncIterator[DrivenWindow]:
    """The window with the permits' log in front."""
    path = tmp_path / "permits.aether"
    await import_into(path, permits_extract)
    async with driven_file(path) as window:
        await window.at(1)
        yield window


def titles(seen: DrivenWindow) -> list[str]:
    return [column.title for column in seen.view.model.columns]


async def test_a_column_is_asked_for_shown_everywhere_and_kept(seen: DrivenWindow) -> None:
    seen.run("add_column")
    dialog = await seen.dialog(ColumnDialog)
    field = dialog.findChild(QLineEdit, "columnPath")
    assert isinstance(field, QLineEdit)
    QTest.keyClicks(field, "data.*")
    assert "cannot be a step" in field.accessibleDescription()
    field.clear()
    QTest.keyClicks(field, "data.task")
    QTest.keyClick(field, Qt.Key.Key_Return)
    await until(lambda: "data.task" in titles(seen), what="the column")
    await seen.active()
    place = titles(seen).index("data.task")
    assert seen.table.model().index(0, place).data().startswith('"task-')
    assert seen.table.columnWidth(place) > 60
    delegate = seen.table.itemDelegate()
    assert isinstance(delegate, EventDelegate)
    assert delegate.column_kind(place) is ColumnKind.MONO
    assert delegate.column_kind(place + 1) is ColumnKind.MONO
    assert delegate.column_kind(1) is ColumnKind.NUMBER
    seen.run("open_stream")
    await until(lambda: len(seen.tabs) == 2, what="the stream's tab")
    await seen.settle()
    assert "data.task" in titles(seen)
    assert seen.workspace.settings.get("path_columns") == ["data.task"]
    menu = seen.view.header_menu(titles(seen).index("data.task"))
    remove = next(action for action in menu.actions() if action.text() == "Remove column data.task")
    remove.trigger()
    menu.deleteLater()
    assert "data.task" not in titles(seen)
    seen.window.documents.setCurrentIndex(0)
    assert "data.task" not in titles(seen)


def offered(view: EventView) -> dict[str, QAction]:
    """The columns that the menu of the titles offers without asking."""
    menu = view.header_menu(1)
    submenu = menu.actions()[0].menu()
    assert isinstance(submenu, QMenu)
    return {action.text(): action for action in submenu.actions()}


async def test_known_paths_are_offered_at_the_titles(seen: DrivenWindow) -> None:
    document_filter = seen.view.filter
    assert document_filter is not None
    document_filter.look_up_known()
    await until(lambda: document_filter.known is not None, what="what the log is known to have")
    offered(seen.view)["data.task"].trigger()
    assert "data.task" in titles(seen)
    assert "data.task" not in offered(seen.view)
