"""The frozen application beside a bare window frozen the same way: time to the first paint, size as a .deb.

It measures what `make package` has left in build/package and dist; without that it says so and measures nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.startup import use
from tests.benchmarks.table import Row, interleaved

_ROOT = Path(__file__).resolve().parents[2]
_BUILT = _ROOT / "build/package"


def run(quick: bool) -> list[Row]:
    """Measure; milliseconds are medians of runs that take turns."""
    bare = _BUILT / "bare-window/bare-window"
    timed = _BUILT / "work/aether-desktop/aether/timed-window"
    packages = [*(_ROOT / "dist").glob("aether-desktop_*.deb"), *_BUILT.glob("bare-window_*.deb")]
    if not bare.is_file() or not timed.is_file() or len(packages) != 2:
        print("  nothing is packaged here: run make package first", file=sys.stderr)
        return []
    ours, theirs = (package.stat().st_size / 1_000_000 for package in packages)
    floor = "the bare window's"
    return [
        *_starts(bare, timed, 5 if quick else 15),
        Row("size of the .deb", ours, "MB", floor, theirs, ours / theirs, "≤ 1.3"),
    ]


def _starts(bare: Path, timed: Path, repeats: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as folder:
        # The program that measures stands where the installed one stands, in a folder of the same files.
        program = Path(folder, "bundle", timed.name)
        program.parent.mkdir()
        shutil.copy2(timed, program)
        (program.parent / "_internal").symlink_to(_BUILT / "aether-desktop/_internal")
        new, used = Path(folder, "new"), Path(folder, "used")
        new.mkdir()
        use(used)

        def start(command: Path, home: Path) -> float:
            clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QT_"))}
            environment = clean | {
                "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
                "AETHER_FIRST_PAINT": "1",
                "HOME": str(home),
                "XDG_CONFIG_HOME": str(home),
            }
            begun = time.time()
            done = subprocess.run(
                [str(command)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=True,
            )
            return (float(done.stdout) - begun) * 1000

        for command in (bare, program):
            start(command, new)
        theirs, first, usual = interleaved(
            repeats, lambda: start(bare, new), lambda: start(program, new), lambda: start(program, used)
        )
    floor = "bare window, frozen the same way"
    return [
        Row(
            "start of what is installed to first paint",
            first,
            "ms",
            floor,
            theirs,
            first / theirs,
            "≤ 1.5",
        ),
        Row("the same with settings and recent files", usual, "ms", floor, theirs, usual / theirs, "≤ 1.5"),
    ]
