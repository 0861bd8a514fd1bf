"""What a namespace in memory is made of: bytes by sequence, an index for each actor, and what is to be stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import overload

from aether_engine.codec import decode_event
from aether_engine.event import Event

#: When an event was recorded, and its bytes. A plain tuple, which the garbage collector need not walk.
Record = tuple[datetime, bytes]


@dataclass(slots=True)
class ActorStream:
    """One actor's stream. `versions` rises, so that it can be searched; `sequences` runs beside it."""

    versions: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    last_event_type: str = ""

    def latest(self) -> int:
        """The highest version, 0 without events."""
        return self.versions[-1] if self.versions else 0


class Pending:
    """Events that were checked and are not stored yet, with what they would change."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.actors: dict[str, ActorStream] = {}
        self.ids: dict[str, int] = {}
        self.size_bytes = 0


class StoredRange(Sequence[tuple[int, Event]]):
    """What was just stored, for the bus; an event is decoded only when somebody listens."""

    def __init__(self, first_sequence: int, records: Sequence[Record]) -> None:
        self._first = first_sequence
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> tuple[int, Event]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[int, Event]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, Event] | Sequence[tuple[int, Event]]:
        positions = range(len(self._records))[index]
        if isinstance(positions, int):
            return self._first + positions, decode_event(self._records[positions][1])
        return [self[position] for position in positions]

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        for sequence, (_, raw) in enumerate(self._records, self._first):
            yield sequence, decode_event(raw)
