"""Snapshots against the replay: what differs and where, what is ahead, what cannot be read, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import nats
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine.codec import dumps, loads_exactly
from aether_engine.engine import Engine, open_engine
from aether_engine.event import ActorSnapshot, Event, StoredEvent
from aether_engine.replay import (
    NO_STATE,
    REDUCERS,
    Change,
    Reducer,
    UserReducer,
    apply,
    json_merge,
    snapshot_check,
)
from aether_engine.replay.snapshot_check import (
    CheckStep,
    SnapshotFinding,
    SnapshotProblem,
    check_snapshots,
    first_difference,
)
from aether_engine.store.memory.store import InMemoryEventStore
from aether_engine.store.protocols import Store
from aether_engine.testing import make_event
from tests.cli.conftest import damage
from tests.engine.engines_of_all_kinds import engine, is_server, server
from tests.engine.streams import events_of, json_texts, stored, streams

__all__ = ["engine", "server"]  # the fixtures


async def check(
    *stores: Store, actor_id: str | None = None, reducer: Reducer = json_merge
) -> list[SnapshotFinding]:
    """All findings, after a look at whether the steps make sense."""
    findings: list[SnapshotFinding] = []
    last: dict[str, CheckStep] = {}
    async with aclosing(check_snapshots(stores, actor_id=actor_id, reducer=reducer)) as steps:
        async for step in steps:
            findings += step.findings
            before = last.get(step.namespace)
            assert 0 <= step.events <= step.total
            assert before is None or (before.events <= step.events and before.snapshots <= step.snapshots)
            last[step.namespace] = step
    assert list(last) == [store.namespace for store in stores]
    return findings


@pytest.fixture(params=["by log", "by actor", "in slices"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of reading, and a memory that holds two snapshots at a time."""
    way: str = request.param
    if way != "in slices":
        monkeypatch.setattr(snapshot_check, "_LOOK_UP", 1_000_000 if way == "by log" else -1_000_000)
    else:
        monkeypatch.setattr(snapshot_check, "_SLICE_COUNT", 2)
    return way


async def save(store: Store, actor_id: str, *changes: dict[str, Any], first: int = 1) -> None:
    for version, data in enumerate(changes, first):
        await store.save_event(make_event(version, actor_id, data=data))


async def test_what_is_found(engine: Engine, way: str) -> None:
    store = await engine.store("shop")
    await save(store, "order-1", {"n": 1, "o": {"a": 1, "b": 1}}, {"n": 2}, {"o": {"b": 2}}, {"n": 4})
    await save(store, "order-2", {"n": 1}, {"n": 2})
    await save(store, "order-3", {"n": 1})
    for actor_id, version, state in (
        ("order-1", 1, {"n": 1, "o": {"a": 1, "b": 1}}),
        ("order-1", 3, {"n": 2, "o": {"a": 1, "b": 9}, "more": True}),
        ("order-1", 4, {"o": {"b": 2, "a": 1.0}, "n": 4}),
        ("order-2", 2, {}),
        ("order-2", 3, {"n": 2}),
        ("order-4", 1, {"n": 1}),
    ):
        await store.save_snapshot(ActorSnapshot(actor_id, version, state))
    found = {(one.actor_id, one.version): one for one in await check(store)}
    assert set(found) == {("order-1", 3), ("order-2", 2), ("order-2", 3), ("order-4", 1)}
    drifted = found["order-1", 3]
    assert (drifted.namespace, drifted.problem, drifted.set_by) == ("shop", SnapshotProblem.DIFFERS, 3)
    assert drifted.change == Change(("o", "b"), "changed", 2, 9)
    assert drifted.message == (
        "The snapshot of 'order-1' at version 3 differs from the replay at /o/b: it has 9, the replay 2; "
        "the events set it at version 3."
    )
    assert found["order-2", 2].change == Change(("n",), "removed", 2, None)
    assert "it has nothing there, the replay has 2; the events set it at version 2" in found["order-2", 2].message
    assert (found["order-2", 3].problem, found["order-2", 3].latest_version) == (SnapshotProblem.AHEAD, 2)
    assert "is ahead of the stream, which ends at version 2" in found["order-2", 3].message
    assert (found["order-4", 1].problem, found["order-4", 1].latest_version) == (SnapshotProblem.AHEAD, 0)
    # One actor.
    assert {one.version for one in await check(store, actor_id="order-2")} == {2, 3}
    assert await check(store, actor_id="order-3") == []
    assert await check(store, actor_id="nobody") == []


