"""Events of about 300 bytes, the same on every run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aether_engine.event import Event

SEED = 20_240_101
_START = datetime(2024, 1, 1, tzinfo=UTC)
_TYPES = ("OrderPlaced", "OrderPaid", "OrderPacked", "OrderShipped", "OrderClosed")


def make_events(count: int, actors: int, *, prefix: str = "order") -> Iterator[Event]:
    """`count` events spread evenly over `actors`, with the versions of each from 1 on."""
    random_bits = random.Random(SEED).getrandbits
    for number in range(count):
        actor = number * 7919 % actors
        event_id = str(UUID(int=random_bits(128), version=4))
        yield Event(
            event_id,
            _TYPES[number % len(_TYPES)],
            f"{prefix}-{actor:08d}",
            number // actors + 1,
            {"customer": f"customer-{actor % 977:04d}", "amount": number % 100_000, "currency": "EUR", "items": 3},
            {"CorrelationID": event_id, "UserID": f"user-{number % 53}"},
            _START + timedelta(milliseconds=number * 10),
        )
