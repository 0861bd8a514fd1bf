"""The store on a cluster of three, each stream in three replicas, keeps the contracts of store and engine.

A representative part of them in every run; all of them with AETHER_SOAK=1.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar, Final

import nats
import pytest
import pytest_asyncio

from aether_engine.engine import Engine
from aether_engine.store.jetstream.last import LastEvents
from aether_engine.store.protocols import Store
from aether_engine.testing import BusContract, EngineContract, EngineFactory, StoreContract, engines, make_event
from tests.nats_servers import NatsCluster, nats_cluster, wipe

SOAK: Final = bool(os.environ.get("AETHER_SOAK"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[NatsCluster]:
    with nats_cluster() as running:
        yield running


class _OnCluster:
    shared: ClassVar[bool] = True

    @pytest_asyncio.fixture
    async def open_engine_for_test(self, cluster: NatsCluster) -> AsyncIterator[EngineFactory]:
        async with engines(cluster.url, connect_timeout=20.0) as opened:
            # Answered only once the servers have found each other and a leader.
            await opened(read_only=True)
            await wipe(*cluster.servers)
            yield opened

    @pytest_asyncio.fixture
    async def engine(self, open_engine_for_test: EngineFactory) -> Engine:
        return await open_engine_for_test()

    @pytest_asyncio.fixture
    async def store(self, engine: Engine) -> Store:
        return await engine.store("tenant-a")

    async def test_streams_have_three_replicas(self, cluster: NatsCluster, engine: Engine, store: Store) -> None:
        await store.save_event(make_event(1))
        assert engine.warnings == []
        connection = await nats.connect(cluster.servers[0].url)
        try:
            info = await connection.jetstream().stream_info("tenant-a_events")
        finally:
            await connection.close()
        assert info.config.num_replicas == 3

    async def test_a_list_taken_from_one_run(
        self, open_engine_for_test: EngineFactory, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server that runs it may be behind; then what it had not is asked for."""
        monkeypatch.setattr("aether_engine.store.jetstream.actors._MANY", 10)
        runs: list[LastEvents] = []
        begin = LastEvents.begin_run

        async def begin_run(last_events: LastEvents, replicated: bool) -> None:
            runs.append(last_events)
            assert replicated
            await begin(last_events, replicated)

        monkeypatch.setattr(LastEvents, "begin_run", begin_run)
        for version in (1, 2):
            await store.save_events([make_event(version, f"order-{number:03d}") for number in range(500)])
            other = await (await open_engine_for_test()).store("tenant-a")
            infos = await other.actors()
            assert [info.actor_id for info in infos] == [f"order-{number:03d}" for number in range(500)]
            assert {(info.event_count, info.latest_version) for info in infos} == {(version, version)}
        assert len(runs) == 2


if SOAK:

    class TestClusterStore(_OnCluster, StoreContract):  # type: ignore[misc]  # pytest fills in the fixture
        pass

    class TestClusterBus(_OnCluster, BusContract):  # type: ignore[misc]  # pytest fills in the fixture
        pass

    class TestClusterEngine(_OnCluster, EngineContract):  # type: ignore[misc]  # pytest fills in the fixture
        pass

else:

    class TestClusterStore(_OnCluster):  # type: ignore[no-redef]  # the part of it that every run has
        test_save_and_read_back = StoreContract.test_save_and_read_back
        test_version_must_exceed_the_current_one = StoreContract.test_version_must_exceed_the_current_one
        test_duplicate_command = StoreContract.test_duplicate_command_is_told_from_a_concurrent_write
        test_an_id_is_stored_once = StoreContract.test_an_id_is_stored_once
        test_save_events_is_all_or_none = StoreContract.test_save_events_is_all_or_none
        test_one_winner_for_a_version = StoreContract.test_one_winner_for_a_version
        test_one_event_saved_many_times_at_once = StoreContract.test_one_event_saved_many_times_at_once
        test_read_ranges = StoreContract.test_read_ranges
        test_get_events_from_version = StoreContract.test_get_events_from_version
        test_odd_actor_ids_stay_apart = StoreContract.test_odd_actor_ids_stay_apart
        test_actor_infos = StoreContract.test_actor_infos
        test_snapshots = StoreContract.test_snapshots
        test_tail_from_a_sequence = StoreContract.test_tail_from_a_sequence
        test_tail_misses_nothing_under_writers = StoreContract.test_tail_misses_nothing_under_writers
        test_save_all = StoreContract.test_save_all
        test_read_only = StoreContract.test_read_only

    class TestClusterEngine(_OnCluster):  # type: ignore[no-redef]  # the part of it that every run has
        test_tail_of_namespaces_born_later = EngineContract.test_tail_of_namespaces_born_later
        test_tail_sees_other_engines = EngineContract.test_tail_sees_other_engines