async def test_between_versions(way: str) -> None:
    """A snapshot at a version that no event has is the state after the event before it."""
    store = InMemoryEventStore()
    await save(store, "order-1", {"n": 3}, first=3)
    await save(store, "order-1", {"n": 7}, first=7)
    for version, state in ((2, {}), (3, {"n": 3}), (5, {"n": 3}), (6, {"n": 7}), (7, {"n": 7})):
        await store.save_snapshot(ActorSnapshot("order-1", version, state))
    assert [one.version for one in await check(store)] == [6]


async def test_several_namespaces(engine: Engine) -> None:
    stores = [await engine.store(name) for name in ("a", "b", "c")]
    for store in stores:
        await save(store, "order-1", {"n": 1})
        await store.save_snapshot(ActorSnapshot("order-1", 1, {"n": 1 if store.namespace == "b" else 2}))
    assert [(one.namespace, one.version) for one in await check(*stores)] == [("a", 1), ("c", 1)]
    assert await check() == []


async def test_an_empty_namespace(engine: Engine) -> None:
    assert await check(await engine.store("nothing")) == []


async def test_a_store_without_a_list_of_snapshots() -> None:
    """What any store offers is enough."""

    class Plain(InMemoryEventStore):
        read_snapshots = None  # type: ignore[assignment]  # what it does without

    store = Plain()
    for number in range(3):
        await save(store, f"order-{number}", {"n": 1})
        await store.save_snapshot(ActorSnapshot(f"order-{number}", 1, {"n": number}))
    assert [one.actor_id for one in await check(store)] == ["order-0", "order-2"]


@pytest.mark.parametrize(
    ("replayed", "snapshot"),
    [
        (b'{"n":19.90}', b'{"n":19.9}'),
        (b'{"n":1}', b'{"n":1.0}'),
        (b'{"n":1e2}', b'{"n":100}'),
        (b'{"n":-0}', b'{"n":0}'),
        (b'{"n":0.1000000000000000055511151231257827}', b'{"n":0.1}'),
        (b'{"n":123456789012345678901234567890}', b'{"n":123456789012345678901234567890}'),
        (b'{"a":1,"b":[]}', b'{"b":[],"a":1}'),
    ],
)
def test_the_same_value_spelled_otherwise(replayed: bytes, snapshot: bytes) -> None:
    assert first_difference(loads_exactly(replayed), loads_exactly(snapshot)) is None


@pytest.mark.parametrize(
    ("replayed", "snapshot"),
    [
        (b'{"n":1}', b'{"n":true}'),
        (b'{"n":0}', b'{"n":null}'),
        (b'{"n":9007199254740993}', b'{"n":9007199254740992}'),
        (b'{"n":9007199254740993}', b'{"n":9007199254740992.0}'),
        (b'{"n":123456789012345678901234567890}', b'{"n":123456789012345678901234567891}'),
        (b'{"n":"1"}', b'{"n":1}'),
        (b'{"n":[]}', b'{"n":{}}'),
        (b'{"n":null}', b"{}"),
    ],
)
def test_another_value(replayed: bytes, snapshot: bytes) -> None:
    change = first_difference(loads_exactly(replayed), loads_exactly(snapshot))
    assert change is not None
    assert change.path == ("n",)


async def test_damaged_events_may_be_why(tmp_path: Path, way: str) -> None:
    path = tmp_path / "shop.aether"
    async with open_engine(str(path)) as engine:
        store = await engine.store("shop")
        await save(store, "order-1", {"n": 1}, {"n": 2, "m": 2}, {"n": 3}, {"m": 4})
        for version, state in ((1, {"n": 1}), (2, {"n": 2, "m": 2}), (3, {"n": 3, "m": 2}), (4, {"n": 3, "m": 4})):
            await store.save_snapshot(ActorSnapshot("order-1", version, state))
    damage(path, 2, lambda raw: raw.replace(b'"m":2', b'"m":5'))
    async with open_engine(str(path), read_only=True) as engine:
        found = {one.version: one for one in await check(await engine.store("shop"))}
    assert set(found) == {2, 3}
    assert found[2].damaged == found[3].damaged == (2,)
    assert found[3].change == Change(("m",), "added", None, 2)
    assert "an event of the actor cannot be read and may be why" in found[3].message


