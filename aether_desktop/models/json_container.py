"""A container of a document that somebody looks into: the members found so far and how many of them are rows."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

from aether_desktop.models.json_scan import Members, Steps
from aether_desktop.models.tree_roles import SHOWN_AT_ONCE, Note
from aether_engine.lossless import ScanError, Span

#: Seconds of reading before the event loop gets its turn.
_SLICE: Final = 0.006
#: Bytes of a container that is read in one go, whatever else the machine is doing: a few milliseconds of work.
_AT_ONCE: Final = 1 << 16


def slice_end(size: int = _AT_ONCE + 1) -> float:
    """When (by `perf_counter`) a slice of reading that begins now is over; never for a container of few bytes."""
    return math.inf if size <= _AT_ONCE else time.perf_counter() + _SLICE


@dataclass(slots=True, eq=False)
class OpenContainer:
    """A container that was opened. Its rows are its first `shown` members and, if `note` is set, one note.

    `parent` and `row` say which row it is, by the number of the container it is in.
    """

    parent: int
    row: int
    span: Span
    members: Members
    steps: Steps | None
    position: int = 0
    limit: int = SHOWN_AT_ONCE
    shown: int = 0
    note: Note | None = None
    problem: str = ""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.shown + (self.note is not None)

    def read(self, deadline: float) -> None:
        """Read on until the container is done or broken, or the time is over."""
        if self.steps is None:
            return
        try:
            for position in self.steps:
                self.position = position
                if time.perf_counter() > deadline:
                    return
        except ScanError as error:
            self.problem = f"Not JSON at byte {error.offset:,}: {error.expected} expected"
        self.steps = None

    def wanted(self) -> tuple[int, Note | None]:
        """How many members and which note there should be now."""
        shown = min(len(self.members), self.limit)
        if self.steps is not None:
            return shown, Note.READING
        if shown < len(self.members):
            return shown, Note.LOAD_ALL
        return shown, Note.PROBLEM if self.problem else None
