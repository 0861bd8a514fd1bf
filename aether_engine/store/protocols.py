"""What every store offers. Applications ask for the smallest of these that they need.

`InMemoryEventStore`, `SQLiteEventStore` and every later sibling implement all of them with one meaning; the
contract suite in `aether_engine.testing` is the arbiter. What only some offer is in `offers`, and can be had here
too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol, runtime_checkable

from aether_engine.event import (
    ActorInfo,
    ActorSnapshot,
    Event,
    NamespaceInfo,
    ReplayResult,
    StoredEvent,
    StoreWarning,
)
from aether_engine.store.offers import (
    ActorDirectory,
    BulkWriter,
    CountsActors,
    CountsByTime,
    FindsIds,
    IdIndex,
    KnowsMissing,
    PreparesScans,
    PromptDirectory,
    Scannable,
    SequenceReader,
    Sieve,
    SieveDepth,
    Sifted,
    SnapshotLog,
    StoredSnapshot,
    StreamIndex,
    TraceAnswer,
    TraceIndexed,
    TraceKey,
    TraceMatches,
    TypeIndex,
)
from aether_engine.store.write_gate import WriteGate

__all__ = [
    "MAX_BATCH",
    "ActorDirectory",
    "Backend",
    "BulkWriter",
    "CountsActors",
    "CountsByTime",
    "EventLog",
    "EventStore",
    "EventStoreWithErrors",
    "FindsIds",
    "IdIndex",
    "KnowsMissing",
    "LinkStatus",
    "Linked",
    "LogEnd",
    "PreparesScans",
    "PromptDirectory",
    "Publish",
    "Scannable",
    "SequenceReader",
    "Sieve",
    "SieveDepth",
    "Sifted",
    "SnapshotLog",
    "SnapshotStore",
    "Store",
    "StoredSnapshot",
    "StreamIndex",
    "TraceAnswer",
    "TraceIndexed",
    "TraceKey",
    "TraceMatches",
    "TypeIndex",
]

#: Most events one `save_events` takes; also the largest atomic batch of a JetStream server.
MAX_BATCH: Final = 1000

#: How a store tells its engine that events were stored, in order and after the write.
Publish = Callable[[str, Sequence[tuple[int, Event]]], None]


@runtime_checkable
class EventStore(Protocol):
    """What an application needs to save and to rebuild actors.

    Every method of a store, in this and the other protocols, raises `StoreUnavailableError` where the storage
    cannot be reached or its engine was closed, and `CorruptStoreError` where it is damaged as a whole.
    """

    @property
    def namespace(self) -> str:
        """The name of the namespace whose events these are."""
        ...

    async def save_event(self, event: Event) -> int:
        """Store `event` durably and return its sequence.

        Raises `InvalidEventError`, `ReadOnlyError`, `VersionConflictError`, `DuplicateEventError`, in this
        order of checking, or `OutcomeUnknownError` / `StoreUnavailableError`. Nothing is retried.
        """
        ...

    async def get_latest_version(self, actor_id: str) -> int:
        """The highest version of the actor, 0 if it has no events."""
        ...

    async def get_events(self, actor_id: str, from_version: int = 0) -> list[Event]:
        """The readable events with `version >= from_version`, by version; corrupted ones are skipped."""
        ...


@runtime_checkable
class EventStoreWithErrors(EventStore, Protocol):
    """For whoever must know what could not be read."""

    async def get_events_with_errors(self, actor_id: str, from_version: int = 0) -> ReplayResult:
        """As `get_events`, with the corrupted events beside the readable ones."""
        ...


@runtime_checkable
class SnapshotStore(Protocol):
    """Snapshots: optional, apart from events, replaced by saving the same version again."""

    async def save_snapshot(self, snapshot: ActorSnapshot) -> None:
        """Store `snapshot`, in place of one of the same actor and version.

        Raises `InvalidEventError` (of the kind "snapshot") and `ReadOnlyError`. Whether there are events up to its
        version is not asked.
        """
        ...

    async def get_latest_snapshot(self, actor_id: str) -> ActorSnapshot | None:
        """The readable snapshot with the highest version, None if there is none."""
        ...


@runtime_checkable
class EventLog(Protocol):
    """What an inspector needs on top: the whole log, damaged places included."""

    async def save_events(self, events: Sequence[Event]) -> list[int]:
        """Store all of at most `MAX_BATCH` events or none; returns their sequences in order.

        Raises what `save_event` raises for the first event that is refused, and `InvalidEventError` for more
        events than that.
        """
        ...

    async def last_sequence(self) -> int:
        """The highest sequence handed out, 0 in an empty namespace."""
        ...

    def read(
        self, *, from_sequence: int = 1, to_sequence: int | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """The log in sequence order, damaged places included, in batches of at most `batch_size` and never empty.

        Both ends are inclusive; without `to_sequence` it ends where the log ended when the read began. What lies
        outside the log is just not there.
        """
        ...

    def read_actor(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """One actor's stream from `from_version` on, in version order, damaged events included.

        In batches of at most `batch_size`, which are never empty.
        """
        ...

    async def actors(self, *, prefix: str = "", after: str | None = None, limit: int = 1000) -> list[ActorInfo]:
        """Actors by `actor_id` (code point order) whose id starts with `prefix` and sorts behind `after`.

        At most `limit`: pages are gone through by giving the last id of one as `after` of the next.
        """
        ...

    def tail(self, *, after_sequence: int | None = None) -> AsyncIterator[list[StoredEvent]]:
        """Endless, gap-free and in order: all behind `after_sequence`, or only what comes after this call.

        It goes on across lost connections and sees what other processes store; it ends with the engine. What the
        store itself has lost stands in it as an error.
        """
        ...

    async def snapshots(self, actor_id: str) -> list[ActorSnapshot]:
        """All readable snapshots of the actor, by version."""
        ...


class Store(EventStoreWithErrors, SnapshotStore, EventLog, Protocol):
    """All four protocols together: what `engine.store()` returns."""


class LinkStatus(Protocol):
    """A connection to servers, for whoever shows its state."""

    @property
    def state(self) -> str:
        """`connecting`, `up`, `down` (tried again without end), `refused` (the login, likewise) or `closed`."""
        ...

    @property
    def reason(self) -> str:
        """Why it is not up, in words without secrets; empty while it is."""
        ...

    def on_change(self, listener: Callable[[LinkStatus], None]) -> Callable[[], None]:
        """Have `listener` called in the event loop after each change; returns what ends that."""
        ...


@runtime_checkable
class Linked(Protocol):
    """A backend that lives elsewhere."""

    @property
    def link(self) -> LinkStatus: ...

    async def foreign_streams(self) -> list[str]:
        """Names of what is there and is not ours: never read, never written."""
        ...

    def let_go(self, namespace: str) -> None:
        """A namespace vanished: its store is kept only as long as others have it."""
        ...


class LogEnd(NamedTuple):
    """Where the log of a namespace ends at a moment, and when its first event was recorded.

    `identity` tells the log from one that had its name before, where that can be.
    """

    last_sequence: int
    first_recorded_at: datetime | None
    identity: str = ""


class Backend(Protocol):
    """What `Engine` needs of a kind of storage: its namespaces, and a store for each."""

    @property
    def gate(self) -> WriteGate:
        """What each write of its stores passes before it is accepted."""
        ...

    @property
    def warnings(self) -> list[StoreWarning]: ...

    async def namespaces(self) -> list[NamespaceInfo]:
        """Existing namespaces by name."""
        ...

    async def ends(self, namespace_pattern: str) -> dict[str, LogEnd]:
        """Where the logs of matching namespaces end now; those of others may be among them."""
        ...

    async def store(self, namespace: str) -> Store:
        """The store of a namespace, the same object each time; it comes to exist by its first save."""
        ...

    def change_count(self) -> int:
        """A number that rises with every write that was noticed, also those of other processes."""
        ...

    async def wait_for_change(self, count: int) -> None:
        """Return once `change_count()` exceeds `count`, or when the backend closes."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go of every resource. Idempotent."""
        ...
