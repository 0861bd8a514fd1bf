"""Keeps the demo's shops busy, so that tails, counters and lists have something to show."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import secrets
from datetime import UTC, datetime
from typing import Final

from aether_desktop.demo_shop import Draft, Journey, Shop
from aether_desktop.demo_world import TENANT_A, TENANT_B, shop_of
from aether_engine.engine import Engine
from aether_engine.errors import AetherError, VersionConflictError
from aether_engine.store.protocols import Store

log = logging.getLogger(__name__)

#: Journeys under way at a time in one shop.
_CUSTOMERS: Final = 4
#: How often in a row somebody else may take the version that was meant for an event.
_ATTEMPTS: Final = 20


class DemoSimulator:
    """Writes what customers and warehouses of the two tenants do now, about `rate` events a second.

    Every event takes its actor's current version + 1; when somebody else takes that version first, the next one.
    """

    def __init__(self, engine: Engine, *, rate: float = 2.0, seed: int | None = None) -> None:
        self._engine = engine
        self._rate = rate
        self._seed = secrets.randbits(32) if seed is None else seed
        # For believable variety; nothing secret hangs on it.
        self._random = random.Random(self._seed)  # noqa: S311 (variety, no secret)
        self._task: asyncio.Task[None] | None = None
        self._error: AetherError | None = None
        self._written = 0

    @property
    def running(self) -> bool:
        """Whether it writes at present."""
        return self._task is not None and not self._task.done()

    @property
    def written(self) -> int:
        """How many events it has stored so far."""
        return self._written

    @property
    def error(self) -> AetherError | None:
        """What ended it by itself, for example a store that cannot be written any more."""
        return self._error

    def start(self) -> None:
        """Begin to write, or go on with it; needs a running event loop."""
        if not self.running:
            self._error = None
            self._task = asyncio.create_task(self._run(), name="demo simulator")

    async def stop(self) -> None:
        """Stop writing; returns when nothing more is on its way to the store. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                # What is not foreseen in `_run` is a mistake that somebody must hear of.
                task.result()

    async def _run(self) -> None:
        try:
            streets = [await self._open(TENANT_A), await self._open(TENANT_B)]
            while True:
                # Tenant A is the larger one.
                street = streets[self._random.random() < 0.3]
                if await street.step():
                    self._written += 1
                pause = self._random.expovariate(self._rate)
                await asyncio.sleep(min(pause, 3 / self._rate))
        except AetherError as error:
            self._error = error
            log.warning("The demo's simulator stopped: %s", error)

    async def _open(self, namespace: str) -> _Street:
        # Numbers that no earlier run of the simulator has used, so that every order is a new one.
        first_number = 100_000 + secrets.randbelow(800_000)
        shop = shop_of(namespace, seed=self._random.getrandbits(32), first_number=first_number)
        store = await self._engine.store(namespace)
        for sku, stock in shop.stock.items():
            actor_id = f"stock-{sku}"
            for event in await store.get_events(actor_id, await store.get_latest_version(actor_id)):
                on_hand, reserved = event.data.get("onHand"), event.data.get("reserved")
                # Somebody may have appended anything by hand.
                if isinstance(on_hand, int) and isinstance(reserved, int):
                    stock.on_hand, stock.reserved = on_hand, reserved
        return _Street(shop, store, self._random)


class _Street:
    """One shop's journeys under way, of which any may be the next to go on."""

    def __init__(self, shop: Shop, store: Store, chance: random.Random) -> None:
        self._shop = shop
        self._store = store
        self._random = chance
        self._journeys: list[Journey] = []

    async def step(self) -> bool:
        """Store the next event of some journey; false when a version could not be had."""
        draft = self._next_draft()
        for _ in range(_ATTEMPTS):
            version = await self._store.get_latest_version(draft.actor_id) + 1
            with contextlib.suppress(VersionConflictError):  # somebody was first: once more, behind him
                await self._store.save_event(draft.event(version, datetime.now(UTC)))
                return True
        return False

    def _next_draft(self) -> Draft:
        while True:
            while len(self._journeys) < _CUSTOMERS:
                restock = self._random.random() < 0.1
                self._journeys.append(self._shop.replenishment() if restock else self._shop.visit())
            journey = self._random.choice(self._journeys)
            for step in journey:
                # Waiting is what the pauses between steps are for.
                if isinstance(step, Draft):
                    return step
            self._journeys.remove(journey)
