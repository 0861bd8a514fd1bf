"""Publishing to a stream, one message or an atomic batch, and what became of it.

Every answer of the server is turned into one of the outcomes below.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aether_engine.codec import loads
from aether_engine.errors import InvalidEventError, StoreUnavailableError
from aether_engine.store.jetstream.frames import framed
from aether_engine.store.jetstream.link import Link
from aether_engine.store.jetstream.reasons import NoAnswerError

# JetStream's error codes (https://github.com/nats-io/nats-server/blob/main/server/errors.json).
_WRONG_LAST_SEQUENCE: Final = 10071
_WRONG_LAST_SEQUENCE_IN_FLIGHT: Final = 10164
_DUPLICATE_IN_FLIGHT: Final = 10158
_BATCH_DUPLICATE_ID: Final = 10201
_BATCH_DISABLED: Final = 10174
_MESSAGE_TOO_LARGE: Final = 10054
_NO_SPACE: Final = frozenset({10047, 10023, 10077, 10028, 10002, 10082})
# More headers than this would be needed to make an event too large that its payload is not.
_HEADER_ROOM: Final = 4096
_LONGEST_ID: Final = 1024
_MESSAGE_ID: Final = "Nats-Msg-Id"
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
# How many messages of a batch are handed to the driver before it may write them.
_SLICE: Final = 100


@dataclass(frozen=True, slots=True)
class Stored:
    """The message is stored at `sequence` (of a batch: its last one); `duplicate` if it had been before."""

    sequence: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """Refused: the subject's last message is not the expected one (any more)."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Refused: another write to the subject or of the id is on its way through the cluster."""


@dataclass(frozen=True, slots=True)
class DuplicateInBatch:
    """Refused: the server remembers an id of the batch."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Sent and not answered: stored, or to be stored yet, or not."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """Refused: the stream or the server does not take atomic batches."""


Outcome = Stored | Moved | Busy | DuplicateInBatch | Doubtful | Unsupported


class Draft(NamedTuple):
    """A message to be published. `expected` is the last sequence of its subject, None where not compared."""

    subject: str
    raw: bytes
    event_id: str
    expected: int | None


class Publisher:
    """What writes. An engine opened read-only has none."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def check_size(self, raw: bytes, kind: str = "event") -> None:
        """Raise `InvalidEventError` for what the server would end the connection for."""
        limit = self._link.max_payload - _HEADER_ROOM
        if len(raw) > limit:
            raise InvalidEventError("", f"takes {len(raw):,} bytes; the server takes {limit:,}", kind=kind)

    async def publish(
        self, stream: str, draft: Draft, seconds: float, late: Callable[[bytes], None] | None = None
    ) -> Outcome:
        """Publish one event of a size that was checked.

        Raises `NotSentError`, `NobodyThereError` (no such stream) and refusals for good.

        `late` hears the answer if the caller is cancelled before it comes.
        """
        headers = {"Nats-Expected-Stream": stream} | _headers(draft)
        try:
            answer = await self._link.request(draft.subject, draft.raw, headers, seconds, late)
        except NoAnswerError as error:
            return Doubtful(error.reason)
        return self._outcome(loads(answer), stream)

    async def publish_batch(
        self, stream: str, drafts: Sequence[Draft], seconds: float, late: Callable[[bytes], None] | None = None
    ) -> Outcome:
        """Publish several events, all or none (ADR-50). Raises as `publish` does.

        Each subject's first event carries the expected sequence; the others must have `expected` None. At least
        two events: one is no batch.
        """
        batch = uuid.uuid4().hex
        first, last = drafts[0], drafts[-1]
        opening = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": "1", "Nats-Expected-Stream": stream}
        try:
            opened = await self._link.request(first.subject, first.raw, opening | _headers(first), seconds)
        except NoAnswerError:
            # Without its end a batch is nothing; the server drops it.
            return Busy()
        if opened:
            # An old server takes the message for one by itself: `_outcome` must not call that a batch.
            answer = loads(opened)
            return self._outcome(answer, stream) if "error" in answer else Unsupported()
        for start in range(1, len(drafts) - 1, _SLICE):
            part = drafts[start : min(start + _SLICE, len(drafts) - 1)]
            await self._link.write(b"".join(_batch_frames(batch, start + 1, part)))
            await asyncio.sleep(0)
        commit = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(len(drafts)), "Nats-Batch-Commit": "1"}
        try:
            committed = await self._link.request(last.subject, last.raw, commit | _headers(last), seconds, late)
        except NoAnswerError as error:
            return Doubtful(error.reason)
        return self._outcome(loads(committed), stream)

    async def publish_snapshot(self, stream: str, subject: str, raw: bytes, seconds: float) -> Outcome:
        """Publish a snapshot: the last one of a version counts, so that twice is once."""
        try:
            answer = await self._link.request(subject, raw, {"Nats-Expected-Stream": stream}, seconds)
        except NoAnswerError as error:
            return Doubtful(error.reason)
        return self._outcome(loads(answer), stream)

    def _outcome(self, answer: dict[str, Any], stream: str) -> Outcome:
        error = answer.get("error")
        if error is None:
            return Stored(int(answer["seq"]), bool(answer.get("duplicate")))
        code, err_code = int(error.get("code", 0)), int(error.get("err_code", 0))
        text = str(error.get("description", "no reason given"))
        if err_code == _WRONG_LAST_SEQUENCE:
            return Moved()
        if err_code in (_WRONG_LAST_SEQUENCE_IN_FLIGHT, _DUPLICATE_IN_FLIGHT):
            return Busy()
        if err_code == _BATCH_DUPLICATE_ID:
            return DuplicateInBatch()
        if err_code == _BATCH_DISABLED:
            return Unsupported()
        if err_code == _MESSAGE_TOO_LARGE:
            raise InvalidEventError("", f"is larger than stream {stream} takes ({text})")
        if err_code in _NO_SPACE:
            raise StoreUnavailableError(
                self._link.url, f"stream {stream} has no room for more and nothing was stored ({text})"
            )
        if code == 503:
            return Doubtful(text)
        raise StoreUnavailableError(self._link.url, f"stream {stream} did not take it: {text}")


def _headers(draft: Draft) -> dict[str, str]:
    headers = {_MESSAGE_ID: message_id(draft.event_id)}
    if draft.expected is not None:
        headers[_EXPECTED] = str(draft.expected)
    return headers


def _batch_frames(batch: str, first: int, drafts: Sequence[Draft]) -> Iterator[bytes]:
    """Messages in the middle of a batch, `first` the number of the first one."""
    before = f"NATS/1.0\r\nNats-Batch-Id: {batch}\r\nNats-Batch-Sequence: "
    for number, (subject, raw, event_id, expected) in enumerate(drafts, first):
        compared = "" if expected is None else f"{_EXPECTED}: {expected}\r\n"
        head = f"{before}{number}\r\n{_MESSAGE_ID}: {message_id(event_id)}\r\n{compared}\r\n"
        yield framed(subject, head.encode(), raw)


def message_id(event_id: str) -> str:
    """The event's id as a header can carry it: itself, or a digest where a header would change or break it."""
    if len(event_id) <= _LONGEST_ID and event_id.isprintable() and event_id == event_id.strip():
        return event_id
    digest = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"aether-sha256-{digest}"
