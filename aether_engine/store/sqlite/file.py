"""An event file from outside: looking at its header by hand, and opening SQLite connections on it safely.

Files are untrusted. Nothing is handed to SQLite before its header was found to be ours, and no connection can
do more than this library asks of it.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from aether_engine.errors import AetherError, CorruptStoreError, StoreUnavailableError, UnsupportedFormatError
from aether_engine.store.sqlite.schema import APPLICATION_ID, FORMAT_VERSION, check_format

#: How long a connection waits for another process's lock, in seconds.
BUSY_TIMEOUT: Final = 30.0
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_LENGTH: Final = 100
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# What the library asks of a connection; everything else (ATTACH, triggers, views, extensions, writing into the
# schema) is refused while a statement is compiled.
_READING: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_TRANSACTION}
)
_WRITING: Final = _READING | {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_SAVEPOINT}
_FUNCTIONS: Final = frozenset(
    {"max", "min", "count", "sum", "length", "coalesce", "nullif", "substr", "instr", "glob", "ltrim", "strftime"}
    | {"json_group_array", "json_array"}
)
_PRAGMAS: Final = frozenset({"data_version", "wal_checkpoint", "busy_timeout"})


class FileState(Enum):
    """What lies at the path of a store."""

    ABSENT = "not yet made"  # missing, empty, or in the making
    WHOLE = "whole"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of an event file say about it."""

    state: FileState
    page_size: int = 0
    page_count: int = 0


class RawFile:
    """A file's bytes, read past SQLite.

    POSIX drops all of a process's locks on a file when any of its descriptors is closed, SQLite's included
    (https://sqlite.org/howtocorrupt.html, 2.2). Descriptors are therefore shared by all stores of the process
    that have the same file open, and closed when the last one lets go.
    """

    _guard = threading.Lock()
    _users: dict[tuple[int, int], int] = {}  # noqa: RUF012 (one per process, on purpose)
    _handles: dict[tuple[int, int], list[int]] = {}  # noqa: RUF012 (shared on purpose)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key: tuple[int, int] | None = None

    def open(self) -> int | None:
        """A descriptor that stays valid until `release`; None if there is no such file. Raises `OSError`."""
        with self._guard:
            if self._key is None:
                try:
                    status = self.path.stat()
                except FileNotFoundError:
                    return None
                key = (status.st_dev, status.st_ino)
                if not self._handles.get(key):
                    handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
                    status = os.fstat(handle)
                    key = (status.st_dev, status.st_ino)
                    self._handles.setdefault(key, []).append(handle)
                self._users[key] = self._users.get(key, 0) + 1
                self._key = key
            return self._handles[self._key][0]

    def is_in_place(self) -> bool:
        """Whether the file that is open is the one at its path."""
        self.open()
        try:
            status = os.stat(self.path)  # noqa: PTH116 (before every save, and Path's takes twice as long)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._key

    def release(self) -> bool:
        """Let go; whether no other store of this process has the file open."""
        with self._guard:
            if self._key is None:
                return True
            key, self._key = self._key, None
            self._users[key] -= 1
            if self._users[key]:
                return False
            del self._users[key]
            for handle in self._handles.pop(key):
                os.close(handle)
            return True

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes of the file, fewer at its end; raises `OSError`."""
        handle = self.open()
        if handle is None:
            return b""
        if hasattr(os, "pread"):
            return os.pread(handle, length, offset)
        with self._guard:
            os.lseek(handle, offset, os.SEEK_SET)
            return os.read(handle, length)

    def size(self) -> int:
        """Length of the file in bytes, 0 if there is none."""
        handle = self.open()
        return 0 if handle is None else os.fstat(handle).st_size


def beside(path: Path, suffix: str) -> Path:
    """The path of one of SQLite's companion files (`-wal`, `-shm`, `-journal`)."""
    return path.with_name(path.name + suffix)


def examine(raw: RawFile, url: str) -> Header:
    """Look at the file without letting SQLite touch it.

    Raises `StoreUnavailableError`, `UnsupportedFormatError` or `CorruptStoreError`. While another process makes
    the file it looks damaged for a moment; it has a journal beside it then, or looks different the next time.
    """
    for attempt in range(5):
        try:
            header = _examine_once(raw, url)
            if header.state is not FileState.TRUNCATED:
                return header
            if _in_the_making(raw):
                return Header(FileState.ABSENT)
            if attempt == 4:
                return header
        except (CorruptStoreError, UnsupportedFormatError):
            if _in_the_making(raw):
                return Header(FileState.ABSENT)
            if attempt == 4:
                raise
        except OSError as error:
            raise StoreUnavailableError(url, error.strerror or str(error)) from error
    raise AssertionError


