"""The contract of every store, put together from what it says about each of its subjects."""

from __future__ import annotations

from aether_engine.testing.actors import ActorContract
from aether_engine.testing.batches import BatchContract
from aether_engine.testing.concurrency import ConcurrencyContract
from aether_engine.testing.delivery import DeliveryContract
from aether_engine.testing.model import ModelContract
from aether_engine.testing.namespaces import NamespaceContract
from aether_engine.testing.reading import ReadingContract
from aether_engine.testing.saving import SavingContract
from aether_engine.testing.sharing import SharingContract
from aether_engine.testing.snapshots import SnapshotContract


class StoreContract(
    SavingContract,
    BatchContract,
    ReadingContract,
    ActorContract,
    SnapshotContract,
    DeliveryContract,
    ConcurrencyContract,
    NamespaceContract,
    SharingContract,
    ModelContract,
):
    """Sections 2, 3 and 8 of the engine contract: what every store does."""
