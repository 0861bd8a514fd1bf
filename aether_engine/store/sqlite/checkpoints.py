"""The write-ahead log on its way into the file: copied by a thread of its own, so that hardly a save waits for it.

SQLite's own way is that the commit which makes the log too long copies all of it. Here a thread copies what is
there whenever the log has grown by some pages, beside the saves that go on. But SQLite begins the log anew only
where nothing of it is left to copy, and a copy beside saves leaves what they added: so once the log is long, the
writer copies the few pages that are left itself, between two saves. If the thread falls behind, the writer waits
for it; so a log grows beyond its limit only while somebody reads what was there before, or if the system refuses
to write to the file. Then all is in the log, and nothing is lost.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from aether_engine.store.sqlite.file import BUSY_TIMEOUT, RawFile, beside, confine, connect
from aether_engine.store.sqlite.write_ahead_log import LogGauge

_log = logging.getLogger(__name__)

#: Pages by which a log grows before they are copied: half of what SQLite usually waits for, so that little is left
#: of a log that is to begin anew.
STEP = 250
#: Pages of a log that is to begin anew: soon, for writing over what is there is faster than adding to it.
LONG = 1000
#: Pages of a log that the writer does not add to before they are copied: as many as `journal_size_limit` leaves.
LIMIT = 8000
#: Seconds after which copying is tried again when it failed, or when there was less to copy than it seemed.
PAUSE = 5.0
_FALSE_ALARM: Final = 0.5
#: Seconds for which a writer whose log is beyond its limit waits for others that write or read, and for one that
#: copies it; and how often it looks.
_PATIENCE: Final = 0.05
_COPYING: Final = 1.0
_LOOK: Final = 0.001

_COPY: Final = "PRAGMA wal_checkpoint(PASSIVE)"


class Checkpoints:
    """Keeps the log of one writing connection short; everything but the copying is done in the writer's thread."""

    def __init__(self, raw: RawFile, url: str, synchronous: str) -> None:
        self._raw = raw
        self._url = url
        self._synchronous = synchronous
        self._gauge = LogGauge(beside(raw.path, "-wal"))
        # Its thread is started by the first copy, and ends with the interpreter if nobody calls `end`.
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="aether-checkpoint")
        self._running: Future[tuple[int, int]] | None = None
        self._copying: sqlite3.Connection | None = None
        self._salt = b""
        self._copied_at = 0
        self._not_before = 0.0
        self._is_failing = False

    def tend(self, writing: sqlite3.Connection) -> None:
        """After a commit: have the log copied if it has grown, and begun anew if it is long.

        Raises nothing: what was committed is in the log, whether it can be copied or not.
        """
        try:
            self._tend(writing)
        except Exception as error:  # noqa: BLE001 (no save suffers from it; what it was is logged)
            self._put_off(error)

    def close(self) -> None:
        """Let go of file and log, at the end of a copy that is under way."""
        running, self._running = self._running, None
        if running is not None:
            with suppress(Exception):
                running.result()
        self._close_copying()
        self._gauge.close()
        self._salt = b""

    def end(self) -> None:
        """`close`, and end the thread."""
        self.close()
        self._executor.shutdown(wait=True)

    def _tend(self, writing: sqlite3.Connection) -> None:
        salt, has_grown = self._gauge.look(self._copied_at + STEP)
        is_new = salt != self._salt
        if is_new:
            self._salt, self._copied_at = salt, 0
            has_grown = self._gauge.reaches(STEP)
        if self._running is None:
            if has_grown and time.monotonic() >= self._not_before:
                self._start(writing)
            return
        if not self._running.done() and not self._gauge.reaches(LIMIT):
            return
        running, self._running = self._running, None
        length, copied = running.result()
        self._is_failing = False
        if is_new:
            return  # It was copied as a whole, and begun anew since.
        if length < 0:
            # Another process is copying.
            self._copied_at += STEP
        elif copied < length:
            self._copied_at = length  # Somebody reads what was there before; nothing helps but time.
            return
        else:
            if length - self._copied_at < STEP // 2:
                # Behind the end of the log lie pages of a transaction that was given up.
                self._not_before = time.monotonic() + _FALSE_ALARM
            self._copied_at = length
        if self._gauge.reaches(LIMIT):
            self._insist(writing)
        elif length >= LONG:
            if self._gauge.reaches(length + STEP):
                self._start(writing)
            else:
                writing.execute(_COPY).close()

    def _start(self, writing: sqlite3.Connection) -> None:
        try:
            self._running = self._executor.submit(self._copy)
        except RuntimeError:
            # The system has no more threads, or the interpreter is on its way out.
            writing.execute(_COPY).close()

    def _insist(self, writing: sqlite3.Connection) -> None:
        """Copy the rest while no other process adds to it."""
        writing.execute(f"PRAGMA busy_timeout = {_PATIENCE * 1000:.0f}").close()
        deadline = time.monotonic() + _COPYING
        try:
            # SQLite waits for others that write or read, and not for another one that copies.
            while writing.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[1] < 0:
                if time.monotonic() > deadline:
                    return
                time.sleep(_LOOK)
        finally:
            writing.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}").close()

    def _put_off(self, error: Exception) -> None:
        self._not_before = time.monotonic() + PAUSE
        if not self._is_failing:
            self._is_failing = True
            _log.error("The write-ahead log of %s cannot be copied into it", self._url, exc_info=error)

    # From here on: the thread of its own.

    def _copy(self) -> tuple[int, int]:
        """Copy what is in the log; how many pages that are, and how many of them are in the file now.

        -1 if another process is at it.
        """
        if not self._raw.is_in_place():
            return 0, 0  # The next save says so.
        try:
            connection = self._copying or self._open()
            is_busy, length, copied = connection.execute(_COPY).fetchone()
        except BaseException:
            self._close_copying()
            raise
        return (-1, -1) if is_busy else (length, copied)

    def _open(self) -> sqlite3.Connection:
        connection = self._copying = connect(self._raw.path, mode="rw")
        # What is copied has to be on the disk before the log begins anew.
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        confine(connection, writing=False)
        # A connection knows of the log once it has read.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return connection

    def _close_copying(self) -> None:
        connection, self._copying = self._copying, None
        if connection is not None:
            connection.close()
