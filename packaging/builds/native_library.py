"""Compiling the sources in C of `aether_engine/native`, where there is a compiler; without one nothing fails.

    python -m builds.native_library [--check]

It brings the library of this checkout up to date and says so in one sentence. With --check it compiles with every
warning, as an error, and leaves no file: for those who change the sources. The same sources and compiler give the
same bytes, wherever they are.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

from builds.product import ROOT

SOURCES: Final = ROOT / "aether_engine/native"
#: The oldest macOS that what is compiled runs on: the first of Apple's own processors.
MACOS: Final = "11.0"

_COMPILERS: Final = ("cc", "gcc", "clang")
_FLAGS: Final = (
    *("-std=c11", "-O2", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-fPIC", "-fvisibility=hidden"),
    # What it reads is hostile. Some compilers have a level of their own, and warn where it is set again.
    *("-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"),
)
# Neither has a name of its own inside, or of what it was made of: it is the same in every folder.
_FLAGS_OF_MACOS: Final = ("-bundle", f"-mmacosx-version-min={MACOS}", "-Wl,-S,-x")
_FLAGS_ELSEWHERE: Final = ("-shared", "-Wl,-z,relro,-z,now", "-Wl,--build-id=none", "-s")
_WARNINGS: Final = ("-Wall", "-Wextra", "-Wconversion", "-Werror")


class NotCompiledError(Exception):
    """There is no library, and why; `output` is all that the compiler said."""

    def __init__(self, reason: str, output: str = "") -> None:
        self.reason = reason
        self.output = output
        super().__init__(
            f"Nothing in C was compiled, as {reason}; all works without it, audits of large files take longer."
        )


def compile_library(sources: Path, target: Path, *, warnings: bool = False) -> str:
    """Compile what is in `sources` to the file `target`, which is there whole or as it was; the compiler's name.

    With `warnings` each is an error. Raises `NotCompiledError`.
    """
    compiler = find_compiler()
    names = sorted(path.name for path in sources.glob("*.c"))
    command = [*compiler, *_FLAGS, *_flags_of_system(), *(_WARNINGS if warnings else ())]
    try:
        # Beside the target, where it can be renamed to it; under the name that it will have.
        with tempfile.TemporaryDirectory(prefix="_library.", dir=target.parent) as scratch:
            made = Path(scratch).resolve() / target.name
            ran = subprocess.run(
                [*command, f'-DSOURCES_DIGEST="{digest_of(sources)}"', "-o", made, *names],
                # From here the names of the sources have no folder.
                cwd=sources,
                env={**os.environ, "LC_ALL": "C"},
                capture_output=True,
                text=True,
                errors="replace",
            )
            if ran.returncode:
                raise NotCompiledError(f"{compiler[0]} failed: {_first_error(ran.stderr)}", ran.stderr)
            made.chmod(0o755)
            made.replace(target)
    except OSError as error:
        raise NotCompiledError(f"that failed: {error}") from error
    return compiler[0]


def bring_up_to_date(sources: Path) -> str:
    """Compile what is in `sources` beside them, unless that was done; what came of it, or nothing."""
    target = sources / loader().NAME
    digest = digest_of(sources)
    if not digest or _is_made_from(target, digest):
        return ""
    try:
        compiler = compile_library(sources, target)
    except NotCompiledError as error:
        return str(error)
    return f"Compiled aether_engine/native with {compiler}."


def find_compiler() -> list[str]:
    """The command of a compiler of C: what CC says, or else the first on the PATH. Raises `NotCompiledError`."""
    if sys.platform == "win32":
        raise NotCompiledError("the sources are for Unix")
    asked = os.environ.get("CC", "").strip()
    try:
        commands = [shlex.split(asked)] if asked else [[name] for name in _COMPILERS]
    except ValueError:
        commands = []
    for command in commands:
        if shutil.which(command[0]):
            return command
    if asked:
        raise NotCompiledError(f"CC is {asked!r}, which is no program here")
    raise NotCompiledError(f"no compiler of C is on the PATH (looked for {', '.join(_COMPILERS)})")


def digest_of(sources: Path) -> str:
    """What the library that is compiled from them says that it was made from; empty where there are none."""
    return str(loader().digest_of_sources(sources))


@cache
def loader() -> ModuleType:
    """The module of the engine that finds the library; by its file, as nothing of the engine need be installed."""
    spec = importlib.util.spec_from_file_location("native_loader", SOURCES / "library.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _flags_of_system() -> tuple[str, ...]:
    if sys.platform == "darwin":
        return ("-arch", platform.machine(), *_FLAGS_OF_MACOS)
    return _FLAGS_ELSEWHERE


def _is_made_from(library: Path, digest: str) -> bool:
    try:
        return digest.encode() in library.read_bytes()
    except OSError:
        return False


def _first_error(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line), lines[0] if lines else "it said nothing")


def main() -> None:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compile with warnings as errors, and leave no file")
    if not parser.parse_args().check:
        if said := bring_up_to_date(SOURCES):
            print(said, file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            compile_library(SOURCES, Path(folder, "checked"), warnings=True)
        except NotCompiledError as error:
            sys.exit(error.output or str(error))


if __name__ == "__main__":
    main()
