"""What the file store says where damage, a failing disk or a vanished file meets a save."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from aether_engine import StoreUnavailableError, VersionConflictError
from aether_engine.store.sqlite.append import Appender
from aether_engine.store.sqlite.schema import PAGE_SIZE
from tests.engine.sqlite.support import NAMESPACE, fill, make_event, opened


def _zero_page(content: bytearray, place: int) -> None:
    start = place // PAGE_SIZE * PAGE_SIZE
    content[start : start + PAGE_SIZE] = bytes(PAGE_SIZE)


def _flip_id(content: bytearray, place: int) -> None:
    content[place + len(b'"event-50')] ^= 1


@pytest.mark.parametrize("damage", [_zero_page, _flip_id])
async def test_a_conflict_with_a_damaged_event_shows_no_false_one(tmp_path: Path, damage: object) -> None:
    path = tmp_path / "a.aether"
    await fill(path, 200, actors=1, text="x" * 500)
    content = bytearray(path.read_bytes())
    assert callable(damage)
    damage(content, content.index(b'"event-50"'))
    path.write_bytes(content)
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        with pytest.raises(VersionConflictError) as caught:
            await store.save_event(replace(make_event(50), actor_id="order-0"))
        assert (caught.value.current_version, caught.value.stored, caught.value.is_duplicate) == (200, None, False)
        assert await store.save_event(make_event(201, "order-0")) == 201


@pytest.mark.skipif(os.name == "nt", reason="an open file is not deleted there")
@pytest.mark.parametrize("replaced", [False, True])
async def test_nothing_is_acknowledged_into_a_deleted_file(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "a.aether"
    await fill(path, 1)
    other = tmp_path / "other.aether"
    await fill(other, 2)
    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(10))
        path.unlink()
        if replaced:
            other.rename(path)
        with pytest.raises(StoreUnavailableError, match="deleted, moved or replaced"):
            await store.save_event(make_event(11))


async def test_no_duplicate_is_claimed_of_a_commit_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.aether"
    await fill(path, 1)

    def fail(self: Appender) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with opened(path) as backend:
        store = await backend.store(NAMESPACE)
        await store.save_event(make_event(10))
        with monkeypatch.context() as patched:
            patched.setattr(Appender, "commit", fail)
            event = make_event(11)
            results = await asyncio.gather(*(store.save_event(event) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [StoreUnavailableError] * 5
        assert await store.save_event(event) == 3
