"""Data and states with every number as it was written, decoded again only where decoding lost something.

Nearly every document comes through the fast decoder unharmed. What it may lose is the spelling of a decimal
(`1.10`), the digits of an integer beyond 64 bits, and the sign of `-0`; the tests are cheap where none of them is
there.
"""

from __future__ import annotations

import re
from typing import Any, Final

from aether_engine import codec
from aether_engine.event import ActorSnapshot, Event

# Begins with its literal, so that the search for it is that for two bytes.
_MINUS_ZERO: Final = re.compile(rb"-0(?<=[:,\[ \t\r\n]-0)")
_NUMBERS: Final = re.compile(
    rb"[:,\[][ \t\r\n]*(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?=[ \t\r\n]*[,\]}])"
)
#: No integer of fewer characters is beyond 64 bits.
_LONG: Final = 19
_SUSPECT: Final = frozenset((float, dict, list))


def loads_exactly(raw: bytes) -> Any:
    """As `codec.loads_exactly`, and fast where that makes no difference."""
    value = codec.loads(raw)
    holder = {"": value}
    return codec.loads_exactly(raw) if _is_rounded(holder, b"[" + raw + b"]") else value


def exact_data(event: Event) -> dict[str, Any]:
    """The data of `event` with every number as written: its own where decoding lost nothing."""
    data = event.data
    raw = event._raw
    if raw is None or not _is_rounded(data, raw):
        return data
    exact: dict[str, Any] = codec.loads_exactly(raw).get("data") or {}
    return exact


def with_exact_data(event: Event) -> Event:
    """`event` with every number of its data as written; the same object where decoding lost nothing."""
    raw = event._raw
    if raw is None or not _is_rounded(event.data, raw):
        return event
    return codec.with_exact_data(event)


def exact_state(snapshot: ActorSnapshot) -> dict[str, Any]:
    """The state of `snapshot` with every number as written: its own where decoding lost nothing."""
    raw = snapshot._raw
    if raw is None or not _is_rounded(snapshot.state, raw):
        return snapshot.state
    exact: dict[str, Any] = codec.loads_exactly(raw).get("state") or {}
    return exact


def _is_rounded(document: dict[str, Any], raw: bytes) -> bool:
    has_zero = has_float = False
    pending: list[Any] = [document]
    while pending and not has_float:
        container = pending.pop()
        values = container.values() if type(container) is dict else container
        # What became of -0 is an integer again.
        has_zero = has_zero or 0 in values
        if _SUSPECT.isdisjoint(map(type, values)):
            continue
        for value in values:
            kind = type(value)
            if kind is dict or kind is list:
                pending.append(value)
            elif kind is float:
                has_float = True
                break
    if (has_zero or has_float) and has_minus_zero(raw):
        return True
    return has_float and any(map(_is_respelled, _NUMBERS.findall(raw)))


def has_minus_zero(raw: bytes) -> bool:
    """Whether `-0` may stand in a document as a number: an integer 0 when decoded, and a float when exact."""
    return _MINUS_ZERO.search(raw) is not None


def _is_respelled(number: bytes) -> bool:
    """Whether a float made of `number` would be written otherwise, or `number` is an integer made a float."""
    text = number.decode("ascii")
    if text.lstrip("-").isdigit():
        return len(text) >= _LONG
    value = float(text)
    # Both spellings count: one is what would be written, by the other values are compared.
    return repr(value) != text or codec.dumps(value) != number
