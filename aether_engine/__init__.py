"""aether_engine: an embedded event store, snapshot store and bus, and what an inspector does with them.

Start with `open_engine`. The library is async-first, typed and knows nothing of any user interface.
"""

from __future__ import annotations

from aether_engine.bus import EventBus, Subscription
from aether_engine.engine import Engine, EngineTail, open_engine
from aether_engine.errors import (
    AetherError,
    ChecksumMismatchError,
    CorruptStoreError,
    DuplicateEventError,
    EventLostError,
    ImportLineError,
    InvalidEventError,
    MisplacedEventError,
    NamespaceCollisionError,
    NamespaceNameError,
    OutcomeUnknownError,
    ReadOnlyError,
    ReducerError,
    StoreUnavailableError,
    TransferError,
    UnsupportedFormatError,
    VersionConflictError,
)
from aether_engine.event import (
    ActorInfo,
    ActorSnapshot,
    Event,
    Gap,
    NamespaceInfo,
    Published,
    ReplayError,
    ReplayResult,
    StoredEvent,
    StoreWarning,
    SubscriptionFilter,
    Tailed,
)
from aether_engine.patterns import (
    is_wildcard_pattern,
    match_actor_pattern,
    match_namespace_pattern,
    sanitize_namespace,
)
from aether_engine.store.memory import InMemoryEventStore
from aether_engine.store.protocols import (
    BulkWriter,
    EventLog,
    EventStore,
    EventStoreWithErrors,
    SnapshotStore,
    Store,
)
from aether_engine.store.sqlite import SQLiteEventStore

__all__ = [
    "ActorInfo",
    "ActorSnapshot",
    "AetherError",
    "BulkWriter",
    "ChecksumMismatchError",
    "CorruptStoreError",
    "DuplicateEventError",
    "Engine",
    "EngineTail",
    "Event",
    "EventBus",
    "EventLog",
    "EventLostError",
    "EventStore",
    "EventStoreWithErrors",
    "Gap",
    "ImportLineError",
    "InMemoryEventStore",
    "InvalidEventError",
    "MisplacedEventError",
    "NamespaceCollisionError",
    "NamespaceInfo",
    "NamespaceNameError",
    "OutcomeUnknownError",
    "Published",
    "ReadOnlyError",
    "ReducerError",
    "ReplayError",
    "ReplayResult",
    "SQLiteEventStore",
    "SnapshotStore",
    "Store",
    "StoreUnavailableError",
    "StoreWarning",
    "StoredEvent",
    "Subscription",
    "SubscriptionFilter",
    "Tailed",
    "TransferError",
    "UnsupportedFormatError",
    "VersionConflictError",
    "is_wildcard_pattern",
    "match_actor_pattern",
    "match_namespace_pattern",
    "open_engine",
    "sanitize_namespace",
]
