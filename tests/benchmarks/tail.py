"""Live tails in the real window: how many events a second, how soon they are seen, and what ten of them cost.

Beside the time until the event loop comes back stands how long it worked meanwhile, on the processor: the first
holds what else the machine does, the second does not.
"""

from __future__ import annotations

from typing import Any

from tests.benchmarks.driven import measured_by
from tests.benchmarks.table import Row
from tests.nats_servers import nats_server

_FRAME = 33  # ms
_FIRST_ROW = 100  # ms
_FROM_SERVER = 20_000  # events a second that are asked for
_FROM_BUS = 50_000
#: Written a little faster than is asked for, so that what is reached is not what was written.
_FASTER = 1.1
_MANY, _MANY_RATE = 10, 5_000


def run(quick: bool) -> list[Row]:
    """Measure in processes of their own; a window, a server and a writer share the processors of the machine."""
    seconds = 4 if quick else 15
    served = _served("log", int(_FROM_SERVER * _FASTER), seconds, 1)
    announced = measured_by("tail", "bus", int(_FROM_BUS * _FASTER), int(_FROM_BUS * _FASTER) * seconds)
    first = _served("first", 1_000, seconds, 1)
    one, many = (_served("log", _MANY_RATE, seconds, count) for count in (1, _MANY))
    delay = sorted(first["delays"])[int(len(first["delays"]) * 0.95)] * 1000
    return [
        *_of_load("a server", served, _FROM_SERVER),
        *_of_load("the bus", announced, _FROM_BUS),
        Row(
            f"written until painted, p95 of {len(first['delays']):,} at 1,000/s",
            delay,
            "ms",
            "a tenth of a second",
            _FIRST_ROW,
            delay / _FIRST_ROW,
            "≤ 1",
        ),
        Row(
            f"{_MANY} tails of {_MANY_RATE:,}/s, time on the processor",
            many["cpu"],
            "s",
            "one",
            one["cpu"],
            many["cpu"] / one["cpu"],
            "≤ 3",
        ),
        _unaccounted(f"{_MANY} tails", many),
    ]


def _of_load(source: str, measured: dict[str, Any], wanted: int) -> list[Row]:
    late, worked = measured["late"] * 1000, measured["worked"] * 1000
    at = f"at {measured['written']:,.0f}/s from {source}"
    return [
        Row(f"tail of {source}", measured["rate"], "/s", "asked for", wanted, measured["rate"] / wanted, "≥ 1"),
        Row(f"event loop late {at}, p99", late, "ms", "a frame", _FRAME, late / _FRAME, "≤ 1"),
        Row(f"event loop worked {at}, p99", worked, "ms", "a frame", _FRAME, worked / _FRAME, "≤ 1"),
        _unaccounted(source, measured),
    ]


def _unaccounted(source: str, measured: dict[str, Any]) -> Row:
    return Row(
        f"events of {source} unaccounted for ({measured['dropped']:,} dropped)",
        measured["unaccounted"],
        "",
        "none",
        0,
        measured["unaccounted"],
        "≤ 0",
    )


def _served(work: str, rate: int, seconds: int, tails: int) -> dict[str, Any]:
    with nats_server() as server:
        measured: dict[str, Any] = measured_by("tail", work, server.url, rate, rate * seconds, tails, 0)
    return measured
