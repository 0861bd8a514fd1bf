"""A real server for the tests of a file, emptied in front of each, and engines on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from aether_engine.engine import Engine, open_engine
from tests.nats_servers import NatsServer, nats_server, wipe


@pytest.fixture(scope="module")
def shared_server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest_asyncio.fixture
async def server(shared_server: NatsServer) -> NatsServer:
    await wipe(shared_server)
    return shared_server


@pytest_asyncio.fixture
async def engine(server: NatsServer) -> AsyncIterator[Engine]:
    async with open_engine(server.url) as opened:
        yield opened


@pytest_asyncio.fixture
async def other(server: NatsServer) -> AsyncIterator[Engine]:
    """Of another program."""
    async with open_engine(server.url) as opened:
        yield opened
