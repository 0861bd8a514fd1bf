"""A process that sifts a file's log: the other side of `ScanWorker`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aether_engine.store.protocols import Sieve
from aether_engine.store.sqlite.connections import ReadConnections
from aether_engine.store.sqlite.file import RawFile
from aether_engine.store.sqlite.reader import Reader
from aether_engine.store.sqlite.sifting import SiftedRange, Sifter
from aether_engine.worker_process import WorkerProcess, serve


@dataclass(frozen=True, slots=True)
class SiftRequest:
    """A range to sift; the sieve travels pickled, as it is the same for many ranges."""

    namespace: str
    sieve: bytes
    first: int
    last: int
    seconds: float
    ends_with_hit: bool


class ScanWorker(WorkerProcess):
    """One such process."""

    def __init__(self, path: Path, url: str, sieve: bytes) -> None:
        """`sieve`, pickled, is what will be asked with first, or one like it: it is loaded before it is ready."""
        super().__init__("scan", __name__, (str(path.absolute()), url, sieve))

    def sift(self, request: SiftRequest) -> SiftedRange:
        """Have a range sifted. Raises `WorkerGoneError`, and what sifting it raises."""
        answer = self.ask(request)
        assert isinstance(answer, SiftedRange)
        return answer


def main() -> None:
    """Be the process."""
    serve(_sifting)


@contextmanager
def _sifting(setup: tuple[str, str, bytes]) -> Iterator[Callable[[SiftRequest], SiftedRange]]:
    path, url, first_sieve = setup
    raw = RawFile(Path(path))
    connections = ReadConnections(raw, url, read_only=True)
    reader = Reader(connections, raw, url)
    sifters: dict[str, Sifter] = {}
    sieves: dict[bytes, Sieve] = {first_sieve: pickle.loads(first_sieve)}  # noqa: S301 (from who started us)

    def answer(request: SiftRequest) -> SiftedRange:
        sieve = sieves.get(request.sieve)
        if sieve is None:
            sieves.clear()
            sieve = sieves[request.sieve] = pickle.loads(request.sieve)  # noqa: S301 (from who started us)
        sifter = sifters.setdefault(request.namespace, Sifter(reader, request.namespace))
        return sifter.sift(
            sieve, request.first, request.last, request.seconds, ends_with_hit=request.ends_with_hit
        )

    try:
        yield answer
    finally:
        connections.close()
        connections.release()
