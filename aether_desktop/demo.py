"""The demo: a believable shop in an event file, with the troubles that such files have.

`build_demo` writes the file, `DemoSimulator` keeps its shops busy. Besides what a shop does in six days there are:

* four damaged events, each of another kind: a flipped bit that still parses, bytes that are not UTF-8, half a
  document, and a version that is not the one it is stored under,
* two gaps of versions, and an event with a key that is there twice, which are legal but odd,
* snapshots of orders and articles, one of which differs from the replay at one place.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aether_desktop.demo_damage import age_and_damage
from aether_desktop.demo_simulator import DemoSimulator
from aether_desktop.demo_world import STAGING, TENANT_A, TENANT_B, world
from aether_engine.codec import with_exact_data
from aether_engine.engine import open_engine
from aether_engine.event import ActorSnapshot, Event
from aether_engine.replay import NO_STATE, json_merge
from aether_engine.store.protocols import MAX_BATCH, Store

__all__ = ["DRIFTED_ACTOR", "DRIFTED_FIELD", "STAGING", "TENANT_A", "TENANT_B", "DemoSimulator", "build_demo"]

#: The actor in `TENANT_A` whose latest snapshot differs from the replay, and the field of the state that does.
DRIFTED_ACTOR: Final = "stock-KET-1700-BK"
DRIFTED_FIELD: Final = "reserved"

#: After how many versions the shop's services take a snapshot.
_STOCK_SNAPSHOT_EVERY: Final = 10
_ORDER_SNAPSHOT_EVERY: Final = 4
#: How many of the first completed orders have snapshots; the damaged events are among the later ones.
_ORDERS_WITH_SNAPSHOTS: Final = 25


async def build_demo(path: Path, *, now: datetime | None = None) -> None:
    """Write the demo's file: always the same events, with times that end at `now` (default: the present).

    Raises `FileExistsError` when there is something at `path` already. The file appears when it is complete.
    """
    if await asyncio.to_thread(path.exists):
        raise FileExistsError(f"{path} exists; the demo is written to a file of its own")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        histories = await asyncio.to_thread(world, now or datetime.now(UTC))
        async with open_engine(str(unfinished)) as engine:
            for namespace, events in histories.items():
                store = await engine.store(namespace)
                for start in range(0, len(events), MAX_BATCH):
                    await store.save_events(events[start : start + MAX_BATCH])
            await _save_snapshots(await engine.store(TENANT_A), histories[TENANT_A])
        await asyncio.to_thread(age_and_damage, unfinished, histories, TENANT_A)
        unfinished.rename(path)
    finally:
        for leftover in unfinished.parent.glob(f"{unfinished.name}*"):
            leftover.unlink()


async def _save_snapshots(store: Store, events: list[Event]) -> None:
    """Save what the shop's services would have: some orders, and every article."""
    completed = [event.actor_id for event in events if event.event_type == "OrderCompleted"]
    orders = set(completed[:_ORDERS_WITH_SNAPSHOTS])
    states: dict[str, dict[str, Any]] = {}
    last: dict[str, tuple[Event, dict[str, Any]]] = {}
    for event in events:
        is_stock = event.actor_id.startswith("stock-")
        if not is_stock and event.actor_id not in orders:
            continue
        states[event.actor_id] = json_merge(states.get(event.actor_id, NO_STATE), with_exact_data(event))
        if event.version % (_STOCK_SNAPSHOT_EVERY if is_stock else _ORDER_SNAPSHOT_EVERY) == 0:
            last[event.actor_id] = event, states[event.actor_id]
            await store.save_snapshot(_snapshot(event, states[event.actor_id]))
    # A service that did not hear of a pick, and still counts what was picked as reserved.
    event, state = last[DRIFTED_ACTOR]
    await store.save_snapshot(_snapshot(event, {**state, DRIFTED_FIELD: state[DRIFTED_FIELD] + 2}))


def _snapshot(event: Event, state: dict[str, Any]) -> ActorSnapshot:
    return ActorSnapshot(event.actor_id, event.version, state, event.timestamp)
