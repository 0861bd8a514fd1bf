"""Streams that are not what they were: deleted and made again, or without their last events after an outage."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from aether_engine.engine import open_engine
from aether_engine.errors import StoreUnavailableError, VersionConflictError
from aether_engine.store.jetstream import stream as jetstream_stream
from aether_engine.store.jetstream.api import Api, ApiError
from aether_engine.store.jetstream.backend import JetStreamBackend
from aether_engine.testing import collect, make_event
from tests.nats_servers import nats_server, wipe
from tests.waiting import until


async def test_what_is_remembered_of_a_deleted_stream_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no news of the deletion come, as for a user who may not listen to them."""
    monkeypatch.setattr(JetStreamBackend, "_heard_of_streams", lambda self, frames: None)
    with nats_server() as server:
        async with open_engine(server.url) as engine:
            store = await engine.store("a")
            events = [make_event(version) for version in (1, 2, 3)]
            for event in events:
                await store.save_event(event)
            await wipe(server)
            # The same versions and the same ids: both are remembered, and neither is there.
            assert await store.save_event(events[1]) == 1
            with pytest.raises(VersionConflictError) as caught:
                await store.save_event(events[0])
            assert caught.value.current_version == 2
            await wipe(server)
            assert await store.save_events(events[1:]) == [1, 2]
            await wipe(server)
            assert await store.save_events([make_event(9, "order-2"), events[0]]) == [1, 2]
            assert [stored.event for stored in await collect(store.read())][1:] == events[:1]


@pytest.mark.parametrize(("refusals", "outcome"), [(3, None), (99, "error creating store")])
async def test_a_server_that_still_removes_the_files_of_the_old_one(
    monkeypatch: pytest.MonkeyPatch, refusals: int, outcome: str | None
) -> None:
    ask, asked = Api.ask, 0

    async def refuse(api: Api, question: str, body: object = None, **options: Any) -> dict[str, Any]:
        nonlocal asked
        if question.startswith("STREAM.CREATE"):
            asked += 1
            if asked <= refusals:
                error = {"code": 500, "err_code": 10049, "description": "error creating store for stream"}
                raise ApiError(api.url, error)
        return await ask(api, question, body, **options)

    monkeypatch.setattr(Api, "ask", refuse)
    monkeypatch.setattr(jetstream_stream, "_REST_SECONDS", 0.001)
    with nats_server() as server:
        async with open_engine(server.url) as engine:
            store = await engine.store("a")
            if outcome is None:
                assert await store.save_event(make_event(1)) == 1
            else:
                with pytest.raises(StoreUnavailableError, match=outcome):
                    await store.save_event(make_event(1))
                assert asked < 30, "a full disk is told within seconds"


async def test_a_server_that_lost_its_last_events() -> None:
    """As after a power loss of one that does not sync each event: its end counts, not what was known of it."""
    with nats_server() as server:
        async with open_engine(server.url) as engine:
            link = engine.link
            assert link is not None
            store = await engine.store("a")
            await store.save_events([make_event(1), make_event(2)])
            server.stop()
            kept = server.folder / "kept"
            shutil.copytree(server.data, kept)
            server.start()
            await until(lambda: link.state == "up", 15)
            await store.save_event(make_event(3))
            server.stop()
            shutil.rmtree(server.data)
            shutil.copytree(kept, server.data)
            server.start()
            await until(lambda: link.state == "up", 15)
            assert await store.get_latest_version("order-1") == 2
            event = make_event(3)
            assert await store.save_event(event) == 3
            assert [stored.event for stored in await collect(store.read())][2:] == [event]
