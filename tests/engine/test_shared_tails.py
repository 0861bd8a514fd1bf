"""Tails of one engine read the end of a log together: none misses anything, none waits for a slow one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aether_engine.engine import Engine, EngineTail, open_engine
from aether_engine.event import Event, StoredEvent, SubscriptionFilter, Tailed
from aether_engine.store.log_feed import LogFeeds, Receive
from tests.waiting import until


def event(number: int, kind: str = "Placed") -> Event:
    return Event(f"id-{number}", kind, "order-1", number, {"n": number})


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_engine(f"sqlite:///{tmp_path}/shop.aether", synchronous="OFF") as opened:
        yield opened


class Reader:
    """What one tail has delivered."""

    def __init__(self, tail: EngineTail) -> None:
        self.sequences: list[int] = []
        self.tail = tail
        self.task = asyncio.create_task(self._read())
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def _read(self) -> None:
        async for batch in self.tail:
            self.sequences += [item.stored.sequence for item in batch if isinstance(item, Tailed)]
            await self.go_on.wait()

    async def close(self) -> None:
        await self.tail.aclose()
        await self.task


def feeds(engine: Engine) -> list[str]:
    return sorted(engine._feeds._feeds)


async def save(engine: Engine, first: int, last: int, at_once: int = 20) -> None:
    store = await engine.store("shop")
    for start in range(first, last + 1, at_once):
        await store.save_events([event(number) for number in range(start, min(start + at_once, last + 1))])


async def test_many_tails_share_one_reading_and_each_gets_everything_once(engine: Engine) -> None:
    await save(engine, 1, 10)
    readers = [
        Reader(engine.tail("shop")),
        Reader(engine.tail("*")),
        Reader(engine.tail("shop", after_sequence=5)),
    ]
    writing = asyncio.create_task(save(engine, 11, 2000))
    await until(lambda: len(readers[0].sequences) > 200)
    # Those that come later read by themselves until they are where the others are.
    readers += [Reader(engine.tail("shop", after_sequence=0)) for _ in range(3)]
    await writing
    await until(lambda: all(reader.sequences[-1:] == [2000] for reader in readers), timeout=20)
    await save(engine, 2001, 2040)
    await until(lambda: all(reader.sequences[-1:] == [2040] for reader in readers), timeout=20)
    for reader, first in zip(readers, (11, 11, 6, 1, 1, 1), strict=True):
        assert reader.sequences == list(range(first, 2041))
    assert feeds(engine) == ["shop"]
    for reader in readers:
        await reader.close()
    assert feeds(engine) == []


async def test_a_slow_reader_misses_nothing_and_holds_up_nobody(engine: Engine) -> None:
    slow, fast = Reader(engine.tail("shop")), Reader(engine.tail("shop"))
    await save(engine, 1, 20)
    await until(lambda: slow.sequences and fast.sequences)
    slow.go_on.clear()
    await save(engine, 21, 30_000, at_once=1000)
    await until(lambda: fast.sequences[-1:] == [30_000], timeout=20)
    assert len(slow.sequences) < 10_000
    slow.go_on.set()
    await until(lambda: slow.sequences[-1:] == [30_000], timeout=20)
    await save(engine, 30_001, 30_010)
    await until(lambda: slow.sequences[-1:] == fast.sequences[-1:] == [30_010], timeout=20)
    assert slow.sequences == fast.sequences == list(range(1, 30_011))
    await slow.close()
    await fast.close()


async def test_filters_stay_each_tails_own(engine: Engine) -> None:
    plain = Reader(engine.tail("shop"))
    paid = Reader(engine.tail("shop", SubscriptionFilter(event_types=frozenset({"Paid"}))))
    store = await engine.store("shop")
    for number in range(1, 101):
        await store.save_event(event(number, "Paid" if number % 10 == 0 else "Placed"))
    await until(lambda: plain.sequences[-1:] == paid.sequences[-1:] == [100], timeout=20)
    assert plain.sequences == list(range(1, 101))
    assert paid.sequences == list(range(10, 101, 10))
    await plain.close()
    await paid.close()


class Log:
    """A source that hands out what it is told to, as one identity of a log that can be replaced."""

    def __init__(self, identity: str = "") -> None:
        self.identity = identity
        self.batches: asyncio.Queue[list[StoredEvent]] = asyncio.Queue()

    def __aiter__(self) -> Log:
        return self

    async def __anext__(self) -> list[StoredEvent]:
        return await self.batches.get()

    def put(self, *sequences: int) -> None:
        made = event(1)
        self.batches.put_nowait([StoredEvent(n, made.timestamp, b"", made, None) for n in sequences])


async def test_who_is_further_than_the_feed_gets_only_what_is_new_to_it() -> None:
    feeds, log = LogFeeds(), Log()
    got: dict[str, list[int]] = {"one": [], "two": []}

    def receive(name: str) -> Receive:
        def take(rows: Sequence[StoredEvent], _items: Sequence[object]) -> bool:
            got[name] += [row.sequence for row in rows]
            return True

        return take

    one = feeds.join("shop", log, 10, receive("one"))
    assert one is not None
    assert one[1], "the first one's reading becomes the feed's"
    assert feeds.join("shop", Log(), 9, receive("two")) is None, "behind the feed"
    assert feeds.join("shop", Log("new"), 12, receive("two")) is None, "another log"
    two = feeds.join("shop", Log(), 12, receive("two"))
    assert two is not None
    log.put(11, 12)
    log.put(13, 14)
    await until(lambda: got["one"] == [11, 12, 13, 14])
    assert got["two"] == [13, 14]

    # The log starts over: both are told, and go on by themselves from there.
    log.put(0)
    await one[0].left
    await two[0].left
    assert got["two"][-1] == 0
    assert one[0].position == two[0].position == 0
    await feeds.close()
