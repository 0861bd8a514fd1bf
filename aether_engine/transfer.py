"""Moving events as text: NDJSON, one event a line, byte for byte as stored.

Reading, decoding and writing happen in worker threads, a bounded batch at a time, so that neither the event loop
nor the memory notices the size of a file. An import stores everything or nothing; an export appears under its
name when it is complete, or not at all.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import secrets
import shutil
import tempfile
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final, Protocol, TypeVar

from aether_engine.closing import closing
from aether_engine.codec import decode_event
from aether_engine.errors import (
    AetherError,
    DuplicateEventError,
    ImportLineError,
    InvalidEventError,
    TransferError,
    VersionConflictError,
)
from aether_engine.event import Event, ReplayError, StoredEvent
from aether_engine.query import EventFilter, Hits, matching, select_events
from aether_engine.store.protocols import MAX_BATCH, BulkWriter, EventLog, EventStore

#: Longest line an import takes, in bytes. Without a limit one file without line ends would fill the memory.
MAX_LINE_BYTES: Final = 64 * 2**20
# A batch ends with this many bytes, even if it has fewer events than a batch may have.
_BATCH_BYTES: Final = 4 * 2**20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_SPACE: Final = b" \t\r\n"

_T = TypeVar("_T")


class ImportTarget(EventStore, EventLog, Protocol):
    """What an import needs of a store; with `BulkWriter` besides, it is one transaction."""


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far an import or export is. `fraction` lies between 0 and 1, None where the end is not known."""

    events: int
    bytes: int
    fraction: float | None


Progress = Callable[[TransferProgress], None]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import stored: events, distinct actors, bytes of the events; and the blank lines it skipped."""

    events: int
    actors: int
    bytes: int
    blank_lines: int


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote (`bytes` before compression), and the events that could not be a line and why."""

    events: int
    bytes: int
    skipped: list[ReplayError]


# --- Import -----------------------------------------------------------------------------------------------


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
        await _in_thread(lines.open)
        if isinstance(store, BulkWriter):
            await _import_as_one(store, store, lines, progress)
        else:
            await _import_in_batches(store, lines, progress)
    finally:
        await _in_thread(lines.close)
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
        return await _in_thread(lambda: lines.find_conflict(error.actor_id, current))
    return await _in_thread(lambda: lines.find_occurrence(error.event_id, 2 if error.in_batch else 1))


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
    await _in_thread(lines.rewind)
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
    while batch := await _in_thread(lines.read_batch):
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
            raise TransferError(self.name, f"it cannot be read ({_cause(error)})") from error


# --- Export -----------------------------------------------------------------------------------------------


