"""Any open store as the target of an audit: it is read as everybody reads it, batch by batch."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, Protocol

from aether_engine import codec
from aether_engine.audit.checks import Source
from aether_engine.audit.evidence import Evidence
from aether_engine.audit.examining import Examined, Examiner, LogPart
from aether_engine.audit.finding import Finding
from aether_engine.audit.judging import Place
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.target import AuditLog, LogFacts
from aether_engine.errors import EventLostError, LogGapError
from aether_engine.event import NamespaceInfo, StoredEvent, StoreWarning
from aether_engine.patterns import is_wildcard_pattern, match_namespace_pattern
from aether_engine.replay.replaying import ReplayableStore
from aether_engine.store.protocols import KnowsMissing, SequenceReader, Store, StreamIndex

_BATCH: Final = 1000


class Auditee(Protocol):
    """What is audited: an open engine, or something that offers as much."""

    @property
    def url(self) -> str: ...

    @property
    def warnings(self) -> list[StoreWarning]: ...

    async def namespaces(self) -> list[NamespaceInfo]: ...

    async def store(self, namespace: str) -> Store: ...


class LogTarget:
    """The logs of an open engine."""

    def __init__(self, engine: Auditee) -> None:
        self._engine = engine
        self._scope = AuditScope()
        self._settings = AuditSettings()
        self.evidence = Evidence()
        self._others: list[str] = []
        self.names: list[str] = []

    @property
    def url(self) -> str:
        return self._engine.url

    @property
    def source(self) -> Source:
        is_server = self._engine.url.partition("://")[0] in ("nats", "tls")
        return Source.STREAM if is_server else Source.LOG

    async def open(self, scope: AuditScope, settings: AuditSettings) -> None:
        self._scope, self._settings = scope, settings

    async def logs(self) -> list[AuditLog]:
        logs: list[AuditLog] = []
        self._others, self.names = [], []
        for info in await self._engine.namespaces():
            self.names.append(info.name)
            if not match_namespace_pattern(self._scope.namespaces, info.name):
                self._others.append(info.name)
                continue
            store = await self._engine.store(info.name)
            logs.append(AuditLog(info.name, 1, await store.last_sequence(), info.event_count))
        return logs

    async def actor_names(self) -> array[int] | None:
        return None

    async def parts(self, log: AuditLog, after: int) -> AsyncGenerator[list[Examined], None]:
        store = await self._engine.store(log.namespace)
        examiner = Examiner(log.namespace, self._settings, self._scope)
        source = await self._events(store, log, after)
        try:
            async for batch in source:
                if batch:
                    yield await asyncio.to_thread(_examine, examiner, batch)
        finally:
            close: Any = getattr(source, "aclose", None)
            if close is not None:
                await close()

    async def _events(self, store: Store, log: AuditLog, after: int) -> AsyncIterator[list[StoredEvent]]:
        """The events in scope in the order of the log."""
        actor = self._scope.actors
        if not actor or is_wildcard_pattern(actor):
            return store.read(from_sequence=after + 1, to_sequence=log.last, batch_size=_BATCH)
        if isinstance(store, StreamIndex) and isinstance(store, SequenceReader):
            sequences = array("q")
            async for places in store.places(actor):
                sequences.extend([sequence for _, sequence in places if after < sequence <= log.last])
            return store.read_sequences(array("q", sorted(sequences)), batch_size=_BATCH)
        return store.read_actor(actor, batch_size=_BATCH)

    async def places(self, namespace: str, sequences: Sequence[int]) -> dict[int, Place]:
        store = await self._engine.store(namespace)
        found: dict[int, Place] = {}
        if isinstance(store, SequenceReader):
            async for batch in store.read_sequences(sequences):
                found |= {stored.sequence: _place(namespace, stored) for stored in batch}
        else:
            for sequence in sequences:
                async for batch in store.read(from_sequence=sequence, to_sequence=sequence):
                    found |= {stored.sequence: _place(namespace, stored) for stored in batch}
        return found

    async def actor_of(self, number: int) -> str | None:
        return None

    async def known_versions(self, log: AuditLog, actor_id: str, first: int, last: int) -> set[int]:
        store = await self._engine.store(log.namespace)
        found: set[int] = set()
        if isinstance(store, StreamIndex):
            async for places in store.places(actor_id, from_version=first, batch_size=last - first + 1):
                found |= {version for version, _ in places if version <= last}
                if places and places[-1][0] >= last:
                    break
        return found

    async def known_ids(self, ids: Sequence[str]) -> set[str]:
        return set()

    async def other_ids(self, ids: set[str]) -> set[str]:
        found: set[str] = set()
        for name in self._others:
            store = await self._engine.store(name)
            async for batch in store.read():
                for stored in batch:
                    if stored.event is not None:
                        found |= ids & {stored.event.id, stored.event.command_id}
                if found == ids:
                    return found
        return found

    async def closing_checks(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        findings = [
            setting_finding(warning)
            for warning in self._engine.warnings
            if match_namespace_pattern(self._scope.namespaces, warning.namespace or "*")
        ]
        for name in facts:
            store = await self._engine.store(name)
            if isinstance(store, KnowsMissing):
                async with aclosing(store.missing_sequences()) as ranges:
                    async for first, last in ranges:
                        findings.append(missing_finding(name, first, last))
        return findings

    async def stores(self) -> list[ReplayableStore]:
        names = [info.name for info in await self._engine.namespaces()]
        wanted = self._scope.namespaces
        return [await self._engine.store(name) for name in names if match_namespace_pattern(wanted, name)]

    async def hash(self, *, after: bool) -> None:
        """There are no files that could be hashed."""

    async def close(self) -> None:
        """The engine is somebody else's."""


def setting_finding(warning: StoreWarning) -> Finding:
    """A setting of a stream that endangers its events."""
    return Finding(
        "stream-setting",
        warning.message,
        namespace=warning.namespace,
        path=f"/{warning.setting}",
        evidence=(("Setting", warning.setting),),
    )


def missing_finding(namespace: str, first: int, last: int) -> Finding:
    """Sequences that a stream has handed out and does not hold."""
    count = last - first + 1
    what = "Nothing is" if count == 1 else f"{count:,} sequences are missing, to {last:,}; nothing is"
    return Finding(
        "missing-sequence",
        f"{what} stored there any more: it was an event or a snapshot, and was deleted.",
        namespace=namespace,
        sequence=first,
        last_sequence=last,
    )


def _place(namespace: str, stored: StoredEvent) -> Place:
    return Place(namespace, stored.sequence, codec.microseconds_from_utc(stored.recorded_at), stored.raw)


def _examine(examiner: Examiner, batch: Sequence[StoredEvent]) -> list[Examined]:
    found: list[Examined] = []
    there = [stored for stored in batch if stored.error is None or not _is_lost(stored.error.error)]
    for stored in batch:
        if stored.error is not None and _is_lost(stored.error.error):
            sequence = stored.sequence
            found.append(Examined(sequence, sequence, 1, lost=[(sequence, sequence)]))
    if there:
        errors = {index: stored.error.error for index, stored in enumerate(there) if stored.error is not None}
        microseconds = codec.microseconds_from_utc
        found.append(
            examiner.examine(
                LogPart(
                    [stored.sequence for stored in there],
                    [microseconds(stored.recorded_at) for stored in there],
                    [stored.raw for stored in there],
                    errors=errors,
                )
            )
        )
    return sorted(found, key=lambda one: one.first)


def _is_lost(error: Exception) -> bool:
    return isinstance(error, EventLostError | LogGapError)
