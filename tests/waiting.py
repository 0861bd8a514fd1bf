"""Waiting for a condition, never for a time: the only sleeps a test needs are in here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests import qt_messages

_PAUSE = 0.002  # seconds between two looks


def _overdue(condition: Callable[[], object], timeout: float, what: str) -> AssertionError:
    return AssertionError(f"Did not happen within {timeout:g} s: {what or repr(condition)}")


async def until(condition: Callable[[], object], timeout: float = 20.0, what: str = "") -> None:
    """Return as soon as `condition()` is true, letting the running loop (and Qt, on qasync) work meanwhile.

    `what` says in words what is waited for. Raises `AssertionError` naming it after `timeout` seconds: many, since
    a busy machine is no error, and who waits for what comes true waits no longer for that.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise _overdue(condition, timeout, what)
        qt_messages.fail_if_flooded()
        await asyncio.sleep(_PAUSE)


def until_sync(condition: Callable[[], object], timeout: float = 20.0, what: str = "") -> None:
    """`until` for code without a loop: waiting for another process or thread. No Qt event is handled meanwhile."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise _overdue(condition, timeout, what)
        time.sleep(_PAUSE)
