"""The version at which an expression begins to hold: checked while it is typed, bisected, or searched for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QObject, Signal

from aether_desktop.jobs import Job, Jobs
from aether_desktop.models.state.state_controller import StateController
from aether_desktop.numbers import number_text
from aether_engine.errors import AetherError, ExpressionError
from aether_engine.replay import Bisection, StateExpression, StateHistory, bisect_history, parse_expression, turns
from aether_engine.replay.bisecting import MOST_EVALUATIONS

#: Versions at which it begins or ceases to hold that are listed; more are counted.
MOST_TURNS: Final = 10_000


class _CancelledInThreadError(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found: `version` is where to go (None: nowhere), `words` what it means.

    `turns` are all versions at which the expression begins (True) or ceases to hold, of a search of every version.
    """

    version: int | None
    words: str
    evaluations: int
    turns: tuple[tuple[int, bool], ...] = ()
    is_whole: bool = False


class StateSearch(QObject):
    """Looks for versions of the actor that `StateController` shows. One search at a time."""

    changed = Signal()
    """The text, its meaning, the search or its result are others."""
    found = Signal(object)
    """A search ended: its `SearchResult`."""

    def __init__(self, controller: StateController, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._controller = controller
        self._jobs = jobs
        self._text = ""
        self._expression: StateExpression | None = None
        self._problem: ExpressionError | None = None
        self._job: Job | None = None
        self._result: SearchResult | None = None
        self._failure = ""
        controller.reset.connect(self._forget)
        controller.quarantine_changed.connect(self._forget)

    @property
    def text(self) -> str:
        return self._text

    @property
    def problem(self) -> ExpressionError | None:
        """Why the text is no expression; None for an empty one."""
        return self._problem

    @property
    def is_ready(self) -> bool:
        """Whether there is an expression and nothing is being looked for."""
        return self._expression is not None and self._job is None

    @property
    def is_searching(self) -> bool:
        return self._job is not None

    @property
    def result(self) -> SearchResult | None:
        """What the last search found, None since anything changed."""
        return self._result

    @property
    def failure(self) -> str:
        """Why the last search came to no result."""
        return self._failure

    def holds(self) -> bool | None:
        """Whether it holds in the state that is shown; None without either."""
        view = self._controller.view
        return None if self._expression is None or view is None else self._expression(view.state)

    def set_text(self, text: str) -> None:
        """Understand another text."""
        if text == self._text:
            return
        self.cancel()
        self._text, self._expression, self._problem, self._result = text, None, None, None
        self._failure = ""
        if text.strip():
            try:
                self._expression = parse_expression(text)
            except ExpressionError as error:
                self._problem = error
        self.changed.emit()

    def bisect(self) -> None:
        """Look at a few states to find where it begins to hold."""
        self._start("Bisect", _bisect, MOST_EVALUATIONS)

    def search_all(self) -> None:
        """Look at every state."""
        self._start("Search all versions", _search_all, len(self._controller.versions))

    def cancel(self) -> None:
        """Stop looking."""
        if self._job is not None:
            self._job.cancel()

    def _forget(self) -> None:
        self.cancel()
        self._result, self._failure = None, ""
        self.changed.emit()

    def _start(self, name: str, search: Callable[[StateHistory, _Predicate], SearchResult], total: int) -> None:
        expression = self._expression
        if expression is None or self._job is not None:
            return
        self._result, self._failure = None, ""

        async def work(job: Job) -> None:
            predicate = _Predicate(expression, job)
            try:
                history = await self._controller.whole()
                if history is None:
                    return
                beside = search is _search_all
                result = await self._controller.run(partial(search, history, predicate), beside=beside)
                if history is self._controller.history and self._expression is expression:
                    self._result = result
            except AetherError as error:
                self._failure = str(error)
            finally:
                predicate.cancelled.set()

        job = self._job = self._jobs.start(f"{name}: {self._text}", work, unit="states", total=total)
        job.tells_cancelling = False
        assert job.task is not None
        # One that is cancelled before it begins never comes to any end of its own.
        job.task.add_done_callback(lambda _task: self._ended(job))
        self.changed.emit()

    def _ended(self, job: Job) -> None:
        if self._job is job:
            self._job = None
            self.changed.emit()
            if self._result is not None:
                self.found.emit(self._result)


class _Predicate:
    """An expression that counts how often it is asked, and ends the search when it is cancelled."""

    def __init__(self, expression: StateExpression, job: Job) -> None:
        self._expression = expression
        self._job = job
        self.count = 0
        self.cancelled = threading.Event()

    def __call__(self, state: Any) -> bool:
        if self.cancelled.is_set():
            raise _CancelledInThreadError
        self.count += 1
        self._job.report(self.count)
        return self._expression(state)


def _bisect(history: StateHistory, predicate: _Predicate) -> SearchResult:
    last = history.failure.position if history.failure is not None else None
    to_version = None if last is None else (history.versions[last - 1] if last else history.first_version)
    found: Bisection = bisect_history(history, predicate, to_version=to_version)
    words = found.meaning
    if history.failure is not None:
        words += f" Behind it the reducer fails, at version {history.failure.error.version}."
    # What holds before any event begins at none of them.
    return SearchResult(found.version or None, words, found.evaluations)


def _search_all(history: StateHistory, predicate: _Predicate) -> SearchResult:
    last = history.failure.position if history.failure is not None else len(history.stream)
    to_version = history.versions[last - 1] if last else history.first_version
    listed: list[tuple[int, bool]] = []
    count = 0
    first: int | None = None
    for version, holds in turns(history, predicate, to_version=to_version):
        count += 1
        if holds and first is None:
            first = version
        if len(listed) < MOST_TURNS:
            listed.append((version, holds))
    if first is None:
        words = "It holds at no version."
    else:
        where = f"at version {first}" if first else "before any event"
        begins = sum(holds for _, holds in listed)
        if count == 1:
            words = f"It holds for the first time {where}, and from then on."
        elif begins == 1:
            words = f"It holds for the first time {where} and ceases at version {listed[1][0]}, for good."
        else:
            words = f"It holds for the first time {where}, and comes and goes: {number_text(count)} changes."
    if history.failure is not None:
        words += f" The reducer fails at version {history.failure.error.version}; nothing behind it was looked at."
    return SearchResult(first or None, words, predicate.count, tuple(listed), is_whole=True)
