"""A container of a document that somebody looks into: the members found so far and how many of them are rows."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Final

from aether_desktop.models.inspector.json_scan import Members, Steps
from aether_desktop.models.inspector.tree_roles import SHOWN_AT_ONCE, Note
from aether_engine.lossless import ScanError, Span

#: Seconds of reading before the event loop gets its turn.
_SLICE: Final = 0.006
#: Members of a larger container that are rows at a time, once others than the first are looked at.
PAGE: Final = 500
#: Members up to which all of a container can be rows: a tree view lays out every row anew with every change.
LOADED_AT_MOST: Final = 5000
#: Bytes of a container that is read in one go, whatever else the machine is doing: a few milliseconds of work.
_AT_ONCE: Final = 1 << 16


def slice_end(size: int = _AT_ONCE + 1) -> float:
    """When (by `perf_counter`) a slice of reading that begins now is over; never for a container of few bytes."""
    return math.inf if size <= _AT_ONCE else time.perf_counter() + _SLICE


@dataclass(slots=True, eq=False)
class OpenContainer:
    """A container that was opened, and which of its members are rows: `shown` of them from `first` on.

    Before them stands a note where `first` is not the first of all, behind them one where `note` is set. `parent`
    and `member` say which member it is, by the number of the container it is in.
    """

    parent: int
    member: int
    span: Span
    members: Members
    steps: Steps | None
    position: int = 0
    limit: int = SHOWN_AT_ONCE
    first: int = 0
    shown: int = 0
    note: Note | None = None
    problem: str = ""
    depth: int = 0

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return (self.first > 0) + self.shown + (self.note is not None)

    def member_at(self, row: int) -> int:
        """The member in a row, -1 for a note."""
        place = row - (self.first > 0)
        return self.first + place if 0 <= place < self.shown else -1

    def row_of(self, member: int) -> int:
        """The row of a member, -1 while it is not shown."""
        place = member - self.first
        return place + (self.first > 0) if 0 <= place < self.shown else -1

    def note_at(self, row: int) -> Note | None:
        """The note in a row that is no member."""
        return Note.EARLIER if self.first > 0 and row == 0 else self.note

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
        found = len(self.members)
        shown = min(found - self.first, self.limit)
        if self.steps is not None:
            return shown, Note.READING
        if self.first + shown < found:
            return shown, Note.LOAD_ALL if found <= LOADED_AT_MOST else Note.LATER
        return shown, Note.PROBLEM if self.problem else None

    def words(self, note: Note | None) -> tuple[str, str]:
        """What a note says, and what it offers."""
        total = len(self.members)
        match note:
            case Note.LOAD_ALL:
                return f"{self.shown:,} of {total:,} shown", f"Load all {total:,}"
            case Note.EARLIER:
                return f"{self.first:,} before", f"Show the {min(self.first, PAGE):,} before"
            case Note.LATER:
                after = min(total - self.first - self.shown, PAGE)
                return f"{self.shown:,} of {total:,} shown", f"Show the next {after:,}"
            case Note.READING:
                read = self.position - self.span.start
                return "Reading…", f"{read:,} of {self.span.end - self.span.start:,} bytes"
            case _:
                return "Not JSON", self.problem
