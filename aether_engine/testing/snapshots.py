"""Snapshots beside the events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aether_engine.errors import InvalidEventError
from aether_engine.event import ActorSnapshot
from aether_engine.store.protocols import SnapshotLog, Store
from aether_engine.testing.harness import Contract, collect
from aether_engine.testing.samples import ODD_ACTOR_IDS, make_event


class SnapshotContract(Contract):
    """Snapshots are kept apart from events, one for each version of an actor."""

    async def test_snapshots(self, store: Store) -> None:
        """Snapshots are kept apart from events, ordered by version, the highest one is the latest."""
        await store.save_event(make_event(1))
        snapshots = [
            ActorSnapshot("order-1", version, {"v": version}, datetime(2024, 1, 1, tzinfo=UTC))
            for version in (7, 2, 9, 4)
        ]
        for snapshot in snapshots:
            await store.save_snapshot(snapshot)
        assert await store.get_latest_snapshot("order-1") == snapshots[2]
        by_version = sorted(snapshots, key=lambda snapshot: snapshot.version)
        assert await store.snapshots("order-1") == by_version
        assert await store.snapshots("order-10") == []
        assert await store.get_latest_snapshot("order-10") is None
        assert await store.get_latest_version("order-1") == 1
        assert len(await collect(store.read())) == 1
        assert [info.event_count for info in await store.actors()] == [1]

    async def test_a_snapshot_replaces_that_of_its_version(self, store: Store) -> None:
        """Saving a snapshot of the same version again replaces it."""
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        await store.save_snapshot(ActorSnapshot("order-1", 3, {"try": 1}, moment))
        await store.save_snapshot(ActorSnapshot("order-1", 3, {"try": 2}, moment))
        assert [snapshot.state for snapshot in await store.snapshots("order-1")] == [{"try": 2}]

    async def test_all_snapshots(self, store: Store) -> None:
        """A `SnapshotLog` lists those of all actors, each version once, as it was saved last, with its bytes."""
        if not isinstance(store, SnapshotLog):
            pytest.skip("this store lists the snapshots of one actor only")
        assert await collect(store.read_snapshots()) == []
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        saved: dict[tuple[str, int], ActorSnapshot] = {}
        for number, actor_id in enumerate(("order-1", "order-10", "a b", "a_b", "order-1", *ODD_ACTOR_IDS)):
            for version in (9, 2, 2):
                snapshot = ActorSnapshot(actor_id, version, {"try": number}, moment)
                saved[actor_id, version] = snapshot
                await store.save_snapshot(snapshot)
        for batch_size in (1000, 7):
            found = await collect(store.read_snapshots(batch_size=batch_size))
            assert {(one.actor_id, one.version): one.snapshot for one in found} == saved
            assert len(found) == len(saved)
            assert all(
                one.error is None and one.raw == saved[one.actor_id, one.version].to_json() for one in found
            )
        for actor_id in ("order-1", "a b", "nobody"):
            mine = await collect(store.read_snapshots(actor_id=actor_id))
            assert sorted(one.version for one in mine) == ([] if actor_id == "nobody" else [2, 9])
            assert {one.actor_id for one in mine} <= {actor_id}

    async def test_snapshot_bytes(self, store: Store) -> None:
        """Of a decoded snapshot the very bytes are kept."""
        raw = (
            b'{"version":3, "actorId":"order-1","state":{"n":18446744073709551616,"d":1.10},'
            b'"timestamp":"2024-01-01T00:00:00.123456789Z","x":1}'
        )
        await store.save_snapshot(ActorSnapshot.from_json(raw))
        latest = await store.get_latest_snapshot("order-1")
        assert latest is not None
        assert latest.to_json() == raw

    @pytest.mark.parametrize(
        ("changes", "field"),
        [({"actor_id": ""}, "actorId"), ({"version": 0}, "version"), ({"state": []}, "state")],
    )
    async def test_invalid_snapshots_are_refused(self, store: Store, changes: dict[str, Any], field: str) -> None:
        """A snapshot is checked like an event."""
        with pytest.raises(InvalidEventError) as caught:
            await store.save_snapshot(replace(ActorSnapshot("order-1", 1, {}), **changes))
        assert (caught.value.field, caught.value.kind) == (field, "snapshot")
        assert await store.snapshots("order-1") == []
