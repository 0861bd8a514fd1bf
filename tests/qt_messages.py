"""What Qt says while a test runs, up to a bound: a flood of it fails the test and does not fill the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

#: Messages of one test that are kept. A window says a few dozen.
MOST: Final = 1_000

_Handler = Callable[[Any, Any, str], Any]


class _Messages:
    """Hands messages on to whoever heard them before, the first ones only."""

    def __init__(self) -> None:
        self.count = 0
        self.last = ""
        self.before: _Handler | None = None

    def hear(self, kind: object, context: object, message: str) -> None:
        self.count += 1
        self.last = message
        if self.count <= MOST and self.before is not None:
            self.before(kind, context, message)

    def fail_if_flooded(self) -> None:
        if self.count > MOST:
            raise AssertionError(f"Qt wrote {self.count:,} messages, the last of them: {self.last[:200]}")


_current = _Messages()


@contextmanager
def bounded() -> Iterator[None]:
    """Bound what is kept of Qt's messages from now on; raises `AssertionError` at the end if there were more.

    Whoever heard them before is put back by nobody: that is pytest-qt, which takes itself away after each test.
    """
    global _current
    from PySide6.QtCore import qInstallMessageHandler

    messages = _current = _Messages()
    messages.before = qInstallMessageHandler(messages.hear)
    try:
        yield
    finally:
        _current = _Messages()
    messages.fail_if_flooded()


def fail_if_flooded() -> None:
    """Raise `AssertionError` if Qt has written more in this test than a test needs: waiting on makes it worse."""
    _current.fail_if_flooded()
