"""Events in files of another form as the target of an audit: read once, and kept aside to be looked at again."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from array import array
from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Final, ParamSpec, TypeVar

from aether_engine.audit.checks import CHECKS, Source
from aether_engine.audit.evidence import Evidence, FileHash, sha256_of, until_stopped
from aether_engine.audit.examining import Examined, Examiner, LogPart
from aether_engine.audit.finding import Finding
from aether_engine.audit.judging import Place
from aether_engine.audit.log_target import missing_finding, setting_finding
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.target import OPEN_END, AuditLog, LogFacts
from aether_engine.patterns import match_namespace_pattern
from aether_engine.replay.replaying import ReplayableStore
from aether_engine.sources.entries import Entry, EventSource

#: Events that are read and examined in one go.
_BATCH: Final = 512
#: Where events have no time: far from anything that is a date.
_NO_TIME: Final = -(1 << 62)
_BLOCK: Final = 1 << 20
#: Files whose events are as long as what stands in them.
_PLAIN: Final = (".ndjson", ".jsonl", ".json")
P = ParamSpec("P")
T = TypeVar("T")


class SourceTarget:
    """A source of events. Its sequences are its own or, where it has none, count from 1."""

    def __init__(self, source: EventSource, url: str) -> None:
        self._source = source
        self._url = url
        self._settings = AuditSettings()
        self._scope = AuditScope()
        self.evidence = Evidence()
        self.names: list[str] = []
        self._entries: Iterator[Entry] | None = None
        self._kept: IO[bytes] | None = None
        # Somebody may look at an event while others are read.
        self._keeping = threading.Lock()
        self._offsets = array("q")
        self._sequences = array("q")
        self._recorded = array("q")
        self._read: list[Examined] = []
        self._read_bytes = 0

    @property
    def url(self) -> str:
        return self._url

    @property
    def source(self) -> Source:
        return Source.BACKUP if self._source.keeps_times else Source.TEXT

    @property
    def share(self) -> float | None:
        """How much of the files was read, 0 to 1; None where that cannot be told from the events."""
        files = self.evidence.files
        size = sum(one.size for one in files)
        plain = all(one.path.lower().endswith(_PLAIN) for one in files)
        return min(self._read_bytes / size, 1.0) if plain and size else None

    async def open(self, scope: AuditScope, settings: AuditSettings) -> None:
        self._scope = scope
        # What the source cannot tell is not looked for.
        made = frozenset(check for check in settings.checks if self.source in CHECKS[check].sources)
        self._settings = replace(settings, checks=made)
        if not self.evidence.files:
            files = await asyncio.to_thread(lambda: list(self._source.files))
            for name in files:
                size = 0
                with suppress(OSError):  # what cannot be read is found when it is
                    size = (await asyncio.to_thread(Path(name).stat)).st_size
                self.evidence.files.append(FileHash(name, size))

    async def logs(self) -> list[AuditLog]:
        name = self._source.namespace
        self.names = [name]
        if not match_namespace_pattern(self._scope.namespaces, name):
            return []
        # How many there are is known when they were read.
        return [AuditLog(name, 1, OPEN_END, 0)]

    async def actor_names(self) -> array[int] | None:
        return None

    async def parts(self, log: AuditLog, after: int) -> AsyncGenerator[list[Examined], None]:
        examiner = Examiner(log.namespace, self._settings, self._scope)
        if self._entries is None:
            self._entries = self._source.entries()
        while True:
            # What was read when somebody cancelled waits for whoever goes on.
            if not self._read or self._read[-1].last <= after:
                self._read = await _finished(self._next, examiner)
            if not self._read:
                return
            yield self._read
            after = self._read[-1].last

    def _next(self, examiner: Examiner) -> list[Examined]:
        """The next events, examined and kept."""
        assert self._entries is not None
        self._read = []
        batch = list(islice(self._entries, _BATCH))
        if not batch:
            return []
        if self._kept is None:
            self._kept = tempfile.TemporaryFile(prefix="aether-audit-")  # noqa: SIM115 (closed by `close`)
        first = self._sequences[-1] + 1 if self._sequences else 1
        sequences = [entry.sequence or first + index for index, entry in enumerate(batch)]
        recorded = [_NO_TIME if entry.recorded is None else entry.recorded for entry in batch]
        with self._keeping:
            place = self._kept.seek(0, 2)
            for entry in batch:
                self._offsets.append(place)
                place += len(entry.raw)
            self._kept.write(b"".join([entry.raw for entry in batch]))
            self._sequences.extend(sequences)
            self._recorded.extend(recorded)
            # Each has a line feed or a comma behind it.
            self._read_bytes = place + len(self._sequences)
        errors = {index: entry.error for index, entry in enumerate(batch) if entry.error is not None}
        examined = examiner.examine(LogPart(sequences, recorded, [entry.raw for entry in batch], errors=errors))
        self._note_places(batch, sequences, examined)
        self._read = [examined]
        return self._read

    def _note_places(self, batch: Sequence[Entry], sequences: Sequence[int], examined: Examined) -> None:
        """Remember where the findings stand in the files."""
        by_sequence = dict(zip(sequences, batch, strict=True))
        examined.findings = [
            one
            if one.sequence not in by_sequence
            else replace(one, evidence=(*one.evidence, ("Place", by_sequence[one.sequence].where)))
            for one in examined.findings
        ]

    async def places(self, namespace: str, sequences: Sequence[int]) -> dict[int, Place]:
        return await _finished(self._places, namespace, sequences)

    def _places(self, namespace: str, sequences: Sequence[int]) -> dict[int, Place]:
        with self._keeping:
            return self._kept_places(namespace, sequences)

    def _kept_places(self, namespace: str, sequences: Sequence[int]) -> dict[int, Place]:
        found: dict[int, Place] = {}
        if self._kept is None:
            return found
        end = self._kept.seek(0, 2)
        for sequence in sequences:
            index = bisect_left(self._sequences, sequence)
            if index < len(self._sequences) and self._sequences[index] == sequence:
                start = self._offsets[index]
                stop = self._offsets[index + 1] if index + 1 < len(self._offsets) else end
                self._kept.seek(start)
                raw = self._kept.read(stop - start)
                found[sequence] = Place(namespace, sequence, self._recorded[index], raw)
        self._kept.seek(0, 2)
        return found

    async def actor_of(self, number: int) -> str | None:
        return None

    async def known_versions(self, log: AuditLog, actor_id: str, first: int, last: int) -> set[int]:
        return set()

    async def known_ids(self, ids: Sequence[str]) -> set[str]:
        return set()

    async def other_ids(self, ids: set[str]) -> set[str]:
        return set()

    async def closing_checks(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        findings = [setting_finding(warning) for warning in self._source.warnings()]
        for name in facts:
            findings += [missing_finding(name, first, last) for first, last in self._source.missing()]
        return findings

    async def stores(self) -> list[ReplayableStore]:
        return []

    async def hash(self, *, after: bool) -> None:
        def work(stop: Callable[[], bool]) -> None:
            for one in self.evidence.files:
                with suppress(OSError), Path(one.path).open("rb") as file:  # it stays empty: not known
                    digest = sha256_of(iter(partial(file.read, _BLOCK), b""), stop)
                    if after:
                        one.after = digest
                    else:
                        one.before = digest

        await until_stopped(lambda is_stopped: asyncio.to_thread(work, is_stopped))

    async def close(self) -> None:
        entries, self._entries = self._entries, None
        close = getattr(entries, "close", None)
        if close is not None:
            await asyncio.to_thread(close)
        if self._kept is not None:
            self._kept.close()
            self._kept = None


async def _finished(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`work` in a thread; when cancelled, only after it is done, since what it uses is used again."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
