"""Questions to JetStream and their answers: the part of its JSON API that reading needs.

See https://docs.nats.io/reference/reference-protocols/nats_api_reference and ADR-31 (direct get). What creates
or stores anything is in `writer`; an engine opened read-only holds nothing from there.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from aether_engine.codec import dumps, format_timestamp, loads, parse_timestamp
from aether_engine.errors import StoreUnavailableError
from aether_engine.store.jetstream.frames import Frame, header, status
from aether_engine.store.jetstream.link import Link
from aether_engine.store.jetstream.reasons import NoAnswerError, NobodyThereError, NotSentError

NO_STREAM: Final = 10059
NO_MESSAGE: Final = 10037
NOT_ENABLED_FOR_ACCOUNT: Final = 10039
WRONG_LAST_SEQUENCE: Final = 10071
# How long to wait before asking again a cluster that is electing a leader.
_RETRY_SECONDS: Final = 0.1
# Most subjects in one answer, and how many such answers are on their way together.
_SUBJECTS_AT_ONCE: Final = 100_000
_PAGES_AT_ONCE: Final = 4
# How often a replica that is behind is asked again before what it has is taken.
_REPLICA_TRIES: Final = 20
# How long the first try of a question is waited for; each further one twice as long.
_PATIENCE_SECONDS: Final = 1.0
_NANOSECONDS: Final = 1_000_000_000
_SEQUENCE: Final = b"Nats-Sequence"
_PENDING: Final = b"Nats-Num-Pending"


class ApiError(StoreUnavailableError):
    """JetStream refused a question; `code` and `err_code` are its own."""

    def __init__(self, url: str, error: dict[str, Any]) -> None:
        self.code = int(error.get("code", 0))
        self.err_code = int(error.get("err_code", 0))
        self.description = str(error.get("description", "no reason given"))
        self.passing = self.code == 503
        super().__init__(url, f"JetStream says: {self.description}")


class Message(NamedTuple):
    """A message of a stream, as stored."""

    subject: str
    sequence: int
    recorded_at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream at one moment."""

    name: str
    config: dict[str, Any]
    #: When it was created: tells a stream from its successor of the same name.
    created: str
    messages: int
    size_bytes: int
    first_sequence: int
    last_sequence: int
    first_recorded_at: datetime | None
    last_recorded_at: datetime | None
    #: Messages by subject, where the question asked for them.
    subjects: dict[str, int]
    #: How many subjects there are in all.
    subject_count: int = 0

    @property
    def replicas(self) -> int:
        return int(self.config.get("num_replicas", 1))

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> StreamInfo:
        config, state = answer["config"], answer["state"]
        messages = int(state.get("messages", 0))
        return cls(
            str(config["name"]),
            config,
            str(answer.get("created", "")),
            messages,
            int(state.get("bytes", 0)),
            int(state.get("first_seq", 0)),
            int(state.get("last_seq", 0)),
            parse_timestamp(state["first_ts"]) if messages else None,
            parse_timestamp(state["last_ts"]) if messages else None,
            state.get("subjects") or {},
            int(state.get("num_subjects", 0)),
        )