async def test_the_last_event_is_damaged(tmp_path: Path, way: str) -> None:
    """Its version is known to be there: the snapshot is not ahead."""
    path = tmp_path / "shop.aether"
    async with open_engine(str(path)) as engine:
        store = await engine.store("shop")
        await save(store, "order-1", {"n": 1}, {"n": 2})
        await store.save_snapshot(ActorSnapshot("order-1", 2, {"n": 2}))
        await store.save_snapshot(ActorSnapshot("order-1", 3, {"n": 2}))
    damage(path, 2, lambda raw: raw.replace(b'"n":2', b'"n":5'))
    async with open_engine(str(path), read_only=True) as engine:
        found = {one.version: one for one in await check(await engine.store("shop"))}
    assert (found[2].problem, found[2].damaged) == (SnapshotProblem.DIFFERS, (2,))
    assert found[3].problem is SnapshotProblem.AHEAD


async def test_undecodable_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "shop.aether"
    async with open_engine(str(path)) as engine:
        store = await engine.store("shop")
        await save(store, "order-1", *({"n": version} for version in range(1, 8)))
        for version in range(1, 8):
            await store.save_snapshot(ActorSnapshot("order-1", version, {"n": version}))
    with closing(sqlite3.connect(path)) as connection, connection:
        for version, change in (
            (1, "raw = CAST(replace(CAST(raw AS TEXT), '\"n\":1', '\"n\":9') AS BLOB)"),
            (2, "raw = 'text'"),
            (3, "raw = x'7B', checksum = 1"),
            (4, "version = 40"),
            (5, "actor_id = 'order-9'"),
        ):
            connection.execute(f"UPDATE snapshots SET {change} WHERE version = {version}")
    async with open_engine(str(path), read_only=True) as engine:
        store = await engine.store("shop")
        found = {(one.actor_id, one.version): one for one in await check(store)}
        mine = await check(store, actor_id="order-1")
    assert {one.problem for one in found.values()} == {SnapshotProblem.UNDECODABLE}
    texts = {key: str(one.error) for key, one in found.items()}
    assert texts.keys() == {("order-1", 1), ("order-1", 2), ("order-1", 3), ("order-1", 40), ("order-9", 5)}
    assert "Checksum mismatch" in texts["order-1", 1]
    assert "not stored as bytes" in texts["order-1", 2]
    assert "Checksum mismatch" in texts["order-1", 3]
    assert "stored as version 40" in texts["order-1", 40]
    assert "stored as actorId 'order-9'" in texts["order-9", 5]
    assert "cannot be read: Checksum mismatch" in found["order-1", 1].message
    assert len(mine) == 4


async def test_a_damaged_page_of_a_file(tmp_path: Path) -> None:
    """It costs the snapshots on it, each by name, and no others."""
    path = tmp_path / "shop.aether"
    async with open_engine(str(path)) as engine:
        store = await engine.store("shop")
        for number in range(60):
            await save(store, f"order-{number:02}", {"text": "x" * 900})
            await store.save_snapshot(ActorSnapshot(f"order-{number:02}", 1, {"text": "x" * 900}))
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        pages = connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'snapshots' AND pagetype = 'leaf' ORDER BY pageno"
        ).fetchall()
    raw = bytearray(path.read_bytes())
    hurt = pages[1][0]
    raw[(hurt - 1) * size : hurt * size] = bytes(size)
    path.write_bytes(raw)
    async with open_engine(str(path), read_only=True) as engine:
        store = await engine.store("shop")
        found = await check(store)
        readable = sum([len(await store.snapshots(f"order-{number:02}")) for number in range(60)])
    assert {one.problem for one in found} == {SnapshotProblem.UNDECODABLE}
    assert 0 < len(found) < 30
    assert len(found) + readable == 60
    assert all("this part of the file is damaged" in one.message for one in found)


async def test_undecodable_on_a_server(engine: Engine) -> None:
    if not is_server(engine):
        pytest.skip("no server")
    store = await engine.store("shop")
    await save(store, "order-1", {"n": 1}, {"n": 2})
    await store.save_snapshot(ActorSnapshot("order-1", 1, {"n": 1}))
    connection = await nats.connect(engine.url)
    stranger = ActorSnapshot("order-2", 1, {}).to_json()
    for payload in (b"no snapshot at all", stranger):
        await connection.jetstream().publish("shop_events.snapshots.order.order-1", payload)
    await connection.close()
    await store.save_snapshot(ActorSnapshot("order-1", 2, {"n": 2}))
    found = await check(store)
    assert [one.problem for one in found] == [SnapshotProblem.UNDECODABLE] * 2
    assert {one.actor_id for one in found} == {"order-1"}
    assert "is not JSON" in str(found[0].error)
    assert "stored as subject 'shop_events.snapshots.order.order-1'" in str(found[1].error)


