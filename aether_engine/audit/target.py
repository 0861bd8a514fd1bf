"""What an audit needs of what it looks at: logs part by part, single events, and what only that can check."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from aether_engine.audit.checks import Source
from aether_engine.audit.evidence import Evidence
from aether_engine.audit.examining import Examined
from aether_engine.audit.finding import Finding
from aether_engine.audit.judging import Place
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.streams import StreamStates
from aether_engine.replay.replaying import ReplayableStore

#: Where a log ends whose end is known when it was read.
OPEN_END: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class AuditLog:
    """A log to be looked at: the sequences `first` to `last`, of which `events` are there as far as is known."""

    namespace: str
    first: int
    last: int
    events: int
    number: int = 0


@dataclass(slots=True)
class LogFacts:
    """What was learned of one log on the way through it."""

    log: AuditLog
    streams: StreamStates
    size_bytes: int = 0
    id_sum: int = 0
    first_recorded: int | None = None
    last_recorded: int | None = None
    events: int = 0
    lost: int = 0


class Target(Protocol):
    """A store, a file or something like one, opened for an audit."""

    @property
    def url(self) -> str: ...

    @property
    def source(self) -> Source: ...

    @property
    def evidence(self) -> Evidence: ...

    async def open(self, scope: AuditScope, settings: AuditSettings) -> None:
        """Get ready. Raises `AetherError` for what cannot be read at all."""
        ...

    async def logs(self) -> list[AuditLog]:
        """The logs in scope."""
        ...

    @property
    def names(self) -> list[str]:
        """All namespaces there are, in scope or not; known after `logs`."""
        ...

    async def actor_names(self) -> array[int] | None:
        """Hashes of the actors' ids by their numbers, None where rows have none."""
        ...

    def parts(self, log: AuditLog, after: int) -> AsyncGenerator[list[Examined], None]:
        """The examined log behind the sequence `after`, in its order."""
        ...

    async def places(self, namespace: str, sequences: Sequence[int]) -> dict[int, Place]:
        """Single events as they are stored, by sequence; what is not there is left out."""
        ...

    async def actor_of(self, number: int) -> str | None:
        """The id of the actor a row is filed under."""
        ...

    async def known_versions(self, log: AuditLog, actor_id: str, first: int, last: int) -> set[int]:
        """Versions of an actor that an index knows, though their events may be lost."""
        ...

    async def known_ids(self, ids: Sequence[str]) -> set[str]:
        """Ids among `ids` that an index knows in any log, though their events may be lost."""
        ...

    async def other_ids(self, ids: set[str]) -> set[str]:
        """Ids among `ids` of events or commands in logs that are not in scope."""
        ...

    async def closing_checks(self, facts: Mapping[str, LogFacts]) -> list[Finding]:
        """What can be checked when all logs were read."""
        ...

    async def stores(self) -> list[ReplayableStore]:
        """The stores in scope, whose snapshots are compared with the replay."""
        ...

    async def hash(self, *, after: bool) -> None:
        """Take the hashes of the evidence, where there are files."""
        ...

    async def close(self) -> None: ...
