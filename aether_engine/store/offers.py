"""What a store may offer on top: lists in any order, indexes, single places, loads of any length, scans.

Whoever wants one of these asks with `isinstance` and does without where a store has none. Each means the same on
every store that offers it; the contract suite in `aether_engine.testing` tries most of those it finds.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from aether_engine.event import (
    ActorInfo,
    ActorOrder,
    ActorSnapshot,
    Event,
    StoredEvent,
)
from aether_engine.moments import TimeCount

if TYPE_CHECKING:
    from asyncio import Future


@runtime_checkable
class ActorDirectory(Protocol):
    """Stores whose list of actors can be counted, ordered and entered anywhere."""

    async def actor_count(self, *, prefix: str = "", pattern: str = "") -> int:
        """How many actors there are whose id starts with `prefix` and matches `pattern`, if one is given."""
        ...

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
        """As `EventLog.actors`: those that also match `pattern` (`match_actor_pattern`), in `order`, without the
        first `offset`.

        `after` is a place in the order of names, in its direction; in other orders only ids above it are taken.
        Orders other than that of names look at every actor.
        """
        ...


@runtime_checkable
class CountsActors(Protocol):
    """Stores that know how many events each actor has without reading any actor's events."""

    def actor_counts(
        self, *, prefix: str = "", after: str | None = None, pattern: str = ""
    ) -> AsyncIterator[list[tuple[str, int]]]:
        """Id and number of events of every actor, by id and in parts.

        Of those that start with `prefix`, sort behind `after` and match `pattern`, where these are given. What
        else `EventLog.actors` tells stands in the last event of each, which a server has to be asked for.
        """
        ...


@runtime_checkable
class PromptDirectory(Protocol):
    """Directories that look for actors while whoever asked still paints what was typed."""

    def begin_actors(
        self, *, prefix: str, pattern: str, order: ActorOrder, descending: bool, limit: int
    ) -> Future[Sequence[ActorInfo]]:
        """As `ActorDirectory.actors`, under way when this returns; each may be made when it is looked at.

        Raises `StoreUnavailableError` at once.
        """
        ...


@runtime_checkable
class SequenceReader(Protocol):
    """Stores that find single events of the log at once, for whoever shows some of very many."""

    def read_sequences(
        self, sequences: Sequence[int], *, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredEvent]]:
        """The events at `sequences`, in their order, damaged ones included; where there is none, none comes."""
        ...


@runtime_checkable
class IdIndex(Protocol):
    """Stores that know without reading the log where an event with an id is."""

    async def find_ids(self, ids: Collection[str]) -> list[int] | None:
        """The sequences of the events with these ids, rising; None if that cannot be told."""
        ...


@runtime_checkable
class TypeIndex(Protocol):
    """Stores that know their event types without reading the log."""

    async def event_types(self, *, limit: int | None = None, beginning: str = "", holding: str = "") -> list[str]:
        """The event types there are, perhaps with some of other namespaces of the same place.

        With a `limit` no more than the first ones by name: there may be millions. Such that begin with `beginning`
        are found at once; `holding` looks through all for those that hold this text, in capitals or not, and has
        those first that begin with it.
        """
        ...


@runtime_checkable
class StreamIndex(Protocol):
    """Stores that know an actor's versions without reading its events."""

    def places(
        self, actor_id: str, *, from_version: int = 0, batch_size: int = 10_000
    ) -> AsyncIterator[list[tuple[int, int]]]:
        """Version and sequence of every event that `read_actor` would read, in the same order.

        That of a damaged event is the version under which it was stored.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot as it is stored. Exactly one of `snapshot` and `error` is set.

    `actor_id` and `version` are those it is stored under, "" and 0 where that is not known; `raw` are its bytes,
    empty where they are lost.
    """

    actor_id: str
    version: int
    raw: bytes
    snapshot: ActorSnapshot | None
    error: Exception | None


@runtime_checkable
class SnapshotLog(Protocol):
    """Stores that list the snapshots of all actors, damaged ones included."""

    def read_snapshots(
        self, *, actor_id: str | None = None, batch_size: int = 1000
    ) -> AsyncIterator[list[StoredSnapshot]]:
        """Every snapshot of the namespace, or of one actor, that is stored now; of each version the latest one."""
        ...


@runtime_checkable
class FindsIds(Protocol):
    """Stores that find an event by its id without reading their log."""

    async def sequence_of(self, event_id: str) -> int | None:
        """Where the event with this id is, None if there is none."""
        ...


