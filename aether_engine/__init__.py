"""aether_engine: an embedded event store, snapshot store and bus, and what an inspector does with them.

Start with `open_engine`. The library is async-first, typed and knows nothing of any user interface.
"""

from __future__ import annotations

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
from aether_engine.store.protocols import (
    EventLog,
    EventStore,
    EventStoreWithErrors,
    SnapshotStore,
)

__all__ = [
    "ActorInfo",
    "ActorSnapshot",
    "AetherError",
    "ChecksumMismatchError",
    "CorruptStoreError",
    "DuplicateEventError",
    "Event",
    "EventLog",
    "EventLostError",
    "EventStore",
    "EventStoreWithErrors",
    "Gap",
    "ImportLineError",
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
    "SnapshotStore",
    "StoreUnavailableError",
    "StoreWarning",
    "StoredEvent",
    "SubscriptionFilter",
    "Tailed",
    "TransferError",
    "UnsupportedFormatError",
    "VersionConflictError",
    "is_wildcard_pattern",
    "match_actor_pattern",
    "match_namespace_pattern",
    "sanitize_namespace",
]
