"""From events to state: reducers, replay, moving along versions, differences."""

from __future__ import annotations

import copy
import importlib
import json
import pkgutil
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aether_engine import ActorSnapshot, Event, InMemoryEventStore, ReducerError, StoredEvent
from aether_engine.codec import dumps, loads_exactly
from aether_engine.replay import (
    REDUCERS,
    Change,
    by_event_type,
    diff,
    json_merge,
    last_event,
    load_history,
    merge_patch,
    replay,
    shallow_merge,
)
from aether_engine.testing import make_event, nested

# --- Merging ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("original", "patch", "result"),
    [
        # The table of RFC 7396, appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_rfc_7396(original: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy((original, patch))
    assert merge_patch(original, patch) == result
    assert (original, patch) == before


_texts = st.sampled_from(["a", "b", "c"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(_texts, children, max_size=3),
    max_leaves=15,
)


def _by_the_book(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = _by_the_book(target.get(name), value)
    return target


@given(_json, _json)
def test_merging_is_that_of_the_rfc(target: Any, patch: Any) -> None:
    before = json.dumps([target, patch])
    merged = merge_patch(target, patch)
    assert json.dumps(merged) == json.dumps(_by_the_book(target, patch))
    assert json.dumps([target, patch]) == before


def test_merging_shares_what_does_not_change() -> None:
    state: dict[str, Any] = {"kept": {"deep": [1, 2]}, "changed": {"a": 1, "kept": {}}}
    merged = merge_patch(state, {"changed": {"a": 2}})
    assert merged["kept"] is state["kept"]
    assert merged["changed"]["kept"] is state["changed"]["kept"]


def test_merging_deep_documents() -> None:
    deep = nested(5_000)
    assert diff(merge_patch(deep, deep), deep) == []


def test_reducers() -> None:
    state = {"a": {"x": 1}, "b": 2}
    event = make_event(data={"a": {"y": None, "z": 3}, "b": None}, event_type="Moved")
    assert json_merge(state, event) == {"a": {"x": 1, "z": 3}}
    assert shallow_merge(state, event) == {"a": {"y": None, "z": 3}, "b": None}
    assert last_event(state, event) == event.data
    assert by_event_type(state, event) == {**state, "Moved": event.data}
    assert set(REDUCERS) == {"json-merge", "shallow-merge", "last-event", "by-event-type"}
    assert state == {"a": {"x": 1}, "b": 2}


# --- Replay -----------------------------------------------------------------------------------------------


async def _store(*changes: dict[str, Any]) -> InMemoryEventStore:
    store = InMemoryEventStore()
    for version, data in enumerate(changes, 1):
        await store.save_event(make_event(version, data=data))
    return store


async def test_replay() -> None:
    store = await _store({"a": 1}, {"b": 2}, {"a": None})
    replayed = await replay(store, "order-1")
    assert (replayed.state, replayed.version, replayed.events_applied) == ({"b": 2}, 3, 3)
    assert (replayed.actor_id, replayed.from_snapshot_version, replayed.errors) == ("order-1", 0, [])
    assert (await replay(store, "order-1", to_version=2)).state == {"a": 1, "b": 2}
    assert (await replay(store, "order-1", to_version=99)).version == 3
    assert (await replay(store, "order-1", reducer=last_event)).state == {"a": None}
    nobody = await replay(store, "nobody")
    assert (nobody.state, nobody.version, nobody.events_applied) == ({}, 0, 0)
    assert (await replay(store, "order-1", to_version=0)).state == {}


async def test_replay_from_the_best_snapshot() -> None:
    store = await _store({"n": 1}, {"n": 2}, {"n": 3}, {"n": 4})
    for version in (1, 3):
        await store.save_snapshot(ActorSnapshot("order-1", version, {"from": version}))
    await store.save_snapshot(ActorSnapshot("order-1", 9, {"ahead": True}))
    newest = await replay(store, "order-1")
    assert (newest.state, newest.version) == ({"from": 3, "n": 4}, 4)
    assert (newest.from_snapshot_version, newest.events_applied) == (3, 1)
    exactly = await replay(store, "order-1", to_version=3)
    assert (exactly.state, exactly.version, exactly.events_applied) == ({"from": 3}, 3, 0)
    assert (await replay(store, "order-1", to_version=2)).state == {"from": 1, "n": 2}
    assert (await replay(store, "order-1", from_snapshot=False)).state == {"n": 4}


async def test_numbers_come_out_as_stored() -> None:
    store = InMemoryEventStore()
    for version, number in enumerate((b"1.10", b"1e2", b"-0", b"123456789012345678901234567890"), 1):
        raw = b'{"id":"e%d","eventType":"T","actorId":"a","version":%d,"data":{"n%d":%b},' % (
            version,
            version,
            version,
            number,
        )
        await store.save_event(Event.from_json(raw + b'"timestamp":"2024-01-01T00:00:00Z"}'))
    replayed = await replay(store, "a")
    assert dumps(replayed.state) == b'{"n1":1.10,"n2":1e2,"n3":-0,"n4":123456789012345678901234567890}'
    snapshot = b'{"actorId":"a","version":4,"state":{"n":2.50},"timestamp":"2024-01-01T00:00:00Z"}'
    await store.save_snapshot(ActorSnapshot.from_json(snapshot))
    assert dumps((await replay(store, "a")).state) == b'{"n":2.50}'


async def test_events_out_of_order_are_in_no_state() -> None:
    """Another program may have written so; a store that streams does not sort."""

    class Unsorted(InMemoryEventStore):
        async def read_actor(
            self, actor_id: str, *, from_version: int = 0, batch_size: int = 1000
        ) -> AsyncIterator[list[StoredEvent]]:
            stored = [one async for batch in super().read_actor(actor_id) for one in batch]
            yield [stored[place] for place in (0, 2, 1)]
            yield [stored[place] for place in (1, 3)]

    store = Unsorted()
    for version in range(1, 5):
        await store.save_event(make_event(version, data={f"n{version}": 1}))
    replayed = await replay(store, "order-1")
    assert (replayed.state, replayed.version) == ({"n1": 1, "n3": 1, "n4": 1}, 4)
    assert replayed.events_applied == 3
    history = await load_history(store, "order-1")
    assert history.state_at(4) == replayed.state
    assert [one.sequence for one in history.stream.troubles] == [2]


def _failing(state: Any, event: Event, /) -> Any:
    if event.version == 3:
        raise KeyError("total")
    return json_merge(state, event)


async def test_a_reducer_that_raises_is_named() -> None:
    store = await _store({"n": 1}, {"n": 2}, {"n": 3})
    assert (await replay(store, "order-1", reducer=_failing, to_version=2)).state == {"n": 2}
    with pytest.raises(ReducerError, match=r"at version 3 \(sequence 3\): KeyError: 'total'\.$") as caught:
        await replay(store, "order-1", reducer=_failing)
    assert caught.value.version == 3
    assert isinstance(caught.value.__cause__, KeyError)


# --- Differences ------------------------------------------------------------------------------------------


def test_differences_in_document_order() -> None:
    old = {"a": 1, "gone": {"x": 1}, "list": [1, 2, 3], "same": [1], "deep": {"k": {"v": 1, "w": 2}}}
    new = {"new": None, "a": 2, "list": [1, 5], "same": [1], "deep": {"k": {"w": 2, "v": [1]}}}
    assert diff(old, new) == [
        Change(("a",), "changed", 1, 2),
        Change(("gone",), "removed", {"x": 1}, None),
        Change(("list", 1), "changed", 2, 5),
        Change(("list", 2), "removed", 3, None),
        Change(("deep", "k", "v"), "changed", 1, [1]),
        Change(("new",), "added", None, None),
    ]
    assert diff([1], [1, {"a": 1}]) == [Change((1,), "added", None, {"a": 1})]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        (0, None),
        (1.0, True),
        ("1", 1),
        ([], {}),
        ({}, None),
        (2**64, float(2**64)),
        (loads_exactly(b"1.1"), loads_exactly(b"1.10")),
        (loads_exactly(b"-0"), 0),
    ],
)
def test_values_that_look_alike(old: Any, new: Any) -> None:
    assert diff(old, new) == [Change((), "changed", old, new)]
    assert diff({"a": [old]}, {"a": [new]}) == [Change(("a", 0), "changed", old, new)]
    assert diff([old], copy.deepcopy([old])) == []


def test_a_number_read_exactly_equals_its_float() -> None:
    assert diff({"a": 1.5}, loads_exactly(b'{"a":1.5}')) == []


def test_differences_of_deep_documents() -> None:
    old, new = nested(5_000), nested(5_001)
    [change] = diff(old, new)
    assert change.kind == "added"
    assert len(change.path) == 5_001


def _applied(old: Any, changes: list[Change]) -> Any:
    holder = [copy.deepcopy(old)]
    # From the end, so that removing an item of an array moves no other that is still to come.
    for change in reversed(changes):
        parent: Any = holder
        path = (0, *change.path)
        for step in path[:-1]:
            parent = parent[step]
        if change.kind == "removed":
            del parent[path[-1]]
        elif change.kind == "added" and isinstance(parent, list):
            parent.append(change.new)
        else:
            parent[path[-1]] = change.new
    return holder[0]


@given(_json, _json)
def test_differences_lead_from_one_to_the_other(old: Any, new: Any) -> None:
    changes = diff(old, new)
    # Items are added from the end, so that the last ones come in reverse: applied in the order told.
    removals = [change for change in changes if change.kind != "added"]
    additions = [change for change in changes if change.kind == "added"]
    result = _applied(_applied(old, removals), list(reversed(additions)))
    assert json.dumps(result, sort_keys=True) == json.dumps(new, sort_keys=True)
    assert bool(changes) == (json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True))
    assert diff(new, new) == diff(old, copy.deepcopy(old)) == []


def test_every_public_name_is_what_it_says() -> None:
    """Also once all modules are loaded: none may have the name of something else."""
    package = importlib.import_module("aether_engine.replay")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"aether_engine.replay.{module.name}")
        assert module.name not in package.__all__
    for name in package.__all__:
        assert not isinstance(getattr(package, name), ModuleType)
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018 (asking is the test)
    assert set(dir(package)) == set(package.__all__)
