"""The bus that spans processes: what is stored anywhere is told on `aether.events.<namespace>`.

As fast and as lossy as the bus of one process, and one more thing can be lost: what is published while a
subscriber's connection is down. Then a gap of unknown size stands in its next batch. Whoever must not miss an
event reads the log (`Engine.tail`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final

from aether_engine.bus import MAX_PENDING, EventBus, Subscription, _Slice
from aether_engine.codec import decode_event, encode_event
from aether_engine.errors import InvalidEventError, NamespaceNameError, ReadOnlyError, StoreUnavailableError
from aether_engine.event import Event, Gap, SubscriptionFilter
from aether_engine.patterns import check_namespace, is_wildcard_pattern
from aether_engine.store.jetstream.frames import Frame, frame, framed, header
from aether_engine.store.jetstream.link import Link, LinkState, SharedSubscription, bounded, heard

SUBJECT_PREFIX: Final = "aether.events."
#: Header with the event's sequence in its namespace's log, where the publisher knows it.
SEQUENCE_HEADER: Final = "Aether-Sequence"
_SEQUENCE: Final = SEQUENCE_HEADER.encode()
# Events waiting to be sent beyond which the oldest are let go: a bus never holds up a writer.
_MOST_OUTGOING: Final = 100_000
# Bytes waiting for the socket beyond which the bus waits, so that saving has the connection to itself.
_MOST_UNSENT: Final = 8 * 1024 * 1024
_SLICE: Final = 100

# A pattern to listen to (true) or to leave; a namespace with a sequence and the bytes of an event.
_Listening = tuple[str, bool]
_Told = tuple[str, int | None, bytes]


class NATSEventBus(EventBus):
    """Delivers what every engine on the same servers publishes. Belongs to one event loop."""

    def __init__(self, link: Link, *, read_only: bool = False) -> None:
        super().__init__()
        self._link = link
        self._read_only = read_only
        # In order: a subscription made before a save hears of it.
        self._outgoing: deque[_Listening | _Told] = deque()
        self._work = asyncio.Event()
        self._done = asyncio.Event()
        self._done.set()
        self._listening: dict[str, SharedSubscription] = {}
        self._pump_task: asyncio.Task[None] | None = None
        self._was_down = False
        #: Events of this process that were never sent, because the connection was down or too slow.
        self.unsent = 0
        self._leave_link = link.on_change(self._link_changed)

    def subscribe(
        self,
        namespace_pattern: str,
        filter: SubscriptionFilter | None = None,  # noqa: A002 (the contract's name)
        *,
        max_pending: int = MAX_PENDING,
    ) -> Subscription:
        """As `EventBus.subscribe`, across processes; what others publish before `ready` returns may be missed."""
        subscription = super().subscribe(namespace_pattern, filter, max_pending=max_pending)
        if self._group(namespace_pattern):
            self._enqueue((namespace_pattern, True))
        return subscription

    async def publish(self, namespace: str, event: Event) -> None:
        """As `EventBus.publish`, to every process."""
        check_namespace(namespace)
        raw = encode_event(event)
        if self._read_only:
            raise ReadOnlyError(self._link.url)
        if len(raw) > self._link.max_payload - 1024:
            raise InvalidEventError(
                "", f"takes {len(raw):,} bytes; the server takes {self._link.max_payload - 1024:,}"
            )
        if not self._link.is_up:
            raise StoreUnavailableError(self._link.url, self._link.reason)
        self._enqueue((namespace, None, raw))

    def publish_stored(self, namespace: str, stored: Sequence[tuple[int, Event]]) -> None:
        """As `EventBus.publish_stored`, to every process."""
        if not self._link.is_up:
            self.unsent += len(stored)
            return
        self._outgoing.extend([(namespace, sequence, encode_event(event)) for sequence, event in stored])
        while len(self._outgoing) > _MOST_OUTGOING and len(self._outgoing[0]) == 3:
            self._outgoing.popleft()
            self.unsent += 1
        self._wake()

    async def ready(self) -> None:
        """Return once the server knows every subscription made so far. Raises `StoreUnavailableError`."""
        await self._done.wait()
        await self._link.flush()

    async def flush(self) -> None:
        """Hand everything published so far to the server, as far as there is one."""
        if self._link.is_up:
            async with asyncio.timeout(2.0):
                await self._done.wait()
            await self._link.flush()

    async def close(self) -> None:
        """As `EventBus.close`."""
        self._leave_link()
        await super().close()
        if self._pump_task is not None:
            self._pump_task.cancel()
            await asyncio.gather(self._pump_task, return_exceptions=True)
        for listening in self._listening.values():
            await bounded(listening.unsubscribe(), 1.0)
        self._listening.clear()

    # --- Sending ------------------------------------------------------------------------------------------

    def _enqueue(self, item: _Listening | _Told) -> None:
        self._outgoing.append(item)
        self._wake()

    def _wake(self) -> None:
        self._done.clear()
        self._work.set()
        if self._pump_task is None and not self._closed:
            self._pump_task = asyncio.create_task(self._pump(), name="aether-nats-bus")

    async def _pump(self) -> None:
        while True:
            self._work.clear()
            while self._outgoing:
                with heard("Sending from the bus"):
                    if len(self._outgoing[0]) == 2:
                        await self._listen(*self._outgoing.popleft())
                    else:
                        await self._send()
                await asyncio.sleep(0)
            self._done.set()
            await self._work.wait()

    async def _send(self) -> None:
        """Send what waits, up to the next change of subscriptions, some at a time."""
        frames: list[bytes] = []
        outgoing = self._outgoing
        while outgoing and len(frames) < _SLICE:
            item = outgoing[0]
            if len(item) == 2:
                break
            outgoing.popleft()
            namespace, sequence, raw = item
            frames.append(_frame(namespace, sequence, raw))
        if self._link.unsent_bytes > _MOST_UNSENT:
            await bounded(self._link.flush(), 2.0)
        try:
            await self._link.write(b"".join(frames))
        except StoreUnavailableError:
            self.unsent += len(frames)

    async def _listen(self, pattern: str, on: bool) -> None:
        wanted = on and bool(self._group(pattern))
        listening = self._listening.get(pattern)
        if wanted and listening is None:
            # A lone `*` means every namespace here and one token there.
            subject = SUBJECT_PREFIX + (">" if pattern == "*" else pattern)
            self._listening[pattern] = await self._link.subscribe(subject, partial(self._hear, pattern))
        elif not on and listening is not None and not self._group(pattern):
            del self._listening[pattern]
            await bounded(listening.unsubscribe(), 1.0)

    # --- Hearing ------------------------------------------------------------------------------------------

    def _group(self, pattern: str) -> dict[Subscription, None]:
        groups = self._wildcards if is_wildcard_pattern(pattern) else self._exact
        return groups.get(pattern, {})

    def _remove(self, subscription: Subscription) -> None:
        super()._remove(subscription)
        if subscription.pattern in self._listening and not self._group(subscription.pattern):
            self._enqueue((subscription.pattern, False))

    def _hear(self, pattern: str, frames: list[Frame]) -> None:
        group = self._group(pattern)
        if not group:
            return
        for subject, _, head, data in frames:
            namespace = subject[len(SUBJECT_PREFIX) :].decode("utf-8", "replace")
            try:
                check_namespace(namespace)
                event = decode_event(data)
            except NamespaceNameError:
                continue
            except InvalidEventError as error:
                gap = Gap(namespace, None, 1, f"what was published is no event: {error}")
                for subscription in list(group):
                    self._leave_gap(subscription, gap)
                continue
            number = header(head, _SEQUENCE)
            sequence = int(number) if number.isdigit() else None
            items = _Slice(namespace, ((sequence, event),), 0, 1)
            for subscription in list(group):
                subscription._offer(items)

    def _link_changed(self, link: Link) -> None:
        was_down, self._was_down = self._was_down, link.state is not LinkState.UP
        if was_down or link.state not in (LinkState.DOWN, LinkState.REFUSED):
            return
        # Now and not when it is back: then the first events come before the news of it.
        for groups in (self._exact, self._wildcards):
            for pattern, group in groups.items():
                gap = Gap(pattern, None, None, "the connection was lost for a while")
                for subscription in group:
                    self._leave_gap(subscription, gap)

    def _leave_gap(self, subscription: Subscription, gap: Gap) -> None:
        if not subscription._queue or subscription._queue[-1] != gap:
            subscription._queue.append(gap)
            subscription._open_gaps.clear()
            subscription._ready.set()


def _frame(namespace: str, sequence: int | None, raw: bytes) -> bytes:
    subject = SUBJECT_PREFIX + namespace
    if sequence is None:
        return frame(subject, raw)
    return framed(subject, b"NATS/1.0\r\n%b: %d\r\n\r\n" % (_SEQUENCE, sequence), raw)
