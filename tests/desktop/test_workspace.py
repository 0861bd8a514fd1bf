"""Connections, selection history and moving events, without a window."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from aether_desktop.settings import Settings
from aether_desktop.workspace import Failure, Place, Workspace
from aether_engine import Event, VersionConflictError
from aether_engine.engine import open_engine, sqlite_url
from tests.desktop.stores import fill, order_event
from tests.waiting import until


@pytest.fixture
async def workspace(qtbot: QtBot, tmp_path: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(Settings(tmp_path / "settings.json"))
    yield workspace
    await workspace.close()


async def store_file(path: Path) -> Path:
    async with open_engine(sqlite_url(path)) as engine:
        await fill(await engine.store("shop.orders"), actors=3, events_each=2)
    return path


async def test_a_file_is_opened_once_and_remembered(workspace: Workspace, tmp_path: Path) -> None:
    path = await store_file(tmp_path / "shop.aether")
    first = await workspace.open_path(path)
    second = await workspace.open_path(path)
    assert first is not None
    assert first is second
    assert first.title == "shop.aether"
    assert [info.name for info in first.namespaces] == ["shop.orders"]
    assert workspace.settings.recent == [sqlite_url(path)]


async def test_what_cannot_be_opened_is_told_and_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    failures: list[Failure] = []
    workspace.failed.connect(failures.append)
    text = tmp_path / "notes.aether"
    text.write_text("these are only notes " * 20)
    before = text.read_bytes()
    assert await workspace.open_path(text) is None
    assert await workspace.open_path(tmp_path) is None
    assert await workspace.open("gopher://somewhere") is None
    assert len(failures) == 3
    assert "notes.aether" in failures[0].why
    assert text.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["notes.aether"]
    assert not workspace.connections


async def test_namespaces_follow_what_is_written(workspace: Workspace, tmp_path: Path) -> None:
    connection = await workspace.open_path(await store_file(tmp_path / "shop.aether"))
    assert connection is not None
    async with open_engine(sqlite_url(tmp_path / "shop.aether")) as other:
        await (await other.store("shop.stock")).save_event(order_event(1, 1))
    await until(lambda: len(connection.namespaces) == 2, what="the new namespace")


async def test_the_selection_has_a_history(workspace: Workspace, tmp_path: Path) -> None:
    connection = await workspace.open_path(await store_file(tmp_path / "shop.aether"))
    assert connection is not None
    place = Place(connection, "shop.orders")
    store = await workspace.store(place)
    events = [stored async for batch in store.read() for stored in batch]
    for stored in events[:3]:
        workspace.select(place, stored)
    workspace.go_back()
    workspace.go_back()
    assert workspace.selection is not None
    assert workspace.selection.stored == events[0]
    assert not workspace.can_go_back
    workspace.go_forward()
    assert workspace.selection.stored == events[1]
    workspace.select(place, events[5])
    assert not workspace.can_go_forward


async def test_a_gz_of_events_opens_in_memory(workspace: Workspace, tmp_path: Path, permits_extract: Path) -> None:
    packed = tmp_path / "permits.ndjson.gz"
    packed.write_bytes(gzip.compress(permits_extract.read_bytes()))
    connection = await workspace.open_path(packed)
    assert connection is not None
    await until(lambda: bool(connection.namespaces), what="the imported namespace")
    assert connection.namespaces[0].name == "permits"
    assert connection.namespaces[0].event_count == len(permits_extract.read_bytes().splitlines())


async def test_export_gives_back_the_bytes(workspace: Workspace, tmp_path: Path, permits_extract: Path) -> None:
    connection = await workspace.open(sqlite_url(tmp_path / "new.aether"))
    assert connection is not None
    place = Place(connection, "permits")
    assert await workspace.jobs.wait(workspace.transfers.import_file(place, permits_extract))
    target = tmp_path / "out.ndjson"
    assert await workspace.jobs.wait(workspace.transfers.export_file(place, target))
    assert target.read_bytes() == permits_extract.read_bytes()
    told: list[str] = []
    workspace.told.connect(told.append)
    (tmp_path / "empty.ndjson").write_bytes(b"")
    assert await workspace.jobs.wait(workspace.transfers.import_file(place, tmp_path / "empty.ndjson"))
    assert told == ["Nothing was imported: there is no event in empty.ndjson."]


async def test_a_bad_line_changes_nothing(workspace: Workspace, tmp_path: Path, permits_extract: Path) -> None:
    connection = await workspace.open(sqlite_url(tmp_path / "new.aether"))
    assert connection is not None
    lines = permits_extract.read_bytes().splitlines(keepends=True)
    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(b"".join([*lines[:100], b'{"id": 7}\n', *lines[100:]]))
    endings: list[object] = []
    workspace.jobs.finished.connect(lambda _job, error: endings.append(error))
    place = Place(connection, "permits")
    assert not await workspace.jobs.wait(workspace.transfers.import_file(place, bad))
    await until(lambda: bool(endings), what="the end of the job")
    assert "line 101" in str(endings[0])
    assert await (await workspace.store(place)).last_sequence() == 0


async def test_closing_cancels_jobs_and_keeps_nothing_running(workspace: Workspace, tmp_path: Path) -> None:
    started = asyncio.Event()

    async def work(job: object) -> None:
        started.set()
        await asyncio.Event().wait()

    job = workspace.jobs.start("Endless", work)
    await started.wait()
    await workspace.close()
    assert job.task is not None
    assert job.task.cancelled()
    assert not workspace.busy


async def test_appending_while_open_is_seen(workspace: Workspace, tmp_path: Path) -> None:
    connection = await workspace.open_path(await store_file(tmp_path / "shop.aether"))
    assert connection is not None
    changes: list[None] = []
    connection.changed.connect(lambda: changes.append(None))
    store = await workspace.store(Place(connection, "shop.orders"))
    await store.save_event(order_event(1, 3))
    await until(lambda: connection.namespaces[0].event_count == 7, what="the new count")
    with pytest.raises(VersionConflictError):
        await store.save_event(Event("other", "OrderPaid", "order-00001", 3, {}))
    await until(lambda: bool(changes), what="a change")
