"""Between a caller's events and what is stored of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from aether_engine import codec
from aether_engine.errors import InvalidEventError
from aether_engine.event import Event
from aether_engine.store.sqlite.schema import MAX_RAW_LENGTH


def encode_checked(event: Event) -> bytes:
    """The bytes to store; raises `InvalidEventError`."""
    raw = codec.encode_event(event)
    if len(raw) > MAX_RAW_LENGTH:
        raise InvalidEventError(
            "", f"has {len(raw):,} bytes; a file holds at most {MAX_RAW_LENGTH:,} of one event"
        )
    return raw


def encode_all(events: Sequence[Event]) -> tuple[list[bytes], int]:
    """`encode_checked` for each, and the length of all; what was decoded brings its bytes along."""
    raws = [event._raw or encode_checked(event) for event in events]
    size = sum(map(len, raws))
    if size > MAX_RAW_LENGTH:
        for event, raw in zip(events, raws, strict=True):
            if len(raw) > MAX_RAW_LENGTH:
                encode_checked(event)
    return raws, size


class SavedEvents(Sequence[tuple[int, Event]]):
    """What was just stored, for the bus: as it will be read back, and decoded only when somebody looks."""

    def __init__(self, sequences: Sequence[int], events: Sequence[Event], raws: Sequence[bytes]) -> None:
        self._sequences = sequences
        self._events = events
        self._raws = raws

    def __len__(self) -> int:
        return len(self._sequences)

    @overload
    def __getitem__(self, index: int) -> tuple[int, Event]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[int, Event]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, Event] | Sequence[tuple[int, Event]]:
        if isinstance(index, slice):
            return SavedEvents(self._sequences[index], self._events[index], self._raws[index])
        event = self._events[index]
        return self._sequences[index], event if event._raw is not None else codec.decode_event(self._raws[index])

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        return (self[index] for index in range(len(self)))
