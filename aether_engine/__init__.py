"""aether_engine: an embedded event store, snapshot store and bus, and what an inspector does with them.

Start with `open_engine`. The library is async-first, typed and knows nothing of any user interface.
Names are loaded when they are first used, so that importing one module of it does not import all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aether_engine.bus import EventBus, Subscription
    from aether_engine.engine import Engine, EngineTail, open_engine
    from aether_engine.errors import (
        AetherError,
        BeforeSnapshotError,
        ChecksumMismatchError,
        CorruptStoreError,
        DuplicateEventError,
        EventLostError,
        ExpressionError,
        ImportLineError,
        InvalidEventError,
        MisplacedEventError,
        NamespaceCollisionError,
        NamespaceNameError,
        OutcomeUnknownError,
        PatchError,
        ReadOnlyError,
        ReducerError,
        ReducerExitError,
        ReducerFileError,
        ReducerMemoryError,
        ReducerStateError,
        ReducerStoppedError,
        ReducerTimeoutError,
        ReducerTrustError,
        StoreUnavailableError,
        TransferError,
        UnsupportedFormatError,
        VersionConflictError,
    )
    from aether_engine.event import (
        ActorInfo,
        ActorOrder,
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
    from aether_engine.nats_bus import NATSEventBus
    from aether_engine.patterns import (
        is_wildcard_pattern,
        match_actor_pattern,
        match_namespace_pattern,
        sanitize_namespace,
    )
    from aether_engine.store.jetstream import JetStreamEventStore
    from aether_engine.store.jetstream_layout import JetStreamLayout
    from aether_engine.store.memory import InMemoryEventStore
    from aether_engine.store.protocols import (
        ActorDirectory,
        BulkWriter,
        CountsActors,
        EventLog,
        EventStore,
        EventStoreWithErrors,
        SnapshotLog,
        SnapshotStore,
        Store,
        StoredSnapshot,
    )
    from aether_engine.store.sqlite import SQLiteEventStore

__all__ = [
    "ActorDirectory",
    "ActorInfo",
    "ActorOrder",
    "ActorSnapshot",
    "AetherError",
    "BeforeSnapshotError",
    "BulkWriter",
    "ChecksumMismatchError",
    "CorruptStoreError",
    "CountsActors",
    "DuplicateEventError",
    "Engine",
    "EngineTail",
    "Event",
    "EventBus",
    "EventLog",
    "EventLostError",
    "EventStore",
    "EventStoreWithErrors",
    "ExpressionError",
    "Gap",
    "ImportLineError",
    "InMemoryEventStore",
    "InvalidEventError",
    "JetStreamEventStore",
    "JetStreamLayout",
    "MisplacedEventError",
    "NATSEventBus",
    "NamespaceCollisionError",
    "NamespaceInfo",
    "NamespaceNameError",
    "OutcomeUnknownError",
    "PatchError",
    "Published",
    "ReadOnlyError",
    "ReducerError",
    "ReducerExitError",
    "ReducerFileError",
    "ReducerMemoryError",
    "ReducerStateError",
    "ReducerStoppedError",
    "ReducerTimeoutError",
    "ReducerTrustError",
    "ReplayError",
    "ReplayResult",
    "SQLiteEventStore",
    "SnapshotLog",
    "SnapshotStore",
    "Store",
    "StoreUnavailableError",
    "StoreWarning",
    "StoredEvent",
    "StoredSnapshot",
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

_MODULES = {
    "ActorDirectory": "aether_engine.store.protocols",
    "ActorInfo": "aether_engine.event",
    "ActorOrder": "aether_engine.event",
    "ActorSnapshot": "aether_engine.event",
    "AetherError": "aether_engine.errors",
    "BeforeSnapshotError": "aether_engine.errors",
    "BulkWriter": "aether_engine.store.protocols",
    "ChecksumMismatchError": "aether_engine.errors",
    "CorruptStoreError": "aether_engine.errors",
    "CountsActors": "aether_engine.store.protocols",
    "DuplicateEventError": "aether_engine.errors",
    "Engine": "aether_engine.engine",
    "EngineTail": "aether_engine.engine",
    "Event": "aether_engine.event",
    "EventBus": "aether_engine.bus",
    "EventLog": "aether_engine.store.protocols",
    "EventLostError": "aether_engine.errors",
    "EventStore": "aether_engine.store.protocols",
    "EventStoreWithErrors": "aether_engine.store.protocols",
    "ExpressionError": "aether_engine.errors",
    "Gap": "aether_engine.event",
    "ImportLineError": "aether_engine.errors",
    "InMemoryEventStore": "aether_engine.store.memory",
    "InvalidEventError": "aether_engine.errors",
    "JetStreamEventStore": "aether_engine.store.jetstream",
    "JetStreamLayout": "aether_engine.store.jetstream_layout",
    "MisplacedEventError": "aether_engine.errors",
    "NATSEventBus": "aether_engine.nats_bus",
    "NamespaceCollisionError": "aether_engine.errors",
    "NamespaceInfo": "aether_engine.event",
    "NamespaceNameError": "aether_engine.errors",
    "OutcomeUnknownError": "aether_engine.errors",
    "PatchError": "aether_engine.errors",
    "Published": "aether_engine.event",
    "ReadOnlyError": "aether_engine.errors",
    "ReducerError": "aether_engine.errors",
    "ReducerExitError": "aether_engine.errors",
    "ReducerFileError": "aether_engine.errors",
    "ReducerMemoryError": "aether_engine.errors",
    "ReducerStateError": "aether_engine.errors",
    "ReducerStoppedError": "aether_engine.errors",
    "ReducerTimeoutError": "aether_engine.errors",
    "ReducerTrustError": "aether_engine.errors",
    "ReplayError": "aether_engine.event",
    "ReplayResult": "aether_engine.event",
    "SQLiteEventStore": "aether_engine.store.sqlite",
    "SnapshotLog": "aether_engine.store.protocols",
    "SnapshotStore": "aether_engine.store.protocols",
    "Store": "aether_engine.store.protocols",
    "StoreUnavailableError": "aether_engine.errors",
    "StoreWarning": "aether_engine.event",
    "StoredEvent": "aether_engine.event",
    "StoredSnapshot": "aether_engine.store.protocols",
    "Subscription": "aether_engine.bus",
    "SubscriptionFilter": "aether_engine.event",
    "Tailed": "aether_engine.event",
    "TransferError": "aether_engine.errors",
    "UnsupportedFormatError": "aether_engine.errors",
    "VersionConflictError": "aether_engine.errors",
    "is_wildcard_pattern": "aether_engine.patterns",
    "match_actor_pattern": "aether_engine.patterns",
    "match_namespace_pattern": "aether_engine.patterns",
    "open_engine": "aether_engine.engine",
    "sanitize_namespace": "aether_engine.patterns",
}


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
