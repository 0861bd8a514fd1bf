"""A JSON document as a tree: exactly as written, opened as it is looked at, and never in the way of the window."""

from __future__ import annotations

import json
import time

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from pytestqt.qtbot import QtBot

from aether_desktop.models.inspector import json_container, json_tree
from aether_desktop.models.inspector.json_scan import Members, scan_document
from aether_desktop.models.inspector.json_tree import JsonTreeModel
from aether_desktop.models.inspector.tree_roles import Mark, Note, TreeRole, ValueKind, child_path
from aether_desktop.models.state.state_diff import StateDiffModel
from aether_desktop.models.state.state_tree import StateTreeModel
from aether_desktop.ui.inspector.json_view import JsonView
from aether_engine import lossless
from aether_engine.codec import loads_exactly
from aether_engine.replay import diff


def tree(raw: bytes, *, problem: str = "") -> JsonTreeModel:
    model = JsonTreeModel()
    model.tester = QAbstractItemModelTester(  # type: ignore[attr-defined]  # lives as long as its model
        model, QAbstractItemModelTester.FailureReportingMode.Fatal
    )
    model.set_document(raw, problem=problem)
    return model


def opened(model: JsonTreeModel, index: QModelIndex) -> QModelIndex:
    if model.canFetchMore(index):
        model.fetchMore(index)
    return index


def rows(
    model: JsonTreeModel | StateTreeModel | StateDiffModel, parent: QModelIndex | None = None
) -> list[tuple[str, ...]]:
    parent = parent or QModelIndex()
    return [
        tuple(str(model.index(row, column, parent).data()) for column in range(model.columnCount()))
        for row in range(model.rowCount(parent))
    ]


def test_numbers_escapes_and_duplicate_keys_are_as_written(qtbot: QtBot) -> None:
    model = tree(b'{"n":1.10,"big":123456789012345678901234567890,"e":"\\u003c\\n","n":-0,"t":true,"x":null}')
    assert rows(model) == [
        ("n", "1.10"),
        ("big", "123456789012345678901234567890"),
        ("e", '"\\u003c\\n"'),
        ("n", "-0"),
        ("t", "true"),
        ("x", "null"),
    ]
    kinds = [model.index(row, 1).data(TreeRole.KIND) for row in range(6)]
    number, literal = ValueKind.NUMBER, ValueKind.LITERAL
    assert kinds == [number, number, ValueKind.STRING, number, literal, literal]
    assert model.index(2, 0).data(TreeRole.PLAIN) == "<\n"
    assert model.index(2, 0).data(TreeRole.EXACT) == b'"\\u003c\\n"'


def test_paths_and_spans(qtbot: QtBot) -> None:
    raw = b'{"data":{"total":1,"odd key":[{"a":2},3]}}'
    model = tree(raw)
    data = opened(model, model.index(0, 0))
    odd = opened(model, model.index(1, 0, data))
    item = opened(model, model.index(0, 0, odd))
    leaf = model.index(0, 0, item)
    assert model.index(0, 0, data).data(TreeRole.PATH) == "data.total"
    assert leaf.data(TreeRole.PATH) == 'data["odd key"][0].a'
    assert model.index(1, 0, odd).data() == "[1]"
    start, end = leaf.data(TreeRole.SPAN)
    assert raw[start:end] == b"2"
    assert data.siblingAtColumn(1).data() == "{ 2 keys }"
    assert odd.siblingAtColumn(1).data() == "[ 2 items ]"


def test_a_byte_leads_to_its_innermost_node(qtbot: QtBot) -> None:
    raw = b'{"data":{"lines":[10,{"deep":"here"}]},"z":1}'
    model = tree(raw)
    assert model.index_at(raw.index(b"here")).data(TreeRole.PATH) == "data.lines[1].deep"
    assert model.index_at(raw.index(b"deep")).data(TreeRole.PATH) == "data.lines[1].deep"
    assert model.index_at(raw.index(b"10")).data(TreeRole.PATH) == "data.lines[0]"
    assert not model.index_at(0).isValid()


