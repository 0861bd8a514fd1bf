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


def make_events(count: int, *, active: int = 500, length: int = 10) -> Iterator[Event]:
    """`count` events of actors that live for `length` events each, `active` of them at a time."""
    random_bits = random.Random(SEED).getrandbits
    for number in range(count):
        generation, turn = divmod(number, active * length)
        actor = generation * active + turn % active
        event_id = str(UUID(int=random_bits(128), version=4))
        yield Event(
            event_id,
            _TYPES[number % len(_TYPES)],
            f"order-{actor:08d}",
            turn // active + 1,
            {"customer": f"customer-{actor % 977:04d}", "amount": number % 100_000, "currency": "EUR", "items": 3},
            {"CorrelationID": event_id, "UserID": f"user-{number % 53}"},
            _START + timedelta(milliseconds=number * 10),
        )
