"""Streams that others write too: their events, payloads and settings, and streams that are none of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from aether_engine.engine import Engine, open_engine
from aether_engine.errors import (
    DuplicateEventError,
    InvalidEventError,
    MisplacedEventError,
    NamespaceCollisionError,
    StoreUnavailableError,
    VersionConflictError,
)
from aether_engine.event import ActorSnapshot
from aether_engine.store.jetstream.backend import JetStreamBackend
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.store.jetstream.publish import message_id
from aether_engine.testing import collect, make_event, soon
from tests.nats_servers import NatsServer, create_stream

GO_EVENT = (
    b'{"id":"5d4f","eventType":"Order\\u003cPlaced\\u003e","actorId":"order-7","version":1,"data":null,'
    b'"metadata":null,"timestamp":"2024-05-06T07:08:09.123456789+02:00"}'
)


class Stranger:
    """Another program: the plain driver, none of our code."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection

    async def create(self, name: str, **settings: object) -> None:
        subjects = [f"{name}.events.>", f"{name}.snapshots.>"]
        await create_stream(self._connection, name, **({"subjects": subjects} | settings))

    async def change(self, name: str, **settings: object) -> None:
        config = (await self.state(name))["config"] | settings
        answer = await self._connection.request(
            f"$JS.API.STREAM.UPDATE.{name}", json.dumps(config).encode(), timeout=20
        )
        assert "error" not in json.loads(answer.data), answer.data

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> int:
        answer = await self._connection.jetstream().publish(subject, payload, headers=headers)
        return int(answer.seq)

    async def state(self, stream: str) -> dict[str, Any]:
        answer = await self._connection.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=20)
        found: dict[str, Any] = json.loads(answer.data)
        return found


@pytest_asyncio.fixture
async def stranger(server: NatsServer) -> AsyncIterator[Stranger]:
    connection = await nats.connect(server.url)
    yield Stranger(connection)
    await connection.close()


@pytest.mark.parametrize("direct", [True, False])
async def test_events_of_another_program(engine: Engine, stranger: Stranger, direct: bool) -> None:
    """Plain messages without our headers, Go's JSON, payloads that are no events: all are listed and read."""
    await stranger.create("shop_events", allow_direct=direct)
    subject = "shop_events.events.order.order-7"
    await stranger.publish(subject, GO_EVENT)
    await stranger.publish(subject, b"\xff\x00 not even text", {"Status": "100", "Nats-Subject": "x"})
    second = make_event(2, "order-7")
    await stranger.publish(subject, second.to_json())
    await stranger.publish("shop_events.events.order.order-8", make_event(1, "order-9").to_json())
    await stranger.publish("shop_events.snapshots.order.order-7", b"no snapshot")

    store = await engine.store("shop")
    [info] = await engine.namespaces()
    assert (info.name, info.event_count) == ("shop", 4)
    first, damaged, third, misplaced = await collect(store.read())
    assert first.raw == GO_EVENT
    assert first.event is not None
    assert first.event.event_type == "Order<Placed>"
    assert damaged.error is not None
    assert damaged.error.raw_data == b"\xff\x00 not even text"
    assert isinstance(damaged.error.error, InvalidEventError)
    assert third.event == second
    assert misplaced.error is not None
    assert isinstance(misplaced.error.error, MisplacedEventError)
    result = await store.get_events_with_errors("order-7")
    assert [event.version for event in result.events] == [1, 2]
    assert [error.sequence_number for error in result.errors] == [2]
    assert await store.snapshots("order-7") == []
    infos = {info.actor_id: info for info in await store.actors()}
    assert (infos["order-7"].event_count, infos["order-7"].latest_version) == (3, 2)
    tail = store.tail(after_sequence=0)
    assert [stored.sequence for stored in await anext(tail)] == [1, 2, 3, 4]
    # Both write the same stream on.
    await store.save_event(make_event(3, "order-7"))
    with pytest.raises(VersionConflictError):
        await store.save_event(make_event(2, "order-7"))


async def test_versions_out_of_order(engine: Engine, stranger: Stranger) -> None:
    """A writer that keeps no rule: the highest version counts, and replay is in version order."""
    await stranger.create("shop_events", allow_direct=True)
    for version in (1, 5, 3):
        await stranger.publish("shop_events.events.order.order-1", make_event(version).to_json())
    store = await engine.store("shop")
    assert await store.get_latest_version("order-1") == 5
    assert [event.version for event in await store.get_events("order-1")] == [1, 3, 5]
    with pytest.raises(VersionConflictError) as caught:
        await store.save_event(make_event(4))
    assert caught.value.current_version == 5


async def test_another_program_writes_between_our_saves(engine: Engine, stranger: Stranger) -> None:
    """Our cache of versions is overtaken, the server notices, and the conflict names who came first."""
    store = await engine.store("shop")
    await store.save_event(make_event(1))
    theirs = make_event(2)
    await stranger.publish("shop_events.events.order.order-1", theirs.to_json())
    with pytest.raises(VersionConflictError) as caught:
        await store.save_event(make_event(2))
    assert caught.value.stored == theirs
    await stranger.publish("shop_events.events.order.order-1", b"no event")
    await store.save_event(make_event(3))
    with pytest.raises(VersionConflictError):
        await store.save_events([make_event(1, "order-2"), make_event(3)])
    assert await store.get_latest_version("order-2") == 0


