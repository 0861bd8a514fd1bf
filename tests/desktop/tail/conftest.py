"""A tail over an engine in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aether_desktop.models.tail.tail_controller import TailController
from aether_engine.engine import Engine, open_engine


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with open_engine("memory://") as opened:
        yield opened


@pytest.fixture
async def tail(engine: Engine) -> AsyncIterator[TailController]:
    controller = TailController(engine)
    yield controller
    assert controller.counters.adds_up
    await controller.close()
    assert controller.counters.adds_up
