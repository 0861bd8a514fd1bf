"""An event file as the target of an audit: read with all processors, and nothing beside it touched."""

from __future__ import annotations

import asyncio
import sqlite3
from array import array
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from aether_engine.audit.checks import Source
from aether_engine.audit.evidence import Evidence, OpenedEvidence, until_stopped
from aether_engine.audit.examining import Examined, Examiner
from aether_engine.audit.file.actors import ActorHashes, actor_hashes, actor_name
from aether_engine.audit.file.checks import FileChecks
from aether_engine.audit.file.closing import ClosingChecks
from aether_engine.audit.file.log import FileLog, namespace_numbers
from aether_engine.audit.file.worker import NamesRequest, RangeRequest, WorkerSetup
from aether_engine.audit.file.worker_pool import WorkerPool, given_up
from aether_engine.audit.finding import Finding
from aether_engine.audit.judging import Place, Row, id_digest
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.target import AuditLog, LogFacts
from aether_engine.audit.text_hashes import HashKey
from aether_engine.errors import StoreUnavailableError
from aether_engine.patterns import is_wildcard_pattern, match_namespace_pattern
from aether_engine.replay.replaying import ReplayableStore
from aether_engine.store.sqlite.backend import SQLiteBackend
from aether_engine.store.sqlite.connections import ReadConnections
from aether_engine.store.sqlite.file import FileState, RawFile, translate
from aether_engine.store.sqlite.reader import DamagedError, Reader, is_damage
from aether_engine.store.sqlite.schema import SEQUENCE_MASK, first_position
from aether_engine.worker_process import processors

#: Files of fewer events are done before a worker would have started.
WORKERS_FROM: Final = 50_000
_MOST_WORKERS: Final = 4
#: Sequences that a worker, or a thread of this process, gets to look at in one go.
_RANGE: Final = 4096
_OWN_SECONDS: Final = 0.01
#: Events of one actor that are looked at in one go.
_PLACES: Final = 100
_ACTORS: Final = 65_536

T = TypeVar("T")


