"""Several engines on one storage, engines that only read, and those that ask before they write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from aether_engine.errors import InvalidEventError, ReadOnlyError, VersionConflictError
from aether_engine.event import ActorSnapshot, Event
from aether_engine.store.protocols import BulkWriter
from aether_engine.testing.harness import Contract, EngineFactory, collect, take
from aether_engine.testing.samples import NASTY_PAYLOADS, hand_over, make_event


class SharingContract(Contract):
    """What one engine stored the next one finds; who may not write does not."""

    async def test_what_is_stored_stays(self, open_engine_for_test: EngineFactory) -> None:
        """After closing and opening everything is there, and the log goes on."""
        self._needs_sharing()
        engine = await open_engine_for_test()
        store = await engine.store("tenant-a")
        events = [Event.from_json(raw).with_version(n) for n, raw in enumerate(NASTY_PAYLOADS.values(), 1)]
        await store.save_events(events)
        await store.save_snapshot(ActorSnapshot("nasty-1", 2, {"a": 1}))
        before = await collect(store.read())
        snapshots = await store.snapshots("nasty-1")
        await engine.close()
        store = await (await open_engine_for_test()).store("tenant-a")
        assert await collect(store.read()) == before
        assert [item.raw for item in await collect(store.read())] == [event.to_json() for event in events]
        assert await store.snapshots("nasty-1") == snapshots
        with pytest.raises(VersionConflictError):
            await store.save_event(make_event(1, "nasty-1"))
        assert await store.save_event(make_event(100, "nasty-1")) > before[-1].sequence

    async def test_two_engines_on_one_storage(self, open_engine_for_test: EngineFactory) -> None:
        """Each sees the other's events, in reads and tails; of two that race for a version one wins."""
        self._needs_sharing()
        one, other = [await (await open_engine_for_test()).store("tenant-a") for _ in range(2)]
        await one.save_event(make_event(1))
        assert await other.get_latest_version("order-1") == 1
        tail = other.tail(after_sequence=0)
        await take(tail, 1)
        for version in range(2, 12):
            results = await asyncio.gather(
                one.save_event(make_event(version)),
                other.save_event(make_event(version)),
                return_exceptions=True,
            )
            assert sorted(type(result).__name__ for result in results) == ["VersionConflictError", "int"]
        assert [item.event.version for item in await take(tail, 10) if item.event] == list(range(2, 12))

    async def test_read_only(self, open_engine_for_test: EngineFactory) -> None:
        """A read-only store reads everything and refuses every write; validity is still checked first."""
        event = make_event(1)
        if self.shared:
            writable = await open_engine_for_test()
            await (await writable.store("tenant-a")).save_event(event)
            await writable.close()
        engine = await open_engine_for_test(read_only=True)
        assert engine.read_only
        store = await engine.store("tenant-a")
        with pytest.raises(ReadOnlyError):
            await store.save_event(make_event(2))
        with pytest.raises(ReadOnlyError):
            await store.save_event(event)
        with pytest.raises(ReadOnlyError):
            await store.save_events([make_event(2)])
        with pytest.raises(ReadOnlyError):
            await store.save_snapshot(ActorSnapshot("order-1", 1, {}))
        if isinstance(store, BulkWriter):
            with pytest.raises(ReadOnlyError):
                await store.save_all(hand_over([make_event(2)]))
        with pytest.raises(InvalidEventError):
            await store.save_event(replace(make_event(), event_type=""))
        with pytest.raises(ReadOnlyError):
            await (await engine.store("another")).save_event(make_event())
        assert await store.get_events("order-1") == ([event] if self.shared else [])
        assert [info.name for info in await engine.namespaces()] == (["tenant-a"] if self.shared else [])

    async def test_asked_before_each_write(self, open_engine_for_test: EngineFactory) -> None:
        """Each write waits for the one who wants to be asked; what he refuses leaves nothing behind."""
        engine = await open_engine_for_test()
        store = await engine.store("tenant-a")
        asked: list[str] = []

        async def refuse(namespace: str) -> None:
            asked.append(namespace)
            await asyncio.sleep(0)
            raise ReadOnlyError("refused")

        engine.ask_before_writing(refuse)
        writes: list[Callable[[], Awaitable[object]]] = [
            lambda: store.save_event(make_event(1)),
            lambda: store.save_events([make_event(1), make_event(2)]),
            lambda: store.save_snapshot(ActorSnapshot("order-1", 1, {})),
        ]
        if isinstance(store, BulkWriter):
            bulk = store
            writes.append(lambda: bulk.save_all(hand_over([make_event(1)])))
        for write in writes:
            with pytest.raises(ReadOnlyError, match="refused"):
                await write()
        assert asked == ["tenant-a"] * len(writes)
        with pytest.raises(InvalidEventError):
            await store.save_event(replace(make_event(), event_type=""))
        assert await engine.namespaces() == []
        assert await store.snapshots("order-1") == []

        async def allow(namespace: str) -> None:
            asked.append(namespace)

        engine.ask_before_writing(allow)
        await store.save_event(make_event(1))
        assert len(asked) == len(writes) + 1
        engine.ask_before_writing(None)
        await store.save_event(make_event(2))
        assert len(asked) == len(writes) + 1
