"""Where each actor stands: the version cache in front of the compare-and-set.

Nothing here is trusted for correctness. A head that is out of date makes the server refuse a save, and then it is
read on from where it ended.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from aether_engine.store.jetstream.reader import StreamReader

# How many event ids are remembered over all subjects; beyond it the subjects longest unused are forgotten.
_MOST_IDS: Final = 250_000


@dataclass(slots=True)
class ActorHead:
    """An actor's highest version and the sequence it has."""

    version: int
    sequence: int


@dataclass(slots=True)
class SubjectHead:
    """What one subject holds: its last message, its actors (several ids can meet in one) and their event ids."""

    last_sequence: int = 0
    actors: dict[str, ActorHead] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    #: Nobody looked: taken for new until the server says otherwise.
    assumed: bool = False

    def version(self, actor_id: str) -> int:
        head = self.actors.get(actor_id)
        return 0 if head is None else head.version

    def add(self, actor_id: str, version: int, event_id: str, sequence: int) -> None:
        """An event stands at `sequence`, behind everything known so far."""
        self.last_sequence = sequence
        head = self.actors.get(actor_id)
        if head is None:
            self.actors[actor_id] = ActorHead(version, sequence)
        elif version > head.version:
            head.version = version
            head.sequence = sequence
        self.ids.setdefault(event_id, sequence)


class Heads:
    """The heads of one stream's subjects, those used last."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._heads: OrderedDict[str, SubjectHead] = OrderedDict()
        self._ids = 0
        #: The highest sequence that anything is known of.
        self.highest = 0

    def known(self, subject: str) -> SubjectHead | None:
        """The head as it was last seen, without asking."""
        head = self._heads.get(subject)
        if head is not None:
            self._heads.move_to_end(subject)
        return head

    async def current(self, subject: str) -> SubjectHead:
        """The head as of now, read on from what is known."""
        return await self.read_on(subject, self.known(subject) or SubjectHead())

    async def read(self, subject: str) -> SubjectHead:
        """The head read from the subject's first message on."""
        return await self.read_on(subject, SubjectHead())

    async def read_on(self, subject: str, head: SubjectHead) -> SubjectHead:
        """`head` with what was stored behind it since."""
        head.assumed = False
        before = len(head.ids)
        async for messages in self._reader.on_subject(subject, head.last_sequence + 1):
            for message in messages:
                row = self._reader.rows.row(message)
                if message.sequence <= head.last_sequence:
                    continue  # somebody else read on meanwhile
                if row.event is None:
                    head.last_sequence = message.sequence
                else:
                    event = row.event
                    head.add(event.actor_id, event.version, event.id, message.sequence)
        if self._heads.get(subject) is head:
            self._ids += len(head.ids) - before
        else:
            self.put(subject, head)
        return head

    def put(self, subject: str, head: SubjectHead) -> None:
        """Remember `head`, and forget others if that makes too many."""
        self.forget(subject)
        self._heads[subject] = head
        self.highest = max(self.highest, head.last_sequence)
        self._ids += len(head.ids) + 1
        while self._ids > _MOST_IDS and len(self._heads) > 1:
            self.forget(next(iter(self._heads)))

    def stored(
        self, subject: str, head: SubjectHead, actor_id: str, version: int, event_id: str, sequence: int
    ) -> None:
        """A save of ours stands at `sequence`."""
        head.assumed = False
        head.add(actor_id, version, event_id, sequence)
        self.highest = max(self.highest, sequence)
        if self._heads.get(subject) is head:
            self._ids += 1
        else:
            self.put(subject, head)

    def forget(self, subject: str) -> None:
        head = self._heads.pop(subject, None)
        if head is not None:
            self._ids -= len(head.ids) + 1

    def reset(self, subject: str, head: SubjectHead) -> None:
        """Nothing of `head` is believed any more; the next reading begins at the subject's first message."""
        self.forget(subject)
        head.last_sequence = 0
        head.actors.clear()
        head.ids.clear()

    def clear(self) -> None:
        self._heads.clear()
        self._ids = 0
        self.highest = 0
