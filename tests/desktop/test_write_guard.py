"""Writes to PRODUCTION connections: none without the namespace's name, whatever writes and by whatever way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from aether_desktop.connection import Connection
from aether_desktop.profiles import Profile
from aether_desktop.settings import Settings
from aether_desktop.workspace import Place, Workspace
from aether_desktop.write_guard import WriteNotConfirmedError, WriteQuestion
from aether_engine.event import ActorSnapshot, Event
from aether_engine.store.protocols import BulkWriter, Store
from tests.waiting import until

NAMESPACE = "prod.tenant-a"


class Asked:
    """A production store, and the questions that came up."""

    def __init__(self, workspace: Workspace, connection: Connection, store: Store) -> None:
        self.workspace = workspace
        self.connection = connection
        self.store = store
        self.questions: list[WriteQuestion] = []

    async def question(self, number: int = 1) -> WriteQuestion:
        await until(lambda: len(self.questions) >= number, what=f"question {number}")
        return self.questions[number - 1]


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    workspace = Workspace(Settings(tmp_path / "settings.json"))
    yield workspace
    await workspace.close()
    workspace.deleteLater()


@pytest.fixture
async def production(workspace: Workspace, tmp_path: Path) -> Asked:
    profile = Profile("p1", "Shop", "file", production=True, read_only=False)
    connection = await workspace.open(str(tmp_path / "shop.aether"), title="Shop", profile=profile)
    assert connection is not None
    asked = Asked(workspace, connection, await workspace.store(Place(connection, NAMESPACE)))
    workspace.write_guard.asked.connect(asked.questions.append)
    return asked


def event(version: int, actor: str = "order-1") -> Event:
    return Event(f"{actor}-{version}", "OrderPlaced", actor, version, {})


async def batches() -> AsyncIterator[list[Event]]:
    yield [event(1)]


@pytest.mark.parametrize("way", ["event", "events", "snapshot", "bulk"])
async def test_no_way_to_write_is_open_without_the_name(production: Asked, way: str) -> None:
    store = production.store
    assert isinstance(store, BulkWriter)
    work: Callable[[], Awaitable[object]] = {
        "event": lambda: store.save_event(event(1)),
        "events": lambda: store.save_events([event(1)]),
        "snapshot": lambda: store.save_snapshot(ActorSnapshot("order-1", 1, {})),
        "bulk": lambda: store.save_all(batches()),
    }[way]
    saving = asyncio.ensure_future(work())
    question = await production.question()
    assert (question.namespace, question.connection) == (NAMESPACE, "Shop")
    for typed in ("", "prod.tenant-b", f"{NAMESPACE} ", NAMESPACE.upper()):
        assert not question.confirm(typed)
    assert not saving.done()
    question.refuse()
    with pytest.raises(WriteNotConfirmedError, match=f"Nothing was written to {NAMESPACE}"):
        await saving
    assert await production.connection.engine.namespaces() == []
    again = asyncio.ensure_future(work())
    assert (await production.question(2)).confirm(NAMESPACE)
    await again


async def test_each_write_asks_anew(production: Asked) -> None:
    for number in (1, 2):
        saving = asyncio.ensure_future(production.store.save_event(event(number)))
        (await production.question(number)).confirm(NAMESPACE)
        assert await saving == number


async def test_what_writes_often_for_one_purpose_asks_once(production: Asked) -> None:
    async def race(writer: int) -> None:
        await production.store.save_event(event(1, f"order-{writer}"))
        await production.store.save_event(event(2, f"order-{writer}"))

    async def work() -> None:
        async with production.workspace.write_guard.writing(production.connection, NAMESPACE, "Race 4 writers"):
            await asyncio.gather(*(race(writer) for writer in range(4)))

    running = asyncio.create_task(work())
    question = await production.question()
    assert question.what == "Race 4 writers"
    question.confirm(NAMESPACE)
    await running
    assert await production.store.last_sequence() == 8
    # Another namespace of the same connection, and whoever comes later, are asked about.
    other = await production.workspace.store(Place(production.connection, "prod.tenant-b"))
    saving = asyncio.ensure_future(other.save_event(event(1)))
    (await production.question(2)).refuse()
    with pytest.raises(WriteNotConfirmedError):
        await saving


async def test_writes_of_one_moment_are_one_question(production: Asked) -> None:
    saving = [asyncio.ensure_future(production.store.save_event(event(1, f"order-{n}"))) for n in range(5)]
    question = await production.question()
    await until(lambda: question.waiting == 5, what="all of them wait")
    question.confirm(NAMESPACE)
    assert sorted(await asyncio.gather(*saving)) == [1, 2, 3, 4, 5]
    assert len(production.questions) == 1


async def test_a_question_ends_with_whoever_asked(production: Asked) -> None:
    saving = asyncio.ensure_future(production.store.save_event(event(1)))
    question = await production.question()
    ended: list[bool] = []
    question.ended.connect(lambda: ended.append(True))
    saving.cancel()
    await until(lambda: bool(ended), what="the question ends")
    assert not question.confirm(NAMESPACE) or not question.answer.result()
    assert await production.connection.engine.namespaces() == []


async def test_an_import_asks_once_and_names_itself(production: Asked, permits_extract: Path) -> None:
    place = Place(production.connection, NAMESPACE)
    job = production.workspace.transfers.import_file(place, permits_extract)
    question = await production.question()
    assert question.what == f"Import {permits_extract.name}"
    question.confirm(NAMESPACE)
    assert await production.workspace.jobs.wait(job)
    assert len(production.questions) == 1
    refused = production.workspace.transfers.import_file(place, permits_extract)
    (await production.question(2)).refuse()
    assert not await production.workspace.jobs.wait(refused)


async def test_a_snapshot_is_asked_about_by_its_name(production: Asked) -> None:
    place = Place(production.connection, NAMESPACE)
    saving = asyncio.create_task(production.workspace.save_snapshot(place, "order-1", 3, {"total": 7}))
    question = await production.question()
    assert question.what == "Save a snapshot of order-1 at version 3"
    question.confirm(NAMESPACE)
    await saving
    assert [snapshot.version for snapshot in await production.store.snapshots("order-1")] == [3]
    assert len(production.questions) == 1


async def test_with_nobody_to_ask_nothing_is_written(workspace: Workspace, tmp_path: Path) -> None:
    profile = Profile("p1", "Shop", "file", production=True, read_only=False)
    connection = await workspace.open(str(tmp_path / "shop.aether"), profile=profile)
    assert connection is not None
    store = await workspace.store(Place(connection, NAMESPACE))
    with pytest.raises(WriteNotConfirmedError):
        await store.save_event(event(1))


async def test_other_connections_ask_nothing(workspace: Workspace, tmp_path: Path) -> None:
    connection = await workspace.open(str(tmp_path / "shop.aether"))
    assert connection is not None
    store = await workspace.store(Place(connection, NAMESPACE))
    async with workspace.write_guard.writing(connection, NAMESPACE, "Append"):
        assert await store.save_event(event(1)) == 1
