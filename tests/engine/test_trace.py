"""Relatives of an event are found on every store, across namespaces, by reading each log once and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from aether_engine.engine import Engine, open_engine, sqlite_url
from aether_engine.event import Event, StoredEvent
from aether_engine.store.protocols import EventLog, Store, TraceAnswer, TraceKey, TraceMatches
from aether_engine.trace import Related, find_related
from aether_engine.trace_memory import STRETCH, TraceMemory
from tests.nats_servers import NatsServer, nats_server


def event(
    event_id: str, actor: str, version: int, *, cause: str = "", correlation: str = "", command: str = ""
) -> Event:
    metadata = {"CausationID": cause} if cause else {}
    if correlation:
        metadata["CorrelationID"] = correlation
    return Event(event_id, "Happened", actor, version, {"n": version}, metadata, command_id=command)


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    with nats_server() as running:
        yield running


@pytest.fixture(params=["memory", "file", "server"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    urls = {"memory": "memory://", "file": sqlite_url(tmp_path / "trace.aether")}
    url = urls.get(request.param) or request.getfixturevalue("server").url
    async with open_engine(url) as opened:
        yield opened


async def logs_of(engine: Engine) -> dict[str, Store]:
    return {info.name: await engine.store(info.name) for info in await engine.namespaces()}


async def stored_at(engine: Engine, namespace: str, sequence: int) -> StoredEvent:
    store = await engine.store(namespace)
    async for batch in store.read(from_sequence=sequence, to_sequence=sequence):
        return batch[0]
    raise AssertionError(f"nothing at {sequence}")


async def search(
    engine: Engine, namespace: str, sequence: int, *, memory: TraceMemory | None = None, **options: Any
) -> list[Related]:
    """All that a search tells, in its order."""
    stored = await stored_at(engine, namespace, sequence)
    assert stored.event is not None
    logs: dict[str, EventLog] = dict(await logs_of(engine))
    found = find_related(
        logs,
        stored.event,
        namespace=namespace,
        sequence=sequence,
        recorded_at=stored.recorded_at,
        memory=memory,
        **options,
    )
    return [each async for each in found]


def places(events: tuple[Any, ...]) -> list[tuple[str, int]]:
    return [(each.namespace, each.sequence) for each in events]


async def test_relatives_are_found_across_namespaces(engine: Engine) -> None:
    orders, stock = await engine.store("shop.orders"), await engine.store("shop.stock")
    await orders.save_event(event("e1", "order-1", 1, correlation="c-1"))
    await stock.save_event(event("s1", "stock-1", 1, cause="e1", correlation="c-1"))
    await orders.save_event(event("x1", "order-2", 1, correlation="c-2"))
    await orders.save_event(event("e2", "order-1", 2, cause="s1", correlation="c-1"))
    await stock.save_event(event("s2", "stock-1", 2, cause="s1"))
    related = (await search(engine, "shop.stock", 1))[-1]
    assert related.is_complete
    assert (related.searched, related.total) == (5, 5)
    assert related.cause is not None
    assert (related.cause.namespace, related.cause.sequence, related.cause.actor_id) == (
        "shop.orders",
        1,
        "order-1",
    )
    assert places(related.effects) == [("shop.orders", 3), ("shop.stock", 2)]
    assert places(related.correlated) == [("shop.orders", 1), ("shop.stock", 1), ("shop.orders", 3)]
    assert (related.effect_count, related.correlated_count) == (2, 3)
    assert [each.version for each in related.correlated] == [1, 1, 2]


async def test_a_cause_is_an_event_or_what_a_command_was_stored_as(tmp_path: Path) -> None:
    async with open_engine("memory://") as engine:
        log = await engine.store("log")
        await log.save_event(event("c-1", "command-1", 1))
        await log.save_event(event("e1", "a", 1, command="c-1"))
        await log.save_event(event("e2", "a", 2, cause="e1", command="c-1"))
        await log.save_event(event("e3", "a", 3, cause="e3"))
        await log.save_event(event("e4", "a", 4, cause="gone"))
        for sequence, expected in ((2, 1), (3, 2), (4, None), (5, None)):
            cause = (await search(engine, "log", sequence))[-1].cause
            assert (cause.sequence if cause is not None else None) == expected
        assert (await search(engine, "log", 4))[-1].effects == (), "nothing is its own effect"


async def filled(engine: Engine, count: int) -> None:
    """`count` events, each the effect of the one before, in correlations of ten."""
    store = await engine.store("log")
    events = [
        event(f"e{n}", f"a-{n % 7}", n, cause=f"e{n - 1}", correlation=f"c-{n // 10}") for n in range(1, count + 1)
    ]
    for start in range(0, count, 1000):
        await store.save_events(events[start : start + 1000])


class Counted:
    """A log that counts what is read of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sequences: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read(self, **options: Any) -> AsyncIterator[list[StoredEvent]]:
        async for batch in self._store.read(**options):
            self.sequences += [each.sequence for each in batch]
            yield batch


