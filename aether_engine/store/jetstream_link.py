"""The connection to the servers, its states, and questions asked over it.

The driver's callbacks, buffers and exceptions stay in this file: what leaves it is `StoreUnavailableError` or one
of its kinds below, so that each caller can tell "was never sent" from "was sent and not answered".
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from aether_engine.errors import NotPermittedError, StoreUnavailableError
from aether_engine.store.jetstream_client import QuickClient
from aether_engine.store.jetstream_options import LinkOptions

_log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 0.25
# A server that is frozen is noticed after this many unanswered pings.
_PING_SECONDS: Final = 4
# How late a question may be given up.
_SWEEP_SECONDS: Final = 0.1
_PINGS_LOST: Final = 2
# What servers say when a login is refused; the driver hands their words on in lower case or as they were.
_REFUSALS: Final = ("authorization", "authentication", "credentials", "account", "nonce", "nkey", "jwt")


class LinkState(StrEnum):
    """What there is to know of a connection at a glance."""

    CONNECTING = "connecting"
    UP = "up"
    #: Lost; it is tried again without end.
    DOWN = "down"
    #: As DOWN, and a server was reached that refused the login or the certificate.
    REFUSED = "refused"
    CLOSED = "closed"


class NotSentError(StoreUnavailableError):
    """There is no connection, and nothing has left this process."""


class NoAnswerError(StoreUnavailableError):
    """A question was sent and its answer did not come: what it asked for may have happened or happen yet."""


class NobodyThereError(StoreUnavailableError):
    """The servers say that nobody listens there: no such stream, or no JetStream."""


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


def frame(subject: str, payload: bytes, headers: Mapping[str, str] | None = None, reply: str = "") -> bytes:
    """A message as it goes over the wire. Subjects and header values must be free of line ends and spaces around.

    https://docs.nats.io/reference/reference-protocols/nats-protocol#hpub
    """
    address = f"{subject} {reply}" if reply else subject
    if headers is None:
        return b"PUB %b %d\r\n%b\r\n" % (address.encode(), len(payload), payload)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"NATS/1.0\r\n{lines}\r\n".encode()
    size = len(head)
    return b"HPUB %b %d %d\r\n%b%b\r\n" % (address.encode(), size, size + len(payload), head, payload)


class _Standing:
    """A subscription and how to make it again on a new client."""

    def __init__(self, link: Link, subject: str, handle: Callable[[Msg], None]) -> None:
        self._link = link
        self.subject = subject
        self.handle = handle
        self.subscription: Subscription | None = None

    async def callback(self, message: Msg) -> None:
        try:
            self.handle(message)
        except Exception:  # noqa: BLE001 (as in `heard`, which costs too much for each message)
            _log.exception("A handler of %s failed", self.subject)

    async def unsubscribe(self) -> None:
        self._link._standing.pop(self, None)
        if self.subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self.subscription.unsubscribe()


class _Question:
    """A request on its way."""

    __slots__ = ("answer", "overdue_at", "subject")

    def __init__(self, subject: str, answer: asyncio.Future[Msg], overdue_at: float) -> None:
        self.subject = subject
        self.answer = answer
        self.overdue_at = overdue_at


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
        self._numbers = itertools.count(1)
        self._inbox = ""
        self._questions: dict[str, _Question] = {}
        self._streams_of_answers: dict[str, Callable[[Msg | None], None]] = {}
        self._listeners: dict[object, Callable[[Link], object]] = {}
        self._up: asyncio.Event = asyncio.Event()
        self._refused: asyncio.Future[str] | None = None
        self._redialling: asyncio.Task[None] | None = None
        self._sweeping: asyncio.TimerHandle | None = None
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
        self._lose_questions()
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
            raise NotSentError(self.url, self._last_error or self._describe(error)) from error
        if self.options.requires_tls and not client._server_info.get("tls_required"):
            raise StoreUnavailableError(self.url, "the server does not encrypt, which tls:// demands")

    async def _take_up(self, client: QuickClient) -> None:
        if not self._inbox:
            self._inbox = client.new_inbox()
        await client.subscribe(f"{self._inbox}.*", cb=self._on_answer, pending_msgs_limit=0, pending_bytes_limit=0)
        for standing in self._standing:
            standing.subscription = await client.subscribe(
                standing.subject, cb=standing.callback, pending_msgs_limit=0, pending_bytes_limit=0
            )
        await client.flush()

    async def _let_go(self, client: QuickClient) -> None:
        # `close` of a client in the middle of its first attempt waits for what never comes.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2.0):
                await client.close()

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
        text = str(error)
        lowered = text.lower()
        if "permissions violation" in lowered:
            self._not_permitted(lowered)
            return
        self._last_error = self._describe(error)
        refused = isinstance(error, ssl.SSLError | nats.errors.AuthorizationError) or (
            isinstance(error, nats.errors.Error) and any(word in lowered for word in _REFUSALS)
        )
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
            reason = self._describe(last) if last is not None else self._last_error or "the server ended it"
            refused = any(word in reason.lower() for word in _REFUSALS)
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
        late: Callable[[Msg], None] | None = None,
    ) -> Msg:
        """Send once and return the answer; `late` hears an answer that comes after the caller was cancelled.

        Raises `NotSentError` where nothing left this process, `NoAnswerError` where no answer came,
        `NobodyThereError` and `NotPermittedError`.
        """
        token = str(next(self._numbers))
        loop = asyncio.get_running_loop()
        limit = self.options.request_timeout if seconds is None else seconds
        question = _Question(subject, loop.create_future(), loop.time() + limit)
        self._questions[token] = question
        if self._sweeping is None:
            self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep)
        try:
            await self.send(subject, payload, headers, reply=token)
            message = await question.answer
        except asyncio.CancelledError:
            if late is not None:
                self._streams_of_answers[token] = lambda answer: None if answer is None else late(answer)
                loop.call_later(self.options.request_timeout, self._streams_of_answers.pop, token, None)
            raise
        finally:
            del self._questions[token]
        if not message.data and message.headers and message.headers.get("Status") == "503":
            raise NobodyThereError(self.url, f"nobody answers on {subject}")
        return message

    async def send(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None, *, reply: str = ""
    ) -> None:
        """Send without waiting; `reply` is a token of this link. Raises `NotSentError`."""
        await self.write(frame(subject, payload, headers, f"{self._inbox}.{reply}" if reply else ""))

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

    @contextlib.contextmanager
    def answers(self, handle: Callable[[Msg | None], None]) -> Iterator[str]:
        """Yields a reply token. Its answers, as many as come, go to `handle`; None when the connection is lost."""
        token = str(next(self._numbers))
        self._streams_of_answers[token] = handle
        try:
            yield token
        finally:
            self._streams_of_answers.pop(token, None)

    async def subscribe(self, subject: str, handle: Callable[[Msg], None]) -> SharedSubscription:
        """Listen to a subject from now on, across connections, until it is unsubscribed."""
        standing = _Standing(self, subject, handle)
        self._standing[standing] = None
        if self._state is LinkState.UP:
            try:
                standing.subscription = await self._client.subscribe(
                    subject, cb=standing.callback, pending_msgs_limit=0, pending_bytes_limit=0
                )
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
        return f"{self._inbox}-{next(self._numbers)}"

    async def flush(self, seconds: float = 2.0) -> None:
        """Wait until the server has taken everything sent so far. Raises `NoAnswerError`."""
        if self._state is not LinkState.UP:
            raise NotSentError(self.url, self._reason)
        try:
            await asyncio.wait_for(self._client.flush(max(1, int(seconds))), seconds)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise NoAnswerError(self.url, self._describe(error)) from error

    @property
    def unsent_bytes(self) -> int:
        """What waits in this process to be written to the socket."""
        return self._client.pending_data_size

    async def _on_answer(self, message: Msg) -> None:
        token = message.subject[len(self._inbox) + 1 :]
        question = self._questions.get(token)
        if question is not None:
            if not question.answer.done():
                question.answer.set_result(message)
            return
        handle = self._streams_of_answers.get(token)
        if handle is not None:
            try:
                handle(message)
            except Exception:  # noqa: BLE001 (as above)
                _log.exception("Taking an answer failed")

    def _sweep(self) -> None:
        """Give up what is overdue. One timer for all questions: one for each would cost as much as asking."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for question in self._questions.values():
            if question.overdue_at <= now and not question.answer.done():
                question.answer.set_exception(NoAnswerError(self.url, "no answer came in time"))
        self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep) if self._questions else None

    def _lose_questions(self) -> None:
        reason = "the engine was closed" if self._closing else "the connection was lost before the answer came"
        for question in list(self._questions.values()):
            if not question.answer.done():
                question.answer.set_exception(NoAnswerError(self.url, reason))
        for handle in list(self._streams_of_answers.values()):
            with heard("Losing an answer"):
                handle(None)

    def _not_permitted(self, sentence: str) -> None:
        """The server names the subject in its refusal (in the driver's lower case), never the question."""
        for question in list(self._questions.values()):
            if not question.answer.done() and f'"{question.subject.lower()}"' in sentence:
                question.answer.set_exception(
                    NotPermittedError(self.url, f"the user may not publish to {question.subject}")
                )
        _log.warning("%s: %s", self.url, sentence)

    def _describe(self, error: BaseException) -> str:
        """What went wrong as a clause; the driver's texts hold no secrets but its URLs could."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted ({error.verify_message}); name its CA with tls_ca"
        if isinstance(error, ssl.SSLError):
            return f"the encrypted connection was refused ({error.reason or error})"
        if isinstance(error, ConnectionRefusedError):
            return "nothing listens there (connection refused)"
        text = str(error).removeprefix("nats: ").strip("' \n")
        if isinstance(error, nats.errors.AuthorizationError) or "authorization violation" in text.lower():
            return "the server refused the login (authorization violation)"
        if "expired" in text.lower():
            return f"the server refused the login ({text.lower()})"
        if isinstance(error, nats.errors.UnexpectedEOF):
            return "the server ended the connection"
        if isinstance(error, TimeoutError | nats.errors.TimeoutError):
            return "no answer came in time"
        if isinstance(error, OSError):
            return (error.strerror or text or type(error).__name__)[:200]
        return (text or type(error).__name__)[:200]


async def bounded(awaitable: Awaitable[object], seconds: float) -> None:
    """Wait for a courtesy (an unsubscribe, a deletion) that nobody depends on."""
    with contextlib.suppress(StoreUnavailableError, TimeoutError):
        async with asyncio.timeout(seconds):
            await awaitable
