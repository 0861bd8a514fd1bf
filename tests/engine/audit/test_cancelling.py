"""An audit that is broken off: it ends at once, and goes on where it was."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import aclosing
from pathlib import Path

import pytest

from aether_engine.audit import (
    Audit,
    FileTarget,
    Finding,
    SourceTarget,
    Target,
    evidence,
    source_target,
)
from aether_engine.codec import encode_event
from aether_engine.sources import open_source
from tests.engine.audit.corpus import build, fill
from tests.engine.audit.test_corpus import places, run
from tests.engine.sqlite.support import make_event
from tests.waiting import until, until_sync


def _target(path: Path) -> FileTarget:
    return FileTarget(path, f"sqlite:///{path.name}")


@pytest.mark.parametrize("workers_from", [10**9, 0], ids=["in this process", "in processes"])
async def test_a_run_that_was_cancelled_goes_on_where_it_was(tmp_path: Path, workers_from: int) -> None:
    corpus = build(tmp_path / "corpus.aether", 10)
    audit = Audit(FileTarget(corpus.path, "sqlite:///corpus", workers_from=workers_from))
    found: list[Finding] = []
    rounds = 0
    while not audit.totals.is_complete:
        rounds += 1
        arrived = 0
        async with aclosing(audit.steps()) as steps:
            async for step in steps:
                found += step.findings
                arrived += 1
                if arrived == 4 and rounds < 30:
                    break
    await audit.close()
    assert rounds > 2
    assert places(found) == Counter(corpus.planted)
    assert audit.totals.events == corpus.events - 10


async def test_cancelling_the_task_ends_it_promptly(tmp_path: Path) -> None:
    path = tmp_path / "store.aether"
    await fill(path, 20_000)
    audit = Audit(_target(path))
    begun = asyncio.Event()

    async def work() -> None:
        async for step in audit.steps():
            if step.progress.checked:
                begun.set()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await run(audit) == []
    assert audit.totals.events == 20_000


@pytest.mark.parametrize("kind", ["a file of ours", "events in a file"])
async def test_nobody_waits_for_the_hash_of_a_large_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def hash_for_ever(_blocks: Iterable[bytes], stop: Callable[[], bool]) -> str:
        begun.set()
        until_sync(stop, what="the hashing is stopped")
        stopped.set()
        return ""

    path = tmp_path / "store.aether"
    await fill(path, 10)
    target: Target = _target(path)
    if kind == "events in a file":
        lines = tmp_path / "events.ndjson"
        lines.write_bytes(encode_event(make_event(1)) + b"\n")
        target = SourceTarget(open_source(lines), str(lines))
    with monkeypatch.context() as patch:
        patch.setattr(evidence, "sha256_of", hash_for_ever)
        patch.setattr(source_target, "sha256_of", hash_for_ever)
        audit = Audit(target)

        async def work() -> None:
            async for _ in audit.steps():
                pass

        task = asyncio.create_task(work())
        await until(begun.is_set, what="the hashing begins")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stopped.is_set()
    assert await run(audit) == []
    assert [one.is_unchanged for one in target.evidence.files] == [True]
