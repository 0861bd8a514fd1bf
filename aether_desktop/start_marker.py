"""Whether the program came to its end the last time: a small file that is there while it runs."""

from __future__ import annotations

import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path


class LastRun(StrEnum):
    """How the run before ended."""

    ENDED = "ended"
    """As it should, or there was none."""
    DIED_STARTING = "starting"
    """Before its window had everything in it: the same start may well fail again."""
    DIED = "running"


class StartMarker:
    """The file of the one window that runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.last_run = LastRun.ENDED

    def start(self) -> LastRun:
        """Say that a start is under way; returns how the run before ended."""
        try:
            found = self._path.read_text("ascii", "replace").partition(" ")[0]
            self.last_run = LastRun.DIED_STARTING if found == LastRun.DIED_STARTING else LastRun.DIED
        except OSError:
            self.last_run = LastRun.ENDED
        self._write(LastRun.DIED_STARTING)
        return self.last_run

    def started(self) -> None:
        """Say that everything is in the window."""
        self._write(LastRun.DIED)

    def ended(self) -> None:
        """Say that all went well."""
        with suppress(OSError):  # at worst the next start is a safe one
            self._path.unlink()

    def _write(self, stage: LastRun) -> None:
        with suppress(OSError):  # a home that cannot be written keeps nobody from starting
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(f"{stage.value} {os.getpid()}\n", "ascii")
