"""Why an event cannot be stored: what stands at its version, and who has its id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

from aether_engine.errors import DuplicateEventError, StoreUnavailableError, VersionConflictError
from aether_engine.event import Event
from aether_engine.store.jetstream.api import Api
from aether_engine.store.jetstream.heads import SubjectHead
from aether_engine.store.jetstream.reader import StreamReader

# Saved ids that are remembered across subjects.
_RECENT_IDS: Final = 50_000


class Save(NamedTuple):
    """An event on its way, with its bytes and its place."""

    event: Event
    raw: bytes
    subject: str


class OutdatedHeadError(Exception):
    """What was remembered of a subject does not stand there any more: the stream was replaced, or lost its end."""


class Refusals:
    """Of one stream: looks where a save stands in the way of another, and says so.

    What a head remembers is looked up before anything is refused for it: raises `OutdatedHeadError` otherwise.
    """

    def __init__(self, api: Api, reader: StreamReader) -> None:
        self._api = api
        self._reader = reader
        self._stream = reader.name
        #: The sequences of ids that were saved here lately.
        self.recent: OrderedDict[str, int] = OrderedDict()

    def remember(self, saves: Sequence[Save], sequences: Sequence[int]) -> None:
        """These are stored now."""
        recent = self.recent
        for save, sequence in zip(saves, sequences, strict=True):
            recent[save.event.id] = sequence
        while len(recent) > _RECENT_IDS:
            recent.popitem(last=False)

    async def refuse(self, save: Save, head: SubjectHead) -> None:
        """Raise why the event cannot be stored behind what `head` knows."""
        current = head.version(save.event.actor_id)
        if save.event.version <= current:
            await self.conflict(save.event, head, current)
        await self.known_id(save.event, head)

    async def conflict(self, event: Event, head: SubjectHead, current: int) -> None:
        """Raise `VersionConflictError`, with the event that holds the version if there is one."""
        top = head.actors[event.actor_id]
        row = await self._reader.message_at(top.sequence)
        found = None if row is None else row.event
        if found is None or (found.actor_id, found.version) != (event.actor_id, current):
            raise OutdatedHeadError
        holder = found if event.version == current else await self._holder(event)
        raise VersionConflictError(
            event.actor_id,
            event.version,
            current,
            stored=holder,
            is_duplicate=holder is not None and holder.id == event.id,
        )

    async def _holder(self, event: Event) -> Event | None:
        """The stored event that has the version."""
        async for rows in self._reader.actor(event.actor_id, event.version):
            for row in rows:
                if row.event is not None and row.event.version == event.version:
                    return row.event
        return None

    async def known_id(self, event: Event, head: SubjectHead) -> None:
        """Raise `DuplicateEventError` for an id of the actor, or one that was saved here lately."""
        sequence = head.ids.get(event.id, 0)
        if sequence:
            if not await self._is_at(event.id, sequence):
                raise OutdatedHeadError
            raise DuplicateEventError(event.id, sequence)
        sequence = self.recent.get(event.id, 0)
        if sequence:
            if not await self._is_at(event.id, sequence):
                del self.recent[event.id]
                return
            raise DuplicateEventError(event.id, sequence)

    async def _is_at(self, event_id: str, sequence: int) -> bool:
        row = await self._reader.message_at(sequence)
        return row is not None and row.event is not None and row.event.id == event_id

    async def check_duplicate(self, save: Save, sequence: int) -> None:
        """The server remembers the id: fine if at `sequence` stands this very event, an error if another."""
        row = await self._reader.message_at(sequence)
        if row is None or row.event is None:
            raise DuplicateEventError(save.event.id, sequence)
        found, event = row.event, save.event
        if (found.id, found.actor_id, found.version) != (event.id, event.actor_id, event.version):
            raise DuplicateEventError(event.id, sequence)

    async def remembered(self, saves: Sequence[Save]) -> None:
        """The server remembers an id of the batch, of another actor: find which one."""
        ids = {save.event.id for save in saves}
        window = int(self._reader.info.config.get("duplicate_window", 0)) / 1e9
        async for row in self._reader.since(window + 1):
            if row.event is not None and row.event.id in ids:
                raise DuplicateEventError(row.event.id, row.sequence)
        raise StoreUnavailableError(
            self._api.url, f"stream {self._stream} counts an event of the batch as a duplicate; nothing was stored"
        )
