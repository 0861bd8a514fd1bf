"""All states of an actor: in any order, in bounded memory, without chosen events, and around damage."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_engine.codec import dumps, loads_exactly
from aether_engine.errors import BeforeSnapshotError, ReducerError
from aether_engine.event import ActorSnapshot, Event, StoredEvent
from aether_engine.replay import (
    NO_STATE,
    REDUCERS,
    Quarantine,
    Reducer,
    StateHistory,
    Trouble,
    VersionGap,
    apply,
    diff,
    json_merge,
    load_history,
    start_fold,
)
from aether_engine.replay.exact import exact_data, exact_state, with_exact_data
from aether_engine.store.memory.store import InMemoryEventStore
from aether_engine.testing import make_event
from tests.engine.streams import damaged, events_of, number_texts, object_texts, stored, stream, streams

some_reducer = st.sampled_from(sorted(REDUCERS)).map(REDUCERS.__getitem__)


def plainly(reducer: Reducer, events: list[StoredEvent]) -> list[Any]:
    """The state in front of the first event and after each."""
    states: list[Any] = [NO_STATE]
    for event in events_of(events):
        states.append(apply(reducer, states[-1], event))
    return states


class Counting:
    """A reducer that knows how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, state: Any, event: Event, /) -> Any:
        self.calls += 1
        return json_merge(state, event)


def failing(state: Any, event: Event, /) -> Any:
    if event.version == 3:
        raise KeyError("total")
    return json_merge(state, event)


# --- Numbers as written -----------------------------------------------------------------------------------


@given(object_texts)
def test_data_is_exact(data: str) -> None:
    [event] = events_of([stored(1, data)])
    exact = dumps(loads_exactly(event.to_json())["data"])
    assert dumps(exact_data(event)) == dumps(with_exact_data(event).data) == exact
    assert with_exact_data(event).to_json() == event.to_json()


@given(number_texts)
def test_every_number_is_exact(number: str) -> None:
    for data in (f'{{"n":{number}}}', f'{{"n":[ {number},\n{number}]}}', f'{{"n":{{"n":[{number}\t]}}}}'):
        [event] = events_of([stored(1, data)])
        assert number.encode() in dumps(exact_data(event))
        raw = b'{"actorId":"a","version":1,"state":%s,"timestamp":"2024-01-01T00:00:56.78Z"}' % data.encode()
        assert number.encode() in dumps(exact_state(ActorSnapshot.from_json(raw)))


def test_what_lost_nothing_is_not_decoded_again() -> None:
    [event] = events_of([stored(1, {"n": 12, "text": "1.10", "deep": {"n": [1.5]}})])
    assert exact_data(event) is event.data
    assert with_exact_data(event) is event
    made = make_event(data={"n": 1.5})
    assert exact_data(made) is made.data


# --- Any state, at once -----------------------------------------------------------------------------------


@settings(max_examples=50)
@given(streams(), some_reducer, st.integers(1, 9), st.data())
def test_states_in_any_order(
    events: list[StoredEvent], reducer: Reducer, stride: int, data: st.DataObject
) -> None:
    expected = plainly(reducer, events)
    history = StateHistory(events, reducer=reducer, stride=stride)
    assert list(history.versions) == [event.version for event in events_of(events)]
    seen: list[tuple[Any, Any]] = []
    for _ in range(data.draw(st.integers(1, 8))):
        version = data.draw(st.integers(0, history.latest_version + 2))
        position = history.stream.position_of(version)
        state = history.state_at(version)
        assert diff(expected[position], state) == diff(state, expected[position]) == []
        assert list(state) == list(expected[position]), "members stand where the reducer puts them"
        seen.append((state, copy.deepcopy(state)))
        event = history.event_at(version)
        assert event == (events[position - 1] if position else None)
    # Whatever was asked for afterwards, what was handed out is as it was.
    for state, before in seen:
        assert diff(state, before) == []


@settings(max_examples=50)
@given(streams(min_size=1), some_reducer)
def test_one_step_further(events: list[StoredEvent], reducer: Reducer) -> None:
    history = StateHistory(events, reducer=reducer, stride=4)
    for event in events_of(events):
        before, after = history.step_to(event.version)
        assert diff(before, history.state_at(event.version - 1)) == []
        assert diff(apply(reducer, before, event), after) == []


