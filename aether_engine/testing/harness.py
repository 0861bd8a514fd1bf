"""What the contracts stand on: engines on the storage of a test, and waiting with patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeVar

import pytest
import pytest_asyncio

from aether_engine.bus import Subscription
from aether_engine.engine import Engine, open_engine
from aether_engine.event import Published
from aether_engine.store.protocols import Store

#: Longest wait for something that must happen; reached only when it does not.
PATIENCE_SECONDS: Final = 20.0

_T = TypeVar("_T")


class EngineFactory(Protocol):
    """Opens one more engine on the storage of the test."""

    def __call__(self, *, read_only: bool = False) -> Awaitable[Engine]: ...


@asynccontextmanager
async def engines(url: str, **options: object) -> AsyncIterator[EngineFactory]:
    """An `EngineFactory` for `url`; every engine it opened is closed at the end."""
    opened: list[Engine] = []

    async def factory(*, read_only: bool = False) -> Engine:
        engine = await open_engine(url, read_only=read_only, **options)
        opened.append(engine)
        return engine

    try:
        yield factory
    finally:
        for engine in reversed(opened):
            await engine.close()


async def soon(awaitable: Awaitable[_T]) -> _T:
    """The result of what must come without further doing; `TimeoutError` if it does not."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await awaitable


async def take(batches: AsyncIterator[list[_T]], count: int) -> list[_T]:
    """The next `count` items; a batch must not reach beyond them."""
    items: list[_T] = []
    while len(items) < count:
        items += await soon(anext(batches))
    assert len(items) == count, f"{len(items)} items came where {count} were expected"
    return items


async def collect(batches: AsyncIterator[list[_T]]) -> list[_T]:
    """Everything up to the end."""
    items: list[_T] = []
    async for batch in batches:
        assert batch, "an empty batch says nothing"
        items += batch
    return items


async def take_published(subscription: Subscription, count: int) -> list[Published]:
    """The next `count` events of a subscription, which must come without a gap."""
    published: list[Published] = []
    for item in await take(subscription, count):
        assert isinstance(item, Published), item
        published.append(item)
    return published


async def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`, turn by turn of the loop."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (any condition, of any implementation)
            await asyncio.sleep(0.001)


class Contract:
    """What the contracts share: one overridable fixture, and an engine and a store made with it."""

    #: Whether a second engine on the same storage sees what the first one stored.
    shared: ClassVar[bool] = True
    #: Longest actor id the store must take; JetStream puts it into a subject.
    longest_actor_id: ClassVar[int] = 1500

    pytestmark = pytest.mark.asyncio

    @pytest_asyncio.fixture
    async def open_engine_for_test(self, tmp_path: Path) -> AsyncIterator[EngineFactory]:
        """Override me: yields a factory that opens engines on one storage, empty at first."""
        yield _not_supplied

    @pytest_asyncio.fixture
    async def engine(self, open_engine_for_test: EngineFactory) -> Engine:
        return await open_engine_for_test()

    @pytest_asyncio.fixture
    async def store(self, engine: Engine) -> Store:
        return await engine.store("tenant-a")

    def _needs_sharing(self) -> None:
        if not self.shared:
            pytest.skip("each engine of this kind has a storage of its own")


async def _not_supplied(*, read_only: bool = False) -> Engine:
    raise NotImplementedError("the test class has to override the fixture open_engine_for_test")
