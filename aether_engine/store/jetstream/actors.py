"""Who is in a namespace: the list of actors, from the server's count of subjects.

A subject spells its actor's id unless the id holds a character that subjects cannot: then several ids may share
it, and only its events tell which. Those subjects, and only those, are read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aether_engine.event import ActorInfo, ActorOrder, StoredEvent
from aether_engine.store.jetstream.api import Api
from aether_engine.store.jetstream.last import MOST_REMEMBERED, LastEvents
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.listing import first_of, least, matching, order_key, span

# Up to so many new sequences, or one for two actors, are read to bring the list up to date; beyond, the server is
# asked for all subjects.
_SMALL_CHANGE: Final = 500
# Up to so many shared subjects are read one by one; beyond, the whole log is.
_FEW_SUBJECTS: Final = 64
# Fewer unknown actors than this are always asked for by themselves.
_MANY: Final = 4000
# Who asks for the next page within so many seconds lists everything.
_HURRY_SECONDS: Final = 0.25


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

    def info(self, actor_id: str) -> ActorInfo:
        return ActorInfo(actor_id, self.count, self.version, self.event_type, self.recorded_at)


class ActorIndex:
    """The actors of one stream, kept from one question to the next and brought up to date by the next."""

    def __init__(self, api: Api, layout: JetStreamLayout, reader: StreamReader) -> None:
        self._api = api
        self._layout = layout
        self._reader = reader
        # Held while actors are counted, and while a run begins, which brings what stood there then.
        self._lock = asyncio.Lock()
        self._last_sequence = -1
        self._messages = -1
        # By id: how many messages its own subject holds.
        self._counts: dict[str, int] = {}
        # By shared subject: how many messages it held when it was read, and its actors.
        self._shared: dict[str, tuple[int, dict[str, _Tally]]] = {}
        self._sorted: list[str] = []
        self._tallies: dict[str, _Tally] = {}
        self._last_events = LastEvents(api, layout, reader)
        # The last actor of the last page, and when that was answered.
        self._left_at = ""
        self._answered_at = 0.0

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
        # Of how many actors the last event is wanted, with what is likely to be asked for next.
        wanted = 0
        if by_name and not pattern:
            window = places[offset : offset + limit]
            chosen = [names[place] for place in window]
            if chosen and self._goes_on(names, window):
                wanted = len(places) - offset
        elif by_name:
            chosen = await first_of(matching(names, places, pattern), offset, limit)
        elif order is ActorOrder.EVENTS:
            sign = -1 if descending else 1
            found = matching(names, places, pattern)
            chosen = await least(found, lambda name: sign * self._event_count(name), offset, limit)
        else:
            of_info, looked_at = order_key(order, descending=descending), dict[str, ActorInfo]()
            parts = self._looked_at(matching(names, places, pattern), looked_at, len(places))
            chosen = await least(parts, lambda name: of_info(looked_at[name]), offset, limit)
        infos = await self._infos_of(chosen, wanted)
        self._left_at = chosen[-1] if chosen else ""
        self._answered_at = self._now()
        return [infos[name] for name in chosen]

    async def count(self, prefix: str, pattern: str) -> int:
        """How many actors there are; see `ActorDirectory.actor_count`."""
        await self._refresh()
        places = span(self._sorted, prefix, None, backwards=False)
        if not pattern:
            return len(places)
        return sum([len(part) async for part in matching(self._sorted, places, pattern)])

    async def counts(
        self, prefix: str, after: str | None, pattern: str
    ) -> AsyncGenerator[list[tuple[str, int]], None]:
        """Id and number of events of actors by id, in parts; see `CountsActors.actor_counts`."""
        await self._refresh()
        places = span(self._sorted, prefix, after, backwards=False)
        async for part in matching(self._sorted, places, pattern):
            if part:
                yield [(name, self._event_count(name)) for name in part]

    def close(self) -> None:
        """Let go of what the list has on the server."""
        self._last_events.close()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _goes_on(self, names: list[str], window: range) -> bool:
        """Whether a page begins where the last one ended, and was asked for at once."""
        before = window.start - window.step
        return (
            0 <= before < len(names)
            and names[before] == self._left_at
            and self._now() - self._answered_at < _HURRY_SECONDS
        )

    async def _looked_at(
        self, parts: AsyncIterator[list[str]], infos: dict[str, ActorInfo], count: int
    ) -> AsyncIterator[list[str]]:
        """`parts`, with the infos of each in `infos` while it is looked at: those of all would be many."""
        async for part in parts:
            infos.clear()
            infos.update(await self._infos_of(part, count))
            yield part

    async def _infos_of(self, actor_ids: list[str], wanted: int) -> dict[str, ActorInfo]:
        """The infos of actors, from what is known or from the server."""
        known, tallies = self._last_events.infos, self._tallies
        infos: dict[str, ActorInfo] = {}
        unknown: list[str] = []
        for name in actor_ids:
            info = known.get(name)
            if info is not None:
                infos[name] = info
            elif name in tallies:
                infos[name] = tallies[name].info(name)
            else:
                unknown.append(name)
        if unknown:
            total = len(self._counts)
            missing = min(total - len(known), max(wanted, len(unknown)))
            # A run brings all actors, so that most must be wanted and not known.
            if missing > _MANY and total < 3 * missing and total <= MOST_REMEMBERED:
                async with self._lock:
                    await self._last_events.begin_run(self._reader.info.replicas > 1)
            infos |= await self._last_events.look(unknown, self._counts, self._last_sequence)
        return infos

    def _event_count(self, actor_id: str) -> int:
        tally = self._tallies.get(actor_id)
        return self._counts.get(actor_id, 0) if tally is None else tally.count

    async def _refresh(self) -> None:
        # One after another: new events are counted once.
        async with self._lock:
            await self._bring_up_to_date()

    async def _bring_up_to_date(self) -> None:
        info = await self._api.stream_info(self._reader.name)
        if info is None or (info.last_sequence, info.messages) == (self._last_sequence, self._messages):
            return
        new = info.last_sequence - self._last_sequence
        grown = new == info.messages - self._messages
        small = self._last_sequence >= 0 and 0 < new <= max(_SMALL_CHANGE, len(self._counts) // 2)
        if small and grown and await self._read_on(info.last_sequence):
            self._last_sequence, self._messages = info.last_sequence, info.messages
            return
        reader = self._reader
        info = await self._api.stream_info(reader.name, subjects=reader.all_events, expected=info.subject_count)
        if info is None:
            return
        await self._take(info.subjects, info.last_sequence)
        if grown:
            self._last_events.recount(self._counts)
        else:
            self._last_events.forget()
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
                count = self._counts[actor_id] = self._counts.get(actor_id, 0) + 1
                self._last_events.add(row, count)
        if len(self._counts) + len(self._tallies) != before:
            self._sort()
        return True

    async def _take(self, subjects: dict[str, int], last: int) -> None:
        """Take the server's count of every subject."""
        start = len(self._reader.all_events) - 1
        actor_type, may_be_shared = self._layout.actor_type, self._layout.may_be_shared
        counts: dict[str, int] = {}
        shared: dict[str, int] = {}
        for subject, count in subjects.items():
            kind, _, token = subject[start:].partition(".")
            if may_be_shared(token):
                if "." not in token:
                    shared[subject] = count
            elif actor_type(token) == kind:
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
