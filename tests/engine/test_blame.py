"""Blame: which version last changed each value of a state, and which last wrote it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_engine.codec import dumps
from aether_engine.errors import ReducerError
from aether_engine.event import ActorSnapshot, Event, StoredEvent
from aether_engine.replay import NO_STATE, REDUCERS, Path, Reducer, StateHistory, apply, diff, json_merge
from aether_engine.testing import nested
from tests.engine.streams import damaged, events_of, stored, stream, streams

_NOTHING = object()


def through_a_call(state: Any, event: Event, /) -> Any:
    """JSON merge as a reducer that nobody knows anything about; sometimes the state is no object at all."""
    merged = json_merge(state, event)
    return [merged] if "c" in merged else merged


all_reducers = st.sampled_from([*REDUCERS.values(), through_a_call])


def value_at(state: Any, path: Path) -> Any:
    for key in path:
        if isinstance(state, dict):
            state = state.get(key, _NOTHING)
        elif isinstance(state, list) and isinstance(key, int) and key < len(state):
            state = state[key]
        else:
            return _NOTHING
    return state


def all_paths(state: Any, path: Path = ()) -> list[Path]:
    found = [path]
    if isinstance(state, dict):
        for key, value in state.items():
            found += all_paths(value, (*path, key))
    elif isinstance(state, list):
        for place, value in enumerate(state):
            found += all_paths(value, (*path, place))
    return found


def is_same(one: Any, other: Any) -> bool:
    if one is _NOTHING or other is _NOTHING:
        return one is other
    return diff(one, other) == []


def last_change(states: list[tuple[int, Any]], path: Path) -> int:
    """The last version at which the value at `path` became another one: the naive way."""
    changed = 0
    for (_, before), (version, after) in pairwise(states):
        if not is_same(value_at(before, path), value_at(after, path)):
            changed = version
    return changed


def wrote(reducer: Reducer, state: Any, event: Event, path: Path) -> bool:
    """Whether an event says what the value at `path` is, in whole or in part, or of what it lies in as a whole."""
    if reducer is REDUCERS["last-event"]:
        return True
    data: Any = {event.event_type: event.data} if reducer is REDUCERS["by-event-type"] else event.data
    for depth, key in enumerate(path):
        if not isinstance(data, dict) or (depth and reducer is not json_merge):
            return True  # an array or another scalar: as a whole
        if key not in data:
            return False
        data = data[key]
    return bool(path) or bool(data)


@settings(max_examples=50)
@given(streams(max_size=10), all_reducers, st.integers(1, 5), st.data())
def test_it_agrees_with_a_naive_recomputation(
    events: list[StoredEvent], reducer: Reducer, stride: int, data: st.DataObject
) -> None:
    history = StateHistory(events, reducer=reducer, stride=stride)
    states: list[tuple[int, Any]] = [(0, NO_STATE)]
    for event in events_of(events):
        states.append((event.version, apply(reducer, states[-1][1], event)))
    versions = data.draw(st.lists(st.sampled_from([version for version, _ in states]), max_size=4))
    for version in [*versions, history.latest_version]:
        known = states[: history.stream.position_of(version) + 1]
        blame = history.blame_at(version)
        assert diff(blame.state, known[-1][1]) == []
        for path in all_paths(known[-1][1]):
            origin = blame.origin(path)
            assert origin.changed == last_change(known, path), path
            assert origin.written >= origin.changed
            if reducer is not through_a_call and path:
                writers = [
                    event.version
                    for event, (_, state) in zip(events_of(events), known, strict=False)
                    if event.version <= version and wrote(reducer, state, event, path)
                ]
                assert origin.written == max([origin.changed, *writers]), path
        leaves = list(blame.leaves())
        assert [(path, dumps(value)) for path, value, _ in leaves] == [
            (path, dumps(value_at(known[-1][1], path)))
            for path in all_paths(known[-1][1])
            if not value_at(known[-1][1], path) or not isinstance(value_at(known[-1][1], path), (dict, list))
        ]


def test_changed_and_written() -> None:
    history = StateHistory(
        stream(
            {"status": "open", "total": 1, "customer": {"name": "Ann", "city": "Rome"}, "lines": [1, 2]},
            {"status": "open", "lines": [1, 3]},
            {"total": 2, "customer": {"name": "Ann"}},
            {"lines": [1, 3], "total": None},
            {"total": 2},
        )
    )
    origins = {path: (origin.changed, origin.written) for path, _, origin in history.blame_at(5).leaves()}
    assert origins == {
        ("status",): (1, 2),
        ("customer", "name"): (1, 3),
        ("customer", "city"): (1, 1),
        ("lines", 0): (1, 4),
        ("lines", 1): (2, 4),
        ("total",): (5, 5),
    }
    blame = history.blame_at(5)
    assert (blame.origin(("customer",)).changed, blame.origin(("customer",)).written) == (1, 3)
    assert (blame.origin(("lines",)).changed, blame.origin(()).changed) == (2, 5)
    assert history.blame_at(2).origin(("lines", 1)).changed == 2
    assert history.blame_at(1).origin(("lines", 1)).changed == 1


def test_numbers_change_with_their_spelling() -> None:
    history = StateHistory(
        [stored(1, '{"n":1.10,"z":0}'), stored(2, '{"n":1.10,"z":0}'), stored(3, '{"n":1.1,"z":-0}')]
    )
    assert [history.blame_at(version).origin(("n",)).changed for version in (1, 2, 3)] == [1, 1, 3]
    assert [history.blame_at(version).origin(("z",)).changed for version in (1, 2, 3)] == [1, 1, 3]


def test_what_was_handed_out_stays() -> None:
    history = StateHistory(stream({"a": 1, "o": {"x": 1}}, {"a": 2}, {"o": {"x": 2}}), stride=10)
    before = {version: list(history.blame_at(version).leaves()) for version in (3, 1, 2)}
    assert {version: list(history.blame_at(version).leaves()) for version in (1, 2, 3)} == before


def test_a_snapshot_is_the_origin_of_what_it_brought() -> None:
    snapshot = ActorSnapshot("order-1", 7, {"a": 1, "o": {"x": 1, "y": 1}})
    history = StateHistory([stored(8, {"o": {"x": 2}})], snapshot=snapshot)
    blame = history.blame_at(8)
    assert [blame.origin(path).changed for path in (("a",), ("o", "x"), ("o", "y"), ("o",))] == [7, 8, 7, 8]


def test_without_some_events() -> None:
    history = StateHistory(stream({"a": 1}, {"a": 2}, {"b": 1}))
    assert history.blame_at(3).origin(("a",)).changed == 2
    assert history.without({2}).blame_at(3).origin(("a",)).changed == 1


def test_it_grows_with_the_stream() -> None:
    history = StateHistory(stream({"a": 1}))
    assert history.blame_at(1).origin(("a",)).changed == 1
    history.extend([damaged(2), stored(3, {"a": 2}), stored(4, {"a": 2})])
    origin = history.blame_at(4).origin(("a",))
    assert (origin.changed, origin.written) == (3, 4)


def test_a_reducer_that_raises() -> None:
    def failing(state: Any, event: Event, /) -> Any:
        if event.version == 2:
            raise LookupError("no")
        return json_merge(state, event)

    history = StateHistory(stream({"a": 1}, {"a": 2}), reducer=failing)
    assert history.blame_at(1).origin(("a",)).changed == 1
    with pytest.raises(ReducerError, match=r"version 2 \(sequence 2\): LookupError: no"):
        history.blame_at(2)


def test_deep_and_wide_states() -> None:
    deep = nested(900)
    history = StateHistory([*stream({"deep": deep}, {"deep": deep})], stride=1)
    path: Path = ("deep", *("x" for _ in range(900)))
    assert history.blame_at(2).origin(path).changed == 1
    wide = StateHistory(stream(*({f"member-{each}": each} for each in range(3000))), memory=1 << 20)
    blame = wide.blame_at(3000)
    assert all(blame.origin((f"member-{each}",)).changed == each + 1 for each in range(3000))
    assert wide._blames is not None
    assert wide._blames.kept_bytes <= 1 << 20
