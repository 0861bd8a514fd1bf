"""The window beside DB Browser for SQLite on the same file, both on a private screen and driven by real keys.

Both are started as their users start them, and watched from outside: from the start of the process to rows on
the screen, from the last key to the end of all work. DB Browser shows the table `events` and knows nothing of what
is in it: where it cannot do a thing, that is said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from tests.benchmarks.generate import cached_file
from tests.benchmarks.screen_watch import Area, Family, Framebuffer, wait
from tests.benchmarks.table import Row
from tests.e2e.real_window import PROGRAMS, ROOT, Screen, private_screen

_BESIDE = "DB Browser for SQLite"
_SIZE = (1920, 970)
#: Lines of text that a table must show to be called filled.
_ROWS = 12
_PATIENCE = 300.0
#: Where our window says how many events are displayed.
_OUR_COUNTS = Area(330, 948, 700, 18)
#: Where DB Browser says which rows it shows, and of how many.
_THEIR_COUNTS = Area(60, 911, 200, 18)
#: For how long a count has to stay the same to be taken for the last one, in seconds.
_STILL = 3.0


@dataclass
class _Program:
    """A running program whose window fills the screen."""

    screen: Screen
    picture: Framebuffer
    process: subprocess.Popen[bytes]
    #: The part of its window in which the table's first columns are, whatever its size.
    table: Area
    #: How the X server calls its window.
    number: str = ""
    #: The time from the start of the process to rows in the table, in seconds.
    shown_after: float = 0.0

    @property
    def family(self) -> Family:
        return Family(self.process.pid)

    def close_question(self) -> None:
        """Answer what it asks in a dialog with Escape, if it does."""

        def is_closed() -> bool:
            active = self.screen.xdotool("getactivewindow").strip()
            if active and active != self.number:
                self.keys("Escape")
                sleep(0.3)
            return active == self.number

        wait(is_closed, _PATIENCE, "the end of a dialog")

    def to_the_corner(self, *and_then: object) -> None:
        """Move the window to where its places are counted from."""
        self.screen.xdotool("windowmove", self.number, 0, 0, *and_then)

    def fill_the_screen(self) -> None:
        """Give the window the size that all places in it are meant for."""
        width, height = _SIZE

        def fills() -> bool:
            geometry = self.screen.xdotool("getwindowgeometry", self.number)
            if f"{width}x{height}" in geometry:
                return True
            self.to_the_corner("windowsize", self.number, width, height)
            sleep(0.3)
            return False

        wait(fills, _PATIENCE, "a window of the wanted size")

    def click(self, x: int, y: int) -> None:
        self.screen.xdotool("mousemove", x, y, "click", 1)
        sleep(0.3)

    def keys(self, *keys: str) -> None:
        self.screen.xdotool("key", "--clearmodifiers", *keys)

    def type(self, text: str) -> None:
        self.screen.xdotool("type", "--clearmodifiers", "--delay", 2, text)

    def seconds_of_work(self) -> float:
        """How long it works from now on."""
        began = perf_counter()
        return max(self.family.wait_until_idle(_PATIENCE) - began, 0.0)

    def seconds_of_work_and_change(self, area: Area) -> float:
        """How long it takes from now on until a part of the window changes for the last time before it rests."""
        began = last = perf_counter()
        before = self.picture.lines(area)

        def look() -> None:
            nonlocal before, last
            now = self.picture.lines(area)
            if now != before:
                before, last = now, perf_counter()

        self.family.watch_until_idle(_PATIENCE, look)
        return last - began

    def seconds_of_change(self, area: Area) -> float:
        """How long it takes from now on until a part of the window has changed for the last time."""
        began = last = perf_counter()
        before = self.picture.lines(area)
        changed = False
        while not changed or perf_counter() - last < _STILL:
            if perf_counter() - began > _PATIENCE:
                raise TimeoutError(f"nothing has come to rest at {area}")
            sleep(0.02)
            now = self.picture.lines(area)
            if now != before:
                before, last, changed = now, perf_counter(), True
        return last - began


def run(quick: bool) -> list[Row]:
    """Measure both; nothing where DB Browser, or a screen to drive it on, is missing."""
    missing = [program for program in (*PROGRAMS, "sqlitebrowser") if shutil.which(program) is None]
    if missing:
        packages = " ".join(PROGRAMS.get(program, program) for program in missing)
        print(f"  skipped: {', '.join(missing)} missing (on Debian: apt-get install {packages})", file=sys.stderr)
        return []
    count, actors = (1_000_000, 100_000) if quick else (10_000_000, 1_000_000)
    path = cached_file(count, actors)
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for _ in range(1 if quick else 3):
        ours.append(_measure_ours(path, count))
        theirs.append(_measure_theirs(path, count))
    works = (
        ("shown", f"start and show rows of {count:,}", "s"),
        ("memory", "memory then", "MB"),
        ("jump", "go to the row in the middle", "s"),
        ("type", "filter by event type, all found", "s"),
        ("text", "filter by text, all searched (DB Browser finds none: LIKE on a BLOB)", "s"),
        ("memory after", "memory after all that", "MB"),
    )
    rows = []
    for key, work, unit in works:
        mine, other = median(each[key] for each in ours), median(each[key] for each in theirs)
        rows.append(Row(work, mine, unit, _BESIDE, other, mine / other, ""))
    return rows


def _measure_ours(path: Path, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "aether_desktop", str(path), "--read-only"]
    with _running(command, "Aether Desktop", Area(320, 160, 90, 500), fills_screen=True) as ours:
        measured = {"shown": ours.shown_after}
        # The timeline counts the log meanwhile; that is not what is measured.
        ours.family.wait_until_idle(_PATIENCE)
        measured["memory"] = ours.family.resident()
        ours.keys("ctrl+g")
        sleep(0.5)
        ours.type(f"#{count // 2}")
        sleep(0.5)
        ours.keys("Return")
        measured["jump"] = ours.seconds_of_work()
        for name, text in (("type", "type:OrderPacked"), ("text", "customer-0976")):
            ours.keys("ctrl+f")
            ours.keys("ctrl+a")
            ours.type(text)
            ours.keys("Return")
            # Behind the last hit it checks what was found for damage; DB Browser knows nothing of that.
            measured[name] = ours.seconds_of_change(_OUR_COUNTS)
            ours.family.wait_until_idle(_PATIENCE)
        measured["memory after"] = ours.family.resident()
    return measured


def _measure_theirs(path: Path, count: int) -> dict[str, float]:
    # Under its own suffix it would be taken for a file of a project.
    link = path.with_suffix(".sqlite")
    link.unlink(missing_ok=True)
    os.link(path, link)
    try:
        command = ["sqlitebrowser", "-R", "-t", "events", str(link)]
        with _running(command, "DB Browser for SQLite - ", Area(95, 215, 110, 500)) as theirs:
            measured = {"shown": theirs.shown_after}
            theirs.family.wait_until_idle(_PATIENCE)
            measured["memory"] = theirs.family.resident()
            # Of whatever disturbs it while it counts the rows it asks whether to give the counting up.
            theirs.close_question()
            theirs.fill_the_screen()
            theirs.family.wait_until_idle(_PATIENCE)
            theirs.click(1100, 920)
            theirs.keys("ctrl+a")
            theirs.type(str(count // 2))
            theirs.keys("Return")
            measured["jump"] = theirs.seconds_of_work()
            # The fields above the columns event_type and raw.
            for name, x, text in (("type", 368, "=3"), ("text", 870, "customer-0976")):
                theirs.click(x, 176)
                theirs.keys("ctrl+a")
                theirs.type(text)
                # It says nothing for seconds while it looks.
                measured[name] = theirs.seconds_of_work_and_change(_THEIR_COUNTS)
                theirs.click(x, 176)
                theirs.keys("ctrl+a", "BackSpace")
                theirs.family.wait_until_idle(_PATIENCE)
            measured["memory after"] = theirs.family.resident()
    finally:
        for suffix in ("", "-wal", "-shm"):
            link.with_name(link.name + suffix).unlink(missing_ok=True)
    return measured


@contextmanager
def _running(command: Sequence[str], title: str, table: Area, *, fills_screen: bool = False) -> Iterator[_Program]:
    """A program that is being started; with `fills_screen` its rows are waited for in a window of that size."""
    with tempfile.TemporaryDirectory(prefix="aether-benchmark-") as home:
        picture = Framebuffer(Path(home))
        with private_screen("1920x1000", framebuffer=Path(home)) as screen:
            environment = screen.environment | {
                "HOME": home,
                "XDG_CONFIG_HOME": home,
                "XDG_RUNTIME_DIR": home,
                "QT_QPA_PLATFORM": "xcb",
                "PYTHONPATH": str(ROOT),
            }
            began = perf_counter()
            process = subprocess.Popen(
                command, env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            program = _Program(screen, picture, process, table)
            try:
                program.shown_after = _wait_for_rows(program, title, fills_screen=fills_screen) - began
                yield program
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_for_rows(program: _Program, title: str, *, fills_screen: bool) -> float:
    def is_there() -> bool:
        program.number = next(iter(program.screen.search("--onlyvisible", "--name", title)), "")
        return program.number != ""

    wait(is_there, _PATIENCE, f"a window {title!r}")
    program.to_the_corner()
    if fills_screen:
        program.fill_the_screen()
    return wait(lambda: program.picture.text_lines(program.table) >= _ROWS, _PATIENCE, "rows in the table")
