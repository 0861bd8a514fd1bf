"""Snapshots against the replay, and states that begin with them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aether_desktop.models.state.snapshot_states import (
    FROM_BEST,
    SnapshotBlame,
    SnapshotEntry,
    SnapshotStarts,
    Standing,
    entries_of,
    judge,
)
from aether_engine.event import ActorSnapshot
from aether_engine.replay import StateHistory
from aether_engine.store.protocols import StoredSnapshot
from tests.desktop.test_state_controller import stored

EVENTS = [stored(version, {"n": version, f"k{version}": version}) for version in range(1, 21)]


@pytest.fixture
def history() -> StateHistory:
    return StateHistory(EVENTS)


def kept(version: int, state: dict[str, Any]) -> StoredSnapshot:
    raw = json.dumps(
        {"actorId": "a", "version": version, "state": state, "timestamp": "2026-01-02T03:04:05Z"}
    ).encode()
    return StoredSnapshot("a", version, raw, ActorSnapshot.from_json(raw), None)


def state(version: int) -> dict[str, Any]:
    return {"n": version, **{f"k{one}": one for one in range(1, version + 1)}}


def judged(history: StateHistory, *snapshots: StoredSnapshot) -> list[SnapshotEntry]:
    return [judge(history, entry) for entry in entries_of(snapshots)]


def test_a_snapshot_stands_as_the_replay_says(history: StateHistory) -> None:
    broken = StoredSnapshot("a", 7, b"x", None, ValueError("not JSON"))
    entries = judged(
        history,
        kept(30, state(30)),
        kept(10, state(10)),
        kept(5, {**state(5), "n": 9}),
        broken,
        kept(3, {"n": 3.0}),
    )
    assert [(entry.version, entry.standing) for entry in entries] == [
        (3, Standing.DIFFERS),
        (5, Standing.DIFFERS),
        (7, Standing.UNREADABLE),
        (10, Standing.EQUAL),
        (30, Standing.AHEAD),
    ]
    assert [entry.words for entry in entries] == [
        "differs from the replay, path k1: only the replay has 1",
        "differs from the replay, path n: 9, the replay has 5",
        "cannot be read: not JSON",
        "equals the replay",
        "is ahead of the stream",
    ]
    assert [entry.is_trouble for entry in entries] == [True, True, True, False, True]


def test_a_number_written_otherwise_is_equal_and_not_exact(history: StateHistory) -> None:
    raw = kept(2, {**state(2), "n": 2.0})
    [entry] = judged(history, raw)
    assert (entry.standing, entry.is_exact) == (Standing.EQUAL, False)
    [entry] = judged(history, kept(2, state(2)))
    assert entry.is_exact


def test_replay_begins_with_the_best_snapshot(history: StateHistory) -> None:
    entries = judged(history, kept(5, state(5)), kept(10, {**state(10), "n": -1, "extra": True}))
    starts = SnapshotStarts(history, entries, FROM_BEST)
    for version, begins_with, events in ((4, None, 4), (5, 5, 0), (9, 5, 4), (10, 5, 5), (12, 5, 7)):
        started = starts.state_at(version)
        assert (started.entry.version if started.entry else None, started.events) == (begins_with, events)
        assert started.state == state(version), "a drifted snapshot is not the best"
    assert starts.state_at(9).state is history.state_at(9), "what a true snapshot leads to is the replay's state"


def test_a_drifted_snapshot_is_begun_with_where_it_was_chosen(history: StateHistory) -> None:
    entries = judged(history, kept(5, state(5)), kept(10, {**state(10), "n": -1, "extra": True}))
    starts = SnapshotStarts(history, entries, 10)
    for version, begins_with, events in ((9, None, 9), (10, 10, 0), (12, 10, 2)):
        started = starts.state_at(version)
        assert (started.entry.version if started.entry else None, started.events) == (begins_with, events)
        expected = state(version) if begins_with is None else {**state(version), "extra": True}
        if version == 10:
            expected["n"] = -1
        assert started.state == expected


def test_what_only_a_drifted_snapshot_has_was_set_by_it(history: StateHistory) -> None:
    entries = judged(history, kept(10, {**state(10), "k3": -1, "extra": True}))
    blame = SnapshotStarts(history, entries, 10).blame_at(12)
    assert isinstance(blame, SnapshotBlame)
    origins = {path[0]: (origin.changed, value) for path, value, origin in blame.leaves()}
    assert origins["n"] == (12, 12)
    assert origins["k3"] == (10, -1)
    assert origins["extra"] == (10, True)
    assert origins["k4"] == (4, 4)
    assert origins["k11"] == (11, 11)


def test_a_chosen_snapshot_is_begun_with_wherever_it_can(history: StateHistory) -> None:
    entries = judged(history, kept(5, state(5)), kept(10, state(10)))
    starts = SnapshotStarts(history, entries, 5)
    assert [starts.state_at(version).events for version in (4, 5, 12)] == [4, 0, 7]


def test_a_snapshot_that_contains_what_is_left_out_is_not_begun_with(history: StateHistory) -> None:
    without = history.without([7])
    entries = judged(history, kept(5, state(5)), kept(10, state(10)))
    starts = SnapshotStarts(without, entries, FROM_BEST)
    started = starts.state_at(12)
    assert started.entry is not None
    assert started.entry.version == 5
    assert "k7" not in started.state


def test_an_unchecked_snapshot_far_back_is_waited_for() -> None:
    events = [stored(version, {"n": version}) for version in range(1, 2102)]
    history = StateHistory(events)
    starts = SnapshotStarts(history, entries_of([kept(1, {"n": 1})]), FROM_BEST)
    assert starts.entry_for(50) is not None
    assert starts.entry_for(2101) is None
