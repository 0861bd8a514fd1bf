"""An engine of each kind of storage for tests that hold on all of them; import both fixtures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from aether_engine.engine import Engine, open_engine
from tests.nats_servers import NatsServer, nats_server, wipe


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """A server for all tests of a module."""
    with nats_server() as running:
        yield running


@pytest.fixture(params=["memory", "sqlite", "jetstream"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """An empty engine, once of each kind."""
    url = "memory://"
    options: dict[str, Any] = {}
    if request.param == "sqlite":
        url, options = str(tmp_path / "log.aether"), {"synchronous": "OFF"}
    elif request.param == "jetstream":
        server = request.getfixturevalue("server")
        await wipe(server)
        url = server.url
    async with open_engine(url, **options) as opened:
        yield opened


def is_server(engine: Engine) -> bool:
    """Whether the engine lives on a server, where everything takes longer."""
    return engine.link is not None
