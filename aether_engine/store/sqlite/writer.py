"""The writer thread: what is waiting when a transaction starts is committed together.

One thread and one connection per store. A request that is refused does not touch the others of its group; what
was committed goes back to the event loop in one call, where it is published in order before any saver goes on.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from aether_engine.errors import AetherError, OutcomeUnknownError, StoreUnavailableError
from aether_engine.event import ActorSnapshot, Event
from aether_engine.store.protocols import Publish
from aether_engine.store.sqlite.append import Appender
from aether_engine.store.sqlite.file import translate
from aether_engine.store.sqlite.saved import SavedEvents

_log = logging.getLogger(__name__)

#: Where a group of savers is cut: a transaction of this many events takes some ten milliseconds.
_GROUP_EVENTS: Final = 2000
_GROUP_BYTES: Final = 16 << 20
#: Nobody saves for so many seconds: time for what can wait. And the breaks within it.
_PAUSE: Final = 0.25
_BREAK: Final = 0.05
_SHORT_BREAK: Final = 0.04
#: Seconds for which the thread waits for the next request by itself: to start it anew costs a saver more.
_LINGER: Final = 0.05
#: Seconds for which saves can put off the pause of the index over causes and correlations.
_PUT_OFF: Final = 1.0
#: Failures that one save of a group can cause for all of it.
_OWN_FAULT: Final = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_CONSTRAINT}
)


@dataclass(slots=True, eq=False)
class Save:
    """A `save_event` or `save_events`: all of it or nothing."""

    namespace: str
    events: Sequence[Event]
    raws: Sequence[bytes]
    #: Bytes of all `raws`.
    size: int
    future: asyncio.Future[Any]
    outcome: list[int] | AetherError | None = None


@dataclass(slots=True, eq=False)
class SaveSnapshot:
    """A `save_snapshot`."""

    namespace: str
    snapshot: ActorSnapshot
    raw: bytes
    future: asyncio.Future[Any]
    outcome: AetherError | None = None


@dataclass(slots=True, eq=False)
class Task:
    """Something to do in the writer thread alone: behind all that was accepted before, before all that comes."""

    work: Callable[[], Any]
    future: asyncio.Future[Any]


@dataclass(slots=True, eq=False)
class Session:
    """While one is open only its own tasks are done; everything else waits."""

    tasks: deque[Task] = field(default_factory=deque)
    is_over: bool = False
    is_left: bool = False


Request = Save | SaveSnapshot | Task | Session


class Writer:
    """Accepts requests on the event loop and carries them out, in order, in its thread."""

    def __init__(self, appender: Appender, url: str, publish: Publish, notify: Callable[[], None]) -> None:
        self.appender = appender
        self._url = url
        self._publish = publish
        self.notify = notify
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Request] = deque()
        self._session: Session | None = None
        self._guard = threading.Lock()
        self._is_scheduled = False
        self._is_lingering = False
        self._may_linger = False
        # Held while nobody came.
        self._arrival = threading.Lock()
        self._arrival.acquire()
        self._pause: asyncio.TimerHandle | None = None
        self._followed_at = 0.0
        self._is_closing = False
        # An executor's threads end with the interpreter or with their executor, even if nobody calls `close`.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="aether-write")

    def save(
        self, namespace: str, events: Sequence[Event], raws: Sequence[bytes], size: int
    ) -> asyncio.Future[list[int]]:
        """The sequences of `events`, once they are durable and published. To cancel it undoes nothing.

        `size` is the length of all `raws`.
        """
        future: asyncio.Future[list[int]] = self._loop.create_future()
        self._submit(Save(namespace, events, raws, size, future))
        return future

    def save_snapshot(self, namespace: str, snapshot: ActorSnapshot, raw: bytes) -> asyncio.Future[None]:
        """Done once the snapshot is durable. To cancel it undoes nothing."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._submit(SaveSnapshot(namespace, snapshot, raw, future))
        return future

    def run(self, work: Callable[[], Any], session: Session | None = None) -> asyncio.Future[Any]:
        """The result of `work`, done in its turn, or within `session`."""
        future = self._future()
        task = Task(work, future)
        with self._guard:
            if session is None or session.is_left:
                self._waiting.append(task)
            else:
                session.tasks.append(task)
        self._wake()
        return future

    def open_session(self) -> Session:
        """Keep everybody else waiting, from the session's turn on until `is_over` is set by one of its tasks."""
        session = Session()
        self._submit(session)
        return session

    def on_loop(self, call: Callable[..., object], *arguments: object) -> bool:
        """Call something on the event loop; false if that is gone."""
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            return False
        return True

    @property
    def is_loop_closed(self) -> bool:
        """Whether nobody hears any more."""
        return self._loop.is_closed()

    def publish(self, namespace: str, stored: Sequence[tuple[int, Event]]) -> None:
        """Tell the bus, on the event loop. What a subscriber does wrong is not the writer's business."""
        try:
            self._publish(namespace, stored)
        except Exception:  # noqa: BLE001 (foreign code; what it raised is logged)
            _log.exception("Publishing events of namespace %r failed", namespace)

    def want_links(self) -> None:
        """Make the index over causes and correlations in pauses, if that is worth it; nobody waits for it."""
        self.appender.links.ask()
        if self._pause is None and self.appender.links.is_behind():
            self._await_pause(_PAUSE)

    async def close(self) -> None:
        """Finish what was accepted, then end the thread."""
        self._is_closing = True
        self._end_pause()
        await self.run(self.appender.finish)
        self._executor.shutdown(wait=True)

    def _future(self) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        # A saver that was cancelled hears no exception; that is no mistake worth a warning.
        future.add_done_callback(_hear)
        return future

    def _submit(self, request: Request) -> None:
        with self._guard:
            self._waiting.append(request)
        self._wake()

    def _wake(self) -> None:
        with self._guard:
            if self._is_scheduled:
                if self._is_lingering:
                    self._is_lingering = False
                    self._arrival.release()
                return
            self._is_scheduled = True
        try:
            self._executor.submit(self._work)
        except RuntimeError as error:
            # The interpreter is on its way out.
            with self._guard:
                self._is_scheduled = False
            raise StoreUnavailableError(self._url, "it was closed") from error

    def _await_pause(self, seconds: float) -> None:
        self._end_pause()
        if self._is_closing:
            return
        self._pause = self._loop.call_later(seconds, self._use_pause)

    def _use_pause(self) -> None:
        self._pause = None
        self._followed_at = self._loop.time()
        self.run(self._catch_up).add_done_callback(self._caught_up)

    def _caught_up(self, moved: asyncio.Future[bool]) -> None:
        if not moved.cancelled() and moved.exception() is None and moved.result():
            # Reading a little of the log keeps nobody waiting.
            self._await_pause(_BREAK if self.appender.is_behind_with_ids else _SHORT_BREAK)

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    # From here on: the writer thread.

    def _work(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                if self._linger():
                    continue
                return
            if isinstance(group[0], Task):
                self._do(group[0])
            else:
                self._commit(group)  # type: ignore[arg-type]  # tasks come alone
                self.on_loop(self._deliver, group)
                if self.appender.has_ids_to_move:
                    self._move_ids()
            self.appender.tend_log()

    def _next_group(self) -> list[Save | SaveSnapshot | Task]:
        group: list[Save | SaveSnapshot | Task] = []
        events = size = 0
        with self._guard:
            while True:
                if self._session is not None:
                    if self._session.tasks:
                        return [self._session.tasks.popleft()]
                    if not self._session.is_over:
                        break
                    self._session.is_left = True
                    self._session = None
                if not self._waiting:
                    break
                request = self._waiting[0]
                if isinstance(request, (Task, Session)):
                    if group:
                        break
                    self._waiting.popleft()
                    if isinstance(request, Task):
                        return [request]
                    self._session = request
                    continue
                if isinstance(request, Save):
                    events += len(request.events)
                    size += request.size
                if group and (events > _GROUP_EVENTS or size > _GROUP_BYTES):
                    break
                group.append(request)
                self._waiting.popleft()
            if not group:
                self._is_lingering = self._is_scheduled = self._may_linger = not self._is_closing
        return group

    def _linger(self) -> bool:
        """Wait a little for the next request; false if this thread's turn is over."""
        if not self._may_linger:
            return False
        if self._arrival.acquire(timeout=_LINGER):
            return True
        with self._guard:
            if self._is_lingering:
                self._is_lingering = self._is_scheduled = False
                return False
        # Somebody came in this very moment.
        self._arrival.acquire()
        return True

    def _do(self, task: Task) -> None:
        try:
            result: Any = task.work()
        except Exception as error:  # noqa: BLE001 (handed to whoever asked)
            self.on_loop(_settle, task.future, translate(error, self._url))
        else:
            self.on_loop(_settle, task.future, result)

    def _catch_up(self) -> bool:
        """Move a slice of ids, or of links; whether there is another one."""
        if self.appender.is_behind_with_ids:
            self._move_ids()
        elif self.appender.links.is_behind():
            self._move_links()
        return self.appender.is_behind_with_ids or self.appender.links.is_behind()

    def _move_ids(self) -> None:
        try:
            self.appender.move_ids()
        except Exception:  # noqa: BLE001 (no saver waits for this; what it was is logged)
            _log.exception("The index over event ids in %s lags behind", self._url)
            self.appender.postpone_moving_ids()

    def _move_links(self) -> None:
        try:
            self.appender.move_links()
        except Exception:  # noqa: BLE001 (nobody waits for this; what it was is logged)
            _log.exception("The index over causes and correlations in %s lags behind", self._url)
            self.appender.postpone_moving_links()

    def _commit(self, group: Sequence[Save | SaveSnapshot]) -> None:
        try:
            self._attempt(group)
        except Exception as error:  # noqa: BLE001 (handed to the savers)
            self._fail(group, error)

    def _attempt(self, group: Sequence[Save | SaveSnapshot]) -> None:
        appender = self.appender
        appender.begin()
        for request in group:
            try:
                if isinstance(request, Save):
                    request.outcome = appender.stage(request.namespace, request.events, request.raws, request.size)
                else:
                    request.outcome = None
                    appender.stage_snapshot(request.namespace, request.snapshot, request.raw)
            except AetherError as error:
                request.outcome = error.with_traceback(None)
        appender.flush()
        try:
            appender.commit()
        except sqlite3.Error as error:
            raise _UncertainError from error

    def _fail(self, group: Sequence[Save | SaveSnapshot], error: Exception) -> None:
        """A transaction failed as a whole: find out for each request what that means."""
        self.appender.rollback()
        if isinstance(error, _UncertainError):
            assert error.__cause__ is not None
            for request in group:
                request.outcome = self._look_up(request, error.__cause__)
        elif len(group) > 1 and isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _OWN_FAULT:
            # One of them may be too large, or meet damage; the others need not suffer.
            for request in group:
                self._commit([request])
        else:
            for request in group:
                request.outcome = translate(error, self._url)

    def _look_up(self, request: Save | SaveSnapshot, cause: BaseException) -> Any:
        reason = translate(cause, self._url) if isinstance(cause, Exception) else cause
        if isinstance(request, SaveSnapshot):
            return reason  # Saving it again replaces it.
        if isinstance(request.outcome, AetherError):
            return reason  # What refused it may have been another save of this very transaction.
        try:
            sequence = self.appender.find(request.namespace, request.events[0])
        except Exception:  # noqa: BLE001 (then it is not known, whatever the reason)
            return OutcomeUnknownError(request.events[0], str(reason).rstrip("."))
        if sequence is None:
            return reason
        return list(range(sequence, sequence + len(request.events)))

    # On the event loop again.

    def _deliver(self, group: Sequence[Save | SaveSnapshot]) -> None:
        changed = False
        for request in group:
            if isinstance(request, Save) and isinstance(request.outcome, list):
                self.publish(request.namespace, SavedEvents(request.outcome, request.events, request.raws))
            changed = changed or not isinstance(request.outcome, AetherError)
        if changed:
            self.notify()
        for request in group:
            _settle(request.future, request.outcome)
        follows = self.appender.links.is_behind() and not self._is_put_off()
        if changed and (self.appender.is_behind_with_ids or follows):
            self._await_pause(_PAUSE)

    def _is_put_off(self) -> bool:
        # Somebody who saves a little all the time must not keep the index from following.
        return self._pause is not None and self._loop.time() - self._followed_at > _PUT_OFF


class _UncertainError(Exception):
    """The commit failed, and what it did is in its cause."""


def _settle(future: asyncio.Future[Any], outcome: object) -> None:
    if not future.done():
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _hear(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
