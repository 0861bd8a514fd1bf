"""A log of three thousand events that tests search, and what they should find there."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aether_engine.codec import decode_event
from aether_engine.event import Event, StoredEvent
from aether_engine.query import FoundSequences, Hits, parse_filter, search
from aether_engine.store.protocols import Store
from tests.engine.sqlite.support import NAMESPACE, opened

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 3_000


TEXTS = ("\\u003cb\\u003eold\\u003c/b\\u003e", "Größe", "plain")


def event_at(number: int) -> Event:
    return decode_event(
        (
            f'{{"id":"e-{number}","eventType":"{("OrderPlaced", "OrderPaid", "Note")[number % 3]}",'
            f'"actorId":"order-{number % 10}","version":{number},'
            f'"data":{{"number":{number},"price":{number % 20}.90,'
            f'"text":"{TEXTS[number % 3]}",'
            f'"nested":{{"list":[{number % 5},{number % 11}]}}}},'
            f'"metadata":{{"UserID":"u{number % 7}","CorrelationID":"c-{number // 10}"}},'
            f'"timestamp":"{(NOW - timedelta(seconds=number)).isoformat()}"}}'
        ).encode()
    )


EVENTS = [event_at(number) for number in range(1, COUNT + 1)]


def expected(text: str) -> list[int]:
    event_filter = parse_filter(text, now=NOW)
    return [
        number
        for number, event in enumerate(EVENTS, 1)
        if event_filter.matches(StoredEvent(number, NOW, event.to_json(), event, None))
    ]


async def find(store: Store, text: str, **bounds: int) -> list[int]:
    """All hits; on the way, what a search promises about how it tells them is checked."""
    found = FoundSequences()
    last = Hits()
    async with aclosing(search(store, parse_filter(text, now=NOW), **bounds)) as searching:
        async for hits in searching:
            assert last.searched <= hits.searched <= hits.total
            assert last.checked <= hits.checked <= hits.total
            assert list(hits.sequences) == sorted(set(hits.sequences))
            if hits.sequences and not hits.late:
                assert not found or hits.sequences[0] > found[-1]
            found.add(hits)
            last = hits
    assert last.searched == last.total
    assert last.checked == last.total or "corrupted:no" in text
    return list(found)


async def filled(store: Store) -> Store:
    for start in range(0, COUNT, 1000):
        await store.save_events(EVENTS[start : start + 1000])
    return store


async def make_file(path: Path) -> None:
    """The same as a file."""
    async with opened(path, synchronous="OFF") as backend:
        await filled(await backend.store(NAMESPACE))
