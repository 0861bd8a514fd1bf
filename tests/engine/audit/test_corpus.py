"""Recall and precision: everything that was planted is found where it was planted, and nothing else is."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from aether_engine.audit import Audit, AuditScope, AuditSettings, FileTarget, Finding
from aether_engine.audit.file import log as file_log
from aether_engine.audit.file import target as file_target
from tests.engine.audit.corpus import KINDS, Place, build


async def run(audit: Audit) -> list[Finding]:
    """All findings of an audit, which is closed then."""
    found: list[Finding] = []
    try:
        async for step in audit.steps():
            found += step.findings
    finally:
        await audit.close()
    return found


def places(findings: list[Finding]) -> Counter[Place]:
    """Where findings are, one for each sequence they speak of."""
    return Counter(
        (one.check, one.namespace, sequence)
        for one in findings
        for sequence in range(one.sequence or 0, (one.last_sequence or one.sequence or 0) + 1)
    )


@pytest.mark.parametrize("workers_from", [10**9, 0], ids=["in this process", "in processes"])
async def test_planted_damage_is_found_where_it_is_and_nowhere_else(tmp_path: Path, workers_from: int) -> None:
    per_kind = (60 if workers_from else 25) * (5 if os.environ.get("AETHER_SOAK") else 1)
    corpus = build(tmp_path / "corpus.aether", per_kind)
    assert len(KINDS) >= 20
    before = corpus.path.read_bytes()
    target = FileTarget(corpus.path, "sqlite:///corpus.aether", workers_from=workers_from)
    found = places(await run(Audit(target, settings=AuditSettings())))
    assert found - Counter(corpus.planted) == Counter()
    assert Counter(corpus.planted) - found == Counter()
    assert corpus.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.aether"]


@pytest.mark.parametrize("actors", ["", "recorded-*"])
async def test_however_a_log_is_cut_into_parts_the_same_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, actors: str
) -> None:
    corpus = build(tmp_path / "corpus.aether", 3)
    monkeypatch.setattr(file_target, "_OWN_SECONDS", 0)

    async def found(rows: int) -> Counter[Finding]:
        monkeypatch.setattr(file_log, "ROWS", rows)
        return Counter(await run(Audit(FileTarget(corpus.path, "sqlite:///corpus"), AuditScope(actors=actors))))

    whole = await found(1 << 20)
    assert {"recorded-backwards", "checksum"} <= {one.check for one in whole}
    if not actors:
        assert places(list(whole)) == Counter(corpus.planted)
    for rows in (1, 2, 3, 17, 100):
        assert await found(rows) == whole
