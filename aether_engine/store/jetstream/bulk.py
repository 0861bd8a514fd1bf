"""A load of any length into a stream: looked through as a whole before its first event is stored.

JetStream takes at most a thousand events as one. So everything that can be wrong with a load is found while
nothing is stored yet; what remains is another writer or an outage between two batches, and then
`IncompleteLoadError` says how far it came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aether_engine.codec import decode_event
from aether_engine.errors import (
    AetherError,
    DuplicateEventError,
    IncompleteLoadError,
    StoreUnavailableError,
    VersionConflictError,
)
from aether_engine.event import Event
from aether_engine.store.jetstream.heads import SubjectHead
from aether_engine.store.jetstream.refusals import OutdatedHeadError, Save
from aether_engine.store.jetstream.writer import StreamWriter
from aether_engine.store.protocols import MAX_BATCH


class Load:
    """Events gathered to be saved as far as possible as one. Keeps their bytes, not the events."""

    def __init__(self) -> None:
        self.saves: list[tuple[bytes, str]] = []
        self._versions: dict[str, int] = {}
        # Each id with the place, from 1, that its event has in the load.
        self._ids: dict[str, int] = {}

    async def add(self, saves: Sequence[Save], writer: StreamWriter | None) -> None:
        """Check and keep events; `writer` is None while the namespace does not exist."""
        heads: dict[str, SubjectHead] = {}
        if writer is not None:
            new = [save for save in saves if save.event.actor_id not in self._versions]
            await writer.fill(heads, new)
        for save in saves:
            event = save.event
            current = self._versions.get(event.actor_id)
            head = SubjectHead()
            if writer is not None:
                head = heads.get(save.subject) or writer.heads.known(save.subject) or head
            inside = current is not None and head.version(event.actor_id) < event.version <= current
            if current is not None and inside:
                raise VersionConflictError(event.actor_id, event.version, current, in_batch=True)
            if writer is not None:
                try:
                    await writer.refusals.refuse(save, head)
                except OutdatedHeadError:
                    raise StoreUnavailableError(
                        writer.url,
                        "the stream was replaced while the events were looked through; nothing was stored",
                    ) from None
            if event.id in self._ids:
                raise DuplicateEventError(event.id, self._ids[event.id], in_batch=True)
            self._versions[event.actor_id] = event.version
            self.saves.append((save.raw, save.subject))
            self._ids[event.id] = len(self.saves)

    async def store(self, writer: StreamWriter, progress: Callable[[int], None] | None, *, atomic: bool) -> int:
        """Store everything, in batches or, where the stream takes none, one by one; returns how many."""
        size = MAX_BATCH if atomic else 1
        stored = 0
        total = len(self.saves)
        try:
            while stored < total:
                part = self.saves[stored : stored + size]
                await writer.save_batch([Save(_event(raw), raw, subject) for raw, subject in part])
                stored += len(part)
                if progress is not None:
                    progress(stored)
        except AetherError as error:
            if stored:
                raise IncompleteLoadError(stored, total, error) from error
            raise
        return total


def _event(raw: bytes) -> Event:
    return decode_event(raw)
