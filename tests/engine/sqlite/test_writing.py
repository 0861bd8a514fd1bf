"""How saves become rows: many by one statement, the rest one by one, and what another save cannot see of them."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from aether_engine.errors import CorruptStoreError, DuplicateEventError, VersionConflictError
from aether_engine.event import Event
from aether_engine.store.sqlite import inserts as sqlite_inserts
from aether_engine.store.sqlite import writer as sqlite_writer
from tests.engine.sqlite.support import NAMESPACE, make_event, opened, read_all


async def test_batches_of_every_size_are_stored_alike(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    expected: list[Event] = []
    counts: dict[str, int] = {}
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        for size in (1, 9, 10, 11, 99, 100, 101, 2, 113, 250, 1000):
            batch = [
                Event(
                    f"event-{number}",
                    f"T{number % 13}",
                    f"order-{number % (size // 2 + 1)}",
                    number,
                    {"n": number},
                )
                for number in range(len(expected) + 1, len(expected) + size + 1)
            ]
            assert await store.save_events(batch) == [event.version for event in batch]
            expected += batch
            for event in batch:
                counts[event.actor_id] = counts.get(event.actor_id, 0) + 1
        # Known to the writer since its first, and to a store that reads everything anew.
        for number in (1, 11, 140, 1696):
            with pytest.raises(DuplicateEventError) as caught:
                await store.save_event(Event(f"event-{number}", "T", "another", 1, {}))
            assert caught.value.sequence == number
    connection = sqlite3.connect(path)
    index = connection.execute("SELECT id_prefix, position FROM event_ids ORDER BY position").fetchall()
    rows = connection.execute("SELECT id_hash, position FROM events ORDER BY position").fetchall()
    connection.close()
    assert index == [(int.from_bytes(id_hash[:8], "big", signed=True), position) for id_hash, position in rows]
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        found = await read_all(store)
        assert [stored.error for stored in found] == [None] * len(expected)
        assert [stored.raw for stored in found] == [event.to_json() for event in expected]
        assert {info.actor_id: info.event_count for info in await store.actors(limit=2000)} == counts
        latest = {event.actor_id: event.version for event in expected}
        assert {info.actor_id: info.latest_version for info in await store.actors(limit=2000)} == latest
        for actor_id in ("order-0", "order-7", "order-400"):
            own = [event for event in expected if event.actor_id == actor_id]
            assert await store.get_events(actor_id) == own
        assert [await store.sequence_of(f"event-{number}") for number in (1, 10, 999, 1696)] == [1, 10, 999, 1696]
        (info,) = await backend.namespaces()
        assert (info.event_count, info.size_bytes) == (len(expected), sum(len(stored.raw) for stored in found))


async def test_large_events_go_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_inserts, "_SMALL", 500)
    async with opened(tmp_path / "store.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        small = [make_event(number) for number in range(1, 121)]
        large = [make_event(number, text="x" * 1000) for number in range(121, 241)]
        await store.save_events(small)
        await store.save_events(large)
        await store.save_events([make_event(241), make_event(242, text="x" * 100_000)])
        assert [stored.event for stored in await read_all(store)][:240] == small + large
        assert await store.last_sequence() == 242


async def test_rows_that_are_in_the_way_refuse_all_of_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await (await backend.store(NAMESPACE)).save_events([make_event(number) for number in range(1, 301)])
    connection = sqlite3.connect(path)
    # The first half of the next batch finds its places free, and then there is an event.
    connection.execute("DELETE FROM events WHERE position & 0xffffffffff BETWEEN 101 AND 250")
    connection.execute("UPDATE namespaces SET last_sequence = 100, ids_until = 0")
    connection.commit()
    connection.close()
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        with pytest.raises(CorruptStoreError, match="counters disagree"):
            await store.save_events([make_event(number, "another") for number in range(1001, 1301)])
        assert await store.get_latest_version("another") == 0
        # What does not meet it is stored as ever.
        assert await store.save_events([make_event(number, "third") for number in range(2001, 2121)]) == list(
            range(101, 221)
        )
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (300 - 150 + 120,)
    connection.close()


async def test_a_group_knows_what_it_is_about_to_store(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether") as backend:
        first, second = await backend.store(NAMESPACE), await backend.store("tenant-b")
        saves = [
            first.save_events([make_event(number, f"order-{number % 3}") for number in range(1, 116)]),
            second.save_event(make_event(7, version=1)),
            first.save_event(make_event(7, "another", version=1)),
            first.save_event(make_event(200, "order-1", version=112)),
            first.save_events([make_event(201, "order-2"), make_event(202, "order-2", version=200)]),
            first.save_event(make_event(203, "order-2")),
        ]
        results = await asyncio.gather(*saves, return_exceptions=True)
        assert results[0] == list(range(1, 116))
        assert results[1] == 1
        assert isinstance(results[2], DuplicateEventError)
        assert results[2].sequence == 7
        assert isinstance(results[3], VersionConflictError)
        assert results[3].current_version == 115
        assert results[3].stored is not None
        assert results[3].stored.id == "event-112"
        assert isinstance(results[4], VersionConflictError)
        assert results[5] == 116


async def test_ids_of_single_saves_in_turns_are_found_where_they_are(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether", synchronous="OFF") as backend:
        stores = [await backend.store(NAMESPACE), await backend.store("tenant-b")]
        for number in range(1, 31):
            for store in stores:
                assert await store.save_event(make_event(number, f"order-{number}")) == number
        for store in stores:
            for number in (1, 17, 30):
                with pytest.raises(DuplicateEventError) as caught:
                    await store.save_event(make_event(number, "another"))
                assert caught.value.sequence == number


@pytest.mark.parametrize("linger", [0.0, 0.0002])
async def test_no_save_is_missed_while_the_thread_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linger: float
) -> None:
    monkeypatch.setattr(sqlite_writer, "_LINGER", linger)
    async with opened(tmp_path / "store.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        for number in range(1, 401):
            assert await store.save_event(make_event(number)) == number
            await asyncio.sleep(number % 5 * 0.0001)
        assert await store.last_sequence() == 400
