"""All states of an actor of 100,000 events: folding, moving, who set what; and snapshots against the replay."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from aether_engine.codec import decode_event
from aether_engine.engine import open_engine
from aether_engine.event import ActorSnapshot, Event, StoredEvent
from aether_engine.replay import (
    ReducerLimits,
    StateHistory,
    UserReducer,
    bisect_history,
    merge_patch,
    parse_expression,
    replay,
)
from aether_engine.replay.snapshot_check import check_snapshots
from aether_engine.store.memory.store import InMemoryEventStore
from aether_engine.store.protocols import Store
from tests.benchmarks.events import SEED
from tests.benchmarks.table import Row, interleaved, seconds

_MOVES = 2000
_TICK = 0.001
_START = datetime(2024, 1, 1, tzinfo=UTC)
_FRAME = 16.0
_STATUSES = ("open", "picked", "packed", "shipped", "closed")


def run(quick: bool) -> list[Row]:
    """Measure; times in milliseconds."""
    count = 20_000 if quick else 100_000
    raws = [_event(version, count).to_json() for version in range(1, count + 1)]
    return [
        *_fold(raws, 3 if quick else 5),
        *_move(raws),
        *_snapshots(1_000 if quick else 10_000),
        *_user_reducer(raws, quick=quick),
    ]


def _event(version: int, count: int) -> Event:
    """About 300 bytes: some members change with each event, some rarely, and there is an object in the state."""
    return Event(
        f"{version:08x}-91e8-4f3a-9d5e-{version:012x}",
        "OrderChanged",
        "order-1",
        version,
        {
            "status": _STATUSES[version * len(_STATUSES) // (count + 1)],
            "amount": version,
            "currency": "EUR",
            "customer": {"name": f"customer-{version // 1000}", "visits": version // 10},
            f"note-{version % 40}": f"changed {version} times",
        },
        {"CorrelationID": f"{version:08x}", "UserID": f"user-{version % 53}"},
        _START + timedelta(milliseconds=version * 10),
    )


def _stored(raws: list[bytes]) -> list[StoredEvent]:
    return [StoredEvent(place, _START, raw, decode_event(raw), None) for place, raw in enumerate(raws, 1)]


def _fold(raws: list[bytes], repeats: int) -> list[Row]:
    count = len(raws)
    store = asyncio.run(_filled(raws))

    def plain() -> None:
        state: Any = {}
        for raw in raws:
            state = merge_patch(state, orjson.loads(raw)["data"])

    def whole() -> None:
        asyncio.run(replay(store, "order-1", from_snapshot=False))

    # First, while the garbage collector has no events to look at that have nothing to do with it.
    floor_of_whole, replayed = (
        taken * 1000 for taken in interleaved(repeats, partial(seconds, plain), partial(seconds, whole))
    )
    events = _stored(raws)

    def fold() -> None:
        history = StateHistory(events)
        assert not history.fold()

    def blame() -> None:
        StateHistory(events, blame=True).blame_at(count)

    works = [partial(seconds, work) for work in (plain, fold, blame)]
    bare, folded, blamed = (taken * 1000 for taken in interleaved(repeats, *works))
    floor = "orjson.loads and merge in one loop"
    return [
        Row(f"fold of {count:,} events, checkpoints kept", folded, "ms", floor, bare, bare / folded, "≥ 0.5"),
        Row(
            "the same from a store in memory, bytes to state",
            replayed,
            "ms",
            floor,
            floor_of_whole,
            floor_of_whole / replayed,
            "≥ 0.5",
        ),
        Row(f"blame of {count:,} events", blamed, "ms", "the fold", folded, blamed / folded, "≤ 2"),
    ]


async def _filled(raws: list[bytes]) -> InMemoryEventStore:
    store = InMemoryEventStore()
    for start in range(0, len(raws), 1000):
        await store.save_events([decode_event(raw) for raw in raws[start : start + 1000]])
    return store


def _move(raws: list[bytes]) -> list[Row]:
    count = len(raws)
    wide = [
        Event(f"e{version}", "Added", "map", version, {f"member-{version}": version}).to_json()
        for version in range(1, count + 1)
    ]
    rows = []
    # A state of 100,000 members is nobody's; what it does to the slider is shown.
    for name, events, reach in (("", raws, "≤ 1"), (", a member more with each event", wide, "")):
        history = StateHistory(_stored(events))
        history.fold()
        moves = random.Random(SEED)
        taken = sorted(seconds(partial(history.step_to, moves.randint(1, count))) for _ in range(_MOVES))
        p99 = taken[int(_MOVES * 0.99)] * 1000
        rows.append(
            Row(
                f"slider anywhere in {count:,} events{name}, 99 of 100",
                p99,
                "ms",
                "a frame of a window",
                _FRAME,
                p99 / _FRAME,
                reach,
            )
        )
        kept = history.kept_bytes / 2**20
        rows.append(Row("the same: checkpoints", kept, "MiB", "what they may take", 128.0, kept / 128, "≤ 1"))
    history = StateHistory(_stored(raws))
    most = max(
        bisect_history(history, parse_expression(text)).evaluations
        for text in ("amount >= 77", f"amount >= {count // 2}", 'status == "closed"', "amount > 1e9", "exists($)")
    )
    rows.append(Row(f"bisect {count:,} events, looks", most, "", "what is allowed", 25, most / 25, "≤ 1"))
    return rows


def _snapshots(actors: int) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
    try:
        return asyncio.run(_snapshots_in(folder / "log.aether", actors))
    finally:
        shutil.rmtree(folder)


async def _snapshots_in(path: Path, actors: int) -> list[Row]:
    """Ten events and a snapshot of each actor, of which one in a hundred is wrong."""
    async with open_engine(str(path), synchronous="OFF") as engine:
        store = await engine.store("benchmark")
        for version in range(1, 11):
            for start in range(0, actors, 1000):
                await store.save_events(
                    [_actor_event(actor, version) for actor in range(start, min(start + 1000, actors))]
                )
        for actor in range(actors):
            state: dict[str, Any] = {}
            for version in range(1, 11):
                state = merge_patch(state, _actor_event(actor, version).data)
                if version == 8:
                    saved = {**state, "amount": -1} if actor % 100 == 0 else state
                    await store.save_snapshot(ActorSnapshot(f"order-{actor:06}", version, saved))
        plain, alone, checked = [], [], []
        for _ in range(3):
            begin = perf_counter()
            await _replay_log(store)
            plain.append(perf_counter() - begin)
            begin = perf_counter()
            findings = [finding async for step in check_snapshots([store]) for finding in step.findings]
            checked.append(perf_counter() - begin)
            assert len(findings) == (actors + 99) // 100, len(findings)
        begin = perf_counter()
        for actor in range(0, actors, 20):
            await replay(store, f"order-{actor:06}", from_snapshot=False)
        alone.append((perf_counter() - begin) * 20)
    bare, each, ours = (sorted(times)[len(times) // 2] * 1000 for times in (plain, alone, checked))
    work = f"check of the snapshots of {actors:,} actors in a file"
    return [
        Row(work, ours, "ms", "one replay of the whole log", bare, bare / ours, "≥ 0.7"),
        Row("the same", ours, "ms", "one replay after the other", each, each / ours, "≥ 0.7"),
    ]


async def _replay_log(store: Store) -> None:
    states: dict[str, Any] = {}
    async for batch in store.read():
        for stored in batch:
            assert stored.event is not None
            actor = stored.event.actor_id
            states[actor] = merge_patch(states.get(actor, {}), stored.event.data)


def _actor_event(actor: int, version: int) -> Event:
    return Event(
        f"{actor:08x}-{version:04x}-4f3a-9d5e-{actor:012x}",
        "OrderChanged",
        f"order-{actor:06}",
        version,
        {"amount": actor + version, "currency": "EUR", "customer": f"customer-{actor % 977}", "items": version},
        {"CorrelationID": f"{actor:08x}", "UserID": f"user-{actor % 53}"},
        _START + timedelta(milliseconds=actor),
    )


def _user_reducer(raws: list[bytes], *, quick: bool) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="aether-benchmark-"))
    limit = 1.0
    try:
        path = folder / "merge.py"
        path.write_text("def apply(state, event):\n    state.update(event.data)\n    return state\n")
        events = _stored(raws[: 5_000 if quick else 20_000])

        def there() -> None:
            with UserReducer(path, trusted=True) as reducer:
                history = StateHistory(events, reducer=reducer)
                assert not history.fold()
                assert history.failure is None

        def here() -> None:
            state: dict[str, Any] = {}
            for stored in events:
                assert stored.event is not None
                state = orjson.loads(orjson.dumps({**state, **stored.event.data}))

        elsewhere, inside = (
            taken * 1000 for taken in interleaved(3, lambda: seconds(there), lambda: seconds(here))
        )
        stuck = folder / "stuck.py"
        stuck.write_text("def apply(state, event):\n    while True: pass\n")
        taken, late = asyncio.run(_stopped(stuck, events, limit))
    finally:
        shutil.rmtree(folder)
    return [
        Row(
            f"the user's file: {len(events):,} events in its process",
            elsewhere,
            "ms",
            "the same in this process, states as JSON",
            inside,
            inside / elsewhere,
            "",
        ),
        Row("a reducer that never returns is stopped", taken, "s", "its limit", limit, taken / limit, "≤ 2"),
        Row("the same: loop latency, 99 of 100", late, "ms", "two frames of a window", 33.0, late / 33.0, "≤ 1"),
    ]


async def _stopped(path: Path, events: list[StoredEvent], limit: float) -> tuple[float, float]:
    latencies: list[float] = []

    async def tick() -> None:
        while True:
            start = perf_counter()
            await asyncio.sleep(_TICK)
            latencies.append(perf_counter() - start - _TICK)

    ticker = asyncio.create_task(tick())
    with UserReducer(path, trusted=True, limits=ReducerLimits(event_seconds=limit)) as reducer:
        await asyncio.to_thread(reducer.load)
        history = StateHistory(events, reducer=reducer)
        start = perf_counter()
        await asyncio.to_thread(history.fold)
        taken = perf_counter() - start
        assert history.failure is not None
    ticker.cancel()
    latencies.sort()
    return taken, latencies[int(len(latencies) * 0.99)] * 1000
