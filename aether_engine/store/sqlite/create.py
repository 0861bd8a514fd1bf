"""Opening a file for writing, and making it: any number of processes may do both at once."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Final

from aether_engine.errors import CorruptStoreError
from aether_engine.store.sqlite.file import BUSY_TIMEOUT, FileState, RawFile, confine, connect, examine
from aether_engine.store.sqlite.schema import (
    FORMAT_VERSION,
    LINK_TABLES,
    PAGE_SIZE,
    check_format,
    check_schema,
    create_schema,
)

#: Bytes that are kept of a write-ahead log which begins anew: what is there is written faster than what is added.
_KEPT_LOG: Final = 64 << 20


def open_for_writing(raw: RawFile, url: str, synchronous: str, max_pages: int | None) -> sqlite3.Connection:
    """A connection that appends; makes the file if there is none. Raises `sqlite3.Error` or an `AetherError`."""
    header = examine(raw, url)
    if header.state is FileState.TRUNCATED:
        raise CorruptStoreError(url, "its end is cut off; open it read-only to read what is left")
    absent = header.state is FileState.ABSENT
    connection = connect(raw.path, mode="rwc" if absent else "rw")
    try:
        raw.open()
        if absent:
            _create(connection, url)
        _enter_wal_mode(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        # `checkpoints` does that.
        connection.execute("PRAGMA wal_autocheckpoint = 0").close()
        connection.execute(f"PRAGMA journal_size_limit = {_KEPT_LOG}").close()
        connection.execute("PRAGMA cache_size = -32768")
        connection.execute("PRAGMA secure_delete = OFF").close()
        if max_pages is not None:
            connection.execute(f"PRAGMA max_page_count = {max_pages}").close()
        confine(connection, writing=True)
        check_schema(connection, url)
    except BaseException:
        connection.close()
        raise
    return connection


def create_links(raw: RawFile, url: str) -> None:
    """Add the empty index over causes and correlations, if there is none. Raises as `open_for_writing` does.

    A connection of its own: those that last cannot change what tables there are.
    """
    with closing(connect(raw.path, mode="rw")) as connection:
        _enter_wal_mode(connection)
        check_schema(connection, url)
        connection.execute("BEGIN IMMEDIATE")
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not LINK_TABLES.keys() <= there:
            # What one of them alone says is not so.
            for name, sql in LINK_TABLES.items():
                connection.execute(f"DELETE FROM {name}" if name in there else sql)  # noqa: S608 (constants)
        connection.execute("COMMIT")


def _create(connection: sqlite3.Connection, url: str) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA synchronous = EXTRA")
    connection.execute("BEGIN EXCLUSIVE")
    try:
        # Another process may have made it while this one waited.
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            create_schema(connection)
        else:
            marks = [connection.execute(f"PRAGMA {m}").fetchone()[0] for m in ("application_id", "user_version")]
            check_format(url, *marks)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _enter_wal_mode(connection: sqlite3.Connection) -> None:
    # SQLite answers at once that the file is locked where waiting could end in a deadlock.
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            if mode == "wal":
                return
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError(
                    f"format {FORMAT_VERSION} needs write-ahead logging, which the file system refuses"
                )
        time.sleep(0.005)
