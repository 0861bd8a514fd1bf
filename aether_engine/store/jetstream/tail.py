"""Following a stream without a gap: across reconnects, restarts, new leaders, deleted consumers, new streams.

The position is ours and not a consumer's. Whatever happens to a run of messages, the next one begins right behind
the last row handed out. Only what the stream itself no longer has is missing, and then a row says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from aether_engine.errors import LogGapError, NotPermittedError, StoreUnavailableError
from aether_engine.event import ReplayError, StoredEvent
from aether_engine.store.jetstream.link import Link
from aether_engine.store.jetstream.pull import Pull, PullBrokenError
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.jetstream.stream import deletes
from aether_engine.store.tailing import MADE_AGAIN

_RETRY_SECONDS: Final = 0.1
_LONGEST_RETRY_SECONDS: Final = 1.0
# How often a stream is looked for that does not exist yet, besides when this process makes it.
_LOOK_SECONDS: Final = 0.5
# How often a user who may not create consumers looks for new events.
_POLL_SECONDS: Final = 0.25
_ROWS_AT_ONCE: Final = 1000
_DELETED: Final = "they were deleted from the stream"


class _EndedError(Exception):
    """The engine closed before it was known where the tail begins."""


class JetStreamTail(AsyncIterator[list[StoredEvent]]):
    """Endless batches behind a sequence; ends when the engine closes. One reader."""

    def __init__(
        self,
        link: Link,
        reader: Callable[[], Awaitable[StreamReader | None]],
        start: int | asyncio.Task[int],
        born: asyncio.Event,
    ) -> None:
        self._link = link
        self._reader_now = reader
        self._start = start
        self._born = born
        self._position = 0
        self._started = False
        self._identity = ""
        self._reader: StreamReader | None = None
        self._pull: Pull | None = None
        self._rows: list[StoredEvent] = []
        # Rows of the run that have not been looked through yet.
        self._taken: list[StoredEvent] = []
        self._pause = _RETRY_SECONDS
        self._polls = False

    @property
    def identity(self) -> str:
        """When the stream that is read was created; another one may have its name later."""
        return self._identity

    async def __anext__(self) -> list[StoredEvent]:
        while not self._rows:
            if self._link.closed:
                await self.aclose()
                raise StopAsyncIteration
            try:
                self._rows = await self._more()
                self._pause = _RETRY_SECONDS
            except _EndedError:
                raise StopAsyncIteration from None
            except NotPermittedError:
                raise
            except StoreUnavailableError as error:
                # A run that broke can be followed by the next at once; one that did not even begin cannot.
                at_once = isinstance(error, PullBrokenError) and self._pull is not None
                await self._leave()
                if not at_once and not self._link.closed:
                    await self._rest(self._pause)
                    self._pause = min(self._pause * 2, _LONGEST_RETRY_SECONDS)
        batch, self._rows = self._rows[:_ROWS_AT_ONCE], self._rows[_ROWS_AT_ONCE:]
        self._position = batch[-1].sequence
        return batch

    async def aclose(self) -> None:
        """Let go of the consumer. The engine's closing does it too."""
        await self._leave()

    def __del__(self) -> None:
        # Whoever just drops a tail has its consumer deleted all the same.
        pull = self._pull
        if pull is not None and not self._link.closed:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._link.spawn(pull.close())

    async def _more(self) -> list[StoredEvent]:
        if not self._started:
            if isinstance(self._start, int):
                self._position = self._start
            else:
                # Not awaited itself: whoever gives up waiting here must not take the beginning along.
                await asyncio.wait({self._start})
                if self._start.cancelled():
                    raise _EndedError
                self._position = self._start.result()
            self._started = True
        if self._pull is None:
            gap = await self._begin()
            if gap:
                return gap
            if self._reader is None:
                await self._rest(_LOOK_SECONDS)
                return []
        assert self._reader is not None
        if self._pull is None:
            return await self._poll(self._reader)
        if not self._taken:
            if self._reader.wastes(self._pull):
                await self._leave()
                return []
            # Kept while the servers are asked about them: whoever gives up waiting here loses none.
            self._taken = self._reader.rows.of_run(await self._pull.next())
        rows = self._taken
        if deletes(self._reader.info):
            rows = await self._with_gaps(self._reader, rows)
        self._taken = []
        return rows

    async def _with_gaps(self, reader: StreamReader, rows: list[StoredEvent]) -> list[StoredEvent]:
        """`rows` with a gap in front of each that follows what was deleted while it was on its way.

        Sequences without an event are snapshots', or deleted: those in front of the stream's first message.
        """
        before = [self._position, *(row.sequence for row in rows)]
        if all(row.sequence == last + 1 for last, row in zip(before, rows, strict=False)):
            return rows
        info = await reader.api.stream_info(reader.name)
        first = 0 if info is None else info.first_sequence
        found: list[StoredEvent] = []
        for last, row in zip(before, rows, strict=False):
            end = min(first, row.sequence)
            if end > last + 1:
                found.append(self._gap(last, end - last - 1, _DELETED, place=end - 1))
            found.append(row)
        return found

    async def _begin(self) -> list[StoredEvent]:
        """Find the stream, compare it with what is known of it, and begin a run; or tell of a gap."""
        self._born.clear()
        reader = await self._reader_now()
        if reader is None:
            self._reader = None
            return []
        info = reader.info
        replaced = bool(self._identity) and info.created != self._identity
        self._identity = info.created
        self._reader = reader
        if replaced:
            after, self._position = self._position, 0
            return [self._gap(after, None, MADE_AGAIN, place=0)]
        if info.last_sequence < self._position:
            after, self._position = self._position, info.last_sequence
            return [
                self._gap(
                    after,
                    None,
                    f"the stream ends at {info.last_sequence}, the server has lost what was behind it",
                    place=info.last_sequence,
                )
            ]
        gap: list[StoredEvent] = []
        after = self._position
        if info.first_sequence > after + 1 and info.last_sequence > after:
            self._position = info.first_sequence - 1
            gap = [self._gap(after, self._position - after, _DELETED, place=self._position)]
        # In any case: where events are deleted all the time, the next look would find another gap, for ever.
        if not self._polls:
            try:
                self._pull = await reader.open_run(self._position + 1)
            except NotPermittedError:
                self._polls = True
            except BaseException:
                self._position = after  # Nobody was told of the gap.
                raise
        return gap

    async def _poll(self, reader: StreamReader) -> list[StoredEvent]:
        rows: list[StoredEvent] = []
        last = await reader.last_sequence()
        if last > self._position:
            async for page in reader.stretch(self._position + 1, min(last, self._position + 2 * _ROWS_AT_ONCE)):
                rows += page
        if not rows:
            await self._rest(_POLL_SECONDS)
        if self._reader is not None and last < self._position:
            self._reader = None  # look at the stream anew
        return rows

    def _gap(self, after: int, missed: int | None, reason: str, *, place: int) -> StoredEvent:
        error = LogGapError(after, missed, reason)
        return StoredEvent(place, datetime.now(UTC), b"", None, ReplayError(place, b"", error))

    async def _rest(self, seconds: float) -> None:
        """Wait, but no longer than until the engine closes or this process makes the stream."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._born.wait()

    async def _leave(self) -> None:
        pull, self._pull = self._pull, None
        self._taken = []
        if pull is not None:
            await pull.close()
