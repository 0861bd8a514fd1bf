"""Files as evidence: never written to, not even beside them, and hashed before and after.

What SQLite would have to recover first, a write-ahead log left by a crash, is copied, and the copy is opened.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import struct
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aether_engine.errors import StoreUnavailableError
from aether_engine.store.sqlite.file import RawFile, beside

_CHUNK: Final = 1 << 20
# Where SQLite's unix VFS keeps its locks (os_unix.c, "Constants used for file locking").
_SHARED_FIRST: Final = 0x40000002
_SHARED_SIZE: Final = 510


@dataclass(slots=True)
class FileHash:
    """A file's SHA-256 before and after, empty until it is known."""

    path: str
    size: int
    before: str = ""
    after: str = ""

    @property
    def is_unchanged(self) -> bool | None:
        """Whether both are the same; None while one is not known."""
        return None if not self.before or not self.after else self.before == self.after


@dataclass(slots=True)
class Evidence:
    """What is looked at, what was copied for that, and what is to be said about it."""

    files: list[FileHash] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class OpenedEvidence:
    """An event file made ready to be read. `path` is the file itself, or its copy."""

    def __init__(self, path: Path, url: str) -> None:
        self.original = path
        self.path = path
        self.url = url
        self.evidence = Evidence()
        self._raws: list[RawFile] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def prepare(self) -> None:
        """Find out how the file can be read, copying it if need be; blocks. Raises `StoreUnavailableError`."""
        raw = self._raw(self.original)
        wal = beside(self.original, "-wal")
        try:
            self.evidence.files.append(FileHash(str(self.original), raw.size()))
            if not wal.exists():
                return
            self.evidence.files.append(FileHash(str(wal), wal.stat().st_size))
            if is_in_use(raw):
                self.evidence.notes.append(
                    "The file is in use and was read where it is, together with its "
                    "write-ahead "
                    "log; it may have grown meanwhile."
                )
                return
            self._copy(wal)
        except OSError as error:
            raise StoreUnavailableError(self.url, error.strerror or str(error)) from error

    def hash(self, *, after: bool, stop: Callable[[], bool] = lambda: False) -> None:
        """Take the SHA-256 of each file; blocks, a megabyte at a time."""
        for one in self.evidence.files:
            with suppress(OSError):  # it stays empty: not known
                digest = self._digest(Path(one.path), stop)
                if after:
                    one.after = digest
                else:
                    one.before = digest

    def close(self) -> None:
        """Let go of the file and remove its copy."""
        for raw in self._raws:
            raw.release()
        self._raws = []
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _raw(self, path: Path) -> RawFile:
        # Closing a descriptor of our own would drop the locks of whoever has the file open in this process.
        raw = RawFile(path)
        self._raws.append(raw)
        return raw

    def _copy(self, wal: Path) -> None:
        free = shutil.disk_usage(tempfile.gettempdir()).free
        needed = self.original.stat().st_size + wal.stat().st_size
        if needed > free:
            raise StoreUnavailableError(
                self.url,
                "it has a write-ahead log that would have to be recovered beside it, and there is no room "
                f"for a copy ({needed:,} bytes)",
            )
        self._folder = tempfile.TemporaryDirectory(prefix="aether-evidence-")
        copy = Path(self._folder.name) / self.original.name
        shutil.copyfile(self.original, copy)
        shutil.copyfile(wal, beside(copy, "-wal"))
        self.path = copy
        self.evidence.notes.append(
            "The file has a write-ahead log that nobody uses, which SQLite would have to recover beside it: "
            "both were "
            "copied, and the copy was read."
        )

    def _digest(self, path: Path, stop: Callable[[], bool]) -> str:
        raw = next((one for one in self._raws if one.path == path), None) or self._raw(path)
        return sha256_of(_blocks(raw), stop)


def _blocks(raw: RawFile) -> Iterator[bytes]:
    place = 0
    while block := raw.read_at(place, _CHUNK):
        yield block
        place += len(block)


def sha256_of(blocks: Iterable[bytes], stop: Callable[[], bool]) -> str:
    """The hash of all blocks one after the other, empty if it was stopped."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        if stop():
            return ""
    return digest.hexdigest()


async def until_stopped(start: Callable[[Callable[[], bool]], Coroutine[Any, Any, None]]) -> None:
    """Wait for work that is given a question to ask now and then: whether it is to end.

    It is as soon as nobody waits for it any more; a large file would be hashed for long after that.
    """
    stopped = threading.Event()
    work = asyncio.ensure_future(start(stopped.is_set))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


def is_in_use(raw: RawFile) -> bool:
    """Whether a process has the database open, as far as its locks tell."""
    handle = raw.open()
    try:
        import fcntl
    except ImportError:  # Windows: a side file in memory is there as long as somebody uses it.
        return beside(raw.path, "-shm").exists()
    get_lock: Any = getattr(fcntl, "F_OFD_GETLK", None)
    if handle is None or get_lock is None:
        return beside(raw.path, "-shm").exists()
    question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _SHARED_FIRST, _SHARED_SIZE, 0)
    answer = fcntl.fcntl(handle, get_lock, question)
    return bool(struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK)
