"""The store in JetStream, on a real server, keeps the contracts of store, bus and engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from aether_engine.engine import open_engine
from aether_engine.errors import StoreUnavailableError
from aether_engine.testing import BusContract, EngineContract, EngineFactory, StoreContract, engines
from tests.nats_servers import NatsServer, nats_server, wipe


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


class _OnServer:
    @pytest_asyncio.fixture
    async def open_engine_for_test(self, server: NatsServer) -> AsyncIterator[EngineFactory]:
        await wipe(server)
        async with engines(server.url) as opened:
            yield opened


class TestJetStreamStore(_OnServer, StoreContract):  # type: ignore[misc]  # pytest fills in the fixture
    pass


class TestJetStreamBus(_OnServer, BusContract):  # type: ignore[misc]  # pytest fills in the fixture
    pass


class TestJetStreamEngine(_OnServer, EngineContract):  # type: ignore[misc]  # pytest fills in the fixture
    pass


async def test_nothing_listens_there() -> None:
    with pytest.raises(StoreUnavailableError, match="refused"):
        await open_engine("nats://127.0.0.1:1", connect_timeout=1.0)
