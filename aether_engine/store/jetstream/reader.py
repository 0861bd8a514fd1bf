"""Reading a stream: one subject by batched direct get, long stretches by pulling.

On a stream with replicas a direct get may be answered by one that is a moment behind. What reads "everything up
to now" therefore asks the leader first how far that is, and asks the leader for what a replica does not have yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Final

from aether_engine.closing import closing
from aether_engine.errors import NotPermittedError
from aether_engine.event import StoredEvent
from aether_engine.store.jetstream.api import Api, Message, StreamInfo
from aether_engine.store.jetstream.layout import JetStreamLayout
from aether_engine.store.jetstream.pull import Pull, PullBrokenError, open_pull
from aether_engine.store.jetstream.reasons import NobodyThereError
from aether_engine.store.jetstream.rows import Rows, by_version

_PAGE: Final = 1000
# Stretches up to this many sequences are read page by page: making a consumer would take longer.
_SHORT_STRETCH: Final = 2000
# Longer streams of an actor come as they are stored, which is by version for every writer that keeps the rules.
_MOST_SORTED: Final = 20_000
# Where each place takes a question of its own, so many are on their way together.
_ASKED_AT_ONCE: Final = 64
# Skipping a message here costs its bytes, leaving it out costs the server about 20 µs for each event.
_MOST_WASTE: Final = 8 * 1024 * 1024
_WASTE_PER_EVENT: Final = 8 * 1024


class StreamReader:
    """Reads one stream. Knows its settings from `info`, which whoever owns it keeps up to date."""

    def __init__(self, api: Api, layout: JetStreamLayout, info: StreamInfo) -> None:
        self.api = api
        self._api = api
        self._layout = layout
        self.info = info
        self.name = info.name
        self.rows = Rows(layout, info.name)
        self.all_events = layout.all_events(info.name)
        self._can_pull = True
        # Whether runs leave it to the server to skip what is no event.
        self._filters = False

    @property
    def _allows_direct(self) -> bool:
        return bool(self.info.config.get("allow_direct"))

    @property
    def _replicated(self) -> bool:
        return self.info.replicas > 1

    async def last_sequence(self) -> int:
        """The sequence of the last event, 0 if there is none."""
        message = await self._api.last_message(self.name, self.all_events)
        return 0 if message is None else message.sequence

    async def on_subject(self, subject: str, first: int = 1) -> AsyncIterator[list[Message]]:
        """Every message on `subject` from `first` on that is stored now, in order."""
        target = 0
        if self._replicated or not self._allows_direct:
            last = await self._api.last_message(self.name, subject)
            if last is None or last.sequence < first:
                return
            target = last.sequence
        if self._allows_direct:
            more = True
            while more:
                try:
                    messages, more = await self._api.direct(self.name, subject, first, _PAGE)
                except NobodyThereError:
                    if target == 0 and await self._api.stream_info(self.name) is None:
                        return
                    break
                if not messages:
                    break
                first = messages[-1].sequence + 1
                yield messages
            if not self._replicated:
                return
        while first <= target:
            message = await self._api.message_from(self.name, subject, first)
            if message is None:
                return
            yield [message]
            first = message.sequence + 1

    async def since(self, seconds: float) -> AsyncIterator[StoredEvent]:
        """The events from `seconds` before the last one on."""
        last = await self._api.last_message(self.name, self.all_events)
        if last is None:
            return
        start = last.recorded_at - timedelta(seconds=seconds)
        messages, more = await self._api.direct_since(self.name, self.all_events, start, _PAGE)
        while messages:
            for message in messages:
                yield self.rows.row(message)
            if not more:
                return
            messages, more = await self._api.direct(self.name, self.all_events, messages[-1].sequence + 1, _PAGE)

    async def message_at(self, sequence: int) -> StoredEvent | None:
        message = await self._api.message_at(self.name, sequence)
        return None if message is None else self.rows.row(message)

    async def at(self, sequences: Sequence[int]) -> AsyncIterator[list[StoredEvent]]:
        """The events at single places, in their order, by pages of any length."""
        events = self.all_events.removesuffix(">")

        async def one(sequence: int) -> StoredEvent | None:
            message = await self._api.message_at(self.name, sequence) if sequence > 0 else None
            # Snapshots have places in the stream too.
            return self.rows.row(message) if message is not None and message.subject.startswith(events) else None

        for start in range(0, len(sequences), _ASKED_AT_ONCE):
            found = await asyncio.gather(*map(one, sequences[start : start + _ASKED_AT_ONCE]))
            rows = [row for row in found if row is not None]
            if rows:
                yield rows

    async def actor(self, actor_id: str, from_version: int) -> AsyncIterator[list[StoredEvent]]:
        """The actor's rows in version order, by pages of any length."""
        subject = self._layout.event_subject(self.name, actor_id)
        gathered: list[StoredEvent] = []
        streaming = False
        async with closing(self.on_subject(subject)) as pages:
            async for messages in pages:
                rows = [row for row in (self.rows.of_actor(one, actor_id) for one in messages) if row is not None]
                if streaming:
                    yield _from_version(rows, from_version)
                    continue
                gathered += rows
                if len(gathered) > _MOST_SORTED:
                    yield _from_version(by_version(gathered), from_version)
                    gathered = []
                    streaming = True
        yield _from_version(by_version(gathered), from_version)

    async def stretch(self, first: int, last: int) -> AsyncIterator[list[StoredEvent]]:
        """Every event from `first` to `last`, by pages of any length; `last` need not be an event's."""
        if last - first < _SHORT_STRETCH or not self._can_pull:
            pages = self._short(first, last)
        else:
            pages = self._long(first, last)
        async with closing(pages):
            async for page in pages:
                yield page

    async def _short(self, first: int, last: int) -> AsyncIterator[list[StoredEvent]]:
        rows = self.rows
        if first > last:
            return
        if self._allows_direct:
            more = True
            while more and first <= last:
                limit = min(last - first + 1, _PAGE)
                messages, more = await self._api.direct(self.name, self.all_events, first, limit)
                page = [rows.row(one) for one in messages if one.sequence <= last]
                if page:
                    yield page
                if not messages or messages[-1].sequence >= last:
                    break
                first = messages[-1].sequence + 1
            if messages and messages[-1].sequence >= last:
                return
            if messages:
                first = messages[-1].sequence + 1
            if not self._replicated:
                return
        while first <= last:
            message = await self._api.message_from(self.name, self.all_events, first)
            if message is None or message.sequence > last:
                return
            yield [rows.row(message)]
            first = message.sequence + 1

    async def _long(self, first: int, last: int) -> AsyncIterator[list[StoredEvent]]:
        deadline = asyncio.get_running_loop().time() + self._api.link.options.request_timeout * 2
        while first <= last:
            try:
                pull = await self.open_run(first)
            except NotPermittedError:
                self._can_pull = False
                async with closing(self._short(first, last)) as pages:
                    async for page in pages:
                        yield page
                return
            try:
                waiting = pull.pending
                while first <= last and not self.wastes(pull):
                    if not waiting and not await self._is_more(first, last):
                        return
                    run = await pull.next()
                    rows = self.rows.of_run(run, last)
                    first, waiting = run.last_sequence + 1, run.pending
                    deadline = asyncio.get_running_loop().time() + self._api.link.options.request_timeout * 2
                    if rows:
                        yield rows
            except PullBrokenError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                end = await self.last_sequence()
                if end < first:  # what was there when the read began has been removed since
                    return
                last = min(last, end)
            finally:
                await pull.close()

    async def _is_more(self, first: int, last: int) -> bool:
        """Whether the leader has an event there, when a server that may be behind it has come to its end."""
        message = await self._api.message_from(self.name, self.all_events, first)
        return message is not None and message.sequence <= last

    async def open_run(self, first: int) -> Pull:
        """A run from `first` on that has every event and may have snapshots; also raises `NotPermittedError`."""
        deliver = {"deliver_policy": "by_start_sequence", "opt_start_seq": max(first, 1)}
        if not self._filters:
            try:
                # The server finds the messages of some subjects ten times more slowly than all messages.
                return await open_pull(self._api, self.name, None, deliver)
            except NotPermittedError:
                # The user's rights may name the subjects.
                self._filters = True
        return await open_pull(self._api, self.name, self.all_events, deliver)

    def wastes(self, pull: Pull) -> bool:
        """Whether a run brings so much besides events that another one, which leaves it out, is to be opened."""
        rows = self.rows
        if rows.skipped_bytes > _MOST_WASTE + _WASTE_PER_EVENT * rows.taken:
            self._filters = True
        return self._filters and pull.subject is None


def _from_version(rows: list[StoredEvent], version: int) -> list[StoredEvent]:
    """Rows of at least `version`; a damaged one counts as the version in front of it."""
    if version <= 0:
        return rows
    found: list[StoredEvent] = []
    current = 0
    for row in rows:
        if row.event is not None:
            current = row.event.version
        if current >= version:
            found.append(row)
    return found
