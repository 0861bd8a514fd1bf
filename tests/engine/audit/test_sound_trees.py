"""Pages and indexes of large files, vouched for by the compiled library: findings are the same as without it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aether_engine.audit import Audit, FileTarget, Finding
from aether_engine.audit.file import closing as file_closing
from aether_engine.audit.file.checks import FileChecks
from aether_engine.audit.file.sound_trees import SoundTrees
from aether_engine.audit.file.worker_pool import WorkerPool
from aether_engine.errors import StoreUnavailableError
from aether_engine.native.library import library
from aether_engine.native.trees import TreeQuestion
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.pages import children
from aether_engine.store.sqlite.schema import PAGE_SIZE, first_position
from tests.engine.audit.test_corpus import run
from tests.engine.sqlite.support import fill, make_event, opened

pytestmark = pytest.mark.skipif(library() is None, reason="nothing was compiled here")

_OTHER = "tenant-b"


@pytest.fixture
def vouched(monkeypatch: pytest.MonkeyPatch) -> list[SoundTrees]:
    """What the library vouched for, audit after audit."""
    found: list[SoundTrees] = []
    of_pages = FileChecks.of_pages

    def noted(checks: FileChecks, sound: SoundTrees) -> list[Finding]:
        found.append(sound)
        return of_pages(checks, sound)

    monkeypatch.setattr(FileChecks, "of_pages", noted)
    return found


async def _make(path: Path) -> None:
    await fill(path, 2000)
    await fill(path, 30, namespace=_OTHER, text="x" * 2 * PAGE_SIZE)


async def _found(path: Path) -> Counter[Finding]:
    return Counter(await run(Audit(FileTarget(path, "sqlite:///log.aether", workers_from=1))))


def _change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        for statement in statements:
            connection.execute(statement)


def _roots(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, rootpage FROM sqlite_master").fetchall())


async def test_a_file_in_order_is_not_looked_at_again(tmp_path: Path, vouched: list[SoundTrees]) -> None:
    path = tmp_path / "log.aether"
    await _make(path)
    # Ids at the end of a log may not be in the index yet.
    behind = first_position(1) + 1990
    _change(
        path,
        "UPDATE namespaces SET ids_until = 1990 WHERE id = 1",
        f"DELETE FROM event_ids WHERE position > {behind} AND position < {first_position(2)}",
    )
    whole = await _found(path)
    assert not {"page", "index-versions", "index-ids"} & {one.check for one in whole}
    assert vouched == [SoundTrees(pages=True, versions=True, ids=frozenset({"tenant-a", _OTHER}))]


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE event_ids SET id_prefix = id_prefix + 1 WHERE position = {first_position(1) + 7}",
        f"UPDATE event_ids SET position = position + 1 WHERE position = {first_position(1) + 7}",
        f"DELETE FROM events WHERE position = {first_position(1) + 7}",
    ],
)
async def test_rows_changed_past_the_store_are_told_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vouched: list[SoundTrees], statement: str
) -> None:
    path = tmp_path / "log.aether"
    await _make(path)
    _change(path, statement)
    with_library = await _found(path)
    monkeypatch.setattr(file_closing, "library", lambda: None)
    assert await _found(path) == with_library
    assert vouched[0].pages
    assert vouched[0].ids == {_OTHER}
    assert vouched[1] == SoundTrees()


async def test_damaged_indexes_are_told_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vouched: list[SoundTrees]
) -> None:
    path = tmp_path / "log.aether"
    await _make(path)
    content, roots = path.read_bytes(), _roots(path)
    dice = random.Random(5)
    places = []
    for name in ("events_by_actor", "event_ids", "event_ids"):
        leaves = children(content[(roots[name] - 1) * PAGE_SIZE : roots[name] * PAGE_SIZE])
        places.append((dice.choice(leaves) - 1) * PAGE_SIZE)
    entry = content[places[0] + 8 : places[0] + 10]
    damages = [
        # An entry of the index over versions is another one; a page of each index is none, and others anything.
        [(places[0] + int.from_bytes(entry, "big") + 6, b"\x55")],
        [(places[0], b"\x00"), (places[1], b"\x99")]
        + [(place + dice.randrange(PAGE_SIZE), dice.randbytes(2)) for place in places for _ in range(3)],
    ]
    for damage in damages:
        spoilt = bytearray(content)
        for at, value in damage:
            spoilt[at : at + len(value)] = value
        path.write_bytes(spoilt)
        found = await _found(path)
        assert {"page", "index-versions", "index-ids"} & {one.check for one in found}
        with monkeypatch.context() as patched:
            patched.setattr(file_closing, "library", lambda: None)
            assert await _found(path) == found
    assert vouched[0].pages
    assert not vouched[0].versions
    assert vouched[1::2] == [SoundTrees()] * len(damages)


async def test_while_somebody_writes_the_file_is_left_to_sqlite(tmp_path: Path, vouched: list[SoundTrees]) -> None:
    path = tmp_path / "log.aether"
    await fill(path, 300)
    backend: SQLiteBackend
    async with opened(path) as backend:
        store = await backend.store("tenant-a")
        await store.save_events([make_event(301)])
        await _found(path)
    assert vouched == [SoundTrees()]


async def test_without_workers_to_ask_python_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vouched: list[SoundTrees]
) -> None:
    path = tmp_path / "log.aether"
    await fill(path, 300)
    ask = WorkerPool.ask

    def refused(pool: WorkerPool, request: Any) -> Any:
        if not isinstance(request, TreeQuestion):
            return ask(pool, request)
        return _refused(pool)

    monkeypatch.setattr(WorkerPool, "ask", refused)
    whole = await _found(path)
    assert vouched == [SoundTrees()]
    monkeypatch.undo()
    assert await _found(path) == whole


def _refused(pool: WorkerPool) -> Any:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    answer.set_exception(StoreUnavailableError("sqlite:///log.aether", "the processes ended by themselves"))
    return answer
