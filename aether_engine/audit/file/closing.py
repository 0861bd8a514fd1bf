"""The checks of a file that are made when all of its logs were read, shared out among the audit's processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from aether_engine.audit.file.actors import LAST_NUMBER
from aether_engine.audit.file.checks import FileChecks
from aether_engine.audit.file.links import (
    RANGE,
    LinkSums,
    differing_links,
    links_until,
    sums_in_index,
    sums_in_log,
)
from aether_engine.audit.file.sound_actors import are_counted
from aether_engine.audit.file.sound_trees import SoundTrees, TreeChecks
from aether_engine.audit.file.worker import ActorsRequest, LinksRequest
from aether_engine.audit.file.worker_pool import WorkerPool, given_up
from aether_engine.audit.finding import Finding
from aether_engine.audit.target import LogFacts
from aether_engine.errors import CorruptStoreError, StoreUnavailableError
from aether_engine.native.library import library
from aether_engine.store.sqlite.reader import Reader

_ACTORS: Final = 65_536
_SUMMED_AT_ONCE: Final = 16

T = TypeVar("T")


class Runner(Protocol):
    """Does something in a thread and waits for it, also when nobody else does any more."""

    async def __call__(self, work: Callable[[], T]) -> T: ...


class ClosingChecks:
    """All of them. Without `pool` they are made in this process."""

    def __init__(
        self,
        reader: Reader,
        checks: FileChecks,
        wanted: Collection[str],
        pool: WorkerPool | None,
        run: Runner,
        stop: Callable[[], bool],
    ) -> None:
        """`wanted` are the checks asked for; `stop` tells whether somebody wants it to end."""
        self._reader = reader
        self._checks = checks
        self._wanted = wanted
        self._pool = pool
        self._run = run
        self._stop = stop

    async def findings(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        """What is wrong in scope with the file as a whole."""
        (pages, indexes), counters = await asyncio.gather(self._check_trees(facts), self._check_counters(facts))
        return [*pages, *counters, *indexes, *await self._check_links(facts)]

    async def _check_trees(self, facts: Mapping[str, LogFacts]) -> tuple[list[Finding], list[Finding]]:
        sound = await self._sound_trees(facts)
        return await asyncio.gather(
            self._run(partial(self._checks.of_pages, sound)),
            self._run(partial(self._checks.of_indexes, facts, sound)),
        )

    async def _sound_trees(self, facts: Mapping[str, LogFacts]) -> SoundTrees:
        """What the library vouches for, nothing for files that are looked at in this process."""
        if self._pool is None or library() is None:
            return SoundTrees()
        checks = await self._run(partial(TreeChecks, self._reader, self._wanted, facts))
        waiting = [self._pool.ask(question) for question in checks.questions]
        try:
            return checks.judged([await one for one in waiting])
        except StoreUnavailableError:
            return SoundTrees()  # If it went wrong over a page, SQLite will not.
        finally:
            await given_up(waiting)

    async def _check_counters(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        doubtful = await self._doubtful_actors(facts)
        return await self._run(partial(self._checks.of_counters, facts, doubtful))

    async def _doubtful_actors(self, facts: Mapping[str, LogFacts]) -> list[tuple[int, int]] | None:
        """First and last numbers of actors whose counters may be wrong; None: all of them may."""
        if "actor-counter" not in self._wanted or self._pool is None:
            return None
        by_number = {fact.log.number: fact for fact in facts.values()}
        doubtful: list[tuple[int, int]] = []
        first: int | None = 0
        while first is not None:
            try:
                rows = await self._pool.ask(ActorsRequest(first, _ACTORS))
            except StoreUnavailableError:
                rows = None  # As with trees.
            if rows is None:
                return [*doubtful, (first, LAST_NUMBER)]
            if not await self._run(partial(are_counted, rows, by_number)):
                doubtful.append((first, first + _ACTORS - 1))
            first = rows.next_number
        return doubtful

    async def _check_links(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        findings: list[Finding] = []
        if "index-links" not in self._wanted:
            return findings
        for log in [fact.log for fact in facts.values()]:
            until = await self._run(partial(links_until, self._reader, log))
            ranges = [(first, min(first + RANGE - 1, until)) for first in range(1, until + 1, RANGE)]
            try:
                held = await self._run(partial(sums_in_index, self._reader, log.number, until)) if ranges else {}
            except CorruptStoreError:
                continue  # The pages that cannot be read are told as such.
            differing: list[tuple[int, int]] = []
            for start in range(0, len(ranges), _SUMMED_AT_ONCE):
                part = ranges[start : start + _SUMMED_AT_ONCE]
                for each, sums in zip(part, await self._link_sums(log.number, part), strict=True):
                    if sums is not None and sums != held.get((each[0] - 1) // RANGE, LinkSums()):
                        differing.append(each)
            if differing:
                look = partial(differing_links, self._reader, log, differing, self._stop)
                findings += await self._run(lambda look=look: list(look()))  # type: ignore[misc]  # of this turn
        return findings

    async def _link_sums(self, number: int, ranges: Sequence[tuple[int, int]]) -> list[LinkSums | None]:
        if self._pool is None:
            return [await self._run(partial(sums_in_log, self._reader, number, *each)) for each in ranges]
        waiting = [self._pool.ask(LinksRequest(number, *each)) for each in ranges]
        try:
            return [await one for one in waiting]
        finally:
            await given_up(waiting)
