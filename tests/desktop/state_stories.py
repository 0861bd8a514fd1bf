"""Events that tell of something gone wrong, on every kind of store, and the window over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aether_desktop.workspace import Place
from aether_engine.engine import Engine, open_engine, sqlite_url
from aether_engine.event import ActorSnapshot, Event
from aether_engine.replay import merge_patch
from tests.desktop.driven_window import DrivenWindow, driven
from tests.nats_servers import nats_server
from tests.waiting import until

ORDERS, PAYMENTS = "orders", "payments"
ACTOR = "order-1"
#: The event that sets a total nobody can have, and how many there are.
WRONG, LAST = 17, 30
TRUE_SNAPSHOT, DRIFTED_SNAPSHOT = 10, 20
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def order_events() -> list[Event]:
    """An order whose total becomes negative at one event, which nothing mends."""
    events = []
    for version in range(1, LAST + 1):
        data: dict[str, Any] = {"step": version, "status": "open" if version < 25 else "paid"}
        if version == 1:
            data |= {"total": 100, "customer": {"name": "Ada", "city": "Graz"}}
        if version == WRONG:
            data["total"] = -5
        events.append(
            Event(
                f"o{version}",
                "OrderChanged" if version != WRONG else "DiscountGiven",
                ACTOR,
                version,
                data,
                {"CorrelationID": f"c{version}"},
                START + timedelta(minutes=version),
            )
        )
    return events


def state_at(version: int) -> dict[str, Any]:
    """What JSON merge makes of the order's events."""
    state: dict[str, Any] = {}
    for event in order_events()[:version]:
        state = merge_patch(state, event.data)
    return state


def checkout() -> list[tuple[str, Event]]:
    """Events of one correlation in two namespaces: chains from one cause, an orphan, and a circle."""

    def event(event_id: str, actor: str, version: int, cause: str, kind: str, seconds: int) -> Event:
        metadata = {"CorrelationID": "checkout"} | ({"CausationID": cause} if cause else {})
        return Event(event_id, kind, actor, version, {}, metadata, START + timedelta(seconds=seconds))

    return [
        (ORDERS, event("p1", "order-2", 1, "", "OrderPlaced", 0)),
        (PAYMENTS, event("p2", "payment-2", 1, "p1", "PaymentRequested", 2)),
        (PAYMENTS, event("p3", "payment-2", 2, "p2", "PaymentCaptured", 5)),
        (ORDERS, event("p4", "order-2", 2, "p1", "StockReserved", 3)),
        (ORDERS, event("p5", "order-2", 3, "gone", "Reminded", 60)),
        (ORDERS, event("p6", "order-3", 1, "p7", "Looped", 70)),
        (ORDERS, event("p7", "order-3", 2, "p6", "LoopedBack", 71)),
    ]


async def tell(engine: Engine) -> None:
    """Store all of it."""
    orders, payments = await engine.store(ORDERS), await engine.store(PAYMENTS)
    await orders.save_events(order_events())
    for namespace, event in checkout():
        await (orders if namespace == ORDERS else payments).save_event(event)
    await orders.save_snapshot(ActorSnapshot(ACTOR, TRUE_SNAPSHOT, state_at(TRUE_SNAPSHOT), START))
    drifted = {**state_at(DRIFTED_SNAPSHOT), "customer": {"name": "Ada", "city": "Linz"}}
    await orders.save_snapshot(ActorSnapshot(ACTOR, DRIFTED_SNAPSHOT, drifted, START))


@asynccontextmanager
async def story_on(kind: str, folder: Path, *, read_only: bool = False) -> AsyncIterator[DrivenWindow]:
    """The window over the story in a store of that kind, with the order's stream in front, at its last event."""
    async with _store_of(kind, folder) as url, driven(folder / "settings.json") as seen:
        connection = await seen.workspace.open(url, read_only=read_only)
        assert connection is not None
        if kind == "memory":
            await tell(connection.engine)
            await connection.refresh()
        await seen.settle()
        await show_order(seen)
        yield seen


@asynccontextmanager
async def _store_of(kind: str, folder: Path) -> AsyncIterator[str]:
    """The URL of a store that has the story in it; one in memory gets it when it is open."""
    if kind == "memory":
        yield "memory://"
        return
    with nats_server() if kind == "server" else nullcontext() as server:
        url = server.url if server is not None else sqlite_url(folder / "story.aether")
        async with open_engine(url) as engine:
            await tell(engine)
        yield url


async def show_order(seen: DrivenWindow) -> None:
    """Open the order's stream, and wait until all that is shown of it is known."""
    place = Place(seen.workspace.connections[0], ORDERS)
    await seen.panels.desk.open_stream(place, ACTOR, LAST)
    state = seen.panels.state
    await until(lambda: state.shown_version == LAST and state.is_complete and not state.busy, what="all is folded")
    await seen.settle()
    await seen.active()


async def at_version(seen: DrivenWindow, version: int) -> None:
    """Wait until a version is shown everywhere."""
    selection = seen.workspace
    await until(
        lambda: (
            seen.shown_version == version
            and selection.selection is not None
            and selection.selection.event is not None
            and selection.selection.event.version == version
        ),
        what=f"v{version} is shown and selected",
    )
    await seen.settle()
