"""What real faults do to the store: killed, frozen and full servers, races between processes, leaders that go.

Each test prints what it counted. The numbers of the issue (20 cycles and more) are used with AETHER_SOAK=1.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import nats
import pytest

from aether_engine.engine import Engine, open_engine
from aether_engine.errors import OutcomeUnknownError, StoreUnavailableError, VersionConflictError
from aether_engine.event import Gap, StoredEvent, Tailed
from aether_engine.store.protocols import Store
from aether_engine.testing import collect, make_event
from tests.nats_proxy import Proxy
from tests.nats_servers import NatsCluster, NatsServer, nats_cluster, nats_server
from tests.waiting import until

SOAK = bool(os.environ.get("AETHER_SOAK"))
CYCLES = 20 if SOAK else 3
RACERS = 8
#: Until a race starts: every process has heard of it by then, also on a busy machine.
START_SECONDS = 0.5
VERSIONS = 400 if SOAK else 40
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest.fixture(scope="module")
def cluster() -> Iterator[NatsCluster]:
    with nats_cluster() as running:
        yield running


class Writer:
    """Appends to an actor of its own, whatever happens, and keeps account of what it was told."""

    def __init__(self, store: Store, actor_id: str) -> None:
        self.actor_id = actor_id
        self.acknowledged: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self._store = store
        self._stop = False
        self._task = asyncio.create_task(self._write())

    async def stop(self) -> None:
        self._stop = True
        await asyncio.wait_for(self._task, 60)

    async def _write(self) -> None:
        version = 0
        while not self._stop:
            version += 1
            event = make_event(version, self.actor_id, id=f"{self.actor_id}-{version}")
            while True:
                try:
                    await self._store.save_event(event)
                    self.outcomes["stored"] += 1
                except OutcomeUnknownError:
                    self.outcomes["unknown"] += 1
                    continue
                except VersionConflictError as conflict:
                    # Only ever because an earlier try of this very event had been stored.
                    self.outcomes["found stored" if conflict.is_duplicate else "a real conflict"] += 1
                except StoreUnavailableError:
                    self.outcomes["unavailable"] += 1
                    continue
                break
            self.acknowledged.append(event.id)


class Follower:
    """Collects a tail of the whole engine."""

    def __init__(self, engine: Engine, namespace: str) -> None:
        self.tailed: list[StoredEvent] = []
        self.gaps: list[Gap] = []
        self._tail = engine.tail(namespace, after_sequence=0)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        await self._tail.aclose()
        await self._task

    async def _follow(self) -> None:
        async for batch in self._tail:
            for item in batch:
                if isinstance(item, Tailed):
                    self.tailed.append(item.stored)
                else:
                    self.gaps.append(item)


async def check(store: Store, writers: list[Writer], follower: Follower, what: str) -> None:
    """No acknowledged event missing, none twice, versions strictly rising, and the tail saw exactly the log."""
    log = await collect(store.read())
    assert all(stored.event is not None for stored in log)
    ids = [stored.event.id for stored in log if stored.event is not None]
    assert len(ids) == len(set(ids)), "an event is stored twice"
    acknowledged = [one for writer in writers for one in writer.acknowledged]
    missing = set(acknowledged) - set(ids)
    assert not missing, f"acknowledged events are missing: {sorted(missing)[:5]}"
    for writer in writers:
        versions = [s.event.version for s in log if s.event is not None and s.event.actor_id == writer.actor_id]
        assert versions == sorted(set(versions))
    await until(lambda: len(follower.tailed) >= len(log), 20, "the tail reaches the end of the log")
    assert [stored.sequence for stored in follower.tailed] == [stored.sequence for stored in log]
    assert follower.gaps == []
    outcomes = sum((writer.outcomes for writer in writers), Counter())
    assert not outcomes["a real conflict"]
    print(
        f"\n{what}: {len(acknowledged)} acknowledged, 0 missing, 0 twice; {len(log)} in the log, "
        f"{len(follower.tailed)} tailed; {dict(outcomes)}"
    )


@contextlib.asynccontextmanager
async def two_engines(url: str, request_timeout: float = 5.0) -> AsyncIterator[tuple[Engine, Engine]]:
    """One that writes and one that reads."""
    async with (
        open_engine(url, connect_timeout=20.0, request_timeout=request_timeout) as writing,
        open_engine(url, connect_timeout=20.0, request_timeout=request_timeout) as reading,
    ):
        yield writing, reading


async def test_kill_and_restart_under_writers_and_tails(server: NatsServer) -> None:
    async with two_engines(server.url, request_timeout=2.0) as (writing, reading):
        store = await writing.store("faults")
        writers = [Writer(store, f"order-{number}") for number in range(4)]
        follower = Follower(reading, "faults")
        for _ in range(CYCLES):
            goal = sum(len(writer.acknowledged) for writer in writers) + 100
            await until(lambda: sum(len(w.acknowledged) for w in writers) >= goal, 30)
            server.kill()
            await asyncio.to_thread(server.start)
        for writer in writers:
            await writer.stop()
        await check(store, writers, follower, f"{CYCLES} kill/restart cycles")
        await follower.stop()


async def run_race(url: str, what: str) -> None:
    """Eight processes race for every version of one actor: one winner for each."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.engine.jetstream.racer",
            url,
            f"racer{number}",
            str(VERSIONS),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for number in range(RACERS)
    ]
    # Together, at a moment that all have heard of by then: who starts late would find everything won.
    for process in processes:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
    start = time.time() + START_SECONDS
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{start}\n".encode())
    results = []
    for process in processes:
        output, errors = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, errors.decode()[-3000:]
        results.append(json.loads(output))
    winners = Counter(version for result in results for version in result["won"])
    async with open_engine(url) as engine:
        events = await (await engine.store("race")).get_events("prize-1")
    assert [event.version for event in events] == list(range(1, VERSIONS + 1))
    assert winners == dict.fromkeys(range(1, VERSIONS + 1), 1), "a version has no winner, or several"
    for result, number in zip(results, range(RACERS), strict=True):
        assert result["won"] == [event.version for event in events if event.data["by"] == f"racer{number}"]
    counts = {name: sum(result[name] for result in results) for name in ("conflicts", "unknown", "unavailable")}
    racing = sum(bool(result["won"]) for result in results)
    print(f"\n{what}: {RACERS} processes, {racing} of which won; {VERSIONS} versions, one winner each; {counts}")
    assert counts["conflicts"] > 0, "nobody raced anybody"


