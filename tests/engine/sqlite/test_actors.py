"""Pages of actors from a file: what is made of them when, and what a hostile file may have in them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aether_engine.errors import StoreUnavailableError
from aether_engine.event import ActorInfo, ActorOrder
from aether_engine.store.protocols import PromptDirectory
from aether_engine.store.sqlite import directory as sqlite_directory
from aether_engine.store.sqlite.store import SQLiteEventStore
from tests.engine.sqlite.support import NAMESPACE, fill, make_event, opened


async def begun(
    store: SQLiteEventStore,
    *,
    prefix: str = "",
    pattern: str = "",
    order: ActorOrder = ActorOrder.NAME,
    limit: int,
) -> Sequence[ActorInfo]:
    assert isinstance(store, PromptDirectory)
    return await store.begin_actors(prefix=prefix, pattern=pattern, order=order, descending=False, limit=limit)


async def test_a_page_that_was_begun_holds_what_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 3000, actors=1200)
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        for prefix, pattern, order in (
            ("order-1", "", ActorOrder.NAME),
            ("", "order-*7*", ActorOrder.NAME),
            ("", "*-*", ActorOrder.NAME),
            ("", "*-*", ActorOrder.EVENTS),
            ("order-", "", ActorOrder.EVENTS),
            ("nobody", "", ActorOrder.NAME),
        ):
            listed = await store.actors(prefix=prefix, pattern=pattern, order=order, limit=950)
            page = await begun(store, prefix=prefix, pattern=pattern, order=order, limit=950)
            assert type(listed) is list
            assert list(page) == listed
            assert [page[place] for place in range(len(page))] == listed
            assert list(page[1:5]) == listed[1:5]
            if listed:
                assert page[-1] == listed[-1]
                assert listed[0].last_event_type == "OrderPlaced"
                assert listed[0].last_recorded_at is not None
                assert listed[0].last_recorded_at.tzinfo is UTC
    with pytest.raises(StoreUnavailableError):
        await begun(store, limit=10)


@pytest.mark.parametrize("value", ["x'ff'", "'many'", "9e99"])
async def test_counters_that_are_no_numbers_are_zero(tmp_path: Path, value: str) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 30, actors=10)
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE actors SET event_count = {value} WHERE actor_id = 'order-3'")
    connection.execute("UPDATE actors SET actor_id = CAST(x'6f726465722d34ff' AS TEXT) WHERE actor_id = 'order-4'")
    connection.execute("UPDATE events SET event_type = 99 WHERE position & 0xffffff = 26")
    connection.execute("UPDATE events SET recorded_at = 'noon' WHERE position & 0xffffff = 27")
    connection.execute("DELETE FROM events WHERE position & 0xffffff = 28")
    connection.commit()
    connection.close()
    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        for infos in (await store.actors(), list(await begun(store, limit=100))):
            by_id = {info.actor_id: info for info in infos}
            assert list(by_id) == [f"order-{n}" if n != 4 else "order-4\ufffd" for n in range(10)]
            assert (by_id["order-3"].event_count, by_id["order-3"].latest_version) == (0, 23)
            assert (by_id["order-6"].last_event_type, by_id["order-6"].event_count) == ("", 3)
            assert by_id["order-7"].last_recorded_at == datetime(1970, 1, 1, tzinfo=UTC)
            assert by_id["order-8"].last_recorded_at is None


async def test_a_new_event_type_is_known_by_name(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        assert [info.last_event_type for info in await store.actors()] == ["OrderPlaced"]
        event = make_event(2)
        await store.save_event(type(event)("event-2", "OrderPaid", event.actor_id, 2, {}))
        assert [info.last_event_type for info in await store.actors()] == ["OrderPaid"]


async def test_a_search_that_is_given_up_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.aether"
    count = 30_000
    await fill(path, count, actors=count)
    looked_at = 0
    began, go_on = threading.Event(), threading.Event()

    def match(pattern: str, name: str) -> bool:
        nonlocal looked_at
        looked_at += 1
        began.set()
        return not go_on.wait(60)

    async def give_up(searching: asyncio.Future[object]) -> None:
        nonlocal looked_at
        looked_at = 0
        began.clear()
        go_on.clear()
        await asyncio.to_thread(began.wait, 60)
        searching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await searching
        await asyncio.sleep(0)
        go_on.set()

    monkeypatch.setattr(sqlite_directory, "match_actor_pattern", match)
    for kind in ("page", "begun", "count"):
        async with opened(path, read_only=True) as backend:
            store = await backend.store(NAMESPACE)
            if kind == "begun":
                searching: asyncio.Future[object] = asyncio.ensure_future(begun(store, pattern="*-*", limit=10))
            elif kind == "page":
                searching = asyncio.ensure_future(store.actors(pattern="*-*", order=ActorOrder.EVENTS))
            else:
                searching = asyncio.ensure_future(store.actor_count(pattern="*-*"))
            await give_up(searching)
            # Whoever reads next, perhaps with the same connection, is not ended.
            assert await store.actor_count(prefix="order-") == count
        # The file is closed once its threads have ended.
        assert 0 < looked_at < count, kind
