"""Namespaces: empty ones, what makes one, and what keeps them apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aether_engine.engine import Engine
from aether_engine.errors import InvalidEventError
from aether_engine.event import ActorSnapshot
from aether_engine.store.protocols import EventLog, EventStore, EventStoreWithErrors, SnapshotStore, Store
from aether_engine.testing.harness import Contract, collect
from aether_engine.testing.samples import make_event


class NamespaceContract(Contract):
    """A namespace begins with its first save and has nothing to do with any other."""

    async def test_implements_every_protocol(self, store: Store) -> None:
        """A store offers events, errors, snapshots and the log, and knows its namespace."""
        for protocol in (EventStore, EventStoreWithErrors, SnapshotStore, EventLog):
            assert isinstance(store, protocol)
        assert store.namespace == "tenant-a"

    async def test_empty_namespace(self, store: Store) -> None:
        """An empty namespace answers every question; nothing is an error."""
        assert await store.get_latest_version("order-1") == 0
        assert await store.get_events("order-1") == []
        result = await store.get_events_with_errors("order-1")
        assert (result.events, result.errors) == ([], [])
        assert await store.last_sequence() == 0
        assert await collect(store.read()) == []
        assert await collect(store.read_actor("order-1")) == []
        assert await store.actors() == []
        assert await store.snapshots("order-1") == []
        assert await store.get_latest_snapshot("order-1") is None

    async def test_namespaces_are_isolated(self, engine: Engine) -> None:
        """The same actor, version and id in two namespaces have nothing to do with each other."""
        one, other = await engine.store("prod.tenant-a"), await engine.store("prod.tenant-b")
        event = make_event(1)
        await one.save_event(event)
        await one.save_snapshot(ActorSnapshot("order-1", 1, {}))
        assert await other.get_latest_version("order-1") == 0
        assert await other.get_events("order-1") == []
        assert await collect(other.read()) == []
        assert await other.actors() == []
        assert await other.snapshots("order-1") == []
        await other.save_event(event)
        await other.save_event(make_event(2))
        assert await one.get_latest_version("order-1") == 1

    async def test_looking_makes_no_namespace(self, engine: Engine, store: Store) -> None:
        """A namespace exists from its first save, not from having been looked at; a refused save is none."""
        await self.test_empty_namespace(store)
        with pytest.raises(InvalidEventError):
            await store.save_event(replace(make_event(), event_type=""))
        assert await engine.namespaces() == []
        await store.save_event(make_event())
        assert [info.name for info in await engine.namespaces()] == ["tenant-a"]

    async def test_namespace_infos(self, engine: Engine) -> None:
        """Namespaces come by name, with count, bytes and the times of the first and the last event."""
        for name in ("b", "a", "a.c", "A"):
            store = await engine.store(name)
            for version in (1, 2, 3):
                await store.save_event(make_event(version))
        infos = await engine.namespaces()
        assert [info.name for info in infos] == ["A", "a", "a.c", "b"]
        for info in infos:
            stored = await collect((await engine.store(info.name)).read())
            assert info.event_count == 3
            assert info.size_bytes == sum(len(item.raw) for item in stored)
            assert info.first_recorded_at == stored[0].recorded_at
            assert info.last_recorded_at == stored[-1].recorded_at