async def test_a_race_of_processes_on_one_server(server: NatsServer) -> None:
    await run_race(server.url, "race on one server")


async def test_a_race_of_processes_on_a_cluster(cluster: NatsCluster) -> None:
    await run_race(cluster.url, "race on a cluster of three")


@pytest.mark.parametrize("batch", [False, True])
async def test_acknowledgements_that_are_lost(server: NatsServer, batch: bool) -> None:
    """The server stored it and the answer never came: the saver is told the sequence all the same."""
    proxy = Proxy(server.port)
    # The engine's URL is the proxy's, known only once that runs.
    async with proxy as url, open_engine(server.url) as direct, open_engine(url) as engine:
        store = await engine.store("lost")
        await store.save_event(make_event(1))
        await until(lambda: engine.change_count() > 1)
        await store.last_sequence()
        rounds = 20 if SOAK else 3
        told: list[int] = []
        for number in range(rounds):
            proxy.swallowed.clear()
            version = 2 + 3 * number
            if batch:
                # The first event of a batch is answered; what is lost is the answer to the whole.
                events = [make_event(version + place) for place in range(3)]
                proxy.mute_at = b"Nats-Batch-Commit"
                saving = asyncio.create_task(store.save_events(events))
            else:
                proxy.mute_at = b"Nats-Msg-Id"
                saving = asyncio.create_task(_as_list(store.save_event(make_event(version))))
            # The acknowledgement itself is what was lost.
            await until(lambda: (b'"count":3' if batch else b'"seq":') in proxy.swallowed)
            await proxy.cut()
            told += await saving
        stored = await collect((await direct.store("lost")).read())
        assert [one.sequence for one in stored][1:] == told
        assert len({one.event.id for one in stored if one.event is not None}) == len(stored)
        print(
            f"\n{rounds} lost acknowledgements ({'batches' if batch else 'events'}): each found out, once stored"
        )


async def _as_list(saving: Awaitable[int]) -> list[int]:
    return [await saving]