@settings(max_examples=50)
@given(streams(), some_reducer)
def test_walking_along_all_states(events: list[StoredEvent], reducer: Reducer) -> None:
    history = StateHistory(events, reducer=reducer, stride=3)
    walked = [(version, dumps(state)) for version, state in history.walk()]
    expected = plainly(reducer, events)
    assert walked == [(event.version, dumps(expected[at])) for at, event in enumerate(events_of(events), 1)]
    if events:
        middle = history.versions[len(events) // 2]
        assert [one for one, _ in history.walk(middle, history.latest_version - 1)] == [
            version for version in history.versions if middle < version < history.latest_version
        ]


def test_moving_is_cheap() -> None:
    reducer = Counting()
    history = StateHistory(stream(*({"n": version} for version in range(1, 1001))), reducer=reducer, stride=50)
    assert reducer.calls == 0
    history.state_at(1000)
    assert reducer.calls == 1000
    for version, most in ((999, 49), (1000, 0), (500, 0), (501, 1), (502, 1), (499, 49), (7, 7), (8, 1)):
        before = reducer.calls
        history.state_at(version)
        assert reducer.calls - before <= most, version


def test_a_step_shares_what_did_not_change() -> None:
    history = StateHistory(
        stream({"kept": {"deep": [1]}, "n": 1, "o": {"a": 1, "kept": {}}}, {"n": 2, "o": {"a": 2}})
    )
    before, after = history.step_to(2)
    assert after["kept"] is before["kept"]
    assert after["o"]["kept"] is before["o"]["kept"]
    assert (before["o"]["a"], after["o"]["a"]) == (1, 2)


def test_memory_is_bounded() -> None:
    # A member more with each event: keeping every 64th state would take some 80 MB.
    events = stream(*({f"member-{number}": number} for number in range(12_000)))
    history = StateHistory(events, memory=4 << 20)
    assert not history.fold()
    assert history.kept_bytes <= 4 << 20
    assert 256 <= history._states.stride <= 4096
    for version in (1, 63, 64, 5_000, 11_999, 12_000, 4_096):
        assert len(history.state_at(version)) == version
    assert history.state_at(5_000)["member-4999"] == 4999


def test_folding_ahead_by_and_by() -> None:
    reducer = Counting()
    history = StateHistory(stream(*({"n": each} for each in range(100))), reducer=reducer)
    assert history.fold(30)
    assert (history.folded, reducer.calls) == (30, 30)
    assert history.fold(69)
    assert not history.fold(69)
    assert (history.folded, reducer.calls) == (100, 100)
    assert history.state_at(100) == {"n": 99}
    assert reducer.calls == 100
    history.extend(stream(*({"n": each} for each in range(105))))
    assert history.fold(0)
    assert history.state_at(105) == {"n": 104}
    assert reducer.calls == 105


def test_the_history_grows() -> None:
    history = StateHistory(stride=2)
    assert (history.latest_version, history.state_at(5), history.event_at(5)) == (0, {}, None)
    history.extend([stored(1, {"a": 1}), damaged(2)])
    assert history.state_at(5) == {"a": 1}
    history.extend([stored(4, {"b": 2})])
    assert history.state_at(5) == {"a": 1, "b": 2}
    assert history.latest_version == 4


def test_gaps_and_damage_in_their_places() -> None:
    events = [stored(2, {"n": 2}, 10), damaged(11), stored(5, {"n": 5}, 12), stored(4, {"n": 4}, 13), damaged(14)]
    history = StateHistory(events)
    assert history.extend(events) == [], "what is known is skipped"
    assert history.extend([stored(6, {"m": 6}, 15)]) == [stored(6, {"m": 6}, 15)]
    assert list(history.stream.gaps) == [VersionGap(3, 4)]
    assert list(history.stream.troubles) == [
        Trouble(2, 11, "Checksum mismatch"),
        Trouble(5, 13, "Version 4 does not follow version 5; it is not in the state."),
        Trouble(5, 14, "Checksum mismatch"),
    ]
    assert [error.sequence_number for error in history.errors] == [11, 14]
    assert history.state_at(9) == {"n": 5, "m": 6}
    assert list(history.stream.sequences) == [10, 12, 15]


# --- Quarantine -------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(streams(min_size=1), some_reducer, st.integers(1, 5), st.data())
def test_without_some_events(
    events: list[StoredEvent], reducer: Reducer, stride: int, data: st.DataObject
) -> None:
    history = StateHistory(events, reducer=reducer, stride=stride)
    history.fold(data.draw(st.integers(0, len(events))))
    for _ in range(2):
        versions = data.draw(st.sets(st.sampled_from([each.version for each in events_of(events)]), max_size=3))
        sequences = data.draw(st.sets(st.sampled_from([each.sequence for each in events]), max_size=2))
        history = history.without(versions, sequences)
        left = [
            each
            for each in events
            if each.event is not None and each.event.version not in versions and each.sequence not in sequences
        ]
        expected = plainly(reducer, left)
        assert list(history.versions) == [event.version for event in events_of(events)]
        for version in range(history.latest_version + 1):
            position = sum(event.version <= version for event in events_of(left))
            assert diff(history.state_at(version), expected[position]) == []
        assert [dumps(state) for _, state in history.walk()] == [
            dumps(history.state_at(version)) for version in history.versions
        ]


def test_quarantine_from_the_beginning() -> None:
    history = StateHistory(stream({"a": 1}, {"b": 1}, {"c": 1}), quarantine=Quarantine(frozenset({2})))
    assert history.state_at(3) == {"a": 1, "c": 1}
    assert history.without().state_at(3) == {"a": 1, "b": 1, "c": 1}


# --- Failures ---------------------------------------------------------------------------------------------


def test_a_reducer_that_raises() -> None:
    events = [stored(version, {f"n{version}": 1}, version + 10) for version in range(1, 6)]
    history = StateHistory(events, reducer=failing, stride=2)
    for _ in range(2):
        with pytest.raises(ReducerError, match=r"at version 3 \(sequence 13\): KeyError: 'total'\.$") as caught:
            history.state_at(5)
        assert (caught.value.version, caught.value.sequence) == (3, 13)
        assert 'raise KeyError("total")' in caught.value.trace
        assert history.state_at(2) == {"n1": 1, "n2": 1}
        with pytest.raises(ReducerError):
            history.state_at(3)
    assert history.failure is not None
    assert (history.failure.position, history.folded) == (2, 2)
    assert not history.fold()
    assert history.without({3}).state_at(5) == {"n1": 1, "n2": 1, "n4": 1, "n5": 1}
    walked = []
    with pytest.raises(ReducerError, match="sequence 13"):
        walked += [version for version, _ in history.walk()]
    assert [version for version, _ in history.walk(0, 2)] == [1, 2]


def test_a_failed_reducer_is_not_called_again() -> None:
    calls = []

    def once(state: Any, event: Event, /) -> Any:
        calls.append(event.version)
        raise RuntimeError

    history = StateHistory(stream({}, {}), reducer=once)
    for _ in range(3):
        with pytest.raises(ReducerError, match="RuntimeError"):
            history.state_at(2)
    assert calls == [1]


@settings(max_examples=50)
@given(streams(), some_reducer)
def test_a_fold_takes_one_event_or_many(events: list[StoredEvent], reducer: Reducer) -> None:
    one_by_one, at_once = start_fold(reducer), start_fold(reducer)
    for event in events_of(events):
        one_by_one.feed([event])
    at_once.feed(events_of(events))
    assert dumps(one_by_one.keep()) == dumps(at_once.keep()) == dumps(plainly(reducer, events)[-1])


def test_any_callable_is_a_reducer() -> None:
    def count(state: Any, event: Event, /) -> Any:
        return {"count": state.get("count", 0) + 1}

    reducer: Reducer = count
    assert StateHistory([stored(1, {})], reducer=reducer).state_at(1) == {"count": 1}


# --- From a store -----------------------------------------------------------------------------------------


async def _store(*data: dict[str, Any]) -> InMemoryEventStore:
    store = InMemoryEventStore()
    for version, each in enumerate(data, 1):
        await store.save_event(make_event(version, data=each))
    return store


async def test_loading() -> None:
    store = await _store({"a": 1}, {"b": 2}, {"a": None}, {"c": 4})
    progress: list[int] = []
    history = await load_history(store, "order-1", progress=progress.append)
    assert [history.state_at(version) for version in history.versions] == [
        {"a": 1},
        {"a": 1, "b": 2},
        {"b": 2},
        {"b": 2, "c": 4},
    ]
    assert (history.folded, progress) == (4, [4])
    assert list((await load_history(store, "order-1", to_version=2)).versions) == [1, 2]
    without = await load_history(store, "order-1", quarantine=Quarantine(frozenset({3})))
    assert without.state_at(4) == {"a": 1, "b": 2, "c": 4}


async def test_loading_from_a_snapshot() -> None:
    store = await _store({"n": 1}, {"n": 2}, {"n": 3}, {"n": 4})
    for version in (2, 3):
        await store.save_snapshot(ActorSnapshot("order-1", version, {"from": version}))
    history = await load_history(store, "order-1", from_snapshot=True)
    assert (list(history.versions), history.first_version) == ([4], 3)
    assert history.state_at(4) == {"from": 3, "n": 4}
    assert history.state_at(3) == {"from": 3}
    with pytest.raises(BeforeSnapshotError, match="The state at version 2 is not known"):
        history.state_at(2)
    assert [version for version, _ in history.walk()] == [4]
    middle = await load_history(store, "order-1", from_snapshot=True, to_version=2)
    assert (middle.state_at(2), middle.latest_version) == ({"from": 2}, 2)
    none = await load_history(store, "nobody", from_snapshot=True)
    assert (none.latest_version, none.state_at(0)) == (0, {})
