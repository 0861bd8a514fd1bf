"""Following all namespaces that match a pattern, without a gap: what `Engine.tail` returns."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from aether_engine.bus import passes
from aether_engine.closing import close
from aether_engine.errors import StoreUnavailableError
from aether_engine.event import Gap, StoredEvent, SubscriptionFilter, Tailed
from aether_engine.patterns import is_wildcard_pattern, match_namespace_pattern
from aether_engine.store.log_feed import LogFeeds, identity_of, is_gap, tailed
from aether_engine.store.protocols import Backend, LogEnd, Store
from aether_engine.store.tailing import MADE_AGAIN

if TYPE_CHECKING:
    from aether_engine.query import EventFilter

# How many events wait for the reader of a tail before its logs are read no further.
_MOST_WAITING: Final = 8_000
# Small batches that wait are handed over together, as one of at most this many.
_FULL_BATCH: Final = 1_000
_DISCOVERY_SECONDS: Final = 0.05
# How long servers that are away are left alone before they are asked again.
_RETRY_SECONDS: Final = 0.25
# How long a namespace that vanished is followed on: what was read of it may still be on its way.
_VANISHED_SECONDS: Final = 2.0
# Of so many that vanished it is known that they were there, should they come to be again.
_REMEMBERED: Final = 10_000


class EngineTail(AsyncIterator[list[Tailed | Gap]]):
    """What `Engine.tail` returns: batches from the logs of every matching namespace; ends with `aclose`.

    One task a namespace reads its log into a bounded queue that all share: a slow reader slows the tasks down
    and misses nothing. Where a log has come to its end it is read once for all tails of the engine (`LogFeeds`).
    A further task looks for namespaces that other processes bring into being; those of this process are handed
    over by `Engine.store` before anything can be saved in them.
    """

    def __init__(
        self,
        backend: Backend,
        open_store: Callable[[str], Awaitable[Store]],
        pattern: str,
        subscription_filter: SubscriptionFilter | None,
        event_filter: EventFilter | None,
        after_sequence: int | None,
        open_stores: Mapping[str, Store],
        feeds: LogFeeds,
        on_end: Callable[[EngineTail], None],
        on_vanished: Callable[[str], None],
    ) -> None:
        self.pattern = pattern
        self._backend = backend
        self._open_store = open_store
        self._filter = subscription_filter
        self._event_filter = event_filter
        self._after = after_sequence
        self._feeds = feeds
        self._on_end = on_end
        self._on_vanished = on_vanished
        self._called_at = datetime.now(UTC)
        # Where the logs ended of those namespaces that had events when this tail was asked for.
        self._ends: dict[str, int] | None = None
        self._listed = asyncio.Event()
        self._followed: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # Those of them that are known to be there, with their identities; those of these that are missing in later
        # lists, and since when; those that were given up, with where they ended and their identities.
        self._seen: dict[str, str] = {}
        self._missed_since: dict[str, float] = {}
        self._vanished: OrderedDict[str, tuple[int, str]] = OrderedDict()
        # Those of which something is waiting for room.
        self._handing: set[str] = set()
        self._batches: deque[Sequence[Tailed | Gap]] = deque()
        self._waiting = 0
        # Behind which sequence of each namespace what comes next stands.
        self._positions: dict[str, int] = {}
        self._readable = asyncio.Event()
        self._room = asyncio.Event()
        self._error: BaseException | None = None
        self._ended = False
        for namespace, store in open_stores.items():
            self._follow(namespace, store, was_open=True)
        self._own(self._discover(), "discover")

    def follows(self, namespace: str) -> bool:
        """Whether the log of `namespace` is read."""
        return not self._ended and namespace in self._followed

    def adopt(self, namespace: str, store: Store) -> None:
        """`store` was opened just now: follow it too if it matches."""
        if not self._ended and match_namespace_pattern(self.pattern, namespace):
            self._follow(namespace, store, was_open=False)

    def end(self) -> None:
        """Stop the tasks; the reader still gets what waits for it, then the iterator ends."""
        self._ended = True
        for task in self._tasks:
            task.cancel()
        # An ended task holds what it read from, which ends by being let go.
        self._followed.clear()
        self._readable.set()
        self._on_end(self)

    async def aclose(self) -> None:
        """End the iterator, also one that is waiting, and the tasks behind it. Idempotent."""
        self.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __anext__(self) -> list[Tailed | Gap]:
        while not self._batches:
            if self._error is not None:
                error, self._error = self._error, None
                await self.aclose()
                raise error
            if self._ended:
                raise StopAsyncIteration
            self._readable.clear()
            await self._readable.wait()
        batches = self._batches
        batch = list(batches.popleft())
        while batches and len(batch) + len(batches[0]) <= _FULL_BATCH:
            batch += batches.popleft()
        self._waiting -= len(batch)
        self._room.set()
        return batch

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _own(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"aether-tail-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and self._error is None and not self._ended:
            self._error = error
            # No more is read, so that the reader comes to the error behind what waits already.
            for other in self._tasks:
                other.cancel()
            self._readable.set()

    def _follow(self, namespace: str, store: Store, *, was_open: bool) -> None:
        if namespace in self._followed:
            return
        # "Now" is pinned here, within the call of `tail` or of `store`: the caller's next step may be a save. A
        # namespace that is found by the list is followed from where that says it ended.
        pins = self._after is None and (was_open or self._ends is None)
        now = store.tail() if pins else None
        pump = self._pump(namespace, store, now, was_open=was_open)
        self._followed[namespace] = self._own(pump, namespace)

    async def _pump(
        self, namespace: str, store: Store, now: AsyncIterator[list[StoredEvent]] | None, *, was_open: bool
    ) -> None:
        gap: Gap | None = None
        vanished = self._vanished.pop(namespace, None)
        if vanished is not None:
            source, gap = await self._begin_again(namespace, store, *vanished)
        elif now is not None and was_open:
            source = now
        else:
            await self._listed.wait()
            assert self._ends is not None
            end = self._ends.get(namespace)
            if now is not None and end is not None:
                source = now
            elif self._after is None:
                # What was born after the call is new from its first event on.
                source = store.tail(after_sequence=0 if end is None else end)
            else:
                keeps_number = end is not None or not is_wildcard_pattern(self.pattern)
                source = store.tail(after_sequence=self._after if keeps_number else 0)
        while await self._read(namespace, source, gap):
            gap = None
            source = store.tail(after_sequence=self._positions[namespace])

    async def _read(self, namespace: str, source: AsyncIterator[list[StoredEvent]], gap: Gap | None) -> bool:
        """Hand on what comes behind `gap`, read by ourselves and then with others.

        Returns whether to go on by ourselves from there.
        """
        async for batch in source:
            if gap is not None:
                self._put([gap])
                gap = None
            await self._hand_on(namespace, batch)
            position = self._positions[namespace] = batch[-1].sequence
            self._seen[namespace] = identity_of(source)
            # A filter that looks into data takes its time, which is no business of others.
            if self._event_filter is not None:
                continue
            joined = self._feeds.join(namespace, source, position, partial(self._receive, namespace))
            if joined is None:
                continue
            member, took_source = joined
            try:
                if not took_source:
                    await close(source)
                await member.left
            finally:
                self._positions[namespace] = member.position
                await member.leave()
            return True
        return False

    async def _hand_on(self, namespace: str, batch: list[StoredEvent]) -> None:
        """Have the reader get what of `batch` is wanted, once there is room for it."""
        wanted: list[StoredEvent] = batch
        if self._filter is not None:
            wanted = [stored for stored in batch if stored.event is None or passes(self._filter, stored.event)]
        if self._event_filter is not None:
            wanted = await _passing(wanted, self._event_filter)
        if not wanted:
            return
        self._handing.add(namespace)
        while self._waiting >= _MOST_WAITING:
            self._room.clear()
            await self._room.wait()
        self._handing.discard(namespace)
        self._put([tailed(namespace, stored) for stored in wanted])

    def _receive(self, namespace: str, rows: Sequence[StoredEvent], items: Sequence[Tailed | Gap]) -> bool:
        """As `_hand_on`, of what is read for several tails; False if there is no room for it."""
        if self._filter is not None:
            wanted = [stored for stored in rows if stored.event is None or passes(self._filter, stored.event)]
            items = [tailed(namespace, stored) for stored in wanted]
        if not items:
            return True
        if self._waiting >= _MOST_WAITING:
            return False
        self._put(items)
        return True

    def _put(self, items: Sequence[Tailed | Gap]) -> None:
        self._batches.append(items)
        self._waiting += len(items)
        self._readable.set()

    async def _discover(self) -> None:
        while True:
            seen = self._backend.change_count()
            try:
                if await self._look():
                    return
            except StoreUnavailableError as error:
                # A tail outlasts servers that are away, also when they go while it begins.
                if not error.passing or self._ended:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            # Nothing need change for what vanished to be given up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_VANISHED_SECONDS if self._missed_since else None):
                    await self._backend.wait_for_change(seen)
            # A busy store changes all the time; a list now and then is enough to find newcomers.
            await asyncio.sleep(_DISCOVERY_SECONDS)

    async def _look(self) -> bool:
        """Follow the namespaces that there are; whether that is all there will ever be."""
        ends = await self._backend.ends(self.pattern)
        if self._ends is None:
            self._ends = {
                name: end.last_sequence
                for name, end in ends.items()
                if end.first_recorded_at is None or end.first_recorded_at < self._called_at
            }
            self._listed.set()
        if not is_wildcard_pattern(self.pattern):
            await self._open_store(self.pattern)
            return True
        for name in ends:
            if name not in self._followed and match_namespace_pattern(self.pattern, name):
                # Also one that was given up here and is still open for others.
                self.adopt(name, await self._open_store(name))
        await self._give_up_vanished(ends)
        return False

    async def _give_up_vanished(self, ends: Mapping[str, LogEnd]) -> None:
        """Follow no longer what was there and is gone: namespaces may come and go by the thousand."""
        now = asyncio.get_running_loop().time()
        self._seen |= {name: end.identity for name, end in ends.items() if name in self._followed}
        for name in self._missed_since.keys() & ends.keys():
            del self._missed_since[name]
        for name in self._seen.keys() - ends.keys():
            self._missed_since.setdefault(name, now)
        gone = {
            name: self._followed.pop(name)
            for name, since in list(self._missed_since.items())
            if now - since >= _VANISHED_SECONDS and name not in self._handing
        }
        for task in gone.values():
            task.cancel()
        await asyncio.gather(*gone.values(), return_exceptions=True)
        assert self._ends is not None
        for name in gone:
            # Where the log ended, and which log it was: a list can also have left it out by mistake.
            began_at = self._ends.pop(name, 0)
            self._vanished[name] = self._positions.pop(name, began_at), self._seen.pop(name)
            del self._missed_since[name]
            self._on_vanished(name)
        while len(self._vanished) > _REMEMBERED:
            self._vanished.popitem(last=False)

    async def _begin_again(
        self, namespace: str, store: Store, ended_at: int, identity: str
    ) -> tuple[AsyncIterator[list[StoredEvent]], Gap | None]:
        """Follow what was given up: on from where it ended or, if it is another log now, from its beginning."""
        while True:
            try:
                end = (await self._backend.ends(namespace)).get(namespace)
                break
            except StoreUnavailableError as error:
                if not error.passing or self._ended:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)
        self._positions[namespace] = ended_at
        if end is not None and end.identity == identity:
            return store.tail(after_sequence=ended_at), None
        return store.tail(after_sequence=0), Gap(namespace, ended_at, None, MADE_AGAIN) if ended_at else None


async def _passing(batch: list[StoredEvent], event_filter: EventFilter) -> list[StoredEvent]:
    """What passes; a gap in the log always does."""
    # Only who filters waits for what filters need.
    from aether_engine.query import matching

    passing = {id(stored) for stored in await matching(batch, event_filter)}
    return [stored for stored in batch if id(stored) in passing or is_gap(stored)]
