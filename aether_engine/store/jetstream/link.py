"""The connection to the servers and its states: made, lost, refused, made again.

The driver's callbacks and buffers stay in this file and in `client`; what leaves it is
`StoreUnavailableError` or one of its kinds in `reasons`, so that each caller can tell "was never sent"
from "was sent and not answered".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

import nats.errors
from nats.aio.subscription import Subscription

from aether_engine.errors import NotPermittedError, StoreUnavailableError
from aether_engine.store.jetstream.client import QuickClient
from aether_engine.store.jetstream.frames import Handle, frame
from aether_engine.store.jetstream.options import LinkOptions
from aether_engine.store.jetstream.questions import Answers, Questions
from aether_engine.store.jetstream.reasons import (
    NoAnswerError,
    NotSentError,
    describe,
    is_refusal,
    sounds_refused,
)

_log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 0.25
# A server that is frozen is noticed after this many unanswered pings.
_PING_SECONDS: Final = 4
_PINGS_LOST: Final = 2
_LOST: Final = "the connection was lost before the answer came"


class LinkState(StrEnum):
    """What there is to know of a connection at a glance."""

    CONNECTING = "connecting"
    UP = "up"
    #: Lost; it is tried again without end.
    DOWN = "down"
    #: As DOWN, and a server was reached that refused the login or the certificate.
    REFUSED = "refused"
    CLOSED = "closed"


@contextlib.contextmanager
def heard(what: str) -> Iterator[None]:
    """Log an exception that must not go further: one in a callback would end the driver's reading for good."""
    try:
        yield
    except Exception:  # noqa: BLE001 (whatever it is; the driver would not survive it)
        _log.exception("%s failed", what)


class SharedSubscription(Protocol):
    """A subscription that outlives connections."""

    async def unsubscribe(self) -> None: ...


class _Standing:
    """A subscription and how to make it again on a new client."""

    def __init__(self, link: Link, subject: str, handle: Handle) -> None:
        self._link = link
        self.subject = subject
        self.handle = handle
        self.subscription: Subscription | None = None

    async def unsubscribe(self) -> None:
        self._link._standing.pop(self, None)
        if self.subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):  # without a link nobody listens any more
                await self.subscription.unsubscribe()


