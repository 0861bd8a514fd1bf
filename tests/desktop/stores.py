"""Events and engines for tests of models and widgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aether_engine import Event
from aether_engine.engine import Engine, open_engine
from aether_engine.store.protocols import Store


def order_event(actor: int, version: int, *, total: float = 10.0, kind: str = "OrderPlaced") -> Event:
    """A small event of `order-<actor>` with an id of its own."""
    return Event(
        id=f"id-{actor}-{version}",
        event_type=kind,
        actor_id=f"order-{actor:05}",
        version=version,
        data={"total": total, "line": version},
    )


async def fill(store: Store, *, actors: int, events_each: int) -> None:
    """Store `actors` streams of `events_each` events, round after round."""
    for version in range(1, events_each + 1):
        for first in range(1, actors + 1, 1000):
            last = min(first + 1000, actors + 1)
            await store.save_events([order_event(actor, version) for actor in range(first, last)])


@asynccontextmanager
async def memory_store(namespace: str = "shop.orders") -> AsyncIterator[tuple[Engine, Store]]:
    """An engine in memory and the store of one namespace."""
    async with open_engine("memory://") as engine:
        yield engine, await engine.store(namespace)