@pytest.mark.parametrize(
    ("raw", "path", "value"),
    [(b"[1,2]", "[0]", "1"), (b' "text" ', "", '"text"'), (b"17", "", "17"), (b'{"":1}', '[""]', "1")],
)
def test_documents_that_are_no_usual_objects(qtbot: QtBot, raw: bytes, path: str, value: str) -> None:
    model = tree(raw)
    assert model.index(0, 0).data(TreeRole.PATH) == path
    assert model.index(0, 1).data() == value


@pytest.mark.parametrize(
    ("raw", "offset"), [(b'{"a":1,}', 7), (b'{"a":1', 6), (b"\xff\xfe", 0), (b'{"a":1} x', 8), (b'{"a":tru}', 5)]
)
def test_what_is_not_json_says_where_it_stops_being_it(qtbot: QtBot, raw: bytes, offset: int) -> None:
    model = tree(raw)
    note = model.index(model.rowCount() - 1, 0)
    assert note.data(TreeRole.NOTE) == Note.PROBLEM
    assert f"byte {offset}" in note.siblingAtColumn(1).data()


def test_damage_inside_a_container_shows_when_it_is_opened(qtbot: QtBot) -> None:
    model = tree(b'{"a":{"b":1 "c":2},"d":3}')
    assert rows(model)[1] == ("d", "3")
    inner = opened(model, model.index(0, 0))
    assert rows(model, inner)[0] == ("b", "1")
    assert model.index(1, 0, inner).data(TreeRole.NOTE) == Note.PROBLEM


def test_lost_bytes_are_one_row_with_the_reason(qtbot: QtBot) -> None:
    assert rows(tree(b"", problem="There are no bytes")) == [("Not JSON", "There are no bytes")]


def test_bytes_that_are_not_utf8_are_visible(qtbot: QtBot) -> None:
    assert rows(tree(b'{"a":"x\xc3y"}')) == [("a", '"x⟨0xC3⟩y"')]


def test_a_thousand_members_then_all_on_demand(qtbot: QtBot) -> None:
    model = tree(b"[" + b",".join(b"%d" % number for number in range(2500)) + b"]")
    qtbot.waitUntil(lambda: not model.is_reading)
    assert model.rowCount() == 1001
    note = model.index(1000, 0)
    assert note.data(TreeRole.NOTE) == Note.LOAD_ALL
    assert (note.data(), note.siblingAtColumn(1).data()) == ("1,000 of 2,500 shown", "Load all 2,500")
    model.load_all(note)
    assert model.rowCount() == 2500
    assert model.index(2499, 1).data() == "2499"


@pytest.fixture
def _pages_of_longer_lists_than_1500(monkeypatch: pytest.MonkeyPatch) -> None:
    # Qt's tester of models looks at every row after every change.
    for module in (json_container, json_tree):
        monkeypatch.setattr(module, "LOADED_AT_MOST", 1500)


@pytest.mark.usefixtures("_pages_of_longer_lists_than_1500")
def test_of_a_very_long_list_some_are_shown_at_a_time(qtbot: QtBot) -> None:
    model = tree(b'{"rows":[' + b",".join(b'{"n":%d}' % number for number in range(2345)) + b"]}")
    parent = opened(model, model.index(0, 0))
    qtbot.waitUntil(lambda: not model.is_reading)

    def fields() -> tuple[int, str, str]:
        count = model.rowCount(parent)
        return count, model.index(0, 0, parent).data(), model.index(count - 1, 1, parent).data()

    assert fields() == (1001, "[0]", "Show the next 500")
    model.load_all(model.index(1000, 0, parent))
    assert fields() == (502, "1,000 before", "Show the next 500")
    assert model.index(1, 0, parent).data(TreeRole.PATH) == "rows[1000]"
    # A byte leads to its row wherever that is, and to what is inside.
    place = model.raw.index(b'{"n":2340}') + 6
    found = model.index_at(place)
    assert found.data(TreeRole.PATH) == "rows[2340].n"
    assert found.parent().data(TreeRole.PATH) == "rows[2340]"
    assert found.parent().parent() == parent
    assert fields() == (346, "2,000 before", "{ 1 key }")
    model.load_all(model.index(0, 0, parent))
    assert fields() == (502, "1,500 before", "Show the next 345")
    assert model.index(500, 0, parent).data() == "[1999]"
    assert (model.index(501, 0, parent).data(TreeRole.NOTE), model.index(501, 0, parent).data()) == (
        Note.LATER,
        "500 of 2,345 shown",
    )
    # What was opened is there again with its page.
    again = model.index_at(place)
    assert again.data(TreeRole.PATH) == "rows[2340].n"


