"""A connection that reads for the writer where damage may lie."""

from __future__ import annotations

import sqlite3

from aether_engine.store.sqlite.file import RawFile, confine, connect


class Probe:
    """Opened when it is needed. What meets damage does not commit any more, so the writer's own must not."""

    def __init__(self, raw: RawFile) -> None:
        self._raw = raw
        self._connection: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        """The connection, which sees what is committed. Raises `sqlite3.Error`."""
        if self._connection is None:
            self._connection = connect(self._raw.path, mode="ro")
            confine(self._connection, writing=False)
        return self._connection

    def close(self) -> None:
        """Let go of it; the next `open` makes another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
