"""Between worker threads and the event loop: batches that are read ahead, and writes of other processes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import Executor
from typing import Any, Final, Generic, Protocol, TypeVar

from aether_engine.errors import AetherError
from aether_engine.store.tailing import Changes

T = TypeVar("T")

#: How often other processes' writes are looked for while somebody waits for one, in seconds: at once after a
#: write, and less and less often while there is none, so that an idle window leaves the processor alone.
POLL_INTERVAL: Final = 0.02
IDLE_INTERVAL: Final = 0.06
_SLOWER: Final = 1.05
#: How long batches are read in one go: much longer than it takes to change threads, and a loop that is kept
#: waiting meanwhile is not felt.
SECONDS_AHEAD: Final = 0.008


class Cursor(Protocol, Generic[T]):
    """Something that reads batch by batch in a worker thread."""

    done: bool

    def next_batch(self) -> list[T]: ...


class Batches(AsyncIterator[list[T]]):
    """The batches of a cursor; from the second on, the next ones are read while the caller looks at these.

    Holds no thread, transaction or lock between batches, so it can be dropped at any point.
    """

    def __init__(self, cursor: Cursor[T], run: Callable[[Callable[[], Any]], asyncio.Future[Any]]) -> None:
        self._cursor = cursor
        self._run = run
        self._pending: asyncio.Future[list[list[T]]] | None = None
        self._ready: deque[list[T]] = deque()
        # Batches that were handed out: where they were made they are also let go of, as their memory is in the
        # cache of the processor there.
        self._spent: list[list[T]] = []
        self._done = False
        self._seconds = 0.0

    async def __anext__(self) -> list[T]:
        while not self._ready:
            if self._pending is None:
                if self._done:
                    raise StopAsyncIteration
                self._pending = self._run(self._step)
            try:
                self._ready.extend(await asyncio.shield(self._pending))
            except AetherError:
                self._pending, self._done = None, True
                raise
            self._pending = None
            self._done = self._cursor.done
            if self._done:
                self._spent = []
            elif self._seconds:
                self._pending = self._run(self._step)
            # The first batch comes at once. A caller who goes on gets several for each way between the threads.
            self._seconds = SECONDS_AHEAD
        batch = self._ready.popleft()
        if not self._done:
            self._spent.append(batch)
        return batch

    def _step(self) -> list[list[T]]:
        self._spent = []
        batches: list[list[T]] = []
        deadline = time.monotonic() + self._seconds
        while True:
            batch = self._cursor.next_batch()
            if batch:
                batches.append(batch)
            if self._cursor.done or time.monotonic() >= deadline:
                return batches


class Shielded(Awaitable[T]):
    """A future that survives the cancelling of whoever awaits it."""

    def __init__(self, future: asyncio.Future[T]) -> None:
        self._future = future

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.shield(self._future).__await__()


class WatchedChanges(Changes):
    """Changes that are also looked for from outside, but only while somebody waits."""

    def __init__(self, look: Callable[[], object], executor: Executor) -> None:
        super().__init__()
        self._look = look
        self._executor = executor
        self._token: object = object()
        self._watcher: asyncio.Task[None] | None = None

    async def wait_beyond(self, count: int) -> None:
        if not self.closed and (self._watcher is None or self._watcher.done()):
            self._watcher = asyncio.get_running_loop().create_task(self._watch())
        await super().wait_beyond(count)

    async def stop(self) -> None:
        """Let every waiter go and end the watching."""
        self.close()
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        interval = POLL_INTERVAL
        while self.has_waiters and not self.closed:
            token = await loop.run_in_executor(self._executor, self._look)
            if token != self._token:
                self._token = token
                interval = POLL_INTERVAL
                self.notify()
            await asyncio.sleep(interval)
            interval = min(interval * _SLOWER, IDLE_INTERVAL)
