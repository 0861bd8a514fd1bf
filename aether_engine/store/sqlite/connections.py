"""Read connections: how a file is looked at without leaving a trace, from a few threads.

While nobody writes there is no `-wal` file, and the file is opened `immutable`: SQLite then neither locks it nor
makes a `-wal` or `-shm` beside it. Whether that still holds is looked up before and after every read; if
a writer appeared meanwhile, the read is done again through a connection that takes part in the locking.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from aether_engine.errors import AetherError, CorruptStoreError, StoreUnavailableError
from aether_engine.store.sqlite.file import (
    FileState,
    Header,
    RawFile,
    beside,
    confine,
    connect,
    examine,
    translate,
)
from aether_engine.store.sqlite.schema import check_schema

T = TypeVar("T")

_THREADS: Final = 3
#: How often a read is repeated because the file changed under it before it takes part in the locking for good.
_UNDISTURBED_ATTEMPTS: Final = 8
# Where SQLite's unix VFS keeps its locks (os_unix.c, "Constants used for file locking" and "UNIX_SHM_DMS").
_SHARED_FIRST: Final = 0x40000002
_SHARED_SIZE: Final = 510
_SHM_DMS: Final = 128

Signature = tuple[int, int, int]


class FileAbsentError(Exception):
    """There is no file yet; never leaves the store."""


class ReadConnections:
    """Runs reading jobs, each with a connection of its own, in a small thread pool."""

    def __init__(self, raw: RawFile, url: str, *, read_only: bool, reuse: bool = True) -> None:
        """Without `reuse` each job has a connection made for it.

        SQLite looks once whether a damaged page's cells are on it, refuses the page, and reads it the next time:
        only new connections say of the same pages the same each time.
        """
        self._raw = raw
        self._reuse = reuse
        self._path = raw.path
        self._wal = beside(raw.path, "-wal")
        self._url = url
        self._read_only = read_only
        self._idle: list[tuple[sqlite3.Connection, Signature | None]] = []
        self._guard = threading.Lock()
        self._watch_guard = threading.Lock()
        self._made_shm = False
        self._closed = False
        self._watch: tuple[sqlite3.Connection, Signature | None] | None = None
        self.executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="aether-read")

    def check(self) -> Header:
        """Whether the file can be read at all; raises `AetherError`."""
        header = examine(self._raw, self._url)
        if header.state is not FileState.ABSENT:
            try:
                self.run(lambda connection: None)
            except FileAbsentError:
                return Header(FileState.ABSENT)
            except sqlite3.Error as error:
                raise translate(error, self._url) from error
        return header

    def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `job`, for the calling thread; it may be run more than once.

        Raises what `job` raises, `FileAbsentError`, or an `AetherError`.
        """
        attempt = 0
        while True:
            attempt += 1
            signature = None if attempt > _UNDISTURBED_ATTEMPTS else self._quiet_signature()
            connection = self._take(signature)
            kept = False
            try:
                result = job(connection)
                kept = signature is None or signature == self._quiet_signature()
                if kept:
                    return result
            except Exception:
                kept = signature is None or signature == self._quiet_signature()
                if kept:
                    raise
            finally:
                self._give_back(connection, signature, keep=kept)

    def change_token(self) -> object:
        """Something that differs after every commit of another connection; for one polling thread."""
        with self._watch_guard:
            try:
                return self._watched_token()
            except (sqlite3.Error, OSError, AetherError):
                return object()  # Whoever waits reads then, and hears what is wrong.

    def _watched_token(self) -> object:
        signature = self._quiet_signature()
        watch = self._watch
        if watch is None or watch[1] != signature:
            self._watch = None
            if watch is not None:
                watch[0].close()
            if self._closed:
                return None
            try:
                watch = (self._open(signature), signature)
            except FileAbsentError:
                return None
            self._watch = watch
        if signature is not None:
            return signature
        return (id(watch[0]), watch[0].execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close all connections; for when no job runs any more."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()
        with self._watch_guard:
            if self._watch is not None:
                self._watch[0].close()
                self._watch = None
        self.executor.shutdown(wait=False)

    def release(self) -> None:
        """Let go of the file, after every connection to it was closed."""
        if self._raw.release() and self._made_shm:
            with suppress(OSError):
                _remove_unused_shm(self._path)

    def _quiet_signature(self) -> Signature | None:
        """What tells this state of the file from the next; None while somebody may be writing."""
        if self._wal.exists():
            return None
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_ino, status.st_size, status.st_mtime_ns)

    def _take(self, signature: Signature | None) -> sqlite3.Connection:
        stale: list[sqlite3.Connection] = []
        try:
            with self._guard:
                if self._closed:
                    raise StoreUnavailableError(self._url, "it was closed")
                while self._idle:
                    connection, made_for = self._idle.pop()
                    if made_for == signature:
                        return connection
                    stale.append(connection)
            return self._open(signature)
        finally:
            for connection in stale:
                connection.close()

    def _give_back(self, connection: sqlite3.Connection, signature: Signature | None, *, keep: bool) -> None:
        if keep and self._reuse and not connection.in_transaction:
            with self._guard:
                if not self._closed:
                    self._idle.append((connection, signature))
                    return
        connection.close()

    def _open(self, signature: Signature | None) -> sqlite3.Connection:
        header = examine(self._raw, self._url)
        if header.state is FileState.ABSENT:
            raise FileAbsentError
        truncated = header.state is FileState.TRUNCATED
        if truncated and not self._read_only:
            raise CorruptStoreError(
                self._url,
                f"its end is cut off ({header.page_count * header.page_size:,} bytes are expected); "
                "open it read-only to read what is left",
            )
        if signature is None and not beside(self._path, "-shm").exists():
            self._made_shm = True
        connection = connect(self._path, mode="ro", immutable=signature is not None, truncated=truncated)
        try:
            confine(connection, writing=False)
            check_schema(connection, self._url)
        except BaseException:
            connection.close()
            raise
        return connection


def _remove_unused_shm(path: Path) -> None:
    """Remove the `-shm` that reading a crashed writer's file made, if no process uses it.

    SQLite holds a shared lock on the file while it opens a `-shm`, and one on a byte of the `-shm` while it has
    it open. Whoever comes while we hold that byte fails to attach, and tries again with a new file.
    """
    try:
        import fcntl
        import struct
    except ImportError:  # Windows deletes nothing that is open, and keeps no such locks.
        return
    set_lock, get_lock = getattr(fcntl, "F_OFD_SETLK", None), getattr(fcntl, "F_OFD_GETLK", None)
    if set_lock is None or get_lock is None:
        return

    def lock(kind: int, start: int, length: int) -> bytes:
        return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)

    def is_shared(handle: int) -> bool:
        answer = fcntl.fcntl(handle, get_lock, lock(fcntl.F_WRLCK, _SHARED_FIRST, _SHARED_SIZE))
        return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)

    shm = beside(path, "-shm")
    database = os.open(path, os.O_RDONLY)
    try:
        handle = os.open(shm, os.O_RDWR)
        try:
            fcntl.fcntl(handle, set_lock, lock(fcntl.F_WRLCK, _SHM_DMS, 1))
            if not is_shared(database):
                shm.unlink()
                for _ in range(1000):
                    # Whoever came in this very moment must find the lock, and then make a new file.
                    if not is_shared(database) or shm.exists():
                        break
                    time.sleep(0.001)
        finally:
            os.close(handle)
    finally:
        os.close(database)
