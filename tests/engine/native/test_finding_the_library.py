"""A library is used only if it was made from the sources beside it, and may be turned off."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aether_engine.native.library import FOLDER, NAME, OFF, SWITCH, library, why_none

_ASK = (
    "from aether_engine.native.library import library, why_none; print(library() is not None, why_none(), sep='|')"
)

needs_library = pytest.mark.skipif(library() is None, reason="nothing was compiled here")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The folder of the sources and the library, in an engine of its own."""
    engine = tmp_path / "aether_engine"
    engine.mkdir()
    for name in ("__init__.py", "late_names.py"):
        shutil.copy(FOLDER.parent / name, engine)
    shutil.copytree(FOLDER, engine / "native", ignore=shutil.ignore_patterns("__pycache__", "_library.*"))
    if (FOLDER / NAME).exists():
        shutil.copy(FOLDER / NAME, engine / "native")
    return engine / "native"


def _asked(folder: Path, **environment: str) -> tuple[bool, str]:
    """Whether a new process finds a library there, and why not."""
    kept = {name: value for name, value in os.environ.items() if name != SWITCH}
    said = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=folder.parents[1],
        env={**kept, "PYTHONPATH": str(folder.parents[1]), **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    found, _, why = said.partition("|")
    return found == "True", why


@needs_library
def test_the_library_is_found_unless_it_is_turned_off(copied: Path) -> None:
    assert _asked(copied) == (True, "")
    assert _asked(copied, **{SWITCH: OFF}) == (False, "AETHER_NATIVE is off")


@needs_library
def test_a_library_of_other_sources_is_left_alone(copied: Path) -> None:
    with (copied / "rows.c").open("a") as source:
        source.write("/* changed */\n")
    assert _asked(copied) == (False, "it was compiled from other sources")


@needs_library
def test_a_program_that_carries_no_sources_uses_its_library(copied: Path) -> None:
    for source in [*copied.glob("*.c"), *copied.glob("*.h")]:
        source.unlink()
    assert _asked(copied) == (True, "")


def test_what_is_no_library_is_left_alone(copied: Path) -> None:
    (copied / NAME).write_bytes(b"not one")
    assert _asked(copied) == (False, "it cannot be loaded")
    (copied / NAME).unlink()
    assert _asked(copied) == (False, "none was compiled")


def test_a_reason_is_given_exactly_where_there_is_none() -> None:
    assert (library() is None) == bool(why_none())
