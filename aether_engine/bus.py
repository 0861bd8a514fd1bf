"""Telling whoever listens, in this process, that events were stored: fast, and lossy for the slow.

A subscriber has a bounded queue of its own. Publishing only appends to it and never waits, so a subscriber that
hangs, or never reads, costs a writer nothing and the others nothing. Whoever must not miss an event reads the
log (`Engine.tail`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from aether_engine.codec import encode_event
from aether_engine.event import Event, Gap, Published, SubscriptionFilter
from aether_engine.patterns import (
    check_namespace,
    check_namespace_pattern,
    is_wildcard_pattern,
    match_actor_pattern,
    match_namespace_pattern,
)

#: Events that may wait for one subscriber before it loses some.
MAX_PENDING: Final = 10_000
# How many namespaces remember which wildcard patterns match them.
_REMEMBERED_NAMESPACES: Final = 4096
# A bulk load is handed on in slices, so that what nobody has room for is never decoded.
_SLICE: Final = 1000
_TOO_SLOW: Final = "the subscriber was too slow for its queue"


def passes(subscription_filter: SubscriptionFilter | None, event: Event) -> bool:
    """Whether `event` is wanted, by its own type and actor."""
    if subscription_filter is None:
        return True
    types = subscription_filter.event_types
    if types and event.event_type not in types:
        return False
    pattern = subscription_filter.actor_pattern
    return not pattern or match_actor_pattern(pattern, event.actor_id)


class Subscription:
    """Batches of what was published since the last look, as an async iterator; ends with `unsubscribe`."""

    def __init__(
        self, bus: EventBus, pattern: str, subscription_filter: SubscriptionFilter | None, max_pending: int
    ) -> None:
        self.pattern = pattern
        self.filter = subscription_filter
        self.max_pending = max_pending
        self._bus = bus
        self._queue: list[Published | Gap] = []
        self._room = max_pending
        # Where in the queue the gap of a namespace stands that is still growing.
        self._open_gaps: dict[str, int] = {}
        self._dropped = 0
        self._closed = False
        self._ready = asyncio.Event()

    @property
    def dropped(self) -> int:
        """How many wanted events were lost so far because this subscriber was too slow."""
        return self._dropped

    @property
    def pending(self) -> int:
        """How many events wait to be taken."""
        return self.max_pending - self._room

    def unsubscribe(self) -> None:
        """Want nothing more. What still waits is let go and the iterator ends, also one that is waiting."""
        self._bus._remove(self)
        self._queue = []
        self._open_gaps.clear()
        self._end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Published | Gap]:
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        batch, self._queue = self._queue, []
        self._room = self.max_pending
        self._open_gaps.clear()
        return batch

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unsubscribe()

    def _end(self) -> None:
        self._closed = True
        self._ready.set()

    def _offer(self, items: _Slice) -> None:
        wanted: Sequence[Published]
        if self.filter is None:
            taken = min(self._room, len(items))
            wanted = items.published() if taken else ()
            lost = len(items) - taken
            first_lost = items.sequence(taken) if lost else None
        else:
            wanted = [item for item in items.published() if passes(self.filter, item.event)]
            taken = min(self._room, len(wanted))
            lost = len(wanted) - taken
            first_lost = wanted[taken].sequence if lost else None
        if taken:
            self._queue += wanted if taken == len(wanted) else wanted[:taken]
            self._room -= taken
            self._open_gaps.clear()
        if lost:
            self._lose(items.namespace, first_lost, lost)
        if taken or lost:
            self._ready.set()

    def _lose(self, namespace: str, first_lost: int | None, count: int) -> None:
        self._dropped += count
        position = self._open_gaps.get(namespace)
        if position is None:
            self._open_gaps[namespace] = len(self._queue)
            after = None if first_lost is None else first_lost - 1
            self._queue.append(Gap(namespace, after, count, _TOO_SLOW))
            return
        gap = self._queue[position]
        assert isinstance(gap, Gap)
        self._queue[position] = Gap(namespace, gap.after_sequence, (gap.missed or 0) + count, _TOO_SLOW)


class _Slice:
    """Consecutive events on their way to several subscribers; wrapped once, and only if one has room."""

    def __init__(self, namespace: str, stored: Sequence[tuple[int | None, Event]], start: int, end: int) -> None:
        self.namespace = namespace
        self._stored = stored
        self._start = start
        self._end = end
        self._published: list[Published] | None = None

    def __len__(self) -> int:
        return self._end - self._start

    def sequence(self, index: int) -> int | None:
        return self._stored[self._start + index][0]

    def published(self) -> list[Published]:
        if self._published is None:
            namespace = self.namespace
            self._published = [
                Published(namespace, event, sequence) for sequence, event in self._stored[self._start : self._end]
            ]
        return self._published


class EventBus:
    """Delivers what the stores of one engine publish. Belongs to one event loop."""

    def __init__(self) -> None:
        # By exact name or by pattern. Dicts keep the order and make leaving cheap.
        self._exact: dict[str, dict[Subscription, None]] = {}
        self._wildcards: dict[str, dict[Subscription, None]] = {}
        self._matching: dict[str, tuple[str, ...]] = {}
        self._closed = False

    def subscribe(
        self,
        namespace_pattern: str,
        filter: SubscriptionFilter | None = None,  # noqa: A002 (the contract's name)
        *,
        max_pending: int = MAX_PENDING,
    ) -> Subscription:
        """Listen to every namespace that matches, from now on. A wildcard crosses namespaces on purpose.

        Raises `NamespaceNameError` for a pattern that can match nothing.
        """
        check_namespace_pattern(namespace_pattern)
        if max_pending < 1:
            raise ValueError(f"max_pending is {max_pending}; it must be at least 1")
        subscription = Subscription(self, namespace_pattern, filter, max_pending)
        if self._closed:
            subscription._end()
            return subscription
        if not is_wildcard_pattern(namespace_pattern):
            self._exact.setdefault(namespace_pattern, {})[subscription] = None
            return subscription
        if namespace_pattern not in self._wildcards:
            self._wildcards[namespace_pattern] = {}
            for namespace, patterns in self._matching.items():
                if match_namespace_pattern(namespace_pattern, namespace):
                    self._matching[namespace] = (*patterns, namespace_pattern)
        self._wildcards[namespace_pattern][subscription] = None
        return subscription

    async def publish(self, namespace: str, event: Event) -> None:
        """Announce `event` without storing it; raises `NamespaceNameError` and `InvalidEventError`."""
        check_namespace(namespace)
        encode_event(event)
        self._deliver(namespace, [(None, event)])

    def publish_stored(self, namespace: str, stored: Sequence[tuple[int, Event]]) -> None:
        """Announce what a store has just stored, in order. `stored` is read only if somebody listens."""
        self._deliver(namespace, stored)

    async def close(self) -> None:
        """End every subscription once it has read what waits for it. Idempotent."""
        self._closed = True
        for group in (*self._exact.values(), *self._wildcards.values()):
            for subscription in group:
                subscription._end()
        self._exact.clear()
        self._wildcards.clear()
        self._matching.clear()

    def _deliver(self, namespace: str, stored: Sequence[tuple[int | None, Event]]) -> None:
        listeners = self._listeners(namespace)
        if not listeners:
            return
        for start in range(0, len(stored), _SLICE):
            items = _Slice(namespace, stored, start, min(start + _SLICE, len(stored)))
            for subscription in listeners:
                subscription._offer(items)

    def _listeners(self, namespace: str) -> list[Subscription]:
        exact: Iterable[Subscription] = self._exact.get(namespace, ())
        patterns = self._matching.get(namespace)
        if patterns is None:
            if not self._wildcards:
                return list(exact)
            if len(self._matching) >= _REMEMBERED_NAMESPACES:
                self._matching.clear()
            patterns = tuple(pattern for pattern in self._wildcards if match_namespace_pattern(pattern, namespace))
            self._matching[namespace] = patterns
        return [*exact, *(one for pattern in patterns for one in self._wildcards[pattern])]

    def _remove(self, subscription: Subscription) -> None:
        pattern = subscription.pattern
        groups = self._wildcards if is_wildcard_pattern(pattern) else self._exact
        group = groups.get(pattern)
        if group is None:
            return
        group.pop(subscription, None)
        if group:
            return
        del groups[pattern]
        if groups is self._wildcards:
            for namespace, patterns in self._matching.items():
                if pattern in patterns:
                    self._matching[namespace] = tuple(other for other in patterns if other != pattern)
