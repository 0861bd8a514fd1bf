"""Bisecting: where a condition begins to hold, in a handful of looks, and what the answer means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aether_engine.errors import BeforeSnapshotError, ReducerError
from aether_engine.event import ActorSnapshot, Event, StoredEvent
from aether_engine.replay import StateHistory, json_merge
from aether_engine.replay.bisecting import MOST_EVALUATIONS, bisect_history, turns
from aether_engine.replay.expressions import parse_expression
from tests.engine.streams import events_of, stored, stream, streams


@settings(max_examples=50)
@given(streams(), st.integers(0, 40))
def test_it_agrees_with_a_linear_search(events: list[StoredEvent], threshold: int) -> None:
    """Of a condition that, once it holds, holds for ever."""
    counted = [
        stored(event.version, {"count": number}, sequence=number)
        for number, event in enumerate(events_of(events), 1)
    ]
    history = StateHistory(counted, stride=3)
    looks = 0

    def holds(state: Any) -> bool:
        nonlocal looks
        looks += 1
        return int(state.get("count", 0)) >= threshold

    found = bisect_history(history, holds)
    linear = next((version for version, begins in turns(history, holds) if begins), None)
    assert found.version == linear
    assert found.also_at is None
    assert found.evaluations <= MOST_EVALUATIONS
    assert looks >= found.evaluations
    if found.version:
        assert not holds(history.state_at(found.before))
        assert history.stream.position_of(found.version) == history.stream.position_of(found.before) + 1


@settings(max_examples=50)
@given(streams(), st.sampled_from(["exists(a)", "a == null", "len($) > 1", "b in [1, true, -1]", "not exists(c)"]))
def test_what_it_says_is_true(events: list[StoredEvent], text: str) -> None:
    """Of any condition: it holds at the version and does not before it."""
    history = StateHistory(events)
    holds = parse_expression(text)
    found = bisect_history(history, holds)
    states = {0: history.state_at(0), **{version: history.state_at(version) for version in history.versions}}
    assert found.last_version == history.latest_version
    assert (found.version is not None) == holds(states[found.last_version])
    if found.version is not None and found.version != found.before:
        assert (holds(states[found.before]), holds(states[found.version])) == (False, True)
    if found.also_at is not None:
        assert found.also_at < (found.version or 0)
        assert holds(states[found.also_at])
    assert found.evaluations <= MOST_EVALUATIONS
    # The linear variant tells every turn.
    expected, holding = [], False
    for version in sorted(states):
        if holds(states[version]) != holding:
            holding = not holding
            expected.append((version, holding))
    assert list(turns(history, holds)) == expected


def test_a_long_stream_takes_few_looks() -> None:
    events = [stored(version, f'{{"n":{version}}}') for version in range(1, 20_001)]
    history = StateHistory(events)
    for threshold in (1, 2, 777, 10_000, 19_999, 20_000):
        found = bisect_history(history, parse_expression(f"n >= {threshold}"))
        assert (found.version, found.before) == (threshold, threshold - 1)
        assert found.evaluations <= MOST_EVALUATIONS


def test_what_the_answer_means() -> None:
    history = StateHistory(stream(*({"on": each} for each in (False, True, False, False, True, True))))
    on = parse_expression("on == true")
    found = bisect_history(history, on)
    assert (found.version, found.before, found.also_at) == (5, 4, 2)
    assert "not the first time" in found.meaning
    assert list(turns(history, on)) == [(2, True), (3, False), (5, True)]
    assert list(turns(history, on, to_version=4)) == [(2, True), (3, False)]
    off = bisect_history(history, parse_expression("on == false"))
    assert off.version is None
    assert "does not hold at version 6, the last one" in off.meaning
    early = bisect_history(history, on, to_version=3)
    assert (early.version, early.last_version) == (None, 3)
    always = bisect_history(history, parse_expression("on != 5"))
    assert (always.version, always.before) == (0, 0)
    assert "before any event" in always.meaning
    once = bisect_history(history, parse_expression("exists(on)"))
    assert (once.version, once.before) == (1, 0)
    assert "That is the first time" in once.meaning
    assert bisect_history(StateHistory(), on).version is None


def test_from_a_snapshot() -> None:
    snapshot = ActorSnapshot("order-1", 7, {"n": 7})
    history = StateHistory([stored(version, {"n": version}) for version in (8, 9, 12)], snapshot=snapshot)
    found = bisect_history(history, parse_expression("n > 8"))
    assert (found.version, found.before) == (9, 8)
    held = bisect_history(history, parse_expression("n >= 7"))
    assert (held.version, held.before) == (7, 7)
    assert "at version 7, where the states begin" in held.meaning
    assert list(turns(history, parse_expression("n >= 7"))) == [(7, True)]
    with pytest.raises(BeforeSnapshotError):
        bisect_history(history, parse_expression("n >= 7"), to_version=3)


def test_a_reducer_that_raises() -> None:
    def failing(state: Any, event: Event, /) -> Any:
        if event.version == 4:
            raise LookupError("no")
        return json_merge(state, event)

    history = StateHistory(stream(*({"n": each} for each in range(6))), reducer=failing)
    with pytest.raises(ReducerError, match="version 4"):
        bisect_history(history, parse_expression("n == 2"))
    assert bisect_history(history, parse_expression("n == 2"), to_version=3).version == 3
