"""Who is in a namespace: the list of actors, from the server's count of subjects.

A subject spells its actor's id unless the id holds a character that subjects cannot: then several ids may share
it, and only its events tell which. Those subjects, and only those, are read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aether_engine.event import ActorInfo, ActorOrder, StoredEvent
from aether_engine.store.jetstream_api import Api, ApiError, Message
from aether_engine.store.jetstream_layout import JetStreamLayout
from aether_engine.store.jetstream_reader import StreamReader
from aether_engine.store.jetstream_reasons import NobodyThereError
from aether_engine.store.listing import first_of, least, matching, order_key, span

# Most subjects the server answers for in one question.
_MOST_SUBJECTS: Final = 1000
# Infos kept from one question to the next.
_MOST_REMEMBERED: Final = 50_000
# Where each subject takes a question of its own, so many are on their way together.
_ASKED_AT_ONCE: Final = 32
# Up to so many new sequences are read to bring the list up to date; beyond, the server is asked for all subjects.
_SMALL_CHANGE: Final = 500
# Up to so many shared subjects are read one by one; beyond, the whole log is.
_FEW_SUBJECTS: Final = 64


@dataclass(slots=True)
class _Tally:
    """An actor of a shared subject, as its events tell."""

    count: int = 0
    version: int = 0
    event_type: str = ""
    recorded_at: datetime | None = None

    def add(self, row: StoredEvent) -> None:
        assert row.event is not None
        self.count += 1
        self.version = max(self.version, row.event.version)
        self.event_type = row.event.event_type
        self.recorded_at = row.recorded_at


class ActorIndex:
    """The actors of one stream, kept from one question to the next and brought up to date by the next."""

    def __init__(self, api: Api, layout: JetStreamLayout, reader: StreamReader) -> None:
        self._api = api
        self._layout = layout
        self._reader = reader
        self._last_sequence = -1
        self._messages = -1
        # By id: how many messages its own subject holds.
        self._counts: dict[str, int] = {}
        # By shared subject: how many messages it held when it was read, and its actors.
        self._shared: dict[str, tuple[int, dict[str, _Tally]]] = {}
        self._sorted: list[str] = []
        self._tallies: dict[str, _Tally] = {}
        # By id: the count its info was made at.
        self._infos: dict[str, tuple[int, ActorInfo]] = {}

    async def page(
        self,
        prefix: str,
        after: str | None,
        limit: int,
        pattern: str = "",
        order: ActorOrder = ActorOrder.NAME,
        descending: bool = False,
        offset: int = 0,
    ) -> list[ActorInfo]:
        """Actors in an order; see `ActorDirectory.actors`."""
        await self._refresh()
        names, by_name = self._sorted, order is ActorOrder.NAME
        places = span(names, prefix, after, backwards=descending and by_name)
        if by_name and not pattern:
            chosen = [names[place] for place in places[offset : offset + limit]]
        elif by_name:
            chosen = await first_of(matching(names, places, pattern), offset, limit)
        elif order is ActorOrder.EVENTS:
            sign = -1 if descending else 1
            key = lambda name: sign * self._event_count(name)  # noqa: E731
            chosen = await least(matching(names, places, pattern), key, offset, limit)
        else:
            of_info, looked_at = order_key(order, descending=descending), dict[str, ActorInfo]()
            parts = self._looked_at(matching(names, places, pattern), looked_at)
            chosen = await least(parts, lambda name: of_info(looked_at[name]), offset, limit)
        infos = await self._infos_of(chosen)
        if len(self._infos) > _MOST_REMEMBERED:
            self._infos.clear()
        self._infos.update((name, (infos[name].event_count, infos[name])) for name in chosen)
        return [infos[name] for name in chosen]

    async def count(self, prefix: str, pattern: str) -> int:
        """How many actors there are; see `ActorDirectory.actor_count`."""
        await self._refresh()
        places = span(self._sorted, prefix, None, backwards=False)
        if not pattern:
            return len(places)
        return sum([len(part) async for part in matching(self._sorted, places, pattern)])

    async def _looked_at(
        self, parts: AsyncIterator[list[str]], infos: dict[str, ActorInfo]
    ) -> AsyncIterator[list[str]]:
        """`parts`, with the infos of each in `infos` while it is looked at: those of all would be many."""
        async for part in parts:
            infos.clear()
            infos.update(await self._infos_of(part))
            yield part

    async def _infos_of(self, actor_ids: list[str]) -> dict[str, ActorInfo]:
        """The infos of actors, from what is known or from the server."""
        infos: dict[str, ActorInfo] = {}
        unknown: list[str] = []
        for name in actor_ids:
            tally, known = self._tallies.get(name), self._infos.get(name)
            if tally is not None:
                infos[name] = ActorInfo(name, tally.count, tally.version, tally.event_type, tally.recorded_at)
            elif known is not None and known[0] == self._counts.get(name):
                infos[name] = known[1]
            else:
                unknown.append(name)
        for start in range(0, len(unknown), _MOST_SUBJECTS):
            infos |= await self._look(unknown[start : start + _MOST_SUBJECTS])
        return infos

    def _event_count(self, actor_id: str) -> int:
        tally = self._tallies.get(actor_id)
        return self._counts.get(actor_id, 0) if tally is None else tally.count

    async def _look(self, actor_ids: list[str]) -> dict[str, ActorInfo]:
        """The infos of actors that have their subject for themselves, from its last message."""
        subjects = {self._reader.rows.subject(actor_id): actor_id for actor_id in actor_ids}
        heads = await self._heads(list(subjects))
        infos: dict[str, ActorInfo] = {}
        for subject, actor_id in subjects.items():
            head = heads.get(subject)
            tally = _Tally()
            if head is not None:
                row = self._reader.rows.row(head)
                if row.event is not None:
                    tally.add(row)
                else:
                    # The last message is no event: the actor's state is what stands before it.
                    async for rows in self._reader.actor(actor_id, 0):
                        for each in rows:
                            if each.event is not None:
                                tally.add(each)
                    tally.recorded_at = head.recorded_at
            count = self._counts.get(actor_id, 0)
            infos[actor_id] = ActorInfo(actor_id, count, tally.version, tally.event_type, tally.recorded_at)
        return infos

    async def _heads(self, subjects: list[str]) -> dict[str, Message]:
        """The last message of each subject: all at once where the server and the stream allow it."""
        heads: dict[str, Message] = {}
        if self._reader.info.config.get("allow_direct"):
            # A server older than 2.11 does not understand the question.
            with contextlib.suppress(ApiError, NobodyThereError):
                heads = await self._api.last_of_each(self._reader.name, subjects, self._last_sequence)
        missing = [subject for subject in subjects if subject not in heads]
        for start in range(0, len(missing), _ASKED_AT_ONCE):
            part = missing[start : start + _ASKED_AT_ONCE]
            found = await asyncio.gather(*(self._api.last_message(self._reader.name, one) for one in part))
            heads |= {subject: head for subject, head in zip(part, found, strict=True) if head is not None}
        return heads

    async def _refresh(self) -> None:
        info = await self._api.stream_info(self._reader.name)
        if info is None or (info.last_sequence, info.messages) == (self._last_sequence, self._messages):
            return
        new = info.last_sequence - self._last_sequence
        grown = info.messages - self._messages
        small = self._last_sequence >= 0 and 0 < new <= _SMALL_CHANGE and new == grown
        if small and await self._read_on(info.last_sequence):
            self._last_sequence, self._messages = info.last_sequence, info.messages
            return
        info = await self._api.stream_info(self._reader.name, subjects=self._reader.all_events)
        if info is None:
            return
        await self._take(info.subjects, info.last_sequence)
        self._last_sequence, self._messages = info.last_sequence, info.messages

    async def _read_on(self, last: int) -> bool:
        """Count the new events one by one; False if one of them is damaged and only the server can count it."""
        rows: list[StoredEvent] = []
        async for page in self._reader.stretch(self._last_sequence + 1, last):
            rows += page
        if any(row.event is None for row in rows):
            return False
        before = len(self._counts) + len(self._tallies)
        for row in rows:
            assert row.event is not None
            actor_id = row.event.actor_id
            subject = self._reader.rows.subject(actor_id)
            if self._layout.may_be_shared(self._layout.actor_token(subject)):
                count, actors = self._shared.setdefault(subject, (0, {}))
                self._shared[subject] = (count + 1, actors)
                actors.setdefault(actor_id, self._tallies.setdefault(actor_id, _Tally())).add(row)
            else:
                self._counts[actor_id] = self._counts.get(actor_id, 0) + 1
        if len(self._counts) + len(self._tallies) != before:
            self._sort()
        return True

    async def _take(self, subjects: dict[str, int], last: int) -> None:
        """Take the server's count of every subject."""
        start = len(self._reader.all_events) - 1
        counts: dict[str, int] = {}
        shared: dict[str, int] = {}
        for subject, count in subjects.items():
            kind, _, token = subject[start:].partition(".")
            if "_" in token:
                if "." not in token:
                    shared[subject] = count
            elif token.partition("-")[0] == kind or self._layout.actor_type(token) == kind:
                # A subject that no actor of this layout has is not listed; its events stand in the log.
                counts[token] = count
        self._counts = counts
        changed = [subject for subject, count in shared.items() if self._shared.get(subject, (0,))[0] != count]
        self._shared = {subject: known for subject, known in self._shared.items() if subject in shared}
        if len(changed) <= _FEW_SUBJECTS:
            for subject in changed:
                actors: dict[str, _Tally] = {}
                async for messages in self._reader.on_subject(subject):
                    for message in messages:
                        self._count(self._reader.rows.row(message), actors)
                self._shared[subject] = (shared[subject], actors)
        else:
            await self._read_shared(set(changed), shared, last)
        self._tallies = {
            actor_id: tally for _, known in self._shared.values() for actor_id, tally in known.items()
        }
        self._sort()

    async def _read_shared(self, changed: set[str], shared: dict[str, int], last: int) -> None:
        found: dict[str, dict[str, _Tally]] = {subject: {} for subject in changed}
        async for rows in self._reader.stretch(1, last):
            for row in rows:
                if row.event is not None:
                    actors = found.get(self._reader.rows.subject(row.event.actor_id))
                    if actors is not None:
                        self._count(row, actors)
        for subject, actors in found.items():
            self._shared[subject] = (shared[subject], actors)

    def _count(self, row: StoredEvent, actors: dict[str, _Tally]) -> None:
        if row.event is not None:
            actors.setdefault(row.event.actor_id, _Tally()).add(row)

    def _sort(self) -> None:
        self._sorted = sorted([*self._counts, *self._tallies])
