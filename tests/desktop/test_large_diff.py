"""Differences of large documents are those of small ones, only found in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from aether_desktop.models.inspector import large_diff
from aether_desktop.models.inspector.event_diff import EventDiff
from aether_desktop.models.inspector.large_diff import CancelledError, diff_large
from aether_desktop.models.inspector.tree_roles import Mark, TreeRole, ValueKind
from aether_desktop.models.state.state_diff import diff_documents
from aether_desktop.models.state.state_values import WrittenValue, kind_of, preview_value, value_bytes
from aether_engine import codec, json_pieces

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["a", "b", "x" * 60, 1.5])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=5),
    max_leaves=30,
)
documents = st.dictionaries(st.sampled_from("abcdef"), values, max_size=6)


def plain(value: Any) -> Any:
    return codec.loads_exactly(value.raw) if isinstance(value, WrittenValue) else value


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents, documents)
def test_it_finds_what_the_plain_way_finds(
    monkeypatch: pytest.MonkeyPatch, old: dict[str, Any], new: dict[str, Any]
) -> None:
    monkeypatch.setattr(large_diff, "_SMALL", 20)
    monkeypatch.setattr(json_pieces, "PIECE", 30)
    before, after = json.dumps(old).encode(), json.dumps(new).encode()
    expected, _ = diff_documents(before, after)
    found = diff_large(before, after, lambda: False)
    assert not found.are_more
    assert [(each.path, each.kind, plain(each.old), plain(each.new)) for each in found.changes] == [
        (each.path, each.kind, each.old, each.new) for each in expected
    ]


def rows(count: int, **changed: int) -> bytes:
    items = [{"n": n, "price": changed.get(f"n{n}", 0)} for n in range(count)]
    return json.dumps({"id": "e", "data": {"rows": items, "blob": "x" * 100_000}}).encode()


def test_changes_beyond_what_is_listed_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = rows(5000), rows(5000, n7=1, n4999=2)
    found = diff_large(old, new, lambda: False)
    assert [(each.path, each.new) for each in found.changes] == [
        (("data", "rows", 7, "price"), 1),
        (("data", "rows", 4999, "price"), 2),
    ]
    monkeypatch.setattr(large_diff, "CHANGES_KEPT", 1)
    found = diff_large(old, new, lambda: False)
    assert (len(found.changes), found.are_more) == (1, True)


def test_large_values_stay_as_written() -> None:
    old, new = rows(5), rows(1500)
    changes = diff_large(old, new.replace(b'"blob"', b'"other"'), lambda: False).changes
    removed = next(each for each in changes if each.kind == "removed")
    assert isinstance(removed.old, WrittenValue)
    assert preview_value(removed.old).startswith('"xxx')
    assert preview_value(removed.old).endswith("… (100,002 bytes)")
    assert kind_of(removed.old) is ValueKind.STRING
    assert value_bytes(removed.old) == b'"' + b"x" * 100_000 + b'"'
    whole = diff_large(
        old, json.dumps({"id": "e", "list": json.loads(new)["data"]["rows"]}).encode(), lambda: False
    )
    added = next(each for each in whole.changes if each.kind == "added")
    assert preview_value(added.new).startswith("[ ")
    assert kind_of(added.new) is ValueKind.CONTAINER


def test_nobody_waits_for_what_nobody_wants() -> None:
    with pytest.raises(CancelledError):
        diff_large(rows(5000), rows(5000, n1=1), lambda: True)
    with pytest.raises(ValueError, match=r"malformed|truncated"):
        diff_large(b'{"a":' + b" " * 100_000, b"{}", lambda: False)


def test_the_last_pair_asked_for_is_shown(qtbot: QtBot) -> None:
    difference = EventDiff()
    difference.compare(rows(5000), rows(5000, n1=1), 1, 2)
    assert difference.is_comparing
    difference.compare(rows(5000), rows(5000, n2=1), 2, 3)
    qtbot.waitUntil(lambda: not difference.is_comparing)
    model = difference.model
    assert model.index(0, 0).data() == "data.rows[2].price"
    assert [model.index(row, 0, model.index(0, 0)).data(TreeRole.MARK) for row in range(2)] == [
        Mark.REMOVED,
        Mark.ADDED,
    ]
    difference.compare(b'{"a":' + b" " * 100_000, rows(5), 3, 4)
    qtbot.waitUntil(lambda: not difference.is_comparing)
    assert "cannot be compared" in difference.problem
    difference.compare(rows(5000), rows(5000, n2=1), 2, 3)
    difference.clear()
    assert (difference.is_comparing, model.rowCount()) == (False, 0)
