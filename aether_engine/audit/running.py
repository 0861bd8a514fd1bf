"""An audit as it runs: findings as they are found, cancelled and gone on with at will."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import Final

from aether_engine.audit.checks import CHECKS, Source
from aether_engine.audit.examining import Examined
from aether_engine.audit.explaining import explain, explain_causes, explain_duplicates, explain_late
from aether_engine.audit.file.target import FileTarget
from aether_engine.audit.finding import Finding
from aether_engine.audit.identities import Identities
from aether_engine.audit.log_target import Auditee, LogTarget
from aether_engine.audit.losses import Losses
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.snapshots import audit_snapshots
from aether_engine.audit.streams import Clock, StreamStates, Suspect
from aether_engine.audit.target import OPEN_END, AuditLog, LogFacts, Target
from aether_engine.audit.totals import AuditProgress, AuditStep, AuditTotals, Tally
from aether_engine.patterns import is_wildcard_pattern, match_actor_pattern
from aether_engine.replay.reducers import REDUCERS, Reducer
from aether_engine.urls import sqlite_path

#: Seconds between two steps that bring nothing but progress.
_TELL: Final = 0.1
#: Events that are looked up together to be explained.
_EXPLAINED_AT_ONCE: Final = 500
#: What numbers alone cannot tell for sure.
_DOUBTFUL: Final = frozenset({"version-gap", "actor-column", "orphan"})
#: What needs to have seen all events, or at least all of a namespace.
_NEEDS_ALL: Final = frozenset(
    {"duplicate-id", "cause-missing", "namespace-counter", "actor-counter", "index-versions", "index-ids", "page"}
    | {"index-links", "orphan", "lost", "missing-sequence"}
)


class Audit:
    """One audit of one target. `steps` may be closed at any time and asked again: it goes on where it was."""

    def __init__(
        self,
        target: Target,
        scope: AuditScope | None = None,
        settings: AuditSettings | None = None,
        *,
        reducer: Reducer | None = None,
    ) -> None:
        """`reducer` is the one that snapshots are compared with, None for the one that `settings` name."""
        self.target = target
        self.scope = scope or AuditScope()
        self.settings = settings or AuditSettings()
        self._reducer = reducer
        self.totals = AuditTotals()
        self.progress = AuditProgress()
        self._logs: list[AuditLog] | None = None
        self._facts: dict[str, LogFacts] = {}
        self._clocks: dict[str, Clock] = {}
        self._reached: dict[str, int] = {}
        self._read_whole: set[str] = set()
        self._last_timed: dict[str, tuple[int, int]] = {}
        self._losses = Losses(target)
        self._identities = Identities()
        self._names: array[int] | None = None
        self._done_phases: set[str] = set()
        self._began = 0.0
        self._hashing: asyncio.Task[None] | None = None

    async def steps(self) -> AsyncGenerator[AuditStep, None]:
        """What is found, as it is found. Raises `AetherError` for what cannot be read at all.

        Ends promptly when it is closed or its task is cancelled; asked again, it begins behind the last step.
        """
        self._began = monotonic()
        seconds_before = self.totals.seconds
        if self.totals.started_at is None:
            self.totals.started_at = datetime.now(UTC)
        try:
            await self._prepare()
            assert self._logs is not None
            async with aclosing(self._read_logs()) as reading:
                async for step in reading:
                    yield step
            for phase, work in (
                ("comparing ids", self._compare_ids),
                ("checking counters and indexes", self._close),
                ("replaying snapshots", self._check_snapshots),
                ("hashing", self._hash_again),
            ):
                if phase not in self._done_phases:
                    self.progress = AuditProgress(self.progress.checked, self.progress.total, phase)
                    yield AuditStep((), self.progress)
                    findings = await work()
                    self._done_phases.add(phase)
                    yield self._step(findings)
            self.totals.is_complete = True
            self.progress = AuditProgress(self.progress.checked, self.progress.total, "", 0.0)
            yield AuditStep((), self.progress)
        finally:
            self.totals.seconds = seconds_before + monotonic() - self._began
            if self._hashing is not None and not self.totals.is_complete:
                self._hashing.cancel()
                await asyncio.wait([self._hashing])
                self._hashing = None

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
        self._identities.close()
        await self.target.close()

    # --- Reading ------------------------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        await self.target.open(self.scope, self.settings)
        if self._hashing is None and "hashed" not in self._done_phases:
            self._hashing = asyncio.create_task(self._hash_before(), name="aether-audit-hash")
        if self._logs is None:
            logs = await self.target.logs()
            self._names = await self.target.actor_names()
            self._logs = logs
            for log in logs:
                self._facts[log.namespace] = LogFacts(log, StreamStates(log.events, self._names))
                self._clocks[log.namespace] = Clock()
                self._reached[log.namespace] = log.first - 1
                self.totals.namespaces[log.namespace] = 0

    async def _hash_before(self) -> None:
        await self.target.hash(after=False)
        self._done_phases.add("hashed")

    async def _read_logs(self) -> AsyncGenerator[AuditStep, None]:
        assert self._logs is not None
        is_known = all(log.last < OPEN_END for log in self._logs)
        total = sum(log.last - log.first + 1 for log in self._logs) if is_known else 0
        checked_before = self._checked()
        told = 0.0
        for log in self._logs:
            if self._reached[log.namespace] >= log.last or log.namespace in self._read_whole:
                continue
            async with aclosing(self.target.parts(log, self._reached[log.namespace])) as parts:
                async for examined in parts:
                    findings = await self._take(log, examined)
                    checked = self._checked()
                    rate = (checked - checked_before) / max(monotonic() - self._began, 1e-6)
                    left = (total - checked) / rate if rate > 0 and total else None
                    self.progress = AuditProgress(checked, total, "reading events", left)
                    if findings or monotonic() - told > _TELL:
                        told = monotonic()
                        yield self._step(findings)
            self._read_whole.add(log.namespace)
            if log.last < OPEN_END:
                self._reached[log.namespace] = max(self._reached[log.namespace], log.last)
            yield self._step(await self._losses.flush(log))
        self.progress = AuditProgress(self._checked(), total or self._checked(), "reading events", None)

    def _checked(self) -> int:
        assert self._logs is not None
        return sum(self._reached[log.namespace] - log.first + 1 for log in self._logs)

    async def _take(self, log: AuditLog, parts: Sequence[Examined]) -> list[Finding]:
        """Take in what came of a stretch of a log; the place it goes on from moves with it, or nothing does."""
        suspects, late = await asyncio.to_thread(self._absorb, log, parts)
        findings: list[Finding] = []
        for part in parts:
            findings += self._limited(part.findings, findings)
            for check, count in part.counts.items():
                self._count(check, count)
        findings = await self._named(log, findings)
        if "lost" in self.settings.checks:
            findings += await self._losses.note(log, parts)
        findings += await self._explain(log, suspects)
        if late and "clock-behind" in self.settings.checks:
            findings += await explain_late(self.target, log.namespace, late)
        return findings

    async def _named(self, log: AuditLog, findings: list[Finding]) -> list[Finding]:
        """The findings with the actors their rows are filed under, where the bytes do not tell."""
        nameless = [one.sequence for one in findings if not one.actor_id and one.sequence is not None]
        if not nameless or self.target.source is not Source.FILE:
            return findings
        places = await self.target.places(log.namespace, nameless)
        named: list[Finding] = []
        for one in findings:
            place = places.get(one.sequence or 0) if not one.actor_id else None
            name = None
            if place is not None and place.row is not None:
                name = await self.target.actor_of(place.row.actor)
            named.append(one if name is None else replace(one, actor_id=name))
        return named

    def _absorb(self, log: AuditLog, parts: Sequence[Examined]) -> tuple[list[Suspect], list[int]]:
        name = log.namespace
        facts, clock = self._facts[name], self._clocks[name]
        suspects: list[Suspect] = []
        late: list[int] = []
        for part in parts:
            suspects += facts.streams.take(part)
            late += clock.take(part)
            self._identities.take(name, part)
            lost = sum(last - first + 1 for first, last in part.lost)
            facts.lost += lost
            facts.events += part.events - lost
            facts.size_bytes += part.size_bytes
            facts.id_sum += part.id_sum
            if part.first_recorded is not None:
                if facts.first_recorded is None:
                    facts.first_recorded = part.first_recorded
                facts.last_recorded = part.last_recorded
            if part.first_timed is not None and part.last_timed is not None:
                sequence, recorded = part.first_timed
                before = self._last_timed.get(name)
                if before is not None and recorded < before[1]:
                    suspects.append(Suspect("recorded-backwards", sequence, before[1], before[0]))
                self._last_timed[name] = part.last_timed
            self.totals.events += part.events - lost
            self.totals.namespaces[name] += part.events - lost
        # A part may lie within another one, as those of lost events do.
        self._reached[name] = max(part.last for part in parts)
        return suspects, late

    def _limited(self, findings: Sequence[Finding], before: Sequence[Finding]) -> list[Finding]:
        """Those that are within the limit of their check; the others are counted."""
        kept: list[Finding] = []
        told = Counter(one.check for one in before)
        for finding in findings:
            check = finding.check
            if self._explained(check) + told[check] < self.settings.limit:
                told[check] += 1
                kept.append(finding)
            else:
                self._count(check, finding.count)
        return kept

    async def _explain(self, log: AuditLog, suspects: Sequence[Suspect]) -> list[Finding]:
        findings: list[Finding] = []
        wanted: list[Suspect] = []
        doubtful: list[Suspect] = []
        room = {check: self.settings.limit - self._explained(check) for check in {one.check for one in suspects}}
        for suspect in suspects:
            check = suspect.check
            if check not in self.settings.checks:
                continue
            if room[check] > 0:
                room[check] -= 1
                wanted.append(suspect)
            elif check in _DOUBTFUL:
                doubtful.append(suspect)
            else:
                self._count(check, 1)
        facts = self._facts[log.namespace]
        for start in range(0, len(wanted), _EXPLAINED_AT_ONCE):
            findings += await explain(self.target, facts, wanted[start : start + _EXPLAINED_AT_ONCE])
        for start in range(0, len(doubtful), _EXPLAINED_AT_ONCE):
            for finding in await explain(self.target, facts, doubtful[start : start + _EXPLAINED_AT_ONCE]):
                self._count(finding.check, 1)
        pattern = "" if self._is_of_one_actor else self.scope.actors
        # Recorded times are compared with those of all actors.
        return [
            one
            for one in findings
            if not pattern or one.check != "recorded-backwards" or match_actor_pattern(pattern, one.actor_id)
        ]

    def _count(self, check: str, count: int) -> None:
        self.totals.tallies.setdefault(check, Tally()).count += count

    def _explained(self, check: str) -> int:
        tally = self.totals.tallies.get(check)
        return 0 if tally is None else tally.explained

    # --- Behind the last event ---------------------------------------------------------------------------------

    @property
    def _is_of_one_actor(self) -> bool:
        return bool(self.scope.actors) and not is_wildcard_pattern(self.scope.actors)

    @property
    def left_out(self) -> list[str]:
        """Checks that were asked for and cannot be made in this scope, or on this kind of store."""
        return [
            check
            for check in CHECKS
            if check in self.settings.checks
            and (
                self.target.source not in CHECKS[check].sources
                or (self._is_of_one_actor and check in _NEEDS_ALL)
                or (check.startswith("snapshot-") and not self.settings.snapshots)
            )
        ]

    async def _compare_ids(self) -> list[Finding]:
        checks = self.settings.checks
        if self._is_of_one_actor:
            return []
        wants_twice, wants_causes = "duplicate-id" in checks, "cause-missing" in checks
        stop = _Stop()
        try:
            twice, missing = await asyncio.to_thread(
                self._identities.compare, duplicates=wants_twice, causes=wants_causes, step=stop.check
            )
        except asyncio.CancelledError:
            stop.wanted = True
            raise
        findings: list[Finding] = []
        whole = self.scope.namespaces in ("*", ">")
        for namespace in self._facts:
            if twice.get(namespace):
                findings += await self._duplicates(namespace, twice[namespace])
            if missing:
                findings += await self._causes(namespace, missing, whole)
        return self._limited(findings, ())

    async def _duplicates(self, namespace: str, hashes: set[int]) -> list[Finding]:
        found = await asyncio.to_thread(lambda: list(self._identities.places_of(namespace, hashes)))
        by_hash: dict[int, list[int]] = {}
        again = 0
        for each, sequence in found:
            same = by_hash.setdefault(each, [])
            if not same or again < self.settings.limit:
                again += bool(same)
                same.append(sequence)
            else:
                self._count("duplicate-id", 1)
        return self._in_scope(await explain_duplicates(self.target, namespace, by_hash))

    async def _causes(self, namespace: str, missing: set[int], whole: bool) -> list[Finding]:
        sequences = await asyncio.to_thread(lambda: list(self._identities.effects_of(namespace, missing)))
        told, rest = sequences[: self.settings.limit], sequences[self.settings.limit :]
        findings: list[Finding] = []
        for start in range(0, len(told), _EXPLAINED_AT_ONCE):
            part = told[start : start + _EXPLAINED_AT_ONCE]
            findings += await explain_causes(self.target, namespace, part, whole)
        if rest:
            self._count("cause-missing", len(rest))
        return findings

    def _in_scope(self, findings: list[Finding]) -> list[Finding]:
        pattern = self.scope.actors
        return [one for one in findings if not pattern or match_actor_pattern(pattern, one.actor_id)]

    async def _close(self) -> list[Finding]:
        findings = await self.target.closing_checks(self._facts)
        self.totals.actors = await asyncio.to_thread(
            lambda: sum(facts.streams.actors for facts in self._facts.values())
        )
        return self._limited([one for one in findings if one.check in self.settings.checks], ())

    async def _check_snapshots(self) -> list[Finding]:
        findings: list[Finding] = []
        if self.settings.snapshots:
            stores = await self.target.stores()
            async with aclosing(
                audit_snapshots(stores, self.scope, self._reducer or REDUCERS[self.settings.reducer])
            ) as steps:
                async for found, count in steps:
                    findings += found
                    self.totals.snapshots = count
        return [one for one in findings if one.check in self.settings.checks]

    async def _hash_again(self) -> list[Finding]:
        if self._hashing is not None:
            await self._hashing
        await self.target.hash(after=True)
        return []

    def _step(self, findings: Sequence[Finding]) -> AuditStep:
        for finding in findings:
            self.totals.tallies.setdefault(finding.check, Tally()).add(finding)
        return AuditStep(tuple(findings), self.progress)


class _Stop:
    """Tells a thread that nobody waits for it any more."""

    def __init__(self) -> None:
        self.wanted = False

    def check(self) -> None:
        if self.wanted:
            raise InterruptedError


def audit_target(engine: Auditee) -> Target:
    """What to audit of an open engine: its file, read by itself, or its logs."""
    if engine.url.startswith("sqlite:"):
        return FileTarget(sqlite_path(engine.url), engine.url)
    return LogTarget(engine)
