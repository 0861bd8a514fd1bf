"""Taking events in from NDJSON, one event a line, byte for byte: every line of a source, or none.

Reading and decoding happen in worker threads, a bounded batch at a time, so that neither the event loop nor the
memory notices the size of a file.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from aether_engine.codec import decode_event
from aether_engine.errors import (
    AetherError,
    DuplicateEventError,
    ImportLineError,
    InvalidEventError,
    TransferError,
    VersionConflictError,
)
from aether_engine.event import Event
from aether_engine.store.protocols import MAX_BATCH, BulkWriter, EventLog, EventStore
from aether_engine.transfer.output import cause
from aether_engine.transfer.progress import Progress, TransferProgress, in_thread

#: Longest line an import takes, in bytes. Without a limit one file without line ends would fill the memory.
MAX_LINE_BYTES: Final = 64 * 2**20
# A batch ends with this many bytes, even if it has fewer events than a batch may have.
_BATCH_BYTES: Final = 4 * 2**20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_SPACE: Final = b" \t\r\n"


class ImportTarget(EventStore, EventLog, Protocol):
    """What an import needs of a store; with `BulkWriter` besides, it is one transaction."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import stored: events, distinct actors, bytes of the events; and the blank lines it skipped."""

    events: int
    actors: int
    bytes: int
    blank_lines: int


async def import_ndjson(
    store: ImportTarget, source: str | os.PathLike[str] | IO[bytes], *, progress: Progress | None = None
) -> ImportResult:
    """Store every line of `source` (a path or a binary stream, plain or gzip) as an event: all of them or none.

    Bytes stay as they are; a carriage return in front of a line end is white space of its line. Blank lines
    are skipped. Raises `ImportLineError` naming file, line and reason, `TransferError` for a source that
    cannot be read, and what else `save_all` raises. Cancelling stores nothing.

    A store without `save_all` gets the events in batches after all of them were checked; only a writer that
    comes in between, or a failing store, can then leave a part, and the error says how many were stored.
    """
    lines = _Lines(source)
    try:
        await in_thread(lines.open)
        if isinstance(store, BulkWriter):
            await _import_as_one(store, store, lines, progress)
        else:
            await _import_in_batches(store, lines, progress)
    finally:
        await in_thread(lines.close)
    return ImportResult(lines.events, len(lines.actors), lines.event_bytes, lines.blank_lines)


async def _import_as_one(store: ImportTarget, bulk: BulkWriter, lines: _Lines, progress: Progress | None) -> None:
    async def batches() -> AsyncGenerator[list[Event], None]:
        async with aclosing(_read_batches(lines, progress)) as read:
            async for batch in read:
                yield [line.event for line in batch]

    try:
        async with aclosing(batches()) as source:
            await bulk.save_all(source)
    except (VersionConflictError, DuplicateEventError) as error:
        number = await _find_refused(store, lines, error)
        if number is None:
            raise
        raise ImportLineError(lines.name, number, str(error)) from error


async def _find_refused(
    store: ImportTarget, lines: _Lines, error: VersionConflictError | DuplicateEventError
) -> int | None:
    """The line `save_all` refused: the first that breaks the rule when the file is read again."""
    if isinstance(error, VersionConflictError):
        current = await store.get_latest_version(error.actor_id)
        return await in_thread(lambda: lines.find_conflict(error.actor_id, current))
    return await in_thread(lambda: lines.find_occurrence(error.event_id, 2 if error.in_batch else 1))


async def _import_in_batches(store: ImportTarget, lines: _Lines, progress: Progress | None) -> None:
    versions: dict[str, int] = {}
    ids: set[str] = set()
    async with aclosing(_read_batches(lines, None)) as checked:
        async for batch in checked:
            for line in batch:
                event = line.event
                current = versions.get(event.actor_id)
                in_batch = current is not None
                if current is None:
                    current = await store.get_latest_version(event.actor_id)
                if event.version <= current:
                    conflict = VersionConflictError(event.actor_id, event.version, current, in_batch=in_batch)
                    reason = str(conflict)
                    raise ImportLineError(lines.name, line.number, reason)
                if event.id in ids:
                    reason = f"Event id {event.id!r} stands in an earlier line too."
                    raise ImportLineError(lines.name, line.number, reason)
                versions[event.actor_id] = event.version
                ids.add(event.id)
    await in_thread(lines.rewind)
    stored = 0
    async with aclosing(_read_batches(lines, progress)) as read:
        async for batch in read:
            try:
                await store.save_events([line.event for line in batch])
            except AetherError as error:
                if stored:
                    reason = f"{stored:,} events were stored, then line {batch[0].number} or one soon behind it"
                    raise TransferError(lines.name, f"{reason} was refused: {str(error).rstrip('.')}") from error
                raise
            stored += len(batch)


