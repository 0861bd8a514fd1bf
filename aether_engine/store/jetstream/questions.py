"""Questions on their way, and to each answer the question it belongs to.

All answers come to one inbox; the last token of their subject is the question's number.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from aether_engine.errors import NotPermittedError
from aether_engine.store.jetstream.frames import Frame, status
from aether_engine.store.jetstream.reasons import NoAnswerError, NobodyThereError

_log = logging.getLogger(__name__)

# How late a question may be given up.
_SWEEP_SECONDS: Final = 0.1

#: Takes the answers that came together to one question; None when no more will come.
Answers = Callable[[list[Frame] | None], None]


class _Question:
    """A question that has one answer."""

    __slots__ = ("answer", "overdue_at", "subject")

    def __init__(self, subject: str, answer: asyncio.Future[Frame], overdue_at: float) -> None:
        self.subject = subject
        self.answer = answer
        self.overdue_at = overdue_at


class Questions:
    """Those of one link. Belongs to one event loop."""

    def __init__(self, url: str, late_seconds: float) -> None:
        self._url = url
        # How long the answer to a question that was given up is still of interest.
        self._late_seconds = late_seconds
        #: The subject that answers come to, less their number; set with the first connection.
        self.inbox = ""
        self._numbers = itertools.count(1)
        self._waiting: dict[str, _Question] = {}
        self._answers: dict[str, Answers] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def new_inbox(self) -> str:
        """A subject of one's own to listen to."""
        return f"{self.inbox}-{next(self._numbers)}"

    async def ask(
        self,
        subject: str,
        send: Callable[[str], Awaitable[None]],
        seconds: float,
        late: Callable[[bytes], None] | None,
    ) -> bytes:
        """Have `send` send a question with a number to reply to, and return the data of its answer.

        Raises what `send` raises, `NoAnswerError`, `NobodyThereError` and `NotPermittedError`. `late` hears an
        answer that comes after the caller was cancelled.
        """
        token = str(next(self._numbers))
        loop = asyncio.get_running_loop()
        question = _Question(subject, loop.create_future(), loop.time() + seconds)
        self._waiting[token] = question
        if self._sweeping is None:
            self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep)
        try:
            await send(token)
            _, _, head, data = await question.answer
        except asyncio.CancelledError:
            if late is not None:
                self._answers[token] = lambda frames: None if frames is None else late(frames[0][3])
                loop.call_later(self._late_seconds, self._answers.pop, token, None)
            raise
        finally:
            del self._waiting[token]
            # An answer that is an error holds this frame: the two would wait for each other to be let go.
            del question
        if not data and status(head)[0] == "503":
            raise NobodyThereError(self._url, f"nobody answers on {subject}")
        return data

    @contextlib.contextmanager
    def answers(self, handle: Answers) -> Iterator[str]:
        """Yields a number to reply to. The answers, as many as come, go to `handle`."""
        token = str(next(self._numbers))
        self._answers[token] = handle
        try:
            yield token
        finally:
            self._answers.pop(token, None)

    def take(self, frames: list[Frame]) -> None:
        """What has come to the inbox."""
        start = len(self.inbox) + 1
        first = 0
        count = len(frames)
        while first < count:
            subject = frames[first][0]
            end = first + 1
            while end < count and frames[end][0] == subject:
                end += 1
            token = subject[start:].decode()
            question = self._waiting.get(token)
            if question is not None:
                if not question.answer.done():
                    question.answer.set_result(frames[first])
            else:
                handle = self._answers.get(token)
                if handle is not None:
                    self._hand_over(handle, frames if end - first == count else frames[first:end])
            first = end

    def lose(self, reason: str) -> None:
        """No answer will come any more to what was asked so far."""
        for question in list(self._waiting.values()):
            if not question.answer.done():
                question.answer.set_exception(NoAnswerError(self._url, reason))
        for handle in list(self._answers.values()):
            self._hand_over(handle, None)

    def refuse(self, sentence: str) -> None:
        """The server names the subject in its refusal (in the driver's lower case), never the question."""
        for question in list(self._waiting.values()):
            if not question.answer.done() and f'"{question.subject.lower()}"' in sentence:
                question.answer.set_exception(
                    NotPermittedError(self._url, f"the user may not publish to {question.subject}")
                )

    def _hand_over(self, handle: Answers, frames: list[Frame] | None) -> None:
        try:
            handle(frames)
        except Exception:  # noqa: BLE001 (whatever it is; it must not keep the others from their answers)
            _log.exception("Taking an answer failed")

    def _sweep(self) -> None:
        """Give up what is overdue. One timer for all questions: one for each would cost as much as asking."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for question in self._waiting.values():
            if question.overdue_at <= now and not question.answer.done():
                question.answer.set_exception(NoAnswerError(self._url, "no answer came in time"))
        self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep) if self._waiting else None
