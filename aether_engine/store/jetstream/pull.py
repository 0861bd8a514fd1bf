"""A run of messages from a stream: an ephemeral consumer, pulled with requests of our own.

The driver's own consumers make a task for each message or lose messages silently when they fall behind. Here the
server sends no more than was asked for, so that a slow reader costs memory nowhere; and the messages' numbers are
checked, so that one lost on the way ends the run instead of leaving a hole.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, Final

from aether_engine.codec import dumps
from aether_engine.errors import StoreUnavailableError
from aether_engine.store.jetstream.api import Api, nanoseconds
from aether_engine.store.jetstream.frames import Frame, header, status
from aether_engine.store.jetstream.link import SharedSubscription, bounded
from aether_engine.store.jetstream.reasons import NobodyThereError

_log = logging.getLogger(__name__)

_BATCH: Final = 2000
# Messages asked for and not taken yet beyond which nothing more is asked for.
_MOST_WAITING: Final = 3 * _BATCH
_MOST_BYTES: Final = 8 * 1024 * 1024
_AT_ONCE: Final = 1000
_HEARTBEAT_SECONDS: Final = 1.0
_EXPIRES_SECONDS: Final = 60.0
# A run whose heartbeat fails to come for so long is dead.
_SILENCE_SECONDS: Final = 3.5
# The server forgets a consumer that nobody pulls from for so long: what a killed process leaves behind.
_INACTIVE_SECONDS: Final = 30.0
# The reply subject of a message tells what it is: `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.
# <consumer sequence>.<time>.<pending>`, where there are domains with domain and account in front of the stream and
# then perhaps with a random token behind it all (ADR-15).
_LONGEST_REPLY: Final = 12


class Run:
    """What came of a run together: frames, and how to read their replies."""

    __slots__ = ("_from_the_right", "frames")

    def __init__(self, frames: list[Frame], from_the_right: int) -> None:
        self.frames = frames
        self._from_the_right = from_the_right

    def places(self) -> list[tuple[int, int]]:
        """Of each message its sequence and when it was stored, in microseconds since 1970."""
        count = self._from_the_right
        found: list[tuple[int, int]] = []
        append = found.append
        for _, reply, _, _ in self.frames:
            parts = reply.rsplit(b".", count)
            append((int(parts[1]), int(parts[3]) // 1000))
        return found

    def times(self) -> list[int]:
        """When each message was stored, in microseconds since 1970."""
        count = self._from_the_right
        return [int(reply.rsplit(b".", count)[3]) // 1000 for _, reply, _, _ in self.frames]

    @property
    def last_sequence(self) -> int:
        return int(self._last()[1])

    @property
    def last_delivery(self) -> int:
        """The number the last message has in its run."""
        return int(self._last()[2])

    @property
    def pending(self) -> int:
        """How many messages the stream held behind the last one when that was sent."""
        return int(self._last()[4])

    def _last(self) -> list[bytes]:
        return self.frames[-1][1].rsplit(b".", self._from_the_right)


def recorded_at(microseconds: int) -> datetime:
    """The moment a message was stored, cut to microseconds as every timestamp here is."""
    # Exact: a float holds the microseconds of the next two centuries and the rounding finds them.
    return datetime.fromtimestamp(microseconds / 1e6, UTC)


class PullBrokenError(StoreUnavailableError):
    """The run cannot go on; one from the first message not taken can be begun."""


class Pull:
    """Messages of a stream in order and without a hole, until it breaks or is closed.

    `subject` None means all messages: on a stream that has more than one subject the server finds those of one
    ten times more slowly. `deliver` is the part of a consumer's settings that says where it begins.
    """

    def __init__(self, api: Api, stream: str, subject: str | None, deliver: dict[str, Any]) -> None:
        self._api = api
        self._stream = stream
        self.subject = subject
        self._deliver = deliver
        self._name = f"aether-{uuid.uuid4().hex}"
        self._link = api.link
        self._generation = 0
        self._inbox = ""
        self._inbox_bytes = b""
        self._subscription: SharedSubscription | None = None
        self._requests: OrderedDict[str, int] = OrderedDict()
        self._request_number = 0
        self._received: list[Frame] = []
        self._delivered = 0
        self._from_the_right = 0
        self._broken = ""
        self._arrival = asyncio.Event()
        self._heard_at = 0.0
        self._created = False
        #: How many messages there were to come when the run was opened.
        self.pending = 0

    async def open(self) -> None:
        """Create the consumer and ask for the first messages. Raises the errors of `Api`."""
        await self._link.ready()
        self._generation = self._link.generation
        self._inbox = self._link.new_inbox()
        self._inbox_bytes = self._inbox.encode()
        self._subscription = await self._link.subscribe(f"{self._inbox}.>", self._take)
        # The data messages come with the subject they were stored under, the answers with that of the request.
        config: dict[str, Any] = {
            "name": self._name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "max_waiting": 8,
            "inactive_threshold": nanoseconds(_INACTIVE_SECONDS),
            **self._deliver,
        }
        place = f"{self._stream}.{self._name}"
        if self.subject is not None:
            config["filter_subject"] = self.subject
            place = f"{place}.{self.subject}"
        body = {"stream_name": self._stream, "config": config, "action": "create"}
        try:
            created = await self._api.ask(f"CONSUMER.CREATE.{place}", body)
            self._created = True
            self.pending = int(created.get("num_pending", 0))
            self._heard_at = asyncio.get_running_loop().time()
            await self._ask_for_more()
        except BaseException:
            await self.close()
            raise

    async def next(self) -> Run:
        """What has come since the last call, at least one message and no more than can be decoded at a time.

        Raises `PullBrokenError`.
        """
        while not await self.arrives(_HEARTBEAT_SECONDS):
            pass
        if len(self._received) > _AT_ONCE:
            # Whoever never waits, because there is always more, must let others have their turns.
            await asyncio.sleep(0)
        if not self._broken and self._generation == self._link.generation:
            await self._ask_for_more(_AT_ONCE)
        # Nothing is awaited from here on: who gives up waiting loses nothing.
        taken, self._received = self._received[:_AT_ONCE], self._received[_AT_ONCE:]
        return Run(taken, self._from_the_right)

    async def arrives(self, seconds: float) -> bool:
        """Whether anything is there to take, now or within `seconds`. Raises `PullBrokenError`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not self._received:
            if self._broken or self._generation != self._link.generation or not self._link.is_up:
                raise PullBrokenError(self._api.url, self._broken or "the connection was lost")
            await self._ask_for_more()
            now = loop.time()
            patience = self._heard_at + _SILENCE_SECONDS - now
            if patience <= 0:
                raise PullBrokenError(self._api.url, "the server fell silent")
            if now >= deadline:
                return False
            self._arrival.clear()
            try:
                async with asyncio.timeout(min(patience, deadline - now)):
                    await self._arrival.wait()
            except TimeoutError:
                continue
        return True

    async def close(self) -> None:
        """Have the server forget the consumer."""
        subscription, self._subscription = self._subscription, None
        self._broken = self._broken or "the run was closed"
        self._arrival.set()
        if subscription is not None:
            await bounded(subscription.unsubscribe(), 1.0)
            if self._created:
                await bounded(self._api.delete_consumer(self._stream, self._name), 1.0)

    async def _ask_for_more(self, taken: int = 0) -> None:
        """Ask for messages if few enough are to come or to be taken, `taken` of which will be in a moment."""
        while (
            len(self._requests) < 2
            and sum(self._requests.values()) + max(len(self._received) - taken, 0) <= _MOST_WAITING - _BATCH
        ):
            self._request_number += 1
            number = str(self._request_number)
            self._requests[number] = _BATCH
            body = {
                "batch": _BATCH,
                "max_bytes": max(_MOST_BYTES, 2 * self._link.max_payload),
                "expires": nanoseconds(_EXPIRES_SECONDS),
                "idle_heartbeat": nanoseconds(_HEARTBEAT_SECONDS),
            }
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
            try:
                await self._link.send_for(f"{self._inbox}.{number}", subject, dumps(body))
            except StoreUnavailableError as error:
                raise PullBrokenError(self._api.url, error.reason) from error

    def _take(self, frames: list[Frame]) -> None:
        if self._broken:
            return
        self._heard_at = asyncio.get_running_loop().time()
        inbox = self._inbox_bytes
        first = 0
        for place, one in enumerate(frames):
            if one[0].startswith(inbox):
                if first < place:
                    self._take_messages(frames[first:place])
                first = place + 1
                self._take_status(one)
        if first < len(frames):
            self._take_messages(frames[first:] if first else frames)

    def _take_messages(self, frames: list[Frame]) -> None:
        if not self._from_the_right:
            self._from_the_right = 5 if frames[0][1].count(b".") + 1 == _LONGEST_REPLY else 4
        delivered = Run(frames, self._from_the_right).last_delivery
        # They come in order: if their numbers rise by as many as there are, none is missing.
        if self._broken or delivered != self._delivered + len(frames):
            self._break("a message was lost on the way")
            return
        self._delivered = delivered
        self._received += frames
        left = len(frames)
        while left and self._requests:
            number, wanted = next(iter(self._requests.items()))
            if wanted > left:
                self._requests[number] = wanted - left
                break
            del self._requests[number]
            left -= wanted
        self._arrival.set()

    def _take_status(self, frame: Frame) -> None:
        subject, _, head, _ = frame
        code, text = status(head)
        if code == "100":
            delivered = header(head, b"Nats-Last-Consumer")
            if delivered and int(delivered) != self._delivered:
                self._break("a message was lost on the way")
            return
        number = subject.rpartition(b".")[2].decode()
        if code in ("404", "408") or (code == "409" and ("MaxBytes" in text or "Batch Completed" in text)):
            self._requests.pop(number, None)
            self._arrival.set()
            return
        self._break(text or f"the server ended it with status {code}")

    def _break(self, reason: str) -> None:
        _log.debug("%s: %s", self._stream, reason)
        self._broken = reason
        self._arrival.set()


async def open_pull(api: Api, stream: str, subject: str | None, deliver: dict[str, Any]) -> Pull:
    """A run, opened; raises `PullBrokenError` where the stream is not there."""
    pull = Pull(api, stream, subject, deliver)
    try:
        await pull.open()
    except NobodyThereError as error:
        raise PullBrokenError(api.url, error.reason) from error
    return pull