async def _read_batches(lines: _Lines, progress: Progress | None) -> AsyncGenerator[list[_Line], None]:
    while batch := await in_thread(lines.read_batch):
        yield batch
        if progress is not None:
            progress(TransferProgress(lines.events, lines.event_bytes, lines.fraction()))


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    event: Event


class _Lines:
    """The events of one source, line by line; used by one thread at a time, which may block."""

    def __init__(self, source: str | os.PathLike[str] | IO[bytes]) -> None:
        self._path = Path(source) if isinstance(source, (str, os.PathLike)) else None
        self._stream: IO[bytes] | None = None if isinstance(source, (str, os.PathLike)) else source
        self.name = str(self._path) if self._path is not None else str(getattr(source, "name", "the stream"))
        self._resources = ExitStack()
        self._compressed_size = 0
        self._start = 0
        self._start_over()

    def open(self) -> None:
        with self._readable():
            file = self._stream
            if self._path is not None:
                if self._path.is_dir():
                    raise TransferError(self.name, "it is a folder, not a file")
                file = self._resources.enter_context(self._path.open("rb"))
            assert file is not None
            if not file.seekable():
                # A pipe is read to its end first: nobody knows how long it takes, a store would wait all the
                # time, and a refused line has to be found again.
                copy = self._resources.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack closes it)
                shutil.copyfileobj(file, copy)
                copy.seek(0)
                file = copy
            self._file = file
            self._start = file.tell()
            self._compressed_size = file.seek(0, os.SEEK_END)
            self.rewind()

    def rewind(self) -> None:
        """Begin again with the first line."""
        self._start_over()
        self._file.seek(self._start)
        with self._readable():
            head = self._file.read(4)
            self._file.seek(self._start)
            self._text: IO[bytes] | gzip.GzipFile = self._file
            if head.startswith(_GZIP_MAGIC):
                # The wrapper reads ahead and is closed with it, the file below is not.
                self._text = gzip.GzipFile(fileobj=self._file, mode="rb")
                self._resources.callback(self._text.close)
                head = self._text.read(4)
                self._text.seek(0)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in head:
            raise ImportLineError(self.name, 1, "The text is UTF-16 or UTF-32 or binary; convert it to UTF-8.")
        if head.startswith(b"\xef\xbb\xbf"):
            raise ImportLineError(
                self.name, 1, "The text begins with a byte order mark; save it as UTF-8 without one."
            )

    def close(self) -> None:
        self._resources.close()

    def fraction(self) -> float | None:
        """How much of the source was read."""
        size = self._compressed_size - self._start
        return min(1.0, (self._file.tell() - self._start) / size) if size else None

    def read_batch(self) -> list[_Line]:
        """The events of the next lines, empty at the end."""
        batch: list[_Line] = []
        size = 0
        while len(batch) < MAX_BATCH and size < _BATCH_BYTES:
            line = self._next()
            if line is None:
                break
            batch.append(line)
            raw_size = len(line.event.to_json())
            size += raw_size
            self.events += 1
            self.event_bytes += raw_size
            self.actors.add(line.event.actor_id)
        return batch

    def find_conflict(self, actor_id: str, current: int) -> int | None:
        """The first line whose version does not exceed what the actor, now at `current`, has by then."""
        for line in self._again():
            if line.event.actor_id == actor_id:
                if line.event.version <= current:
                    return line.number
                current = line.event.version
        return None

    def find_occurrence(self, event_id: str, count: int) -> int | None:
        """The line that has the event id for the `count`-th time."""
        for line in self._again():
            if line.event.id == event_id:
                count -= 1
                if count == 0:
                    return line.number
        return None

    def _start_over(self) -> None:
        self._number = 0
        self.events = 0
        self.event_bytes = 0
        self.blank_lines = 0
        self.actors: set[str] = set()

    def _again(self) -> Iterator[_Line]:
        self.rewind()
        while (line := self._next()) is not None:
            yield line

    def _next(self) -> _Line | None:
        while True:
            with self._readable():
                raw = self._text.readline(MAX_LINE_BYTES + 1)
            if not raw:
                return None
            self._number += 1
            if len(raw) > MAX_LINE_BYTES:
                limit = MAX_LINE_BYTES // 2**20
                raise ImportLineError(self.name, self._number, f"The line is longer than {limit} MiB.")
            raw = raw.removesuffix(b"\n")
            if not raw.strip(_SPACE):
                self.blank_lines += 1
                continue
            try:
                return _Line(self._number, decode_event(raw))
            except InvalidEventError as error:
                raise ImportLineError(self.name, self._number, str(error)) from error

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except EOFError as error:
            raise TransferError(self.name, "the gzip data is cut off before its end") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise TransferError(self.name, f"the gzip data is damaged ({error})") from error
        except OSError as error:
            raise TransferError(self.name, f"it cannot be read ({cause(error)})") from error