def test_the_view_pages_with_the_keyboard(qtbot: QtBot) -> None:
    model = tree(b"[" + b",".join(b"%d" % number for number in range(7000)) + b"]")
    view = JsonView("eventTree", "Fields")
    qtbot.addWidget(view)
    view.setModel(model)
    view.show()
    qtbot.waitUntil(lambda: not model.is_reading)
    view.setCurrentIndex(model.index(1000, 0))
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert view.currentIndex().data() == "[1000]"
    view.setCurrentIndex(model.index(0, 0))
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert view.currentIndex().data() == "[999]"


def test_deep_names_stay_in_sight(qtbot: QtBot) -> None:
    model = tree(b'{"a":' * 200 + b"1" + b"}" * 200)
    view = JsonView("eventTree", "Fields")
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.header().setMinimumSectionSize(128)
    view.setModel(model)
    view.show()
    qtbot.waitExposed(view)
    view.go_to(model.index_at(model.raw.index(b"1")))
    qtbot.waitUntil(lambda: 0 <= view.visualRect(view.currentIndex()).left() < 330)
    assert view.currentIndex().data(TreeRole.PATH) == ".".join("a" * 200)
    view.go_to(model.index(0, 0))
    qtbot.waitUntil(lambda: 0 <= view.visualRect(view.currentIndex()).left() < 330)
    model.set_document(b'{"a":1}')
    assert view.header().sectionSize(0) == 128


def test_a_long_value_says_its_length_and_is_copied_whole(qtbot: QtBot) -> None:
    text = "é" * 5000
    model = tree(json.dumps({"a": text}, ensure_ascii=False).encode())
    assert model.index(0, 1).data().endswith("… (10,002 bytes)")
    assert model.index(0, 0).data(TreeRole.PLAIN) == text


def test_nine_hundred_levels_open_one_by_one(qtbot: QtBot) -> None:
    model = tree(b'{"a":' * 900 + b"1" + b"}" * 900)
    index = model.index(0, 0)
    while model.hasChildren(index):
        index = model.index(0, 0, opened(model, index))
    assert index.data(TreeRole.PATH) == ".".join("a" * 900)
    assert index.siblingAtColumn(1).data() == "1"


@pytest.mark.parametrize(
    "value",
    [b'"' + b"x" * 30_000_000 + b'"', b'"' + rb"\"" * 15_000_000 + b'"', b"[" + b"1," * 15_000_000 + b"1]"],
)
def test_thirty_megabytes_do_not_hold_the_loop_up(qtbot: QtBot, value: bytes) -> None:
    raw = b'{"id":"e","data":{"a":' + value + b"}}"
    model = JsonTreeModel()
    began = time.process_time()
    model.set_document(raw)
    # Of the processor. A slice is 6 ms; the rest of the allowance is for a slow machine.
    assert time.process_time() - began < 0.25
    qtbot.waitUntil(lambda: not model.is_reading, timeout=30_000)
    assert rows(model) == [("id", '"e"'), ("data", f"{{ {len(value) + 6:,} bytes }}")]


def test_scanning_in_slices_finds_what_lossless_finds() -> None:
    raw = b' { "k" : [ 1 , {"x":"}]\\"{"} , [] ] ,\n"k":-1.5e+3, "\\u00e9" : {} ,"l":null}\n'
    members = Members()
    for _ in scan_document(raw, members):
        pass
    expected = lossless.scan_members(raw, lossless.scan_value(raw))
    assert [(*members.key(row), members.value(row)) for row in range(len(members))] == [
        (one.key_start, one.key_end, one.value) for one in expected
    ]


def test_path_notation() -> None:
    assert child_path("", "a") == "a"
    assert child_path("a", "b_1") == "a.b_1"
    assert child_path("a", "b.c") == 'a["b.c"]'
    assert child_path("a", 'q"') == 'a["q\\""]'
    assert child_path("", 3) == "[3]"


# --- State and difference ------------------------------------------------------------------------------------


