"""stdin and stdout for worker threads, which no signal interrupts: they look now and then whether to stop.

The engine reads and writes files in threads, and waits for a thread before it gives up. One that waits for a pipe
could wait for ever.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import IO, Final, cast

from aether_desktop.commands.output import Interrupted, Output, ReaderGone

# Seconds between two looks.
_LOOK: Final = 0.1
# What POSIX lets into a pipe at once when it says there is room.
_PIPE_ROOM: Final = getattr(select, "PIPE_BUF", 512)


def standard_input(output: Output) -> IO[bytes]:
    """stdin as a stream for a worker thread."""
    stdin = sys.stdin.buffer
    # A file is never waited for; Windows cannot wait for a pipe with a time limit.
    if stdin.seekable() or sys.platform == "win32":
        return stdin
    return cast(IO[bytes], _Stdin(output))


def standard_output(output: Output) -> IO[bytes]:
    """stdout as a stream for a worker thread."""
    return cast(IO[bytes], _Stdout(output))


class _Stdin(io.RawIOBase):
    name = "stdin"

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        descriptor = sys.stdin.fileno()
        while not self._output.stopping:
            if select.select([descriptor], [], [], _LOOK)[0]:
                return os.read(descriptor, size if size > 0 else 65_536)
        raise Interrupted


class _Stdout(io.RawIOBase):
    name = "stdout"

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output
        self._pipe = None if sys.platform == "win32" else output.pipe()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # the engine writes bytes
        if self._pipe is None:
            self._output.block(data)
            return len(data)
        rest = memoryview(data)
        while rest:
            if self._output.stopping:
                raise Interrupted
            if select.select([], [self._pipe], [], _LOOK)[1]:
                try:
                    rest = rest[os.write(self._pipe, rest[:_PIPE_ROOM]) :]
                except BrokenPipeError:
                    raise ReaderGone from None
        return len(data)