class Api:
    """Asks over a link. Every question here only looks, and so is asked again after a lost connection."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.url = link.url

    async def ask(self, question: str, body: object = None, *, seconds: float | None = None) -> dict[str, Any]:
        """The answer to `$JS.API.<question>`; raises `ApiError` and the errors of the link."""
        limit = self.link.options.request_timeout if seconds is None else seconds
        payload = b"" if body is None else dumps(body)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        patience = _PATIENCE_SECONDS
        while True:
            left = max(deadline - loop.time(), 0.05)
            try:
                await self.link.ready(left)
                return self._answer(
                    await self.link.request(f"$JS.API.{question}", payload, seconds=min(left, patience))
                )
            except (NotSentError, NoAnswerError):
                # Lost with a connection, or asked while there was no leader: nobody will answer it any more.
                if self.link.closed or loop.time() >= deadline:
                    raise
                patience *= 2
            except ApiError as error:
                if error.code != 503 or loop.time() >= deadline:
                    raise
            except NobodyThereError:
                # While servers start they answer the login before JetStream answers.
                if loop.time() >= deadline - limit / 2:
                    raise
            await asyncio.sleep(_RETRY_SECONDS)

    def _answer(self, data: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = loads(data)
        error = answer.get("error")
        if error is not None:
            raise ApiError(self.url, error)
        return answer

    async def check_enabled(self) -> None:
        """Raise `StoreUnavailableError` where there is no JetStream for this user."""
        try:
            await self.ask("INFO", seconds=self.link.options.connect_timeout)
        except NobodyThereError:
            raise StoreUnavailableError(
                self.url, "JetStream is not enabled on this server; start it with JetStream on (-js)"
            ) from None
        except ApiError as error:
            if error.err_code == NOT_ENABLED_FOR_ACCOUNT:
                raise StoreUnavailableError(self.url, "JetStream is not enabled for this user's account") from None
            raise

    async def stream_info(
        self, stream: str, *, subjects: str | None = None, expected: int = 0
    ) -> StreamInfo | None:
        """The stream, None if there is none; with the counts of the subjects that match `subjects`.

        The server hands out no more than 100,000 of them at a time. Where about how many there are is `expected`,
        they are asked for together. What is written meanwhile may be counted already behind `last_sequence`.
        """
        if subjects is None:
            answer = await self._info(stream, None)
            return None if answer is None else StreamInfo.from_answer(answer)
        offsets = range(0, max(min(expected, _PAGES_AT_ONCE * _SUBJECTS_AT_ONCE), 1), _SUBJECTS_AT_ONCE)
        questions = [{"subjects_filter": subjects, "offset": offset} for offset in offsets]
        answers = await asyncio.gather(*(self._info(stream, question) for question in questions))
        found: dict[str, int] = {}
        first = answers[0]
        while first is not None:
            for answer in answers:
                page = {} if answer is None else answer["state"].get("subjects") or {}
                if found:
                    found.update(page)
                else:
                    found = page
            if not page or answer is None or len(found) >= int(answer.get("total", 0)):
                first["state"]["subjects"] = found
                return StreamInfo.from_answer(first)
            answers = [await self._info(stream, {"subjects_filter": subjects, "offset": len(found)})]
        return None

    async def _info(self, stream: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            return await self.ask(f"STREAM.INFO.{stream}", body)
        except ApiError as error:
            if error.err_code == NO_STREAM:
                return None
            raise

    async def missing(self, stream: str) -> list[tuple[int, int]]:
        """First and last of every stretch of sequences that the stream has handed out and does not hold."""
        answer = await self.ask(f"STREAM.INFO.{stream}", {"deleted_details": True})
        state = answer["state"]
        first = int(state.get("first_seq", 0))
        found: list[tuple[int, int]] = [(1, first - 1)] if first > 1 else []
        for sequence in sorted(int(one) for one in state.get("deleted") or ()):
            if found and found[-1][1] == sequence - 1:
                found[-1] = (found[-1][0], sequence)
            else:
                found.append((sequence, sequence))
        return found

    async def streams(self) -> list[StreamInfo]:
        """Every stream of the account."""
        found: dict[str, StreamInfo] = {}
        offset = 0
        while True:
            answer = await self.ask("STREAM.LIST", {"offset": offset})
            page = answer.get("streams") or []
            for one in page:
                info = StreamInfo.from_answer(one)
                found[info.name] = info
            offset += len(page)
            if not page or offset >= int(answer.get("total", 0)):
                return list(found.values())

    async def last_message(self, stream: str, subject: str) -> Message | None:
        """The newest message on `subject` (which may have wildcards), as the stream's leader knows it."""
        return await self._leader_message(stream, {"last_by_subj": subject})

    async def message_from(self, stream: str, subject: str, sequence: int) -> Message | None:
        """The first message on `subject` at or behind `sequence`, as the leader knows it."""
        return await self._leader_message(stream, {"seq": max(sequence, 1), "next_by_subj": subject})

    async def message_at(self, stream: str, sequence: int) -> Message | None:
        return await self._leader_message(stream, {"seq": sequence})

    async def _leader_message(self, stream: str, body: dict[str, Any]) -> Message | None:
        try:
            answer = await self.ask(f"STREAM.MSG.GET.{stream}", body)
        except ApiError as error:
            if error.err_code in (NO_MESSAGE, NO_STREAM):
                return None
            raise
        found = answer["message"]
        return Message(
            str(found["subject"]),
            int(found["seq"]),
            parse_timestamp(found["time"]),
            base64.b64decode(found.get("data") or ""),
        )

    async def direct(self, stream: str, subject: str, sequence: int, limit: int) -> tuple[list[Message], bool]:
        """Up to `limit` messages on `subject` from `sequence` on, and whether more may follow.

        Answered by any replica (ADR-31), which may be a moment behind the leader. Raises `NobodyThereError`
        where the stream does not allow it or is not there.
        """
        body = {"batch": limit, "seq": max(sequence, 1), "next_by_subj": subject}
        messages, end = await self._direct(stream, body)
        return messages, int(header(end, b"Nats-Num-Pending") or 0) > 0

    async def direct_since(
        self, stream: str, subject: str, start: datetime, limit: int
    ) -> tuple[list[Message], bool]:
        """As `direct`, beginning at a moment."""
        body = {"batch": limit, "start_time": format_timestamp(start), "next_by_subj": subject}
        messages, end = await self._direct(stream, body)
        return messages, int(header(end, b"Nats-Num-Pending") or 0) > 0

    async def last_of_each(self, stream: str, subjects: list[str], at_least: int) -> dict[str, Message]:
        """The newest message of each of at most 1,024 subjects, from a replica that has sequence `at_least`."""
        body = {"multi_last": subjects, "batch": len(subjects)}
        for _ in range(_REPLICA_TRIES):
            messages, end = await self._direct(stream, body)
            if int(header(end, b"Nats-UpTo-Sequence") or at_least) >= at_least:
                break
            await asyncio.sleep(_RETRY_SECONDS)
        return {message.subject: message for message in messages}

    async def _direct(self, stream: str, body: dict[str, Any]) -> tuple[list[Message], bytes]:
        """The messages, and the headers that ended them."""
        payload = dumps(body)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.link.options.request_timeout
        patience = _PATIENCE_SECONDS
        while True:
            left = max(deadline - loop.time(), 0.05)
            await self.link.ready(left)
            try:
                return await self._direct_once(stream, payload, min(left, patience))
            except (NotSentError, NoAnswerError):
                if self.link.closed or loop.time() >= deadline:
                    raise
                patience *= 2

    async def _direct_once(self, stream: str, payload: bytes, seconds: float) -> tuple[list[Message], bytes]:
        loop = asyncio.get_running_loop()
        received: list[Frame] = []
        end: asyncio.Future[bytes | None] = loop.create_future()
        arrived = loop.time()

        def take(frames: list[Frame] | None) -> None:
            nonlocal arrived
            if end.done():
                return
            if frames is None:
                end.set_result(None)
                return
            arrived = loop.time()
            received.extend(frames)
            head = frames[-1][2]
            # A message can have any header of its own; only what has no sequence is an answer of the server.
            if not header(head, _SEQUENCE):
                received.pop()
                end.set_result(head)
            elif not header(head, _PENDING):
                # A server older than 2.11 knows no batches and sends one message without a count. There may be
                # another one behind it.
                end.set_result(b"\r\nNats-Num-Pending: 1\r\n")

        with self.link.answers(take) as token:
            await self.link.send(f"$JS.API.DIRECT.GET.{stream}", payload, reply=token)
            while not end.done():
                patience = arrived + seconds - loop.time()
                if patience <= 0:
                    raise NoAnswerError(self.url, "no answer came in time")
                await asyncio.wait({end}, timeout=patience)
        last = end.result()
        if last is None:
            raise NoAnswerError(self.url, "the connection was lost before the answer came")
        code, words = status(last)
        if code == "503":
            raise NobodyThereError(self.url, f"stream {stream} is not there or does not allow direct reading")
        if code not in ("", "204", "404"):
            raise ApiError(self.url, {"code": int(code), "description": words or code})
        return [_from_direct(head, data) for _, _, head, data in received], last

    async def delete_consumer(self, stream: str, consumer: str) -> None:
        """Have the server forget an ephemeral consumer now and not after its time."""
        await self.link.send(f"$JS.API.CONSUMER.DELETE.{stream}.{consumer}", b"", reply="0")


def _from_direct(head: bytes, data: bytes) -> Message:
    # Each of these stands behind whatever headers the message itself has.
    return Message(
        header(head, b"Nats-Subject").decode(),
        int(header(head, _SEQUENCE)),
        parse_timestamp(header(head, b"Nats-Time-Stamp").decode()),
        data,
    )


def nanoseconds(seconds: float) -> int:
    """A duration as the API writes it."""
    return int(seconds * _NANOSECONDS)
