"""The sources in C built with sanitizers and fed what no program wrote: nothing is read or written astray."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

import aether_engine.native
from tests.engine.audit.corpus import build
from tests.engine.native.damage import in_pages_of

SOURCES: Final = Path(aether_engine.native.__file__).parent
_DRIVER: Final = Path(__file__).with_name("fuzz.c")
_SANITIZERS: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
_TREES: Final = ("events", "actors", "event_ids", "events_by_actor")
_SOAK: Final = bool(os.environ.get("AETHER_SOAK"))
#: For each size of pages, with eight events each.
_ROUNDS: Final = 20_000 if _SOAK else 300
_SIZES: Final = (512, 1024, 4096, 65536) if _SOAK else (1024,)
_SECONDS: Final = 1800


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(compiler[0]) is None:
        pytest.skip("there is no compiler of C here")
    folder = tmp_path_factory.mktemp("sanitized")
    command = [*compiler, "-std=c11", "-D_GNU_SOURCE", '-DSOURCES_DIGEST=""', *_SANITIZERS]
    trial = folder / "trial.c"
    trial.write_text("int main(void) { return 0; }\n")
    attempts: tuple[list[str | Path], ...] = ([*command, "-o", folder / "trial", trial], [folder / "trial"])
    for ran in attempts:
        if subprocess.run(ran, capture_output=True).returncode:
            pytest.skip("this compiler has no sanitizers")
    sources = [_DRIVER, *sorted(SOURCES.glob("*.c"))]
    # Each by itself, as many at a time as there are processors.
    objects = [folder / f"{source.stem}.o" for source in sources]
    running = [
        subprocess.Popen([*command, f"-I{SOURCES}", "-c", "-o", target, source], stderr=subprocess.PIPE, text=True)
        for source, target in zip(sources, objects, strict=True)
    ]
    said = [one.communicate()[1] for one in running]
    assert [one.returncode for one in running] == [0] * len(running), said
    subprocess.run([*command, "-o", folder / "fuzz", *objects], check=True)
    return folder / "fuzz"


@pytest.mark.parametrize("size", _SIZES)
def test_mutations(program: Path, tmp_path: Path, size: int) -> None:
    corpus = build(tmp_path / "corpus.aether", 1, clean=4 if size < 65536 else 40)
    path = in_pages_of(size, corpus.path, tmp_path / "file.aether")
    with closing(sqlite3.connect(path)) as connection:
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_master"))
        events = [raw for (raw,) in connection.execute("SELECT raw FROM events WHERE length(raw) < 4096")]
    documents = tmp_path / "events"
    documents.write_bytes(b"\n".join(raw.replace(b"\n", b" ") for raw in events))
    trees = [str(roots[name]) for name in _TREES]
    command: list[str | Path] = [
        program,
        path,
        str(size),
        *trees,
        documents,
        os.environ.get("AETHER_SEED", "7"),
        str(_ROUNDS),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    assert ran.returncode == 0, ran.stderr[-6000:]
    # It was not refused for the first byte.
    found = [int(word) for word in ran.stdout.split() if word.isdigit()]
    assert len(found) == 4
    assert all(count > _ROUNDS // 10 for count in found), ran.stdout
    if _SOAK:
        print(f"{size}: {_ROUNDS:,} files and {8 * _ROUNDS:,} events; {ran.stdout}")