async def test_a_reducer_that_raises(way: str) -> None:
    def failing(state: Any, event: Event, /) -> Any:
        if event.version == 3 and event.actor_id == "order-1":
            raise LookupError("no")
        return json_merge(state, event)

    store = InMemoryEventStore()
    for actor_id in ("order-1", "order-2"):
        await save(store, actor_id, *({"n": version} for version in range(1, 6)))
        for version in (2, 3, 5):
            await store.save_snapshot(ActorSnapshot(actor_id, version, {"n": version}))
    found = await check(store, reducer=failing)
    assert [(one.actor_id, one.version, one.problem) for one in found] == [
        ("order-1", 3, SnapshotProblem.NO_REPLAY),
        ("order-1", 5, SnapshotProblem.NO_REPLAY),
    ]
    assert "cannot be checked: The reducer failed at version 3 (sequence 3): LookupError: no." in found[0].message


async def test_the_users_reducer(tmp_path: Path) -> None:
    path = tmp_path / "count.py"
    path.write_text("def apply(state, event): return {'count': state.get('count', 0) + 1}")
    store = InMemoryEventStore()
    for number in range(5):
        await save(store, f"order-{number}", {}, {}, {})
        await store.save_snapshot(ActorSnapshot(f"order-{number}", 2, {"count": 2 if number % 2 else 3}))
    with UserReducer(path, trusted=True) as reducer:
        found = await check(store, reducer=reducer)
    assert [(one.actor_id, one.change) for one in found] == [
        (f"order-{number}", Change(("count",), "changed", 2, 3)) for number in (0, 2, 4)
    ]


async def test_it_can_be_ended_at_any_step(engine: Engine, way: str) -> None:
    store = await engine.store("shop")
    for number in range(10):
        await save(store, f"order-{number}", {"n": 1})
        await store.save_snapshot(ActorSnapshot(f"order-{number}", 1, {"n": 2}))
    for stop in range(3):
        steps = check_snapshots([store])
        for _ in range(stop):
            await anext(steps)
        await steps.aclose()

    async def consume() -> None:
        async for _ in check_snapshots([store]):
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- Against a naive recomputation ------------------------------------------------------------------------


Case = tuple[Reducer, list[StoredEvent], dict[int, Any]]


@st.composite
def _checked(draw: st.DrawFn) -> Case:
    """Events of one actor, and snapshots of which some are what they should be."""
    reducer = REDUCERS[draw(st.sampled_from(sorted(REDUCERS)))]
    events = draw(streams(max_size=8))
    states = {0: NO_STATE}
    for event in events_of(events):
        states[event.version] = apply(reducer, states[max(states)], event)
    highest = max(states)
    snapshots: dict[int, Any] = {}
    for version in draw(st.sets(st.integers(1, highest + 2), max_size=4)):
        right = states[max(known for known in states if known <= version)]
        wrong = loads_exactly(draw(json_texts.filter(lambda text: text.startswith("{"))).encode())
        snapshots[version] = draw(st.sampled_from([right, right, wrong]))
    return reducer, events, snapshots


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(case=_checked())
async def test_it_agrees_with_a_naive_check(
    way: str, case: tuple[Reducer, list[StoredEvent], dict[int, Any]]
) -> None:
    reducer, events, snapshots = case
    store = InMemoryEventStore()
    for event in events_of(events):
        await store.save_event(event)
        # Somebody else's events lie between.
        await store.save_event(events_of([stored(event.version, {}, actor_id="other")])[0])
    state: Any = NO_STATE
    expected: dict[int, SnapshotProblem] = {}
    readable = events_of(events)
    latest = readable[-1].version if readable else 0
    for version, snapshot in snapshots.items():
        raw = ActorSnapshot("order-1", version, {}).to_json().replace(b'"state":{}', b'"state":' + dumps(snapshot))
        await store.save_snapshot(ActorSnapshot.from_json(raw))
        state = NO_STATE
        for event in readable:
            if event.version <= version:
                state = apply(reducer, state, event)
        if version > latest:
            expected[version] = SnapshotProblem.AHEAD
        elif first_difference(state, snapshot) is not None:
            expected[version] = SnapshotProblem.DIFFERS
    found = await check(store, reducer=reducer)
    assert {one.version: one.problem for one in found} == expected
    assert len(found) == len(expected)
