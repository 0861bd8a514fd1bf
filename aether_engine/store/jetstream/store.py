"""The store in NATS JetStream: a stream for each namespace, shared with whoever else reads and writes it.

What each part does: `link` connects, `api` asks, `layout` names, `stream` judges settings, `namespace` finds and
creates the stream, `reader` and `pull` read, `heads` remembers versions, `publish` and `writer` save, `tail`
follows, `actors` lists.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Sequence
from typing import Final, TypeVar

from aether_engine.closing import closing
from aether_engine.codec import decode_event, decode_snapshot, encode_event, encode_snapshot
from aether_engine.errors import (
    InvalidEventError,
    MisplacedEventError,
    ReadOnlyError,
    StoreUnavailableError,
)
from aether_engine.event import (
    ActorInfo,
    ActorOrder,
    ActorSnapshot,
    Event,
    ReplayResult,
    StoredEvent,
    StoreWarning,
)
from aether_engine.store.jetstream.api import Api, Message
from aether_engine.store.jetstream.bulk import Load
from aether_engine.store.jetstream.locks import SubjectLocks
from aether_engine.store.jetstream.namespace import NamespaceStream, OpenedStream
from aether_engine.store.jetstream.publish import Publisher
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.jetstream.refusals import Save
from aether_engine.store.jetstream.tail import JetStreamTail
from aether_engine.store.jetstream.writer import StreamGoneError, StreamWriter
from aether_engine.store.protocols import MAX_BATCH, Publish, StoredSnapshot
from aether_engine.store.write_gate import WriteGate

# How often a save that finds its stream gone makes it again before it gives up.
_REBIRTHS: Final = 3
_RETRY_SECONDS: Final = 0.2

_T = TypeVar("_T")


class JetStreamEventStore:
    """One namespace. Implements every protocol of a store; a stream comes to exist by the first save."""

    def __init__(
        self,
        namespace: str,
        api: Api,
        *,
        publisher: Publisher | None,
        publish: Publish | None,
        warn: Callable[[Sequence[StoreWarning]], None],
        on_change: Callable[[bool], None],
        gate: WriteGate,
    ) -> None:
        self._namespace = namespace
        self._api = api
        self._link = api.link
        self._options = api.link.options
        self._layout = self._options.layout
        self._current = NamespaceStream(namespace, api, warn)
        self._stream = self._current.name
        self._publisher = publisher
        self._gate = gate
        self._publish = publish
        self._on_change = on_change
        self._locks = SubjectLocks()
        # Beginnings of tails that are being looked up: a save waits for them, so that it counts as "after".
        self._beginnings: set[asyncio.Task[int]] = set()
        self._tails: weakref.WeakSet[JetStreamTail] = weakref.WeakSet()
        self._births: weakref.WeakSet[asyncio.Event] = weakref.WeakSet()
        self._saving = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def namespace(self) -> str:
        """See `EventStore.namespace`."""
        return self._namespace

    # --- Saving -------------------------------------------------------------------------------------------

    async def save_event(self, event: Event) -> int:
        """See `EventStore.save_event`."""
        save = self._save_of(event)
        await self._may_write()
        return await self._writing(lambda writer: writer.save(save))

    async def save_events(self, events: Sequence[Event]) -> list[int]:
        """See `EventLog.save_events`."""
        if len(events) > MAX_BATCH:
            raise InvalidEventError(
                "", f"{len(events):,} events came in one batch; {MAX_BATCH:,} are allowed", kind="batch"
            )
        saves = [self._save_of(event) for event in events]
        await self._may_write()
        if not saves:
            return []

        async def save(writer: StreamWriter) -> list[int]:
            if len(saves) > 1 and not self._is_atomic():
                raise writer.no_batches()
            return await writer.save_batch(saves)

        return await self._writing(save)

    async def save_all(
        self, batches: AsyncIterable[Sequence[Event]], *, progress: Callable[[int], None] | None = None
    ) -> int:
        """As `BulkWriter.save_all`, with one exception that JetStream dictates: see `IncompleteLoadError`."""
        await self._may_write()
        load = Load()
        async for batch in batches:
            saves = [self._save_of(event) for event in batch]
            opened = await self._current.open()
            await load.add(saves, None if opened is None else self._writer_of(opened))
        if not load.saves:
            return 0

        async def store(writer: StreamWriter) -> int:
            return await load.store(writer, progress, atomic=self._is_atomic())

        return await self._writing(store)

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """See `SnapshotStore.save_snapshot`."""
        raw = encode_snapshot(snapshot)
        if snapshot._raw is None:
            decode_snapshot(raw)
        subject = self._layout.snapshot_subject(self._stream, snapshot.actor_id)
        await self._may_write()
        await self._writing(lambda writer: writer.save_snapshot(subject, raw))

    # --- Reading ------------------------------------------------------------------------------------------

    async def get_latest_version(self, actor_id: str) -> int:
        """See `EventStore.get_latest_version`."""
        opened = await self._current.open()
        if opened is None:
            return 0
        head = await opened.heads.current(self._layout.event_subject(self._stream, actor_id))
        return head.version(actor_id)

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """See `EventStore.get_events`."""
        return (await self.get_events_with_errors(actor_id, from_version)).events

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """See `EventStoreWithErrors.get_events_with_errors`."""
        return await ReplayResult.of(self.read_actor(actor_id, from_version=from_version))

    async def get_latest_snapshot(self, actor_id: str) -> ActorSnapshot | None:
        """See `SnapshotStore.get_latest_snapshot`."""
        snapshots = await self.snapshots(actor_id)
        return snapshots[-1] if snapshots else None

    async def snapshots(self, actor_id: str) -> list[ActorSnapshot]:
        """See `EventLog.snapshots`."""
        opened = await self._current.open()
        if opened is None:
            return []
        subject = self._layout.snapshot_subject(self._stream, actor_id)
        by_version: dict[int, ActorSnapshot] = {}
        async for messages in opened.reader.on_subject(subject):
            for message in messages:
                with contextlib.suppress(InvalidEventError):  # `read_snapshots` tells of it
                    snapshot = decode_snapshot(message.data)
                    if snapshot.actor_id == actor_id:
                        by_version[snapshot.version] = snapshot
        return [by_version[version] for version in sorted(by_version)]

    async def read_snapshots(
        self, *, actor_id: str | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredSnapshot]]:
        """See `SnapshotLog.read_snapshots`."""
        opened = await self._current.open()
        if opened is None:
            return
        if actor_id is None:
            subject = self._layout.all_snapshots(self._stream)
        else:
            subject = self._layout.snapshot_subject(self._stream, actor_id)
        # A snapshot is replaced by a later message: which one is the last is known at the end.
        last: dict[tuple[str, int], int] = {}
        async for messages in opened.reader.on_subject(subject):
            for message in messages:
                stored = self._stored_snapshot(message)
                if stored.snapshot is not None:
                    last[stored.actor_id, stored.version] = message.sequence
        async for messages in opened.reader.on_subject(subject):
            page = [
                stored
                for message in messages
                for stored in (self._stored_snapshot(message),)
                if (stored.snapshot is None or last.get((stored.actor_id, stored.version)) == message.sequence)
                and (actor_id is None or stored.actor_id == actor_id)
            ]
            for start in range(0, len(page), max(batch_size, 1)):
                yield page[start : start + max(batch_size, 1)]
                await asyncio.sleep(0)

    def _stored_snapshot(self, message: Message) -> StoredSnapshot:
        token = self._layout.actor_token(message.subject)
        try:
            snapshot = decode_snapshot(message.data)
            belongs = self._layout.snapshot_subject(self._stream, snapshot.actor_id)
        except InvalidEventError as error:
            return StoredSnapshot(token, 0, message.data, None, error)
        if belongs != message.subject:
            misplaced = MisplacedEventError("subject", message.subject, snapshot.actor_id)
            return StoredSnapshot(token, snapshot.version, message.data, None, misplaced)
        return StoredSnapshot(snapshot.actor_id, snapshot.version, message.data, snapshot, None)

    async def last_sequence(self) -> int:
        """See `EventLog.last_sequence`."""
        opened = await self._current.open()
        return 0 if opened is None else await opened.reader.last_sequence()

    async def read(
        self, *, from_sequence: int = 1, to_sequence: int | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.read`."""
        opened = await self._current.open()
        if opened is None:
            return
        last = await opened.reader.last_sequence()
        if to_sequence is not None:
            last = min(last, to_sequence)
        first = max(from_sequence, 1)
        if first <= last:
            async with closing(_in_batches(opened.reader.stretch(first, last), batch_size)) as batches:
                async for batch in batches:
                    yield batch

    async def read_actor(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.read_actor`."""
        opened = await self._current.open()
        if opened is None:
            return
        async with closing(_in_batches(opened.reader.actor(actor_id, from_version), batch_size)) as batches:
            async for batch in batches:
                yield batch

    async def read_sequences(
        self, sequences: Sequence[int], *, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """See `SequenceReader.read_sequences`."""
        opened = await self._current.open()
        if opened is not None:
            async with closing(_in_batches(opened.reader.at(sequences), batch_size)) as batches:
                async for batch in batches:
                    yield batch

    async def missing_sequences(self) -> AsyncGenerator[tuple[int, int], None]:
        """See `KnowsMissing.missing_sequences`; those of snapshots are among them."""
        opened = await self._current.open()
        if opened is not None:
            for stretch in await self._api.missing(self._stream):
                yield stretch

    async def actors(
        self,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int = 1000,
        pattern: str = "",
        order: ActorOrder = ActorOrder.NAME,
        descending: bool = False,
        offset: int = 0,
    ) -> list[ActorInfo]:
        """See `ActorDirectory.actors`."""
        opened = await self._current.open()
        if opened is None:
            return []
        return await opened.index.page(prefix, after, limit, pattern, order, descending, offset)

    async def actor_count(self, *, prefix: str = "", pattern: str = "") -> int:
        """See `ActorDirectory.actor_count`."""
        opened = await self._current.open()
        return 0 if opened is None else await opened.index.count(prefix, pattern)

    async def actor_counts(
        self, *, prefix: str = "", after: str | None = None, pattern: str = ""
    ) -> AsyncGenerator[list[tuple[str, int]], None]:
        """See `CountsActors.actor_counts`."""
        opened = await self._current.open()
        if opened is not None:
            async for part in opened.index.counts(prefix, after, pattern):
                yield part

    def tail(self, *, after_sequence: int | None = None) -> AsyncIterator[list[StoredEvent]]:
        """See `EventLog.tail`."""
        born = asyncio.Event()
        self._births.add(born)
        start: int | asyncio.Task[int]
        if after_sequence is None:
            start = self._own(self._beginning(), self._beginnings)
        else:
            start = max(after_sequence, 0)
        tail = JetStreamTail(self._link, self._fresh_reader, start, born)
        self._tails.add(tail)
        return tail

    # --- For the backend ------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Find the stream if it exists: warns of its settings, raises if it is not this namespace's."""
        await self._current.open()

    def look_again(self) -> None:
        """The stream was created, changed or deleted: what is known of it has to be looked at anew."""
        self._current.look_again()
        self.wake_tails()

    async def close(self) -> None:
        """Let the saves that were accepted finish, for a moment, and end the tails."""
        with contextlib.suppress(TimeoutError):  # they end with the link, and say so to their savers
            async with asyncio.timeout(1.0 if self._link.is_up else 0):
                await self._idle.wait()
        for task in self._beginnings:
            task.cancel()
        await asyncio.gather(*self._beginnings, return_exceptions=True)
        for tail in list(self._tails):
            await tail.aclose()
        if self._current.opened is not None:
            self._current.opened.index.close()

    def wake_tails(self) -> None:
        """Something is there that tails may be waiting for: the stream, or the end."""
        for born in self._births:
            born.set()

    # --- Parts --------------------------------------------------------------------------------------------

    def _save_of(self, event: Event) -> Save:
        raw = encode_event(event)
        # As it will be read back, and no longer the caller's.
        checked = event if event._raw is not None else decode_event(raw)
        return Save(checked, raw, self._layout.event_subject(self._stream, event.actor_id))

    async def _may_write(self) -> None:
        if self._publisher is None:
            raise ReadOnlyError(self._api.url)
        await self._gate.pass_through(self._namespace)
        if self._link.closed:
            raise StoreUnavailableError(self._api.url, "the engine was closed")

    def _is_atomic(self) -> bool:
        opened = self._current.opened
        return opened is None or opened.is_atomic

    async def _writing(self, work: Callable[[StreamWriter], Coroutine[object, object, _T]]) -> _T:
        """`work` with a writer of the stream, which is created if it is not there."""
        self._saving += 1
        self._idle.clear()
        try:
            if self._beginnings:
                await asyncio.wait(self._beginnings, timeout=self._options.request_timeout)
            for _ in range(_REBIRTHS):
                opened = await self._current.open()
                if opened is None:
                    opened, is_new = await self._current.create()
                    if is_new:
                        self._on_change(True)
                        self.wake_tails()
                try:
                    result = await work(self._writer_of(opened))
                except StreamGoneError:
                    self._current.gone(opened)
                    continue
                self._on_change(False)
                return result
            raise StoreUnavailableError(
                self._api.url, f"stream {self._stream} is deleted again and again; nothing was stored"
            )
        finally:
            self._saving -= 1
            if not self._saving:
                self._idle.set()

    def _writer_of(self, opened: OpenedStream) -> StreamWriter:
        if opened.writer is None:
            assert self._publisher is not None
            opened.writer = StreamWriter(
                self._api, opened.reader, opened.heads, self._publisher, self._announce, self._locks
            )
        return opened.writer

    def _announce(self, stored: Sequence[tuple[int, Event]]) -> None:
        if self._publish is not None:
            self._publish(self._namespace, stored)

    async def _fresh_reader(self) -> StreamReader | None:
        """The reader of the stream as it is now, for a tail that begins a run."""
        opened = await self._current.open_anew()
        return None if opened is None else opened.reader

    async def _beginning(self) -> int:
        """Where "now" is; while the servers are away nothing is stored, so it is when they are back."""
        while True:
            try:
                return await self.last_sequence()
            except StoreUnavailableError as error:
                if self._link.closed or not error.passing:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)

    def _own(self, work: Coroutine[object, object, int], owner: set[asyncio.Task[int]]) -> asyncio.Task[int]:
        task = asyncio.create_task(work, name="aether-tail-beginning")
        owner.add(task)
        task.add_done_callback(owner.discard)
        # A failure is told to the tail that awaits it, and to nobody if there is none any more.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task


async def _in_batches(pages: AsyncIterator[list[StoredEvent]], size: int) -> AsyncIterator[list[StoredEvent]]:
    """`pages` cut to at most `size` rows."""
    size = max(size, 1)
    # Closed at each level: what is only dropped cannot tell the server that nobody reads on.
    async with closing(pages):
        async for page in pages:
            for start in range(0, len(page), size):
                yield page[start : start + size] if len(page) > size else page
                await asyncio.sleep(0)
