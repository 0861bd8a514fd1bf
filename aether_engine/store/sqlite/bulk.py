"""`save_all`: a load of any length in one transaction, with a bounded share of it in memory."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterable, Callable, Sequence
from functools import partial
from typing import Final

from aether_engine import codec
from aether_engine.errors import OutcomeUnknownError, StoreUnavailableError
from aether_engine.event import Event
from aether_engine.store.sqlite.file import translate
from aether_engine.store.sqlite.saved import SavedEvents, encode_all
from aether_engine.store.sqlite.writer import Session, Writer

#: Events of a load that are kept for the bus; of a larger one they are read back from the file.
_KEPT: Final = 20_000
_PUBLISHED_AT_ONCE: Final = 1000


class BulkSave:
    """One load; its methods that end in `_in_thread` run in the writer thread, in the load's own session."""

    def __init__(self, writer: Writer, url: str, namespace: str) -> None:
        self._writer = writer
        self._url = url
        self._namespace = namespace
        self._session: Session | None = None
        self._is_open = False
        self._is_aborted = False
        self._count = 0
        self._first_event: Event | None = None
        self._first = 0
        self._last = 0
        self._kept: list[SavedEvents] = []

    async def run(self, batches: AsyncIterable[Sequence[Event]], progress: Callable[[int], None] | None) -> int:
        """Store every batch or nothing; returns how many events were stored."""
        try:
            async for batch in batches:
                if not batch:
                    continue
                if self._session is None:
                    self._session = self._writer.open_session()
                await asyncio.shield(self._writer.run(partial(self._write_in_thread, batch), self._session))
                if progress is not None:
                    progress(self._count)
            if self._session is not None:
                await self._commit(self._session)
        finally:
            if (
                self._session is not None
                and not self._session.is_over
                and await _insist(self._writer.run(self._abort_in_thread, self._session))
            ):
                raise asyncio.CancelledError
        return self._count

    def abort(self) -> None:
        """Give up from outside, because the store closes."""
        self._is_aborted = True
        if self._session is not None:
            self._writer.run(self._abort_in_thread, self._session)

    async def _commit(self, session: Session) -> None:
        commit = self._writer.run(self._commit_in_thread, session)
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            # Cancelling comes too late if the commit began; then the load is stored, and that must be said.
            self._is_aborted = True
            await _insist(commit)
            if commit.exception() is not None:
                raise

    def _write_in_thread(self, batch: Sequence[Event]) -> None:
        appender = self._writer.appender
        self._check_open()
        raws, size = encode_all(batch)
        if not self._is_open:
            appender.begin()
            self._is_open = True
        since = self._first or None
        sequences = appender.stage(self._namespace, batch, raws, size, since=since)
        appender.flush()
        appender.move_ids_in_transaction()
        if not self._count:
            self._first, self._first_event = sequences[0], batch[0]
        self._last = sequences[-1]
        self._count += len(batch)
        if self._count <= _KEPT:
            self._kept.append(SavedEvents(sequences, batch, raws))
        else:
            self._kept = []

    def _commit_in_thread(self) -> None:
        self._check_open()
        try:
            self._writer.appender.commit()
        except sqlite3.Error as error:
            self._find_out(error)
        self._end()
        if self._count <= _KEPT:
            for saved in self._kept:
                self._writer.on_loop(self._writer.publish, self._namespace, saved)
        else:
            self._publish_from_file()
        self._writer.on_loop(self._writer.notify)

    def _find_out(self, error: sqlite3.Error) -> None:
        assert self._first_event is not None
        appender = self._writer.appender
        appender.rollback()
        reason = translate(error, self._url)
        try:
            sequence = appender.find(self._namespace, self._first_event)
        except Exception as cause:
            self._end()
            raise OutcomeUnknownError(self._first_event, str(reason).rstrip(".")) from cause
        if sequence is None:
            self._end()
            raise reason

    def _abort_in_thread(self) -> None:
        if self._session is not None and not self._session.is_over:
            self._end()
            self._is_aborted = True
            self._writer.appender.rollback()

    def _end(self) -> None:
        assert self._session is not None
        self._session.is_over = True

    def _check_open(self) -> None:
        if self._is_aborted:
            raise StoreUnavailableError(self._url, "the load was given up, and nothing of it was stored")

    def _publish_from_file(self) -> None:
        for first in range(self._first, self._last + 1, _PUBLISHED_AT_ONCE):
            last = min(first + _PUBLISHED_AT_ONCE - 1, self._last)
            rows = self._writer.appender.raw_range(self._namespace, first, last)
            stored = [(sequence, codec.decode_event(raw)) for sequence, raw in rows]
            delivered = threading.Event()
            if not self._writer.on_loop(self._publish_and_signal, stored, delivered):
                return
            # A pace the loop can follow, so that a large load is never in memory as a whole.
            while not delivered.wait(1.0):
                if self._writer.is_loop_closed:
                    return

    def _publish_and_signal(self, stored: Sequence[tuple[int, Event]], delivered: threading.Event) -> None:
        self._writer.publish(self._namespace, stored)
        delivered.set()


async def _insist(future: asyncio.Future[None]) -> bool:
    """Wait for the end of something however often this task is cancelled meanwhile, and tell whether it was."""
    cancelled = False
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