async def test_a_stream_that_is_none_of_ours(engine: Engine, stranger: Stranger) -> None:
    """It is no namespace, is shown as foreign, and is neither read nor written."""
    await stranger.create("METRICS", subjects=["metrics.>"])
    await stranger.create("legacy_events", subjects=["legacy.>"])
    assert await engine.namespaces() == []
    assert isinstance(engine._backend, JetStreamBackend)
    assert await engine._backend.foreign_streams() == ["METRICS", "legacy_events"]
    with pytest.raises(StoreUnavailableError, match="belongs to another program"):
        await engine.store("legacy")
    assert (await stranger.state("legacy_events"))["state"]["messages"] == 0


async def test_a_stream_over_our_subjects(engine: Engine, stranger: Stranger) -> None:
    """A stream of another name that listens to the subjects already: nothing ends up in it."""
    await stranger.create("everything", subjects=["shop_events.>"])
    store = await engine.store("shop")
    with pytest.raises(StoreUnavailableError, match="another stream"):
        await store.save_event(make_event(1))
    assert (await stranger.state("everything"))["state"]["messages"] == 0


async def test_looking_creates_nothing(engine: Engine, stranger: Stranger, server: NatsServer) -> None:
    async with open_engine(server.url, read_only=True) as looking:
        store = await looking.store("shop")
        await store.get_events("order-1")
        await collect(store.read())
        await store.actors()
        await looking.namespaces()
        assert (await stranger.state("shop_events"))["error"]["err_code"] == 10059
        assert isinstance(looking._backend, JetStreamBackend)
        assert looking._backend._publisher is None


async def test_our_streams_only_grow(engine: Engine, stranger: Stranger) -> None:
    await (await engine.store("prod.shop")).save_event(make_event(1))
    config = (await stranger.state("prod_shop_events"))["config"]
    expected = {
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_age": 0,
        "max_msgs": -1,
        "max_bytes": -1,
        "deny_delete": True,
        "deny_purge": True,
        "allow_rollup_hdrs": False,
        "allow_direct": True,
        "allow_atomic": True,
        "num_replicas": 1,
    }
    assert {name: config[name] for name in expected} == expected
    assert config["metadata"]["aether-namespace"] == "prod.shop"
    assert engine.warnings == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_age", 3_600_000_000_000),
        ("max_msgs", 1000),
        ("max_bytes", 1_000_000),
        ("max_msgs_per_subject", 3),
        ("storage", "memory"),
        ("deny_delete", False),
        ("deny_purge", False),
        ("allow_direct", False),
        ("allow_atomic", False),
    ],
)
async def test_drifted_settings_are_warned_of(
    engine: Engine, stranger: Stranger, setting: str, value: object
) -> None:
    """It works, and the warning names the setting, and no other."""
    sound = {"allow_direct": True, "allow_atomic": True, "deny_delete": True, "deny_purge": True, "discard": "new"}
    await stranger.create("shop_events", **(sound | {setting: value}))
    store = await engine.store("shop")
    [warning] = engine.warnings
    assert (warning.namespace, warning.setting) == ("shop", setting)
    assert setting in warning.message
    await store.save_event(make_event(1))
    assert len(await store.get_events("order-1")) == 1
    assert len(await store.actors()) == 1


