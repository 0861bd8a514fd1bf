"""Events to try a store with: plain ones, and ids and bytes that break whoever is careless."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from aether_engine.event import Event

_numbers = itertools.count(1)

#: Actor ids that break whoever splits, sorts by bytes, trims or builds patterns of them. In code point order.
ODD_ACTOR_IDS: Final = (
    "\x00",
    " ",
    " leading",
    "%",
    "*",
    "-",
    "-no-type",
    ".",
    "..",
    "A",
    "_",
    "a",
    "a\x00",
    "a\x00b",
    "a\tb\r\nc",
    "a b",
    "a%b",
    "a*b",
    "a.b",
    "a.b.>",
    "a_b",
    "aa",
    "cafe\u0301",
    "caf\u00e9",
    "order-1",
    "order-10",
    "order-2",
    "\u202egnitset",
    "\u65e5\u672c\u8a9e",
    "\uffff",
    "\U0001f600",
    "\U0010ffff",
)

#: Wire forms that lose something in whoever decodes and encodes again.
NASTY_PAYLOADS: Final = {
    "nanoseconds and an offset": b'{"id":"n1","eventType":"T","actorId":"nasty-1","version":1,"data":{},'
    b'"timestamp":"2024-02-29T23:59:59.123456789+05:30"}',
    "leap second": b'{"id":"n2","eventType":"T","actorId":"nasty-1","version":1,"data":{},'
    b'"timestamp":"2016-12-31T23:59:60Z"}',
    "integers beyond 64 bits": b'{"id":"n3","eventType":"T","actorId":"nasty-1","version":1,'
    b'"data":{"a":18446744073709551616,"b":-9223372036854775809,"c":9007199254740993},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "decimals as written": b'{"id":"n4","eventType":"T","actorId":"nasty-1","version":1,'
    b'"data":{"a":1.10,"b":1e2,"c":-0,"d":-0.0,"e":0.1000000000000000055511151231257827},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "duplicate keys": b'{"id":"n5","eventType":"T","actorId":"nasty-1","version":1,"data":{"a":1,"a":2},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "null maps": b'{"id":"n6","eventType":"T","actorId":"nasty-1","commandId":"","version":1,"data":null,'
    b'"metadata":null,"timestamp":"0001-01-01T00:00:00Z"}',
    "missing data": b'{"id":"n7","eventType":"T","actorId":"nasty-1","version":1,'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "escapes": b'{"id":"n8","eventType":"T\\u003c\\/\\u0000","actorId":"nasty-1","version":1,'
    b'"data":{"\\u0061":"\\ud83d\\ude00 \\" \\\\ \xf0\x9f\x98\x80"},"timestamp":"2024-01-01T00:00:00Z"}',
    "another key order and unknown keys": b'{"timestamp":"2024-01-01t00:00:00z","zz":[1,{"y":null}],"version":1,'
    b'"data":{"b":1,"a":2},"actorId":"nasty-1","eventType":"T","id":"n9","metadata":{"Z":"1","A":"2"}}',
    "white space": b' \r\n{ "id" : "n10",\t"eventType":"T","actorId":"nasty-1","version":1,\n "data":{ },'
    b'"timestamp":"2024-01-01T00:00:00Z" }\r\n ',
    "odd event id": b'{"id":"n 11\\n\\u0000\\u00fc*.>","eventType":"T","actorId":"nasty-1","version":1,"data":{},'
    b'"timestamp":"2024-01-01T00:00:00Z"}',
    "large": b'{"id":"n12","eventType":"T","actorId":"nasty-1","version":1,"data":{"x":"'
    + b"y" * 200_000
    + b'"},"timestamp":"2024-01-01T00:00:00Z"}',
}


def make_event(version: int = 1, actor_id: str = "order-1", **fields: Any) -> Event:
    """An event with an id of its own and what else a test does not care about."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "id": f"event-{number}",
        "event_type": "OrderChanged",
        "data": {"number": number},
    }
    return Event(**(values | fields), actor_id=actor_id, version=version)


def nested(depth: int) -> dict[str, Any]:
    """An object that contains itself so many levels deep."""
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"x": value}
    return value


async def hand_over(events: Iterable[Event], size: int = 3) -> AsyncIterator[Sequence[Event]]:
    """`events` in batches, as `save_all` takes them."""
    batch: list[Event] = []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class ForeignError(Exception):
    """A failure that is none of the engine's."""