def test_a_state_marks_what_changed_and_who_set_it(qtbot: QtBot) -> None:
    old = loads_exactly(b'{"total":1.10,"gone":true,"case":{"x":1}}')
    new = loads_exactly(b'{"total":1.1,"case":{"x":1,"y":2}}')
    model = StateTreeModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    versions: dict[tuple[str | int, ...], int]
    versions = {
        ("total",): 11,
        ("case",): 11,
        ("case", "x"): 3,
        ("case", "y"): 11,
    }
    model.set_state(new, diff(old, new), version=11, set_by=lambda path: versions.get(path, 0))
    assert rows(model) == [("total", "1.1", "v11"), ("case", "{ 2 keys }", "v11"), ("gone", "removed", "v11")]
    marks = [model.index(row, 0).data(TreeRole.MARK) for row in range(3)]
    assert marks == [Mark.CHANGED, None, Mark.REMOVED]
    assert model.index(0, 1).data(TreeRole.WAS) == "was 1.10"
    assert model.index(2, 1).data(TreeRole.WAS) == "was true"
    case = model.index(1, 0)
    model.fetchMore(case)
    assert rows(model, case) == [("x", "1", "v3"), ("y", "2", "v11")]
    assert model.index(1, 0, case).data(TreeRole.MARK) == Mark.ADDED
    assert model.index(1, 0, case).data(TreeRole.PATH) == "case.y"
    del tester


def test_a_large_state_is_loaded_on_demand(qtbot: QtBot) -> None:
    model = StateTreeModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_state({f"k{number}": number for number in range(1500)})
    assert model.rowCount() == 1001
    model.load_all(model.index(1000, 0))
    assert model.rowCount() == 1500
    assert model.index(1499, 1).data() == "1499"
    del tester


def test_a_difference_is_grouped_by_path(qtbot: QtBot) -> None:
    old = {"group": "Group 1", "case": {"x": 1}, "same": 5}
    new = {"group": "Group 15", "case": {"x": 1}, "same": 5, "new": [1]}
    model = StateDiffModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.set_changes(diff(old, new), new, old_version=12, new_version=15)
    assert rows(model) == [("group", "", ""), ("new", "", "")]
    assert rows(model, model.index(0, 0)) == [("", '"Group 1"', "v12"), ("", '"Group 15"', "v15")]
    assert rows(model, model.index(1, 0)) == [("", "[ 1 item ]", "v15")]
    assert model.unchanged_text == "2 unchanged values hidden"
    model.show_unchanged(True)
    assert rows(model)[2:] == [("case.x", "1", "v15"), ("same", "5", "v15")]
    del tester


# --- The view ------------------------------------------------------------------------------------------------


def test_the_view_keeps_what_is_open_and_selected(qtbot: QtBot) -> None:
    model = tree(b'{"id":1,"data":{"a":1},"metadata":{"m":1}}')
    view = JsonView("tree", "Tree")
    qtbot.addWidget(view)
    view.setModel(model)
    assert view.isExpanded(model.index(1, 0))
    view.collapse(model.index(2, 0))
    view.setCurrentIndex(model.index(0, 0, model.index(1, 0)))
    model.set_document(b'{"id":2,"data":{"a":2},"metadata":{"m":2}}')
    assert view.isExpanded(model.index(1, 0))
    assert not view.isExpanded(model.index(2, 0))
    assert view.currentIndex().data(TreeRole.PATH) == "data.a"


def test_copying_gives_the_whole_text(qtbot: QtBot) -> None:
    raw = json.dumps({"a": "x" * 2000 + "\u202e"}, ensure_ascii=False).encode()
    model = tree(raw)
    view = JsonView("tree", "Tree")
    qtbot.addWidget(view)
    view.setModel(model)
    copied: list[object] = []
    view.copy_requested.connect(copied.append)
    menu = view.copy_menu(model.index(0, 1))
    assert menu is not None
    for action in menu.actions():
        action.trigger()
    text = "x" * 2000 + "\u202e"
    assert copied == [f'"{text}"', text, "a"]


def test_enter_loads_all(qtbot: QtBot) -> None:
    model = tree(json.dumps(list(range(1200))).encode())
    view = JsonView("tree", "Tree")
    qtbot.addWidget(view)
    view.setModel(model)
    view.setCurrentIndex(model.index(1000, 0))
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert model.rowCount() == 1200
