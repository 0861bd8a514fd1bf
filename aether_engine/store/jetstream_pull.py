"""A run of messages from a stream: an ephemeral consumer, pulled with requests of our own.

The driver's own consumers make a task for each message or lose messages silently when they fall behind. Here the
server sends no more than was asked for, so that a slow reader costs memory nowhere; and each message's number is
checked, so that one lost on the way ends the run instead of leaving a hole.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from typing import Any, Final

from nats.aio.msg import Msg

from aether_engine.codec import dumps
from aether_engine.errors import StoreUnavailableError
from aether_engine.store.jetstream_api import Api, nanoseconds
from aether_engine.store.jetstream_link import NobodyThereError, SharedSubscription, bounded

_log = logging.getLogger(__name__)

_BATCH: Final = 2000
# Messages asked for and not taken yet beyond which nothing more is asked for.
_MOST_WAITING: Final = 3 * _BATCH
_MOST_BYTES: Final = 8 * 1024 * 1024
_HEARTBEAT_SECONDS: Final = 1.0
_EXPIRES_SECONDS: Final = 60.0
# A run whose heartbeat fails to come for so long is dead.
_SILENCE_SECONDS: Final = 3.5
# The server forgets a consumer that nobody pulls from for so long: what a killed process leaves behind.
_INACTIVE_SECONDS: Final = 30.0


#: Subject, sequence, nanoseconds since 1970 and data of a message.
Pulled = tuple[str, int, int, bytes]


class PullBrokenError(StoreUnavailableError):
    """The run cannot go on; one from the first message not taken can be begun."""


class Pull:
    """Messages on `subject` from a sequence on, in order and without a hole, until it breaks or is closed."""

    def __init__(self, api: Api, stream: str, subject: str, first: int) -> None:
        self._api = api
        self._stream = stream
        self._subject = subject
        self._first = first
        self._name = f"aether-{uuid.uuid4().hex}"
        self._link = api.link
        self._generation = 0
        self._inbox = ""
        self._subscription: SharedSubscription | None = None
        self._requests: OrderedDict[str, int] = OrderedDict()
        self._request_number = 0
        self._received: list[Pulled] = []
        self._consumer_sequence = 0
        self._broken = ""
        self._arrival = asyncio.Event()
        self._heard_at = 0.0
        self._created = False

    async def open(self) -> None:
        """Create the consumer and ask for the first messages. Raises the errors of `Api`."""
        await self._link.ready()
        self._generation = self._link.generation
        self._inbox = self._link.new_inbox()
        self._subscription = await self._link.subscribe(f"{self._inbox}.>", self._take)
        # The data messages come with the subject they were stored under, the answers with that of the request.
        config: dict[str, Any] = {
            "name": self._name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": max(self._first, 1),
            "ack_policy": "none",
            "filter_subject": self._subject,
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "max_waiting": 8,
            "inactive_threshold": nanoseconds(_INACTIVE_SECONDS),
        }
        body = {"stream_name": self._stream, "config": config, "action": "create"}
        try:
            await self._api.ask(f"CONSUMER.CREATE.{self._stream}.{self._name}.{self._subject}", body)
            self._created = True
            self._heard_at = asyncio.get_running_loop().time()
            await self._ask_for_more()
        except BaseException:
            await self.close()
            raise

    async def next(self) -> list[Pulled]:
        """Everything that has come since the last call, at least one message. Raises `PullBrokenError`."""
        loop = asyncio.get_running_loop()
        while not self._received:
            if self._broken or self._generation != self._link.generation or not self._link.is_up:
                raise PullBrokenError(self._api.url, self._broken or "the connection was lost")
            await self._ask_for_more()
            patience = self._heard_at + _SILENCE_SECONDS - loop.time()
            if patience <= 0:
                raise PullBrokenError(self._api.url, "the server fell silent")
            self._arrival.clear()
            try:
                async with asyncio.timeout(min(patience, _HEARTBEAT_SECONDS)):
                    await self._arrival.wait()
            except TimeoutError:
                continue
        taken, self._received = self._received, []
        if not self._broken and self._generation == self._link.generation:
            await self._ask_for_more()
        return taken

    async def close(self) -> None:
        """Have the server forget the consumer."""
        subscription, self._subscription = self._subscription, None
        self._broken = self._broken or "the run was closed"
        self._arrival.set()
        if subscription is not None:
            await bounded(subscription.unsubscribe(), 1.0)
            if self._created:
                await bounded(self._api.delete_consumer(self._stream, self._name), 1.0)

    async def _ask_for_more(self) -> None:
        while (
            len(self._requests) < 2
            and sum(self._requests.values()) + len(self._received) <= _MOST_WAITING - _BATCH
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

    def _take(self, message: Msg) -> None:
        if self._broken:
            return
        self._heard_at = asyncio.get_running_loop().time()
        if message.subject.startswith(self._inbox):
            self._take_status(message)
            return
        tokens = message.reply.split(".")
        # `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`, on
        # newer servers with domain and account in front of the stream.
        start = 5 if len(tokens) < 11 else 7
        if int(tokens[start + 1]) != self._consumer_sequence + 1:
            self._break("a message was lost on the way")
            return
        self._consumer_sequence += 1
        self._received.append((message.subject, int(tokens[start]), int(tokens[start + 2]), message.data))
        if self._requests:
            number, left = next(iter(self._requests.items()))
            if left <= 1:
                del self._requests[number]
            else:
                self._requests[number] = left - 1
        if not self._arrival.is_set():
            self._arrival.set()

    def _take_status(self, message: Msg) -> None:
        headers = message.headers or {}
        status = headers.get("Status", "")
        text = headers.get("Description", "")
        if status == "100":
            delivered = headers.get("Nats-Last-Consumer")
            if delivered is not None and int(delivered) != self._consumer_sequence:
                self._break("a message was lost on the way")
            return
        number = message.subject.rpartition(".")[2]
        if status in ("404", "408") or (status == "409" and ("MaxBytes" in text or "Batch Completed" in text)):
            self._requests.pop(number, None)
            self._arrival.set()
            return
        self._break(text or f"the server ended it with status {status}")

    def _break(self, reason: str) -> None:
        _log.debug("%s: %s", self._stream, reason)
        self._broken = reason
        self._arrival.set()


async def open_pull(api: Api, stream: str, subject: str, first: int) -> Pull:
    """A run from `first` on; raises `PullBrokenError` where the stream is not there."""
    pull = Pull(api, stream, subject, first)
    try:
        await pull.open()
    except NobodyThereError as error:
        raise PullBrokenError(api.url, error.reason) from error
    return pull
