"""The file of the write-ahead log, past SQLite: how far the log reaches in it, and room behind that.

A commit that makes the file longer waits until the file system has noted its length; one that writes over what is
there does not, and of small saves it is the greater part. So zeros are written behind the end now and then. To
whoever reads the log they are what one that began anew leaves behind its end: no part of it.
"""

from __future__ import annotations

import logging
import os
import struct
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

#: Bytes of zeros that are written at once.
ROOM: Final = 512 << 10
#: Bytes in front of the end at which more are written; a small save takes less.
MARGIN: Final = 128 << 10

# https://sqlite.org/fileformat2.html#the_write_ahead_log
_HEADER: Final = struct.Struct(">8x I 4x 8s")
_HEADER_SIZE: Final = 32
_FRAME: Final = struct.Struct(">8x 8s")
_FRAME_SIZE: Final = 24


class LogGauge:
    """Tells how long a log is by looking into it. SQLite holds no lock on it that closing it here would drop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def look(self, page: int) -> tuple[bytes, bool]:
        """What differs each time the log begins anew, and whether `page` pages were written since it did.

        Raises `OSError`.
        """
        header = self._read(0, _HEADER.size)
        if len(header) < _HEADER.size:
            return b"", False
        page_size, salt = _HEADER.unpack(header)
        frame = self._read(_HEADER_SIZE + (page - 1) * (_FRAME_SIZE + page_size), _FRAME.size)
        return salt, len(frame) == _FRAME.size and _FRAME.unpack(frame)[0] == salt

    def reaches(self, page: int) -> bool:
        """The latter. Raises `OSError`."""
        return self.look(page)[1]

    def pages(self, size: int) -> int:
        """How many whole pages lie within the first `size` bytes of the log. Raises `OSError`."""
        header = self._read(0, _HEADER.size)
        if len(header) < _HEADER.size:
            return 0
        page_size: int = _HEADER.unpack(header)[0]
        return max(size - _HEADER_SIZE, 0) // (_FRAME_SIZE + page_size)

    def close(self) -> None:
        """Let go of the log."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def _read(self, offset: int, length: int) -> bytes:
        handle = self._handle
        if handle is None:
            handle = self._handle = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        if hasattr(os, "pread"):
            return os.pread(handle, length, offset)
        os.lseek(handle, offset, os.SEEK_SET)
        return os.read(handle, length)


class LogRoom:
    """Makes room for those commits of one connection that write little."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gauge = LogGauge(path)
        # The page of the log at which more room is made.
        self._margin = 1
        self._is_failing = False

    def make(self) -> None:
        """Make room if little is left; only within a transaction that writes: then nobody else adds to the log.

        Raises nothing: without room a commit takes longer.
        """
        try:
            if self._gauge.reaches(self._margin):
                self._make()
        except OSError as error:
            if not self._is_failing:
                self._is_failing = True
                _log.warning("No room can be made in the write-ahead log %s: %s", self._path, error)

    def close(self) -> None:
        """Let go of the log."""
        self._gauge.close()
        self._margin = 1

    def _make(self) -> None:
        handle = os.open(self._path, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        try:
            size = os.lseek(handle, 0, os.SEEK_END)
            # Another process may have made some.
            if self._gauge.reaches(self._margin_of(size)):
                size += os.write(handle, bytes(ROOM))
            self._margin = self._margin_of(size)
        finally:
            os.close(handle)

    def _margin_of(self, size: int) -> int:
        return max(self._gauge.pages(size - MARGIN), 1)