async def test_a_search_reads_outwards_and_stops_at_its_budget(tmp_path: Path) -> None:
    count = 10 * STRETCH + 17
    async with open_engine(sqlite_url(tmp_path / "long.aether"), synchronous="OFF") as engine:
        await filled(engine, count)
        log = Counted(await engine.store("log"))
        middle = 5 * STRETCH + 100
        stored = await stored_at(engine, "log", middle)
        middle_event = stored.event
        assert middle_event is not None
        memory = TraceMemory()

        async def search_it(budget: int | None) -> list[Related]:
            found = find_related(
                {"log": log},
                middle_event,
                namespace="log",
                sequence=middle,
                recorded_at=stored.recorded_at,
                memory=memory,
                budget=budget,
            )
            return [each async for each in found]

        near = await search_it(3 * STRETCH)
        assert near[-1].searched == 3 * STRETCH
        assert near[-1].total == count
        assert not near[-1].is_complete
        assert min(log.sequences) == 4 * STRETCH + 1
        assert max(log.sequences) == 7 * STRETCH
        assert near[-1].cause is not None
        assert near[-1].cause.sequence == middle - 1
        assert near[-1].correlated_count == 10
        log.sequences.clear()
        whole = await search_it(None)
        assert whole[-1].is_complete
        named = {each.sequence for each in whole[-1].correlated} | {middle - 1}
        again_read = {sequence for sequence in log.sequences if 4 * STRETCH < sequence <= 7 * STRETCH}
        assert again_read == named, "what was read before is not read again, but for what is named"
        log.sequences.clear()
        again = await search_it(None)
        assert len(again) == 1, "all is remembered"
        assert again[0] == whole[-1]
        assert len(log.sequences) <= 12
        # More was stored since: only that is read.
        await (await engine.store("log")).save_event(event("late", "a-1", count + 1, cause=f"e{middle}"))
        log.sequences.clear()
        later = await search_it(None)
        assert [each.sequence for each in later[-1].effects] == [middle + 1, count + 1]
        assert len(log.sequences) <= 14


async def test_many_relatives_are_counted_and_the_nearest_named() -> None:
    async with open_engine("memory://") as engine:
        store = await engine.store("log")
        events = [event(f"e{n}", "a", n, cause="e1", correlation="c") for n in range(1, 4001)]
        for start in range(0, 4000, 1000):
            await store.save_events(events[start : start + 1000])
        memory = TraceMemory()
        first = (await search(engine, "log", 1, memory=memory, limit=20))[-1]
        assert first.effect_count == 3999
        assert [each.sequence for each in first.effects] == list(range(2, 22))
        middle = (await search(engine, "log", 3000, memory=memory, limit=20))[-1]
        assert middle.correlated_count == 4000
        named = [each.sequence for each in middle.correlated]
        assert len(named) == 20
        assert min(named) in (2990, 2991)
        assert max(named) in (3009, 3010)


async def test_a_memory_forgets_what_it_saw_first() -> None:
    memory = TraceMemory(3 * STRETCH)
    async with open_engine("memory://") as engine:
        await filled(engine, 6 * STRETCH)
        related = (await search(engine, "log", 1, memory=memory))[-1]
        assert related.is_complete
        assert len(memory) == 3 * STRETCH
        again = (await search(engine, "log", 1, memory=memory))[-1]
        assert again == related


