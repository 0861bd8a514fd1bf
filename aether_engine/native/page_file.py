"""An event file as the library reads it: page by page, past SQLite."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass


class FileArgument(ctypes.Structure):
    """`File` of native.h."""

    _fields_ = (
        ("descriptor", ctypes.c_int32),
        ("page_size", ctypes.c_uint32),
        ("page_count", ctypes.c_uint32),
    )


@dataclass(frozen=True, slots=True)
class PageFile:
    """An open file that nobody writes to, of whole pages without reserved bytes."""

    descriptor: int
    page_size: int
    page_count: int

    def argument(self) -> FileArgument:
        """As the library takes it."""
        return FileArgument(self.descriptor, self.page_size, self.page_count)
