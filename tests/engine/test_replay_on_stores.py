"""What must be true of replay whatever was stored and wherever: streams are generated, stores are real."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine.codec import dumps, loads_exactly
from aether_engine.engine import Engine, open_engine
from aether_engine.errors import VersionConflictError
from aether_engine.event import ActorSnapshot, Event, StoredEvent
from aether_engine.replay import (
    NO_STATE,
    REDUCERS,
    StateHistory,
    apply,
    apply_patch,
    bisect_history,
    diff,
    fork_actor,
    json_patch,
    load_history,
    parse_expression,
    replay,
    turns,
)
from aether_engine.store.protocols import Store
from aether_engine.testing import collect, make_event
from tests.cli.conftest import damage
from tests.engine.engines_of_all_kinds import engine, server
from tests.engine.streams import json_text, object_texts
from tests.engine.test_blame import all_paths, last_change

__all__ = ["engine", "server"]  # the fixtures

_numbers = itertools.count(1)
generated = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
some_reducer = st.sampled_from(sorted(REDUCERS))


@st.composite
def documents(draw: st.DrawFn) -> list[tuple[int, str]]:
    """Versions with gaps, and what their events say as JSON text."""
    version, found = 0, []
    for text in draw(st.lists(object_texts, min_size=1, max_size=10)):
        version += draw(st.sampled_from([1, 1, 1, 2, 4]))
        found.append((version, text))
    return found


async def saved(engine: Engine, events: Sequence[tuple[int, str]]) -> tuple[Store, str]:
    """Save the events of an actor of its own, among those of others."""
    store = await engine.store("shop")
    actor_id = f"order-{next(_numbers)}"
    batch = []
    for version, text in events:
        raw = (
            f'{{"id":"{actor_id}-{version}","eventType":"T{version % 3}","actorId":"{actor_id}",'
            f'"version":{version},"data":{text}, "timestamp":"2024-01-01T00:00:56.780000Z"}}'
        )
        batch += [Event.from_json(raw.encode()), make_event(1, f"other-{next(_numbers)}")]
    await store.save_events(batch)
    return store, actor_id


def is_same(one: Any, other: Any) -> bool:
    return json_text(one) == json_text(other) and diff(one, other) == []


@generated
@given(events=documents(), name=some_reducer, places=st.sets(st.integers(0, 9), max_size=4))
async def test_from_any_snapshot_it_is_as_from_the_beginning(
    engine: Engine, events: list[tuple[int, str]], name: str, places: set[int]
) -> None:
    store, actor_id = await saved(engine, events)
    reducer = REDUCERS[name]
    plain = await load_history(store, actor_id, reducer=reducer)
    versions = list(plain.versions)
    assert versions == [version for version, _ in events]
    snapshots = sorted({versions[place % len(versions)] for place in places})
    for version in snapshots:
        await store.save_snapshot(ActorSnapshot(actor_id, version, plain.state_at(version)))
    for version in range(versions[-1] + 2):
        begun = max((one for one in snapshots if one <= version), default=0)
        replayed = await replay(store, actor_id, reducer=reducer, to_version=version)
        assert replayed.from_snapshot_version == begun
        assert is_same(replayed.state, plain.state_at(version))
        alone = await replay(store, actor_id, reducer=reducer, to_version=version, from_snapshot=False)
        assert is_same(alone.state, plain.state_at(version))
        assert (alone.version, alone.from_snapshot_version) == (
            max((one for one in versions if one <= version), default=0),
            0,
        )
    later = await load_history(store, actor_id, reducer=reducer, from_snapshot=True)
    assert later.first_version == (snapshots[-1] if snapshots else 0)
    for version in range(later.first_version, versions[-1] + 1):
        assert is_same(later.state_at(version), plain.state_at(version))


@generated
@given(events=documents(), name=some_reducer)
async def test_one_event_further(engine: Engine, events: list[tuple[int, str]], name: str) -> None:
    store, actor_id = await saved(engine, events)
    reducer = REDUCERS[name]
    history = await load_history(store, actor_id, reducer=reducer)
    before = 0
    for event in await store.get_events(actor_id):
        assert is_same(apply(reducer, history.state_at(before), event), history.state_at(event.version))
        before = event.version


@generated
@given(events=documents(), name=some_reducer, stride=st.integers(1, 4))
async def test_differences_lead_from_the_older_to_the_newer(
    engine: Engine, events: list[tuple[int, str]], name: str, stride: int
) -> None:
    store, actor_id = await saved(engine, events)
    history = StateHistory(await collect(store.read_actor(actor_id)), reducer=REDUCERS[name], stride=stride)
    states = [history.state_at(version) for version in (0, *history.versions)]
    for older, newer in [*itertools.pairwise(states), (states[0], states[-1])]:
        forth, back = json_patch(older, newer), json_patch(newer, older)
        assert is_same(apply_patch(older, forth), newer)
        assert is_same(apply_patch(newer, back), older)
        assert is_same(apply_patch(older, loads_exactly(dumps(forth))), newer)


@generated
@given(events=documents(), name=some_reducer)
async def test_blame_agrees_with_looking_at_every_state(
    engine: Engine, events: list[tuple[int, str]], name: str
) -> None:
    store, actor_id = await saved(engine, events)
    reducer = REDUCERS[name]
    history = await load_history(store, actor_id, reducer=reducer, blame=True)
    states: list[tuple[int, Any]] = [(0, NO_STATE)]
    for event in await store.get_events(actor_id):
        states.append((event.version, apply(reducer, states[-1][1], event)))
    for place, (version, state) in enumerate(states):
        blame = history.blame_at(version)
        for path in all_paths(state):
            assert blame.origin(path).changed == last_change(states[: place + 1], path), (version, path)


@generated
@given(events=documents(), wanted=st.integers(0, 12))
async def test_bisecting_agrees_with_a_search(engine: Engine, events: list[tuple[int, str]], wanted: int) -> None:
    """Of what, once it is there, stays there."""
    marked = [(version, f'{{"mark-{number}":true}}') for number, (version, _) in enumerate(events)]
    store, actor_id = await saved(engine, marked)
    history = await load_history(store, actor_id)
    holds = parse_expression(f"exists(mark-{wanted})")
    searched = next((version for version, begins in turns(history, holds) if begins), None)
    assert searched == (marked[wanted][0] if wanted < len(marked) else None)
    found = bisect_history(history, holds)
    assert (found.version, found.also_at) == (searched, None)
    assert found.evaluations <= 25


# --- Forks ------------------------------------------------------------------------------------------------


async def _raws(store: Store, actor_id: str) -> list[bytes]:
    found: list[StoredEvent] = await collect(store.read_actor(actor_id))
    return [stored.raw for stored in found]


@generated
@given(events=documents(), stop=st.integers(0, 40))
async def test_a_fork_is_the_same_to_the_byte(engine: Engine, events: list[tuple[int, str]], stop: int) -> None:
    store, actor_id = await saved(engine, events)
    versions = [version for version, _ in events]
    for version in versions[::2]:
        await store.save_snapshot(ActorSnapshot(actor_id, version, {"at": version}))
    before = await store.last_sequence()
    whole = await fork_actor(store, actor_id)
    assert (whole.events, whole.version, whole.left_out) == (len(versions), versions[-1], ())
    assert await _raws(whole.store, actor_id) == await _raws(store, actor_id)
    assert await whole.store.snapshots(actor_id) == await store.snapshots(actor_id)
    part = await fork_actor(store, actor_id, to_version=stop, snapshots=False)
    assert await _raws(part.store, actor_id) == (await _raws(store, actor_id))[: sum(v <= stop for v in versions)]
    assert await part.store.snapshots(actor_id) == []
    assert part.version == max((version for version in versions if version <= stop), default=0)
    # What if …
    await whole.store.save_event(make_event(versions[-1] + 1, actor_id, data={"what": "if"}))
    assert (await replay(whole.store, actor_id, from_snapshot=False)).state["what"] == "if"
    assert await store.last_sequence() == before


async def test_forks_into_one_place(engine: Engine) -> None:
    store, first = await saved(engine, [(1, '{"n":1}'), (2, '{"n":2}')])
    _, second = await saved(engine, [(1, '{"n":3}')])
    scratch = (await fork_actor(store, first)).store
    other = await fork_actor(store, second, target=scratch)
    assert other.store is scratch
    assert (await replay(scratch, second)).state == {"n": 3}
    with pytest.raises(VersionConflictError):
        await fork_actor(store, first, target=scratch)
    assert len(await _raws(scratch, first)) == 2
    nobody = await fork_actor(store, "nobody")
    assert (nobody.events, nobody.version, nobody.snapshots) == (0, 0, 0)
    # Into another engine's namespace.
    elsewhere = await fork_actor(store, first, target=await engine.store("scratch"))
    assert await _raws(elsewhere.store, first) == await _raws(store, first)


async def test_a_fork_names_what_it_cannot_hold(engine: Engine, tmp_path: Path) -> None:
    if not engine.url.startswith("sqlite:"):
        pytest.skip("files can be damaged by hand")
    store, actor_id = await saved(engine, [(1, '{"n":1}'), (2, '{"n":22}'), (3, '{"n":3}')])
    await engine.close()
    damage(tmp_path / "log.aether", 3, lambda raw: raw.replace(b"22", b"99"))
    async with open_engine(str(tmp_path / "log.aether"), read_only=True) as again:
        fork = await fork_actor(await again.store(store.namespace), actor_id)
    assert (fork.events, fork.version) == (2, 3)
    assert [(one.after_version, one.sequence) for one in fork.left_out] == [(1, 3)]
    assert "Checksum mismatch" in fork.left_out[0].reason
