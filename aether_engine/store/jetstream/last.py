"""What the last event of each actor tells: asked for some actors, or taken from a run through all of them.

A question for a thousand actors takes the server about 10 µs for each. Whoever lists everything gets what it lists
from one run of the last message of every subject, which takes a third of that and is under way while the list is
used; but it brings all actors, so that nobody who only looks at the first ones is made to wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from aether_engine.codec import decode_event
from aether_engine.errors import InvalidEventError, NotPermittedError, StoreUnavailableError
from aether_engine.event import ActorInfo, StoredEvent
from aether_engine.store.jetstream.api import Api, ApiError, Message
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.store.jetstream.pull import Pull, Run, open_pull, recorded_at
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.jetstream.reasons import NobodyThereError

#: Infos that are kept from one question to the next.
MOST_REMEMBERED: Final = 250_000
# Most subjects the server answers for in one question.
_MOST_SUBJECTS: Final = 1000
# Where each subject takes a question of its own, so many are on their way together.
_ASKED_AT_ONCE: Final = 32
# How long the run is waited for before actors are asked for by themselves, for each thousand of them.
_PATIENCE_SECONDS: Final = 0.1
# A run that nobody has asked for so long is ended.
_IDLE_SECONDS: Final = 2.0


class LastEvents:
    """The infos of actors that have their subject for themselves, each from its subject's last message."""

    def __init__(self, api: Api, layout: JetStreamLayout, reader: StreamReader) -> None:
        self._api = api
        self._layout = layout
        self._reader = reader
        #: By id, of actors whose info is known and up to date.
        self.infos: dict[str, ActorInfo] = {}
        # Held while messages of the run are waited for.
        self._lock = asyncio.Lock()
        # The run through all actors, while there is one.
        self._pull: Pull | None = None
        self._can_run = True
        # Of a run on a replica: what came of it, until it is known that the replica had all up to `_expected`.
        self._held: list[Run] | None = None
        self._expected = 0
        # Actors of which newer events were counted while the run was under way.
        self._changed: set[str] = set()
        self._ending: asyncio.TimerHandle | None = None

    def add(self, row: StoredEvent, count: int) -> None:
        """An event was stored behind all that is known of its actor, as message number `count` of its subject."""
        event = row.event
        assert event is not None
        actor_id = event.actor_id
        if self._pull is not None:
            self._changed.add(actor_id)
        before = self.infos.get(actor_id)
        if before is not None or count == 1:
            version = event.version if before is None else max(event.version, before.latest_version)
            self._remember(ActorInfo(actor_id, count, version, event.event_type, row.recorded_at))

    def recount(self, counts: Mapping[str, int]) -> None:
        """All actors were counted again: what is known stays known of those whose subject has not changed."""
        self._end()
        self.infos = {
            actor_id: info for actor_id, info in self.infos.items() if counts.get(actor_id) == info.event_count
        }

    def forget(self) -> None:
        """Messages were deleted: counts do not tell any more what has changed."""
        self._end()
        self.infos.clear()

    async def begin_run(self, replicated: bool) -> None:
        """Begin to read the last event of every actor, unless that is under way."""
        async with self._lock:
            if self._pull is not None or not self._can_run:
                return
            self._changed.clear()
            self._held = [] if replicated else None
            self._expected = await self._reader.last_sequence() if replicated else 0
            reader = self._reader
            deliver = {"deliver_policy": "last_per_subject"}
            try:
                self._pull = await open_pull(self._api, reader.name, reader.all_events, deliver)
            except NotPermittedError:
                self._can_run = False
            except StoreUnavailableError:
                return  # asking for each page does it too, and says what is wrong if it does not

    def close(self) -> None:
        """End the run, if there is one."""
        self._end()

    async def look(
        self, actor_ids: Sequence[str], counts: Mapping[str, int], at_least: int
    ) -> dict[str, ActorInfo]:
        """The infos of actors. `counts` are those of all actors, as of sequence `at_least`."""
        if self._pull is not None:
            async with self._lock:
                await self._take_until_known(actor_ids, counts)
        infos = {actor_id: self.infos[actor_id] for actor_id in actor_ids if actor_id in self.infos}
        missing = [actor_id for actor_id in actor_ids if actor_id not in infos]
        for start in range(0, len(missing), _MOST_SUBJECTS):
            infos |= await self._ask(missing[start : start + _MOST_SUBJECTS], counts, at_least)
        return infos

    async def _take_until_known(self, actor_ids: Sequence[str], counts: Mapping[str, int]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_SECONDS * max(1, len(actor_ids) // _MOST_SUBJECTS)
        place = 0
        while self._pull is not None and loop.time() < deadline:
            while place < len(actor_ids) and actor_ids[place] in self.infos:
                place += 1
            if place == len(actor_ids):
                break
            await self._run_on(self._pull, counts, deadline - loop.time())
        if self._pull is not None:
            self._end_later()

    def _remember(self, info: ActorInfo) -> None:
        if len(self.infos) >= MOST_REMEMBERED:
            self.infos.clear()
        self.infos[info.actor_id] = info

    # --- The run ------------------------------------------------------------------------------------------

    async def _run_on(self, pull: Pull, counts: Mapping[str, int], seconds: float) -> None:
        """Take what has come, and wait for it if it must be."""
        try:
            if not pull.pending:
                self._end()
                return
            if not await pull.arrives(seconds):
                return
            run = await pull.next()
        except StoreUnavailableError:
            self._end()
            return
        if self._pull is not pull:
            return  # the actors were counted again meanwhile
        last, pull.pending = run.last_sequence, run.pending
        if self._held is None:
            self._take(run, counts)
        else:
            self._held.append(run)
            # Heads come in the order of the stream: if the last is there, the replica had everything.
            if not pull.pending and last >= self._expected:
                for held in self._held:
                    self._take(held, counts)
        if not pull.pending:
            self._end()

    def _take(self, run: Run, counts: Mapping[str, int]) -> None:
        """Make infos of the messages that are what they should be. The others are looked into when wanted."""
        infos, changed = self.infos, self._changed
        actor_type = self._layout.actor_type
        start = len(self._reader.all_events) - 1
        for (name, _, _, data), microseconds in zip(run.frames, run.times(), strict=True):
            kind, _, actor_id = name[start:].decode().partition(".")
            count = counts.get(actor_id)
            # An id that shares its subject has no count, and no id stands under another type than its own.
            if count is None or actor_type(actor_id) != kind or actor_id in changed:
                continue
            try:
                event = decode_event(data)
            except InvalidEventError:
                continue
            if event.actor_id == actor_id:
                recorded = recorded_at(microseconds)
                infos[actor_id] = ActorInfo(actor_id, count, event.version, event.event_type, recorded)

    def _end_later(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._end)

    def _end(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        pull, self._pull = self._pull, None
        self._held = None
        if pull is not None and not self._api.link.closed:
            self._api.link.spawn(pull.close())

    # --- Questions ----------------------------------------------------------------------------------------

    async def _ask(self, actor_ids: list[str], counts: Mapping[str, int], at_least: int) -> dict[str, ActorInfo]:
        subjects = {self._reader.rows.subject(actor_id): actor_id for actor_id in actor_ids}
        counted = {actor_id: counts.get(actor_id, 0) for actor_id in actor_ids}
        infos: dict[str, ActorInfo] = {}
        heads = await self._heads(list(subjects), at_least)
        for subject, actor_id in subjects.items():
            version, event_type = 0, ""
            recorded: datetime | None = None
            head = heads.get(subject)
            if head is not None:
                recorded = head.recorded_at
                event = self._reader.rows.row(head).event
                if event is not None:
                    version, event_type = event.version, event.event_type
                else:
                    # The last message is no event: the actor's state is what stands before it.
                    async for rows in self._reader.actor(actor_id, 0):
                        for row in rows:
                            if row.event is not None:
                                version = max(version, row.event.version)
                                event_type = row.event.event_type
            count = counted[actor_id]
            info = infos[actor_id] = ActorInfo(actor_id, count, version, event_type, recorded)
            # Meanwhile it may have been counted on.
            if counts.get(actor_id) == count:
                self._remember(info)
        return infos

    async def _heads(self, subjects: list[str], at_least: int) -> dict[str, Message]:
        """The last message of each subject: all at once where the server and the stream allow it."""
        heads: dict[str, Message] = {}
        if self._reader.info.config.get("allow_direct"):
            # A server older than 2.11 does not understand the question.
            with contextlib.suppress(ApiError, NobodyThereError):
                heads = await self._api.last_of_each(self._reader.name, subjects, at_least)
        missing = [subject for subject in subjects if subject not in heads]
        for start in range(0, len(missing), _ASKED_AT_ONCE):
            part = missing[start : start + _ASKED_AT_ONCE]
            found = await asyncio.gather(*(self._api.last_message(self._reader.name, one) for one in part))
            heads |= {subject: head for subject, head in zip(part, found, strict=True) if head is not None}
        return heads