async def test_damaged_events_are_relatives_by_what_they_claim(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "damaged.aether"
    async with open_engine(sqlite_url(path)) as engine:
        log = await engine.store("log")
        await log.save_event(event("e1", "a", 1))
        await log.save_event(event("e2", "a", 2, cause="e1"))
        await log.save_event(event("e3", "b", 1, cause="e1"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE events SET checksum = checksum + 1 WHERE position & 0xFFFF = 2")
        connection.execute("UPDATE events SET raw = X'7B7B' WHERE position & 0xFFFF = 3")
    connection.close()
    async with open_engine(sqlite_url(path), read_only=True) as engine:
        related = (await search(engine, "log", 1))[-1]
        assert [(each.sequence, each.damaged) for each in related.effects] == [(2, True)]


class Indexed:
    """A log with an index of its own over its first `known` events."""

    def __init__(self, store: Store, known: int) -> None:
        self._store = store
        self._known = known
        self.asked: list[tuple[TraceKey, str]] = []
        self.read_from: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def find_traced(self, wanted: Sequence[tuple[TraceKey, str]], *, near: int, limit: int) -> TraceAnswer:
        self.asked += wanted
        matches = []
        for key, value in wanted:
            found = []
            async for batch in self._store.read(to_sequence=self._known):
                for each in batch:
                    assert each.event is not None
                    values = {
                        TraceKey.ID: each.event.id,
                        TraceKey.CAUSATION: each.event.causation_id,
                        TraceKey.CORRELATION: each.event.correlation_id,
                    }
                    if values[key] == value:
                        found.append(each.sequence)
            nearest = sorted(sorted(found, key=lambda sequence: abs(sequence - near))[:limit])
            matches.append(TraceMatches(nearest, len(found)))
        return TraceAnswer(matches, self._known)

    def read(self, **options: Any) -> AsyncIterator[list[StoredEvent]]:
        if options["from_sequence"] != options["to_sequence"]:
            self.read_from.append(options["from_sequence"])
        return self._store.read(**options)


async def test_a_store_with_an_index_answers_by_itself() -> None:
    async with open_engine("memory://") as engine:
        await filled(engine, 5 * STRETCH)
        plain = (await search(engine, "log", 700))[-1]
        stored = await stored_at(engine, "log", 700)
        assert stored.event is not None
        for known in (5 * STRETCH, 4 * STRETCH - 10):
            log = Indexed(await engine.store("log"), known)
            found = find_related(
                {"log": log}, stored.event, namespace="log", sequence=700, recorded_at=stored.recorded_at
            )
            answers = [each async for each in found]
            assert answers[-1] == plain
            assert answers[0].correlated_count == 10, "it is there before anything is read"
            assert (TraceKey.CAUSATION, "e700") in log.asked
            assert log.read_from == ([] if known == 5 * STRETCH else [3 * STRETCH + 1, 4 * STRETCH + 1])


async def test_a_search_can_be_left_at_any_point_and_gone_on_with(engine: Engine) -> None:
    count = 3 * STRETCH
    await filled(engine, count)
    stored = await stored_at(engine, "log", 10)
    assert stored.event is not None
    log, memory = Counted(await engine.store("log")), TraceMemory()

    def look() -> AsyncIterator[Related]:
        assert stored.event is not None
        return find_related(
            {"log": log},
            stored.event,
            namespace="log",
            sequence=10,
            recorded_at=stored.recorded_at,
            memory=memory,
        )

    async with aclosing(look()) as searching:  # type: ignore[type-var]  # what it iterates is a generator
        async for related in searching:
            if related.searched:
                break
    assert STRETCH <= len(memory) < count
    # One that is cancelled in the midst of reading leaves what it has seen, too.
    going_on = asyncio.create_task(_last(look()))
    await asyncio.sleep(0)
    going_on.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going_on
    seen = set(log.sequences[:STRETCH])
    log.sequences.clear()
    found = await _last(look())
    assert found.is_complete
    assert (found.effect_count, found.correlated_count) == (1, 10)
    named = {each.sequence for each in (*found.effects, *found.correlated)} | {9}
    assert seen.isdisjoint(set(log.sequences) - named), "what was seen is not read again, but for what is named"
    log.sequences.clear()
    assert await _last(look()) == found
    assert set(log.sequences) <= named


async def _last(search: AsyncIterator[Related]) -> Related:
    return [each async for each in search][-1]
