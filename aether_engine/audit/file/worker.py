"""A process that examines a file's log: the other side of `AuditWorker`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aether_engine.audit.examining import Examiner
from aether_engine.audit.file.actors import ActorHashes, actor_hashes
from aether_engine.audit.file.links import sums_in_log
from aether_engine.audit.file.log import FileLog, type_names
from aether_engine.audit.file.sound_actors import sound_actors
from aether_engine.audit.file.sound_log import SoundLog
from aether_engine.audit.file.sound_trees import look_at_tree
from aether_engine.audit.settings import AuditScope, AuditSettings
from aether_engine.audit.text_hashes import HashKey
from aether_engine.native.actors import ActorRows
from aether_engine.native.trees import TreeQuestion
from aether_engine.store.sqlite.connections import ReadConnections
from aether_engine.store.sqlite.file import RawFile
from aether_engine.store.sqlite.reader import Reader
from aether_engine.worker_process import WorkerProcess, serve

#: Findings of one check that one range may come back with; the rest of them is counted.
_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker needs to know before it is asked anything.

    Without `reads_pages` it leaves the file's pages to SQLite; the compiled library hashes all the same.
    """

    path: str
    url: str
    settings: AuditSettings
    scope: AuditScope
    hash_key: HashKey
    reads_pages: bool = True

    @property
    def page_key(self) -> bytes | None:
        """The library's key for what it reads past SQLite, None where it is to read nothing."""
        return self.hash_key.native if self.reads_pages else None


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """A range of a namespace's log, to be examined for so many seconds at most."""

    namespace: str
    number: int
    first: int
    last: int
    seconds: float


@dataclass(frozen=True, slots=True)
class NamesRequest:
    """The hashes of the ids of actors with numbers from `first` on, `count` of them at most."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class ActorsRequest:
    """Actors with numbers from `first` on, `count` of them at most, where their list is plainly in order."""

    first: int
    count: int


@dataclass(frozen=True, slots=True)
class LinksRequest:
    """The sums of the causes and correlations that the events of a range name."""

    number: int
    first: int
    last: int


Request = RangeRequest | NamesRequest | ActorsRequest | LinksRequest | TreeQuestion


class AuditWorker(WorkerProcess):
    """One such process."""

    def __init__(self, setup: WorkerSetup) -> None:
        super().__init__("audit", __name__, setup, hash_seed=setup.hash_key.seed)
        #: Whether it reads the file's pages with the library.
        self.reads_pages = setup.page_key is not None


def main() -> None:
    """Be the process."""
    serve(_examining)


@contextmanager
def _examining(setup: WorkerSetup) -> Iterator[Callable[[Request], object]]:
    raw = RawFile(Path(setup.path))
    connections = ReadConnections(raw, setup.url, read_only=True)
    reader = Reader(connections, raw, setup.url)
    logs: dict[str, FileLog] = {}
    hashes = setup.hash_key.hashes()

    def actors(request: NamesRequest | ActorsRequest) -> ActorRows | None:
        key = setup.page_key
        return None if key is None else sound_actors(reader, request.first, request.count, key)

    def names(request: NamesRequest) -> ActorHashes:
        rows = actors(request)
        if rows is not None:
            return ActorHashes(request.first, rows.hashes, rows.next_number)
        return actor_hashes(reader, request.first, request.count, hashes)

    def answer(request: Request) -> object:
        if isinstance(request, NamesRequest):
            return names(request)
        if isinstance(request, ActorsRequest):
            return actors(request)
        if isinstance(request, LinksRequest):
            return sums_in_log(reader, request.number, request.first, request.last)
        if isinstance(request, TreeQuestion):
            return None if setup.page_key is None else look_at_tree(reader, request, setup.page_key)
        log = logs.get(request.namespace)
        if log is None:
            examiner = Examiner(request.namespace, setup.settings, setup.scope, limit=_LIMIT, hashes=hashes)
            types = examiner.type_names = type_names(reader)
            sound = SoundLog.of(reader, request.number, setup.scope, setup.settings, types, setup.page_key)
            log = logs[request.namespace] = FileLog(reader, request.number, examiner, sound)
        return log.examine(request.first, request.last, request.seconds)

    try:
        yield answer
    finally:
        connections.close()
        connections.release()
