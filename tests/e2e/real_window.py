"""The real program on a private X server, driven by real keys, and the command line beside it.

Everything is started with a number or name of its own and ended by its process id, so that runs do not meet.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import until_sync

ROOT = Path(__file__).resolve().parents[2]
#: What the tests call, and the Debian package it is in.
PROGRAMS = {"Xvfb": "xvfb", "openbox": "openbox", "xdotool": "xdotool"}
_CLIPBOARD = """
import sys
from PySide6.QtGui import QGuiApplication
application = QGuiApplication([])
sys.stdout.buffer.write(application.clipboard().text().encode())
"""
#: Longest wait for a window, a title or a stored event, in seconds.
PATIENCE = 20.0
#: Longest time the program may take to end, in seconds.
PROMPT = 5.0


class MissingProgramsError(Exception):
    """The machine cannot show a real window."""

    def __init__(self, packages: Sequence[str]) -> None:
        super().__init__(
            f"Driving a real window needs more programs. On Debian: apt-get install {' '.join(packages)} "
            "(packaging/system-libraries.sh test does it)."
        )


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it wrote."""

    code: int
    out: bytes
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def aether(*arguments: object) -> Ran:
    """Run the command line in a process of its own, as a script would."""
    command = [sys.executable, "-m", "aether_desktop.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    return Ran(done.returncode, done.stdout, done.stderr.decode())


@dataclass
class Screen:
    """A private X server with a window manager."""

    display: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DISPLAY": self.display, "WAYLAND_DISPLAY": "", "PYTHONPATH": str(ROOT)}

    def xdotool(self, *arguments: object) -> str:
        """Run xdotool; returns what it says, nothing when it fails (a window is gone, a search has no hit)."""
        done = self._xdotool(arguments)
        return done.stdout.decode() if done.returncode == 0 else ""

    def search(self, *arguments: object) -> list[str]:
        """The numbers of the windows that `xdotool search` finds.

        It goes through a tree that others change, and fails if a window goes away meanwhile: that says nothing of
        those that are looked for, so it is asked again.
        """
        while True:
            done = self._xdotool(["search", *arguments])
            if not done.stderr:
                return done.stdout.decode().split()
            assert b"BadWindow" in done.stderr or b"BadDrawable" in done.stderr, done.stderr.decode()

    def _xdotool(self, arguments: Sequence[object]) -> subprocess.CompletedProcess[bytes]:
        command = ["xdotool", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, env=self.environment, timeout=30, check=False)


@contextmanager
def private_screen(size: str = "1600x1000", *, framebuffer: Path | None = None) -> Iterator[Screen]:
    """An X server on a display number that it finds by itself, and openbox on it.

    In the folder `framebuffer` it keeps what it shows, as `Xvfb_screen0`.
    """
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program) is None]
    if missing:
        raise MissingProgramsError(missing)
    read, write = os.pipe()
    with os.fdopen(read) as numbers:
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
        if framebuffer is not None:
            command += ["-fbdir", str(framebuffer)]
        server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        try:
            number = numbers.readline().strip()
            assert number, "Xvfb did not start"
            screen = Screen(f":{number}")
            with _window_manager(screen):
                yield screen
        finally:
            _end(server)


@contextmanager
def _window_manager(screen: Screen) -> Iterator[None]:
    openbox = subprocess.Popen(
        ["openbox"], env=screen.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        _end(openbox)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(PROMPT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass
class RealWindow:
    """The running program: its windows by title, keys to the one that has the focus, and its end."""

    screen: Screen
    process: subprocess.Popen[bytes]
    log: Path

    # -- looking

    def titles(self) -> dict[str, str]:
        """The windows that are on the screen: number to title."""
        found = self.screen.search("--onlyvisible", "--pid", self.process.pid, "--name", ".")
        return {window: self.screen.xdotool("getwindowname", window).strip() for window in found}

    def window(self, title: str) -> str:
        """The number of the window whose title contains `title`, "" if there is none."""
        return next((number for number, shown in self.titles().items() if title in shown), "")

    def wait_for(self, title: str) -> str:
        """Wait for a window and for its having the keyboard; returns its number."""
        number = ""

        def has_keyboard() -> bool:
            # Looked for again each time: a window can be replaced, as one dialog by another of the same title.
            nonlocal number
            self._runs()
            number = self.window(title)
            return number != "" and self._is_focused(number)

        try:
            until_sync(has_keyboard, PATIENCE)
        except AssertionError:
            raise AssertionError(
                f"No window {title!r} with the keyboard within {PATIENCE:g} s: there is {self.titles()}, "
                f"{self.focused() or 'none'} has it, and the program said {self.said()!r}."
            ) from None
        return number

    def _is_focused(self, number: str) -> bool:
        """Whether a window has the keyboard; if not, it is asked for again.

        The window manager may still be busy with the end of a dialog, and give it away once more.
        """
        if self.focused() == number:
            return True
        self.screen.xdotool("windowactivate", number)
        return False

    def appears(self, title: str, timeout: float = 2.0) -> bool:
        """Whether a window comes up within that time, and has the keyboard."""
        try:
            until_sync(lambda: self._runs() and self.window(title), timeout)
        except AssertionError:
            self._runs()
            return False
        self.wait_for(title)
        return True

    def wait_until_gone(self, title: str) -> None:
        until_sync(lambda: not self.window(title), PATIENCE, f"the end of the window {title!r}")

    def focused(self) -> str:
        return self.screen.xdotool("getwindowfocus").strip()

    def height(self, window: str) -> int:
        """The height of a window in pixels."""
        shape = self.screen.xdotool("getwindowgeometry", "--shell", window)
        return next((int(line[7:]) for line in shape.splitlines() if line.startswith("HEIGHT=")), 0)

    def said(self) -> str:
        """What the program wrote to stderr."""
        return self.log.read_text(errors="replace")

    def clipboard(self) -> str:
        """The text that another program gets from the clipboard."""
        command = [sys.executable, "-c", _CLIPBOARD]
        environment = {**self.screen.environment, "QT_QPA_PLATFORM": "xcb"}
        done = subprocess.run(command, capture_output=True, env=environment, timeout=30, check=False)
        return done.stdout.decode()

    # -- doing

    def keys(self, *keys: str) -> None:
        """Press keys, one after another, as from a keyboard."""
        self.screen.xdotool("key", "--clearmodifiers", "--delay", 30, *keys)

    def type(self, text: str) -> None:
        """Type ASCII text."""
        self.screen.xdotool("type", "--clearmodifiers", "--delay", 15, text)

    # -- ending

    def interrupt(self) -> None:
        """Ctrl-C in the terminal it was started from."""
        self.process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Close the window that has the keyboard, by the window manager's shortcut."""
        self.keys("alt+F4")

    def exit_code(self) -> int:
        """How it ended, promptly."""
        return self.process.wait(PROMPT)

    def _runs(self) -> bool:
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said()}"
        return True


@contextmanager
def real_window(screen: Screen, folder: Path, *arguments: object) -> Iterator[RealWindow]:
    """The program on that screen; whatever happens it is not running afterwards."""
    log = folder / "stderr.txt"
    with log.open("wb") as stderr:
        command = [sys.executable, "-m", "aether_desktop", *map(str, arguments)]
        environment = {**screen.environment, "QT_QPA_PLATFORM": "xcb", "QT_ACCESSIBILITY": "0"}
        process = subprocess.Popen(command, env=environment, cwd=folder, stderr=stderr)
    try:
        yield RealWindow(screen, process, log)
    finally:
        if process.poll() is None:
            _end(process)
