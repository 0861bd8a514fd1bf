"""Saving events: check the version, compare-and-set, and find out what became of a save whose answer is missing.

Why this is safe: every attempt at one event carries the same id and the same expected sequence of its subject, so
that at most one of them can win; and before another attempt the stream's leader is asked what stands behind that
sequence. Once something else stands there, no earlier attempt can land any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Final

from aether_engine.codec import loads
from aether_engine.errors import (
    AetherError,
    DuplicateEventError,
    OutcomeUnknownError,
    StoreUnavailableError,
    VersionConflictError,
)
from aether_engine.event import Event
from aether_engine.store.jetstream.api import Api, ApiError
from aether_engine.store.jetstream.heads import Heads, SubjectHead
from aether_engine.store.jetstream.locks import SubjectLocks
from aether_engine.store.jetstream.publish import (
    Busy,
    Doubtful,
    Draft,
    DuplicateInBatch,
    Moved,
    Outcome,
    Publisher,
    Stored,
    Unsupported,
)
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.jetstream.reasons import NoAnswerError, NobodyThereError, NotSentError
from aether_engine.store.jetstream.refusals import OutdatedHeadError, Refusals, Save

# How long an attempt's answer is waited for before it is found out what became of it.
_ATTEMPT_SECONDS: Final = 2.0
_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 0.5
# Heads of a batch that are read at once.
_READ_AT_ONCE: Final = 32

# What passes by itself: the connection, a leader, an answer is missing.
_WEATHER: Final = (NotSentError, NoAnswerError, NobodyThereError, ApiError)

Announce = Callable[[Sequence[tuple[int, Event]]], None]


class StreamGoneError(Exception):
    """The stream is not there any more, or is another one of the same name: begin anew."""


class _Progress:
    """How a save stands: how long it may go on yet, and whether an attempt that was sent may have stored it."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds
        self._pause = _PAUSE_SECONDS
        #: Why an attempt's outcome is not known; empty if none is in doubt.
        self.doubt = ""
        #: What last kept the servers from being asked.
        self.trouble: StoreUnavailableError | None = None
        #: The expected sequence that the attempt in doubt carried.
        self.expected = 0

    @property
    def left(self) -> float:
        return self._end - self._loop.time()

    async def pause(self) -> None:
        await asyncio.sleep(min(self._pause, max(self.left, 0)))
        self._pause = min(self._pause * 2, _LONGEST_PAUSE_SECONDS)

    def in_doubt(self, reason: str, expected: int) -> None:
        self.doubt = reason
        self.expected = expected

    def settle(self, head: SubjectHead, event_id: str) -> None:
        """Something else stands behind the expected sequence: no attempt that expected it can land any more."""
        if self.doubt and head.last_sequence != self.expected and event_id not in head.ids:
            self.doubt = ""