@runtime_checkable
class KnowsMissing(Protocol):
    """Stores whose log can lose single places, and that know which."""

    def missing_sequences(self) -> AsyncGenerator[tuple[int, int], None]:
        """The first and last sequence of every stretch that is not there any more, rising."""
        ...


@runtime_checkable
class BulkWriter(Protocol):
    """Stores that can take a load of any length as one: all of it or nothing."""

    async def save_all(
        self, batches: AsyncIterable[Sequence[Event]], *, progress: Callable[[int], None] | None = None
    ) -> int:
        """Store every event of every batch in one transaction; returns how many. `progress` hears the count.

        Raises as `save_event` does, for the first event refused; then, as after cancelling, nothing is stored.
        """
        ...


class TraceKey(StrEnum):
    """What events are related by."""

    ID = "id"
    CAUSATION = "causation"
    CORRELATION = "correlation"


@dataclass(frozen=True, slots=True)
class TraceMatches:
    """The events that have one key: rising sequences, of very many the nearest ones, and how many there are."""

    sequences: list[int]
    total: int


@dataclass(frozen=True, slots=True)
class TraceAnswer:
    """An index's answer to each question, and how far into the log that is all there is.

    What lies behind `searched_to` may hold more: an index may lag behind its log, or not be there yet.
    """

    matches: list[TraceMatches]
    searched_to: int


@runtime_checkable
class TraceIndexed(Protocol):
    """Stores that know without reading the log which events have an id, a cause or a correlation."""

    async def find_traced(self, wanted: Sequence[tuple[TraceKey, str]], *, near: int, limit: int) -> TraceAnswer:
        """For each key and value the events that have it; of more than `limit` those nearest to `near`.

        Every event up to `searched_to` was considered, and none behind it.
        """
        ...


@runtime_checkable
class CountsByTime(Protocol):
    """Stores that can count their log by the events' own times without handing out each event."""

    async def count_by_time(self, first: int, last: int, width: int) -> list[TimeCount]:
        """Every event at sequences `first` to `last` by type and span of `width` milliseconds.

        `width` divides a second, or is whole seconds.
        """
        ...

    async def sample_times(self, sequences: Sequence[int], width: int) -> list[TimeCount]:
        """The events at `sequences`, each as a count of one; what cannot be read is left out."""
        ...


class SieveDepth(Enum):
    """How closely a scan looks at what it finds."""

    #: Events are judged by their bytes; whether these can be trusted is not looked at.
    BYTES = "bytes"
    #: What is selected by its bytes is then read with every check, and judged again.
    SELECTED = "selected"
    #: Every event is read with every check.
    ALL = "all"


class Sieve(Protocol):
    """What a scan looks for. It goes to other processes, and so it pickles."""

    @property
    def depth(self) -> SieveDepth: ...

    @property
    def needs_times(self) -> bool:
        """Whether `select` wants to know when events were recorded."""
        ...

    @property
    def versions(self) -> Sequence[tuple[int, int]]:
        """Ranges outside of which no version passes, ends included; none if that is not so simple."""
        ...

    @property
    def times(self) -> Sequence[tuple[int, int]]:
        """So for when events were recorded, in microseconds since 1970."""
        ...

    def refuses_type(self, name: str) -> bool:
        """Whether no event of this type passes."""
        ...

    def select(self, raws: Sequence[bytes], sequences: Sequence[int], times: Sequence[int]) -> list[int]:
        """The indexes of the events to take, which are stored at `sequences`.

        `times` are microseconds since 1970, or nothing if they are not needed. Not asked at depth `ALL`.
        """
        ...

    def matches(self, stored: StoredEvent) -> bool:
        """Whether to take an event that was read with every check, or that cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a scan found on its way to sequence `searched_to`, since it last said how far it is."""

    sequences: array[int]
    searched_to: int


@runtime_checkable
class Scannable(Protocol):
    """Stores that search their log faster than it can be read: elsewhere, and only as far as is needed."""

    def scan(self, sieve: Sieve, *, from_sequence: int, to_sequence: int) -> AsyncGenerator[Sifted, None]:
        """The sequences in the range that pass, in their order; the last `searched_to` is `to_sequence`.

        What is handed over rests with whoever asks: the scan waits for him, and ends when it is closed.
        """
        ...


@runtime_checkable
class PreparesScans(Protocol):
    """Stores whose first scan would begin with what takes a moment."""

    async def prepare_scan(self, sieve: Sieve) -> None:
        """A scan with a sieve like this one will begin soon: get ready for it, behind whatever else goes on."""
        ...