async def test_what_is_to_be_warned_of_is_a_change(
    engine: Engine, stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever shows warnings has looked when the stream changed; its settings are read with its next use."""

    async def watch(_backend: JetStreamBackend) -> None:
        """See nothing."""

    monkeypatch.setattr(JetStreamBackend, "_watch", watch)
    await stranger.create("shop_events", allow_direct=True)
    store = await engine.store("shop")
    known = len(engine.warnings)
    before = engine.change_count()
    await stranger.change("shop_events", max_msgs=1000)
    await soon(engine.wait_for_change(before))
    seen = engine.change_count()
    assert len(engine.warnings) == known
    assert await store.last_sequence() == 0
    assert len(engine.warnings) == known + 1
    await soon(engine.wait_for_change(seen))


async def test_a_stream_without_atomic_batches(engine: Engine, stranger: Stranger) -> None:
    """Several events cannot be all or none there, so they are refused; one by one they are stored."""
    await stranger.create("shop_events", allow_direct=True)
    store = await engine.store("shop")
    with pytest.raises(StoreUnavailableError, match="cannot take several events as one"):
        await store.save_events([make_event(1), make_event(2)])
    assert await store.last_sequence() == 0
    assert await store.save_events([make_event(1)]) == [1]
    assert await store.save_event(make_event(2)) == 2


async def test_names_that_share_a_stream(engine: Engine, server: NatsServer) -> None:
    """Refused on opening, and also where both were opened before either existed."""
    early, late = await engine.store("a.b"), await engine.store("a_b")
    await early.save_event(make_event(1))
    for attempt in (late.get_events("order-1"), late.save_event(make_event(2)), late.actors()):
        with pytest.raises(NamespaceCollisionError) as caught:
            await attempt
        assert (caught.value.name, caught.value.existing) == ("a_b", "a.b")
    async with open_engine(server.url) as other:
        with pytest.raises(NamespaceCollisionError):
            await other.store("a_b")
    assert [info.name for info in await engine.namespaces()] == ["a.b"]


async def test_actors_that_share_a_subject(engine: Engine) -> None:
    """Several ids, one subject: versions, streams, snapshots and counts stay apart, and nobody conflicts."""
    store = await engine.store("shop")
    ids = ["user-a b", "user-a_b", "user-a.b", "user-a*b"]
    await asyncio.gather(*(store.save_event(make_event(1, each)) for each in ids))
    await store.save_events([make_event(version, each) for version in (2, 3) for each in ids])
    await store.save_snapshot(ActorSnapshot("user-a b", 2, {"of": "a b"}))
    for each in ids:
        assert [event.version for event in await store.get_events(each)] == [1, 2, 3]
        assert await store.get_latest_version(each) == 3
    infos = await store.actors()
    assert [(info.actor_id, info.event_count) for info in infos] == [(each, 3) for each in sorted(ids)]
    assert len(await store.snapshots("user-a b")) == 1
    assert await store.snapshots("user-a_b") == []
    await store.save_event(make_event(4, "user-a.b"))
    assert [info.event_count for info in await store.actors(prefix="user-a.")] == [4]


async def test_ids_known_to_the_server_only(engine: Engine, server: NatsServer) -> None:
    """Within the stream's window an id is refused for other actors, by other engines and in batches."""
    store = await engine.store("shop")
    first = make_event(1)
    sequence = await store.save_event(first)
    again = replace(make_event(1, "order-2"), id=first.id)
    async with open_engine(server.url) as other:
        shop = await other.store("shop")
        with pytest.raises(DuplicateEventError) as caught:
            await shop.save_event(again)
        assert caught.value.sequence == sequence
        with pytest.raises(DuplicateEventError) as caught:
            await shop.save_events([make_event(1, "order-3"), again])
        assert (caught.value.event_id, caught.value.sequence) == (first.id, sequence)
        assert await shop.last_sequence() == sequence


async def test_ids_behind_the_window(engine: Engine, stranger: Stranger) -> None:
    """Of the same actor an id is refused for ever, however short the server's memory is."""
    sound = {"allow_direct": True, "allow_atomic": True, "deny_delete": True, "deny_purge": True}
    await stranger.create("shop_events", duplicate_window=100_000_000, **sound)
    store = await engine.store("shop")
    first = make_event(1)
    await store.save_event(first)
    await asyncio.sleep(0.3)  # the server's own memory, in its own time
    for attempt in (
        store.save_event(replace(make_event(2), id=first.id)),
        store.save_events([make_event(2), replace(make_event(3), id=first.id)]),
    ):
        with pytest.raises(DuplicateEventError):
            await attempt


@pytest.mark.parametrize(
    ("actor_id", "subject"),
    [
        ("order-1", "s_events.events.order.order-1"),
        ("plain", "s_events.events.unknown.plain"),
        ("-x", "s_events.events.unknown.-x"),
        ("a b.c-1 *>", "s_events.events.a_b_c.a_b_c-1___"),
        ("é-\t\r\n\0\x7f", "s_events.events.é.é-_____"),
    ],
)
def test_subjects(actor_id: str, subject: str) -> None:
    assert JetStreamLayout().event_subject("s_events", actor_id) == subject
    assert JetStreamLayout().snapshot_subject("s_events", actor_id) == subject.replace(".events.", ".snapshots.")


async def test_an_id_too_long_for_a_subject(engine: Engine) -> None:
    store = await engine.store("shop")
    with pytest.raises(InvalidEventError) as caught:
        await store.save_event(make_event(1, "x" * 2000))
    assert caught.value.field == "actorId"
    assert await engine.namespaces() == []


async def test_an_event_larger_than_the_server_takes(engine: Engine) -> None:
    store = await engine.store("shop")
    with pytest.raises(InvalidEventError, match="server takes"):
        await store.save_event(make_event(1, data={"x": "y" * 2_000_000}))
    await store.save_event(make_event(1, data={"x": "y" * 1_000_000}))
    assert len(await store.get_events("order-1")) == 1


def test_message_ids() -> None:
    """Ids that a header would change are sent as digests, so that no two of them meet."""
    assert message_id("order-1/é ü") == "order-1/é ü"
    odd = ["a\n", "a ", " a", "a", "a\r", "a\x00", "a\u2028", "x" * 5000]
    assert len({message_id(each) for each in odd}) == len(odd)
    assert all(message_id(each).isprintable() for each in odd)
