"""Namespaces that vanish under a tail are given up, burden nobody, and are followed again if they come back."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest

from aether_engine import engine_tail
from aether_engine.engine import Engine, open_engine
from aether_engine.event import Gap, Tailed
from aether_engine.store.jetstream.backend import JetStreamBackend
from aether_engine.store.protocols import LogEnd
from aether_engine.testing import make_event
from tests.nats_servers import NatsServer, nats_server, wipe
from tests.waiting import until

Item = tuple[str, int | None]


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest.fixture
async def engine(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setattr(engine_tail, "_VANISHED_SECONDS", 0.3)
    async with open_engine(server.url) as opened:
        yield opened
    await wipe(server)


class Heard:
    """What a tail of everything has delivered: versions of events, None for a gap."""

    def __init__(self, engine: Engine) -> None:
        self.items: list[Item] = []
        self._tail = engine.tail("*")
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for batch in self._tail:
            for item in batch:
                if isinstance(item, Tailed):
                    assert item.stored.event is not None
                    self.items.append((item.namespace, item.stored.event.version))
                else:
                    assert isinstance(item, Gap)
                    self.items.append((item.namespace, None))

    def follows(self, *names: str) -> bool:
        return set(self._tail._followed) == set(names)

    async def __aenter__(self) -> Heard:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._tail.aclose()
        await self._task


async def test_what_vanished_is_no_burden(engine: Engine, server: NatsServer) -> None:
    async with Heard(engine) as heard, open_engine(server.url) as other:
        await until(lambda: heard._tail._listed.is_set())
        tasks = len(asyncio.all_tasks())
        for turn in range(2):
            names = [f"born-{turn}.{number}" for number in range(10)]
            for name in names:
                await (await other.store(name)).save_event(make_event(1))
            await until(lambda: len(heard.items) == 10 * (turn + 1))
            assert heard.follows(*names)
            await wipe(server)
            # What is no longer followed has yet to end before its store is let go.
            await until(lambda: heard.follows() and not engine._stores)
            await engine.namespaces()
        backend = engine._backend
        assert isinstance(backend, JetStreamBackend)
        assert not backend._stores
        assert not backend._infos
        assert not backend._sizes
        gc.collect()
        assert not backend._vanished
        await engine.namespaces()
        assert not backend._sharing
        # Something may still be watching for changes.
        await until(lambda: len(asyncio.all_tasks()) <= tasks + 1)
        assert sorted(heard.items) == sorted((f"born-{turn}.{n}", 1) for turn in range(2) for n in range(10))


async def test_what_comes_back_is_followed_from_its_beginning(engine: Engine, server: NatsServer) -> None:
    store = await engine.store("a")
    async with Heard(engine) as heard:
        await store.save_events([make_event(1), make_event(2)])
        await until(lambda: heard.items == [("a", 1), ("a", 2)])
        await wipe(server)
        await until(lambda: heard.follows())
        assert await engine.store("a") is store, "the same object for whoever has it"
        # Saved with a store that was there before, and by another program.
        await store.save_event(make_event(1))
        await until(lambda: heard.items[2:] == [("a", None), ("a", 1)])
        await wipe(server)
        await until(lambda: heard.follows())
        async with open_engine(server.url) as other:
            await (await other.store("a")).save_event(make_event(1, "order-2"))
            await until(lambda: heard.items[4:] == [("a", None), ("a", 1)])


async def test_what_a_list_left_out_is_followed_on(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cluster in trouble does: nothing is missing then, and nothing comes twice."""
    ends = JetStreamBackend.ends
    left_out = ""

    async def some(backend: JetStreamBackend, pattern: str) -> dict[str, LogEnd]:
        found = await ends(backend, pattern)
        return {name: end for name, end in found.items() if name != left_out or pattern == name}

    monkeypatch.setattr(JetStreamBackend, "ends", some)
    store, quiet = await engine.store("a"), await engine.store("quiet")
    await store.save_events([make_event(1), make_event(2)])
    await quiet.save_event(make_event(1))
    async with Heard(engine) as heard:
        await store.save_event(make_event(3))
        await until(lambda: heard.items == [("a", 3)])
        for left_out, others in (("a", "quiet"), ("quiet", "a")):
            await until(lambda: heard.follows(others))
            await store.save_event(make_event(4 if left_out == "a" else 5))
            left_out = ""
            await until(lambda: heard.follows("a", "quiet"))
        await quiet.save_event(make_event(2))
        await until(lambda: len(heard.items) == 4)
        assert sorted(heard.items) == [("a", 3), ("a", 4), ("a", 5), ("quiet", 2)]
