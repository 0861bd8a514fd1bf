"""Reads that nobody waits for any more end soon; else a search over very many rows keeps a thread to its end."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

#: Steps of SQLite's machine between two questions whether somebody still waits: some milliseconds of reading, so
#: that a page that is there at once is never held up by the interpreter's lock.
_STEPS: Final = 100_000

GivenUp = Callable[[], bool]
"""Whether nobody waits for an answer any more; asked in the thread that reads."""


def never() -> bool:
    """Somebody waits to the end."""
    return False


@contextmanager
def ending(connection: sqlite3.Connection, given_up: GivenUp) -> Iterator[None]:
    """Statements that run within it end with an `OperationalError` soon after `given_up` says so."""
    if given_up is never:
        yield
        return
    connection.set_progress_handler(given_up, _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, _STEPS)
