"""One actor's stream as replay needs it: the bytes of its events by version, and what is missing or damaged."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aether_engine.codec import decode_event
from aether_engine.event import Event, ReplayError, StoredEvent
from aether_engine.large_events import LargeEvent


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stored event that is in no state: behind which version it stands, and why it is left out."""

    after_version: int
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class VersionGap:
    """Versions that nobody stored: `first` to `last`, both missing."""

    first: int
    last: int


class ActorStream:
    """The events of one actor, in the order a store reads them; grows, and never changes otherwise.

    Keeps the bytes alone, a fraction of what decoded events take. One stream can be folded by several histories,
    each with its own reducer. `extend` is for one thread; others may read meanwhile.
    """

    def __init__(self, events: Iterable[StoredEvent] = ()) -> None:
        self._versions = array("q")
        self._sequences = array("q")
        self._raws: list[bytes] = []
        self._times: list[datetime] = []
        # Of events of megabytes the event too: checking it again takes long, and its data are not taken apart.
        self._large: dict[int, LargeEvent] = {}
        self._errors: list[ReplayError] = []
        self._troubles: list[Trouble] = []
        self._gaps: list[VersionGap] = []
        self._refused: set[int] = set()
        self.extend(events)

    def __len__(self) -> int:
        """How many events there are a state for."""
        return len(self._versions)

    @property
    def versions(self) -> Sequence[int]:
        """The versions there is a state for, rising."""
        return self._versions

    @property
    def sequences(self) -> Sequence[int]:
        """The places in the namespace's log, beside `versions`."""
        return self._sequences

    @property
    def latest_version(self) -> int:
        """The last version there is a state for, 0 without any."""
        return self._versions[-1] if self._versions else 0

    @property
    def errors(self) -> Sequence[ReplayError]:
        """The corrupted events."""
        return self._errors

    @property
    def troubles(self) -> Sequence[Trouble]:
        """Every event that is in no state, corrupted or out of order, in the order they came."""
        return self._troubles

    @property
    def gaps(self) -> Sequence[VersionGap]:
        """The versions between the first event and the last that no event has."""
        return self._gaps

    def extend(self, events: Iterable[StoredEvent]) -> list[StoredEvent]:
        """Add the events that follow; returns those that a state follows from.

        What is known already is skipped, so that a stream may be read again from its beginning. What cannot be in
        a state, because it is corrupted or because its version does not rise, goes into `troubles`.
        """
        taken: list[StoredEvent] = []
        for stored in events:
            event = stored.event
            latest = self.latest_version
            if event is None:
                self._refuse(stored)
                continue
            version = event.version
            if version <= latest:
                place = bisect_right(self._versions, version) - 1
                if place < 0 or self._sequences[place] != stored.sequence:
                    self._refuse(stored)
                continue
            if latest and version > latest + 1:
                self._gaps.append(VersionGap(latest + 1, version - 1))
            if isinstance(event, LargeEvent):
                self._large[len(self._raws)] = event
            self._sequences.append(stored.sequence)
            self._raws.append(stored.raw)
            self._times.append(stored.recorded_at)
            # Last: whoever reads meanwhile goes by how many versions there are.
            self._versions.append(version)
            taken.append(stored)
        return taken

    def position_of(self, version: int) -> int:
        """How many events have a version up to `version`."""
        return bisect_right(self._versions, version)

    def event(self, position: int) -> Event:
        """The event at a position from 0."""
        return decode_event(self._raws[position])

    def stored(self, position: int) -> StoredEvent:
        """The event at a position from 0, with its place in the log."""
        raw = self._raws[position]
        event = self._large.get(position) or decode_event(raw)
        return StoredEvent(self._sequences[position], self._times[position], raw, event, None)

    def size(self, start: int, end: int) -> int:
        """The bytes of the events from position `start` up to `end`, which is not included."""
        return sum(map(len, self._raws[start:end]))

    def _refuse(self, stored: StoredEvent) -> None:
        if stored.sequence in self._refused:
            return
        self._refused.add(stored.sequence)
        if stored.error is not None:
            self._errors.append(stored.error)
            reason = str(stored.error.error)
        elif stored.event is not None:
            version = stored.event.version
            reason = f"Version {version} does not follow version {self.latest_version}; it is not in the state."
        else:
            reason = "It cannot be read."
        self._troubles.append(Trouble(self.latest_version, stored.sequence, reason))
