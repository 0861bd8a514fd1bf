"""The values of the domain: frozen, compared by content, safe to hand between threads.

Bytes are the truth. A value decoded from bytes remembers them and encodes to those very bytes; a derived
value (`with_…`) edits the bytes in place, so that unknown keys and the spelling of every number survive.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

from msgspec import Meta, Struct, field

#: Highest version an actor can reach: versions are int64.
MAX_VERSION = 2**63 - 1

CORRELATION_ID = "CorrelationID"
CAUSATION_ID = "CausationID"
USER_ID = "UserID"
TRACE_ID = "TraceID"
SPAN_ID = "SpanID"


def _now() -> datetime:
    return datetime.now(UTC)


# A replay makes two such objects per event, and to make a frozen dataclass takes longer than to decode and check
# an event: so they are structs, which are made in C. `_dataclass` makes them dataclasses as well, for whoever uses
# `dataclasses.replace` or `fields` or expects a `FrozenInstanceError`.
_dataclass = dataclass(frozen=True, init=False, repr=False, eq=False, match_args=False)


# What the codec's decoder checks while it reads an event. Making one checks nothing.
_Text = Annotated[str, Meta(min_length=1)]
_Version = Annotated[int, Meta(gt=0, le=MAX_VERSION)]
_Moment = Annotated[datetime, Meta(tz=True)]


# Not tracked by the garbage collector: what JSON can hold has no cycles.
class Event(
    Struct,
    frozen=True,
    eq=False,
    gc=False,
    rename={"event_type": "eventType", "actor_id": "actorId", "command_id": "commandId", "_raw": " raw"},
    forbid_unknown_fields=True,
):
    """An immutable fact about one actor.

    `id`, `event_type` and `actor_id` are texts of at least one character. `version` is the caller's: an int64
    above 0, higher than the actor's current one, gaps allowed. `data` is a JSON object, `metadata` an object of
    texts. `timestamp` is when it happened and must be aware; the exact text of a decoded one (nanoseconds, offset)
    stays in the bytes of `to_json`. `command_id` names the command that caused it, "" if none did.

    Making one checks nothing: saving and encoding do, with `InvalidEventError`.
    """

    id: _Text
    event_type: _Text
    actor_id: _Text
    version: _Version
    data: dict[str, Any]
    metadata: dict[str, str] = field(default_factory=dict)
    timestamp: _Moment = field(default_factory=_now)
    command_id: str = ""
    # The bytes this event was decoded from; the codec sets them, and `dataclasses.replace` drops them.
    _raw: bytes | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return _content(self) == _content(other)

    def __hash__(self) -> int:
        return hash((self.id, self.actor_id, self.version))

    def __repr__(self) -> str:
        names = self.__struct_fields__[:-1]
        return f"Event({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    # `codec` depends on this module; these methods are where the cycle is closed, on purpose and at call time.
    @staticmethod
    def from_json(raw: bytes) -> Event:
        """Decode the wire form; raises `InvalidEventError` naming the field and what was found."""
        from aether_engine import codec

        return codec.decode_event(raw)

    def to_json(self) -> bytes:
        """The wire form; of a decoded event the very bytes it came from. Raises `InvalidEventError`."""
        from aether_engine import codec

        return codec.encode_event(self)

    def get_metadata(self, key: str, default: str = "") -> str:
        """The metadata value under `key`, `default` without one."""
        return self.metadata.get(key, default)

    def with_metadata(self, /, **pairs: str) -> Event:
        """This event with `pairs` added to its metadata, replacing equal keys, and every other byte as it was.

        Raises `InvalidEventError` if this one is not valid or a value is no text; so do its siblings.
        """
        return self._with_metadata(pairs)

    def with_metadata_from(self, other: Event) -> Event:
        """This event with all metadata of `other` added, replacing equal keys."""
        return self._with_metadata(other.metadata)

    def with_correlation_id(self, correlation_id: str) -> Event:
        """This event as part of the conversation `correlation_id`."""
        return self._with_metadata({CORRELATION_ID: correlation_id})

    def with_causation_id(self, causation_id: str) -> Event:
        """This event as an effect of the event or command `causation_id`."""
        return self._with_metadata({CAUSATION_ID: causation_id})

    def with_user_id(self, user_id: str) -> Event:
        """This event as done by `user_id`."""
        return self._with_metadata({USER_ID: user_id})

    def with_trace_id(self, trace_id: str) -> Event:
        """This event as part of the distributed trace `trace_id`."""
        return self._with_metadata({TRACE_ID: trace_id})

    def with_span_id(self, span_id: str) -> Event:
        """This event as part of the span `span_id`."""
        return self._with_metadata({SPAN_ID: span_id})

    def with_version(self, version: int) -> Event:
        """This event at another version and otherwise as written: what a rebase stores.

        Raises `InvalidEventError` for what is no version.
        """
        from aether_engine import codec

        return codec.replace_field(self, "version", version)

    @property
    def correlation_id(self) -> str:
        """The conversation it belongs to, "" where that is not said."""
        return self.get_metadata(CORRELATION_ID)

    @property
    def causation_id(self) -> str:
        """The id of the event or command it follows from, "" where that is not said."""
        return self.get_metadata(CAUSATION_ID)

    @property
    def user_id(self) -> str:
        """Who did it, "" where that is not said."""
        return self.get_metadata(USER_ID)

    @property
    def trace_id(self) -> str:
        """The distributed trace it belongs to, "" where that is not said."""
        return self.get_metadata(TRACE_ID)

    @property
    def span_id(self) -> str:
        """Its span in the trace, "" where that is not said."""
        return self.get_metadata(SPAN_ID)

    def _with_metadata(self, pairs: Mapping[str, str]) -> Event:
        from aether_engine import codec

        return codec.replace_field(self, "metadata", {**self.metadata, **pairs})


def _content(event: Event) -> tuple[object, ...]:
    return (
        event.id,
        event.event_type,
        event.actor_id,
        event.version,
        event.data,
        event.metadata,
        event.timestamp,
        event.command_id,
    )


_dataclass(Event)
del Event.__dataclass_fields__["_raw"]


@dataclass(frozen=True, slots=True)
class ActorSnapshot:
    """The state of an actor at a version: optional, kept apart from events, never the truth.

    `version` is that of the last event in it, `state` a JSON object, `timestamp` (aware) when it was taken. Saving
    and encoding check them.
    """

    actor_id: str
    version: int
    state: dict[str, Any]
    timestamp: datetime = dataclass_field(default_factory=_now)
    _raw: bytes | None = dataclass_field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        return hash((self.actor_id, self.version))

    @staticmethod
    def from_json(raw: bytes) -> ActorSnapshot:
        """Decode the wire form; raises `InvalidEventError` naming the field and what was found."""
        from aether_engine import codec

        return codec.decode_snapshot(raw)

    def to_json(self) -> bytes:
        """The wire form; of a decoded snapshot the very bytes it came from. Raises `InvalidEventError`."""
        from aether_engine import codec

        return codec.encode_snapshot(self)


@dataclass(frozen=True, slots=True)
class ReplayError:
    """A stored event that cannot be trusted: its sequence, its bytes as stored (empty where lost), and why.

    `error` is an `AetherError`, such as `InvalidEventError`, `ChecksumMismatchError`, `MisplacedEventError` or
    `EventLostError`.
    """

    sequence_number: int
    raw_data: bytes
    error: Exception


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """An actor's events in version order and, apart from them, what could not be read."""

    events: list[Event]
    errors: list[ReplayError]

    @staticmethod
    async def of(batches: AsyncIterable[Sequence[StoredEvent]]) -> ReplayResult:
        """What an actor's stream holds, readable events and damaged ones apart."""
        result = ReplayResult([], [])
        async for batch in batches:
            for stored in batch:
                if stored.event is not None:
                    result.events.append(stored.event)
                elif stored.error is not None:
                    result.errors.append(stored.error)
        return result


