"""Saving in one process: shared commits, cancelling, loads of any length, limits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from aether_engine.errors import (
    DuplicateEventError,
    InvalidEventError,
    OutcomeUnknownError,
    StoreUnavailableError,
    VersionConflictError,
)
from aether_engine.event import MAX_VERSION, ActorSnapshot, Event
from aether_engine.store.sqlite.append import Appender
from tests.engine.sqlite.support import NAMESPACE, make_event, opened, read_all


async def test_savers_share_commits_and_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = 0
    commit = Appender.commit

    def counted(self: Appender) -> None:
        nonlocal commits
        commits += 1
        commit(self)

    monkeypatch.setattr(Appender, "commit", counted)
    published: list[tuple[str, int, Event]] = []
    async with opened(tmp_path / "store.aether", published=published) as backend:
        first, second = await backend.store(NAMESPACE), await backend.store("tenant-b")
        # One of them is refused; the others of its group do not notice.
        saves = [
            (second if n % 3 == 0 else first).save_event(make_event(n, f"order-{n}", version=1))
            for n in range(1, 201)
        ]
        refused = first.save_event(Event("other", "T", "order-1", 1, {}))
        results = await asyncio.gather(*saves, refused, return_exceptions=True)
        assert isinstance(results.pop(), VersionConflictError)
        assert commits < 60
        for namespace, store in ((NAMESPACE, first), ("tenant-b", second)):
            log = [stored.event for stored in await read_all(store)]
            assert [event for name, _, event in published if name == namespace] == log
            sequences = [sequence for name, sequence, _ in published if name == namespace]
            assert sequences == list(range(1, len(log) + 1))
        assert [published[n][2].id for n in range(200)] == [f"event-{n}" for n in range(1, 201)]


async def test_an_event_is_published_before_its_saver_goes_on(tmp_path: Path) -> None:
    published: list[tuple[str, int, Event]] = []
    async with opened(tmp_path / "store.aether", published=published) as backend:
        store = await backend.store(NAMESPACE)
        for number in range(1, 6):
            assert await store.save_event(make_event(number)) == number
            assert published[-1][1] == number


async def test_a_duplicate_in_a_group_is_named(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        results = await asyncio.gather(
            store.save_event(make_event(2)),
            store.save_event(replace(make_event(1), version=7, actor_id="other")),
            store.save_event(replace(make_event(2), version=9, actor_id="third")),
            store.save_event(make_event(3)),
            return_exceptions=True,
        )
        assert results[0] == 2
        assert results[3] == 3
        for result, sequence in ((results[1], 1), (results[2], 2)):
            assert isinstance(result, DuplicateEventError)
            assert result.sequence == sequence
        # The same id in another namespace is another event.
        assert await (await backend.store("tenant-b")).save_event(make_event(1)) == 1


async def test_the_winner_of_a_race_is_shown_to_the_loser(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether") as backend:
        store = await backend.store(NAMESPACE)
        winner, loser = make_event(1), replace(make_event(1), id="loser")
        results = await asyncio.gather(store.save_event(winner), store.save_event(loser), return_exceptions=True)
        assert results[0] == 1
        assert isinstance(results[1], VersionConflictError)
        assert (results[1].stored, results[1].is_duplicate) == (winner, False)
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(winner)
        assert caught.value.is_duplicate


async def test_a_cancelled_saver_loses_nothing(tmp_path: Path) -> None:
    published: list[tuple[str, int, Event]] = []
    async with opened(tmp_path / "store.aether", published=published) as backend:
        store = await backend.store(NAMESPACE)
        tasks = [asyncio.create_task(store.save_event(make_event(n, f"order-{n}"))) for n in range(1, 21)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(result, asyncio.CancelledError) for result in results) == 10
        await store.save_event(make_event(21))
        assert len(published) == 21
        assert await store.last_sequence() == 21


async def test_close_finishes_what_was_accepted(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        tasks = [asyncio.create_task(store.save_event(make_event(n, f"order-{n}"))) for n in range(1, 101)]
        await asyncio.sleep(0)
        await backend.close()
        assert sorted(await asyncio.gather(*tasks)) == list(range(1, 101))
    async with opened(path, read_only=True) as backend:
        assert await (await backend.store(NAMESPACE)).last_sequence() == 100


async def _batches(count: int, size: int, start: int = 1) -> AsyncIterator[Sequence[Event]]:
    for number in range(count):
        first = start + number * size
        yield [make_event(n, f"load-{n % 50}") for n in range(first, first + size)]


@pytest.mark.parametrize("size", [50, 1500])
async def test_a_load_is_stored_as_one(tmp_path: Path, size: int) -> None:
    published: list[tuple[str, int, Event]] = []
    heard: list[int] = []
    async with opened(tmp_path / "store.aether", published=published, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(999_999, "before", version=1))
        published.clear()

        async def watched() -> AsyncIterator[Sequence[Event]]:
            async for batch in _batches(20, size):
                assert await store.last_sequence() == 1
                assert published == []
                yield batch

        assert await store.save_all(watched(), progress=heard.append) == 20 * size
        assert heard == [n * size for n in range(1, 21)]
        assert await store.last_sequence() == 20 * size + 1
        await store.save_event(make_event(999_998, "behind", version=1))
        assert [sequence for _, sequence, _ in published] == list(range(2, 20 * size + 3))
        assert [event.id for _, _, event in published[:3]] == ["event-1", "event-2", "event-3"]


async def test_a_load_larger_than_what_is_kept_is_published_all_the_same(tmp_path: Path) -> None:
    published: list[tuple[str, int, Event]] = []
    async with opened(tmp_path / "store.aether", published=published, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        saved, later = await asyncio.gather(
            store.save_all(_batches(11, 2000)), store.save_event(make_event(999_999, "later", version=1))
        )
        assert saved == 22_000
        assert sorted(sequence for _, sequence, _ in published) == list(range(1, 22_002))
        in_order = [sequence for _, sequence, _ in published]
        assert in_order == sorted(in_order)
        assert later in (1, 22_001)


async def test_a_load_with_a_mistake_stores_nothing(tmp_path: Path) -> None:
    published: list[tuple[str, int, Event]] = []
    async with opened(tmp_path / "store.aether", published=published, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(500, "order-1"))

        async def ending_with(last: Event) -> AsyncIterator[Sequence[Event]]:
            async for batch in _batches(3, 100):
                yield batch
            yield [last]

        async def failing() -> AsyncIterator[Sequence[Event]]:
            async for batch in _batches(2, 100):
                yield batch
            raise KeyError("line 7")

        with pytest.raises(DuplicateEventError) as duplicate:
            await store.save_all(ending_with(make_event(500, "another", version=1)))
        assert duplicate.value.sequence == 1
        with pytest.raises(DuplicateEventError):
            await store.save_all(ending_with(make_event(7, "another", version=1)))
        with pytest.raises(VersionConflictError):
            await store.save_all(ending_with(make_event(501, "order-1", version=500)))
        with pytest.raises(InvalidEventError):
            await store.save_all(ending_with(make_event(502, "")))
        with pytest.raises(KeyError):
            await store.save_all(failing())
        assert await store.last_sequence() == 1
        assert [info.actor_id for info in await store.actors()] == ["order-1"]
        assert len(published) == 1
        assert await store.save_all(_batches(2, 100)) == 200
        assert await store.save_event(make_event(503, "order-1")) == 202


async def test_a_cancelled_load_stores_nothing_and_lets_others_in(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        reached = asyncio.Event()

        async def endless() -> AsyncIterator[Sequence[Event]]:
            number = 0
            while True:
                async for batch in _batches(1, 100, 1 + 100 * number):
                    yield batch
                number += 1
                if number == 5:
                    reached.set()
                    await asyncio.Event().wait()

        load = asyncio.create_task(store.save_all(endless()))
        await reached.wait()
        waiting = asyncio.create_task(store.save_event(make_event(1)))
        await asyncio.sleep(0)
        assert await store.last_sequence() == 0
        load.cancel()
        with pytest.raises(asyncio.CancelledError):
            await load
        assert await waiting == 1
        assert await store.last_sequence() == 1


async def test_closing_gives_up_a_load(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path, synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def halting() -> AsyncIterator[Sequence[Event]]:
            async for batch in _batches(1, 100):
                yield batch
            reached.set()
            await go_on.wait()
            async for batch in _batches(1, 100, 101):
                yield batch

        load = asyncio.create_task(store.save_all(halting()))
        await reached.wait()
        await backend.close()
        go_on.set()
        with pytest.raises(StoreUnavailableError):
            await load
    async with opened(path) as backend:
        assert await (await backend.store(NAMESPACE)).last_sequence() == 0


async def test_an_empty_load_makes_no_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether") as backend:
        store = await backend.store(NAMESPACE)
        assert await store.save_all(_batches(0, 1)) == 0
        assert await store.save_events([]) == []
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path, max_pages=60) as backend:
        store = await backend.store(NAMESPACE)
        number = 0

        async def save_until_full() -> None:
            nonlocal number
            while True:
                await store.save_event(make_event(number + 1, text="x" * 10_000))
                number += 1

        with pytest.raises(StoreUnavailableError, match="no space"):
            await save_until_full()
        assert await store.last_sequence() == number
        # A small one of the same group still fits, a large one does not.
        results = await asyncio.gather(
            store.save_event(make_event(number + 1, "big", text="x" * 2_000_000)),
            store.save_event(make_event(number + 2, "small", version=1)),
            return_exceptions=True,
        )
        assert isinstance(results[0], StoreUnavailableError)
        assert results[1] == number + 1
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        assert len(await read_all(store)) == number + 1


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_commit_that_fails_is_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    commit = Appender.commit

    def failing(self: Appender) -> None:
        if is_stored:
            commit(self)
        raise sqlite3.OperationalError("disk I/O error")

    published: list[tuple[str, int, Event]] = []
    async with opened(tmp_path / "store.aether", published=published) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        with monkeypatch.context() as patch:
            patch.setattr(Appender, "commit", failing)
            if is_stored:
                assert await store.save_events([make_event(2), make_event(3)]) == [2, 3]
            else:
                with pytest.raises(StoreUnavailableError):
                    await store.save_events([make_event(2), make_event(3)])
        assert await store.last_sequence() == len(published) == (3 if is_stored else 1)


async def test_an_outcome_that_cannot_be_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_arguments: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with opened(tmp_path / "store.aether") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        with monkeypatch.context() as patch:
            patch.setattr(Appender, "commit", failing)
            patch.setattr(Appender, "find", failing)
            event = make_event(2)
            with pytest.raises(OutcomeUnknownError) as caught:
                await store.save_event(event)
            assert caught.value.event is event
        assert await store.save_event(event) == 2


async def test_unusual_ids_and_the_highest_version(tmp_path: Path) -> None:
    names = [
        "a\0b",
        "a",
        "a\0",
        "日本語",
        "\U0001f600",
        "\uffff",
        "\U0010ffff",
        "x" * 10_000,
        "' OR 1=1 --",
        "%_*",
    ]
    async with opened(tmp_path / "store.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        for number, name in enumerate(names, 1):
            await store.save_event(Event(f"id\0{number}{name}", f"type {name}", name, MAX_VERSION - number, {}))
            await store.save_event(Event(f"{name}", "T", name, MAX_VERSION, {"n": 2**64 - 1}))
        assert [info.actor_id for info in await store.actors()] == sorted(names)
        for name in names:
            assert await store.get_latest_version(name) == MAX_VERSION
            assert [event.actor_id for event in await store.get_events(name)] == [name, name]
            assert [event.version for event in await store.get_events(name, MAX_VERSION)] == [MAX_VERSION]
            expected = sorted(other for other in names if other.startswith(name))
            assert [info.actor_id for info in await store.actors(prefix=name)] == expected
        with pytest.raises(VersionConflictError):
            await store.save_event(Event("one more", "T", "a", MAX_VERSION, {}))
        assert await store.get_latest_version("\ud800") == 0
        assert await store.get_events("\ud800") == []
        assert await store.actors(prefix="\ud800") == []


async def test_a_huge_event(tmp_path: Path) -> None:
    text = "€" * 10_000_000
    async with opened(tmp_path / "store.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        await store.save_event(make_event(2, text=text))
        await store.save_event(make_event(3))
        found = await read_all(store)
        assert [stored.sequence for stored in found] == [1, 2, 3]
        assert found[1].event is not None
        assert found[1].event.data["text"] == text
        (info,) = await backend.namespaces()
        assert info.size_bytes == sum(len(stored.raw) for stored in found) > 30_000_000


async def test_snapshots_survive_damage_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        for version in (5, 3, 9, 5):
            await store.save_snapshot(ActorSnapshot("order-1", version, {"v": version}))
        assert [snapshot.version for snapshot in await store.snapshots("order-1")] == [3, 5, 9]
    connection = sqlite3.connect(path)
    connection.execute("UPDATE snapshots SET raw = replace(raw, '9', '8') WHERE version = 9")
    connection.commit()
    connection.close()
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        assert [snapshot.version for snapshot in await store.snapshots("order-1")] == [3, 5]
        latest = await store.get_latest_snapshot("order-1")
        assert latest is not None
        assert latest.version == 5


async def test_a_tail_begins_with_its_call(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether") as backend:
        store = await backend.store(NAMESPACE)
        for number in range(1, 30):
            before = asyncio.create_task(store.save_event(make_event(3 * number - 2, f"a-{number}")))
            await asyncio.sleep(0)
            tail = store.tail()
            sequence = await store.save_event(make_event(3 * number - 1, f"b-{number}"))
            await before
            # Cancelling whoever waits first changes nothing.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(tail), 0)
            assert (await anext(tail))[0].sequence == sequence


async def test_an_iterator_can_be_dropped_anywhere(tmp_path: Path) -> None:
    async with opened(tmp_path / "store.aether", synchronous="OFF") as backend:
        store = await backend.store(NAMESPACE)
        await store.save_events([make_event(number) for number in range(1, 501)])
        for _ in range(5):
            reader = store.read(batch_size=10)
            await anext(reader)
            await anext(reader)
            async for _batch in store.read_actor("order-1", batch_size=10):
                break
            # Nothing that stays open keeps the write-ahead log from being emptied.
            del reader
        tail = store.tail()
        del tail
