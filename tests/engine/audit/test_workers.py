"""The processes of an audit: they are replaced when they die, and a packaged program is one itself."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from aether_engine.audit import (
    Audit,
    AuditSettings,
    FileTarget,
    Finding,
)
from tests.engine.audit.corpus import build
from tests.engine.audit.test_corpus import places, run


async def test_workers_that_are_killed_are_replaced(tmp_path: Path) -> None:
    corpus = build(tmp_path / "corpus.aether", 20)
    target = FileTarget(corpus.path, "sqlite:///corpus", workers_from=0)
    audit = Audit(target)
    found: list[Finding] = []
    killed = False
    async for step in audit.steps():
        found += step.findings
        if step.progress.checked and not killed:
            killed = True
            os.kill(target.process_ids[0], signal.SIGKILL)
    await audit.close()
    assert places(found) == Counter(corpus.planted)


@pytest.mark.skipif(sys.platform == "win32", reason="a script stands for the packaged program")
async def test_a_packaged_program_is_its_own_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = build(tmp_path / "store.aether", 2)
    expected = await run(Audit(FileTarget(corpus.path, "sqlite:///x"), settings=AuditSettings(snapshots=True)))
    program = tmp_path / "packaged"
    # A packaged program does not hear of variables such as the seed of hashes: no two of its processes hash alike.
    program.write_text(
        f"""#!{sys.executable} -S
import os, sys
if os.environ.pop("PYTHONHASHSEED", None):
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
sys.path[:] = {sys.path!r}
sys.frozen = True
from aether_desktop.frozen import serve_as_child_if_asked
serve_as_child_if_asked()
sys.exit("it is no worker")
"""
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2}, raising=False)
    target = FileTarget(corpus.path, "sqlite:///x", workers_from=0)
    audit = Audit(target, settings=AuditSettings(snapshots=True))
    found: list[Finding] = []
    workers: set[int] = set()
    async for step in audit.steps():
        found += step.findings
        workers |= set(target.process_ids)
    running = target.process_ids
    await audit.close()
    assert places(found) == places(expected)
    assert len(running) > 1
    assert set(running) <= workers
