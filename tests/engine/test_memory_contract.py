"""The store in memory keeps the contracts of store, bus and engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from aether_engine.testing import BusContract, EngineContract, EngineFactory, StoreContract, engines


class _InMemory:
    shared = False
    longest_actor_id = 100_000

    @pytest_asyncio.fixture
    async def open_engine_for_test(self, tmp_path: Path) -> AsyncIterator[EngineFactory]:
        async with engines("memory://") as opened:
            yield opened


class TestMemoryStore(_InMemory, StoreContract):
    pass


class TestMemoryBus(_InMemory, BusContract):
    pass


class TestMemoryEngine(_InMemory, EngineContract):
    pass
