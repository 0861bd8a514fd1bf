"""Reading batch by batch: a range of the log, or one actor's stream. Each call stands for itself in the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aether_engine.event import StoredEvent
from aether_engine.store.sqlite.reader import DamagedError, Reader, is_text
from aether_engine.store.sqlite.schema import SEQUENCE_MASK


class LogCursor:
    """A range of a namespace's log, batch by batch; one thread at a time."""

    def __init__(self, reader: Reader, name: str, first: int, last: int | None, batch_size: int) -> None:
        self._reader = reader
        self._name = name
        self._next = max(first, 1)
        self._last = last
        self._batch_size = batch_size
        self._namespace: int | None = None
        self._before: datetime | None = None
        self.done = False

    def next_batch(self) -> list[StoredEvent]:
        """The next events; `done` is set with the last ones."""
        if self._namespace is None:
            self._namespace = self._reader.namespace_id(self._name)
            end = self._reader.last_sequence(self._name)
            self._last = end if self._last is None else min(end, self._last)
        assert self._last is not None
        if self._namespace is None or self._next > self._last:
            self.done = True
            return []
        stop = min(self._next + self._batch_size - 1, self._last)
        batch = self._reader.read_range(self._namespace, self._next, stop, self._before)
        if not batch:
            self.done = True
            return []
        self._next = batch[-1].sequence + 1
        self._before = batch[-1].recorded_at
        self.done = self._next > self._last
        return batch


class PointCursor:
    """Single places of a namespace's log, batch by batch; one thread at a time."""

    def __init__(self, reader: Reader, name: str, sequences: Sequence[int], batch_size: int) -> None:
        self._reader = reader
        self._name = name
        self._sequences = sequences
        self._batch_size = batch_size
        self._next = 0
        self._last = 0
        self.done = not sequences

    def next_batch(self) -> list[StoredEvent]:
        """The next events; `done` is set with the last ones."""
        namespace = self._reader.namespace_id(self._name)
        if namespace is None:
            self.done = True
            return []
        if not self._next:
            self._last = self._reader.last_sequence(self._name)
        part = self._sequences[self._next : self._next + self._batch_size]
        batch, used = self._reader.read_points(namespace, part, self._last)
        self._next += used
        self.done = self._next >= len(self._sequences)
        return batch


@dataclass(slots=True)
class _Progress:
    actor: int
    last: int


class StreamCursor:
    """One actor's events in version order, batch by batch; one thread at a time."""

    def __init__(self, reader: Reader, name: str, actor_id: str, from_version: int, batch_size: int) -> None:
        self._reader = reader
        self._name = name
        self._actor_id = actor_id
        self._next = max(from_version, 0)
        self._batch_size = batch_size
        self._progress: _Progress | None = None
        self._scanned: list[StoredEvent] | None = None
        self.done = False

    def next_batch(self) -> list[StoredEvent]:
        """The next events; `done` is set with the last ones."""
        if self._scanned is None:
            try:
                return self._next_by_index()
            except DamagedError:
                self._scanned = self._scan()
        batch = self._scanned[: self._batch_size]
        del self._scanned[: self._batch_size]
        self.done = not self._scanned
        return batch

    def _next_by_index(self) -> list[StoredEvent]:
        progress = self._begun()
        if progress is None:
            return []
        batch, version = self._reader.stream(progress.actor, self._next, progress.last, self._batch_size)
        self._next = version + 1
        self.done = not batch or self._next > progress.last
        return batch

    def _begun(self) -> _Progress | None:
        if self._progress is None:
            namespace = self._reader.namespace_id(self._name)
            known = None
            if namespace is not None and is_text(self._actor_id) and self._next < 2**63:
                known = self._reader.actor_number(namespace, self._actor_id)
            if known is None:
                self.done = True
                return None
            self._progress = _Progress(known[0], known[2])
        return self._progress

    def next_places(self) -> list[tuple[int, int]]:
        """As `next_batch`, but only versions and sequences, from the index as long as it can be read."""
        if self._scanned is None:
            try:
                progress = self._begun()
                if progress is None:
                    return []
                places = self._reader.places(progress.actor, self._next, progress.last, self._batch_size)
                if places:
                    self._next = places[-1][0] + 1
                self.done = not places or self._next > progress.last
                return [(version, position & SEQUENCE_MASK) for version, position in places]
            except DamagedError:
                self._scanned = self._scan()
        return [(stored.event.version, stored.sequence) for stored in self.next_batch() if stored.event]

    def _scan(self) -> list[StoredEvent]:
        """The rest of the actor's events from the whole log: slow, and needs no index."""
        log = LogCursor(self._reader, self._name, 1, None, 1000)
        found: list[tuple[int, StoredEvent]] = []
        while not log.done:
            for stored in log.next_batch():
                event = stored.event
                if event is not None and event.actor_id == self._actor_id and event.version >= self._next:
                    found.append((event.version, stored))
        return [stored for _, stored in sorted(found, key=lambda pair: pair[0])]


class PlaceCursor:
    """Where one actor's events are, batch by batch; one thread at a time."""

    def __init__(self, reader: Reader, name: str, actor_id: str, from_version: int, batch_size: int) -> None:
        self._stream = StreamCursor(reader, name, actor_id, from_version, batch_size)
        self.done = False

    def next_batch(self) -> list[tuple[int, int]]:
        """The next versions and sequences; `done` is set with the last ones."""
        places = self._stream.next_places()
        self.done = self._stream.done
        return places
