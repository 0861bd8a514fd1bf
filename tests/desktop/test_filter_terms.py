"""From a value in the inspector to a filter: the event it was made from always passes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_desktop.models.filter.filter_terms import value_term
from aether_desktop.models.inspector.json_tree import JsonTreeModel
from aether_desktop.models.inspector.tree_roles import TreeRole
from aether_engine.event import Event, StoredEvent
from aether_engine.query import parse_filter

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.decimals(-1000, 1000, places=2) | texts


def event_with(key: str, value: Any) -> Event:
    # A decimal is written as it is, as a shop would.
    written = str(value) if type(value).__name__ == "Decimal" else json.dumps(value)
    data = f'{{"list":[0,{{{json.dumps(key)}:{written}}}]}}'
    raw = (
        f'{{"id":"e","eventType":"T","actorId":"a","version":1,"data":{data},"timestamp":"2026-01-01T00:00:00Z"}}'
    )
    return Event.from_json(raw.encode())


def terms(event: Event) -> dict[str, str]:
    """The terms of all values of an event, by path."""
    model = JsonTreeModel()
    model.set_document(event.to_json())
    found: dict[str, str] = {}
    pending = [model.index(row, 0) for row in range(model.rowCount())]
    while pending:
        index = pending.pop()
        if model.canFetchMore(index):
            model.fetchMore(index)
        pending += [model.index(row, 0, index) for row in range(model.rowCount(index))]
        if term := index.data(TreeRole.FILTER):
            found[index.data(TreeRole.PATH)] = term
    return found


def passes(term: str, event: Event) -> bool:
    parsed = parse_filter(term)
    assert not parsed.problems, (term, parsed.problems)
    return parsed.matches(StoredEvent(1, datetime.now(UTC), event.to_json(), event, None))


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), values)
def test_an_event_passes_each_of_its_terms(key: str, value: Any) -> None:
    event = event_with(key, value)
    made = terms(event)
    assert {"id", "eventType", "actorId", "version", "data.list[0]"} <= made.keys()
    assert len(made) == 6
    for term in made.values():
        assert passes(term, event), term


def test_terms_of_metadata_and_fields() -> None:
    assert value_term(["metadata", "CorrelationID"], 'a"b', is_text=True) == r'correlation:"a\"b"'
    assert value_term(["metadata", "CausationID"], "e-1", is_text=True) == 'causation:"e-1"'
    assert value_term(["metadata", "UserID"], "u", is_text=True) == 'meta.UserID:"u"'
    assert value_term(["eventType"], "Paid", is_text=True) == 'type:"Paid"'
    assert value_term(["data", "a b", 3, "c"], "1.50", is_text=False) == 'data."a b".3.c:1.50'


@pytest.mark.parametrize("keys", [["timestamp"], ["data"], [], ["unknown"], ["metadata", 3], ["other", "x"]])
def test_what_no_filter_can_ask_for_has_no_term(keys: list[str | int]) -> None:
    assert value_term(keys, "x", is_text=True) == ""


def test_long_texts_have_no_term() -> None:
    assert value_term(["data", "a"], "x" * 301, is_text=True) == ""
