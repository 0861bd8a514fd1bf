"""Two documents side by side: the same rows on both sides, and what differs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from aether_desktop.models.inspector.tree_roles import Mark, Note, TreeRole
from aether_desktop.models.state.compare_tree import CompareTree
from aether_desktop.models.state.comparison import Comparison

LEFT = {"same": 1, "gone": {"a": 1, "b": [1, 2]}, "deep": {"x": {"y": 1, "z": 2}}, "list": [1, 2, 3], "kind": 1}
RIGHT = {"same": 1, "deep": {"x": {"y": 1, "z": 3}}, "list": [1, 9], "kind": {"now": "object"}, "new": [0]}

documents = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def trees(left: Any, right: Any, *, only: bool = False) -> tuple[CompareTree, CompareTree]:
    comparison = Comparison(left, right)
    models = CompareTree(right=False), CompareTree(right=True)
    for model in models:
        model.show_comparison(comparison, only_differences=only)
    return models


def shown(model: CompareTree, parent: QModelIndex | None = None, depth: int = 0) -> list[str]:
    """Every row of a tree: depth, mark, path and value."""
    parent = parent or QModelIndex()
    model.fetchMore(parent)
    lines: list[str] = []
    for row in range(model.rowCount(parent)):
        index = model.index(row, 0, parent)
        mark = index.data(TreeRole.MARK)
        lines.append(f"{'  ' * depth}{mark or ' '} {index.data()}: {index.siblingAtColumn(1).data()}")
        if model.hasChildren(index):
            lines += shown(model, index, depth + 1)
    return lines


def test_both_sides_have_the_same_rows(qtbot: QtBot) -> None:
    left, right = trees(LEFT, RIGHT)
    assert shown(left) == [
        "  same: 1",
        "− gone: { 2 keys }",
        "  − a: 1",
        "  − b: [ 2 items ]",
        "    − [0]: 1",
        "    − [1]: 2",
        "  deep: { 1 key }",
        "    x: { 2 keys }",
        "      y: 1",
        "    ~ z: 2",
        "  list: [ 3 items ]",
        "    [0]: 1",
        "  ~ [1]: 2",
        "  − [2]: 3",
        "~ kind: 1",
        "    : ",
        "  : ",
        "    : ",
    ]
    assert [line.count("  ") for line in shown(left)] == [line.count("  ") for line in shown(left)]
    assert len(shown(right)) == len(shown(left))
    assert "  + new: [ 1 item ]".strip() in [line.strip() for line in shown(right)]


def test_only_what_differs(qtbot: QtBot) -> None:
    left, _ = trees(LEFT, RIGHT, only=True)
    assert [line.strip() for line in shown(left)][:2] == ["− gone: { 2 keys }", "− a: 1"]
    assert not any("same" in line for line in shown(left))
    assert "    ~ z: 2" in shown(left)
    assert not any("y: 1" in line for line in shown(left))
    same, _ = trees(LEFT, LEFT, only=True)
    assert shown(same) == []


def test_a_difference_is_gone_to_by_its_path(qtbot: QtBot) -> None:
    left, right = trees(LEFT, RIGHT)
    for model in (left, right):
        index = model.index_of(("deep", "x", "z"))
        assert index.data(TreeRole.PATH) == "deep.x.z"
        assert model.index_at(model.place_of(index)) == index
    assert right.index_of(("gone", "b", 1)).data(TreeRole.PATH) == "gone.b[1]"
    assert not left.index_of(()).isValid()


def test_long_containers_are_loaded_when_asked(qtbot: QtBot) -> None:
    many = {f"k{number:04}": number for number in range(1500)}
    left, right = trees(many, {**many, "k1400": -1})
    assert left.rowCount() == 1001
    note = left.index(1000, 0)
    assert note.data(TreeRole.NOTE) == Note.LOAD_ALL
    assert note.data() == "1,000 of 1,500 shown"
    left.load_all(note)
    assert left.rowCount() == 1500
    assert right.index_of(("k1400",)).data(TreeRole.MARK) == Mark.CHANGED, "loaded to get there"


@pytest.mark.parametrize(("one", "other"), [(1, 2), ("x", None), (None, None), ({"a": 1}, 5), ([1], {"a": 1})])
def test_documents_that_are_no_objects(qtbot: QtBot, one: Any, other: Any) -> None:
    left, right = trees(one, other)
    assert len(shown(left)) == len(shown(right)) >= 1


@given(documents, documents)
def test_any_two_documents(left: Any, right: Any) -> None:
    models = trees(left, right)
    for model in models:
        QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    one, other = shown(models[0]), shown(models[1])
    assert len(one) == len(other)
    marked = [line for line in one + other if line.strip()[:1] in ("+", "−", "~")]
    assert bool(marked) == bool(Comparison(left, right).changes)
