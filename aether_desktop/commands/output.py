"""What commands write: one JSON object a line on stdout, everything for people on stderr."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, BinaryIO, TextIO

from aether_engine import codec
from aether_engine.event import StoredEvent

_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class Interrupted(BaseException):
    """Raised out of a read or write that blocks, because a signal arrived and the other side does nothing.

    Not an `Exception`, as KeyboardInterrupt is none: the user's wish, not an error.
    """


class ReaderGone(BaseException):
    """Whoever read stdout went away, as `| head` does when it has seen enough."""


class Output:
    """Writes whole lines to stdout, each batch at once, and sentences and progress to stderr."""

    def __init__(self) -> None:
        # A program started with a closed stdout or stderr has None there.
        self._stdout: BinaryIO = io.BytesIO() if sys.stdout is None else sys.stdout.buffer
        self._stderr: TextIO = io.StringIO() if sys.stderr is None else sys.stderr
        self._progress = ""
        #: Whether the main thread reads or writes what can block as long as the other side pleases.
        self.is_blocking = False
        #: Whether a signal asked for the end; worker threads that read or write look at it.
        self.stopping = False
        #: Whether the store itself, rather than an event in it, turned out to be damaged.
        self.found_damage = False

    def lines(self, lines: Iterable[bytes]) -> None:
        """Write lines, each without its line end, and hand them on at once."""
        text = b"".join([line + b"\n" for line in lines])
        if text:
            self._clear_progress()
            with self.blocking():
                self.block(text)

    def block(self, text: bytes) -> None:
        """Write some bytes and hand them on at once."""
        try:
            self._stdout.write(text)
            self._stdout.flush()
        except BrokenPipeError:
            raise ReaderGone from None

    @contextlib.contextmanager
    def blocking(self) -> Iterator[None]:
        """For reads and writes in the main thread: a signal that comes meanwhile raises `Interrupted`."""
        self.is_blocking = True
        try:
            yield
        finally:
            self.is_blocking = False

    def json(self, document: dict[str, Any], *, to_stderr: bool = False) -> None:
        """Write one JSON object; an `Exact` in it stands for its very bytes."""
        if not to_stderr:
            self.lines([to_line(document)])
            return
        self._clear_progress()
        with contextlib.suppress(OSError):  # a closed stderr is no reason to end otherwise
            self._stderr.write(to_line(document).decode() + "\n")
            self._stderr.flush()

    def say(self, text: str, *details: str) -> None:
        """Tell people something, on stderr, with details in lines of their own."""
        self._clear_progress()
        lines = [f"aether: {printable(text)}", *(f"  {printable(detail)}" for detail in details)]
        with contextlib.suppress(OSError):  # as above
            self._stderr.write("".join(f"{line}\n" for line in lines))
            self._stderr.flush()

    def progress(self, text: str) -> None:
        """Show how far it is, replacing what was shown; only on a terminal."""
        with contextlib.suppress(OSError):  # as above
            if self._stderr.isatty():
                self._stderr.write(f"\r{text}{' ' * (len(self._progress) - len(text))}")
                self._stderr.flush()
                self._progress = text

    def give_up(self) -> None:
        """Nobody reads stdout any more: what is buffered goes nowhere, without an error at exit."""
        with contextlib.suppress(OSError, ValueError):  # no descriptor, nothing that could fail at exit
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stdout.fileno())
            os.close(nowhere)

    def pipe(self) -> int | None:
        """The descriptor of stdout when it is a pipe: its reader can go away while we wait for events."""
        with contextlib.suppress(OSError, ValueError):  # without a descriptor it is none
            descriptor = self._stdout.fileno()
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                return descriptor
        return None

    def _clear_progress(self) -> None:
        if self._progress:
            with contextlib.suppress(OSError):  # as above
                self._stderr.write(f"\r{' ' * len(self._progress)}\r")
                self._stderr.flush()
            self._progress = ""


class Exact(bytes):
    """JSON text that goes into a line byte for byte."""


def to_line(document: dict[str, Any]) -> bytes:
    """`document` as one line of JSON; `Exact` values directly in it are spliced in, never re-encoded."""
    members = [
        codec.dumps(key) + b":" + (value if isinstance(value, Exact) else codec.dumps(value))
        for key, value in document.items()
    ]
    return b"{" + b",".join(members) + b"}"


def event_line(stored: StoredEvent, **first: Any) -> bytes:
    """A place of a log as one line: the event's exact bytes under `event`, or what is wrong and the raw bytes.

    An event that was stored with line breaks between its tokens shows spaces there, so that a line stays a line,
    and has its exact bytes beside it under `rawBase64`.
    """
    document = {**first, "sequence": stored.sequence, "recordedAt": time_text(stored.recorded_at)}
    if stored.event is not None:
        one_line = stored.raw.translate(_LINE_BREAKS)
        document["event"] = Exact(one_line)
        if one_line != stored.raw:
            document["rawBase64"] = base64_text(stored.raw)
    else:
        document["error"] = error_json(stored)
        document["rawBase64"] = base64_text(stored.raw)
    return to_line(document)


def error_json(stored: StoredEvent) -> dict[str, str]:
    """What is wrong with a damaged event: the kind is the name of the engine's error class."""
    assert stored.error is not None
    return {"kind": type(stored.error.error).__name__, "message": str(stored.error.error)}


def damage_sentence(sequence: int, error: Exception) -> str:
    """What people are told about a damaged event."""
    return f"Sequence {sequence} is damaged: {error}"


def time_text(moment: datetime | None) -> str | None:
    """A time as JSON holds it."""
    return None if moment is None else codec.format_timestamp(moment)


def base64_text(raw: bytes) -> str:
    """Bytes as JSON holds them."""
    return base64.b64encode(raw).decode("ascii")


def printable(text: str) -> str:
    """`text` as a terminal may show it: what would move the cursor or the reading direction is escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
