"""The live end of one namespace's log, read and decoded once for all tails that have come to it.

A tail begins with a reading of its own. Once it stands where the feed stands, or further, it joins, and its own
reading ends; if it becomes too slow for the feed it is let go, and reads by itself again from where it was. So
any number of tails cost little more than one, and none of them can hold up another or miss anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from aether_engine.closing import close
from aether_engine.errors import AetherError, LogGapError
from aether_engine.event import Gap, StoredEvent, Tailed

_log = logging.getLogger(__name__)

# How long a feed rests after each batch: what arrives meanwhile is handed on together.
_TOGETHER_SECONDS: Final = 0.005
_FULL_BATCH: Final = 1000

#: Takes what is new, as rows and as what a tail delivers; False if there is no room for it.
Receive = Callable[[Sequence[StoredEvent], Sequence[Tailed | Gap]], bool]


def is_gap(stored: StoredEvent) -> bool:
    """Whether `stored` stands for what is missing in its log."""
    return stored.error is not None and isinstance(stored.error.error, LogGapError)


def tailed(namespace: str, stored: StoredEvent) -> Tailed | Gap:
    """What a tail delivers for a row of the log."""
    error = None if stored.error is None else stored.error.error
    if isinstance(error, LogGapError):
        return Gap(namespace, error.after_sequence, error.missed, error.reason)
    return Tailed(namespace, stored)


def identity_of(source: AsyncIterator[list[StoredEvent]]) -> str:
    """Tells a log from another that has its name and numbers, where one can take the place of the other."""
    return str(getattr(source, "identity", ""))


class FeedMember:
    """One tail at a feed. `left` is done once it has to read by itself again, from behind `position` on."""

    def __init__(self, feed: LogFeed, position: int, receive: Receive) -> None:
        self.position = position
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._feed = feed
        self._receive = receive

    async def leave(self) -> None:
        """Want nothing more; the last one ends the feed."""
        await self._feed.remove(self)

    def take(self, rows: Sequence[StoredEvent], items: Sequence[Tailed | Gap], *, starts_over: bool) -> None:
        """Hand over what is new to this one."""
        if not starts_over and rows[0].sequence <= self.position:
            # It was further than the feed when it joined.
            first = next((place for place, row in enumerate(rows) if row.sequence > self.position), len(rows))
            rows, items = rows[first:], items[first:]
        if not rows:
            return
        if self._receive(rows, items):
            self.position = rows[-1].sequence
        else:
            self.dismiss()

    def dismiss(self) -> None:
        """Have the tail read by itself again."""
        if not self.left.done():
            self.left.set_result(None)


class LogFeed:
    """Reads `source`, which stands behind the sequence `position`, for its members, until the last one leaves.

    It ends also where the log ends, fails or starts over; then each member goes on by itself and sees why.
    """

    def __init__(
        self,
        namespace: str,
        source: AsyncIterator[list[StoredEvent]],
        position: int,
        on_end: Callable[[LogFeed], None],
    ) -> None:
        self.namespace = namespace
        self.position = position
        # Whoever drops it ends it: the task has it, and nobody else.
        self._source = weakref.ref(source)
        self._on_end = on_end
        self._members: dict[FeedMember, None] = {}
        self._task = asyncio.create_task(self._run(source), name=f"aether-feed-{namespace}")

    @property
    def identity(self) -> str:
        """Which of the logs that had this name one after another is read."""
        source = self._source()
        return "" if source is None else identity_of(source)

    def join(self, position: int, receive: Receive) -> FeedMember | None:
        """Take part from behind `position` on; None while the feed is further than that, or has ended."""
        if position < self.position or self._task.done():
            return None
        member = FeedMember(self, position, receive)
        self._members[member] = None
        return member

    async def remove(self, member: FeedMember) -> None:
        """`member` wants no more."""
        self._members.pop(member, None)
        if not self._members:
            await self.close()

    async def close(self) -> None:
        """End it. Idempotent."""
        self._on_end(self)
        self._task.cancel()
        await asyncio.wait({self._task})
        # Taken out of the task: the cancellation holds where it came, which is here.
        with contextlib.suppress(asyncio.CancelledError):
            self._task.exception()

    async def _run(self, source: AsyncIterator[list[StoredEvent]]) -> None:
        try:
            async for rows in source:
                if self._hand_on(rows):
                    await close(source)
                    return
                # A full batch means that there is more at hand.
                await asyncio.sleep(_TOGETHER_SECONDS if len(rows) < _FULL_BATCH else 0)
        except AetherError as error:
            _log.debug("the feed of %s ended: %s", self.namespace, error)
        finally:
            self._on_end(self)
            for member in self._members:
                member.dismiss()
            self._members.clear()

    def _hand_on(self, rows: list[StoredEvent]) -> bool:
        """Give the members what is new; whether the log starts over, which each has to look at by itself."""
        starts_over = rows[0].sequence <= self.position
        items = [tailed(self.namespace, row) for row in rows]
        self.position = rows[-1].sequence
        for member in list(self._members):
            member.take(rows, items, starts_over=starts_over)
            if member.left.done():
                self._members.pop(member, None)
        return starts_over


class LogFeeds:
    """The feeds of an engine, by namespace; each is there while a tail takes part."""

    def __init__(self) -> None:
        self._feeds: dict[str, LogFeed] = {}

    def join(
        self, namespace: str, source: AsyncIterator[list[StoredEvent]], position: int, receive: Receive
    ) -> tuple[FeedMember, bool] | None:
        """Take part in the feed of `namespace`; the flag says that `source` belongs to the feed now.

        None if the feed is further than `position`: read on and try again.
        """
        feed = self._feeds.get(namespace)
        takes_source = feed is None
        if feed is None:
            feed = self._feeds[namespace] = LogFeed(namespace, source, position, self._ended)
        elif feed.identity != identity_of(source):
            return None  # One of the two has not seen yet that the log was replaced.
        member = feed.join(position, receive)
        return None if member is None else (member, takes_source)

    async def close(self) -> None:
        """End every feed."""
        for feed in list(self._feeds.values()):
            await feed.close()

    def _ended(self, feed: LogFeed) -> None:
        if self._feeds.get(feed.namespace) is feed:
            del self._feeds[feed.namespace]
