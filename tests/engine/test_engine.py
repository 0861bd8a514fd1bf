"""Opening by URL, and the parts of `Engine.tail` that no real store can be brought to show."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aether_engine import (
    Engine,
    Event,
    EventBus,
    ReadOnlyError,
    ReplayError,
    StoredEvent,
    StoreUnavailableError,
    SubscriptionFilter,
    Tailed,
    open_engine,
)
from aether_engine.engine import sqlite_path, sqlite_url
from aether_engine.store.memory.backend import MemoryBackend
from aether_engine.store.memory.store import InMemoryEventStore
from aether_engine.store.protocols import LogEnd
from aether_engine.testing import make_event, soon, take


async def test_both_ways_of_opening() -> None:
    engine = await open_engine("memory://")
    assert (engine.url, engine.read_only, engine.closed, engine.warnings) == ("memory://", False, False, [])
    await engine.close()
    assert engine.closed
    async with open_engine("memory://", read_only=True) as engine:
        assert engine.read_only
    assert engine.closed
    async with await open_engine("memory://") as engine:
        pass
    assert engine.closed


async def test_nothing_is_opened_before_it_is_awaited(tmp_path: Path) -> None:
    open_engine(str(tmp_path / "missing.aether"), read_only=True)


async def test_a_memory_engine_for_reading_only() -> None:
    async with open_engine("memory://", read_only=True) as engine:
        store = await engine.store("a")
        assert await store.get_events("order-1") == []
        with pytest.raises(ReadOnlyError):
            await store.save_event(make_event())
        assert await engine.namespaces() == []


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("nats://host:4222", "nats://"),
        ("tls://host:4222", "tls://"),
        ("postgres://host/db", "postgres://"),
        ("://x", "://"),
        ("memory://somewhere", "no address"),
        ("sqlite://", "three slashes"),
        ("sqlite://host/file.aether", "three slashes"),
        ("sqlite:///", "names no file"),
        ("sqlite:////", "names no file"),
        ("sqlite:///a%00b", "names no file"),
        ("sqlite:///a.aether?mode=ro", "%3F"),
        ("", "names no file"),
    ],
)
async def test_urls_that_cannot_be_opened(url: str, named: str) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        await open_engine(url)
    assert named in str(caught.value)


async def test_unknown_schemes_name_the_known_ones_and_no_secrets() -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        await open_engine("redis://user:secret@one:1,other:hidden@two:2/3")
    assert "memory://, sqlite://" in str(caught.value)
    assert caught.value.url == "redis://one:1,two:2/3"
    assert "secret" not in str(caught.value)


async def test_unknown_options_are_named() -> None:
    with pytest.raises(TypeError, match="'colour', 'speed'"):
        await open_engine("memory://", speed=1, colour=2)
    with pytest.raises(TypeError, match="'synchronous'"):
        await open_engine("memory://", synchronous="OFF")
    with pytest.raises(TypeError, match="synchronous"):
        await open_engine("sqlite:///x.aether", timeout=3)


@pytest.mark.parametrize(
    "name", ["a.aether", "folder/a.aether", "/tmp/a.aether", "a b%20ä?#.aether", "C:/x.aether"]
)
def test_file_urls(name: str) -> None:
    url = sqlite_url(Path(name))
    assert url.startswith("sqlite:///")
    assert sqlite_path(url) == Path(name)


def test_file_urls_as_the_contract_writes_them() -> None:
    assert sqlite_path("sqlite:///relative.aether") == Path("relative.aether")
    assert sqlite_path("sqlite:////absolute.aether") == Path("/absolute.aether")
    assert sqlite_path("SQLite:///a%20b.aether") == Path("a b.aether")


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_file_names_that_are_not_utf8() -> None:
    path = Path("\udcff.aether")
    assert sqlite_url(path) == "sqlite:///%FF.aether"
    assert sqlite_path(sqlite_url(path)) == path


async def test_a_plain_path_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "my events?.aether"
    async with open_engine(str(path)) as engine:
        assert engine.url == sqlite_url(path)
        await (await engine.store("a")).save_event(make_event())
    assert path.exists()
    async with open_engine(sqlite_url(path), read_only=True) as engine:
        assert [info.name for info in await engine.namespaces()] == ["a"]


async def test_a_store_by_itself() -> None:
    store = InMemoryEventStore()
    assert store.namespace == "default"
    event = make_event()
    assert await store.save_event(event) == 1
    assert await store.get_events("order-1") == [event]


async def test_savers_in_a_loop_let_others_run() -> None:
    store = InMemoryEventStore()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    for version in range(1, 500):
        await store.save_event(make_event(version))
    task.cancel()
    assert turns > 5


async def test_a_load_of_the_bus_is_read_lazily() -> None:
    """`save_all` hands over what it stored so that it can be sliced and indexed like a list."""
    heard: list[tuple[int, Event]] = []
    events = [make_event(version) for version in range(1, 6)]
    store = InMemoryEventStore(publish=lambda namespace, stored: heard.extend([*stored[1:3], stored[-1]]))

    async def batches() -> AsyncIterator[list[Event]]:
        yield events

    await store.save_all(batches())
    assert heard == [(2, events[1]), (3, events[2]), (5, events[4])]


# --- Tail -------------------------------------------------------------------------------------------------


class _DamagedStore(InMemoryEventStore):
    """Every second event of it is corrupted; after `fails_behind` reading fails."""

    fails_behind = 1000

    async def _batch(self, sequences: Sequence[int]) -> list[StoredEvent]:
        if max(sequences, default=0) > self.fails_behind:
            raise StoreUnavailableError("memory://", "the test says so")
        return [stored if stored.sequence % 2 else _damaged(stored) for stored in await super()._batch(sequences)]


def _damaged(stored: StoredEvent) -> StoredEvent:
    error = ReplayError(stored.sequence, stored.raw, ValueError("damaged"))
    return StoredEvent(stored.sequence, stored.recorded_at, stored.raw, None, error)


class _DamagedBackend(MemoryBackend):
    async def store(self, namespace: str) -> InMemoryEventStore:
        if namespace not in self._stores:
            self._stores[namespace] = _DamagedStore(namespace, on_change=self._changes.notify)
        return self._stores[namespace]


async def test_filters_never_hide_what_is_corrupted() -> None:
    async with Engine("memory://", read_only=False, bus=EventBus(), backend=_DamagedBackend()) as engine:
        tail = engine.tail("*", SubscriptionFilter(frozenset({"Nothing"})))
        store = await engine.store("a")
        await store.save_events([make_event(version) for version in (1, 2, 3, 4)])
        items = await take(tail, 2)
        assert [item.stored.sequence for item in items if isinstance(item, Tailed)] == [2, 4]
        assert all(isinstance(item, Tailed) and item.stored.error for item in items)


async def test_a_failing_log_reaches_the_reader() -> None:
    async with Engine("memory://", read_only=False, bus=EventBus(), backend=_DamagedBackend()) as engine:
        store = await engine.store("a")
        assert isinstance(store, _DamagedStore)
        store.fails_behind = 2
        tail = engine.tail("*")
        await store.save_events([make_event(1), make_event(2)])
        assert len(await take(tail, 2)) == 2
        await store.save_events([make_event(3)])
        with pytest.raises(StoreUnavailableError, match="the test says so"):
            await soon(anext(tail))
        with pytest.raises(StopAsyncIteration):
            await soon(anext(tail))


class _SlowlyListed(MemoryBackend):
    """Lists its namespaces when it is allowed to, as they were when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = asyncio.Event()

    async def ends(self, namespace_pattern: str) -> dict[str, LogEnd]:
        await self.allowed.wait()
        return await super().ends(namespace_pattern)


