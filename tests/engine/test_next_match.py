"""The next and the previous event that a filter means, on every store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aether_engine.engine import open_engine
from aether_engine.event import Event
from aether_engine.query import next_match, parse_filter, stepping
from aether_engine.store.protocols import Store
from aether_engine.urls import sqlite_url
from tests.nats_servers import NatsServer, nats_server, wipe

STORES = ("memory", "sqlite", "nats")


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@asynccontextmanager
async def store_of(kind: str, folder: Path, server: NatsServer) -> AsyncIterator[Store]:
    url = "memory://" if kind == "memory" else sqlite_url(folder / "steps.aether")
    if kind == "nats":
        await wipe(server)
        url = server.url
    async with open_engine(url) as engine:
        store = await engine.store("steps")
        await store.save_events(
            [
                Event(f"e-{n}", "Rare" if n in (3, 40, 41, 97) else "Usual", f"actor-{n % 7}", n, {"n": n})
                for n in range(1, 101)
            ]
        )
        yield store


async def look(store: Store, text: str, sequence: int, *, forward: bool) -> tuple[int | None, int, int]:
    found, searched, total = None, 0, 0
    async for step in next_match(store, parse_filter(text), sequence, forward=forward):
        assert found is None, "nothing comes behind the hit"
        assert step.searched >= searched or step.sequence is not None
        found, searched, total = step.sequence, step.searched, step.total
    return found, searched, total


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("stretch", [1, 10, 1000])
async def test_the_nearest_one_is_found(
    kind: str, stretch: int, tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stepping, "_FIRST_STRETCH", stretch)
    rare = (3, 40, 41, 97)
    async with store_of(kind, tmp_path, server) as store:
        for sequence in (0, 1, 3, 39, 40, 41, 96, 97, 100):
            following = next((n for n in rare if n > sequence), None)
            before = next((n for n in reversed(rare) if n < sequence), None)
            assert (await look(store, "type:Rare", sequence, forward=True))[0] == following
            assert (await look(store, "type:Rare", sequence, forward=False))[0] == before
            actor = [n for n in range(1, 101) if n % 7 == 2]
            found = (await look(store, 'actor:"actor-2"', sequence, forward=True))[0]
            assert found == next((n for n in actor if n > sequence), None)
            found = (await look(store, 'actor:"actor-2" type:Usual', sequence, forward=False))[0]
            assert found == next((n for n in reversed(actor) if n < sequence), None)


@pytest.mark.parametrize("kind", STORES)
async def test_where_there_is_none_everything_was_searched(kind: str, tmp_path: Path, server: NatsServer) -> None:
    async with store_of(kind, tmp_path, server) as store:
        assert await look(store, "type:Rare", 97, forward=True) == (None, 3, 3)
        assert await look(store, "type:Rare", 3, forward=False) == (None, 2, 2)
        assert await look(store, "type:Never", 100, forward=True) == (None, 0, 0)
        assert await look(store, "type:Never", 1, forward=False) == (None, 0, 0)
        # Behind the end: from there back.
        assert (await look(store, "type:Rare", 10**9, forward=False))[0] == 97