class StreamWriter:
    """Saves into one stream that exists."""

    def __init__(
        self,
        api: Api,
        reader: StreamReader,
        heads: Heads,
        publisher: Publisher,
        announce: Announce,
        locks: SubjectLocks,
    ) -> None:
        self._api = api
        self.url = api.url
        self._link = api.link
        self._reader = reader
        self._publisher = publisher
        self._announce = announce
        self._stream = reader.name
        self._locks = locks
        self.heads = heads
        self.refusals = Refusals(api, reader)

    # --- One event ----------------------------------------------------------------------------------------

    async def save(self, save: Save) -> int:
        """Store one event and return its sequence; raises what `EventStore.save_event` promises."""
        await self._locks.acquire(save.subject)
        try:
            return await self._save(save)
        except AetherError:
            raise
        except BaseException:
            # Cancelled: what is known of the subject may be overtaken by the save that goes on without us.
            self.heads.forget(save.subject)
            raise
        finally:
            self._locks.release(save.subject)

    async def _save(self, save: Save) -> int:
        event = save.event
        progress = self._progress()
        head = self.heads.known(save.subject)
        if head is None and event.version == 1:
            # A first version is nearly always that of a new actor: the server is asked by saving.
            head = SubjectHead(assumed=True)
        while True:
            try:
                if head is None:
                    head = await self.heads.read(save.subject)
                try:
                    sequence = await self._attempt(save, head, progress)
                except OutdatedHeadError:
                    sequence = 0
                    await self._look_anew({save.subject: head}, progress)
                if sequence:
                    return self._done([save], {save.subject: head}, [sequence])[0]
            except _WEATHER as error:
                await self._weather(error, event, progress)
            self._check_time(event, progress)

    async def _attempt(self, save: Save, head: SubjectHead, progress: _Progress) -> int:
        """Try once to store an event behind `head`: its sequence, or 0 if it has to be tried again."""
        event = save.event
        progress.settle(head, event.id)
        stored = await self._refuse(save, head, progress)
        if stored:
            return stored
        self._publisher.check_size(save.raw)
        draft = Draft(save.subject, save.raw, event.id, head.last_sequence)
        outcome = await self._publisher.publish(self._stream, draft, self._patience(progress), self._late([save]))
        if isinstance(outcome, Stored):
            if not outcome.duplicate:
                return outcome.sequence
            await self.refusals.check_duplicate(save, outcome.sequence)
            if progress.doubt:
                return outcome.sequence
        if isinstance(outcome, Doubtful):
            progress.in_doubt(outcome.reason, head.last_sequence)
        await self._read_on({save.subject: head}, outcome, progress)
        return 0

    # --- Several events, all or none ------------------------------------------------------------------------

    async def save_batch(self, saves: Sequence[Save]) -> list[int]:
        """Store at most `MAX_BATCH` events as one; raises what `EventLog.save_events` promises."""
        if len(saves) == 1:
            return [await self.save(saves[0])]
        subjects = sorted({save.subject for save in saves})
        async with self._locks.hold(subjects):
            try:
                return await self._save_batch(saves)
            except AetherError:
                raise
            except BaseException:
                for subject in subjects:
                    self.heads.forget(subject)
                raise

    async def _save_batch(self, saves: Sequence[Save]) -> list[int]:
        first = saves[0]
        progress = self._progress()
        heads: dict[str, SubjectHead] = {}
        for save in saves:
            if save.subject not in heads:
                known = self.heads.known(save.subject)
                if known is None and save.event.version == 1:
                    known = SubjectHead(assumed=True)
                if known is not None:
                    heads[save.subject] = known
        while True:
            try:
                await self.fill(heads, saves)
                try:
                    sequences = await self._attempt_batch(saves, heads, progress)
                except OutdatedHeadError:
                    sequences = []
                    await self._look_anew(heads, progress)
                if sequences:
                    return self._done(saves, heads, sequences)
            except _WEATHER as error:
                await self._weather(error, first.event, progress)
            self._check_time(first.event, progress)

    async def _attempt_batch(
        self, saves: Sequence[Save], heads: dict[str, SubjectHead], progress: _Progress
    ) -> list[int]:
        """Try once to store events behind `heads`: their sequences, or none if it has to be tried again."""
        first = saves[0]
        progress.settle(heads[first.subject], first.event.id)
        stored = await self._refuse_batch(saves, heads, progress)
        if stored:
            return stored
        outcome = await self._publisher.publish_batch(
            self._stream, self._drafts(saves, heads), self._patience(progress), self._late(saves)
        )
        if isinstance(outcome, Stored):
            return list(range(outcome.sequence - len(saves) + 1, outcome.sequence + 1))
        if isinstance(outcome, Unsupported):
            raise self.no_batches()
        if isinstance(outcome, Doubtful):
            progress.in_doubt(outcome.reason, heads[first.subject].last_sequence)
        await self._read_on(heads, outcome, progress)
        if isinstance(outcome, DuplicateInBatch):
            progress.settle(heads[first.subject], first.event.id)
            if not await self._refuse_batch(saves, heads, progress):
                await self.refusals.remembered(saves)
        return []

    def no_batches(self) -> StoreUnavailableError:
        """The error of a stream that cannot take several events as one."""
        return StoreUnavailableError(
            self._api.url,
            f"stream {self._stream} cannot take several events as one, so nothing was stored; save them singly, "
            "or set allow_atomic on the stream (nats-server 2.12 or newer)",
        )

    def _drafts(self, saves: Sequence[Save], heads: dict[str, SubjectHead]) -> list[Draft]:
        drafts: list[Draft] = []
        expected_of: set[str] = set()
        for save in saves:
            expected = None
            if save.subject not in expected_of:
                expected_of.add(save.subject)
                expected = heads[save.subject].last_sequence
            self._publisher.check_size(save.raw)
            drafts.append(Draft(save.subject, save.raw, save.event.id, expected))
        return drafts

    async def fill(self, heads: dict[str, SubjectHead], saves: Sequence[Save]) -> None:
        """Read the heads that are missing, several at once."""
        missing = [subject for subject in {save.subject for save in saves} if subject not in heads]
        for start in range(0, len(missing), _READ_AT_ONCE):
            part = missing[start : start + _READ_AT_ONCE]
            for subject, head in zip(part, await asyncio.gather(*map(self.heads.read, part)), strict=True):
                heads[subject] = head

    async def _refuse_batch(
        self, saves: Sequence[Save], heads: dict[str, SubjectHead], progress: _Progress
    ) -> list[int]:
        """Raise what is wrong with the first bad event; the sequences if an attempt in doubt has stored them."""
        if progress.doubt and saves[0].event.id in heads[saves[0].subject].ids:
            sequences = [heads[save.subject].ids.get(save.event.id, 0) for save in saves]
            if all(sequences):
                return sequences
        versions: dict[str, int] = {}
        ids: dict[str, int] = {}
        for place, save in enumerate(saves):
            event, head = save.event, heads[save.subject]
            current = head.version(event.actor_id)
            inside = versions.get(event.actor_id, 0)
            known = event.id in ids or event.id in head.ids or event.id in self.refusals.recent
            if (event.version <= max(current, inside) or known) and any(one.assumed for one in heads.values()):
                # It counts which mistake comes first: look where the actors really stand.
                for subject in [subject for subject, one in heads.items() if one.assumed]:
                    del heads[subject]
                await self.fill(heads, saves)
                return await self._refuse_batch(saves, heads, progress)
            if event.version <= current:
                await self.refusals.conflict(event, head, current)
            if event.version <= inside:
                raise VersionConflictError(event.actor_id, event.version, inside, in_batch=True)
            if known:
                await self.refusals.known_id(event, head)
            if event.id in ids:
                first = await self._reader.last_sequence() + 1 + ids[event.id]
                raise DuplicateEventError(event.id, first, in_batch=True)
            versions[event.actor_id] = event.version
            ids[event.id] = place
        return []

    # --- What both have in common ---------------------------------------------------------------------------

    async def save_snapshot(self, subject: str, raw: bytes) -> None:
        """Store a snapshot; trying again is harmless."""
        progress = self._progress()
        self._publisher.check_size(raw, "snapshot")
        while True:
            error: StoreUnavailableError
            try:
                outcome = await self._publisher.publish_snapshot(
                    self._stream, subject, raw, self._patience(progress)
                )
                if isinstance(outcome, Stored):
                    return
                error = NoAnswerError(self._api.url, "no answer came in time")
            except _WEATHER as found:
                error = found
                if isinstance(error, NobodyThereError):
                    await self._check_stream()
            if self._link.closed or progress.left <= 0:
                raise error
            await progress.pause()

    def _progress(self) -> _Progress:
        return _Progress(2 * self._link.options.request_timeout)

    def _patience(self, progress: _Progress) -> float:
        return max(min(self._link.options.request_timeout, _ATTEMPT_SECONDS, progress.left), 0.1)

    async def _refuse(self, save: Save, head: SubjectHead, progress: _Progress) -> int:
        """Raise why the event cannot be stored; its sequence if an attempt of ours in doubt has stored it."""
        event = save.event
        if progress.doubt and event.id in head.ids:
            sequence = head.ids[event.id]
            row = await self._reader.message_at(sequence)
            if row is not None and row.raw == save.raw:
                return sequence
        await self.refusals.refuse(save, head)
        return 0

    async def _read_on(self, heads: dict[str, SubjectHead], outcome: Outcome, progress: _Progress) -> None:
        """Bring the heads up to now after an attempt that did not end in "stored"."""
        if isinstance(outcome, Busy | Doubtful):
            await progress.pause()
        moved = False
        for subject, head in list(heads.items()):
            before = head.last_sequence
            await self.heads.read_on(subject, head)
            moved = moved or head.last_sequence != before
        if moved or not isinstance(outcome, Moved):
            return
        # Refused for what stands there, and nothing new does: the cluster is not done, or the stream was replaced.
        await self._look_anew(heads, progress)

    async def _look_anew(self, heads: dict[str, SubjectHead], progress: _Progress) -> None:
        """Read the heads from their subjects' first messages on, if it is still the same stream."""
        await self._check_stream()
        await progress.pause()
        for subject, head in heads.items():
            self.heads.reset(subject, head)
            await self.heads.read_on(subject, head)

    async def _weather(self, error: StoreUnavailableError, event: Event, progress: _Progress) -> None:
        """The servers could not be asked: wait a moment, or end it when it has been too long."""
        passing = not isinstance(error, ApiError) or error.code == 503
        if not passing or self._link.closed or progress.left <= 0:
            if progress.doubt:
                raise OutcomeUnknownError(event, progress.doubt) from error
            raise error
        if isinstance(error, NobodyThereError):
            await self._check_stream()
        progress.trouble = error
        await progress.pause()

    def _check_time(self, event: Event, progress: _Progress) -> None:
        if progress.left > 0 and not self._link.closed:
            return
        if progress.doubt:
            raise OutcomeUnknownError(event, progress.doubt)
        raise progress.trouble or StoreUnavailableError(
            self._api.url, "the servers did not settle the save in time; nothing was stored, try again"
        )

    async def _check_stream(self) -> None:
        """Raise `StreamGoneError` unless the stream is the one that this writer was made for."""
        with contextlib.suppress(*_WEATHER):  # who does not answer has not said that it is gone
            info = await self._api.stream_info(self._stream)
            if info is None or info.created != self._reader.info.created:
                raise StreamGoneError

    def _done(self, saves: Sequence[Save], heads: dict[str, SubjectHead], sequences: Sequence[int]) -> list[int]:
        stored = self.heads.stored
        for save, sequence in zip(saves, sequences, strict=True):
            event = save.event
            stored(save.subject, heads[save.subject], event.actor_id, event.version, event.id, sequence)
        self.refusals.remember(saves, sequences)
        self._announce([(sequence, save.event) for save, sequence in zip(saves, sequences, strict=True)])
        return list(sequences)

    def _late(self, saves: Sequence[Save]) -> Callable[[bytes], None]:
        """What hears that the events of a cancelled saver were stored after all."""

        def hear(data: bytes) -> None:
            answer = loads(data) if data else {}
            last = 0 if "error" in answer or answer.get("duplicate") else int(answer.get("seq", 0))
            if last:
                start = last - len(saves) + 1
                self._announce([(sequence, save.event) for sequence, save in enumerate(saves, start)])

        return hear
