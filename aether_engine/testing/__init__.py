"""The contracts of store, bus and engine as pytest classes: a new kind of storage passes them or it is none.

Supply one fixture and inherit::

    class TestMyStore(StoreContract):
        @pytest_asyncio.fixture
        async def open_engine_for_test(self, tmp_path):
            async with engines("my://…") as opened:
                yield opened

The fixture yields an `EngineFactory`: each call opens one more engine on the *same* storage, empty at the start
of the test. `BusContract` and `EngineContract` take the same fixture. A kind of storage says what it cannot do by
`shared` and `longest_actor_id`, and offers beyond the contract by the protocols of `aether_engine.store.protocols`
that it implements; tests of those it does not offer are skipped.

`StoreContract` is made of one class for each subject (`SavingContract`, `ReadingContract` …), each in the module
of that name; a storage that is being written can begin with one of them. Needs pytest, pytest-asyncio and
hypothesis.
"""

from __future__ import annotations

import pkgutil

import pytest

# Before they are imported: a failing assertion of a contract reads as well as one of whoever inherits it.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))

from aether_engine.testing.bus import BusContract
from aether_engine.testing.engine import EngineContract
from aether_engine.testing.harness import (
    PATIENCE_SECONDS,
    EngineFactory,
    collect,
    engines,
    soon,
    take,
    take_published,
    until,
)
from aether_engine.testing.samples import NASTY_PAYLOADS, ODD_ACTOR_IDS, hand_over, make_event, nested
from aether_engine.testing.store import StoreContract

__all__ = [
    "NASTY_PAYLOADS",
    "ODD_ACTOR_IDS",
    "PATIENCE_SECONDS",
    "BusContract",
    "EngineContract",
    "EngineFactory",
    "StoreContract",
    "collect",
    "engines",
    "hand_over",
    "make_event",
    "nested",
    "soon",
    "take",
    "take_published",
    "until",
]