class StoredEvent(Struct, frozen=True):
    """One place of a namespace's log. Exactly one of `event` and `error` is set.

    `sequence` counts from 1, rises and is never used again. `recorded_at` is when the store took it (UTC); `raw`
    are the bytes as stored, empty where they are lost.
    """

    sequence: int
    recorded_at: datetime
    raw: bytes
    event: Event | None
    error: ReplayError | None


_dataclass(StoredEvent)


@dataclass(frozen=True, slots=True)
class NamespaceInfo:
    """A namespace at a glance. `size_bytes` counts the events' raw bytes; the moments are the store's, in UTC."""

    name: str
    event_count: int
    size_bytes: int
    first_recorded_at: datetime | None
    last_recorded_at: datetime | None


class ActorInfo(Struct, frozen=True, gc=False):
    """An actor at a glance: how many events it has, its highest version, and what its last event was and when.

    `last_recorded_at` is the store's moment, in UTC; None where that is lost.
    """

    actor_id: str
    event_count: int
    latest_version: int
    last_event_type: str
    last_recorded_at: datetime | None


_dataclass(ActorInfo)


class ActorOrder(Enum):
    """What a list of actors is sorted by; of equal ones that with the lower id comes first."""

    NAME = "name"
    EVENTS = "events"
    ACTIVITY = "activity"
    """When the last event was recorded."""


@dataclass(frozen=True, slots=True)
class SubscriptionFilter:
    """What a subscriber wants: events of one of `event_types` (none = all) whose actor matches the pattern.

    `actor_pattern` is one of `match_actor_pattern`; "" matches every actor.
    """

    event_types: frozenset[str] = frozenset()
    actor_pattern: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """EventStored, as the bus delivers it; `sequence` is None where the publisher does not know it."""

    namespace: str
    event: Event
    sequence: int | None


class Tailed(Struct, frozen=True):
    """One place of a namespace's log, damaged or not, as `engine.tail` delivers it."""

    namespace: str
    stored: StoredEvent


_dataclass(Tailed)


@dataclass(frozen=True, slots=True)
class Gap:
    """Stands in a batch where something is missing: `missed` events after `after_sequence`, None = not known.

    `reason` is a sentence for people.
    """

    namespace: str
    after_sequence: int | None
    missed: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class StoreWarning:
    """A setting of a store that endangers what it promises (`engine.warnings`); `message` is for people."""

    namespace: str
    setting: str
    message: str