def _examine_once(raw: RawFile, url: str) -> Header:
    try:
        mode = raw.path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if not raw.path.parent.is_dir():
            raise StoreUnavailableError(url, f"the folder {raw.path.parent} does not exist") from None
        return Header(FileState.ABSENT)
    if stat.S_ISDIR(mode):
        raise StoreUnavailableError(url, "it is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise StoreUnavailableError(url, "it is not a regular file")
    head = raw.read_at(0, _HEADER_LENGTH)
    size = raw.size()
    if size == 0:
        return Header(FileState.ABSENT)
    if not head.startswith(_MAGIC[: len(head)]):
        raise UnsupportedFormatError(url, "not an event file", f"event files of format {FORMAT_VERSION}")
    if len(head) < _HEADER_LENGTH:
        raise CorruptStoreError(url, f"only {size} bytes of it are left; restore it from a copy")
    page_size = int.from_bytes(head[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    change, pages, _, _, _, _, _, _, encoding, user_version, _, application_id = struct.unpack(">12I", head[24:72])
    valid_for = int.from_bytes(head[92:96], "big")
    check_format(url, application_id, user_version)
    if page_size < 512 or page_size & (page_size - 1) or encoding != 1 or head[20] != 0:
        raise CorruptStoreError(url, "its header does not make sense; restore it from a copy")
    if size < page_size:
        raise CorruptStoreError(url, f"only {size:,} bytes of it are left; restore it from a copy")
    if change != valid_for:
        pages = 0
    if pages * page_size > size and not beside(raw.path, "-wal").exists():
        return Header(FileState.TRUNCATED, page_size, pages)
    return Header(FileState.WHOLE, page_size, max(pages, size // page_size))


def _in_the_making(raw: RawFile) -> bool:
    # A file is made under SQLite's rollback journal; a journal that was left by a crash is rolled back by the
    # next writer. Only a file that is ours as far as it goes qualifies.
    with suppress(OSError):
        head = raw.read_at(0, _HEADER_LENGTH)
        is_ours = not head.strip(b"\0") or int.from_bytes(head[68:72], "big") == APPLICATION_ID
        return is_ours and beside(raw.path, "-journal").exists()
    return False


class Connection(sqlite3.Connection):
    """A connection with room for what is known of its file."""

    known: dict[int, str | None] | None = None
    #: Names of event types by their numbers, as far as they were asked for.
    types: dict[object, str] | None = None


def connect(path: Path, *, mode: str, immutable: bool = False, truncated: bool = False) -> sqlite3.Connection:
    """A connection that can do nothing but what this library needs. `mode` is `ro`, `rw` or `rwc`."""
    uri = f"{path.absolute().as_uri()}?mode={mode}{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
        factory=Connection,
    )
    try:
        # SQLite refuses a database that is shorter than its header says, unless it believes that it is about to
        # be repaired; the authorizer below keeps the schema from being written all the same.
        _harden(connection, writable_schema=truncated)
        if mode == "ro":
            connection.execute("PRAGMA query_only = ON")
            connection.text_factory = _decode_text
    except BaseException:
        connection.close()
        raise
    return connection


def confine(connection: sqlite3.Connection, *, writing: bool) -> None:
    """From now on the connection compiles only what the library asks; call it when its settings are made."""
    allowed = _WRITING if writing else _READING

    def authorize(
        action: int, first: str | None, second: str | None, _database: str | None, _source: str | None
    ) -> int:
        if action == sqlite3.SQLITE_PRAGMA:
            return sqlite3.SQLITE_OK if first in _PRAGMAS else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_OK if second in _FUNCTIONS else sqlite3.SQLITE_DENY
        if action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE) and (first or "").startswith("sqlite_"):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY

    connection.set_authorizer(authorize)


def _harden(connection: sqlite3.Connection, *, writable_schema: bool) -> None:
    # The module's own switch for defensive mode came with Python 3.12.
    setconfig = getattr(connection, "setconfig", None)
    if setconfig is not None:
        for name, value in (
            ("SQLITE_DBCONFIG_DEFENSIVE", not writable_schema),
            ("SQLITE_DBCONFIG_ENABLE_TRIGGER", False),
            ("SQLITE_DBCONFIG_ENABLE_VIEW", False),
            ("SQLITE_DBCONFIG_TRUSTED_SCHEMA", False),
        ):
            with suppress(sqlite3.Error):
                setconfig(getattr(sqlite3, name), value)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA mmap_size = 0").close()
    if writable_schema:
        connection.execute("PRAGMA writable_schema = ON")


def _decode_text(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def is_corruption(error: sqlite3.Error) -> bool:
    """Whether SQLite found the file itself damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT or "malformed" in str(error)


def translate(error: Exception, url: str) -> AetherError:
    """A driver's exception as one of ours: the only place where that happens."""
    if isinstance(error, AetherError):
        return error
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if is_corruption(error):
            return CorruptStoreError(url, f"SQLite says {str(error)!r}; open it read-only to read what is left")
        if code == sqlite3.SQLITE_CONSTRAINT:
            return CorruptStoreError(url, "its counters disagree with its log, so nothing can be appended")
        reasons = {
            sqlite3.SQLITE_BUSY: f"another process kept it locked for more than {BUSY_TIMEOUT:.0f} seconds",
            sqlite3.SQLITE_FULL: "there is no space left for it; nothing was stored",
            sqlite3.SQLITE_READONLY: "the system does not allow writing to it",
            sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at the permissions of the file and its folder",
            sqlite3.SQLITE_IOERR: "the system reports an input/output error",
        }
        return StoreUnavailableError(url, reasons.get(code, f"SQLite says {str(error)!r}"))
    if isinstance(error, OSError):
        return StoreUnavailableError(url, error.strerror or str(error))
    if isinstance(error, MemoryError):
        return StoreUnavailableError(url, "there is not enough memory for what was asked")
    return StoreUnavailableError(url, f"an unexpected error occurred: {error!r}")