class Link:
    """One connection, made again whenever it breaks until `close`. Belongs to one event loop."""

    def __init__(self, options: LinkOptions) -> None:
        self.options = options
        self.url = options.url
        self._state = LinkState.CONNECTING
        self._reason = "not connected yet"
        #: Rises with each new connection.
        self.generation = 0
        self._client = QuickClient()
        self._standing: dict[_Standing, None] = {}
        self._questions = Questions(options.url, options.request_timeout)
        self._listeners: dict[object, Callable[[Link], object]] = {}
        self._up: asyncio.Event = asyncio.Event()
        self._refused: asyncio.Future[str] | None = None
        self._redialling: asyncio.Task[None] | None = None
        self._courtesies: set[asyncio.Task[None]] = set()
        self._closing = False
        self._last_error = ""

    # --- State --------------------------------------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        return self._state

    @property
    def reason(self) -> str:
        """Why the state is what it is, in words; empty while all is well."""
        return self._reason

    @property
    def max_payload(self) -> int:
        """Largest message the server takes, in bytes."""
        return self._client.max_payload

    @property
    def is_up(self) -> bool:
        return self._state is LinkState.UP

    @property
    def closed(self) -> bool:
        return self._closing

    def on_change(self, listener: Callable[[Link], object]) -> Callable[[], None]:
        """Have `listener` called after each change of state; returns what ends that."""
        key = object()
        self._listeners[key] = listener

        def leave() -> None:
            self._listeners.pop(key, None)

        return leave

    async def ready(self, seconds: float | None = None) -> None:
        """Return once the connection is up; `NotSentError` if it is not within `seconds`."""
        if self._state is LinkState.UP:
            return
        if self._closing:
            raise NotSentError(self.url, "the engine was closed")
        try:
            async with asyncio.timeout(self.options.request_timeout if seconds is None else seconds):
                await self._up.wait()
        except TimeoutError:
            raise NotSentError(self.url, self._reason) from None
        if self._closing:
            raise NotSentError(self.url, "the engine was closed")

    # --- Opening and closing ------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect within `connect_timeout`, or raise `StoreUnavailableError` saying what stood in the way."""
        try:
            await self._dial(self.options.connect_timeout)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of everything; questions on their way fail. Idempotent."""
        if self._closing:
            return
        if self._courtesies:
            await asyncio.wait(self._courtesies, timeout=1.0)
        self._closing = True
        self._set_state(LinkState.CLOSED, "the engine was closed")
        self._up.set()
        self._questions.lose("the engine was closed")
        if self._redialling is not None:
            self._redialling.cancel()
            await asyncio.gather(self._redialling, return_exceptions=True)
        await self._let_go(self._client)

    async def _dial(self, seconds: float) -> None:
        """Make a client and connect it; a refusal ends the trying at once."""
        loop = asyncio.get_running_loop()
        arguments = self.options.connect_arguments()
        client = QuickClient()
        self._refused = loop.create_future()
        self._last_error = ""
        deadline = loop.time() + seconds

        async def closed() -> None:
            await self._on_closed(client)

        async def connect() -> None:
            await client.connect(
                **arguments,
                name="aether",
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=closed,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RETRY_SECONDS,  # type: ignore[arg-type]  # any number of seconds
                connect_timeout=max(1, int(seconds)),
                ping_interval=_PING_SECONDS,
                max_outstanding_pings=_PINGS_LOST,
                # While there is no connection nothing is buffered that could land later.
                pending_size=-1,
            )
            # A server that ends the connection right behind its greeting (no client certificate) looks
            # connected until the first answer.
            await client.flush(max(1, int(seconds)))

        connecting = asyncio.create_task(connect(), name="aether-nats-connect")
        try:
            waited: set[asyncio.Future[Any]] = {connecting, self._refused}
            await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            self._check_dialled(client, connecting, seconds)
            self._client = client
            async with asyncio.timeout_at(deadline + 1):
                await self._take_up(client)
        except BaseException:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await self._let_go(client)
            raise
        self._refused = None
        self._now_up()

    def _check_dialled(self, client: QuickClient, connecting: asyncio.Task[None], seconds: float) -> None:
        """Raise what stood in the way of a connection."""
        assert self._refused is not None
        if self._refused.done():
            raise NotPermittedError(self.url, self._refused.result())
        if not connecting.done():
            raise NotSentError(self.url, self._last_error or f"no server answered within {seconds:g} s")
        error = connecting.exception()
        if isinstance(error, ImportError):
            raise StoreUnavailableError(
                self.url, "logging in with NKeys or a credentials file needs the package nkeys"
            ) from error
        if error is not None:
            raise NotSentError(self.url, self._last_error or describe(error)) from error
        if self.options.requires_tls and not client._server_info.get("tls_required"):
            raise StoreUnavailableError(self.url, "the server does not encrypt, which tls:// demands")

    async def _take_up(self, client: QuickClient) -> None:
        questions = self._questions
        if not questions.inbox:
            questions.inbox = client.new_inbox()
        await client.listen(f"{questions.inbox}.*", questions.take)
        for standing in self._standing:
            standing.subscription = await client.listen(standing.subject, standing.handle)
        await client.flush()

    async def _let_go(self, client: QuickClient) -> None:
        # `close` of a client in the middle of its first attempt waits for what never comes, and a broken one may
        # raise anything; nobody needs it any more.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2.0):
                await client.close()
        with contextlib.suppress(TimeoutError):  # its tasks are cancelled, whether they have noticed or not
            async with asyncio.timeout(2.0):
                await client.stop_trying()

    async def _redial(self) -> None:
        while not self._closing:
            try:
                await self._dial(self.options.connect_timeout)
                return
            except StoreUnavailableError as error:
                state = LinkState.REFUSED if isinstance(error, NotPermittedError) else LinkState.DOWN
                self._set_state(state, error.reason)
            await asyncio.sleep(_RETRY_SECONDS * 4)

    # --- Callbacks of the driver: none of them may raise ----------------------------------------------------

    async def _on_error(self, error: Exception) -> None:
        with heard("Hearing of an error"):
            self._hear(error)

    def _hear(self, error: Exception) -> None:
        lowered = str(error).lower()
        if "permissions violation" in lowered:
            self._questions.refuse(lowered)
            _log.warning("%s: %s", self.url, lowered)
            return
        self._last_error = describe(error)
        refused = is_refusal(error)
        if refused and self._refused is not None and not self._refused.done():
            self._refused.set_result(self._last_error)
        if self._state in (LinkState.DOWN, LinkState.REFUSED) and not self._closing:
            self._set_state(LinkState.REFUSED if refused else LinkState.DOWN, self._last_error)
        _log.info("%s: %s", self.url, self._last_error)

    async def _on_disconnected(self) -> None:
        with heard("Losing the connection"):
            if self._state is LinkState.UP:
                self._set_state(LinkState.DOWN, self._last_error or "the connection was lost")
            if not self._closing:
                self._up.clear()
            self._lose_questions()

    async def _on_reconnected(self) -> None:
        with heard("Taking up the connection again"):
            self._now_up()

    async def _on_closed(self, client: QuickClient) -> None:
        # An error the driver does not know, an expired login among them, closes it for good.
        with heard("Taking in that the connection was closed"):
            if self._closing or client is not self._client:
                return
            last = client.last_error
            reason = describe(last) if last is not None else self._last_error or "the server ended it"
            refused = sounds_refused(reason)
            self._up.clear()
            self._set_state(LinkState.REFUSED if refused else LinkState.DOWN, reason)
            self._lose_questions()
            if self._redialling is None or self._redialling.done():
                self._redialling = asyncio.create_task(self._redial(), name="aether-nats-redial")

    def _now_up(self) -> None:
        if self._closing:
            return
        self.generation += 1
        self._last_error = ""
        self._up.set()
        self._set_state(LinkState.UP, "")

    def _set_state(self, state: LinkState, reason: str) -> None:
        if (state, reason) == (self._state, self._reason) and state is not LinkState.UP:
            return
        self._state = state
        self._reason = reason
        for listener in list(self._listeners.values()):
            with heard("A listener of the connection"):
                listener(self)

    # --- Asking -------------------------------------------------------------------------------------------

    async def request(
        self,
        subject: str,
        payload: bytes,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
        late: Callable[[bytes], None] | None = None,
    ) -> bytes:
        """Send once and return the answer's data; `late` hears one that comes after the caller was cancelled.

        Raises `NotSentError` where nothing left this process, `NoAnswerError` where no answer came,
        `NobodyThereError` and `NotPermittedError`.
        """
        limit = self.options.request_timeout if seconds is None else seconds

        async def send(token: str) -> None:
            await self.send(subject, payload, headers, reply=token)

        return await self._questions.ask(subject, send, limit, late)

    async def send(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None, *, reply: str = ""
    ) -> None:
        """Send without waiting; `reply` is a token of this link. Raises `NotSentError`."""
        await self.write(frame(subject, payload, headers, f"{self._questions.inbox}.{reply}" if reply else ""))

    async def send_for(self, inbox: str, subject: str, payload: bytes) -> None:
        """Send with a reply subject that a `subscribe` listens to. Raises `NotSentError`."""
        await self.write(frame(subject, payload, None, inbox))

    async def write(self, frames: bytes) -> None:
        """Hand frames, of sizes the server takes, to the driver's buffer. Raises `NotSentError`."""
        client = self._client
        if self._state is not LinkState.UP or not client.is_connected:
            raise NotSentError(self.url, self._reason or "the connection was lost")
        # What the driver's `publish` does with each message, once for many and without building it from parts.
        await client._send_command(frames)
        if client._flush_queue is not None and client._flush_queue.empty():
            await client._flush_pending()

    def answers(self, handle: Answers) -> contextlib.AbstractContextManager[str]:
        """Gives a reply token. Its answers, as many as come, go to `handle`; None when the connection is lost."""
        return self._questions.answers(handle)

    async def subscribe(self, subject: str, handle: Handle) -> SharedSubscription:
        """Listen to a subject from now on, across connections, until it is unsubscribed.

        `handle` is called while the socket is read, with all that came: it must be quick.
        """
        standing = _Standing(self, subject, handle)
        self._standing[standing] = None
        if self._state is LinkState.UP:
            try:
                standing.subscription = await self._client.listen(subject, handle)
            except (nats.errors.Error, OSError) as error:
                _log.info("%s: subscribing again once connected (%s)", self.url, error)
        return standing

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Do a courtesy that nobody can wait for: an object that goes lets go of what it had on the server."""
        task = asyncio.create_task(work, name="aether-nats-courtesy")
        self._courtesies.add(task)
        task.add_done_callback(self._courtesies.discard)

    def new_inbox(self) -> str:
        """A subject of one's own to listen to."""
        return self._questions.new_inbox()

    async def flush(self, seconds: float = 2.0) -> None:
        """Wait until the server has taken everything sent so far. Raises `NoAnswerError`."""
        if self._state is not LinkState.UP:
            raise NotSentError(self.url, self._reason)
        try:
            await asyncio.wait_for(self._client.flush(max(1, int(seconds))), seconds)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise NoAnswerError(self.url, describe(error)) from error

    @property
    def unsent_bytes(self) -> int:
        """What waits in this process to be written to the socket."""
        return self._client.pending_data_size

    def _lose_questions(self) -> None:
        self._questions.lose("the engine was closed" if self._closing else _LOST)


async def bounded(awaitable: Awaitable[object], seconds: float) -> None:
    """Wait for a courtesy (an unsubscribe, a deletion) that nobody depends on."""
    with contextlib.suppress(StoreUnavailableError, TimeoutError):
        async with asyncio.timeout(seconds):
            await awaitable
