"""Following a log that can be read by sequence: what the embedded stores share to implement `tail`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Final

from aether_engine.event import StoredEvent
from aether_engine.store.protocols import EventLog

#: Why nobody can tell what is missing between the last event of a log and the first of its successor.
MADE_AGAIN: Final = "the stream was deleted and made again"


class Changes:
    """A count of writes. Whoever compares the count before reading and waits beyond it misses no write.

    Belongs to one event loop.
    """

    def __init__(self) -> None:
        self.count = 0
        self.closed = False
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def has_waiters(self) -> bool:
        """Whether anybody waits; without waiters nobody needs to look for writes of other processes."""
        return bool(self._waiters)

    def notify(self) -> None:
        """Something was, or may have been, written."""
        self.count += 1
        self._wake()

    def close(self) -> None:
        """No more writes will be seen: waiters return at once, now and later."""
        self.closed = True
        self._wake()

    async def wait_beyond(self, count: int) -> None:
        """Return once a write later than `count` was noticed, or after `close`."""
        while self.count <= count and not self.closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)


class LogTail(AsyncIterator[list[StoredEvent]]):
    """Endless batches behind a sequence, in order and without a gap; ends when the engine closes.

    `start` yields the sequence to begin behind. Whoever wants "only what comes now" begins to look it up in the
    call of `tail`, not in the first `anext`, so that a save in between is not missed.
    """

    def __init__(self, log: EventLog, changes: Changes, start: int | Awaitable[int]) -> None:
        self._log = log
        self._changes = changes
        self._start = start
        self._position: int | None = None
        self._reader: AsyncIterator[list[StoredEvent]] | None = None

    async def __anext__(self) -> list[StoredEvent]:
        if self._position is None:
            self._position = self._start if isinstance(self._start, int) else await self._start
        while not self._changes.closed:
            if self._reader is None:
                seen = self._changes.count
                self._reader = self._log.read(from_sequence=self._position + 1)
                batch = await anext(self._reader, None)
                if batch is None:
                    self._reader = None
                    await self._changes.wait_beyond(seen)
                    continue
            else:
                batch = await anext(self._reader, None)
                if batch is None:
                    self._reader = None
                    continue
            self._position = batch[-1].sequence
            return batch
        raise StopAsyncIteration
