"""Whole audits with and without the library: whatever happened to a file, the same is found."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from aether_engine.audit import Audit, AuditScope, AuditSettings, FileTarget
from aether_engine.audit.file import target as file_target
from aether_engine.audit.file.sound_log import SoundLog
from aether_engine.audit.file.worker import (
    AuditWorker,
    NamesRequest,
    RangeRequest,
    Request,
    WorkerSetup,
    _examining,
)
from aether_engine.audit.text_hashes import HashKey
from aether_engine.audit.totals import AuditTotals
from aether_engine.errors import AetherError
from aether_engine.native.library import OFF, SWITCH, library
from tests.benchmarks.generate import generate
from tests.engine.audit.corpus import build
from tests.engine.audit.test_corpus import places, run
from tests.engine.native.damage import damaged, in_pages_of

pytestmark = pytest.mark.skipif(library() is None, reason="nothing was compiled here")

_DAMAGES = 6000 if os.environ.get("AETHER_SOAK") else 40
_SIZES = (512, 1024, 8192)
_Said = tuple[Counter[Any], Counter[str], dict[str, Any]] | str


class _OwnPool:
    """What worker processes do, in a thread of this one: hundreds of audits are made here."""

    size = 2
    process_ids: tuple[int, ...] = ()

    def __init__(self, setup: WorkerSetup, _size: int) -> None:
        self._stack = ExitStack()
        self._thread = ThreadPoolExecutor(1)
        self._answer = self._stack.enter_context(_examining(setup))

    def ask(self, request: Request) -> asyncio.Future[object]:
        return asyncio.get_running_loop().run_in_executor(self._thread, self._answer, request)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._stack.close()


@contextmanager
def _without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv(SWITCH, OFF)
        library.cache_clear()
        try:
            yield
        finally:
            library.cache_clear()


async def _said(path: Path) -> _Said:
    audit = Audit(FileTarget(path, "sqlite:///file", workers_from=0))
    try:
        findings = await asyncio.wait_for(run(audit), 60)
    except AetherError as error:
        return str(error)
    totals = {
        one.name: getattr(audit.totals, one.name)
        for one in fields(AuditTotals)
        if one.name not in ("started_at", "seconds", "tallies")
    }
    counts = Counter({check: tally.count for check, tally in audit.totals.tallies.items()})
    return Counter(findings), counts, totals


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many events the library looked at."""
    counted: Counter[str] = Counter()
    examine = SoundLog.examine

    def counting(self: SoundLog, first: int, last: int) -> Any:
        found = examine(self, first, last)
        counted["events"] += 0 if found is None else found.events
        return found

    monkeypatch.setattr(SoundLog, "examine", counting)
    monkeypatch.setattr(file_target, "WorkerPool", _OwnPool)
    return counted


async def test_a_worker_that_dies_is_replaced_by_one_that_leaves_pages_to_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = build(tmp_path / "corpus.aether", 5)
    lost: list[int] = []
    ask = AuditWorker.ask

    def dying(self: AuditWorker, request: object) -> Any:
        if self.reads_pages and isinstance(request, RangeRequest):
            lost.append(self.process_id)
            os.kill(self.process_id, signal.SIGSEGV)
        return ask(self, request)

    with monkeypatch.context() as patched:
        patched.setattr(AuditWorker, "ask", dying)
        # More of them than may be lost otherwise.
        patched.setattr(file_target, "processors", lambda: 4)
        found = await run(Audit(FileTarget(corpus.path, "sqlite:///file", workers_from=0)))
    assert lost
    assert len(set(lost)) == len(lost) <= 4
    assert places(found) == Counter(corpus.planted)


def test_a_worker_without_pages_hashes_as_the_others_do(tmp_path: Path, sound: Counter[str]) -> None:
    path = tmp_path / "clean.aether"
    generate(path, 300, 20)
    setup = WorkerSetup(str(path), "sqlite:///file", AuditSettings(), AuditScope(), HashKey.new())
    requests: tuple[Request, ...] = (RangeRequest("benchmark", 1, 1, 300, 1e9), NamesRequest(0, 100))
    answers: list[list[Any]] = []
    for one in (setup, replace(setup, reads_pages=False)):
        with _examining(one) as answer_to:
            answers.append([answer_to(request) for request in requests])
        assert sound["events"] == 300
    (mine,), names = answers[0]
    (others,), other_names = answers[1]
    assert names == other_names
    assert names.hashes
    assert (mine.ids, mine.names, mine.id_sum) == (others.ids, others.names, others.id_sum)


async def _both(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[_Said, _Said]:
    with_library = await _said(path)
    with _without_library(monkeypatch):
        return with_library, await _said(path)


async def test_damaged_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sound: Counter[str]) -> None:
    build(tmp_path / "corpus", 1, clean=3)
    generate(tmp_path / "clean", 700, 20)
    files = [
        (size, in_pages_of(size, tmp_path / name, tmp_path / f"{name}-{size}").read_bytes())
        for name in ("corpus", "clean")
        for size in _SIZES
    ]
    dice = random.Random(os.environ.get("AETHER_SEED", "7"))
    path = tmp_path / "file.aether"
    for turn in range(_DAMAGES):
        size, content = files[turn % len(files)]
        path.write_bytes(content if turn < len(files) else damaged(content, size, dice))
        with_library, without = await _both(path, monkeypatch)
        assert with_library == without, turn
    assert sound["events"] > 100 * _DAMAGES