@pytest.mark.parametrize("thaw_first", [False, True])
async def test_a_save_frozen_by_sigstop(server: NatsServer, thaw_first: bool) -> None:
    """Stored at most once, and what the saver is told is the truth."""
    async with two_engines(server.url, request_timeout=0.5) as (writing, reading):
        store = await writing.store("frozen")
        await store.save_event(make_event(1))
        # The news of the new stream has come: the next save has nothing left to ask before it is sent.
        await until(lambda: writing.change_count() > 1)
        await store.last_sequence()
        event = make_event(2)
        server.freeze()
        try:
            saving = asyncio.create_task(store.save_event(event))
            if thaw_first:
                await asyncio.sleep(0.8)  # longer than one attempt waits, shorter than all of them
                server.thaw()
                assert isinstance(await saving, int)
            else:
                with pytest.raises(OutcomeUnknownError) as caught:
                    await saving
                assert caught.value.event == event
        finally:
            server.thaw()
        if not thaw_first:
            [again] = await asyncio.gather(store.save_event(event), return_exceptions=True)
            assert isinstance(again, int) or (isinstance(again, VersionConflictError) and again.is_duplicate)
        stored = await (await reading.store("frozen")).get_events("order-1")
        assert [one.version for one in stored] == [1, 2]
        assert stored[1] == event
        print(f"\nfrozen save, {'thawed in time' if thaw_first else 'outcome unknown, then saved again'}: once")


async def test_a_full_disk() -> None:
    """A store that has no room says so, loses nothing and stays readable."""
    config = 'jetstream { store_dir: "data", max_file_store: 1MB }'
    with nats_server(config=config) as server:
        async with open_engine(server.url) as engine:
            store = await engine.store("full")
            stored: list[int] = []
            refusal: StoreUnavailableError | None = None
            for version in range(1, 40):
                try:
                    stored.append(await store.save_event(make_event(version, data={"x": "y" * 50_000})))
                except StoreUnavailableError as error:
                    refusal = error
                    break
            assert refusal is not None
            assert not isinstance(refusal, OutcomeUnknownError)
            assert "no room" in str(refusal)
            with pytest.raises(StoreUnavailableError, match="no room"):
                await store.save_events([make_event(50 + n, data={"x": "y" * 50_000}) for n in range(20)])
            assert [event.version for event in await store.get_events("order-1")] == list(
                range(1, len(stored) + 1)
            )
            print(f"\nfull disk: {len(stored)} acknowledged and readable, then refused: {refusal}")


async def test_what_a_cluster_stores_can_be_read_at_once(cluster: NatsCluster) -> None:
    """A replica may be behind; reading asks how far the leader is."""
    async with two_engines(cluster.url) as (writing, reading):
        store, other = await writing.store("fresh"), await reading.store("fresh")
        for version in range(1, 31):
            sequence = await store.save_event(make_event(version))
            assert await other.get_latest_version("order-1") == version
            assert len(await other.get_events("order-1")) == version
            assert await other.last_sequence() == sequence
            assert [info.event_count for info in await other.actors()] == [version]
        await store.save_events([make_event(version) for version in range(31, 131)])
        assert len(await collect(other.read())) == 130


async def _step_down(url: str, stream: str) -> str:
    """Have the stream's leader step down; returns who it was."""
    connection = await nats.connect(url.replace(",", ",nats://").split(",")[0])
    try:
        info = json.loads((await connection.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=20)).data)
        answer = await connection.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{stream}", b"", timeout=20)
        assert json.loads(answer.data)["success"]
        return str(info["cluster"]["leader"])
    finally:
        await connection.close()


async def test_leaders_that_step_down_and_die(cluster: NatsCluster) -> None:
    # The last test of the cluster: the servers it starts again are ended with the cluster.
    async with two_engines(cluster.url, request_timeout=5.0) as (writing, reading):
        store = await writing.store("leaders")
        writers = [Writer(store, f"order-{number}") for number in range(3)]
        follower = Follower(reading, "leaders")
        for number in range(6 if SOAK else 2):
            goal = sum(len(writer.acknowledged) for writer in writers) + 50
            await until(lambda: sum(len(w.acknowledged) for w in writers) >= goal, 60)
            leader = await _step_down(cluster.url, "leaders_events")
            if number % 2:
                dying = cluster.named(leader)
                dying.kill()
                await asyncio.sleep(0)
                await asyncio.to_thread(dying.start)
        goal = sum(len(writer.acknowledged) for writer in writers) + 50
        await until(lambda: sum(len(w.acknowledged) for w in writers) >= goal, 60)
        for writer in writers:
            await writer.stop()
        assert engine_warnings(writing) == []
        await check(store, writers, follower, "leaders stepping down and killed")
        await follower.stop()


def engine_warnings(engine: Engine) -> list[str]:
    return [warning.setting for warning in engine.warnings]
