"""Streams of one actor for tests of replay: written by hand, or generated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from aether_engine.codec import dumps
from aether_engine.event import Event, ReplayError, StoredEvent

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def stored(
    version: int,
    data: object,
    sequence: int | None = None,
    *,
    event_type: str = "Changed",
    actor_id: str = "order-1",
) -> StoredEvent:
    """An event as a store hands it out; `data` as JSON text is taken as it is."""
    text = data if isinstance(data, str) else json.dumps(data)
    raw = (
        f'{{"id":"{actor_id}-{version}","eventType":"{event_type}","actorId":"{actor_id}","version":{version},'
        f'"data":{text},"timestamp":"2024-01-01T00:00:56.780000Z"}}'
    ).encode()
    return StoredEvent(version if sequence is None else sequence, NOW, raw, Event.from_json(raw), None)


def damaged(sequence: int) -> StoredEvent:
    """A place of a log whose event cannot be read."""
    return StoredEvent(sequence, NOW, b"?", None, ReplayError(sequence, b"?", ValueError("Checksum mismatch")))


def stream(*data: object) -> list[StoredEvent]:
    """Events with versions from 1 on."""
    return [stored(version, each) for version, each in enumerate(data, 1)]


#: Few names, so that generated events meet in what they change.
names = st.sampled_from(["a", "b", "c"])
#: Numbers as somebody may have written them.
number_texts = st.one_of(
    st.integers(-3, 3).map(str),
    st.integers().map(str),
    st.sampled_from(["-0", "-0.0", "1.0", "1.10", "1e2", "1E5", "0.1", "19.9", "1e-7", "123456789.5"]),
    st.sampled_from(["9007199254740993", "18446744073709551615", "18446744073709551616", "-9223372036854775809"]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
_scalar_texts = number_texts | st.sampled_from(["null", "true", "false", '"x"', '"-0"', '"1.10,"', '"y"'])


def _array(items: Sequence[str]) -> str:
    return f"[{','.join(items)}]"


def _object(members: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{name}" : {value}' for name, value in members.items()) + "}"


json_texts = st.recursive(
    _scalar_texts,
    lambda children: (
        st.lists(children, max_size=3).map(_array) | st.dictionaries(names, children, max_size=3).map(_object)
    ),
    max_leaves=10,
)
object_texts = st.dictionaries(names, json_texts, max_size=3).map(_object)


@st.composite
def streams(draw: st.DrawFn, min_size: int = 0, max_size: int = 14) -> list[StoredEvent]:
    """Events of one actor, with gaps between their versions and their sequences."""
    data = draw(st.lists(object_texts, min_size=min_size, max_size=max_size))
    version = sequence = 0
    events = []
    for each in data:
        version += draw(st.sampled_from([1, 1, 1, 2, 5]))
        sequence += draw(st.sampled_from([1, 1, 3]))
        events.append(stored(version, each, sequence, event_type=draw(st.sampled_from(["Placed", "Paid"]))))
    return events


def events_of(stored_events: Iterable[StoredEvent]) -> list[Event]:
    """The readable events among them."""
    return [each.event for each in stored_events if each.event is not None]


def json_text(value: Any) -> str:
    """A JSON value as text that is the same for equal values: members in one order, numbers as written."""

    def number(text: str) -> list[str]:
        return ["number", text]

    parsed = json.loads(dumps(value), parse_float=number, parse_int=number)
    return json.dumps(parsed, sort_keys=True)
