"""What of the engine is in C is compiled where that can be done, and nothing fails where it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aether_engine.native.library import NAME
from builds import native_library
from builds.native_library import NotCompiledError, bring_up_to_date, compile_library, digest_of

ROOT = Path(__file__).resolve().parents[1]


def _is_there_a_compiler() -> bool:
    try:
        native_library.find_compiler()
    except NotCompiledError:
        return False
    return True


needs_compiler = pytest.mark.skipif(not _is_there_a_compiler(), reason="there is no compiler of C here")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the sources, without a library."""
    copied = tmp_path / "some where" / "native"
    shutil.copytree(
        native_library.SOURCES, copied, ignore=shutil.ignore_patterns("__pycache__", "_library.*", "*.py")
    )
    return copied


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@needs_compiler
def test_the_sources_compile_without_a_warning(tmp_path: Path) -> None:
    compile_library(native_library.SOURCES, tmp_path / NAME, warnings=True)
    assert _names(tmp_path) == [NAME]


@needs_compiler
def test_a_library_is_made_once_and_again_after_a_change(sources: Path) -> None:
    before = _names(sources)
    library = sources / NAME
    assert bring_up_to_date(sources).startswith("Compiled aether_engine/native with ")
    assert _names(sources) == sorted([*before, NAME])
    first = library.stat()
    assert digest_of(sources).encode() in library.read_bytes()

    assert bring_up_to_date(sources) == ""
    assert library.stat().st_ino == first.st_ino

    with (sources / "rows.c").open("a") as source:
        source.write("/* changed */\n")
    assert bring_up_to_date(sources).startswith("Compiled ")
    assert digest_of(sources).encode() in library.read_bytes()


@needs_compiler
def test_the_same_sources_give_the_same_bytes_in_every_folder(sources: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    compile_library(sources, elsewhere / NAME)
    bring_up_to_date(sources)
    made = (sources / NAME).read_bytes()
    assert made == (elsewhere / NAME).read_bytes()
    assert str(tmp_path).encode() not in made


@needs_compiler
def test_a_mistake_in_the_sources_is_told_and_leaves_what_was_there(sources: Path) -> None:
    (sources / NAME).write_bytes(b"as it was")
    before = _names(sources)
    with (sources / "rows.c").open("a") as source:
        source.write("int here is a mistake\n")
    said = bring_up_to_date(sources)
    assert said.startswith("Nothing in C was compiled, as ")
    assert "failed: rows.c:" in said
    assert "error" in said
    assert said.count("\n") == 0
    assert _names(sources) == before
    assert (sources / NAME).read_bytes() == b"as it was"


def test_without_a_compiler_that_is_said(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _names(sources)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(sources))
    assert bring_up_to_date(sources) == (
        "Nothing in C was compiled, as no compiler of C is on the PATH (looked for cc, gcc, clang); "
        "all works without it, audits of large files take longer."
    )
    for named in ("no-such-compiler -m64", "'"):
        monkeypatch.setenv("CC", named)
        assert f"as CC is {named!r}, which is no program here;" in bring_up_to_date(sources)
    assert _names(sources) == before


def test_a_compiler_that_does_not_start_is_no_trouble(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken-cc"
    broken.write_bytes(b"\x7fELF, or so it says")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    assert bring_up_to_date(sources).startswith("Nothing in C was compiled, as that failed: ")


def test_nothing_is_compiled_for_windows(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "as the sources are for Unix;" in bring_up_to_date(sources)


def test_where_there_are_no_sources_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert bring_up_to_date(tmp_path) == ""
    assert _names(tmp_path) == []


@needs_compiler
@pytest.mark.parametrize("option", [(), ("--check",)])
def test_the_command_works(option: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "builds.native_library", *option],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "packaging")},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "" or ran.stderr.startswith("Compiled ")


def test_without_a_compiler_the_wheel_is_one_for_everywhere(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        cwd=tmp_path,
        env={**os.environ, "PIP_NO_INDEX": "1", "CC": "no-such-compiler"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "as CC is 'no-such-compiler', which is no program here;" in ran.stdout + ran.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "aether_engine/native/library.py" in names
    assert not [name for name in names if name.startswith("aether_engine/native/_library")]
