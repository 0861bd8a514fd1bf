"""The store in a file keeps the contracts of store, bus and engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aether_engine.engine import open_engine, sqlite_url
from aether_engine.errors import StoreUnavailableError
from aether_engine.testing import BusContract, EngineContract, EngineFactory, StoreContract, engines


class _InFile:
    longest_actor_id = 100_000

    @pytest_asyncio.fixture
    async def open_engine_for_test(self, tmp_path: Path) -> AsyncIterator[EngineFactory]:
        # What survives a power loss is tested with the file store; here it would only cost time.
        async with engines(sqlite_url(tmp_path / "store.aether"), synchronous="OFF") as opened:
            yield opened


class TestSQLiteStore(_InFile, StoreContract):
    pass


class TestSQLiteBus(_InFile, BusContract):
    pass


class TestSQLiteEngine(_InFile, EngineContract):
    pass


@pytest.mark.parametrize("content", [None, b""])
async def test_nothing_cannot_be_opened_read_only(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "store.aether"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreUnavailableError):
        await open_engine(sqlite_url(path), read_only=True)
    assert (path.read_bytes() if path.exists() else None) == content


async def test_opening_and_looking_make_no_file(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    async with open_engine(str(path)) as engine:
        store = await engine.store("tenant-a")
        assert await store.last_sequence() == 0
        assert await engine.namespaces() == []
    assert list(tmp_path.iterdir()) == []
