"""What was seen of the logs while relatives of events were looked for: enough to find them again without reading.

Of each event three numbers are kept, 24 bytes: keyed hashes of its id, its cause and its correlation. Looking for
a value is looking for eight bytes in a few kilobytes, so that even millions of events answer within a moment.
"""

from __future__ import annotations

import struct
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, Event, StoredEvent
from aether_engine.store.protocols import TraceKey

#: Sequences that are kept and forgotten together.
STRETCH: Final = 1024
#: Events remembered by default: 12 MB, ten looks around events far from one another.
CAPACITY: Final = 512 * 1024
_WIDTH: Final = 8
_KEYS: Final = tuple(TraceKey)
#: From this size on, what damaged bytes still claim is not asked.
_CLAIMS: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TraceKeys:
    """What relates one event to others; empty where it has no such thing."""

    event_id: str
    command_id: str
    causation_id: str
    correlation_id: str

    @classmethod
    def of(cls, event: Event) -> TraceKeys:
        """The keys of `event`."""
        return cls(event.id, event.command_id, event.causation_id, event.correlation_id)

    @property
    def cause_ids(self) -> tuple[str, ...]:
        """Ids that the cause may have, the likeliest first: the causation names an event or a command."""
        candidates = dict.fromkeys((self.causation_id, self.command_id))
        return tuple(each for each in candidates if each and each != self.event_id)

    def value(self, key: TraceKey) -> str:
        """The one that `key` means."""
        match key:
            case TraceKey.ID:
                return self.event_id
            case TraceKey.CAUSATION:
                return self.causation_id
            case TraceKey.CORRELATION:
                return self.correlation_id


def claimed_event(stored: StoredEvent) -> Event | None:
    """The event that is stored; of damaged bytes what they still claim, which is never to be trusted."""
    if stored.event is not None or not stored.raw or len(stored.raw) > _CLAIMS:
        return stored.event
    try:
        return decode_event(stored.raw)
    except InvalidEventError:
        return None


def trace_hash(text: str) -> int:
    """64 bits that stand for a key, 0 for none.

    Python keys the hash of strings anew in every process, so nobody can prepare two that collide.
    """
    return (hash(text) or 1) if text else 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """The hashes of the sequences from `first` to `last`, a column for each `TraceKey`."""

    first: int
    last: int
    columns: tuple[bytes, bytes, bytes]

    @property
    def number(self) -> int:
        """Which multiple of `STRETCH` it lies in."""
        return (self.first - 1) // STRETCH

    def find(self, key: TraceKey, text: str) -> Iterator[int]:
        """The sequences whose `key` is (by hash) `text`, rising."""
        column = self.columns[_KEYS.index(key)]
        needle = struct.pack("q", trace_hash(text))
        place = column.find(needle)
        while place >= 0:
            if place % _WIDTH:
                place = column.find(needle, place + 1)
                continue
            yield self.first + place // _WIDTH
            place = column.find(needle, place + _WIDTH)

    def extended(self, more: Stretch) -> Stretch:
        """This stretch and, directly behind it, `more`."""
        ids, causes, correlations = (mine + its for mine, its in zip(self.columns, more.columns, strict=True))
        return Stretch(self.first, more.last, (ids, causes, correlations))


def read_stretch(first: int, last: int, events: Sequence[StoredEvent]) -> Stretch:
    """The hashes of `events`, which are all that the log has from `first` to `last`."""
    columns = tuple(array("q", bytes(_WIDTH * (last - first + 1))) for _ in _KEYS)
    ids, causes, correlations = columns
    for stored in events:
        place = stored.sequence - first
        event = stored.event
        if event is not None:
            ids[place] = trace_hash(event.id)
            if event.metadata:
                causes[place] = trace_hash(event.metadata.get(CAUSATION_ID, ""))
                correlations[place] = trace_hash(event.metadata.get(CORRELATION_ID, ""))
        elif (claimed := claimed_event(stored)) is not None:
            ids[place] = trace_hash(claimed.id)
            causes[place] = trace_hash(claimed.causation_id)
            correlations[place] = trace_hash(claimed.correlation_id)
    return Stretch(first, last, (ids.tobytes(), causes.tobytes(), correlations.tobytes()))


class TraceMemory:
    """Stretches of the logs of one engine; when they do not fit any more, those seen first are forgotten."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        """`capacity` counts events."""
        self._capacity = max(1, capacity // STRETCH)
        self._stretches: OrderedDict[tuple[str, int], Stretch] = OrderedDict()

    def __len__(self) -> int:
        """How many sequences are remembered."""
        return sum(each.last - each.first + 1 for each in self._stretches.values())

    def of(self, namespace: str) -> list[Stretch]:
        """What is remembered of one log."""
        return [each for (name, _), each in self._stretches.items() if name == namespace]

    def add(self, namespace: str, stretch: Stretch) -> None:
        """Remember a stretch, or the rest of one; it lies within one multiple of `STRETCH`."""
        key = namespace, stretch.number
        known = self._stretches.get(key)
        if known is not None:
            if known.last + 1 != stretch.first:
                # Somebody else was faster with the same stretch.
                return
            stretch = known.extended(stretch)
        elif (stretch.first - 1) % STRETCH:
            return
        self._stretches[key] = stretch
        self._stretches.move_to_end(key)
        while len(self._stretches) > self._capacity:
            self._stretches.popitem(last=False)
