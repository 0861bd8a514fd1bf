"""Long reads of real streams: what else stands in them, what is gone, and users who may see only part of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import pytest
from nats.aio.client import Client

from aether_engine.closing import closing
from aether_engine.engine import Engine, open_engine
from aether_engine.event import ActorSnapshot, StoredEvent
from aether_engine.store.jetstream import reader as jetstream_reader
from aether_engine.store.jetstream.api import Api
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.store.jetstream.link import Link
from aether_engine.store.jetstream.options import LinkOptions
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.protocols import Store
from aether_engine.testing import collect, make_event, soon
from tests.nats_servers import NatsServer, nats_server

LONG = 2500  # sequences that a read pulls rather than asks for page by page


@asynccontextmanager
async def connected(server: NatsServer) -> AsyncIterator[Client]:
    """A plain connection of another program."""
    connection = await nats.connect(server.url)
    try:
        yield connection
    finally:
        await connection.close()


async def save(store: Store, first: int, last: int) -> list[int]:
    """Events with these versions; their sequences."""
    sequences: list[int] = []
    for start in range(first, last + 1, 1000):
        sequences += await store.save_events(
            [make_event(version) for version in range(start, min(start + 1000, last + 1))]
        )
    return sequences


def sequences_of(rows: list[StoredEvent]) -> list[int]:
    assert all(row.event is not None for row in rows)
    return [row.sequence for row in rows]


async def test_a_read_that_is_given_up_listens_no_more(engine: Engine) -> None:
    store = await engine.store("a")
    await save(store, 1, LONG)
    link = engine.link
    assert isinstance(link, Link)
    before = set(link._standing)
    async with closing(store.read()) as reading:
        await anext(aiter(reading))
        assert set(link._standing) != before
    assert set(link._standing) == before


async def test_snapshots_between_the_events(engine: Engine) -> None:
    store = await engine.store("a")
    sequences: list[int] = []
    for start in range(1, LONG, 250):
        await store.save_snapshot(ActorSnapshot("order-1", start, {"x": start}))
        sequences += await save(store, start, start + 249)
    await store.save_snapshot(ActorSnapshot("order-1", 9, {}))
    assert sequences_of(await collect(store.read())) == sequences
    # The bounds may be a snapshot's, and beyond the end.
    assert sequences_of(await collect(store.read(from_sequence=252, to_sequence=2260))) == [
        sequence for sequence in sequences if 252 <= sequence <= 2260
    ]
    assert sequences_of(await collect(store.read(to_sequence=99_999))) == sequences
    tail = store.tail(after_sequence=0)
    found: list[StoredEvent] = []
    while len(found) < LONG:
        found += await soon(anext(tail))
    assert sequences_of(found) == sequences


async def test_large_snapshots_are_left_to_the_server(
    server: NatsServer, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is mostly snapshots is not carried over the wire for its few events."""
    monkeypatch.setattr(jetstream_reader, "_MOST_WASTE", 100_000)
    monkeypatch.setattr(jetstream_reader, "_WASTE_PER_EVENT", 10)
    store = await engine.store("a")
    sequences = await save(store, 1, 100)
    for version in range(1, 300):
        await store.save_snapshot(ActorSnapshot("order-1", version, {"x": "y" * 1000}))
    sequences += await save(store, 101, LONG)
    assert sequences_of(await collect(store.read())) == sequences
    tail = store.tail(after_sequence=0)
    found = await soon(anext(tail))
    async with connected(server) as connection:
        answer = await connection.request("$JS.API.CONSUMER.LIST.a_events", b'{"offset": 0}')
    [consumer] = json.loads(answer.data)["consumers"]
    assert consumer["config"]["filter_subject"] == "a_events.events.>"
    while len(found) < LONG:
        found += await soon(anext(tail))
    assert sequences_of(found) == sequences


async def test_an_end_that_is_not_there(server: NatsServer, engine: Engine) -> None:
    """A read does not wait for what was deleted in the meantime, or has not come yet."""
    sequences = await save(await engine.store("a"), 1, LONG)
    link = Link(LinkOptions.from_url(server.url, {}))
    await link.open()
    try:
        api = Api(link)
        info = await api.stream_info("a_events")
        assert info is not None
        reader = StreamReader(api, JetStreamLayout(), info)
        for first in (1, LONG + 1):
            pages = [page async for page in reader.stretch(first, first + 2 * LONG)]
            assert sequences_of([row for page in pages for row in page]) == sequences[first - 1 :]
    finally:
        await link.close()


async def test_rights_that_name_the_subjects() -> None:
    """Who may read a stream's events only reads them all the same."""
    allowed = ", ".join(
        f'"{subject}"'
        for subject in (
            "$JS.API.INFO",
            "$JS.API.STREAM.LIST",
            "$JS.API.STREAM.INFO.*",
            "$JS.API.STREAM.MSG.GET.*",
            "$JS.API.CONSUMER.CREATE.a_events.*.a_events.events.>",
            "$JS.API.CONSUMER.MSG.NEXT.>",
            "$JS.API.CONSUMER.DELETE.*.*",
        )
    )
    users = (
        "{ user: writer, password: writer }, "
        f'{{ user: reader, password: reader, permissions: {{ publish: [{allowed}], subscribe: ["_INBOX.>"] }} }}'
    )
    with nats_server(config=f"authorization {{ users: [{users}] }}") as server:
        async with open_engine(server.url, user="writer", password="writer") as engine:
            sequences = await save(await engine.store("a"), 1, LONG)
        async with open_engine(server.url, read_only=True, user="reader", password="reader") as engine:
            store = await engine.store("a")
            assert sequences_of(await collect(store.read())) == sequences
            tail = store.tail(after_sequence=LONG - 1)
            assert sequences_of(await soon(anext(tail))) == sequences[-1:]
