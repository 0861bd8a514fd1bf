"""Opening: what is refused is refused by name, and nothing that is only looked at changes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from aether_engine.errors import (
    AetherError,
    CorruptStoreError,
    ReadOnlyError,
    StoreUnavailableError,
    UnsupportedFormatError,
)
from aether_engine.event import ActorSnapshot, Event
from aether_engine.store.sqlite.file import RawFile
from aether_engine.store.sqlite.schema import APPLICATION_ID, FORMAT_VERSION
from tests.engine.sqlite.support import NAMESPACE, fill, folder_content, make_event, opened, read_all


async def _a_file(path: Path) -> None:
    await fill(path, 50)


async def _not_sqlite(path: Path) -> None:
    path.write_bytes(b"a letter to a friend\n" * 1000)


async def _other_application(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes(text)")
    connection.execute("PRAGMA application_id = 12345")
    connection.commit()
    connection.close()


async def _newer_format(path: Path) -> None:
    await _a_file(path)
    _execute(path, f"PRAGMA user_version = {FORMAT_VERSION + 1}")


async def _less_than_a_page(path: Path) -> None:
    await _a_file(path)
    os.truncate(path, 1000)


async def _less_than_a_header(path: Path) -> None:
    await _a_file(path)
    os.truncate(path, 60)


async def _foreign_trigger(path: Path) -> None:
    await _a_file(path)
    _execute(path, "CREATE TRIGGER spy AFTER INSERT ON events BEGIN DELETE FROM snapshots; END")


async def _foreign_view(path: Path) -> None:
    await _a_file(path)
    _execute(path, "CREATE VIEW v AS SELECT * FROM events")


async def _foreign_table(path: Path) -> None:
    await _a_file(path)
    _execute(path, "CREATE TABLE extra(x)")


async def _missing_index(path: Path) -> None:
    await _a_file(path)
    _execute(path, "DROP INDEX events_by_actor")


async def _other_sql(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE events(position INTEGER PRIMARY KEY)")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    connection.commit()
    connection.close()


async def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (_not_sqlite, UnsupportedFormatError),
        (_other_application, UnsupportedFormatError),
        (_newer_format, UnsupportedFormatError),
        (_less_than_a_page, CorruptStoreError),
        (_less_than_a_header, CorruptStoreError),
        (_foreign_trigger, UnsupportedFormatError),
        (_foreign_view, UnsupportedFormatError),
        (_foreign_table, UnsupportedFormatError),
        (_missing_index, UnsupportedFormatError),
        (_other_sql, UnsupportedFormatError),
        (_folder, StoreUnavailableError),
    ],
)
async def test_what_is_refused_stays_as_it_is(
    tmp_path: Path, make: Callable[[Path], Awaitable[None]], error: type[AetherError], read_only: bool
) -> None:
    path = tmp_path / "store.aether"
    await make(path)
    before = folder_content(tmp_path)
    with pytest.raises(error) as caught:
        async with opened(path, read_only=read_only):
            pass
    assert type(caught.value) is error
    assert folder_content(tmp_path) == before
    assert "sqlite3" not in str(caught.value)


async def test_a_newer_format_is_named_beside_ours(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await _newer_format(path)
    with pytest.raises(UnsupportedFormatError) as caught:
        async with opened(path):
            pass
    assert f"format {FORMAT_VERSION + 1}" in str(caught.value)
    assert f"format {FORMAT_VERSION};" in str(caught.value)


async def test_a_missing_folder_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="does not exist"):
        async with opened(tmp_path / "nowhere" / "store.aether"):
            pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything is allowed to root")
@pytest.mark.parametrize("read_only", [False, True])
async def test_a_file_that_may_not_be_read(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "store.aether"
    await _a_file(path)
    path.chmod(0)
    with pytest.raises(StoreUnavailableError):
        async with opened(path, read_only=read_only):
            pass


async def test_an_empty_file_is_made_by_the_first_save(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    path.touch()
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        assert await backend.namespaces() == []
        assert await read_all(store) == []
        assert folder_content(tmp_path) == {"store.aether": b""}
        assert await store.save_event(make_event(1)) == 1
        assert [info.name for info in await backend.namespaces()] == [NAMESPACE]


@pytest.mark.parametrize("read_only", [False, True])
async def test_looking_changes_nothing(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 300)
    before = folder_content(tmp_path)
    async with opened(path, read_only=read_only) as backend:
        store = await backend.store(NAMESPACE)
        assert len(await read_all(store)) == 300
        assert await store.get_latest_version("order-3") == 297
        assert len(await store.actors()) == 7
        assert await store.get_latest_snapshot("order-3") is None
        assert folder_content(tmp_path) == before
    assert folder_content(tmp_path) == before


async def test_read_only_refuses_every_write(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 3)

    async def batches() -> AsyncIterator[Sequence[Event]]:
        yield [make_event(4)]

    async with opened(path, read_only=True) as backend:
        store = await backend.store(NAMESPACE)
        with pytest.raises(ReadOnlyError):
            await store.save_event(make_event(4))
        with pytest.raises(ReadOnlyError):
            await store.save_events([make_event(4)])
        with pytest.raises(ReadOnlyError):
            await store.save_all(batches())
        with pytest.raises(ReadOnlyError):
            await store.save_snapshot(ActorSnapshot("order-1", 1, {}))


async def test_a_writer_that_appears_later_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 10)
    async with opened(path, read_only=True) as looking:
        seen = await looking.store(NAMESPACE)
        assert await seen.last_sequence() == 10
        for _ in range(3):
            # With a write-ahead log beside the file, and again without one.
            async with opened(path, synchronous="OFF") as writing:
                store = await writing.store(NAMESPACE)
                number = await store.last_sequence() + 1
                await store.save_event(make_event(number))
                assert await seen.last_sequence() == number
                assert len(await read_all(seen)) == number
            assert len(await read_all(seen)) == number


async def test_reading_what_a_killed_writer_left_makes_no_lasting_file(tmp_path: Path) -> None:
    path, copy = tmp_path / "store.aether", tmp_path / "copy" / "store.aether"
    copy.parent.mkdir()
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        for number in range(1, 21):
            await store.save_event(make_event(number))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    before = folder_content(copy.parent)
    async with opened(copy, read_only=True) as backend:
        assert len(await read_all(await backend.store(NAMESPACE))) == 20
    assert folder_content(copy.parent) == before


async def test_a_cut_off_file_is_read_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 2000)
    size = path.stat().st_size
    os.truncate(path, size // 2 + 100)
    before = folder_content(tmp_path)
    with pytest.raises(CorruptStoreError, match="read-only"):
        async with opened(path):
            pass
    assert folder_content(tmp_path) == before
    async with opened(path, read_only=True) as backend:
        assert [warning.setting for warning in backend.warnings] == ["size"]
        found = await read_all(await backend.store(NAMESPACE))
        assert [stored.sequence for stored in found] == list(range(1, 2001))
        readable = [stored for stored in found if stored.event is not None]
        assert 500 < len(readable) < 1800
        for stored in readable:
            assert stored.event is not None
            assert stored.event.id == f"event-{stored.sequence}"
    assert folder_content(tmp_path) == before


async def test_close_leaves_one_file_and_no_thread(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    threads = set(threading.enumerate())
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(1))
        assert len(await read_all(store)) == 1
    assert {thread for thread in threading.enumerate() if thread.name.startswith("aether")} <= threads
    assert list(folder_content(tmp_path)) == ["store.aether"]
    for use in (store.last_sequence, backend.namespaces, lambda: store.save_event(make_event(2))):
        with pytest.raises(StoreUnavailableError):
            await use()
    await backend.close()


def test_an_engine_that_is_never_closed_does_not_hold_up_the_interpreter(tmp_path: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from tests.engine.sqlite.support import *\n"
        "async def main():\n"
        "    path = pathlib.Path(sys.argv[1])\n"
        "    backend = await SQLiteBackend.open(path, url='x', read_only=False, publish=lambda n, s: None)\n"
        "    store = await backend.store('a')\n"
        "    await store.save_event(make_event(1))\n"
        "    print(await store.last_sequence())\n"
        "asyncio.run(main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store.aether")],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=Path(__file__).parents[3],
    )
    assert (run.returncode, run.stdout) == (0, "1\n"), run.stderr


async def test_bytes_are_read_past_sqlite_without_dropping_its_locks(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 1)
    first, second = RawFile(path), RawFile(path)
    descriptor = first.open()
    assert second.open() == descriptor
    assert first.release() is False
    assert os.fstat(descriptor or 0).st_size
    assert second.release() is True


def _execute(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(sql)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH 'other.db' AS other",
        "CREATE TABLE extra(x)",
        "CREATE TEMP TRIGGER spy AFTER INSERT ON events BEGIN SELECT 1; END",
        "CREATE TEMP VIEW v AS SELECT 1",
        "DELETE FROM events",
        "DROP TABLE events",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "UPDATE sqlite_master SET sql = ''",
        "SELECT load_extension('x')",
    ],
)
async def test_connections_do_only_what_the_library_asks(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "store.aether"
    async with opened(path) as backend:
        await (await backend.store(NAMESPACE)).save_event(make_event(1))

        def refused_in(connection: sqlite3.Connection) -> None:
            with pytest.raises(sqlite3.Error):
                connection.execute(sql)

        await backend.run(lambda: backend.connections.run(refused_in))
        writer = await backend.may_write(NAMESPACE)
        await writer.run(lambda: refused_in(writer.appender._open_connection))


async def test_two_engines_of_one_process_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a ?#% file.aether"
    async with opened(path) as first, opened(path) as second:
        stores = [await first.store(NAMESPACE), await second.store(NAMESPACE)]
        for number in range(1, 41):
            assert await stores[number % 2].save_event(make_event(number)) == number
            assert await stores[1 - number % 2].last_sequence() == number
        async with opened(path, read_only=True) as third:
            assert len(await read_all(await third.store(NAMESPACE))) == 40
        assert await stores[0].save_event(make_event(41)) == 41
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