async def export_ndjson(
    store: EventLog,
    target: str | os.PathLike[str] | IO[bytes],
    *,
    actor_id: str | None = None,
    event_filter: EventFilter | None = None,
    from_sequence: int = 1,
    to_sequence: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write the events of a log, or of one actor, as lines in the order of the log; `.gz` files compressed.

    With `event_filter` only those that pass it; raises `InvalidFilterError` if it has problems.

    Corrupted events, and those whose bytes contain a line break, cannot be lines: they are left out and listed.
    A file is complete and durable under its name or, after an error or cancelling, not there at all; an
    existing one is replaced only with `overwrite`. A binary stream is written to and left open. Raises
    `TransferError`.
    """
    if event_filter is not None:
        event_filter.check()
    result = _Tally()
    last = to_sequence if to_sequence is not None else await store.last_sequence()

    def show(done: float | None) -> None:
        if progress is not None:
            progress(TransferProgress(result.events, result.size, done))

    if actor_id is not None:
        batches = _of_actor(store, actor_id, event_filter, from_sequence, last, show)
    elif event_filter is not None:
        batches = _found(store, event_filter, from_sequence, last, show)
    else:
        batches = _of_log(store, from_sequence, last, show)
    return await _write(batches, result, target, overwrite)


async def export_events(
    events: Sequence[StoredEvent],
    target: str | os.PathLike[str] | IO[bytes],
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """As `export_ndjson`, for events that are at hand, in the order they are in."""
    result = _Tally()

    async def batches() -> AsyncGenerator[list[StoredEvent], None]:
        for start in range(0, len(events), MAX_BATCH):
            yield list(events[start : start + MAX_BATCH])
            if progress is not None:
                done = min(start + MAX_BATCH, len(events))
                progress(TransferProgress(result.events, result.size, done / len(events)))

    return await _write(batches(), result, target, overwrite)


async def _write(
    batches: _Batches, result: _Tally, target: str | os.PathLike[str] | IO[bytes], overwrite: bool
) -> ExportResult:
    output: _Output
    if isinstance(target, (str, os.PathLike)):
        output = FileOutput(Path(target), overwrite)
    else:
        output = _StreamOutput(target)
    try:
        await _in_thread(output.open)
        async with aclosing(batches):
            async for batch in batches:
                lines = result.add(batch)
                if lines:
                    await _in_thread(partial(output.write, b"".join(lines)))
        for last_step in (output.complete, output.appear):
            # Whoever cancels before the very last step gets no file.
            await asyncio.sleep(0)
            await _in_thread(last_step)
    finally:
        await _in_thread(output.discard)
    return ExportResult(result.events, result.size, result.skipped)


_Show = Callable[[float | None], None]
_Batches = AsyncGenerator[list[StoredEvent], None]


async def _of_log(store: EventLog, first: int, last: int, show: _Show) -> _Batches:
    async with closing(store.read(from_sequence=first, to_sequence=last)) as reading:
        async for batch in reading:
            yield batch
            if batch:
                show((batch[-1].sequence - first + 1) / max(last - first + 1, 1))


async def _of_actor(
    store: EventLog, actor_id: str, event_filter: EventFilter | None, first: int, last: int, show: _Show
) -> _Batches:
    async with closing(store.read_actor(actor_id)) as reading:
        async for batch in reading:
            chosen = [stored for stored in batch if first <= stored.sequence <= last]
            yield chosen if event_filter is None else await matching(chosen, event_filter)
            show(None)


async def _found(store: EventLog, event_filter: EventFilter, first: int, last: int, show: _Show) -> _Batches:
    def progress(hits: Hits) -> None:
        # Half of it is done when the log was searched, and the rest when it was also checked, if it is at all.
        checked = hits.checked if event_filter.takes_corrupted else hits.searched
        show((hits.searched + checked) / max(2 * hits.total, 1))

    selecting = select_events(store, event_filter, from_sequence=first, to_sequence=last, progress=progress)
    async with aclosing(selecting):
        async for batch in selecting:
            yield batch


@dataclass(slots=True)
class _Tally:
    """Lines from stored events, and the count of both kinds."""

    events: int = 0
    size: int = 0
    skipped: list[ReplayError] = field(default_factory=list)

    def add(self, batch: list[StoredEvent]) -> list[bytes]:
        lines: list[bytes] = []
        for stored in batch:
            if stored.error is not None:
                self.skipped.append(stored.error)
            elif b"\n" in stored.raw:
                problem = TransferError(
                    f"The event at sequence {stored.sequence}", "its bytes contain a line break, it is no line"
                )
                self.skipped.append(ReplayError(stored.sequence, stored.raw, problem))
            else:
                lines += (stored.raw, b"\n")
                self.events += 1
                self.size += len(stored.raw) + 1
        return lines


class _Output(Protocol):
    """Where lines go: once all are `complete` they `appear` to others. `discard` is called last in any case."""

    def open(self) -> None: ...
    def write(self, data: bytes) -> None: ...
    def complete(self) -> None: ...
    def appear(self) -> None: ...
    def discard(self) -> None: ...


class _StreamOutput:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._name = str(getattr(stream, "name", "the stream"))

    def open(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        with _writable(self._name):
            self._stream.write(data)

    def complete(self) -> None:
        with _writable(self._name):
            self._stream.flush()

    def appear(self) -> None:
        pass

    def discard(self) -> None:
        pass


class FileOutput:
    """A file that is written under another name beside its place and moved there when it is on the disk."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        self._name = str(path)
        self._path = path
        self._temporary = path
        self._overwrite = overwrite
        self._file: IO[bytes] | None = None
        self._text: IO[bytes] | gzip.GzipFile | None = None

    def open(self) -> None:
        with _writable(self._name):
            # A link stays a link; what it points to is replaced.
            self._path = self._path.resolve()
        self._temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.part")
        if self._path.is_dir():
            raise TransferError(self._name, "it is a folder, not a file")
        if self._path.exists() and not self._overwrite:
            raise self._exists()
        with _writable(self._name):
            self._file = self._text = self._temporary.open("xb")
            if self._path.suffix.lower() == ".gz":
                # Neither name nor time in the header: the same events give the same file.
                self._text = gzip.GzipFile(filename="", mode="wb", fileobj=self._file, mtime=0)

    def write(self, data: bytes) -> None:
        assert self._text is not None
        with _writable(self._name):
            self._text.write(data)

    def complete(self) -> None:
        assert self._text is not None
        assert self._file is not None
        with _writable(self._name):
            if self._text is not self._file:
                self._text.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def appear(self) -> None:
        with _writable(self._name):
            self._move()
            _sync_folder(self._path.parent)

    def discard(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _move(self) -> None:
        if not self._overwrite:
            # A second name fails where a file came to be meanwhile; a rename would replace it.
            try:
                os.link(self._temporary, self._path)
                return
            except FileExistsError:
                raise self._exists() from None
            except OSError:
                if self._path.exists():
                    raise self._exists() from None
        self._temporary.replace(self._path)

    def _exists(self) -> TransferError:
        return TransferError(self._name, "the file exists and was left as it is; choose another name")


def _sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` survive a power loss; Windows has no such thing for folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _writable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransferError(name, f"it cannot be written ({_cause(error)})") from error


def _cause(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


async def _in_thread(work: Callable[[], _T]) -> _T:
    """`work` in a worker thread; when cancelled, only after it is done, since it uses what is closed next."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # heard, though nobody is left to be told
        raise