class FileTarget:
    """An event file, opened for this audit alone."""

    def __init__(self, path: Path, url: str, *, workers_from: int = WORKERS_FROM) -> None:
        self._url = url
        self._opened = OpenedEvidence(path, url)
        self._workers_from = workers_from
        self._scope = AuditScope()
        self._settings = AuditSettings()
        self._executor = ThreadPoolExecutor(3, thread_name_prefix="aether-audit")
        self._connections: ReadConnections | None = None
        self._reader: Reader | None = None
        self._raw: RawFile | None = None
        self._truncated: tuple[int, int] | None = None
        self._pool: WorkerPool | None = None
        self._logs: list[AuditLog] = []
        self.names: list[str] = []
        self._backend: SQLiteBackend | None = None
        self._closing = False

    @property
    def url(self) -> str:
        return self._url

    @property
    def source(self) -> Source:
        return Source.FILE

    @property
    def evidence(self) -> Evidence:
        return self._opened.evidence

    @property
    def reader(self) -> Reader:
        """Of the opened file."""
        assert self._reader is not None
        return self._reader

    @property
    def process_ids(self) -> list[int]:
        """The processes that work for this audit."""
        return [] if self._pool is None else self._pool.process_ids

    async def open(self, scope: AuditScope, settings: AuditSettings) -> None:
        self._scope, self._settings = scope, settings
        if self._reader is None:
            await self._run(self._open)

    def _open(self) -> None:
        self._opened.prepare()
        self._raw = RawFile(self._opened.path)
        self._connections = ReadConnections(self._raw, self._url, read_only=True)
        self._reader = Reader(self._connections, self._raw, self._url)
        header = self._connections.check()
        if header.state is FileState.ABSENT:
            raise StoreUnavailableError(self._url, "there is no such file, or it is empty")
        if header.state is FileState.TRUNCATED:
            self._truncated = (self._raw.size(), header.page_count * header.page_size)

    async def logs(self) -> list[AuditLog]:
        def look() -> list[AuditLog]:
            found: list[AuditLog] = []
            numbers = namespace_numbers(self.reader)
            self.names = sorted(numbers)
            for name, number in sorted(numbers.items()):
                if match_namespace_pattern(self._scope.namespaces, name):
                    last = self.reader.last_sequence(name)
                    found.append(AuditLog(name, 1, last, last, number))
            return found

        self._logs = await self._run(look)
        return self._logs

    async def actor_names(self) -> array[int] | None:
        """Hashes of the actors' ids by number, by the seed of whoever examines the events."""
        names = array("q")
        first: int | None = 0
        while first is not None:
            answer: ActorHashes
            if await self._workers() is None:
                answer = await self._run(partial(actor_hashes, self.reader, first, _ACTORS))
            else:
                assert self._pool is not None
                answer = await self._pool.ask(NamesRequest(first, _ACTORS))
            if answer.hashes:
                names.frombytes(bytes(8 * max(0, answer.first - len(names))))
                names.extend(answer.hashes)
            first = answer.next_number
        return names

    async def parts(self, log: AuditLog, after: int) -> AsyncGenerator[list[Examined], None]:
        actor = self._scope.actors
        if actor and not is_wildcard_pattern(actor):
            sequences = await self._run(partial(self._sequences_of, log, actor, after))
            if sequences is not None:
                file_log = FileLog(self.reader, log.number, Examiner(log.namespace, self._settings, self._scope))
                for start in range(0, len(sequences), _PLACES):
                    yield await self._run(partial(file_log.examine_places, sequences[start : start + _PLACES]))
                return
        if await self._workers() is None:
            examiner = Examiner(log.namespace, self._settings, self._scope)
            file_log = FileLog(self.reader, log.number, examiner)
            while after < log.last:
                found = await self._run(partial(file_log.examine, after + 1, log.last, _OWN_SECONDS))
                yield found
                after = found[-1].last
            return
        assert self._pool is not None
        waiting: deque[asyncio.Future[Any]] = deque()
        begin = after + 1
        try:
            while begin <= log.last or waiting:
                while begin <= log.last and len(waiting) < 2 * self._pool.size + 2:
                    end = min(begin + _RANGE - 1, log.last)
                    request = RangeRequest(log.namespace, log.number, begin, end, 1e9)
                    waiting.append(self._pool.ask(request))
                    begin = end + 1
                yield await waiting.popleft()
        finally:
            await given_up(waiting)

    def _sequences_of(self, log: AuditLog, actor: str, after: int) -> list[int] | None:
        """Where the events of one actor are, None where the index over versions does not tell."""
        found: list[int] = []
        version = 0
        try:
            known = self.reader.actor_number(log.number, actor)
            if known is None:
                return []
            while places := self.reader.places(known[0], version, 2**63 - 1, 10_000):
                found += [position & SEQUENCE_MASK for _, position in places]
                if places[-1][0] == 2**63 - 1:
                    break
                version = places[-1][0] + 1
        except DamagedError:
            return None
        return sorted(sequence for sequence in found if after < sequence <= log.last)

    async def places(self, namespace: str, sequences: Sequence[int]) -> dict[int, Place]:
        number = next((log.number for log in self._logs if log.namespace == namespace), None)
        if number is None:
            return {}
        return await self._run(lambda: self._places(namespace, number, sequences))

    def _places(self, namespace: str, number: int, sequences: Sequence[int]) -> dict[int, Place]:
        file_log = FileLog(self.reader, number, Examiner(namespace, self._settings))
        found: dict[int, Place] = {}
        for sequence in sequences:
            row = file_log.row_at(sequence)
            if row is not None:
                actor, version, kind, id_hash, recorded, checksum, raw = row
                type_name = None if kind is None else file_log.type_names.get(kind, "")
                found[sequence] = Place(
                    namespace,
                    sequence,
                    recorded,
                    raw,
                    Row(number, actor, version, type_name, id_hash, checksum),
                )
        return found

    async def actor_of(self, number: int) -> str | None:
        return await self._run(lambda: actor_name(self.reader, number))

    async def known_versions(self, log: AuditLog, actor_id: str, first: int, last: int) -> set[int]:
        def look() -> set[int]:
            try:
                known = self.reader.actor_number(log.number, actor_id)
                places = [] if known is None else self.reader.places(known[0], first, last, last - first + 1)
            except DamagedError:
                return set(range(first, last + 1))  # The index is damaged, and that is told.
            return {version for version, _ in places}

        return await self._run(look)

    async def known_ids(self, ids: Sequence[str]) -> set[str]:
        return await self._run(lambda: self._known_ids(ids))

    def _known_ids(self, ids: Sequence[str]) -> set[str]:
        numbers = list(namespace_numbers(self.reader).values())

        def job(connection: sqlite3.Connection) -> set[str]:
            found: set[str] = set()
            for event_id in ids:
                for number in numbers:
                    prefix = int.from_bytes(id_digest(number, event_id)[:8], "big", signed=True)
                    try:
                        row = connection.execute(
                            "SELECT 1 FROM event_ids WHERE id_prefix = ? AND position BETWEEN ? AND ?",
                            (prefix, first_position(number), first_position(number + 1)),
                        ).fetchone()
                    except sqlite3.Error as error:
                        if not is_damage(error):
                            raise
                        return found
                    if row is not None:
                        found.add(event_id)
            return found

        return self.reader.run(job, set())

    async def other_ids(self, ids: set[str]) -> set[str]:
        """Those that are commands; events were found by their index. What that does not hold yet is read."""

        def look() -> set[str]:
            found: set[str] = set()
            inside = {log.namespace for log in self._logs}
            for name, number in namespace_numbers(self.reader).items():
                if name in inside:
                    continue
                last = self.reader.last_sequence(name)
                first = 1
                while first <= last and found != ids:
                    batch = self.reader.read_range(number, first, min(first + 999, last), None)
                    if not batch or self._closing:
                        break
                    for stored in batch:
                        if stored.event is not None:
                            found |= ids & {stored.event.id, stored.event.command_id}
                    first = batch[-1].sequence + 1
            return found

        return await self._run(look)

    async def closing_checks(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        # What concerns the whole file is not asked of one actor.
        actor = self._scope.actors
        if actor and not is_wildcard_pattern(actor):
            return []
        assert self._raw is not None
        # What earlier looks left in a connection's cache is not to decide what is found.
        connections = ReadConnections(self._raw, self._url, read_only=True, reuse=False)
        reader = Reader(connections, self._raw, self._url)
        checks = FileChecks(reader, self._scope, self._settings, self._truncated, lambda: self._closing)
        closing = ClosingChecks(
            reader, checks, self._settings.checks, await self._workers(), self._run, lambda: self._closing
        )
        try:
            return await closing.findings(facts)
        finally:
            connections.close()

    async def stores(self) -> list[ReplayableStore]:
        if self._backend is None:
            self._backend = await SQLiteBackend.open(
                self._opened.path, url=self._url, read_only=True, publish=lambda _name, _stored: None
            )
        return [await self._backend.store(log.namespace) for log in self._logs]

    async def hash(self, *, after: bool) -> None:
        def start(is_stopped: Callable[[], bool]) -> Coroutine[Any, Any, None]:
            return self._run(
                lambda: self._opened.hash(after=after, stop=lambda: self._closing or is_stopped()),
            )

        await until_stopped(start)

    async def end_workers(self) -> None:
        """End the processes, when the log was read; single events can be looked at all the same."""
        if self._pool is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._pool.close)

    async def close(self) -> None:
        self._closing = True
        if self._backend is not None:
            await self._backend.close()
        loop = asyncio.get_running_loop()
        if self._pool is not None:
            await loop.run_in_executor(None, self._pool.close)
        # Whatever still runs uses what is closed next.
        await loop.run_in_executor(None, partial(self._executor.shutdown, wait=True, cancel_futures=True))
        if self._connections is not None:
            self._connections.close()
            self._connections.release()
        await loop.run_in_executor(None, self._opened.close)

    async def _workers(self) -> WorkerPool | None:
        events = sum(log.events for log in self._logs)
        actor = self._scope.actors
        if events < self._workers_from or (actor and not is_wildcard_pattern(actor)):
            return None
        if self._pool is None:
            path = str(self._opened.path.absolute())
            setup = WorkerSetup(path, self._url, self._settings, self._scope, HashKey.new())
            self._pool = WorkerPool(setup, min(processors(), _MOST_WORKERS))
        return self._pool

    async def _run(self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            try:
                return work()
            except (sqlite3.Error, OSError) as error:
                raise translate(error, self._url) from error

        job = asyncio.get_running_loop().run_in_executor(self._executor, guarded)
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            await asyncio.wait([job])
            if not job.cancelled():
                job.exception()
            raise
