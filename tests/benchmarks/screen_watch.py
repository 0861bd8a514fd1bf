"""Watching a program from outside, as somebody in front of the screen: what it shows, and whether it works."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter, sleep

_POLL = 0.02
#: A program that uses less than this share of one processor does nothing.
_IDLE_SHARE = 0.15
#: For how long it has to do nothing before it is taken to be done, in seconds.
_REST = 1.0
#: Pixels of a line of the screen that are not ground, at least, where there is text.
_INK = 4


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the screen, in pixels."""

    left: int
    top: int
    width: int
    height: int


class Framebuffer:
    """What Xvfb shows, in the format of xwd: a header of numbers, a table of colours, lines of pixels."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "Xvfb_screen0"

    def lines(self, area: Area) -> list[bytes]:
        """The lines of an area, four bytes a pixel."""
        with self._path.open("rb") as file:
            header = struct.unpack(">25I", file.read(100))
            header_size, bytes_per_line, colors = header[0], header[12], header[19]
            lines = []
            for y in range(area.top, area.top + area.height):
                file.seek(header_size + 12 * colors + y * bytes_per_line + 4 * area.left)
                lines.append(file.read(4 * area.width))
        return lines

    def text_lines(self, area: Area) -> int:
        """How many lines of text stand in an area, by the empty lines between them."""
        lines = self.lines(area)
        ground = max((line[:4] for line in lines), key=[line[:4] for line in lines].count)
        has_text = [area.width - line.count(ground) >= _INK for line in lines]
        return sum(1 for before, now in pairwise(has_text) if now and not before)


def wait(condition: Callable[[], bool], timeout: float, what: str) -> float:
    """Wait until something is so; returns when that was. Raises `TimeoutError`."""
    end = perf_counter() + timeout
    while not condition():
        if perf_counter() > end:
            raise TimeoutError(f"not within {timeout:.0f} s: {what}")
        sleep(_POLL)
    return perf_counter()


class Family:
    """A program and the processes it has started."""

    def __init__(self, process_id: int) -> None:
        self._root = process_id

    def resident(self) -> float:
        """Megabytes of memory in use."""
        pages = sum(int(_read(pid, "statm").split()[1] or 0) for pid in self._members() if _read(pid, "statm"))
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def wait_until_idle(self, timeout: float) -> float:
        """Wait until it does nothing for a while; returns when it had stopped. Raises `TimeoutError`."""
        return self.watch_until_idle(timeout, lambda: None)

    def watch_until_idle(self, timeout: float, look: Callable[[], None]) -> float:
        """As `wait_until_idle`; has somebody look at it meanwhile, many times a second."""
        end = perf_counter() + timeout
        used, looked, wanted = self._seconds(), perf_counter(), True
        stopped = looked
        while perf_counter() - stopped < _REST:
            if perf_counter() > end:
                raise TimeoutError(f"still working after {timeout:.0f} s")
            for _ in range(5):
                sleep(_POLL)
                look()
            now_used, now, wants = self._seconds(), perf_counter(), self._wants_processor()
            # On a busy machine it may get little of what it wants.
            if now_used - used > _IDLE_SHARE * (now - looked) or (wants and wanted):
                stopped = now
            used, looked, wanted = now_used, now, wants
        return stopped

    def _wants_processor(self) -> bool:
        """Whether any of its threads runs, or would if it could."""
        for pid in self._members():
            with suppress(OSError):
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    state = _read(pid, f"task/{thread.name}/stat").rpartition(")")[2].split()[:1]
                    if state in (["R"], ["D"]):
                        return True
        return False

    def _members(self) -> list[int]:
        members, found = [self._root], True
        parents = {}
        for entry in Path("/proc").iterdir():
            status = _read(int(entry.name), "stat") if entry.name.isdigit() else ""
            if status:
                parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
        while found:
            found = False
            for pid, parent in parents.items():
                if parent in members and pid not in members:
                    members.append(pid)
                    found = True
        return members

    def _seconds(self) -> float:
        ticks = 0
        for pid in self._members():
            status = _read(pid, "stat")
            if status:
                fields = status.rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("ascii", "replace")
    except OSError:
        return ""  # It has ended meanwhile.
