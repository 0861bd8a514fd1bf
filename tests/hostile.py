"""Events that mean no good: markup, control and bidirectional characters, names of a megabyte, absurd clocks."""

from __future__ import annotations

import json
from typing import Any, Final

from aether_engine.event import Event

MEGABYTE: Final = 1_000_000
#: What would run, be loaded or be followed if anybody took it for markup.
MARKUP: Final = (
    '<img src="file:///etc/passwd" onerror=alert(1)><a href="https://evil.example">x</a><b>b</b>&amp;<!--'
)
CONTROLS: Final = "a\x00b\x07c\x1b[31mred\x1b]0;title\x07\r\nnext\tcolumn\x7f\x9b"
DIRECTIONS: Final = "abc\u202etxt.exe\u2066x\u2069\u200bpay\u200bpal\ufeff"
ODD: Final = "\u0301\u0301\u0301" * 30 + "🏴\U000e0067" + "\ufffd=SUM(A1)|%s%n{0}$(reboot)`x`';--"
TEXTS: Final = {"markup": MARKUP, "controls": CONTROLS, "directions": DIRECTIONS, "odd": ODD}
LONG: Final = "x" * MEGABYTE
#: Legal by RFC 3339, and in UTC in no year that Python has; the first and the last that it has; Go's zero.
CLOCKS: Final = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999999Z",
    "9999-12-31T23:59:59-12:00",
)


def raw_event(number: int, **fields: Any) -> bytes:
    """The bytes of an event; `fields` are keys of the wire form."""
    wire = {
        "id": f"hostile-{number}",
        "eventType": "Placed",
        "actorId": f"order-{number}",
        "version": 1,
        "data": {"n": number},
        "metadata": {"CorrelationID": "hostile"},
        "timestamp": "2024-01-01T00:00:00Z",
    }
    return json.dumps(wire | fields).encode()


def hostile_events() -> list[Event]:
    """For each text an event that has it in every place where a text can be; names of a megabyte; clocks."""
    made: list[dict[str, Any]] = [
        {
            "id": text,
            "eventType": text,
            "actorId": f"{name}-{text}",
            "commandId": text,
            "data": {text: text, "nested": {text: [text]}},
            "metadata": {text: text, "CorrelationID": text, "CausationID": text, "UserID": text},
        }
        for name, text in TEXTS.items()
    ]
    made.append({"id": LONG, "eventType": LONG, "actorId": LONG, "data": {LONG: LONG}, "metadata": {LONG: "x"}})
    made += [{"timestamp": clock} for clock in CLOCKS]
    return [Event.from_json(raw_event(number, **fields)) for number, fields in enumerate(made, 1)]
