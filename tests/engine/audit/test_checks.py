"""The table of checks, and that the documentation says what it says."""

from __future__ import annotations

import re
from pathlib import Path

from aether_engine.audit import CHECKS
from tests.engine.audit.corpus import KINDS

_DOCS = Path(__file__).resolve().parents[3] / "docs" / "audit.md"


def test_every_check_is_documented_with_severity_meaning_and_remedy() -> None:
    text = _DOCS.read_text(encoding="utf-8")
    sections = dict(re.findall(r"### `([a-z-]+)`(.*?)(?=\n##|\Z)", text, re.DOTALL))
    assert list(sections) == list(CHECKS)
    for check in CHECKS.values():
        section = " ".join(sections[check.id].split())
        assert check.title in section
        assert f" {check.severity.value}, made on" in section
        assert f"- {check.meaning}" in section
        assert f"- {check.remedy}" in section


def test_ids_and_sentences() -> None:
    for check in CHECKS.values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", check.id)
        assert check.meaning.endswith(".")
        assert check.remedy.endswith(".")
        assert check.sources


def test_the_corpus_plants_only_checks_that_there_are() -> None:
    assert {kind.check for kind in KINDS.values()} <= CHECKS.keys()