async def test_namespaces_born_before_the_first_look_are_new() -> None:
    """What another process brings into being between the call and the first look is delivered whole."""
    backend = _SlowlyListed()
    async with Engine("memory://", read_only=False, bus=EventBus(), backend=backend) as engine:
        old = await backend.store("old")
        await old.save_event(make_event(1))
        tail = engine.tail("*")
        await asyncio.sleep(0)
        # Behind the engine's back, as another process would.
        new = await backend.store("new")
        await new.save_event(make_event(1))
        backend.allowed.set()
        [item] = await take(tail, 1)
        assert isinstance(item, Tailed)
        assert (item.namespace, item.stored.sequence) == ("new", 1)
        await old.save_event(make_event(2))
        [item] = await take(tail, 1)
        assert isinstance(item, Tailed)
        assert (item.namespace, item.stored.sequence) == ("old", 2)


class _SlowlyOpened(MemoryBackend):
    """Opens its stores when it is allowed to, after it has said where they end."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = asyncio.Event()
        self.allowed = asyncio.Event()

    async def ends(self, namespace_pattern: str) -> dict[str, LogEnd]:
        ends = await super().ends(namespace_pattern)
        self.listed.set()
        return ends

    async def store(self, namespace: str) -> InMemoryEventStore:
        if self.listed.is_set():
            await self.allowed.wait()
        return await super().store(namespace)


@pytest.mark.parametrize("pattern", ["*", "old"])
async def test_what_others_add_before_a_namespace_is_followed_is_not_missed(pattern: str) -> None:
    """ "Now" is when the tail was asked for, not when it came round to a namespace."""
    backend = _SlowlyOpened()
    async with Engine("memory://", read_only=False, bus=EventBus(), backend=backend) as engine:
        old = await backend.store("old")
        await old.save_event(make_event(1))
        tail = engine.tail(pattern)
        await soon(backend.listed.wait())
        # Behind the engine's back, as another process would.
        await old.save_event(make_event(2))
        backend.allowed.set()
        [item] = await take(tail, 1)
        assert isinstance(item, Tailed)
        assert (item.namespace, item.stored.sequence) == ("old", 2)


async def test_opening_a_store_of_another_process_misses_none_of_it() -> None:
    """A namespace that was born elsewhere and is opened here before it was found is delivered whole."""
    backend = MemoryBackend()
    async with Engine("memory://", read_only=False, bus=EventBus(), backend=backend) as engine:
        tail = engine.tail("*")
        for _ in range(5):
            await asyncio.sleep(0)
        await (await backend.store("new")).save_event(make_event(1))
        await (await engine.store("new")).save_event(make_event(2))
        assert len(await take(tail, 2)) == 2


async def test_a_slow_reader_slows_the_reading_down() -> None:
    async with open_engine("memory://") as engine:
        store = await engine.store("a")
        events = [make_event(version) for version in range(1, 20_001)]
        for start in range(0, 20_000, 1000):
            await store.save_events(events[start : start + 1000])
        tail = engine.tail("a", after_sequence=0)
        for _ in range(200):
            await asyncio.sleep(0)
        assert sum(map(len, tail._batches)) < 10_000
        assert len(await take(tail, 20_000)) == 20_000


async def test_an_exact_tail_from_a_number_before_the_namespace_exists() -> None:
    async with open_engine("memory://") as engine:
        exact, wild = engine.tail("a", after_sequence=2), engine.tail("*", after_sequence=2)
        await asyncio.sleep(0)
        store = await engine.store("a")
        await store.save_events([make_event(version) for version in (1, 2, 3)])
        [item] = await take(exact, 1)
        assert isinstance(item, Tailed)
        assert item.stored.sequence == 3
        # For a pattern the namespace is new: all of it came after the call.
        assert len(await take(wild, 3)) == 3


async def test_tail_as_context_manager() -> None:
    async with open_engine("memory://") as engine:
        before = asyncio.all_tasks()
        async with engine.tail("*"):
            assert len(asyncio.all_tasks()) > len(before)
        assert asyncio.all_tasks() <= before


async def test_closing_during_a_load() -> None:
    engine = await open_engine("memory://")
    store = await engine.store("a")
    assert isinstance(store, InMemoryEventStore)
    go_on = asyncio.Event()

    async def source() -> AsyncIterator[list[Event]]:
        yield [make_event()]
        await go_on.wait()

    load = asyncio.create_task(store.save_all(source()))
    await asyncio.sleep(0)
    await engine.close()
    go_on.set()
    with pytest.raises(StoreUnavailableError):
        await soon(load)
